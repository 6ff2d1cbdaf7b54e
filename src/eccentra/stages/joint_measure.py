"""One repetition taken apart: strokes away and back, their zero-velocity times, stops, range, courses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from eccentra.events import PhaseKind
from eccentra.samples import NS_PER_S, Floats, Times
from eccentra.stages.hinge import Bend, HingeRule
from eccentra.stages.inclination import Vector
from eccentra.stages.joint import Stage
from eccentra.stages.joint_course import Course
from eccentra.stages.joint_grid import Angle, Columns, Grid, even_rows, tracked_angle
from eccentra.stages.joint_rise import rise_of
from eccentra.stages.joint_speed import WaySpeed, way_speed
from eccentra.stages.strokes import Stroke, join_strokes, smooth

__all__ = ["Measured", "Span", "measure"]

# Boundaries within this of missing rows are not known.
_NEAR_S = 0.15
# Poses that differ by less than this share of the range are the same start pose.
_NEAR_SHARE = 0.12
# A minimum-jerk stroke is that much longer at an end than what of it is faster than half of its peak.
_SOFT_SHARE = 0.6


class Span(msgspec.Struct, frozen=True):
    """A phase in s from the first row."""

    kind: PhaseKind
    start: float
    end: float


class Measured(msgspec.Struct, kw_only=True):
    """What was found.

    ``t0`` is the session time of the first row in ns; ``spans`` tile the repetition. Angles in degrees:
    ``start_off`` from the pose in which the person rested, ``end_off`` from the own start. ``second_range``
    is the smallest range of the segments after the first one. ``linger_s`` is how much longer it stayed
    near the far end than a movement at its speed that turns around there. ``back_share`` is how much of the
    way was left when it ended. ``rise`` is how sure it is that the first sensor rose on the way away, in
    standard errors.
    ``leans`` are the inclinations of the rule's segments since the start while there is load, ``bend`` is
    what a joint's two sensors saw.
    ``open_s`` is how much later than the last row it seems to end: the soft end of a slow way back.
    ``errors_s`` are the standard errors of an end of the way away, and of one of the way back, in s.
    """

    t0: int
    homes: dict[str, Vector]
    axis: Vector
    spans: list[Span]
    rom: float
    first_rom: float
    roms: dict[str, float]
    whole: bool
    second_range: float | None
    rise: float
    open_s: float
    start_off: float
    end_off: float
    back_share: float
    errors_s: tuple[float, float]
    away_s: float
    hold_s: float
    linger_s: float
    back_s: float
    turns: int
    stops: int
    eccentric: WaySpeed | None
    concentric: WaySpeed | None
    courses: dict[str, Floats]
    leans: tuple[Floats, ...]
    bend: Bend | None
    step_s: float
    gap_start: bool
    gap_end: bool
    gap_inside: bool
    interpolated: bool
    no_gyroscope: bool

    @property
    def start(self) -> float:
        """Begin of the first phase in s."""
        return self.spans[0].start

    @property
    def end(self) -> float:
        """End of the last phase in s."""
        return self.spans[-1].end

    def total(self, kind: PhaseKind) -> float:
        """Summed length of the phases of one kind in s."""
        return math.fsum(s.end - s.start for s in self.spans if s.kind == kind)

    @property
    def moving_s(self) -> float:
        """Time of the strokes, without stops."""
        return math.fsum(s.end - s.start for s in self.spans if s.kind != "isometric")

    def us(self, s: float) -> int:
        """Session time in µs of a time in s."""
        return (self.t0 + round(s * NS_PER_S)) // 1000


def measure(
    t: Times,
    x: Floats,
    *,
    stage: Stage,
    rule_at: int,
    columns: Columns,
    homes: dict[str, Vector],
    since_ns: int,
    step_ns: int,
) -> Measured | None:
    """Take apart the repetition in these rows; ``None`` when there is no stroke away and back in them.

    Parameters
    ----------
    t, x
        Aligned rows, from some seconds before the departure to now.
    rule_at
        Which of the stage's ways to track the angle.
    homes
        "Up" in each sensor's frame in the start pose.
    since_ns
        Last moment known to be in the start pose.
    """
    grid = even_rows(t, x, columns, step_ns)
    if grid is None:
        return None
    since = int(grid.t.searchsorted((since_ns - grid.t0) / NS_PER_S))
    angle = tracked_angle(grid, columns, stage.angles[rule_at], homes, since)
    if angle is None:
        return None
    course = Course(grid, angle, stage, since)
    found = _ways(course, stage, since)
    if found is None:
        return None
    away, back, turns = found
    open_s = max(back[-1].end_s - float(grid.t[-1]), 0.0)
    back[-1].end_s -= open_s
    spans, hold_s, stops = _phases(away, back, stage)
    return _numbers(
        course, angle, stage, rule_at, columns, homes, spans, (away, back), hold_s, stops, turns, open_s
    )


def _ways(course: Course, stage: Stage, since: int) -> tuple[list[Stroke], list[Stroke], int] | None:
    """Strokes of the way away and of the way back, joined at short stops, and changes of direction."""
    grid, strokes = course.grid, course.strokes
    from_s = float(grid.t[min(since, len(grid.t) - 1)]) - stage.pose.touch_memory_s
    strokes = [s for s in strokes if s.end_s > from_s]
    if not strokes:
        return None
    # the far end comes after the last moment in the start pose: before it may be that of another movement
    since_s = float(grid.t[min(since, len(grid.t) - 1)])
    outward = [k for k, s in enumerate(strokes) if s.sign > 0 and s.end_s > since_s]
    if not outward:
        return None
    top = max(outward, key=lambda k: course.at(strokes[k].end_s))
    away = _outward(course, strokes[: top + 1], stage)
    back = _homeward(course, strokes[top + 1 :], away, stage)
    if not back:
        return None
    away = _from_rest(course, away, back, stage)
    inside = [s for s in strokes if away[0].first <= s.first and s.last <= back[-1].last]
    turns = sum(a.sign != b.sign for a, b in pairwise(inside))
    stop_s = stage.phases.stop_s
    return join_strokes(away, stop_s=stop_s), join_strokes(back, stop_s=stop_s), turns


def _outward(course: Course, strokes: list[Stroke], stage: Stage) -> list[Stroke]:
    """Strokes that make the way away: what came before the last time near the start is none of it."""
    high, stop_s = course.at(strokes[-1].end_s), stage.phases.stop_s
    beyond = -stage.count.arrived_share * high
    out: list[Stroke] = []
    for stroke in reversed(strokes):
        if stroke.sign < 0:
            if course.at(stroke.end_s) < 0.3 * high:
                break
            continue
        near = bool(out) and course.at(stroke.end_s) < _NEAR_SHARE * high
        if near and course.at(stroke.start_s) < beyond:
            break  # from the other side into the start pose
        if near and out[-1].start_s - _seen_end(course, stroke) >= stop_s:
            break  # swaying a little, then a rest, is not yet the movement
        out.append(stroke)
    return out[::-1]


def _from_rest(course: Course, away: list[Stroke], back: list[Stroke], stage: Stage) -> list[Stroke]:
    """Without what led to a rest in the pose that one came back to: the movement began in that pose."""
    end = course.at(back[-1].end_s)
    near = _NEAR_SHARE * (course.at(away[-1].end_s) - course.at(away[0].start_s))
    for k in range(len(away) - 1, 0, -1):
        rested = away[k].start_s - _seen_end(course, away[k - 1]) >= stage.phases.stop_s
        pose, before = course.at(away[k].start_s), course.at(away[k - 1].start_s)
        if rested and abs(pose - end) < min(near, abs(before - end)):
            return away[k:]
    return away


def _seen_end(course: Course, stroke: Stroke) -> float:
    """End of a small stroke, in s: what creeps on after it, as inclinations settle, is none of it."""
    first, last = (float(course.grid.t[k]) for k in (stroke.first, stroke.last))
    return min(stroke.end_s, last + _SOFT_SHARE * (last - first))


def _homeward(course: Course, strokes: list[Stroke], away: list[Stroke], stage: Stage) -> list[Stroke]:
    """Strokes of the way back, until the start is reached."""
    low, high = course.at(away[0].start_s), course.at(away[-1].end_s)
    near = max(stage.count.arrived_share * (high - low), 2.0)
    least = max(0.06 * (high - low), course.least)
    out: list[Stroke] = []
    for stroke in strokes:
        if stroke.sign > 0:
            if out and course.at(stroke.start_s) < low + stage.count.turn_share * (high - low):
                break
            continue
        if out and course.at(out[-1].end_s) <= low + near:
            break
        if abs(course.at(stroke.end_s) - course.at(stroke.start_s)) >= least or not out:
            out.append(stroke)
    return out


def _phases(away: list[Stroke], back: list[Stroke], stage: Stage) -> tuple[list[Span], float, int]:
    """Phases that tile the repetition, the time of the hold at the far end, and the number of other stops."""
    spans: list[Span] = []
    for stroke in away:
        if spans:
            spans.append(Span("isometric", spans[-1].end, stroke.start_s))
        spans.append(Span(stage.first, stroke.start_s, stroke.end_s))
    far, turn = spans[-1].end, max(back[0].start_s, spans[-1].end)
    hold_s = 0.0
    rule = stage.phases
    if turn - far >= max(rule.stop_s, rule.stop_share * (back[-1].end_s - away[0].start_s)):
        hold_s = turn - far
        spans.append(Span("isometric", far, turn))
    elif spans[-1].start < turn:
        spans[-1] = Span(stage.first, spans[-1].start, turn)
    for stroke in back:
        if stroke is not back[0]:
            spans.append(Span("isometric", spans[-1].end, stroke.start_s))
        spans.append(Span(stage.second, spans[-1].end, max(stroke.end_s, spans[-1].end)))
    return spans, hold_s, len(away) + len(back) - 2


def _numbers(
    course: Course,
    angle: Angle,
    stage: Stage,
    rule_at: int,
    columns: Columns,
    homes: dict[str, Vector],
    spans: list[Span],
    ways: tuple[list[Stroke], list[Stroke]],
    hold_s: float,
    stops: int,
    turns: int,
    open_s: float,
) -> Measured:
    grid, segments = course.grid, stage.angles[rule_at].segments
    start, end = spans[0].start, spans[-1].end
    a, b = int(grid.t.searchsorted(start)), int(grid.t.searchsorted(end)) + 1
    loaded = max(s.end for s in spans if s.kind != "return")
    c = int(grid.t.searchsorted(loaded)) + 1
    leans = {name: smooth(lean, 1.0 / grid.step_s, course.smear)[a:c] for name, lean in angle.leans.items()}
    roms = {name: float(np.ptp(lean)) for name, lean in leans.items()}
    inside = course.angle[a:b]
    rom = float(np.ptp(course.angle[a:c]))
    low, high, last = course.at(start), float(inside.max()), course.at(end)
    eccentric = ways[0] if stage.first == "eccentric" else ways[1]
    concentric = ways[1] if stage.second == "concentric" else ways[0] if stage.first == "concentric" else []
    first = segments[0]
    worn = [s for s in segments if s in grid.have]
    near = _NEAR_S
    gap_start = any(grid.missing(s, start - near, start + near) for s in worn)
    gap_end = any(grid.missing(s, end - near, end + near) for s in worn)
    gap_inside = any(grid.missing(s, start - near, end + near) for s in worn)
    return Measured(
        t0=grid.t0,
        homes=homes,
        axis=angle.axes[first],
        spans=spans,
        rom=rom,
        first_rom=roms[first],
        roms=roms,
        whole=angle.whole and all(s in worn for s in segments),
        second_range=min((roms[s] for s in segments[1:] if s in roms), default=None),
        rise=_rise(course, stage, columns, first, ways, roms[first]),
        open_s=open_s,
        start_off=abs(float(np.interp(start, grid.t, angle.leans[first]))),
        end_off=abs(last - low),
        back_share=(last - low) / max(high - low, 1.0),
        errors_s=(course.end_error(ways[0], len(angle.leans)), course.end_error(ways[1], len(angle.leans))),
        away_s=ways[0][-1].end_s - start,
        hold_s=hold_s,
        linger_s=_linger(grid.t[a:b], inside, _stopped(spans) - hold_s),
        back_s=end - ways[1][0].start_s,
        turns=turns,
        stops=stops,
        eccentric=way_speed(course, eccentric, stage.metrics),
        concentric=way_speed(course, concentric, stage.metrics) if concentric else None,
        courses=_segment_courses(grid, columns, homes, angle, a, b),
        leans=tuple(leans[s] for s in segments if s in leans),
        bend=None if stage.hinge is None else _bend(grid, columns, angle, roms, (a, b), stage.hinge),
        step_s=grid.step_s,
        gap_start=gap_start,
        gap_end=gap_end,
        gap_inside=gap_inside,
        interpolated=_bridged(grid, columns, worn, a, b),
        no_gyroscope=bool(np.isnan(grid.x[0, columns.rate[first]])),
    )


def _stopped(spans: list[Span]) -> float:
    """Length of all stops in s."""
    return math.fsum(s.end - s.start for s in spans if s.kind == "isometric")


def _linger(t: Floats, angle: Floats, stops_s: float) -> float:
    """Time in the last fifth of the way, less that of a smooth movement: 0.9 of its three fifths before.

    ``stops_s`` is the time of stops on the way, which says nothing of the speed there.
    """
    low, high = float(angle[0]), float(angle.max())
    below, above = angle < low + 0.2 * (high - low), angle >= low + 0.8 * (high - low)
    first, last = int(above.argmax()), len(above) - 1 - int(above[::-1].argmax())
    out = below[:first].nonzero()[0]
    back = below[last:].nonzero()[0]
    leave = float(t[out[-1]]) if len(out) else float(t[0])
    arrive = float(t[last + int(back[0])]) if len(back) else float(t[-1])
    way = max(float(t[first]) - leave + arrive - float(t[last]) - max(stops_s, 0.0), 0.0)
    return max(float(t[last] - t[first]) - 0.9 * way, 0.0)


def _rise(
    course: Course,
    stage: Stage,
    columns: Columns,
    segment: str,
    ways: tuple[list[Stroke], list[Stroke]],
    rom: float,
) -> float:
    t, at = course.grid.t, columns.acc[segment]
    spans = [
        (int(t.searchsorted(s.start_s)), int(t.searchsorted(s.end_s)), sign)
        for strokes, sign in zip(ways, (1, -1), strict=True)
        for s in strokes
    ]
    acc = course.grid.x[:, at : at + 3]
    # an offset that stays with the sensor is seen from two sides that differ by the sensor's turn
    turn = math.radians(min(max(rom, 0.0), 180.0))
    error = stage.acceleration_error_m_s2 * 2.0 * math.sin(0.5 * turn)
    return rise_of(course.grid.up(segment, columns), acc, course.grid.step_s, spans, error)


def _segment_courses(
    grid: Grid, columns: Columns, homes: dict[str, Vector], angle: Angle, a: int, b: int
) -> dict[str, Floats]:
    """How far each segment has turned from its start pose and out of its plane, in degrees.

    Nothing of a segment of which rows are missing inside: rules must not be broken by what was not seen.
    """
    out: dict[str, Floats] = {}
    for segment in grid.have:
        home = homes.get(segment)
        hole = grid.hole.get(segment)
        if home is None or (hole is not None and bool(np.any(hole[a:b]))):
            continue
        up = grid.up(segment, columns)[a:b]
        along = up[:, 0] * home[0] + up[:, 1] * home[1] + up[:, 2] * home[2]
        out[f"{segment}_turn_deg"] = np.degrees(np.arccos(np.clip(along, -1.0, 1.0)))
        axis = angle.axes.get(segment)
        if axis is not None:
            side = up[:, 0] * axis[0] + up[:, 1] * axis[1] + up[:, 2] * axis[2]
            out[f"{segment}_off_plane_deg"] = np.degrees(np.abs(np.arcsin(np.clip(side, -1.0, 1.0))))
    return out


def _bend(
    grid: Grid,
    columns: Columns,
    angle: Angle,
    roms: dict[str, float],
    rows: tuple[int, int],
    rule: HingeRule,
) -> Bend | None:
    """What both sensors of a joint saw; ``None`` with one sensor alone, without gyroscopes, or with gaps."""
    if len(roms) != 2 or not angle.whole:
        return None
    a, b = rows
    every = max(round(rule.every_s / grid.step_s), 1)
    starts = [at for segment in roms for at in (columns.up[segment], columns.rate[segment])]
    x = np.concatenate([grid.x[a:b:every, at : at + 3] for at in starts], axis=1)
    for segment in roms:
        hole = grid.hole.get(segment)
        if hole is not None:
            x[hole[a:b:every]] = np.nan
    known = x[~np.isnan(x).any(axis=1)]
    if 2 * len(known) <= len(x):
        return None
    one, two = roms
    return Bend(known, (angle.axes[one], angle.axes[two]), (roms[one], roms[two]))


def _bridged(grid: Grid, columns: Columns, worn: Sequence[str], a: int, b: int) -> bool:
    """Whether rows of a sensor were interpolated over a gap."""
    return any(bool(np.any(grid.x[a:b, columns.gap[s]] > 0.0)) for s in worn if s in columns.gap)
