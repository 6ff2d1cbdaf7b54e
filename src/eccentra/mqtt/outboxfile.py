"""The SQLite file of an outbox: tables, statements, damage. The rules are in :mod:`eccentra.mqtt.outbox`."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eccentra.errors import SinkError
from eccentra.mqtt.outboxbooks import SessionRow

__all__ = ["DAMAGE", "MessageRow", "OutboxFile"]

_APPLICATION_ID = int.from_bytes(b"ECCO", "big")
_USER_VERSION = 1
_TABLES = """
CREATE TABLE message (
    id INTEGER PRIMARY KEY, station TEXT NOT NULL, session TEXT, seq INTEGER,
    topic TEXT NOT NULL, payload BLOB NOT NULL, created_ns INTEGER NOT NULL);
CREATE TABLE session (
    session TEXT PRIMARY KEY, station TEXT NOT NULL, highest INTEGER NOT NULL, known INTEGER NOT NULL,
    missing_from INTEGER, closed INTEGER NOT NULL);
CREATE TABLE taken (
    session TEXT NOT NULL, seq INTEGER NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (session, seq)) WITHOUT ROWID;
"""
# Numbers of finished sessions are kept for a while, should one be opened again.
_KEEP_CLOSED = 1000
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

MessageRow = tuple[int, str, str | None, int | None, str, bytes, int]


class OutboxFile:
    """One file, opened by one process at a time. Methods raise :class:`sqlite3.Error`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._lock_file: int | None = None

    @property
    def is_open(self) -> bool:
        """False before :meth:`open`, after :meth:`close`, and when opening failed."""
        return self._db is not None

    def open(self) -> Path | None:
        """Open or make the file; gives where a damaged one was moved to.

        Raises
        ------
        SinkError
            When it is no outbox, or of a newer version, or another process uses it.
        sqlite3.Error
            When the disk does not let us.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock()
            existing = self.path.exists() and self.path.stat().st_size > 0
            if not existing:
                self._create()
                return None
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from error
        try:
            self._db = self._connect()
            self._check(self._db)
        except UnicodeDecodeError:
            # a damaged schema whose text cannot even be quoted
            return self.begin_anew()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) not in DAMAGE:
                self._disconnect()
                raise
            return self.begin_anew()
        return None

    def _lock(self) -> None:
        """Keep other processes out: two publishers of one node would throw each other out anyway."""
        if sys.platform == "win32" or self._lock_file is not None:
            return
        import fcntl

        lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise SinkError(
                str(self.path), "another process uses this outbox; stop it, or give this one another node id"
            ) from None
        self._lock_file = lock

    def _create(self) -> None:
        os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
        self._db = self._connect()
        self._make_tables(self._db)

    def _make_tables(self, db: sqlite3.Connection) -> None:
        db.executescript(
            f"BEGIN; PRAGMA application_id={_APPLICATION_ID}; PRAGMA user_version={_USER_VERSION}; "
            f"{_TABLES} COMMIT;"
        )

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=1.0)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        # Working the log into the file waits for the disk: done by `tidy`, never in the way of an event.
        db.execute("PRAGMA wal_autocheckpoint=0")
        return db

    def _check(self, db: sqlite3.Connection) -> None:
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if application == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            # The process that made the file was killed before its tables were there.
            self._make_tables(db)
            return
        if application != _APPLICATION_ID or version != _USER_VERSION:
            self.close()
            what = f"is an outbox of version {version}" if application == _APPLICATION_ID else "is no outbox"
            raise SinkError(
                str(self.path), f"{what}, this program writes version {_USER_VERSION}; move it away"
            )
        (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            error = sqlite3.DatabaseError(answer)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        db.execute(
            "DELETE FROM session WHERE closed AND missing_from IS NULL AND rowid <= "
            "(SELECT max(rowid) FROM session) - ?",
            (_KEEP_CLOSED,),
        )

    def begin_anew(self) -> Path:
        """Move the file aside and make a new one; gives where it went."""
        self._disconnect()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        number, aside = 0, self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        while aside.exists():
            number += 1
            aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{number}")
        try:
            self.path.rename(aside)
            for tail in ("-wal", "-shm"):
                part = self.path.with_name(self.path.name + tail)
                if part.exists():
                    part.rename(aside.with_name(aside.name + tail))
            self._create()
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from error
        return aside

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def close(self) -> None:
        """Close the file; nothing waits in its log afterwards."""
        self._disconnect()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    # --- reading ------------------------------------------------------------------------------------

    def _query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        if self._db is None:
            return []
        return self._db.execute(sql, parameters).fetchall()

    def sessions(self) -> list[SessionRow]:
        """Session, station, highest, known, missing_from, closed."""
        return self._query("SELECT session, station, highest, known, missing_from, closed FROM session")

    def waiting(self) -> list[tuple[str | None, int, int]]:
        """Number and size of the messages of each session."""
        return self._query("SELECT session, count(*), sum(length(payload)) FROM message GROUP BY session")

    def last_id(self) -> int:
        """Id of the newest message; 0 when there is none."""
        rows = self._query("SELECT coalesce(max(id), 0) FROM message")
        return int(rows[0][0]) if rows else 0

    def oldest(self) -> int | None:
        """Wall time (ns) at which the oldest message was put in."""
        rows = self._query("SELECT created_ns FROM message ORDER BY id LIMIT 1")
        return int(rows[0][0]) if rows else None

    def digest(self, session: str, seq: int) -> bytes | None:
        """Digest of what was taken under a number; ``None`` when it is no longer known."""
        rows = self._query("SELECT digest FROM taken WHERE session=? AND seq=?", (session, seq))
        return bytes(rows[0][0]) if rows else None

    def read(self, after: int, limit: int) -> list[tuple[int, str, bytes, int, str | None]]:
        """Id, topic, payload, time and session of messages, in order."""
        return self._query(
            "SELECT id, topic, payload, created_ns, session FROM message WHERE id>? ORDER BY id LIMIT ?",
            (after, limit),
        )

    # --- writing ------------------------------------------------------------------------------------

    def save(
        self,
        messages: Iterable[MessageRow],
        taken: Iterable[tuple[str, int, bytes]],
        sessions: Iterable[SessionRow],
        deleted: Sequence[int],
        delivered: Iterable[str],
    ) -> None:
        """Write all of it, or nothing."""
        db = self._db
        if db is None:
            raise sqlite3.OperationalError("the file is not open")
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)", messages)
            db.executemany("INSERT OR REPLACE INTO taken VALUES (?, ?, ?)", taken)
            db.executemany(
                "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (session) DO UPDATE SET "
                "highest=excluded.highest, known=excluded.known, missing_from=excluded.missing_from, "
                "closed=excluded.closed",
                sessions,
            )
            db.executemany("DELETE FROM message WHERE id=?", [(number,) for number in deleted])
            db.executemany("DELETE FROM taken WHERE session=?", [(session,) for session in delivered])
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def forget(self, session: str) -> None:
        """Delete the numbers and digests of a session."""
        self.save([], [], [], [], [session])
        self._query("DELETE FROM session WHERE session=?", (session,))

    def erase(self, sessions: Sequence[str], words: Sequence[bytes]) -> int:
        """Delete all of some sessions and every message that holds one of some words; gives how many.

        Nothing of it is left in the file or its log.
        """
        db = self._db
        if db is None:
            raise sqlite3.OperationalError("the file is not open")
        db.execute("PRAGMA secure_delete=ON")
        db.execute("BEGIN IMMEDIATE")
        erased = 0
        for table in ("message", "taken", "session"):
            for session in sessions:
                done = db.execute(f"DELETE FROM {table} WHERE session=?", (session,)).rowcount
                erased += done if table == "message" else 0
        for word in words:
            erased += db.execute(
                "DELETE FROM message WHERE instr(payload, ?) OR instr(CAST(topic AS BLOB), ?)", (word, word)
            ).rowcount
        db.execute("COMMIT")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return erased

    def tidy(self) -> None:
        """Work the log into the file, on a connection of its own: whoever writes meanwhile does not wait."""
        with closing(sqlite3.connect(self.path, timeout=0.1)) as db:
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
