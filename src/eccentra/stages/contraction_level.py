"""The level of a strap at rest, and whether its force stands out from it.

Baseline, onset and release follow isometric testing: mean and standard deviation of the last quiet second;
force is on when it is above by the greater of so many standard deviations and so many newtons for so long,
and off below a share of that. Where a recording begins less than a second before the first contraction, the
shorter time there stands in, and says that it is not settled. A recording may also begin under load: nobody
waits under much force, and a strap only pulls, so force far below what was taken for rest shows that it was
none.
"""

from __future__ import annotations

import math
from collections import deque

import msgspec

from eccentra.samples import NS_PER_S
from eccentra.stages.limits import NotNegative, Positive

__all__ = ["LevelRule", "Strap"]

# A level is looked at so often; at whole multiples, so that it does not depend on how rows come.
_EVERY_NS = 100_000_000
# Over this time, rest drifts by less than over one quiet time of a slow contraction.
_CREEP_NS = 5 * NS_PER_S


class LevelRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How rest and load are told apart.

    Attributes
    ----------
    quiet_s, early_s
        Length of the quiet time; the least one at the start of a recording.
    drift_n, noise_n
        It is quiet when it drifts by no more than ``drift_n`` and its standard deviation is below
        ``noise_n``.
    onset_n, onset_sd, onset_s
        Force is on above the level by the greater of ``onset_n`` and ``onset_sd`` standard deviations, for
        ``onset_s``.
    least_n
        Its first sign is ``onset_sd`` standard deviations, but at least this: the weight of a strap.
    offset_share, offset_s
        Force is off below this share of the threshold, for ``offset_s``.
    most_rest_n
        Nobody rests under more at the start of a recording.
    """

    quiet_s: Positive
    early_s: Positive
    drift_n: NotNegative
    noise_n: NotNegative
    onset_n: Positive
    onset_sd: NotNegative
    onset_s: Positive
    least_n: NotNegative
    offset_share: NotNegative
    offset_s: NotNegative
    most_rest_n: NotNegative


class Strap:
    """State of one load cell; fed row by row.

    Attributes
    ----------
    level, noise
        Force at rest and its standard deviation, N; ``level`` is ``None`` when it is not known.
    settled
        Whether the level comes from a whole quiet time.
    on_since
        Time in ns since which force has been above the threshold, once it is on.
    off_since
        Time in ns since which it has been off again.
    open_start
        Whether force was on from the first row on: its level is not known, and taken to be tared.
    peak, impulse
        Greatest force above the level while it is on, N, and the sum of it over the rows.
    seen
        Whether the last row had a number.
    """

    def __init__(self, rule: LevelRule) -> None:
        self._rule = rule
        self._recent: deque[tuple[int, float]] = deque()
        self._quiet_ns = round(rule.quiet_s * NS_PER_S)
        self._early_ns = round(rule.early_s * NS_PER_S)
        self._onset_ns = round(rule.onset_s * NS_PER_S)
        self._offset_ns = round(rule.offset_s * NS_PER_S)
        self.level: float | None = None
        self.noise = 0.0
        self.settled = False
        self.on_since: int | None = None
        self.off_since: int | None = None
        self.open_start = False
        self.peak = self.impulse = 0.0
        self.seen = False
        self._loose: tuple[float, float] | None = None
        self._first: int | None = None
        self._highest = 0.0
        self._fresh = True
        self._levels: deque[tuple[int, float]] = deque()
        self._above: int | None = None
        self._below: int | None = None

    @property
    def on(self) -> bool:
        """Whether force is on."""
        return self.on_since is not None

    @property
    def over(self) -> float:
        """The last row's force above the level, N."""
        return self._recent[-1][1] - (self.level or 0.0) if self._recent else 0.0

    @property
    def threshold(self) -> float:
        """How far above the level force is on, N."""
        return max(self._rule.onset_n, self._rule.onset_sd * self.noise)

    def push(self, t: int, force: float) -> None:
        """Take one row; NaN when the sensor was silent."""
        self.seen = force == force
        if not self.seen:
            self._recent.clear()
            self._above = self._below = None
            return
        recent = self._recent
        recent.append((t, force))
        while t - recent[0][0] > self._quiet_ns:
            recent.popleft()
        if self._first is None:
            self._first = t
        if self.on_since is not None:
            self._loaded(t, force)
            return
        if self._fresh:
            self._highest = max(self._highest, force)
        loose = self._loose
        if self.level is None and loose is not None and abs(force - loose[0]) < self.threshold:
            # the rest under tension is over
            self.rest_at(*loose)
        if self.level is not None:
            self._compare(t, force, self.level)
        if self._above is None and self.on_since is None and not t % _EVERY_NS:
            self._adopt(t)

    def stop(self) -> None:
        """The contraction is over, whatever this strap reads."""
        self.on_since = self.off_since = self._above = self._below = None
        self.open_start = self._fresh = False
        self._recent.clear()
        self.peak = self.impulse = 0.0

    def released(self, t: int) -> bool:
        """Whether force has been off for long enough, or was never on."""
        off = self.off_since
        return self.on_since is None or (off is not None and t - off >= self._offset_ns)

    def quiet(self) -> tuple[float, float] | None:
        """Mean and standard deviation of the last quiet time; ``None`` when it was not quiet."""
        recent = self._recent
        if not recent or recent[-1][0] - recent[0][0] < 0.9 * self._quiet_ns:
            return None
        found = self._calm()
        return found[:2] if found is not None and found[2] else None

    def rest_at(self, level: float, noise: float) -> None:
        """It rests at another level."""
        if self.level is not None and level > self.level:
            self._loose = self._loose or (self.level, self.noise)
        self.level, self.noise, self.settled = level, noise, True
        self._levels.clear()

    def shift(self, by_n: float) -> None:
        """The sensor was tared: from now on it reads ``by_n`` less, also at rest."""
        self._recent.clear()
        self._levels.clear()
        self._above = self._below = None
        self._highest -= by_n
        if self._loose is not None:
            self._loose = (self._loose[0] - by_n, self._loose[1])
        if self.level is not None:
            self.level -= by_n

    def begin_at(self, t: int) -> None:
        """What went before was rest under tension: force is on since ``t`` only."""
        self.on_since, self.open_start = t, False
        self.peak = self.impulse = 0.0

    def _loaded(self, t: int, force: float) -> None:
        over = force - (self.level or 0.0)
        self.peak = max(self.peak, over)
        self.impulse += over
        if over >= self._rule.offset_share * self.threshold:
            self.off_since = None
        elif self.off_since is None:
            self.off_since = t

    def _compare(self, t: int, force: float, level: float) -> None:
        if force > level + self.threshold:
            self._above = t if self._above is None else self._above
            if t - self._above >= self._onset_ns:
                self.on_since, self.off_since, self.peak = self._above, None, force - level
                self._recent.clear()
        else:
            self._above = None
        if force < level - self.threshold:
            self._below = t if self._below is None else self._below
            if t - self._below >= self._onset_ns:
                if self._fresh and not self.settled:
                    self._was_loaded()
                else:
                    # the strap was slackened
                    self.level, self.settled, self._below = None, False, None
                    self._recent.clear()
                    self._levels.clear()
        else:
            self._below = None

    def _was_loaded(self) -> None:
        """The recording began under load, as force that falls far below its start shows."""
        self.level, self.noise, self.settled, self._fresh = 0.0, 0.0, False, False
        self.on_since, self.off_since, self.open_start = self._first, None, True
        self.peak, self._below = self._highest, None

    def _adopt(self, t: int) -> None:
        if not self._recent:
            return
        lasts = t - self._recent[0][0]
        whole = lasts >= 0.9 * self._quiet_ns
        if not whole and (self.settled or lasts < self._early_ns):
            return
        found = self._calm()
        if found is None:
            return
        level, noise, calm = found
        if self._fresh and level > self._rule.most_rest_n:
            self._was_loaded()
        elif (calm or (self._fresh and self.level is None)) and not self._creeps(t, level):
            self.level, self.noise = level, noise
            self.settled = whole and calm
            self._fresh = self._fresh and not self.settled

    def _creeps(self, t: int, level: float) -> bool:
        """Whether the level has risen too much for rest: a slow contraction must not carry it along."""
        levels = self._levels
        while levels and t - levels[0][0] > _CREEP_NS:
            levels.popleft()
        if levels and level - min(before for _, before in levels) > self._rule.drift_n:
            return True
        levels.append((t, level))
        return False

    def _calm(self) -> tuple[float, float, bool] | None:
        """Mean, standard deviation, and whether it is quiet."""
        values = [force for _, force in self._recent]
        n = len(values)
        if n < 4:
            return None
        half = n // 2
        first, last = math.fsum(values[:half]) / half, math.fsum(values[-half:]) / half
        mean = math.fsum(values) / n
        noise = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
        # the means of the halves of a drift are half of it apart
        calm = 2.0 * abs(last - first) <= self._rule.drift_n and noise <= self._rule.noise_n
        return mean, noise, calm
