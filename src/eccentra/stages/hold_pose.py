"""The last moments of "up", looked at every 50 ms: how fast, how quiet, how far apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from math import exp, fsum, inf, radians, sin, sqrt
from typing import NamedTuple

from eccentra.samples import NS_PER_S
from eccentra.stages.hold import RiseRule, WalkRule
from eccentra.stages.inclination import Vector, unit

__all__ = [
    "TICK_NS",
    "Gait",
    "Liveliness",
    "Lively",
    "Recent",
    "Tremor",
    "chord2",
    "livelier",
    "mean_of",
    "quartiles_of",
]

TICK_NS = 50_000_000
_DEG = 57.29577951308232
_SECOND_TICKS = round(NS_PER_S / TICK_NS)
# The mean size over a second of what is random in three directions varies by about this share of it, and its
# lower quartile over some seconds is no better known than so; beyond two standard errors it is certain.
_TREMOR_SD = 0.16
# Sway comes with breathing: a second of it is a third of a breath, in which it may be at rest or halfway.
_SWAY_SD = 0.3
_CERTAIN = 2.0
# A dip shakes a second or two.
_WALKING_S = 3
# Getting down to the floor takes 4 s. A thigh that swings by 25 degrees to each side has a mean "up" of 0.95.
_UPRIGHT_S = 4
_TOGETHER = 0.92
# Steps come 1.4 to 2.2 times a second and each swings the force through its mean twice; getting down does
# not, and tremor of 5 Hz and more does so more often.
_CROSSINGS = (2.2, 9.0)


def chord2(angle_deg: float) -> float:
    """Squared distance of two unit vectors at this angle."""
    half = 2.0 * sin(radians(angle_deg) / 2.0)
    return half * half


def _apart2(a: Vector, b: Vector) -> float:
    dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return dx * dx + dy * dy + dz * dz


class Recent:
    """State: "up" of the last moments.

    Parameters
    ----------
    quiet_s, quiet_deg
        A pose is quiet when "up" was within ``quiet_deg`` for ``quiet_s``.
    keep_s
        How much is kept.
    """

    def __init__(self, quiet_s: float, quiet_deg: float, keep_s: float) -> None:
        self._quiet = round(quiet_s * NS_PER_S / TICK_NS)
        self._quiet2 = chord2(quiet_deg)
        self._ups: deque[tuple[int, Vector]] = deque(maxlen=max(2 * self._quiet, self.ticks(keep_s)) + 1)

    @staticmethod
    def ticks(seconds: float) -> int:
        """Number of ticks in so many seconds."""
        return round(seconds * NS_PER_S / TICK_NS)

    def clear(self) -> None:
        """Forget all: time was lost."""
        self._ups.clear()

    def push(self, t: int, u: Vector) -> float:
        """Take one moment; gives the step from the one before in deg/s (0 without one)."""
        ups = self._ups
        ups.append((t, u))
        if len(ups) < 2:
            return 0.0
        before, v = ups[-2]
        return float(_DEG * NS_PER_S * _apart2(u, v) ** 0.5 / (t - before))

    @property
    def speed(self) -> float:
        """Speed of "up" over the last 150 ms in deg/s; 99 when not known."""
        ups = self._ups
        if len(ups) < 4:
            return 99.0
        (past, v), (t, u) = ups[-4], ups[-1]
        return float(_DEG * NS_PER_S * _apart2(u, v) ** 0.5 / (t - past))

    @property
    def quiet(self) -> bool:
        """Whether a pose is held."""
        return self.within(self._quiet, self._quiet2)

    @property
    def resting(self) -> bool:
        """Whether a pose has been held for twice that time: a slow way up is not taken for one."""
        return self.within(2 * self._quiet, self._quiet2)

    def within(self, ticks: int, most2: float) -> bool:
        """Whether "up" stayed within a squared distance of where it is now for so many ticks."""
        ups = self._ups
        if len(ups) <= ticks:
            return False
        u = ups[-1][1]
        return all(_apart2(u, ups[-1 - k][1]) <= most2 for k in range(1, ticks + 1))

    @property
    def middle(self) -> Vector:
        """Pose in the middle of the last quiet time: inside a rest, not at its edge."""
        ups = self._ups
        return ups[-1 - min(self._quiet, len(ups) - 1) // 2][1]


class Lively(NamedTuple):
    """How a pose moves, in deg/s: ``sway`` is the speed of "up", ``tremor`` what is faster than sway.

    ``seconds`` says over how many seconds that was seen.
    """

    sway: float
    tremor: float
    seconds: float = inf

    def trembles(self, other: Lively, ratio: float) -> bool:
        """Whether its tremor is more than ``ratio`` times the other's for certain: few seconds say less."""
        return self.tremor > ratio * self._doubt(other, _CERTAIN * _TREMOR_SD) * other.tremor

    def sways(self, other: Lively, ratio: float) -> bool:
        """Whether it sways more than ``ratio`` times as fast as the other, and by a standard error more."""
        return self.sway > ratio * self._doubt(other, _SWAY_SD) * other.sway

    def _doubt(self, other: Lively, sd: float) -> float:
        """By what factor a ratio may be too large by chance; ``sd``: of the logarithm of one second's."""
        return exp(sd * sqrt(1.0 / self.seconds + 1.0 / other.seconds))


def mean_of(moments: Sequence[Lively]) -> Lively:
    """Mean over moments."""
    n = len(moments)
    return Lively(
        fsum(one.sway for one in moments) / n,
        fsum(one.tremor for one in moments) / n,
        n / _SECOND_TICKS,
    )


def quartiles_of(seconds: Collection[Lively]) -> Lively | None:
    """Lower quartiles over seconds; ``None`` without any."""
    n = len(seconds) // 4
    if not seconds:
        return None
    return Lively(
        sorted(one.sway for one in seconds)[n],
        sorted(one.tremor for one in seconds)[n],
        float(len(seconds)),
    )


def livelier(one: Lively | None, other: Lively | None, rule: RiseRule) -> int:
    """Whether muscles hold ``one`` pose and the floor carries the ``other`` (1), or the other way (-1).

    Muscles under load tremble at 5 to 12 Hz, whatever one does; how much one sways depends on breathing and
    shifting about as well. So sway is asked only where tremor does not tell. 0: not known.
    """
    if one is None or other is None:
        return 0
    if one.trembles(other, rule.tremor_ratio):
        return 1
    if other.trembles(one, rule.tremor_ratio):
        return -1
    if one.sway > rule.lively_ratio * other.sway:
        return 1
    return -1 if other.sway > rule.lively_ratio * one.sway else 0


class Tremor:
    """State: the turning rate of the last moments.

    The second difference over moments 50 ms apart lets 10 Hz through and hardly what is slower than 2 Hz.
    """

    def __init__(self) -> None:
        self._rates: deque[tuple[int, Vector]] = deque(maxlen=3)

    def push(self, t: int, rate: Vector) -> float:
        """Take the rate in rad/s; its fast part in deg/s, 0 when moments are missing before it."""
        rates = self._rates
        rates.append((t, rate))
        if len(rates) < 3 or t - rates[0][0] != 2 * TICK_NS:
            return 0.0
        (_, a), (_, b), (_, c) = rates
        x, y, z = (p - 2.0 * q + r for p, q, r in zip(a, b, c, strict=True))
        size = _DEG * ((x * x + y * y + z * z) / 6.0) ** 0.5
        return size if size == size else 0.0


class Liveliness:
    """State: how a pose moves, in its calmer seconds: shifting about now and then does not show.

    ``keep_s`` seconds are kept.
    """

    def __init__(self, keep_s: int = 600) -> None:
        self._seconds: deque[Lively] = deque(maxlen=keep_s)
        self._now: list[Lively] = []

    def push(self, moves: Lively) -> None:
        """Take one moment."""
        self._now.append(moves)
        if len(self._now) >= _SECOND_TICKS:
            self._seconds.append(mean_of(self._now))
            self.restart()

    def restart(self) -> None:
        """Forget the second that is not full."""
        self._now.clear()

    @property
    def value(self) -> Lively | None:
        """Lower quartiles over its seconds; ``None`` before the first one."""
        return quartiles_of(self._seconds)


class Gait:
    """State: is somebody walking; and what is upright, the mean of "up" while walking.

    Attributes
    ----------
    seconds
        So many seconds of walking in a row just now.
    upright
        Mean of "up" in the sensor's frame in the longest walk; ``None`` before one was seen.
    """

    def __init__(self, rule: WalkRule) -> None:
        self._rule = rule
        self._forces: list[float] = []
        self._steps = 0.0
        self._second = [0.0, 0.0, 0.0]
        self._sum = [0.0, 0.0, 0.0]
        self.seconds = self._walked = self._crossed = 0
        self._above = False
        self.upright: Vector | None = None

    @property
    def walking(self) -> bool:
        """Whether there have been some seconds of walking in a row."""
        return self.seconds >= _WALKING_S and self._steps_enough

    @property
    def _steps_enough(self) -> bool:
        """Whether the force swings as often as steps make it."""
        low, high = _CROSSINGS
        return low * self.seconds <= self._crossed <= high * self.seconds

    def push(self, u: Vector, force: float, step: float) -> None:
        """Take "up", the size of the specific force (m/s²) and the speed of "up" (deg/s)."""
        if force != force:
            return
        self._forces.append(force)
        self._steps += step
        for k in range(3):
            self._second[k] += u[k]
        n = len(self._forces)
        if n < _SECOND_TICKS:
            return
        mean = fsum(self._forces) / n
        shaken = fsum((v - mean) ** 2 for v in self._forces) > n * self._rule.shake**2
        if shaken and self._steps > n * self._rule.speed_deg_s:
            self.seconds += 1
            self._crossed += self._crossings(mean)
            self._sum = [a + b for a, b in zip(self._sum, self._second, strict=True)]
            self._learn()
        else:
            self.seconds, self._crossed, self._sum = 0, 0, [0.0, 0.0, 0.0]
        self._forces.clear()
        self._steps, self._second = 0.0, [0.0, 0.0, 0.0]

    def _crossings(self, mean: float) -> int:
        """How often the force of this second goes through its mean by more than a quarter of the shake."""
        edge = 0.25 * self._rule.shake
        crossed = 0
        for force in self._forces:
            if abs(force - mean) > edge and (force > mean) != self._above:
                self._above = force > mean
                crossed += 1
        return crossed

    def _learn(self) -> None:
        """What is upright, from a longer walk than before; getting up or down sways more widely."""
        x, y, z = self._sum
        mean = (x * x + y * y + z * z) ** 0.5 / (self.seconds * _SECOND_TICKS)
        if self.seconds >= max(_UPRIGHT_S, self._walked) and mean > _TOGETHER and self._steps_enough:
            self.upright, self._walked = unit((x, y, z)), self.seconds
