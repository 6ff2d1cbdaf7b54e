"""One process a station or hub on this computer."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from eccentra.errors import InputError

__all__ = ["alone"]

_OTHERWISE = {"station": "give this one another --station", "hub": "stop it, or give this one another --node"}


@contextlib.contextmanager
def alone(home: Path, name: str, what: Literal["station", "hub"] = "station") -> Iterator[None]:
    """Hold the lock of a station or hub: two processes with one name would tear apart what it keeps.

    Parameters
    ----------
    home
        The user's folder, where the lock lies.
    name
        Of a hub with its site: ``local-hub``.

    Raises
    ------
    InputError
        When another process has it.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{what}-{name}.lock"
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if not _lock(handle):
            raise InputError(f"{what} {name}", f"runs already on this computer; {_OTHERWISE[what]}")
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
