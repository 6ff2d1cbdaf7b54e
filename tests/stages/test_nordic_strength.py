"""What is usual for a person in the straps decides what a burst of force may be."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from eccentra.events import Event, Flag, Reason, RepCompleted, RepRejected
from eccentra.exercises import load_exercise
from eccentra.samples import Block, Floats, StreamInfo
from eccentra.stages.nordic import Stage
from eccentra.stages.nordic_force import ForceRun

FULL = 800.0
K2 = 10.0
TABLE = {k: v for k, v in load_exercise("nordic-curl").stage.items() if k != "kind"}
STAGE = msgspec.convert(TABLE, Stage)


def lowering(seconds: float) -> Floats:
    """Force of both straps on a smooth way to the floor; straps cannot push, hands take over there."""
    s = np.clip(np.arange(0.0, seconds, 0.01) / seconds, 0.0, 1.0)
    lean = 1.5 * s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)
    bend = np.gradient(np.gradient(lean, 0.01), 0.01)
    net = np.maximum(FULL * (np.sin(lean) - bend / K2), 0.0)
    return np.concatenate([net, net[-1] * np.exp(-np.arange(60) / 8.0)])


def tug(seconds: float) -> Floats:
    """A pull by hand, at once as strong as braking a quick way down."""
    n = round(seconds / 0.01)
    return 1400.0 * np.sin(np.pi * np.arange(n) / n) ** 2


def run(*bursts: Floats) -> list[Event]:
    rest = np.zeros(400)
    net = np.concatenate([rest, *(part for burst in bursts for part in (burst, rest))])
    info = StreamInfo(
        stream="aligned",
        kind="aligned",
        channels=("left.force", "right.force"),
        units=("N", "N"),
        rate_hz=100.0,
    )
    noise = np.random.default_rng(4).normal(0.0, 0.3, (len(net), 2))
    block = Block(
        stream="aligned",
        t=np.arange(len(net), dtype=np.int64) * 10_000_000,
        x=net[:, None] * np.array([0.52, 0.48]) + noise,
    )
    force = ForceRun(STAGE, info, 1)
    return [*force.push(block), *force.finish()]


def outcome(*bursts: Floats) -> list[Literal["counted"] | Reason]:
    out: list[Literal["counted"] | Reason] = []
    for event in run(*bursts):
        if isinstance(event, RepCompleted):
            out.append("counted")
        elif isinstance(event, RepRejected):
            out.append(event.reason)
    return out


def test_braking_a_quick_way_down_loads_slack_straps_at_once() -> None:
    usual = [lowering(2.0)] * 3
    assert outcome(*usual, lowering(1.3), lowering(1.2)) == ["counted"] * 5


def test_a_quick_way_down_is_at_least_as_long_as_one_takes() -> None:
    events = run(*[lowering(2.0)] * 3, lowering(1.2))
    last = [event.rep for event in events if isinstance(event, RepCompleted)][-1]
    assert last.end_us - last.start_us >= STAGE.count.least_down_s * 1e6 - 20_000
    time = last.metrics["eccentric_s"]
    assert time.value is None or time.value >= STAGE.count.least_down_s
    assert time.value is not None or time.reason in (Flag.START_NOT_SEEN, Flag.PHASE_FROM_FORCE)


def test_a_tug_is_no_lowering_however_strong() -> None:
    said = outcome(*[lowering(2.0)] * 3, tug(0.25))
    assert said[:3] == ["counted"] * 3
    assert said[3] in (Reason.TOO_SHORT, Reason.TOO_SMALL, Reason.NO_LOAD)
