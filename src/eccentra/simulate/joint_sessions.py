"""Random but plausible sessions of the joint exercises from a seed; every range stands here."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.simulate.athlete import Athlete
from eccentra.simulate.cyclic import PickUp
from eccentra.simulate.draw import Draw, random_sensors
from eccentra.simulate.everyday import Fidget, Hold, Walk
from eccentra.simulate.faults import Fault
from eccentra.simulate.joint import JointRep, JointSet, LeavePosition, SitDown, TakePosition
from eccentra.simulate.joint_table import JOINT_EXERCISES, JointExercise
from eccentra.simulate.nordic import Stop
from eccentra.simulate.scenario import Move, Scenario
from eccentra.simulate.strokes import Shape

__all__ = ["everyday_session", "joint_session"]


class _Style(msgspec.Struct, frozen=True):
    """How one person does it: times, shape, tremor, and the change from repetition to repetition."""

    first_s: float
    second_s: float
    hold_s: float
    pause_s: float
    shape: Shape
    ramp_s: float
    size: float
    tremor_deg: float
    slower: float
    smaller: float


def joint_session(
    seed: int,
    *,
    exercise: str,
    kit: str | None = None,
    sets: int | None = None,
    reps: int | None = None,
    faults: Sequence[Fault] = (),
) -> Scenario:
    """A session of one exercise with everything around it.

    Parameters
    ----------
    seed
        Decides everything drawn.
    exercise
        Key of :data:`JOINT_EXERCISES`.
    kit
        Ready-made set of sensors; mounting, errors, clocks and links are drawn anew.
    sets, reps
        Fixed numbers instead of 1 to 3 sets of 3 to 10 repetitions.
    faults
        Handed on.
    """
    table = JOINT_EXERCISES[exercise]
    draw = Draw(np.random.default_rng([seed, 11]))
    athlete = Athlete(height_m=draw.between(1.58, 1.95), sway_deg=draw.between(0.1, 0.4))
    style = _style(draw, table)
    timeline: list[Move] = [Hold(seconds=draw.between(2, 5)), *_around(draw)]
    count = sets or draw.whole(1, 3)
    for k in range(count):
        timeline += [
            TakePosition(exercise=exercise, seconds=draw.between(2.5, 6.0)),
            Hold(seconds=draw.between(1.0, 4.0)),
            JointSet(
                exercise=exercise,
                reps=tuple(_rep(draw, table, style, i) for i in range(reps or draw.whole(3, 10))),
            ),
            Hold(seconds=draw.between(0.5, 3.0)),
            LeavePosition(exercise=exercise, seconds=draw.between(2.0, 5.0)),
            Hold(seconds=draw.between(0.5, 2.0)),
            *_around(draw),
        ]
        rest = Hold(seconds=draw.between(22.0, 40.0))
        timeline.append(rest if k < count - 1 else Hold(seconds=draw.between(2.0, 25.0)))
    return Scenario(
        name=f"{exercise} session {seed}",
        exercise="joint",
        athlete=athlete,
        timeline=tuple(timeline),
        sensors=random_sensors(kit or table.kits[seed % len(table.kits)], seed),
        faults=tuple(faults),
    )


def everyday_session(seed: int, *, kit: str, minutes: float) -> Scenario:
    """No exercise at all: standing, walking, fidgeting, sitting down, picking things up."""
    draw = Draw(np.random.default_rng([seed, 12]))
    timeline: list[Move] = [Hold(seconds=2.0)]
    left = minutes * 60.0
    while left > 0.0:
        some = [*_around(draw), Hold(seconds=draw.between(2.0, 20.0))]
        timeline += some
        left -= sum(getattr(move, "seconds", 4.0) for move in some)
    return Scenario(
        name=f"everyday {seed}", exercise="joint", timeline=tuple(timeline), sensors=random_sensors(kit, seed)
    )


def _around(draw: Draw) -> list[Move]:
    """What people do before and after a set, from standing to standing."""
    out: list[Move] = []
    if draw.often(0.6):
        out += [
            Walk(
                seconds=draw.between(4, 15),
                cadence_hz=draw.between(0.8, 1.05),
                swing_deg=draw.between(20, 28),
                speed_m_s=draw.between(0.9, 1.5),
                turns=draw.whole(0, 3),
            ),
            Hold(seconds=draw.between(0.5, 3.0)),
        ]
    if draw.often(0.3):
        out += [
            Fidget(seconds=draw.between(2, 6), size_deg=draw.between(4, 14)),
            Hold(seconds=draw.between(0.5, 2.0)),
        ]
    if draw.often(0.25):
        out += [
            SitDown(seconds=draw.between(3, 25), down_s=draw.between(1.0, 2.0), up_s=draw.between(0.9, 1.8)),
            Hold(seconds=draw.between(0.5, 3.0)),
        ]
    if draw.often(0.25):
        out += [PickUp(seconds=draw.between(2.5, 5.0)), Hold(seconds=draw.between(0.5, 3.0))]
    return out


def _style(draw: Draw, table: JointExercise) -> _Style:
    slow = draw.often(0.15)
    fast = not slow and draw.often(0.15)
    factor = draw.between(1.6, 2.6) if slow else draw.between(0.5, 0.7) if fast else 1.0
    most = 10.0
    return _Style(
        first_s=min(max(draw.between(*table.first_s) * factor, 0.8), most),
        second_s=min(max(draw.between(*table.second_s) * factor, 0.7), most),
        hold_s=draw.between(*table.hold_s) if draw.often(0.7) else 0.0,
        # nobody turns around at once in the start pose every time
        pause_s=0.0 if draw.often(0.2) else draw.between(0.2, 2.0),
        shape="min_jerk" if draw.often(0.6) else "ramped",
        ramp_s=draw.between(0.15, 0.4),
        size=draw.between(*table.size),
        tremor_deg=draw.between(0.0, 0.15) if draw.often(0.4) else 0.0,
        slower=draw.between(-0.01, 0.04),
        smaller=draw.between(0.0, 0.015),
    )


def _rep(draw: Draw, table: JointExercise, style: _Style, number: int) -> JointRep:
    def vary(value: float, spread: float) -> float:
        return value * draw.between(1.0 - spread, 1.0 + spread)

    partial = draw.between(*table.partial) if number > 0 and draw.often(0.06) else None
    tired = 1.0 + style.slower * number
    share = partial or 1.0
    first, second = (max(vary(s, 0.12) * tired * share, 0.6) for s in (style.first_s, style.second_s))
    hold = vary(style.hold_s, 0.2)
    if 0.35 < hold < 0.7:
        hold = 0.25  # stops are clearly shorter or longer than the half second that makes a phase
    stops = partial is None and draw.often(0.08)
    back = partial is None and draw.often(0.05)
    return JointRep(
        first_s=max(first, 2.0) if stops else first,
        second_s=max(second, 2.0) if back else second,
        hold_s=hold,
        pause_s=draw.between(2.0, 6.0) if draw.often(0.06) else vary(style.pause_s, 0.4),
        shape=style.shape,
        ramp_s=style.ramp_s,
        size=style.size * draw.between(0.96, 1.04) * (1.0 - style.smaller * number),
        partial=partial,
        stops=(_stop(draw),) if stops else (),
        back_stops=(_stop(draw),) if back else (),
        tremor_deg=style.tremor_deg,
        tremor_hz=draw.between(6, 10),
        rest_off_deg=draw.between(-2.0, 3.0),
    )


def _stop(draw: Draw) -> Stop:
    return Stop(at=draw.between(0.3, 0.7), seconds=draw.between(0.8, 1.6))
