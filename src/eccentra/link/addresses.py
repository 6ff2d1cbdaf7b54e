"""Bluetooth addresses and UUIDs: how they look, how two are compared, how they are kept out of texts.

An address is six bytes in hex (Linux, Windows), or a UUID that a Mac makes up for each device.
"""

from __future__ import annotations

import logging
import re

__all__ = [
    "ADDRESS_PATTERN",
    "keep_addresses_out_of_logs",
    "long_uuid",
    "normal_address",
    "without_addresses",
]

_MAC = r"[0-9A-Fa-f]{2}(?:[:_-][0-9A-Fa-f]{2}){5}"
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
ADDRESS_PATTERN = rf"^(?:[0-9A-Fa-f]{{2}}(?::[0-9A-Fa-f]{{2}}){{5}}|{_UUID})$"
"""An address as it is written in files and on the command line."""

# a UUID in an error text may be a characteristic or a Mac's address: nobody can tell, so it goes
_ANY = re.compile(rf"(?<![0-9A-Fa-f])(?:{_UUID}|{_MAC})(?![0-9A-Fa-f])")


def normal_address(address: str) -> str:
    """The one way of writing an address by which two are compared."""
    return address.strip().upper()


def without_addresses(text: str) -> str:
    """The text with every Bluetooth address replaced, those inside D-Bus paths (``dev_AA_BB_...``) too."""
    return _ANY.sub("(address)", text)


def long_uuid(uuid: str) -> str:
    """A service or characteristic UUID with 128 bits, lower case; 16-bit ones are on the Bluetooth base."""
    lower = uuid.lower()
    return f"0000{lower}-0000-1000-8000-00805f9b34fb" if len(lower) == 4 else lower


class _Scrubbed(logging.Handler):
    """Passes a library's log on without Bluetooth addresses."""

    def __init__(self, to: logging.Logger) -> None:
        super().__init__()
        self._to = to

    def emit(self, record: logging.LogRecord) -> None:
        """Say the same without addresses; a trace is left out, its last line holds the message again."""
        self._to.log(record.levelno, "%s: %s", record.name, without_addresses(record.getMessage()))


def keep_addresses_out_of_logs(library: str, to: logging.Logger) -> None:
    """Let what ``library`` logs go through ``to``, without addresses; done once."""
    source = logging.getLogger(library)
    if not any(isinstance(handler, _Scrubbed) for handler in source.handlers):
        source.addHandler(_Scrubbed(to))
    source.propagate = False
