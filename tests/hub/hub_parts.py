"""People who train, as messages: what stations publish of their sessions, and a hub's database."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select
from trained import START, session

from eccentra.commands import Request, parse_arguments
from eccentra.hub.carry_out import carry_out
from eccentra.mqtt.hubverbs import HUB_VERBS
from eccentra.plan.starting import programme_prescription
from eccentra.store import tables
from eccentra.store.database import Store

__all__ = ["session"]

DAY = 86_400_000_000


def at(day: float) -> int:
    return round(START.timestamp() * 1e6 + day * DAY)


NOW_US = at(30)


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
