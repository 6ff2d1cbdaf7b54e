"""Numbers of the straps over one repetition: onset, time to peak, peak, mean, impulse, per body mass, torque.

Onset follows isometric testing: above the quiet level of the start pose by the greater of so many of its
standard deviations and so many newtons, for so long. Peak, mean and impulse are above the level without load
(:mod:`eccentra.stages.force`), so that they do not depend on whether somebody rested under tension.

Uncertainties: of the peak, the sensor's scale, zero and step, the noise of the quiet level after the
smoothing that the peak went through and how often it could add to a long plateau, what that smoothing takes
off a sharp peak, and, for a peak at the border of its phase, where the border is; of a crossing of the
threshold, the noise by the slope there, and the grid; of a torque, both relative errors (``dM/M = dF/F +
dL/L``, independent); of mean and impulse, scale, zero, and where the phase begins. Placement of strap and
person are in none of them: they are larger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Self

import msgspec
import numpy as np

from eccentra.catalogue import Person
from eccentra.events import Flag, Force, Metric
from eccentra.samples import Floats, Side, StreamInfo
from eccentra.stages.force import PEAK_SIGMA_S, noise_left
from eccentra.stages.limits import NotNegative, Positive
from eccentra.stages.metric import metric_of
from eccentra.stages.strokes import smooth

__all__ = ["Quiet", "StrapRule", "onset", "quiet_level", "rise_rate", "strap_metrics", "tension_s"]

# Rows beside the peak that its shape is read from.
_NEAR = 10


class StrapRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How straps are read.

    Attributes
    ----------
    onset_n, onset_sd, onset_s
        Onset: above the quiet level by the greater of ``onset_n`` and ``onset_sd`` standard deviations, for
        ``onset_s``.
    offset_share
        Tension ends below this share of the onset's threshold.
    quiet_s, quiet_spread_n
        The quiet level: so long within so many newtons.
    least_quiet_s
        When the start pose was never quiet for so long, this will do, and the numbers are flagged.
    rfd_s, rfd_least_hz
        Rate of force development over so long after the onset, for straps sampled at least so often.
    sampled_hz
        How often they were sampled, before they were put on rows; ``None`` is the rate of the rows.
    lever_error_m
        Standard error of a measured lever arm.
    scale_error
        Relative standard error of a sensor's own scale.
    zero_error_n
        Standard error of its zero.
    step_n
        Resolution of the coarsest strap; 0 when it is not known.
    """

    onset_n: Positive
    onset_sd: NotNegative
    onset_s: Positive
    offset_share: NotNegative
    quiet_s: Positive
    quiet_spread_n: Positive
    least_quiet_s: Positive
    rfd_s: Positive
    rfd_least_hz: Positive
    lever_error_m: NotNegative
    scale_error: NotNegative
    zero_error_n: NotNegative
    sampled_hz: float | None = None
    step_n: float = 0.0

    def worn(self, info: StreamInfo) -> Self:
        """The same for the straps of these rows."""
        return msgspec.structs.replace(self, sampled_hz=info.sampled_hz, step_n=info.force_step_n)

    def load_error(self, load_n: float) -> float:
        """Standard error of a force that lasts, N: the sensor's scale and zero."""
        return math.hypot(self.scale_error * load_n, self.zero_error_n)


class Quiet(msgspec.Struct, frozen=True):
    """Level of the start pose, N: mean, standard deviation, and the row after it."""

    level: float
    noise: float
    until: int


def quiet_level(force: Floats, before: int, n: int, spread_n: float) -> Quiet | None:
    """The last ``n`` quiet rows that end at or before the row ``before``; ``None`` when there are none."""
    ends = np.arange(min(before, len(force)), n - 1, -max(1, n // 10))
    if not len(ends):
        return None
    rows = force[(ends - n)[:, None] + np.arange(n)]
    spread = rows.max(axis=1) - rows.min(axis=1)
    calm = spread <= spread_n  # false where a row is missing
    k = int(calm.argmax())
    if not calm[k]:
        return None
    values = rows[k].tolist()
    level = math.fsum(values) / n
    noise = math.sqrt(math.fsum((v - level) ** 2 for v in values) / (n - 1))
    return Quiet(level, noise, int(ends[k]))


def onset(net: Floats, since: int, rate_hz: float, threshold: float, held_s: float) -> float | None:
    """Place, in rows and between them, where ``net`` goes above ``threshold`` and stays so for ``held_s``."""
    k = max(1, round(held_s * rate_hz))
    above = net[since:] > threshold
    if len(above) < k:
        return None
    held = np.logical_and.reduce(np.lib.stride_tricks.sliding_window_view(above, k), axis=1)
    first = int(held.argmax())
    if not held[first]:
        return None
    i = since + first
    if first == 0:
        return float(i)
    low, high = float(net[i - 1]), float(net[i])
    return i - 1 + (threshold - low) / (high - low) if high > low else float(i)


def tension_s(net: Floats, begin: int, end: int, rate_hz: float, threshold: float, share: float) -> float:
    """Time with force on between two rows: it goes on above ``threshold``, off below ``share`` of it."""
    force = net[begin:end]
    rows = np.arange(len(force))
    # on where the last row above the threshold is later than the last one below the share of it
    on = np.maximum.accumulate(np.where(force > threshold, rows, -1))
    off = np.maximum.accumulate(np.where(force <= share * threshold, rows, -1))
    return int(np.count_nonzero(on > off)) / rate_hz


def rise_rate(net: Floats, at: float, rate_hz: float, over_s: float) -> float | None:
    """Rate of force development: mean slope over ``over_s`` from the place ``at``, N/s."""
    end = at + over_s * rate_hz
    if end > len(net) - 1:
        return None
    place = np.arange(len(net))
    first, last = float(np.interp(at, place, net)), float(np.interp(end, place, net))
    return (last - first) / over_s


def _rise_error(net: Floats, at: float, hz: float, over_s: float, onset_error: float, noise: float) -> float:
    """Standard error of the rate: noise at both ends, and an onset that may be off while force bends."""
    place = np.arange(len(net))
    ends = np.array([at, at + over_s * hz])
    slopes = (np.interp(ends + 1.0, place, net) - np.interp(ends - 1.0, place, net)) * (0.5 * hz)
    bend = abs(float(slopes[1] - slopes[0])) * onset_error / over_s
    return math.hypot(math.sqrt(2.0) * noise / over_s, bend)


class _Side:
    """One strap: its quiet level, where force begins, where it peaks."""

    def __init__(
        self,
        force: Floats,
        first: int,
        spans: Sequence[tuple[int, int]],
        hz: float,
        rule: StrapRule,
    ) -> None:
        quiet = quiet_level(force, first, round(rule.quiet_s * hz), rule.quiet_spread_n)
        self.settled = quiet is not None
        self.quiet = quiet or quiet_level(force, first, round(rule.least_quiet_s * hz), rule.quiet_spread_n)
        self.net = force
        self.onset: float | None = None
        if self.quiet is not None:
            self.net = force - self.quiet.level
            threshold = max(rule.onset_n, rule.onset_sd * self.quiet.noise)
            self.onset = onset(self.net, self.quiet.until, hz, threshold, rule.onset_s)
        self._smoothed, self._spans = smooth(force, hz, PEAK_SIGMA_S), spans
        tops = [a + int(self._smoothed[a:b].argmax()) for a, b in spans if b > a]
        self.peak_row = max(tops, key=lambda row: float(self._smoothed[row])) if tops else None
        inside = [value for a, b in spans for value in force[a:b].tolist()]
        self.seconds = len(inside) / hz
        # how far the force where they begin is below the mean, whatever the level without load is
        self.rise = math.fsum(inside) / len(inside) - inside[0] if inside else math.nan

    def peak_error(self, peak_n: float, hz: float, rule: StrapRule, turn_error_s: float) -> float | None:
        """Standard error of the peak, N."""
        if self.quiet is None or self.peak_row is None:
            return None
        # what smoothing once more takes off is what smoothing took off
        near = self._smoothed[max(0, self.peak_row - _NEAR) : self.peak_row + _NEAR + 1]
        taken = float(near.max() - smooth(near, hz, PEAK_SIGMA_S).max())
        return math.hypot(
            rule.load_error(peak_n),
            rule.step_n / math.sqrt(12.0),
            self._noise(self.quiet.noise * noise_left(hz), self.peak_row, hz),
            taken,
            0.5 * self._beyond(round(turn_error_s * hz)),
        )

    def _noise(self, left: float, peak_row: int, hz: float) -> float:
        """Noise of the peak, N: the greatest of a long plateau is its luckiest moment."""
        top = float(self._smoothed[peak_row]) - 2.0 * left
        near = sum(int(np.count_nonzero(self._smoothed[a:b] > top)) for a, b in self._spans)
        # white noise after that smoothing is independent after 2 sqrt(pi) of its width
        chances = near / (hz * 2.0 * math.sqrt(math.pi) * PEAK_SIGMA_S)
        return left * math.sqrt(max(1.0, 2.0 * math.log(max(chances, 1.0))))

    def _beyond(self, rows: int) -> float:
        """How much greater the peak is of a phase that is longer by ``rows`` at both ends than shorter."""
        longer = [self._smoothed[max(0, a - rows) : b + rows].max() for a, b in self._spans if b > a]
        shorter = [self._smoothed[a + rows : b - rows].max() for a, b in self._spans if b - a > 2 * rows]
        if not shorter:
            return 0.0
        more = float(np.max(longer) - np.max(shorter))
        return more if more > 0.0 else 0.0  # a hole beside it says nothing

    def onset_error(self, hz: float) -> float | None:
        """Standard error of the onset in s."""
        if self.onset is None or self.quiet is None or not self.settled:
            return None
        i = round(self.onset)
        a, b = max(0, i - 2), min(len(self.net) - 1, i + 2)
        slope = float(self.net[b] - self.net[a]) * hz / (b - a)
        if not slope > 0.0:
            return None
        return math.hypot(self.quiet.noise / slope, 1.0 / (hz * math.sqrt(12.0)))


def strap_metrics(
    t: Floats,
    sides: Mapping[Side, Floats],
    forces: Mapping[Side, Force | None],
    eccentric: Sequence[tuple[float, float]],
    loaded_end: float,
    *,
    rule: StrapRule,
    person: Person,
    flag: Flag | None,
    phase: str = "eccentric",
    edge_error_s: float | None = None,
    turn_error_s: float = 0.0,
) -> dict[str, Metric]:
    """What the straps say of one repetition, side by side and together.

    Parameters
    ----------
    t
        float64, shape (n,): evenly spaced times in s, from before the repetition on.
    sides
        Force as it came, N, shape (n,); NaN where it was not measured.
    forces
        Peak, mean and impulse of each side; a side without them has no numbers.
    eccentric
        Begin and end of the eccentric phases, s; ``loaded_end`` is the end of the last loaded phase.
    flag
        What touches all numbers of this repetition.
    phase
        What the phases are, for the methods' names.
    edge_error_s
        Standard error of where they begin, s; with it mean and impulse have an uncertainty.
    turn_error_s
        Standard error of a sharp end, s: force may step up there, and peak.

    Returns
    -------
    dict
        ``force_SIDE_...``, ``torque_SIDE_peak_nm`` with a lever arm, ``force_SIDE_peak_n_kg`` with a body
        mass, and ``tut_force_s`` of all straps together.
    """
    hz = 1.0 / float(t[1] - t[0])
    spans = [(int(t.searchsorted(a)), int(t.searchsorted(b, side="right"))) for a, b in eccentric]
    start = eccentric[0][0]
    out: dict[str, Metric] = {}
    read: list[_Side] = []
    for side, force in sides.items():
        one = None
        if forces.get(side) is not None:
            one = _Side(force, spans[0][0], spans, hz, rule)
            read.append(one)
        edges = (edge_error_s, turn_error_s)
        out |= _loads(side, forces.get(side), one, hz, rule, person, flag, phase, edges)
        out |= _times(side, one, t, start, hz, rule, flag)
    whole = len(read) == len(sides)
    out["tut_force_s"] = (
        _tension(read, t, loaded_end, hz, rule, flag) if whole else _missing("s", "tut_above_onset")
    )
    return out


def _missing(unit: str, method: str) -> Metric:
    return metric_of(None, unit, method, Flag.FORCE_MISSING)


def _loads(
    side: Side,
    force: Force | None,
    one: _Side | None,
    hz: float,
    rule: StrapRule,
    person: Person,
    flag: Flag | None,
    phase: str,
    edges: tuple[float | None, float],
) -> dict[str, Metric]:
    """Sizes: N, N·s, N/kg, N·m."""
    mass, lever = person.body_mass_kg, person.lever_arm_m
    flag = flag if force is not None else Flag.FORCE_MISSING
    peak = mean = impulse = peak_error = mean_error = impulse_error = None
    if force is not None and one is not None:
        peak, mean, impulse = force.peak_n, force.mean_n, force.impulse_ns
        edge_error_s, turn_error_s = edges
        peak_error = one.peak_error(peak, hz, rule, turn_error_s)
        if edge_error_s is not None:
            # d mean / d begin = (mean - force there) / length; d impulse / d begin = -force there
            lasting = rule.load_error(mean)
            mean_error = math.hypot(abs(one.rise) / one.seconds * edge_error_s, lasting)
            impulse_error = math.hypot(abs(mean - one.rise) * edge_error_s, lasting * one.seconds)
    out = {
        f"force_{side}_peak_n": metric_of(peak, "N", "peak_20hz", flag, peak_error),
        f"force_{side}_mean_n": metric_of(mean, "N", f"mean_{phase}", flag, mean_error),
        f"force_{side}_impulse_ns": metric_of(impulse, "N.s", f"impulse_{phase}", flag, impulse_error),
    }
    if mass is not None:
        out[f"force_{side}_peak_n_kg"] = metric_of(
            None if peak is None else peak / mass,
            "N/kg",
            "peak_20hz_by_mass",
            flag,
            None if peak_error is None else peak_error / mass,
        )
    if lever is not None:
        torque = error = None
        if peak is not None:
            torque = peak * lever
            if peak_error is not None:
                error = math.hypot(peak_error * lever, peak * rule.lever_error_m)
        out[f"torque_{side}_peak_nm"] = metric_of(torque, "N.m", "peak_20hz_by_lever", flag, error)
    return out


def _times(
    side: Side, one: _Side | None, t: Floats, start: float, hz: float, rule: StrapRule, flag: Flag | None
) -> dict[str, Metric]:
    """Times: onset against the start of the descent, onset to peak; and the rate of force development."""
    at = to_peak = error = rfd = rough = None
    step, sampled = 1.0 / hz, rule.sampled_hz or hz
    if one is None:
        flag = Flag.FORCE_MISSING
    elif not one.settled:
        flag = Flag.BASELINE_UNSETTLED
    if one is not None and one.onset is not None:
        at, error = float(t[0]) + one.onset * step - start, one.onset_error(hz)
        if one.peak_row is not None and one.peak_row >= one.onset:
            to_peak = (one.peak_row - one.onset) * step
        if sampled >= rule.rfd_least_hz:
            rfd = rise_rate(one.net, one.onset, hz, rule.rfd_s)
            if rfd is not None and error is not None and one.quiet is not None:
                rough = _rise_error(one.net, one.onset, hz, rule.rfd_s, error, one.quiet.noise)
    slow = Flag.RATE_TOO_LOW if sampled < rule.rfd_least_hz and one is not None else flag
    return {
        f"force_{side}_onset_s": metric_of(at, "s", "onset_sd_held", flag, error),
        f"force_{side}_time_to_peak_s": metric_of(to_peak, "s", "onset_to_peak_20hz", flag),
        f"force_{side}_rfd_n_s": metric_of(rfd, "N/s", "rfd_from_onset", slow, rough),
    }


def _tension(
    read: Sequence[_Side], t: Floats, loaded_end: float, hz: float, rule: StrapRule, flag: Flag | None
) -> Metric:
    """Time with force on, from the quiet start pose to the end of the loaded phases, all straps together."""
    if not all(one.settled for one in read):
        flag = Flag.BASELINE_UNSETTLED
    levels = [one.quiet for one in read if one.quiet is not None]
    if len(levels) < len(read):
        return metric_of(None, "s", "tut_above_onset", flag)
    net = read[0].net.copy()
    for one in read[1:]:
        net += one.net
    noise = math.sqrt(math.fsum(one.noise**2 for one in levels))
    threshold = max(rule.onset_n * len(read), rule.onset_sd * noise)
    begin, end = max(one.until for one in levels), int(t.searchsorted(loaded_end, side="right"))
    if end <= begin or bool(np.any(np.isnan(net[begin:end]))):
        return _missing("s", "tut_above_onset")
    seconds = tension_s(net, begin, end, hz, threshold, rule.offset_share)
    errors = [error for one in read if (error := one.onset_error(hz)) is not None]
    error = max(errors) if len(errors) == len(read) else None
    return metric_of(seconds, "s", "tut_above_onset", flag, error)
