"""What one burst of strap force was: a descent to the floor, one that was lost, or one that turned back up.

The body is one link over the knees. Held by the straps it obeys (``references``: torque of gravity minus
inertia)::

    force / full = sin(lean) - lean'' / k²

with ``full`` the force at lean 90 degrees and ``k²`` the angular acceleration of a free fall from there. A
burst is read in three ways, each with a likelihood for every ``full`` (:mod:`~eccentra.stages.nordic_whole`):

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
from eccentra.stages.nordic_corners import (
    corners,
    last_drop,
    lifted,
    lowest,
    pushes_off,
    rate,
    releases,
    rise_s,
    rises_to_the_end,
    stay,
    steepest,
    suddenness,
)
from eccentra.stages.nordic_rise import RiseRule, fit_rise
from eccentra.stages.nordic_whole import Fall, Whole, at_full, fall_through
from eccentra.stages.strokes import smooth

__all__ = ["FLOOR_DEG", "Burst", "BurstRule", "Kind", "Reading", "read_burst", "take_burst"]

Kind = Literal["arrival", "fall", "turn"]
FLOOR_DEG = 86.0
_FLOOR_RAD = math.radians(FLOOR_DEG)


class BurstRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a burst is read.

    Attributes
    ----------
    rising_per_s
        Force that still rises by this share per s when it falls was not yet at the floor.
    rising_arrival, flat_fall
        Likelihoods of force that rises up to an arrival, and that does not rise up to a fall.
    most_lift, lifted_arrival
        A last hump of force that takes more than so many times the mean speed off brakes no arrival;
        likelihood of one nevertheless.
    stay_share, stay_s
        Force that stays near its peak for longer than this share of its rise is not rising, but turns; who
        stays longer than ``stay_s`` has stopped.
    unlike_turn
        How much less likely a turn is that stops for long, then goes at once, or goes suddenly.
    gentle_loss, let_go_loss, gentle_fall
        Coming up takes at most so much of the peak within 0.08 s, letting go and being caught takes more.
        Likelihood of a fall in which force goes as gently as in coming up.
    sudden_loss, gradual_loss, gradual_fall
        Hands that catch a fall take so much of the force within 0.08 s; who comes back up loses less at a
        time. Likelihood of a fall that ends like that.
    arrival_share
        At the arrival force is at least this share of the peak: braking just before takes more.
    slow_ratio, slow_fall
        Force seldom goes by less than this share of the quickness it came with in a fall.
    sudden_ratio
        Nobody comes back up so many times more quickly than he went down.
    least_turn_s, quick_turn
        Shortest time of coming down and back up; more quickly only pulls below this share of ``full`` do.
    push_dip, push_more, pushed_fall
        Force between two humps that comes up again, and the second hump, as shares; likelihood of a fall
        after somebody pushed off to come up.
    release_s, caught_s
        Hands take over within this time; they have caught a fall so long after straps began to come loose.
    near_bottom
        Lean above this share of the greatest may be the lowest point; half of that time is a standard error.
    start_error_s, arrival_error_s, fall_error_s
        Standard errors of a start, beside what the families of strokes disagree by, and of the ends of an
        arrival and of a fall.
    catch_error_deg
        Hands stop a fall within a way that is known to this standard error.
    inertia
        Acceleration of a stroke as a multiple of its way over its time squared: what force at a corner is
        off by.
    stop_s, stop_share, stop_slope
        Force that for so long changes by less than this share of what an even descent would change it by, at
        levels between these shares of a full lowering, may be a stop.
    known_s
        An end with a larger error is not told.
    likely, doubtful
        A reading less likely than ``likely`` does not add to the error of the end, one less likely than
        ``doubtful`` leaves the peak alone.
    peak_share, peak_n
        A peak is told when all such readings agree about it to this share or force.
    """

    rising_per_s: float
    rising_arrival: float
    flat_fall: float
    most_lift: float
    lifted_arrival: float
    stay_share: float
    stay_s: float
    unlike_turn: float
    gentle_loss: float
    let_go_loss: float
    gentle_fall: float
    sudden_loss: float
    gradual_loss: float
    gradual_fall: float
    arrival_share: float
    slow_ratio: float
    slow_fall: float
    sudden_ratio: float
    least_turn_s: float
    quick_turn: float
    push_dip: tuple[float, float]
    push_more: tuple[float, float]
    pushed_fall: float
    release_s: float
    caught_s: float
    near_bottom: float
    start_error_s: float
    arrival_error_s: float
    fall_error_s: float
    catch_error_deg: float
    stop_s: float
    stop_share: tuple[float, float]
    stop_slope: float
    inertia: float
    known_s: float
    likely: float
    doubtful: float
    peak_share: float
    peak_n: float


class Burst(msgspec.Struct, frozen=True, kw_only=True):
    """A burst before it is decided what it was; indices of rows.

    Attributes
    ----------
    peak
        Greatest force above the level before, N.
    level
        Greatest force without what inertia does, N: that of the lowest lean of one that turned.
    lost
        The same where it begins to fall from its peak, N.
    arrived, corner, release, bottom
        Where force goes for good; where it begins to fall from its peak; where the straps come loose after
        that; the lowest point of one that turned, between the rows about it that are nearly as low.
    rise_s, held_s
        From a tenth to four fifths of the peak; all the time until it goes for good.
    weights
        Likelihoods of the readings for every ``full``.
    """

    peak: float
    level: float
    lost: float
    arrived: int
    corner: int
    release: int
    bottom: tuple[int, int, int]
    rise_s: float
    held_s: float
    fall: Fall
    weights: dict[Kind, Floats]

    def kind(self, whole: Whole) -> Kind:
        """The most likely reading, with what is known of this person."""
        shares = self.shares(whole)
        return max(self.weights, key=lambda kind: shares[kind])

    def shares(self, whole: Whole) -> dict[Kind, float]:
        """Probability of each reading."""
        all_of = {kind: whole.weigh(self.weights[kind]) * self._before(kind, whole) for kind in self.weights}
        one = max(math.fsum(all_of.values()), 1e-300)
        return {kind: weight / one for kind, weight in all_of.items()}

    def _before(self, kind: Kind, whole: Whole) -> float:
        return whole.before(kind) * (whole.loses(self.lost) if kind == "fall" else 1.0)

    def sure(self, whole: Whole) -> float:
        """Probability of the most likely reading."""
        return max(self.shares(whole).values())

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
    start_error, end_error
        Twice the standard errors of both; the end's from all likely readings.
    earliest, latest
        When the lowering may have ended, by all readings that are not much less likely.
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
    start_error: float
    end_error: float
    earliest: float
    latest: float
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
    arrived = last_drop(net, begin, last, hz)
    # inertia, undone: the two-sided exponential that turns force into lean has this standard deviation
    lean = smooth(net, hz, math.sqrt(2.0 / k2))
    fallen = [
        _fall(net, lean, begin, corner, last, peak, hz, whole, rule, k2)
        for corner in corners(net, begin, last, peak_at, hz)
    ]
    corner, release, fall, falls = max(fallen, key=lambda one: whole.weigh(one[3]))
    pushed = pushes_off(net, begin, last, hz, rule.push_dip, rule.push_more)
    falls = falls * (rule.pushed_fall if pushed else 1.0)
    level = float(lean[begin : last + 1].max())
    # stopping just before the floor takes more than holding there
    arrives = float(net[max(arrived - round(0.4 * hz), begin) : arrived + 1].min())
    turn = whole.at_least(level) * whole.rule.turn
    if suddenness(net, begin, last, peak) > rule.sudden_ratio and not pushed:
        turn = turn * rule.unlike_turn
    elif stay(net, corner, begin, peak)[0] > rule.stay_s * hz and last - arrived <= rule.release_s * hz:
        turn = turn * np.where(whole.leans(level) < 0.7, rule.unlike_turn, 1.0)
    if (last - begin) / hz < rule.least_turn_s:
        turn = turn * np.where(whole.leans(level) > rule.quick_turn, rule.unlike_turn, 1.0)
    at_floor = float(net[arrived]) >= rule.arrival_share * peak and (last - arrived) <= rule.release_s * hz
    weights: dict[Kind, Floats] = {
        "arrival": whole.arrival(arrives)
        * float(at_floor)
        * (rule.lifted_arrival if lifted(net, begin, arrived, hz, k2) > rule.most_lift else 1.0)
        * (rule.rising_arrival if rises_to_the_end(net, corner, begin, hz, rule.rising_per_s) else 1.0),
        "fall": falls,
        "turn": turn,
    }
    return Burst(
        peak=peak,
        level=level,
        lost=float(lean[corner]),
        arrived=arrived,
        corner=corner,
        release=release,
        bottom=lowest(net, begin, last, hz, k2, rule.near_bottom),
        rise_s=rise_s(t, net[begin:], peak, level),
        held_s=(last - begin) / hz,
        fall=fall,
        weights=weights,
    )


def read_burst(
    t: Floats,
    net: Floats,
    begin: int,
    burst: Burst,
    whole: Whole,
    rule: BurstRule,
    rise: RiseRule,
    k2: float,
) -> Reading | None:
    """Times of a burst that is a lowering; ``None`` when its rise cannot be read."""
    kind = burst.kind(whole)
    about = whole.about(burst.weights[kind])
    lean = burst.lean(whole)
    top = {"arrival": burst.arrived, "fall": burst.corner, "turn": burst.bottom[1]}[kind]
    ends = _ends(t, burst, whole, rule)
    end = ends[kind][0]
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
    shares = burst.shares(whole)
    likely = [other for other in ends if other == kind or shares[other] > rule.likely]
    doubtful = [other for other in ends if other == kind or shares[other] > rule.doubtful]
    error = math.sqrt(
        math.fsum(shares[k] * ((ends[k][0] - end) ** 2 + (0.5 * ends[k][1]) ** 2) for k in likely)
    )
    return Reading(
        kind=kind,
        start=found.start,
        end=end,
        # what the model misses, the start may be off by as well
        start_error=2.0 * math.hypot(found.spread, rule.start_error_s * max(found.misfit, 1.0)),
        end_error=2.0 * error,
        earliest=min(ends[k][0] - ends[k][1] for k in doubtful),
        latest=max(ends[k][0] + ends[k][1] for k in doubtful),
        held_s=float(t[top]) - found.start,
        lean=lean,
        misfit=found.misfit,
        length=found.length,
    )


def _ends(t: Floats, burst: Burst, whole: Whole, rule: BurstRule) -> dict[Kind, tuple[float, float]]:
    """End of the lowering in s and twice its standard error, for each reading."""
    first, bottom, last = (float(t[i]) for i in burst.bottom)
    return {
        "arrival": (float(t[burst.arrived]), 2.0 * rule.arrival_error_s),
        "fall": _fall_end(t, burst, whole, rule),
        "turn": (bottom, last - first),
    }


def _fall_end(t: Floats, burst: Burst, whole: Whole, rule: BurstRule) -> tuple[float, float]:
    """Time at which somebody who lost control is caught and comes to rest, and twice its standard error.

    How hands brake from where they catch the body is not in the straps: the slower it came, the longer.
    """
    log_full = whole.about(burst.weights["fall"])[0]
    left = _FLOOR_RAD - math.radians(whole.rule.catch_deg)
    speed = max(at_full(burst.fall.speed, log_full), 0.5)
    fell = at_full(burst.fall.seconds, log_full)
    caught = float(t[burst.release] - t[burst.corner])
    # who lets go is caught when the straps are slack already
    down = caught if fell < 1.35 * caught else fell
    error = math.hypot(rule.fall_error_s, math.radians(rule.catch_error_deg) / speed)
    return float(t[burst.corner]) + down + min(left / speed, 0.5), 2.0 * error


def _fall(
    net: Floats,
    lean: Floats,
    begin: int,
    corner: int,
    last: int,
    peak: float,
    hz: float,
    whole: Whole,
    rule: BurstRule,
    k2: float,
) -> tuple[int, int, Fall, Floats]:
    """The burst as a fall from ``corner``: corner, release, the fall, its likelihood."""
    end = last
    while end < len(net) - 1 and float(net[end]) >= 0.15 * peak:
        end += 1
    rising = rises_to_the_end(net, corner, begin, hz, rule.rising_per_s)
    stayed, share = stay(net, corner, begin, peak)
    rising = rising and (share < rule.stay_share or stayed > rule.stay_s * hz)
    slope = max(rate(net, corner, begin, hz), 0.0) * float(net[corner])
    sudden = suddenness(net, begin, last, peak)
    fall = fall_through(
        net, corner, 2 * (end - corner) + round(0.5 * hz), dt=1.0 / hz, slope=slope, k2=k2, catch=whole.catch
    )
    how = 1.0 if rising else rule.flat_fall
    # how force goes is one thing, looked at in three ways
    sharp = (steepest(net, corner, end, hz) / peak - rule.gentle_loss) / (rule.let_go_loss - rule.gentle_loss)
    goes = min(1.0 if sudden > rule.slow_ratio else rule.slow_fall, max(sharp, rule.gentle_fall))
    # a quick stroke of T has accelerations of up to 6 / T²: force at the corner is as far from the lean's
    took = max(corner - begin, 1) / hz
    inertia = rule.inertia / (k2**1.5 * max(took, 0.5 * rule.least_turn_s) ** 2)
    found: list[tuple[float, int, Floats]] = []
    for release, loss in releases(net, corner, end, peak, hz):
        loose = (loss - rule.gradual_loss) / (rule.sudden_loss - rule.gradual_loss)
        after = max(release - corner, 1) / hz
        change = float(lean[min(corner + 1, len(lean) - 1)] - lean[corner - 1]) * 0.5 * hz
        at = (float(lean[corner]), change)
        hurried = whole.hurried(at, float(lean[release]), after, took, math.sqrt(k2))
        caught = whole.caught(fall, after, inertia, hurried)
        left = float(net[min(release + round(rule.caught_s * hz), len(net) - 1)])
        likelihood = caught * whole.on_hands(left, peak) * (how * min(goes, max(loose, rule.gradual_fall)))
        found.append((whole.weigh(likelihood), release, likelihood))
    _, release, likelihood = max(found, key=lambda one: one[0])
    return corner, release, fall, likelihood
