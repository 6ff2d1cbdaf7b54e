"""Which events a hub lacks, and whom it asks for them: the station's session file has them all.

A broker that forgets (an embedded one keeps nothing for who is away) costs time, no results: a session that
has ended with holes, or that a station's retained state names and of which nothing came, is asked for again.
"""

from __future__ import annotations

import queue
import re
import uuid
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, and_, or_, select

from eccentra.mqtt import contract
from eccentra.store import tables
from eccentra.store.database import Store
from eccentra.store.reading import incomplete_sessions

__all__ = ["CatchingUp"]

# Events on their way are given so long, then a session is asked for; each time the pause is doubled.
_FIRST_NS = 5_000_000_000
_LONGEST_NS = 3_600 * 1_000_000_000
_LOOK_BACK_US = 7 * 86_400_000_000
_SOURCE = re.compile(r"/eccentra/([a-z0-9_-]{1,64})/([a-z0-9_-]{1,64})/station/([a-z0-9_-]{1,64})")
_STATE = re.compile(r"eccentra/v\d+/([a-z0-9_-]{1,64})/([a-z0-9_-]{1,64})/station/([a-z0-9_-]{1,64})/state")


class _State(msgspec.Struct, frozen=True):
    session: str | None
    active: bool


class _Wanted(msgspec.Struct):
    """A session that may lack events: who has them, when to ask, and the pause after it."""

    node: str
    station: str
    ask_ns: int
    pause_ns: int = _FIRST_NS


class CatchingUp:
    """Remembers which sessions to ask for.

    Parameters
    ----------
    site, node
        Of the hub.
    monotonic_ns, wall_ns
        Clocks.
    """

    def __init__(
        self, site: str, node: str, *, monotonic_ns: Callable[[], int], wall_ns: Callable[[], int]
    ) -> None:
        self._site, self._node = site, node
        self._now, self._wall = monotonic_ns, wall_ns
        self._wanted: dict[str, _Wanted] = {}
        self._under_way: dict[tuple[str, str], str | None] = {}
        self._expected: queue.SimpleQueue[tuple[str, str, str]] = queue.SimpleQueue()

    def expect(self, session: str, node: str, station: str) -> None:
        """Somebody who sees the station's files knows of a session; in any thread."""
        self._expected.put((session, node, station))

    def state(self, topic: str, payload: bytes) -> None:
        """Take a station's retained state: a session that it has ended should be here."""
        where = _STATE.fullmatch(topic)
        try:
            state = msgspec.json.decode(payload, type=_State)
        except msgspec.DecodeError:
            return
        if where is None:
            return
        self._under_way[where[2], where[3]] = state.session if state.active else None
        if state.session is not None and not state.active:
            self._want(state.session, where[2], where[3])

    def look(self, store: Store) -> None:
        """Find sessions with holes, and those that have no end though their station does something else."""
        since = self._wall() // 1000 - _LOOK_BACK_US
        table = tables.session
        with store.read() as connection:
            recent = connection.execute(
                select(table.c.id, table.c.source, table.c.last_seq).where(
                    or_(
                        and_(table.c.last_seq.is_not(None), table.c.ended_us > since),
                        and_(table.c.last_seq.is_(None), table.c.began_us > since),
                    )
                )
            ).all()
            missing = incomplete_sessions(connection, [row.id for row in recent]) if recent else {}
        for row in recent:
            where = _SOURCE.fullmatch(row.source or "")
            if where is None or where[1] != self._site:
                continue
            station = where[2], where[3]
            stopped = row.last_seq is None and self._under_way.get(station, row.id) != row.id
            if row.id in missing or stopped:
                self._want(row.id, *station)

    def _want(self, session: str, node: str, station: str) -> None:
        self._wanted.setdefault(session, _Wanted(node, station, self._now() + _FIRST_NS))

    @property
    def waiting(self) -> int:
        """Sessions that may lack events."""
        return len(self._wanted)

    def requests(self, store: Store) -> list[tuple[str, bytes]]:
        """Topics and payloads of what to ask for now."""
        while not self._expected.empty():
            self._want(*self._expected.get())
        now = self._now()
        due = [name for name, one in self._wanted.items() if one.ask_ns <= now]
        if not due:
            return []
        out = []
        with store.read() as connection:
            from_seqs = {name: _first_missing(connection, name) for name in due}
        for name, from_seq in from_seqs.items():
            one = self._wanted[name]
            if from_seq is None or self._under_way.get((one.node, one.station)) == name:
                del self._wanted[name]
                continue
            one.ask_ns = now + one.pause_ns
            one.pause_ns = min(2 * one.pause_ns, _LONGEST_NS)
            out.append(self._request(one, name, from_seq))
        return out

    def _request(self, one: _Wanted, session: str, from_seq: int) -> tuple[str, bytes]:
        topic = contract.topic("command", site=self._site, node=one.node, station=one.station, verb="resend")
        asked = {
            "request_id": str(uuid.uuid4()),
            "time": contract.utc(self._wall()),
            "reply_to": contract.topic("reply", site=self._site, node=self._node, to="resend"),
            "session": session,
            "from_seq": from_seq,
        }
        return topic, contract.encode(asked)


def _first_missing(connection: Connection, session: str) -> int | None:
    """Number of the first event that is not there; ``None`` when the session is whole."""
    table = tables.event
    numbers = connection.execute(
        select(table.c.seq).where(table.c.session == session).order_by(table.c.seq)
    ).scalars()
    expected = 1
    for number in numbers:
        if number != expected:
            return expected
        expected += 1
    last = connection.execute(
        select(tables.session.c.last_seq).where(tables.session.c.id == session)
    ).scalar()
    return None if last is not None and expected > last else expected
