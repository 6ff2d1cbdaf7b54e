"""Events wait here, on disk, until the broker has acknowledged them: none is lost with the process.

*Commit first*: :meth:`Outbox.put` returns when its events are in the file; they are deleted when they are
acknowledged. The highest number taken of each session is kept, so that a session that is replayed after a
kill sends nothing twice: what comes again is compared, by a hash of what was published, with what was taken.

The session files are the truth, and this is a queue before the network. So its bound never costs the only
copy: when it is full, a session's further events are remembered as missing from a number on and fetched from
the session file when there is room. The same happens to what a damaged file held. When the disk fails, events
wait in memory, and go to the file as soon as that works again.

Safe for threads. Nothing here raises once the file is open.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from eccentra.events import StationNoted
from eccentra.mqtt.outboxbooks import Books
from eccentra.mqtt.outboxfile import DAMAGE, MessageRow, OutboxFile
from eccentra.mqtt.store import Entry, Missing, NewEvent
from eccentra.mqtt.trouble import (
    outbox_damaged,
    outbox_differs,
    outbox_failed,
    outbox_full,
    outbox_well,
)

__all__ = ["MOST_BYTES", "MOST_ROWS", "Outbox"]

MOST_ROWS = 200_000
MOST_BYTES = 256 * 1024 * 1024
# Beyond the bound, for what a station has to say about being full.
_RESERVE = 1000
# A failing disk is tried again this often.
_RETRY_NS = 1_000_000_000
# After so many changes the write-ahead log is worked into the file: when nothing happens, or at the latest.
_TIDY_CHANGES = 500
_TIDY_AT_LATEST = 20_000
_QUIET_NS = 2_000_000_000

log = logging.getLogger("eccentra.mqtt")


class _Unsaved(msgspec.Struct, frozen=True, gc=False):
    """An entry that is not in the file: normally for as long as it takes to write it."""

    entry: Entry
    event: NewEvent
    created_ns: int


class Outbox:
    """Events of one node on their way to the broker, in order, in one SQLite file.

    Parameters
    ----------
    path
        The file; made, with mode 0600, when it is not there. A damaged one is moved aside, and said.
    most_rows, most_bytes
        Bound on what waits.
    monotonic_ns, wall_ns
        Clocks: ages inside this process, and across restarts.

    Raises
    ------
    SinkError
        When the file is something else, of a newer version, or in use by another process.
    """

    durable = True

    def __init__(
        self,
        path: str | Path,
        *,
        most_rows: int = MOST_ROWS,
        most_bytes: int = MOST_BYTES,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.path = Path(path)
        self._most_rows, self._most_bytes = most_rows, most_bytes
        self._now, self._wall = monotonic_ns, wall_ns
        self._lock = threading.RLock()
        self._notes: list[StationNoted] = []
        self._books = Books()
        self._unsaved: list[_Unsaved] = []
        self._undeleted: list[int] = []
        self._lost_ids = range(0)
        self._rows = self._bytes = self._last = self._dropped = self._changes = 0
        self._failed_ns: int | None = None
        self._put_ns = 0
        self._tidying = threading.Thread()
        self._full_said = False
        self._file = OutboxFile(self.path)
        moved: Path | None = None
        try:
            moved = self._file.open()
            self._load()
        except sqlite3.Error as error:
            self._file.close()
            self._disk_failed(error)
        if moved is not None:
            advice = "events that had not been sent come from the session files: ask for them with `resend`"
            self._notes.append(outbox_damaged(moved, advice=advice))

    def _load(self) -> None:
        waiting = self._file.waiting()
        self._books.load(self._file.sessions(), {name: rows for name, rows, _ in waiting})
        self._rows = sum(rows for _, rows, _ in waiting)
        self._bytes = sum(size for _, _, size in waiting)
        self._last = self._file.last_id()

    # --- what is known ------------------------------------------------------------------------------

    @property
    def last_id(self) -> int:
        """Id of the newest entry; 0 before the first."""
        return self._last

    @property
    def depth(self) -> int:
        """Events that the broker has not acknowledged."""
        return self._rows

    @property
    def dropped(self) -> int:
        """Station events that found no room; events of sessions are never dropped."""
        return self._dropped

    @property
    def on_disk(self) -> bool:
        """False while the disk fails and events wait in memory."""
        return self._failed_ns is None

    def taken(self, session: str) -> int:
        """Highest number of a session that was taken; 0 for an unknown one."""
        with self._lock:
            return self._books.taken(session)

    def notes(self) -> list[StationNoted]:
        """What should be said since the last call: full, damaged, failing, differences."""
        with self._lock:
            out, self._notes = self._notes, []
            return out

    def oldest_ns(self) -> int | None:
        """When the oldest event that waits was put in (monotonic)."""
        with self._lock:
            if self._rows == 0:
                return None
            try:
                created = self._file.oldest()
            except sqlite3.Error:
                created = None
            if created is None:
                return self._unsaved[0].entry.since_ns if self._unsaved else None
            return self._monotonic(created)

    def _monotonic(self, created_ns: int) -> int:
        return self._now() - max(0, self._wall() - created_ns)

    # --- taking -------------------------------------------------------------------------------------

    def put(self, events: Sequence[NewEvent]) -> None:
        """Take events that just happened, in order; they are in the file when this returns."""
        different: dict[str, list[int]] = {}
        with self._lock:
            for event in events:
                if event.session is None or event.seq is None:
                    self._note_event(event)
                else:
                    self._session_event(event, event.session, event.seq, different)
            self._save()
            self._notes += [outbox_differs(session, seqs) for session, seqs in different.items()]

    def _note_event(self, event: NewEvent) -> None:
        if self._rows >= self._most_rows + _RESERVE:
            self._dropped += 1
        else:
            self._append(event)

    def _session_event(self, event: NewEvent, name: str, seq: int, different: dict[str, list[int]]) -> None:
        verdict = self._books.judge(event, name, seq, self._room())
        if verdict == "take":
            self._append(event)
        elif verdict == "again" and self._differs(event, name, seq):
            different.setdefault(name, []).append(seq)
        elif verdict == "full" and not self._full_said:
            self._full_said = True
            self._notes.append(outbox_full(self._rows, name, seq))

    def _differs(self, event: NewEvent, session: str, seq: int) -> bool:
        """Compare with what was taken under this number; what is no longer known does not differ."""
        new = _digest(event.payload)
        for one in self._unsaved:
            if one.event.session == session and one.event.seq == seq:
                return _digest(one.event.payload) != new
        try:
            known = self._file.digest(session, seq)
        except sqlite3.Error as error:
            self._disk_failed(error)
            return False
        return known is not None and known != new

    def _room(self) -> int:
        return max(0, self._most_rows - self._rows) if self._bytes < self._most_bytes else 0

    def _append(self, event: NewEvent) -> None:
        self._last += 1
        self._rows += 1
        self._bytes += len(event.payload)
        self._books.entered(event.session)
        self._put_ns = self._now()
        entry = Entry(self._last, event.topic, event.payload, self._put_ns, event.session)
        self._unsaved.append(_Unsaved(entry, event, self._wall()))

    def put_again(self, events: Sequence[NewEvent]) -> int:
        """Take events once more, whatever was taken before; gives how many found room."""
        with self._lock:
            fitting = events[: max(0, self._room())]
            for event in fitting:
                # No number of its own in the books: it must not count as taken for the first time.
                self._append(msgspec.structs.replace(event, seq=None))
            self._save()
            return len(fitting)

    # --- missing ------------------------------------------------------------------------------------

    def missing(self, room: int = 1) -> list[Missing]:
        """Sessions with events not taken, when there is room for at least so many."""
        with self._lock:
            if self._room() < min(room, self._most_rows // 2):
                return []
            return self._books.missing()

    def fill(self, session: str, events: Sequence[NewEvent]) -> int:
        """Take missing events of a session, in order; stops at a hole and when there is no room."""
        taken = 0
        with self._lock:
            for event in events:
                verdict = self._books.fill(session, event) if self._room() > 0 else "stop"
                if verdict == "stop":
                    break
                if verdict == "take":
                    self._append(event)
                    taken += 1
            self._save()
            self._full_said = bool(self._books.missing())
        return taken

    # --- handing out --------------------------------------------------------------------------------

    def read(self, after: int, limit: int) -> list[Entry]:
        """Entries with an id greater than ``after``, in order."""
        with self._lock:
            try:
                rows = self._file.read(after, limit)
            except sqlite3.Error as error:
                # What cannot be read would hold up all that follows.
                self._disk_failed(error, unreadable=True)
                rows = []
            out = [
                Entry(number, topic, payload, self._monotonic(created), session)
                for number, topic, payload, created, session in rows
            ]
            if len(out) < limit:
                # What could not be saved is always newer than what was.
                newer = [one.entry for one in self._unsaved if one.entry.id > after]
                out += newer[: limit - len(out)]
            return out

    def done(self, entries: Sequence[Entry]) -> None:
        """Delete what was acknowledged."""
        if not entries:
            return
        with self._lock:
            ids = {entry.id for entry in entries}
            if self._unsaved:
                self._unsaved = [one for one in self._unsaved if one.entry.id not in ids]
            self._undeleted += sorted(ids)
            for entry in entries:
                if entry.id in self._lost_ids:
                    continue
                self._rows -= 1
                self._bytes -= len(entry.payload)
                self._books.struck(entry.session)
            self._save()

    def forget(self, session: str) -> None:
        """Strike a session from the books: it will not come again. What waits is still sent."""
        with self._lock:
            self._books.forget(session)
            try:
                self._file.forget(session)
            except sqlite3.Error as error:
                self._disk_failed(error)

    # --- the disk -----------------------------------------------------------------------------------

    def _save(self) -> None:
        """Write what changed, in one transaction; when that fails it stays in memory and is tried again."""
        failed = self._failed_ns
        if failed is not None and (not self._file.is_open or self._now() - failed < _RETRY_NS):
            return
        if failed is None and not (self._unsaved or self._undeleted or self._books.has_changed):
            return
        try:
            self._file.save(
                [_row(one) for one in self._unsaved],
                [
                    (e.event.session, e.event.seq, _digest(e.event.payload))
                    for e in self._unsaved
                    if e.event.session is not None and e.event.seq is not None
                ],
                self._books.changes(),
                self._undeleted,
                self._books.delivered,
            )
        except sqlite3.Error as error:
            self._disk_failed(error)
            return
        self._changes += len(self._unsaved) + len(self._undeleted)
        self._unsaved.clear()
        self._undeleted.clear()
        self._books.saved()
        if failed is not None:
            self._failed_ns = None
            self._notes.append(outbox_well())

    def _disk_failed(self, error: sqlite3.Error, *, unreadable: bool = False) -> None:
        if self._failed_ns is None:
            self._notes.append(outbox_failed(self.path, error))
        self._failed_ns = self._now()
        if unreadable or getattr(error, "sqlite_errorcode", None) in DAMAGE:
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Put a file aside that cannot be read; what it held comes from the session files again."""
        lost = self._books.lost(Counter(one.event.session for one in self._unsaved))
        kept = [one.event for one in self._unsaved if one.event.session not in lost]
        # Ids go on after these, so that what the broker still acknowledges is not taken for something else.
        self._lost_ids = range(1, self._last + 1)
        self._rows = self._bytes = 0
        self._unsaved.clear()
        self._undeleted.clear()
        for event in kept:
            self._append(event)
        try:
            moved = self._file.begin_anew()
        except sqlite3.Error:
            # Nothing on this disk can be used: memory alone from here on, which was said.
            self._file.close()
            return
        advice = "events that had not been sent are fetched from the session files"
        self._notes.append(outbox_damaged(moved, advice=advice))

    def tend(self) -> None:
        """Try a failing disk again; have the write-ahead log worked into the file when it is time."""
        with self._lock:
            self._save()
            quiet = self._now() - self._put_ns > _QUIET_NS
            due = self._changes >= (_TIDY_CHANGES if quiet else _TIDY_AT_LATEST)
            if due and self._failed_ns is None and not self._tidying.is_alive():
                self._changes = 0
                # It waits for the disk, up to some tenths of a second: neither events nor the broker should.
                self._tidying = threading.Thread(target=self._tidy, name="eccentra-outbox", daemon=True)
                self._tidying.start()

    def _tidy(self) -> None:
        try:
            self._file.tidy()
        except sqlite3.Error as error:
            # Nothing is lost by a long log; a disk that fails is noticed by what is written to it.
            log.debug("the log of %s could not be shortened: %s", self.path, error)

    def close(self) -> None:
        """Write what is left and close the file."""
        if self._tidying.is_alive():
            self._tidying.join()
        with self._lock:
            if self._failed_ns is not None:
                self._failed_ns -= _RETRY_NS
            self._save()
            self._file.close()


def _row(one: _Unsaved) -> MessageRow:
    event = one.event
    return (one.entry.id, event.station, event.session, event.seq, event.topic, event.payload, one.created_ns)


def _digest(payload: bytes) -> bytes:
    """Tell payloads apart in 16 bytes."""
    return hashlib.blake2b(payload, digest_size=16).digest()
