"""What one burst of strap force was: a descent to the floor, one that was lost, one that turned back up, or none.

The body is one link over the knees. Held by the straps it obeys (``references``: torque of gravity minus
inertia)::

    force / full = sin(lean) - lean'' / k²

with ``full`` the force at lean 90 degrees and ``k²`` the angular acceleration of a free fall from there. A
burst is read in three ways, and each has a likelihood for every ``full`` (:mod:`~eccentra.stages.nordic_whole`):

- *arrival*: in control to the floor, where force goes within some tenths of a second from a level near
  ``full``, at which it was no longer rising;
- *fall*: control is lost where force falls while it was still rising; integrated under the measured force the
  body reaches the floor when the straps come loose;
- *turn*: the person comes back up in the straps; force divided by ``full`` tells how far down it went.

The start is fitted (:mod:`~eccentra.stages.nordic_rise`).
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np

from eccentra.samples import Floats
from eccentra.stages.nordic_rise import RiseRule, fit_rise
from eccentra.stages.nordic_whole import Fall, Whole, at_full, fall_through
from eccentra.stages.strokes import smooth

__all__ = ["Burst", "BurstRule", "Kind", "Reading", "read_burst", "take_burst"]

Kind = Literal["arrival", "fall", "turn"]
_FLOOR_RAD = math.radians(86.0)


class BurstRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a burst is read.

    Attributes
    ----------
    rising_per_s
        Force that still rises by this share per s when it falls was not yet at the floor.
    rising_arrival, flat_fall
        Likelihoods of force that rises up to an arrival, and that does not rise up to a fall.
    stay_share, stay_s
        Force that stays near its peak for longer than this share of its rise is not rising, but turns; who
        stays longer than ``stay_s`` has stopped.
    unlike_turn
        How much less likely a turn is that stops for long, then goes at once, or goes suddenly.
    sudden_loss, gradual_loss, gradual_fall
        Hands that catch a fall take so much of the force within 0.08 s; who comes back up loses less at a time.
        Likelihood of a fall that ends like that.
    arrival_share
        At the arrival force is at least this share of the peak: braking just before takes more.
    slow_ratio, slow_fall
        Force seldom goes by less than this share of the quickness it came with in a fall.
    sudden_ratio
        Nobody comes back up so many times more quickly than he went down.
    release_s
        Hands take over within this time.
    """

    rising_per_s: float
    rising_arrival: float
    flat_fall: float
    stay_share: float
    stay_s: float
    unlike_turn: float
    sudden_loss: float
    gradual_loss: float
    gradual_fall: float
    arrival_share: float
    slow_ratio: float
    slow_fall: float
    sudden_ratio: float
    release_s: float


class Burst(msgspec.Struct, frozen=True, kw_only=True):
    """A burst before it is decided what it was; indices of rows.

    Attributes
    ----------
    peak
        Greatest force above the level before, N.
    level
        Greatest force without what inertia does, N: that of the lowest lean of one that turned.
    arrived, corner, release, bottom
        Where force goes for good; where it begins to fall from its peak; where the straps come loose after
        that; the lowest point of one that turned.
    rise_s
        From a tenth to four fifths of the peak.
    weights
        Likelihoods of the readings for every ``full``.
    """

    peak: float
    level: float
    arrived: int
    corner: int
    release: int
    bottom: int
    rise_s: float
    fall: Fall
    weights: dict[Kind, Floats]

    def kind(self, whole: Whole) -> Kind:
        """The most likely reading, with what is known of ``full``."""
        return max(self.weights, key=lambda kind: whole.weigh(self.weights[kind]) * whole.before(kind))

    def sure(self, whole: Whole) -> float:
        """Probability of that reading."""
        all_of = [whole.weigh(self.weights[kind]) * whole.before(kind) for kind in self.weights]
        return max(all_of) / max(math.fsum(all_of), 1e-300)

    def evidence(self) -> Floats:
        """Likelihood of every ``full``, however the burst is read."""
        return sum(self.weights.values(), np.zeros_like(self.fall.speed))

    def lean(self, whole: Whole) -> float:
        """Lean at the lowest point in control, rad."""
        kind = self.kind(whole)
        if kind == "arrival":
            return _FLOOR_RAD
        full = math.exp(whole.about(self.weights[kind])[0])
        return math.asin(min((self.level if kind == "turn" else self.peak) / full, 0.999))


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A burst read as a lowering; times in s.

    Attributes
    ----------
    kind
        How it ended.
    start, end
        Of the lowering.
    start_spread
        How far readings of the rise disagree about the start.
    held_s
        From the start until control ended.
    lean
        At the lowest point in control, rad.
    misfit
        Of the rise, in standard errors of the model.
    length
        Time that the whole descent would have taken, s.
    """

    kind: Kind
    start: float
    end: float
    start_spread: float
    held_s: float
    lean: float
    misfit: float
    length: float


def take_burst(t: Floats, net: Floats, begin: int, whole: Whole, rule: BurstRule, k2: float) -> Burst | None:
    """Take a burst apart.

    Parameters
    ----------
    t, net
        float64, shape (n,): evenly spaced s; N above the level before the burst.
    begin
        Index at which the burst was noticed.
    whole
        What is known of the force of a full lowering.
    k2
        Angular acceleration of the free fall, rad/s².
    """
    hz = 1.0 / float(t[1] - t[0])
    peak_at = begin + int(np.argmax(net[begin:]))
    peak = float(net[peak_at])
    if peak <= 0.0 or peak_at <= begin:
        return None
    last = begin + int(np.flatnonzero(net[begin:] > 0.25 * peak)[-1])
    arrived = _drop(net, begin, last, hz)
    fallen = [
        _fall(net, begin, corner, last, peak, hz, whole, rule, k2)
        for corner in _corners(net, begin, last, peak_at, hz)
    ]
    corner, release, end, fall, falls = max(fallen, key=lambda one: whole.weigh(one[4]))
    # inertia, undone: the two-sided exponential that turns force into lean has this standard deviation
    lean = smooth(net, hz, math.sqrt(2.0 / k2))
    level = float(lean[begin : last + 1].max())
    # stopping just before the floor takes more than holding there
    arrives = float(net[max(arrived - round(0.4 * hz), begin) : arrived + 1].min())
    turn = whole.at_least(level) * whole.rule.turn
    if _sudden(net, begin, last, peak) > rule.sudden_ratio:
        turn = turn * rule.unlike_turn
    elif _stays(net, corner, begin, peak)[0] > rule.stay_s * hz and last - arrived <= rule.release_s * hz:
        turn = turn * np.where(whole.leans(level) < 0.7, rule.unlike_turn, 1.0)
    at_floor = float(net[arrived]) >= rule.arrival_share * peak and (last - arrived) <= rule.release_s * hz
    weights: dict[Kind, Floats] = {
        "arrival": whole.arrival(arrives)
        * float(at_floor)
        * (rule.rising_arrival if _rises_to_the_end(net, corner, begin, hz, rule.rising_per_s) else 1.0),
        "fall": falls,
        "turn": turn,
    }
    return Burst(
        peak=peak,
        level=level,
        arrived=arrived,
        corner=corner,
        release=release,
        bottom=_lowest(net, begin, last, peak, hz),
        rise_s=_rise(t, net[begin:], peak),
        fall=fall,
        weights=weights,
    )


def read_burst(
    t: Floats, net: Floats, begin: int, burst: Burst, whole: Whole, rise: RiseRule, k2: float
) -> Reading | None:
    """Times of a burst that is a lowering; ``None`` when its rise cannot be read."""
    kind = burst.kind(whole)
    about = whole.about(burst.weights[kind])
    lean = burst.lean(whole)
    top = {"arrival": burst.arrived, "fall": burst.corner, "turn": burst.bottom}[kind]
    end = float(t[top])
    if kind == "fall":
        rest = (_FLOOR_RAD - math.radians(whole.rule.catch_deg)) / max(
            at_full(burst.fall.speed, about[0]), 0.5
        )
        fell = at_full(burst.fall.seconds, about[0])
        caught = float(t[burst.release] - t[burst.corner])
        # who lets go is caught when the straps are slack already
        end += (caught if fell < 1.35 * caught else fell) + min(rest, 0.5)
    found = fit_rise(
        t,
        net,
        begin,
        top,
        scale=min(max(math.exp(about[0]), burst.level), burst.peak / 0.45),
        full=(about[0], max(about[1], 0.05)),
        depth=_FLOOR_RAD if kind != "turn" else max(lean, math.radians(10.0)),
        k2=k2,
        rule=rise,
    )
    if found is None:
        return None
    return Reading(
        kind=kind,
        start=found.start,
        end=end,
        start_spread=found.spread,
        held_s=float(t[top]) - found.start,
        lean=lean,
        misfit=found.misfit,
        length=found.length,
    )


def _rise(t: Floats, net: Floats, peak: float) -> float:
    """Time that the force took from a tenth to four fifths of its peak, s."""
    top = int(np.argmax(net >= 0.8 * peak))
    below = np.flatnonzero(net[: top + 1] < 0.1 * peak)
    return float(t[top] - t[below[-1] if len(below) else 0])


def _lowest(net: Floats, begin: int, last: int, peak: float, hz: float) -> int:
    """Lowest point of a lowering that is pulled back up: where a short unloading begins, or the middle."""
    above = np.flatnonzero(net[begin : last + 1] > 0.75 * peak) + begin
    holes = np.flatnonzero(np.diff(above) > 0.1 * hz)
    for hole in holes.tolist():
        a, b = int(above[hole]), int(above[hole + 1])
        if float(net[a:b].min()) < 0.5 * peak:
            return a
    # inertia, undone: variance of the two-sided exponential of 0.3 s that turns force into lean
    lean = smooth(net, hz, 0.45)
    return begin + int(np.argmax(lean[begin : last + 1]))


def _drop(net: Floats, begin: int, last: int, hz: float) -> int:
    """Index where force begins to fall for good, within the last 1.5 s of a burst."""
    ahead = round(0.3 * hz)
    first = max(begin, last - round(1.5 * hz))
    at = last
    for i in range(first, last + 1):
        if float(net[i : i + ahead + 1].min()) < 0.7 * float(net[i]) and net[i] > 0.25 * net[begin:].max():
            at = i
            break
    part = net[at : min(at + ahead, len(net) - 1) + 1]
    top = int(np.argmax(part))
    return at + int(np.flatnonzero(part >= 0.95 * float(part[top]))[-1])


def _corners(net: Floats, begin: int, last: int, peak_at: int, hz: float) -> list[int]:
    """Where control may have been lost: force falls from there, and need not be at its greatest.

    Who stops before takes force back first; who still pulls while falling takes it up again.
    """
    peak = float(net[peak_at])
    ahead = round(0.3 * hz)
    late = begin + int(np.flatnonzero(net[begin:] > 0.5 * peak)[-1])
    out = [_climb(net, begin, late, hz), peak_at]
    i = max(begin, last - round(1.6 * hz))
    while i <= last:
        here = float(net[i])
        if here > 0.25 * peak and float(net[i : i + ahead + 1].min()) < 0.85 * here:
            out.append(i + int(np.argmax(net[i : min(i + ahead, last) + 1])))
            i = out[-1] + ahead
        i += 1
    found: list[int] = []
    for i in out:
        while i < last and float(net[i + 1]) >= 0.97 * float(net[max(i - ahead, begin) : i + 1].max()):
            i += 1
        # what comes after a fall began is less, or it was no fall
        after = float(net[min(i + ahead, last) : last + 1].max())
        if float(net[i]) < 0.7 * peak:  # on the way back up
            continue
        if after < 0.9 * float(net[i]) and all(abs(i - j) * 20 > hz for j in found):
            found.append(i)
    return found or [peak_at]


def _climb(net: Floats, begin: int, i: int, hz: float) -> int:
    """Back from ``i`` to where force began to fall to there."""
    back = round(0.3 * hz)
    even = smooth(net[begin : i + 1], hz, 0.05)
    i -= begin
    while i > 0:
        first = max(i - back, 0)
        top = first + int(np.argmax(even[first : i + 1]))
        if float(even[top]) < 1.02 * float(even[i]):
            break
        i = top
    return begin + i


def _fall(
    net: Floats,
    begin: int,
    corner: int,
    last: int,
    peak: float,
    hz: float,
    whole: Whole,
    rule: BurstRule,
    k2: float,
) -> tuple[int, int, int, Fall, Floats]:
    """The burst as a fall from ``corner``: corner, release, end, the fall, its likelihood."""
    end = last
    while end < len(net) - 1 and float(net[end]) >= 0.15 * peak:
        end += 1
    rising = _rises_to_the_end(net, corner, begin, hz, rule.rising_per_s)
    stayed, share = _stays(net, corner, begin, peak)
    rising = rising and (share < rule.stay_share or stayed > rule.stay_s * hz)
    slope = max(_rate(net, corner, begin, hz), 0.0) * float(net[corner])
    sudden = _sudden(net, begin, last, peak)
    fall = fall_through(
        net, corner, 2 * (end - corner) + round(0.5 * hz), dt=1.0 / hz, slope=slope, k2=k2, catch=whole.catch
    )
    best: tuple[float, int, Floats] | None = None
    for release, loss in _releases(net, corner, end, peak, hz):
        loose = (loss - rule.gradual_loss) / (rule.sudden_loss - rule.gradual_loss)
        likelihood = whole.caught(fall, max(release - corner, 1) / hz) * min(
            max(loose, rule.gradual_fall), 1.0
        )
        found = (whole.weigh(likelihood), release, likelihood)
        if best is None or found[0] > best[0]:
            best = found
    assert best is not None  # there is always one release
    return (
        corner,
        best[1],
        end,
        fall,
        best[2] * (1.0 if rising else rule.flat_fall) * (1.0 if sudden > rule.slow_ratio else rule.slow_fall),
    )


def _releases(net: Floats, corner: int, end: int, peak: float, hz: float) -> list[tuple[int, float]]:
    """Where the straps may come loose after a corner, and the share of force lost there in 0.08 s.

    Control may be lost as suddenly as the hands catch, and the hands may push at once.
    """
    back = round(0.08 * hz)
    first = min(corner + round(0.12 * hz), end)
    last = min(end + back, len(net) - 1)
    before = np.maximum(net[np.maximum(np.arange(first, last + 1) - back, corner)], 0.12 * peak)
    losses = ((before - net[first : last + 1]) / before).tolist()
    out: list[tuple[int, float]] = []
    for i, loss in enumerate(losses):
        near = losses[max(i - back, 0) : i + back + 1]
        if loss == max(near) and (loss > 0.2 or loss == max(losses)):
            at = i
            while at > 0 and losses[at] > 0.5 * loss:
                at -= 1
            out.append((first + at, loss))
    return out


def _rate(net: Floats, corner: int, begin: int, hz: float) -> float:
    """Relative rise of force just before it falls, 1/s."""
    a, b = max(begin, corner - round(0.3 * hz)), corner - round(0.1 * hz)
    if b - a < 3:
        return 0.0
    return float(net[b] - net[a]) / ((b - a) / hz) / max(float(net[b]), 1e-9)


def _stays(net: Floats, corner: int, begin: int, peak: float) -> tuple[int, float]:
    """How many rows force was near its peak up to ``corner``, and as a share of the rise to there."""
    high = begin + int(np.argmax(net[begin:] >= 0.8 * peak))
    low = high
    while low > 0 and float(net[low]) > 0.25 * peak:
        low -= 1
    return corner - high, (corner - high) / max(high - low, 1)


def _sudden(net: Floats, begin: int, last: int, peak: float) -> float:
    """How many times more quickly force went, from four fifths to a quarter of its peak, than it came."""
    high = np.flatnonzero(net[begin : last + 1] >= 0.8 * peak) + begin
    low = int(high[0])
    while low > 0 and float(net[low]) > 0.25 * peak:
        low -= 1
    return (int(high[0]) - low) / max(last - int(high[-1]), 1)


def _rises_to_the_end(net: Floats, corner: int, begin: int, hz: float, least: float) -> bool:
    """Force was still rising when it fell.

    Stopping above the floor takes more force than going on, so a step up just before does not say so.
    """
    rate, before = _rate(net, corner, begin, hz), _rate(net, corner - round(0.5 * hz), begin, hz)
    return rate > least and rate <= 3.0 * max(before, least)
