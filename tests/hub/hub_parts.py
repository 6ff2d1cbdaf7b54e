"""People who train, as messages: what stations publish of their sessions, and a hub's database."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from sqlalchemy import select

from eccentra.commands import Request, parse_arguments
from eccentra.events import (
    Event,
    Numbered,
    RepCompleted,
    Repetition,
    Reported,
    SessionEnded,
    SessionStarted,
    SetCompleted,
)
from eccentra.hub.carry_out import carry_out
from eccentra.mqtt import contract
from eccentra.mqtt.hubverbs import HUB_VERBS
from eccentra.plan.starting import programme_prescription
from eccentra.store import tables
from eccentra.store.database import Store
from results import metric

DAY = 86_400_000_000
START = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
SOURCE = "/eccentra/home/gateway/station/mat"
TOPIC = "eccentra/v1/home/gateway/station/mat/event/"


def at(day: float) -> int:
    return round(START.timestamp() * 1e6 + day * DAY)


NOW_US = at(30)


def session(
    name: str, person: str = "p1", day: float = 0.0, *, reps: int = 10, pain: float | None = 0.0
) -> list[tuple[str, bytes]]:
    """Topics and payloads of a session of good repetitions."""
    events: list[Event] = [
        SessionStarted(t_us=0, exercise="nordic-curl", sensors={"a": "thigh"}, software="x", athlete=person)
    ]
    for k in range(1, reps + 1):
        rep = Repetition(
            set_index=1,
            index=k,
            start_us=k * 1_000_000,
            end_us=k * 1_000_000,
            decided_us=k * 1_000_000,
            valid=True,
            reasons=(),
            phases=(),
            metrics={
                "tut_s": metric(3.0),
                "rom_deg": metric(90.0),
                "quality_score": metric(90.0),
                "eccentric_s": metric(3.0),
            },
        )
        events.append(RepCompleted(t_us=rep.end_us, rep=rep))
    done = SetCompleted(
        t_us=100,
        set_index=1,
        start_us=0,
        end_us=100_000_000,
        decided_us=1,
        reps_counted=reps,
        reps_valid=reps,
        metrics={},
    )
    events.append(done)
    if pain is not None:
        events.append(Reported(t_us=150, request=f"{name}-pain", pain=pain, rpe=6.0))
    events.append(SessionEnded(t_us=200, why="stop", sets=1, reps=reps))
    base = START + dt.timedelta(days=day)
    out = []
    for k, event in enumerate(events, 1):
        time = (base + dt.timedelta(seconds=k)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        kind, payload = contract.event_message(Numbered(session=name, seq=k, time=time, event=event), SOURCE)
        out.append((TOPIC + kind, payload))
    return out


def payloads(*args: Any, **kwargs: Any) -> list[bytes]:
    return [payload for _, payload in session(*args, **kwargs)]


def enrolment(person: str = "p1", mode: str = "prevention") -> dict[str, Any]:
    return {
        "athlete": person,
        "who": "t1",
        "mode": mode,
        "profile": "prevention",
        "stage": 3,
        "since": "2026-03-02",
        "programme": {
            "id": f"run-{person}",
            "started": "2026-03-02",
            "weeks": 10,
            "template": "mjolsnes-2004",
        },
    }


def prescribed(person: str = "p1") -> dict[str, Any]:
    first = programme_prescription(
        "mjolsnes-2004", "nordic-curl", 1, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=3
    )
    return {"athlete": person, "who": "t1", "prescription": msgspec.to_builtins(first)}


def ask(store: Store, verb: str, request: str, now_us: int, **arguments: Any) -> tuple[str, str]:
    """Status and reason of the answer to a command."""
    do = parse_arguments(verb, arguments, HUB_VERBS)
    answer = carry_out(store, Request(id=request, do=do), now_us=now_us, therapists=("t1",))
    return answer.status, answer.reason


def begin(store: Store, person: str = "p1", mode: str = "prevention") -> None:
    assert ask(store, "enrol", f"e-{person}", at(-1), **enrolment(person, mode))[0] == "done"
    assert ask(store, "prescribe", f"p-{person}", at(-1), **prescribed(person))[0] == "done"


_FACTS = ("event", "session", "set_result", "repetition", "reported", "prescription", "approval")


def end_state(store: Store) -> dict[str, list[Any]]:
    """What is known, and what waits for an answer: all that may not depend on order or on who worked."""
    out: dict[str, list[Any]] = {}
    with store.read() as connection:
        for name in _FACTS:
            table = tables.metadata.tables[name]
            rows = connection.execute(select(table).order_by(*table.primary_key.columns)).all()
            out[name] = [tuple(row) for row in rows]
        table = tables.decision
        waiting = connection.execute(
            select(table.c.id, table.c.person, table.c.at_us, table.c.input, table.c.output)
            .where(table.c.status == "open")
            .order_by(table.c.id)
        )
        out["open"] = [tuple(row) for row in waiting]
    return out
