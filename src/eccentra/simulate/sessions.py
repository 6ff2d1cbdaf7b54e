"""Random but plausible sessions of Nordic curls from a seed; every range stands here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from eccentra.simulate.athlete import Athlete
from eccentra.simulate.draw import Draw, random_sensors
from eccentra.simulate.everyday import Fidget, GetUp, Hold, KneelDown, Route, SitBack, StrapWork, Walk
from eccentra.simulate.faults import Fault
from eccentra.simulate.nordic import NordicRep, NordicSet, Stop
from eccentra.simulate.scenario import Move, Scenario
from eccentra.simulate.strokes import Shape

__all__ = ["nordic_session"]

Variant = Literal["flat", "assisted", "inclined"]
_ROUTES: tuple[Route, ...] = ("front", "back", "squat", "hands")


def nordic_session(
    seed: int,
    *,
    kit: str = "thigh+shank",
    sets: int | None = None,
    reps: int | None = None,
    rest_s: tuple[float, float] = (30.0, 75.0),
    faults: Sequence[Fault] = (),
    variant: Variant = "flat",
) -> Scenario:
    """A session of Nordic curls with everything around them.

    Parameters
    ----------
    seed
        Decides everything drawn.
    kit
        Ready-made set of sensors; mounting, errors, clocks and links are drawn anew.
    sets, reps
        Fixed numbers instead of 1 to 3 sets of 3 to 8 repetitions.
    rest_s
        Range of the rest between sets.
    faults
        Handed on.
    variant
        ``assisted``: a rope carries 5 to 20 % of the body's weight, control is lost later, the way back is
        often active. ``inclined``: the shank slopes by 20 to 40 degrees, often with an active way back.
    """
    draw = Draw(np.random.default_rng([seed, 7]))
    athlete = Athlete(
        mass_kg=draw.between(55, 100),
        height_m=draw.between(1.58, 1.95),
        lever_m=draw.between(0.36, 0.44),
        left_share=draw.between(0.42, 0.58),
        sway_deg=draw.between(0.1, 0.4),
    )
    if variant != "flat":
        athlete = _variant(athlete, variant, Draw(np.random.default_rng([seed, 9])))
    # Two of three athletes break, most of them near a lean of 34 degrees (Soga 2021, Sconce 2021).
    break_lean = None if draw.often(0.35) else float(np.clip(34 + 8 * draw.rng.standard_normal(), 18, 62))
    style = _style(draw)
    if variant != "flat":
        _adapt(style, athlete, variant, Draw(np.random.default_rng([seed, 10])))
        if break_lean is not None:
            # who is helped holds on for longer; straight knees end the way, and a fall takes its time
            later = 60.0 * athlete.assist_share
            break_lean = float(np.clip(break_lean + later, 16.0, style.end_lean_deg - 22.0))
    timeline: list[Move] = [Hold(seconds=draw.between(2, 6))]
    if draw.often(0.8):
        timeline.append(_walk(draw, 5, 15))
        timeline.append(Hold(seconds=draw.between(0.5, 3)))
    count = sets or draw.whole(1, 3)
    for k in range(count):
        timeline += _into_position(draw)
        timeline.append(
            NordicSet(
                reps=tuple(_rep(draw, style, break_lean, i) for i in range(reps or draw.whole(3, 8))),
                start_lean_deg=style.start_lean_deg,
            )
        )
        last = k == count - 1
        timeline += _rest(draw, draw.between(*((5.0, 25.0) if last else rest_s)))
    return Scenario(
        name=f"nordic session {seed}",
        athlete=athlete,
        timeline=tuple(timeline),
        sensors=random_sensors(kit, seed),
        faults=tuple(faults),
    )


def _walk(draw: Draw, low: float, high: float) -> Walk:
    return Walk(
        seconds=draw.between(low, high),
        cadence_hz=draw.between(0.8, 1.05),
        swing_deg=draw.between(20, 28),
        speed_m_s=draw.between(0.9, 1.5),
        turns=draw.whole(0, 3),
    )


def _into_position(draw: Draw) -> list[Move]:
    out: list[Move] = [
        KneelDown(
            route=_ROUTES[draw.whole(0, 3)], seconds=draw.between(2.0, 4.5), depth_deg=draw.between(40, 75)
        ),
        Hold(seconds=draw.between(0.3, 2)),
    ]
    if draw.often(0.85):
        out.append(
            StrapWork(
                seconds=draw.between(4, 10),
                lean_deg=draw.between(-25, -3),
                tug_n=draw.between(5, 40),
                strap_n=draw.between(4, 20),
            )
        )
    if draw.often(0.6):
        out.append(Fidget(seconds=draw.between(2, 6), size_deg=draw.between(4, 11)))
    if draw.often(0.25):
        out.append(SitBack(lean_deg=draw.between(-65, -35), seconds=draw.between(1, 6)))
    out.append(Hold(seconds=draw.between(1.5, 4)))
    return out


def _rest(draw: Draw, seconds: float) -> list[Move]:
    """Off the knees (or resting on the heels) for about ``seconds``; ends standing."""
    out: list[Move] = []
    if draw.often(0.4):
        stay = min(draw.between(3, 12), 0.3 * seconds)
        out.append(SitBack(lean_deg=draw.between(-65, -40), seconds=stay))
        seconds -= stay + 2.7
    out.append(GetUp(route=_ROUTES[draw.whole(0, 3)], seconds=draw.between(1.8, 4)))
    seconds -= 3.0
    if draw.often(0.75):
        way = max(3.0, draw.between(0.3, 0.6) * seconds)
        out += [Hold(seconds=draw.between(0.3, 2)), _walk(draw, way, way + 1)]
        seconds -= way
    if draw.often(0.4):
        out.append(Fidget(seconds=draw.between(2, 5), size_deg=draw.between(4, 12)))
        seconds -= 4
    out.append(Hold(seconds=max(seconds, 1.0)))
    return out


class _Style:
    """How one athlete does all repetitions."""

    shape: Shape
    descent_s: float
    end_lean_deg: float
    return_s: float
    two_stage: bool
    active: bool
    hip_deg: float
    most_lean_deg: float = 91.0
    start_lean_deg: float = 0.0
    least_fall_deg: float = 0.0


def _variant(athlete: Athlete, variant: Variant, draw: Draw) -> Athlete:
    if variant == "assisted":
        return msgspec.structs.replace(
            athlete,
            assist_share=draw.between(0.05, 0.2),
            assist="band" if draw.often(0.5) else "pulley",
        )
    return msgspec.structs.replace(athlete, incline_deg=draw.between(20.0, 40.0))


def _adapt(style: _Style, athlete: Athlete, variant: Variant, draw: Draw) -> None:
    """Who is helped comes back actively more often; on a slope straight knees end the way.

    Half of those on a slope begin leaning back, with the knees at a right angle.
    """
    style.active = draw.often(0.5)
    style.least_fall_deg = 12.0  # falls are slower: a shorter one is hardly one
    style.descent_s = max(style.descent_s, draw.between(3.0, 4.0))  # less load leaves more control
    if variant == "assisted":
        return
    straight = 90.0 - athlete.incline_deg
    style.end_lean_deg = straight - draw.between(2.0, 8.0)
    style.most_lean_deg = straight
    style.start_lean_deg = -athlete.incline_deg if draw.often(0.5) else 0.0


def _style(draw: Draw) -> _Style:
    style = _Style()
    style.shape = "min_jerk" if draw.often(0.5) else "ramped"
    style.descent_s = draw.between(2, 8)
    style.end_lean_deg = draw.between(80, 90)
    style.return_s = draw.between(0.6, 2.0)
    style.two_stage = draw.often(0.35)
    style.active = draw.often(0.1)
    style.hip_deg = draw.between(0, 18)
    return style


def _rep(draw: Draw, style: _Style, break_lean: float | None, number: int) -> NordicRep:
    descent = float(np.clip(style.descent_s * draw.between(0.82, 1.18), 2.0, 8.0))
    partial = None
    if draw.often(0.08):
        # Clearly counted, or clearly too small to be counted: between them people would differ as well.
        partial = draw.between(0.38, 0.6) if draw.often(0.6) else draw.between(0.12, 0.16)
    if partial is not None and partial > 0.3 and style.start_lean_deg < 0.0:
        partial = None  # it would end about upright, where nothing is loaded
    breaks = break_lean is not None and partial is None and draw.often(0.9)
    stops: tuple[Stop, ...] = ()
    if draw.often(0.1) and partial is None and (not breaks or (break_lean or 0) > 28):
        at = draw.between(0.3, 0.7) if not breaks else draw.between(0.2, 0.25)
        # Stops are clearly shorter or longer than the half second that makes a phase.
        stops = (Stop(at=at, seconds=draw.between(0.1, 0.3) if draw.often(0.5) else draw.between(0.8, 1.6)),)
        descent = max(descent, 4.0)
    fatigue = min(0.6 * number, 4.0)
    active = style.active or partial is not None
    lean = None if not breaks or break_lean is None else max(break_lean + draw.between(-4, 4) - fatigue, 15.0)
    return NordicRep(
        shape=style.shape,
        descent_s=descent if partial is None else max(1.0, descent * partial * 1.2),
        end_lean_deg=_end(style, draw),
        partial=partial,
        stops=stops,
        break_lean_deg=lean,
        residual=draw.between(0.2, 0.75),
        decay_s=draw.between(0.1, 0.35),
        catch_lean_deg=_catch(style, draw, lean),
        back="active" if active and not breaks else "hands",
        turn_s=draw.between(0.05, 0.3) if active and not breaks else _lying(draw),
        return_s=style.return_s * draw.between(0.85, 1.15) * (1.3 if active else 1.0),
        return_shape="min_jerk" if draw.often(0.7) else "ramped",
        push_lean_deg=draw.between(35, 60) if style.two_stage else None,
        push_pause_s=draw.between(0.05, 0.3),
        end_rest_lean_deg=_rest_lean(style, draw),
        pause_s=draw.between(0.3, 4.0),
        hip_flexion_deg=style.hip_deg * draw.between(0.6, 1.4),
        shank_shift_deg=draw.between(-2, 3),
        tremor_deg=draw.between(0, 0.12),
        tremor_hz=draw.between(6, 10),
        pretension_n=draw.between(5, 45),
    )


def _catch(style: _Style, draw: Draw, lean: float | None) -> float:
    """Where the hands catch a fall; on a slope straight knees stop it before."""
    catch = draw.between(58, 76)
    if style.least_fall_deg == 0.0:
        return catch
    return max(min(catch, style.most_lean_deg - 9.0), (lean or 0.0) + style.least_fall_deg)


def _rest_lean(style: _Style, draw: Draw) -> float:
    """Where the way back ends; some sit back on their heels."""
    if draw.often(0.9):
        return style.start_lean_deg + draw.between(-3, 4)
    back = draw.between(-45, -20)
    return back if style.start_lean_deg == 0.0 else style.start_lean_deg


def _end(style: _Style, draw: Draw) -> float:
    """Where the descent ends."""
    return float(
        np.clip(
            style.end_lean_deg + draw.between(-3, 3), min(78, style.most_lean_deg - 10), style.most_lean_deg
        )
    )


def _lying(draw: Draw) -> float:
    return 0.0 if draw.often(0.25) else draw.between(0.2, 4.0)
