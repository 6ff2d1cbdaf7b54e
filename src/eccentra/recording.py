"""The session file: one SQLite database a session, raw inputs only.

``input`` is the truth, in order, each row with a checksum. ``event`` is a cache of what came out, for
readers that do not want to compute. Commits follow the arrival times of the inputs (every 200 ms) and the
caller's :meth:`Recorder.commit` before an event leaves, so a killed process loses at most that much.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from eccentra.errors import InputError, RecordingError
from eccentra.events import Numbered
from eccentra.inputs import Input, Packet
from eccentra.session import Header

__all__ = ["Recorder", "Recording", "encode_event"]

_APPLICATION_ID = int.from_bytes(b"ECCN")
_USER_VERSION = 1
_COMMIT_NS = 200_000_000
_MOST_PACKET_BYTES = 1 << 16
_SQLITE_MAGIC = b"SQLite format 3\x00"
# the second when the text of a damaged schema is to be quoted
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE input (
    seq INTEGER PRIMARY KEY, arrival_ns INTEGER NOT NULL, kind TEXT NOT NULL,
    sensor TEXT, channel TEXT, data BLOB NOT NULL, crc32 INTEGER NOT NULL
);
CREATE TABLE event (seq INTEGER PRIMARY KEY, json BLOB NOT NULL);
"""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Input] = msgspec.json.Decoder(Input)


def encode_event(event: Numbered) -> bytes:
    """The JSON of a numbered event, as kept in session files."""
    return _encoder.encode(event)


class Recorder:
    """Writes a session file.

    Parameters
    ----------
    path
        The file to make; it must not exist.
    header
        What the session's result depends on besides its inputs.
    notes
        Facts about the file, as for :meth:`note`; they are in it from its first moment on.

    Raises
    ------
    RecordingError
        When the file exists already or cannot be made.
    """

    def __init__(self, path: str | Path, header: Header, notes: Mapping[str, str] | None = None) -> None:
        self.path = Path(path)
        try:
            # made by ourselves so that nobody else can read it, not even for a moment
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            raise RecordingError(self.path, "exists already; give another name or remove it") from None
        except OSError as error:
            raise RecordingError(self.path, f"cannot be made: {error.strerror}") from None
        self._seq = self._committed = 0
        self._committed_at: int | None = None
        self._db = sqlite3.connect(self.path, isolation_level=None)
        try:
            self._db.executescript(
                f"PRAGMA application_id={_APPLICATION_ID}; PRAGMA user_version={_USER_VERSION};"
                f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_TABLES}"
            )
            self._db.execute("BEGIN")
            for key, value in {"header": _encoder.encode(header).decode(), **(notes or {})}.items():
                self.note(key, value)
            self.commit()
        except sqlite3.Error as error:
            # what is half made would be found and complained about for ever
            self._db.close()
            for tail in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + tail).unlink(missing_ok=True)
            raise RecordingError(self.path, f"cannot be made: {error}") from None

    @classmethod
    def reopen(cls, path: str | Path, notes: Mapping[str, str] | None = None) -> Recorder:
        """Go on writing a session file that was not ended; ``notes`` become true with the next commit.

        Raises
        ------
        RecordingError
            When it is no session file, is damaged, or cannot be written.
        """
        with Recording(path) as recording:
            last = recording.last_input
        self = cls.__new__(cls)
        self.path = Path(path)
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None)
        except _DAMAGE as error:
            raise RecordingError(self.path, f"cannot be continued: {error}") from None
        try:
            self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
            self._db.execute("BEGIN IMMEDIATE")
            for key, value in (notes or {}).items():
                self.note(key, value)
        except _DAMAGE as error:
            self._db.close()
            raise RecordingError(self.path, f"cannot be continued: {error}") from None
        self._seq = self._committed = last
        self._committed_at = None
        return self

    def note(self, key: str, value: str) -> None:
        """Keep a fact about the file, such as how its session ended; the next commit makes it stay."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?,?)", (key, value))

    def append(self, item: Input) -> None:
        """Record an input, before anything looks at it."""
        if isinstance(item, Packet):
            kind, sensor, channel, data = "packet", item.sensor, item.channel, item.data
        else:
            kind, sensor, channel, data = _kind(item), None, None, _encoder.encode(item)
        self._db.execute(
            "INSERT INTO input VALUES (?,?,?,?,?,?,?)",
            (self._seq + 1, item.arrival_ns, kind, sensor, channel, data, zlib.crc32(data)),
        )
        self._seq += 1
        if self._committed_at is None or item.arrival_ns - self._committed_at >= _COMMIT_NS:
            self._committed_at = item.arrival_ns
            self.commit()

    def keep_events(self, events: Sequence[Numbered]) -> None:
        """Cache events."""
        self._db.executemany(
            "INSERT OR REPLACE INTO event VALUES (?,?)", [(e.seq, encode_event(e)) for e in events]
        )

    def commit(self) -> None:
        """Make everything appended so far survive a kill."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        self._committed = self._seq
        self._db.execute("BEGIN")

    @property
    def uncommitted(self) -> int:
        """How many inputs a kill would cost now."""
        return self._seq - self._committed

    def roll_back(self) -> None:
        """After a write failed: forget what was not committed, so that it can be appended again."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._seq = self._committed
        self._db.execute("BEGIN")

    def abandon(self) -> None:
        """Close without what was not committed."""
        self._db.close()

    def rest(self) -> None:
        """Commit and close without an end: the session is to be continued."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        self._db.close()

    def close(self) -> None:
        """Commit and leave one portable file without side files.

        While somebody reads the file, or the disk is full, the side files stay: nothing is lost by that.
        """
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        with contextlib.suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA busy_timeout=0")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Recording:
    """Reads a session file; the file is never changed.

    Raises
    ------
    RecordingError
        When it is not a session file, of another version, or damaged; says which.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._db = self._open()
        self.header = self._header()

    @property
    def last_input(self) -> int:
        """Number of the last input; 0 when there is none."""
        with self._readable():
            return int(self._db.execute("SELECT coalesce(max(seq), 0) FROM input").fetchone()[0])

    def note(self, key: str) -> str | None:
        """A fact that was kept about the file, or ``None``."""
        with self._readable():
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def inputs(self) -> Iterator[Input]:
        """All inputs in order.

        Raises
        ------
        RecordingError
            At the first row that is missing or damaged; rows before it have been given.
        """
        expected = 1
        with self._readable():
            rows = self._db.execute(
                "SELECT seq, arrival_ns, kind, sensor, channel, data, crc32 FROM input ORDER BY seq"
            )
            for seq, arrival_ns, kind, sensor, channel, data, crc in rows:
                if seq != expected:
                    raise RecordingError(self.path, f"input {expected} is missing, {seq} follows")
                expected += 1
                yield self._input(seq, arrival_ns, kind, sensor, channel, data, crc)

    def events(self) -> dict[int, bytes]:
        """The cached events' JSON by number; may be empty or incomplete."""
        with self._readable():
            return {
                int(seq): bytes(data)
                for seq, data in self._db.execute("SELECT seq, CAST(json AS BLOB) FROM event")
            }

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> sqlite3.Connection:
        try:
            with self.path.open("rb") as file:
                magic = file.read(16)
        except OSError as error:
            raise RecordingError(self.path, f"cannot be read: {error.strerror}") from None
        if magic != _SQLITE_MAGIC:
            raise RecordingError(self.path, "is not a session file of Eccentra")
        db = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            application = db.execute("PRAGMA application_id").fetchone()[0]
            version = db.execute("PRAGMA user_version").fetchone()[0]
            whole = (
                db.execute("PRAGMA page_count").fetchone()[0] * db.execute("PRAGMA page_size").fetchone()[0]
            )
        except _DAMAGE as error:
            db.close()
            raise RecordingError(self.path, f"is damaged ({error}); restore it from a copy") from None
        # beside a write-ahead log the file itself may still be the shorter one
        log = self.path.with_name(self.path.name + "-wal")
        if not log.exists() and self.path.stat().st_size < whole:
            db.close()
            raise RecordingError(self.path, "is cut off; restore it from a copy")
        if application != _APPLICATION_ID:
            db.close()
            raise RecordingError(self.path, "is a database of another program, not a session file")
        if version != _USER_VERSION:
            db.close()
            raise RecordingError(self.path, f"has version {version}, this program reads {_USER_VERSION}")
        return db

    def _header(self) -> Header:
        with self._readable():
            row = self._db.execute("SELECT value FROM meta WHERE key = 'header'").fetchone()
        if row is None:
            raise RecordingError(self.path, "has no header; it was cut off when it was made")
        try:
            return msgspec.json.decode(row[0], type=Header)
        except (msgspec.MsgspecError, InputError) as error:
            raise RecordingError(self.path, f"header is not valid: {error}") from None

    def _input(
        self,
        seq: int,
        arrival_ns: object,
        kind: object,
        sensor: object,
        channel: object,
        data: object,
        crc: object,
    ) -> Input:
        if not (isinstance(arrival_ns, int) and isinstance(data, bytes) and isinstance(kind, str)):
            raise RecordingError(self.path, f"input {seq} has columns of the wrong type")
        if zlib.crc32(data) != crc:
            raise RecordingError(self.path, f"input {seq} is damaged (checksum); inputs before it are good")
        if kind == "packet":
            if not (isinstance(sensor, str) and isinstance(channel, str) and len(data) <= _MOST_PACKET_BYTES):
                raise RecordingError(self.path, f"input {seq} is not a packet")
            return Packet(arrival_ns, sensor, channel, data)
        try:
            item = _decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise RecordingError(self.path, f"input {seq} ({kind}) is not valid: {error}") from None
        if item.arrival_ns != arrival_ns:
            raise RecordingError(self.path, f"input {seq} has two arrival times")
        return item

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise RecordingError(
                self.path, f"is damaged or cut off ({error}); restore it from a copy"
            ) from None


def _kind(item: Input) -> str:
    tag = type(item).__struct_config__.tag
    return str(tag)
