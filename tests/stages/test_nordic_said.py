"""Nordic curls from straps alone: no loaded movement is lost without a word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from eccentra.events import Event, Flag, RepCompleted, RepRejected
from eccentra.exercises import load_exercise
from eccentra.session import Header, Session
from eccentra.simulate import nordic_session, simulate
from eccentra.stages.nordic_corners import rise_s

VARIANTS = ("flat", "assisted", "inclined")
NAMES = {"flat": "nordic-curl", "assisted": "nordic-curl-assisted", "inclined": "nordic-curl-inclined"}


def said(events: Sequence[Event]) -> list[tuple[int, int]]:
    """Begin and end of everything that was counted or refused, µs."""
    out = [(e.rep.start_us, e.rep.end_us) for e in events if isinstance(e, RepCompleted)]
    return out + [(e.start_us, e.end_us) for e in events if isinstance(e, RepRejected)]


def events_of(variant: str, seed: int) -> tuple[list[Event], list[tuple[int, int]]]:
    """Events, and begin and end of each true way down, µs."""
    simulation = simulate(nordic_session(seed, kit="force", variant=variant), seed=seed)  # type: ignore[arg-type]
    header = Header(
        session="said",
        exercise=load_exercise(NAMES[variant]),
        sensors=simulation.setups,
        software="test",
    )
    session = Session(header)
    events = [n.event for n in (*session.feed_many(simulation.inputs()), *session.finish())]
    truth = [rep for one in simulation.truth.sets for rep in one.reps]
    downs = [[p for p in rep.phases if p.kind == "eccentric"] for rep in truth]
    return events, [(round(ways[0].start_s * 1e6), round(ways[-1].end_s * 1e6)) for ways in downs]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", [3, 77])
def test_every_repetition_is_counted_or_refused(variant: str, seed: int) -> None:
    events, truth = events_of(variant, seed)
    told = said(events)
    assert truth
    for start, end in truth:
        assert any(min(end, b) > max(start, a) for a, b in told), (start / 1e6, end / 1e6, told)


@pytest.mark.parametrize("seed", [3])
def test_a_peak_is_told_by_event_and_metric_or_by_neither(seed: int) -> None:
    events, _ = events_of("flat", seed)
    for event in events:
        if not isinstance(event, RepCompleted):
            continue
        for side, force in (("left", event.rep.force_left), ("right", event.rep.force_right)):
            peak = event.rep.metrics.get(f"force_{side}_peak_n")
            assert (force is None) == (peak is None or peak.value is None)
            if force is None and peak is not None:
                assert peak.reason in (Flag.PHASE_FROM_FORCE, Flag.FORCE_MISSING, Flag.GAP_INSIDE)


def test_a_jerk_on_the_way_is_no_quick_rise() -> None:
    t = np.arange(300) / 100.0
    ramp = np.clip((t - 0.3) / 2.0, 0.0, 1.0) * 600.0
    jerk = ramp + 900.0 * np.exp(-(((t - 0.5) / 0.05) ** 2))
    tug = 600.0 * (t > 0.3)
    assert rise_s(t, ramp, 600.0, 550.0) == pytest.approx(1.4, abs=0.05)
    assert rise_s(t, jerk, float(jerk.max()), 550.0) > 1.2
    assert rise_s(t, tug, 600.0, 550.0) < 0.05
