"""Erase a person from the files of this computer: session files, and mentions in settings."""

from __future__ import annotations

import mmap
import os
import re
import sqlite3
import tempfile
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from eccentra.errors import InputError, RecordingError
from eccentra.recording import Recording
from eccentra.station.recovery import SUFFIX

__all__ = ["erase_mentions", "erase_plan", "erase_sessions", "recorded_sessions", "still_named"]

# beside a session's file while it is written
_TAILS = ("-wal", "-shm", "-journal")
_NAMES = ("id", "athlete", "person", "pseudonym")


def recorded_sessions(folder: Path, athlete: str) -> set[str]:
    """Ids of the sessions of a person of which there is a file."""
    out = set()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            with Recording(path) as recording:
                if recording.header.settings.athlete == athlete:
                    out |= {recording.header.session, path.stem}
        except (RecordingError, sqlite3.Error):
            continue  # what cannot be read is searched as bytes when it is erased
    return out


def erase_sessions(folder: Path, athlete: str, sessions: Collection[str]) -> int:
    """Delete the files of some sessions, and unreadable ones that hold the pseudonym; gives how many.

    Parameters
    ----------
    sessions
        Ids of the person's sessions, those of :func:`recorded_sessions` among them.

    Raises
    ------
    InputError
        When a file cannot be deleted.
    """
    count = 0
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.stem in sessions or (not _readable(path) and _holds(path, athlete)):
            _delete(path)
            count += 1
    return count


def erase_plan(folder: Path, athlete: str) -> int:
    """Delete the plan that a station kept in its folder of session files; gives how many files.

    Raises
    ------
    InputError
        When it cannot be deleted.
    """
    path = folder / "plans" / f"{athlete}.json"
    if not path.is_file():
        return 0
    _delete(path)
    return 1


def still_named(home: Path, athlete: str) -> tuple[str, ...]:
    """Files of the user's folder, other than session files, that hold the pseudonym: to be looked at."""
    return tuple(
        str(path.relative_to(home))
        for path in sorted(home.rglob("*"))
        if path.is_file() and SUFFIX not in path.suffixes and _holds(path, athlete)
    )


def _readable(path: Path) -> bool:
    try:
        Recording(path).close()
    except (RecordingError, sqlite3.Error):
        return False
    return True


def _holds(path: Path, athlete: str) -> bool:
    """The pseudonym stands in the file, not as a part of a longer one."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return re.search(_word(athlete).encode(), content) is not None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None


def _word(athlete: str) -> str:
    return rf"(?<![a-z0-9_-]){re.escape(athlete)}(?![a-z0-9_-])"


def _delete(path: Path) -> None:
    try:
        for tail in ("", *_TAILS):
            path.with_name(path.name + tail).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(path, f"cannot be deleted: {error.strerror or error}") from None


# -- settings -----------------------------------------------------------------------------------------------


def erase_mentions(path: Path, athlete: str) -> int:
    """Take a person out of a file in TOML: tables and keys of that name, and keys whose value it is.

    Returns
    -------
    int
        Lines that were taken out; 0 without a file.

    Raises
    ------
    InputError
        When the file cannot be read or written, or still names the person: that is for a human to change.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read: {error}") from None
    if re.search(_word(athlete), text) is None:
        return 0
    kept = _without(text, athlete)
    problem = f"names {athlete} in a way that is not known; take it out by hand, then run this again"
    try:
        if _named(tomllib.loads(kept), athlete):
            raise InputError(path, problem)
    except tomllib.TOMLDecodeError:
        raise InputError(path, problem) from None
    lines = len(text.splitlines()) - len(kept.splitlines())
    if lines:
        _replace(path, kept)
    return lines


def _without(text: str, athlete: str) -> str:
    """The text without the person's lines; a table goes as a whole when it is the person's."""
    name = re.escape(athlete)
    table = re.compile(rf"\s*\[(.*\.)?[\"']?{name}[\"']?(\..*)?\]\s*(#.*)?")
    own = re.compile(rf"\s*({'|'.join(_NAMES)})\s*=\s*[\"']{name}[\"']\s*(#.*)?")
    key = re.compile(rf"\s*[\"']?{name}[\"']?\s*=.*")
    value = re.compile(rf"[^#]*=\s*[\"']{name}[\"']\s*(#.*)?")
    out: list[str] = []
    for block in re.split(r"(?m)^(?=[ \t]*\[)", text):
        lines = block.splitlines(keepends=True)
        head = lines[0].rstrip() if lines else ""
        many = head.lstrip().startswith("[[") and any(own.fullmatch(line.rstrip()) for line in lines)
        if table.fullmatch(head) or many:
            continue
        out += [
            line
            for line in lines
            if not (key.fullmatch(line.rstrip()) or value.fullmatch(line.rstrip()))
            and not (line.lstrip().startswith("#") and re.search(_word(athlete), line))
        ]
    return "".join(out)


def _named(node: Any, athlete: str) -> bool:
    if isinstance(node, dict):
        return any(_named(part, athlete) for pair in node.items() for part in pair)
    if isinstance(node, list):
        return any(_named(part, athlete) for part in node)
    return bool(node == athlete)


def _replace(path: Path, text: str) -> None:
    """Whoever reads meanwhile sees the old file or the new one, whole; only its owner can read it."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror or error}") from None
