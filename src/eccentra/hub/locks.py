"""Several workers, one database: what belongs to one session or one person is done by one at a time.

On PostgreSQL by advisory locks that end with the transaction; a SQLite transaction holds the whole database
anyway. All workers take the locks of sessions before those of people, and each in the order of their keys, so
that no two wait for each other in a ring.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from sqlalchemy import Connection, text

__all__ = ["lead", "lock_people", "lock_sessions"]

# Classes of locks: with them, those of sessions and of people never meet.
_SESSION, _PERSON, _LEADER = 0x4543_4331, 0x4543_4332, 0x4543_4333


def lock_sessions(connection: Connection, sessions: Iterable[str]) -> None:
    """Have these sessions alone until the transaction ends; before any lock of people."""
    _lock(connection, _SESSION, sessions)


def lock_people(connection: Connection, people: Iterable[str]) -> None:
    """Have these people alone until the transaction ends."""
    _lock(connection, _PERSON, people)


def _lock(connection: Connection, kind: int, names: Iterable[str]) -> None:
    if connection.dialect.name != "postgresql":
        return
    # two names with one key share a lock: slower, never wrong
    for key in sorted({_key(name) for name in names}):
        connection.execute(text("SELECT pg_advisory_xact_lock(:kind, :key)"), {"kind": kind, "key": key})


def lead(connection: Connection, name: str) -> bool:
    """Be the one worker that publishes for the hub ``name``, for as long as the connection lasts."""
    if connection.dialect.name != "postgresql":
        return True
    found = connection.execute(
        text("SELECT pg_try_advisory_lock(:kind, :key)"), {"kind": _LEADER, "key": _key(name)}
    ).scalar()
    return bool(found)


def _key(name: str) -> int:
    """A signed 32-bit number that is the same in every process."""
    return zlib.crc32(name.encode()) - 2**31
