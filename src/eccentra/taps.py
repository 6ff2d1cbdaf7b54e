"""Sensors struck together: the same moments, seen by both, bring their clocks together. Pure.

What the host sees of a sensor's clock leaves a wait open, up to a connection interval (see
:mod:`eccentra.waiting`). A blow that two sensors feel at once does not. Its moment is taken as the centre of
the squared steps of the signal around the largest one: a blow is much shorter than a sample, and centres do
not depend on how a sensor smooths.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median

import numpy as np

from eccentra.events import CalibrationFailed, Event, Flag, TimesTapped
from eccentra.intake import Intake, Samples
from eccentra.samples import NS_PER_S, Floats, Times

__all__ = ["ASK", "TapWatch", "blows"]

ASK = (
    "Hold the sensors together and strike them on the table, or against each other, four times within "
    "15 seconds, about a second apart."
)
_WATCH_NS = 15 * NS_PER_S
_LEAST = 3
# Steps from sample to sample that hands do not make: 0.5 g within 10 ms, and 15 N.
_LEAST_STEP = {"m/s2": 5.0, "N": 15.0}
# And clearly above what was going on meanwhile.
_ABOVE_USUAL = 8.0
# Within this time everything is one blow and its echo.
_ONE_BLOW_NS = NS_PER_S // 4
# A blow and the ring of a strap are over so long after it.
_CENTRE_NS = 45_000_000
# Clocks differ by an interval and by what operating systems add; blows are further apart.
_MOST_APART_NS = 300_000_000
# Blows of one pair of sensors agree within a sample or so.
_AGREE_NS = 20_000_000
# A median of n has 1.25 times the error of a mean; twice that holds in 19 of 20 cases.
_MEDIAN_ERROR = 2.0 * 1.2533
_SPREAD = 1.4826


def blows(t: Times, x: Floats, unit: str) -> list[int]:
    """Moments of blows, ns, in order.

    Parameters
    ----------
    t, x
        Session time, shape (n,), and values, shape (n, k).
    unit
        Unit of the values, ``m/s2`` or ``N``.
    """
    if len(t) < 4:
        return []
    steps = np.diff(x, axis=0)
    size = np.sqrt(np.einsum("ij,ij->i", steps, steps))
    size[~np.isfinite(size)] = 0.0
    at = (t[1:] + t[:-1]) // 2
    least = max(_LEAST_STEP[unit], _ABOVE_USUAL * float(np.median(size)))
    found: list[int] = []
    free_from = int(at[0])
    for k in np.flatnonzero(size >= least).tolist():
        if at[k] < free_from:
            continue
        free_from = int(at[k]) + _ONE_BLOW_NS
        near = (at >= at[k] - _CENTRE_NS) & (at <= at[k] + _CENTRE_NS)
        weight = size[near] * size[near]
        since = (at[near] - at[k]).astype(np.float64)
        found.append(int(at[k]) + round(float((weight * since).sum() / weight.sum())))
    return found


class TapWatch:
    """Watches all sensors for a while, then brings their clocks together.

    Parameters
    ----------
    sensors
        Those of the session.
    now_ns
        When it was asked for.
    """

    def __init__(self, sensors: Mapping[str, Intake], now_ns: int) -> None:
        self.ends_ns = now_ns + _WATCH_NS
        self._sensors = sensors
        self._seen: dict[str, list[Samples]] = {name: [] for name in sensors}

    def see(self, name: str, samples: Samples) -> None:
        """Take samples of a sensor, as they came."""
        self._seen[name].append(samples)

    def end(self, t_us: int) -> list[Event]:
        """Correct the clocks; say by how much, or what was not seen."""
        found = {name: self._blows(name) for name in self._sensors}
        felt = [name for name, moments in found.items() if len(moments) >= _LEAST]
        if not felt:
            return [_failed(t_us, None, "no sensor felt three blows")]
        # the one that is known best stays
        reference = min(felt, key=lambda name: (self._sensors[name].clock.residual_ns, name))
        out: list[Event] = []
        for name in self._sensors:
            if name != reference:
                out.append(self._together(t_us, reference, name, found))
        return out

    def _blows(self, name: str) -> list[int]:
        seen, info = self._seen[name], self._sensors[name].info
        columns = [k for k, unit in enumerate(info.units) if unit in _LEAST_STEP]
        if not seen or not columns:
            return []
        t, x = np.concatenate([t for t, _ in seen]), np.concatenate([x for _, x in seen])
        return blows(t, x[:, columns], info.units[columns[0]])

    def _together(self, t_us: int, reference: str, name: str, found: Mapping[str, list[int]]) -> Event:
        apart = _agreeing(found[reference], found[name])
        if len(apart) < _LEAST:
            return _failed(t_us, name, f"{len(apart)} blows were felt by {name} and {reference} together")
        by_ns = round(median(apart))
        spread = _SPREAD * median(abs(one - by_ns) for one in apart)
        # three blows can agree by chance: not better than samples allow
        steps = [NS_PER_S / self._sensors[one].info.rate_hz for one in (reference, name)]
        spread = max(spread, *(step / math.sqrt(12.0) for step in steps))
        now_ns = round(_MEDIAN_ERROR * spread / math.sqrt(len(apart)))
        clock, other = self._sensors[name].clock, self._sensors[reference].clock
        before_ns = clock.residual_ns + other.residual_ns
        if not clock.correct(-by_ns, now_ns):
            return _failed(t_us, name, f"times of {name} are those of its file")
        return TimesTapped(
            t_us=t_us,
            sensor=name,
            against=reference,
            blows=len(apart),
            apart_ms=round(by_ns / 1e6, 2),
            uncertainty_before_ms=round(before_ns / 1e6, 2),
            uncertainty_ms=round(now_ns / 1e6, 2),
        )


def _agreeing(reference: list[int], other: list[int]) -> list[int]:
    """Differences other minus reference of the largest group of pairs that agree."""
    near = sorted(b - a for a in reference for b in other if abs(b - a) <= _MOST_APART_NS)
    best: list[int] = []
    for k, start in enumerate(near):
        group = [one for one in near[k:] if one - start <= _AGREE_NS]
        if len(group) > len(best):
            best = group
    return best


def _failed(t_us: int, sensor: str | None, what: str) -> CalibrationFailed:
    return CalibrationFailed(
        t_us=t_us,
        what="times",
        reason=Flag.TAPS_NOT_FELT,
        instruction=f"{what[0].upper()}{what[1:]}: times stay as they were. {ASK}",
        sensor=sensor,
    )
