"""How a way was moved: speed, its evenness, smoothness."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.joint import MetricRule
from eccentra.stages.joint_course import Course
from eccentra.stages.kinematics import sparc, variation
from eccentra.stages.strokes import Stroke

__all__ = ["WaySpeed", "way_speed"]


class WaySpeed(msgspec.Struct, frozen=True, kw_only=True):
    """Speeds of a way in degrees/s.

    Attributes
    ----------
    mean, peak
        Way by time of its strokes; 95th percentile.
    last_third
        Speed in the last third of the way, by the mean.
    core_variation
        Standard deviation by mean between the shares of ``core_share`` of its time.
    smoothness
        SPARC of the whole way, stops included.
    """

    mean: float
    peak: float
    last_third: float
    core_variation: float | None = None
    smoothness: float | None = None


def way_speed(course: Course, strokes: list[Stroke], rule: MetricRule | None) -> WaySpeed | None:
    """Numbers of the way made by these strokes; ``None`` when it is too short to have a speed."""
    t, pieces, way, seconds = course.grid.t, [], 0.0, 0.0
    for stroke in strokes:
        a, b = _rows(t, stroke)
        pieces.append(np.abs(course.fast[a:b]))
        way += abs(course.at(stroke.end_s) - course.at(stroke.start_s))
        seconds += stroke.end_s - stroke.start_s
    speed = np.concatenate(pieces) if pieces else np.empty(0)
    if len(speed) < 5 or seconds <= 0.0:
        return None
    top = np.sort(speed)
    passed = np.cumsum(speed)
    last = speed[int(passed.searchsorted(passed[-1] * 2.0 / 3.0)) :]
    mean = way / seconds
    core = smoothness = None
    if rule is not None:
        low, high = (round(share * len(speed)) for share in rule.core_share)
        core = variation(speed[low:high])
        a, b = _rows(t, strokes[0])[0], _rows(t, strokes[-1])[1]
        smoothness = sparc(
            course.spin[a:b],
            1.0 / course.grid.step_s,
            cutoff_hz=rule.smooth_cutoff_hz,
            least=rule.smooth_least,
        )
    return WaySpeed(
        mean=mean,
        peak=float(top[int(0.95 * (len(top) - 1))]),
        last_third=float(np.add.reduce(last)) / max(len(last), 1) / max(mean, 1e-6),
        core_variation=None if core is None or math.isnan(core) else core,
        smoothness=smoothness,
    )


def _rows(t: Floats, stroke: Stroke) -> tuple[int, int]:
    return int(t.searchsorted(stroke.start_s)), int(t.searchsorted(stroke.end_s)) + 1
