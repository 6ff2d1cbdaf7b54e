"""A small session as events and as their MQTT payloads, for tests of what becomes of results."""

from __future__ import annotations

from eccentra.events import (
    Event,
    Metric,
    Numbered,
    RepAmended,
    RepCompleted,
    Repetition,
    Reported,
    SessionEnded,
    SessionStarted,
    SetCompleted,
)
from eccentra.mqtt.contract import event_message


def metric(value: float) -> Metric:
    return Metric(value=value, unit="s", method="tut_phases")


def rep(index: int, tut: float = 4.0) -> RepCompleted:
    one = Repetition(
        set_index=1,
        index=index,
        start_us=index * 10_000_000,
        end_us=index * 10_000_000 + 4_000_000,
        decided_us=index * 10_000_000 + 5_000_000,
        valid=True,
        reasons=(),
        phases=(),
        metrics={"tut_s": metric(tut), "eccentric_s": metric(3.0)},
    )
    return RepCompleted(t_us=one.end_us, rep=one)


EVENTS: list[Event] = [
    SessionStarted(t_us=0, exercise="nordic-curl", sensors={"a": "thigh"}, software="0.1.0", athlete="p1"),
    rep(1),
    rep(2),
    RepAmended(t_us=25_000_000, set_index=1, index=2, counted=False),
    rep(3),
    Reported(t_us=40_000_000, request="r1", pain=2.0),
    SetCompleted(
        t_us=60_000_000,
        set_index=1,
        start_us=10_000_000,
        end_us=34_000_000,
        decided_us=60_000_000,
        reps_counted=2,
        reps_valid=2,
        metrics={"tut_s": metric(8.0)},
    ),
    SessionEnded(t_us=61_000_000, why="stop", sets=1, reps=2),
]


def payloads(session: str = "s1", events: list[Event] = EVENTS) -> list[bytes]:
    return [
        event_message(
            Numbered(session=session, seq=k, time=f"2026-03-20T10:00:{k:02}.000Z", event=one), "/eccentra/a/b"
        )[1]
        for k, one in enumerate(events, 1)
    ]
