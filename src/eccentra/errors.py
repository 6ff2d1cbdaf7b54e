"""The error tree. Every message names the cause and the next step; every error carries its reason as data.

::

    EccentraError
    +-- InputError        a file or request given by the user cannot be used (exit status 2)
    |   +-- ProfileError      devices/*.toml: file, key path, what was found, what is allowed
    |   +-- ExerciseError     pipelines/*.toml: the same
    |   +-- RecordingError    a session file: foreign, damaged, of another version
    |   +-- PlanError         a programme, prescription or decision's input: file, key path, what was expected
    |   +-- WrongStoreError   what was named is no results database, or one of a newer version
    +-- DecodeError       a packet does not follow its protocol (the sensor's fault)
    +-- StoreError        the results database cannot be used now
    +-- SinkError         a broker or file that takes results is not usable
    +-- LinkError         a sensor cannot be reached or commanded

Mistakes made while something is set up raise. Trouble inside a running stream becomes an event and a
counter instead, see :mod:`eccentra.events`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every start of the program imports this module: keep it light
    from eccentra.ids import StationReason

__all__ = [
    "DecodeError",
    "EccentraError",
    "ExerciseError",
    "InputError",
    "LinkError",
    "PlanError",
    "ProfileError",
    "RecordingError",
    "SinkError",
    "StoreError",
    "WrongStoreError",
]


class EccentraError(Exception):
    """Base of all errors that Eccentra raises on purpose."""


class InputError(EccentraError):
    """Something the user gave cannot be used.

    Parameters
    ----------
    source
        The file, option or request at fault.
    problem
        What was found and what was expected.
    where
        Row or key path inside the source, if any.
    """

    def __init__(self, source: str | Path, problem: str, *, where: str | None = None) -> None:
        self.source = str(source)
        self.problem = problem
        self.where = where
        super().__init__(f"{self.source}: {where + ': ' if where else ''}{problem}")


class ProfileError(InputError):
    """A device profile is not valid."""


class ExerciseError(InputError):
    """An exercise file is not valid or there is none of that name."""


class RecordingError(InputError):
    """A session file cannot be read."""


class PlanError(InputError):
    """A programme, a prescription, the rules or the input of a decision cannot be used."""


class WrongStoreError(InputError):
    """What was named is no results database, or one that a newer version of this program made."""


class DecodeError(EccentraError):
    """A packet does not follow its protocol.

    Parameters
    ----------
    reason
        Short stable id such as ``truncated`` or ``unknown_type``.
    data
        The offending bytes.
    offset
        Where in ``data`` the decoder stopped.
    detail
        What was found and what was expected.
    """

    def __init__(self, reason: str, data: bytes, offset: int, detail: str) -> None:
        self.reason = reason
        self.data = data
        self.offset = offset
        self.detail = detail
        super().__init__(f"{reason} at byte {offset} of {len(data)}: {detail} [{data[:24].hex()}]")


class SinkError(EccentraError):
    """A broker or file that takes results is not usable."""

    def __init__(self, target: str, problem: str) -> None:
        self.target = target
        super().__init__(f"{target}: {problem}")


class StoreError(EccentraError):
    """The results database cannot be used now."""

    def __init__(self, target: str, problem: str) -> None:
        self.target = target
        super().__init__(f"{target}: {problem}")


class LinkError(EccentraError):
    """A sensor cannot be reached or commanded.

    Parameters
    ----------
    reason
        What kind of trouble.
    detail
        What was found.
    advice
        What to do.
    """

    def __init__(self, reason: StationReason, detail: str, advice: str) -> None:
        self.reason = reason
        self.detail = detail
        self.advice = advice
        super().__init__(f"{detail}; {advice}" if advice else detail)
