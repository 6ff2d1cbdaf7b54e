"""Whether sessions can be written, whether there is room, and whether the disk is quick enough."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from eccentra.doctor.finding import Finding, failed, ok, warning

__all__ = ["check_disk"]

_MB = 1_000_000
# Eight sensors make about 20 MB an hour; the outbox and the results need a little more.
_LEAST_FREE = 200 * _MB
_FEW_FREE = 2_000 * _MB
_WRITES = 15
# Inputs are committed every 200 ms: a commit that takes as long falls behind.
_SLOWEST_MS = 200.0
_SLOW_MS = 50.0


def check_disk(
    folder: Path,
    *,
    free: Callable[[Path], int] | None = None,
    write: Callable[[Path], list[float]] | None = None,
) -> Iterator[Finding]:
    """Check the user's folder.

    Parameters
    ----------
    folder
        The user's folder; made when it is not there.
    free
        Gives free bytes.
    write
        Makes a few committed writes inside a folder, gives how long each took, ms; raises ``OSError`` or
        ``sqlite3.Error`` when it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as inside:
            times = (write or timed_writes)(Path(inside))
    except (OSError, sqlite3.Error) as error:
        advice = "free some space, or make the folder writable; ECCENTRA_HOME sets another folder"
        yield failed("disk.write", f"{folder} cannot be written: {_words(error)}", advice)
        return
    yield _speed(folder, times)
    left = (free or _free)(folder)
    found = f"{left / 1e9:.1f} GB free"
    if left < _LEAST_FREE:
        yield failed("disk.space", found, "free at least 2 GB: when the disk is full, recording stops")
    elif left < _FEW_FREE:
        yield warning("disk.space", found, "free at least 2 GB")
    else:
        yield ok("disk.space", found)


def timed_writes(folder: Path) -> list[float]:
    """Committed writes into a database as a session makes them, ms each."""
    times = []
    with contextlib.closing(sqlite3.connect(folder / "try.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE input (data BLOB)")
        for _ in range(_WRITES):
            start = time.perf_counter()
            database.execute("INSERT INTO input VALUES (?)", (bytes(4000),))
            times.append((time.perf_counter() - start) * 1e3)
    return times


def _speed(folder: Path, times: list[float]) -> Finding:
    typical, worst = statistics.median(times), max(times)
    found = f"{folder} is writable; a committed write takes {typical:.1f} ms, the slowest {worst:.1f} ms"
    advice = "use a faster disk (no network folder, no worn memory card); ECCENTRA_HOME sets another folder"
    if typical >= _SLOWEST_MS:
        return failed("disk.write", found, advice)
    if typical >= _SLOW_MS:
        return warning("disk.write", found, advice)
    return ok("disk.write", found)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
