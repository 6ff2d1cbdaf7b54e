"""What a station publishes of a session of good Nordic curls: for tests of the hub, and its benchmark."""

from __future__ import annotations

import datetime as dt

from eccentra.events import (
    Event,
    Metric,
    Numbered,
    RepCompleted,
    Repetition,
    Reported,
    SessionEnded,
    SessionStarted,
    SetCompleted,
)
from eccentra.mqtt import contract

__all__ = ["START", "session"]

START = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
SOURCE = "/eccentra/home/gateway/station/mat"
TOPIC = "eccentra/v1/home/gateway/station/mat/event/"


def _ok(value: float, unit: str) -> Metric:
    return Metric(value=value, unit=unit, method="simulated")


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
                "tut_s": _ok(3.0, "s"),
                "rom_deg": _ok(90.0, "deg"),
                "quality_score": _ok(90.0, "1"),
                "eccentric_s": _ok(3.0, "s"),
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
