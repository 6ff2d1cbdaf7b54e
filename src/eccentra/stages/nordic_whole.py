"""How much a person's straps carry when the body lies level: learned from falls and from arrivals.

The force at a lean is ``full * sin(lean)``, so ``full`` turns force into lean. It depends on mass, height and
where the straps sit: nobody tells. Two things do:

- who is in control to the end holds nearly ``full`` when the hands take over;
- who loses control falls, and how long the fall takes tells the lean at which it began: the measured force
  is integrated, and only the right ``full`` lets the body reach the floor when the straps come loose.

What is known is kept as a probability over the logarithm of ``full``. Each burst adds its likelihood, that
of the other ways to read it included, so that one misread burst does no harm.
"""

from __future__ import annotations

import math
from collections import deque

import msgspec
import numpy as np

from eccentra.samples import Floats

__all__ = ["Fall", "Whole", "WholeRule", "fall_through"]

_GRID: Floats = np.arange(math.log(150.0), math.log(4000.0), 0.04)
_FULL: Floats = np.exp(_GRID)
# So many lowerings say how strong somebody is.
_MEMORY = 9
# Standard errors beyond which one is as unlikely as the other.
_FAR_OFF = 10.0


class WholeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is believed about the force of a full lowering.

    Attributes
    ----------
    usual_n, usual_spread
        Force of all straps at lean 90 degrees before anything was seen, and its spread (natural logarithm).
    forget
        After each burst this share of the belief goes back to that: straps are put on anew.
    arrive_deg, arrive_spread
        Lean at which a body in control arrives; spread of the logarithm of force.
    catch_deg
        Lean at which hands catch a fall.
    fall_spread, fall_error_s
        Spread of the time until then: of its logarithm, and in s.
    let_go
        Likelihood of a fall with straps that came loose before the hands caught it, times the square of the
        share of ``full`` that was lost: pushing with the hands takes small loads off as suddenly.
    sure_share
        A reading less likely than this, against the others, is flagged as unsure.
    usual_share
        The usual burst is at most so many times less than ``full``: people lose control later than at the
        lean whose sine is its inverse.
    settled_bursts
        The force of a full lowering is known after so many.
    first_turn
        Before that, a turn is so much less likely.
    turn
        Likelihood of any ``full`` when a burst is neither an arrival nor a fall.
    legs_share, legs_peak
        Force of legs that help on the way back up, as a share of ``full`` and of what was held: the most that
        is usual, and its spread.
    own_spread
        One person loses control at forces whose logarithms differ by about this.
    tired_share, arrived_weight
        Who arrived in control and loses it later does so at about this share of that force; of such a
        lowering this weight, as some let go on purpose.
    any_range
        The logarithm of the force at which people lose control lies anywhere within this range.
    """

    usual_n: float
    usual_spread: float
    forget: float
    arrive_deg: float
    arrive_spread: float
    catch_deg: float
    fall_spread: float
    fall_error_s: float
    let_go: float
    sure_share: float
    usual_share: float
    settled_bursts: int
    first_turn: float
    turn: float
    legs_share: tuple[float, float]
    legs_peak: tuple[float, float]
    own_spread: float
    tired_share: float
    arrived_weight: float
    any_range: float


class Fall(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a corner; arrays over the grid of ``full``.

    Attributes
    ----------
    share
        Of ``full``, at the corner.
    seconds
        Until the hands catch the body; 0 where the corner is more than ``full``.
    speed
        At which they do, rad/s.
    """

    share: Floats
    seconds: Floats
    speed: Floats


class Whole:
    """Belief about the force of a full lowering, N."""

    def __init__(self, rule: WholeRule) -> None:
        self.rule = rule
        off = (_GRID - math.log(rule.usual_n)) / rule.usual_spread
        self._prior = _normal(np.exp(-0.5 * off * off))
        self._belief = self._prior
        self.seen = 0
        self._shown: deque[tuple[float, float]] = deque(maxlen=_MEMORY)

    def arrival(self, level: float) -> Floats:
        """Likelihood that a body in control to the floor is held by ``level``."""
        lean = math.radians(self.rule.arrive_deg)
        off = (_GRID - math.log(max(level, 1.0) / math.sin(lean))) / self.rule.arrive_spread
        out: Floats = np.exp(-0.5 * off * off)
        return out

    @property
    def catch(self) -> float:
        """Lean at which hands catch a fall, rad."""
        return math.radians(self.rule.catch_deg)

    def hurried(self, corner: tuple[float, float], left: float, took: float, rose: float, k: float) -> Floats:
        """Likelihood of the speed at which control would have been lost.

        A body whose strap force is known moves like the force without inertia, and on top by what grows by
        ``exp(k t)``. That much takes it to where the hands catch it, and most of it comes at the end: who is
        there soon after the corner was quick at it. The lean came in ``rose`` s; smooth strokes that are cut
        off move at up to twice their mean speed.

        Parameters
        ----------
        corner, left
            Force without inertia at the corner in N and its change in N/s; force without inertia where the
            straps come loose, N.
        took, rose
            Time from the corner to there, and from the first force to the corner, s.
        k
            Root of the angular acceleration of a free fall, 1/s.
        """
        way = np.maximum(self.catch - left / _FULL, 0.0) * math.exp(-k * took)
        lean = np.maximum(corner[0] / _FULL + way, 1e-3)
        off = np.maximum((corner[1] / _FULL + k * way) * rose / lean - 2.0, 0.0) / 0.5
        out: Floats = np.exp(-0.5 * off * off)
        return out

    def caught(self, fall: Fall, took: float, inertia_s: float, hurried: Floats) -> Floats:
        """Likelihood of straps that come loose ``took`` s after the corner because hands catch the fall.

        ``inertia_s``: error of the fall's time by what the body's inertia did to the force at the corner, s.
        """
        rule = self.rule
        spread = math.hypot(rule.fall_spread, rule.fall_error_s / took, inertia_s / took)
        off = (fall.seconds / took - 1.0) / spread
        likely = np.exp(-0.5 * off * off) * hurried
        likely = np.where(off > 0.0, np.maximum(likely, self.rule.let_go * fall.share * fall.share), likely)
        out: Floats = np.where(fall.seconds > 0.0, likely, 0.0)
        return out

    def on_hands(self, left: float, peak: float) -> Floats:
        """Likelihood that hands hold the body while the straps still carry ``left`` N of ``peak`` N.

        Legs that help on the way back up take some: too much is a good part of the weight and of the peak.
        """
        rule = self.rule
        weight = (left / _FULL - rule.legs_share[0]) / rule.legs_share[1]
        own = (left / peak - rule.legs_peak[0]) / rule.legs_peak[1]
        off = np.maximum(np.minimum(weight, own), 0.0)
        out: Floats = np.exp(-0.5 * off * off)
        return out

    def at_least(self, level: float) -> Floats:
        """Likelihood that ``level`` holds a body at some lean."""
        off = np.minimum(_GRID - math.log(max(level, 1.0)), 0.0) / self.rule.arrive_spread
        out: Floats = np.exp(-0.5 * off * off)
        return out

    def loses(self, level: float) -> float:
        """How much more likely than anybody this person loses control under ``level``, N.

        Strength was shown in the lowerings before: half a minute later somebody is tired, but not weak. A
        probability density over the logarithm of force, one kernel a lowering and one for anybody.
        """
        rule, log_n = self.rule, math.log(max(level, 1.0))
        kernels = (w * math.exp(-0.5 * ((log_n - one) / rule.own_spread) ** 2) for one, w in self._shown)
        own = math.fsum(kernels) * rule.any_range / (rule.own_spread * math.sqrt(2.0 * math.pi))
        return (1.0 + own) / (1.0 + math.fsum(w for _, w in self._shown))

    def show(self, level: float, *, arrived: bool) -> None:
        """A lowering ended in control, or control was lost under ``level``, N."""
        share, weight = (self.rule.tired_share, self.rule.arrived_weight) if arrived else (1.0, 1.0)
        self._shown.append((math.log(max(level, 1.0) * share), weight))

    def bound(self, usual: float) -> None:
        """Who comes back up usually does so from ``usual`` N: ``full`` is not far above that."""
        over = (_GRID - math.log(self.rule.usual_share * usual)) / self.rule.arrive_spread
        # a person far lighter than any on the grid must not leave nothing of it
        over = np.clip(over, 0.0, _FAR_OFF)
        self._belief = _normal(self._belief * np.exp(-0.5 * over * over))

    def leans(self, level: float) -> Floats:
        """Sine of the lean at which ``level`` holds, for every ``full``."""
        out: Floats = level / _FULL
        return out

    def before(self, kind: str) -> float:
        """Prior weight of a reading: nobody begins with movements that are too small."""
        return self.rule.first_turn if kind == "turn" and self.seen < self.rule.settled_bursts else 1.0

    def weigh(self, likelihood: Floats) -> float:
        """Likelihood of a reading, with all that is believed."""
        return float(np.add.reduce(self._belief * likelihood))

    def about(self, likelihood: Floats) -> tuple[float, float]:
        """Mean and spread of the logarithm of ``full``, given one more reading."""
        p = _normal(self._belief * likelihood + 1e-12 * self._belief)
        mean = float(np.add.reduce(p * _GRID))
        off = _GRID - mean
        return mean, math.sqrt(float(np.add.reduce(p * off * off)))

    @property
    def known(self) -> tuple[float, float]:
        """Mean and spread of the logarithm of ``full``."""
        return self.about(np.ones(len(_GRID)))

    def learn(self, likelihood: Floats, *, counted: bool) -> None:
        """A burst was read, and counted or not."""
        keep = 1.0 - self.rule.forget
        self._belief = keep * _normal(self._belief * likelihood) + self.rule.forget * self._prior
        self.seen += counted


def _normal(p: Floats) -> Floats:
    out: Floats = p / float(np.add.reduce(p))
    return out


def fall_through(
    net: Floats, corner: int, most: int, *, dt: float, slope: float, k2: float, catch: float
) -> Fall:
    """Let the body fall from ``corner`` under the measured force, for every ``full``.

    Parameters
    ----------
    net
        N above the level before, evenly spaced by ``dt`` s.
    most
        Longest fall, rows.
    slope
        Rise of force before the corner, N/s: with the lean it gives the speed there.
    k2
        Angular acceleration of the free fall, rad/s².
    catch
        Lean at which the hands catch it, rad.
    """
    level = float(net[corner])
    share = level / _FULL
    lean: Floats = np.arcsin(np.minimum(share, 0.999))
    speed: Floats = np.maximum(slope, 0.0) / np.sqrt(np.maximum(_FULL * _FULL - level * level, 1.0))
    speed = np.minimum(speed, 1.5)
    step = max(round(0.02 / dt), 1)
    seconds: Floats = np.zeros(len(_FULL))
    for i in range(corner, corner + most, step):
        below = lean < catch
        if not below.any():
            break
        held = max(float(net[i]), 0.0) / _FULL if i < len(net) else 0.0
        seconds += below * (step * dt)
        change = step * dt * k2 * (np.sin(lean) - held)
        speed = np.where(below, np.maximum(speed + change, 0.05), speed)
        lean = np.where(below, lean + step * dt * speed, lean)
    return Fall(share=share, seconds=np.where(share < 0.999, seconds, 0.0), speed=speed)


def at_full(values: Floats, log_full: float) -> float:
    """A value of the grid at one ``full``."""
    return float(np.interp(log_full, _GRID, values))
