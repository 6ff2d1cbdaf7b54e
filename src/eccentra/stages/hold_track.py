"""A way up and a raised pose, tick by tick: when the pose is reached, left, and when one is down again."""

from __future__ import annotations

import math
from collections import deque
from typing import Literal

from eccentra.samples import NS_PER_S
from eccentra.stages.hold import Stage
from eccentra.stages.hold_measure import Moments
from eccentra.stages.hold_pose import TICK_NS, Liveliness, Lively, Recent, livelier, mean_of
from eccentra.stages.inclination import Vector, angle_between, cross, dot, lean, unit

__all__ = ["Held", "Rise", "Verdict"]

Verdict = Literal["", "down", "away", "again", "further", "higher", "shaky", "lost"]
# Level of the lean, over sway: a mean of so many ticks.
_LEVEL_TICKS = Recent.ticks(0.7)
_SLOW_TICKS = 4
_TICK_S = TICK_NS / NS_PER_S
# Smaller steps are sway of the rest pose.
_LEAST_STALL_DEG = 0.4
_NEAR_SHARE = 0.4
# Distance of the quartiles of a normal distribution with SD 1.
_QUARTILES = 1.349


class Rise:
    """State: away from the rest pose, no pose reached yet.

    Attributes
    ----------
    since, home
        Last moment in the rest pose, session time in ns, and that pose.
    axis, peak
        Axis about which it goes, and the furthest lean.
    top
        Up in the sensor's frame where it was furthest.
    clean
        Whether it may lead to a hold; ``gap``: rows were missing.
    turns
        How often it turned around by a good part of the way.
    """

    def __init__(
        self, stage: Stage, since: int, home: Vector, u: Vector, rest_lively: Lively | None, *, clean: bool
    ) -> None:
        self._stage = stage
        self.since, self.home, self.rest_lively, self.clean = since, home, rest_lively, clean
        self.axis = unit(cross(home, u)) or (0.0, 0.0, 1.0)
        self.peak = 0.0
        self.top = u
        self.turns = 0
        self.gap = False
        self._rising = True
        self._turn = 0.0
        self._force = [0.0, 0.0, 0.0]

    def step(self, t: int, u: Vector, force: float) -> float:
        """Take one moment; gives how far from the rest pose it is, in degrees."""
        d = angle_between(self.home, u)
        if d > self.peak:
            if self.peak < 30.0:
                self.axis = unit(cross(self.home, u)) or self.axis
            self.peak, self.top = d, u
        rule = self._stage.rise
        least = max(self._stage.pose.near_deg, rule.back_share * self.peak)
        if self._rising:
            if d > self._turn:
                self._turn = d
            elif self._turn - d > least:
                self._rising, self._turn = False, d
                self.turns += 1
        elif d < self._turn:
            self._turn = d
        elif d - self._turn > least:
            self._rising, self._turn = True, d
            self.turns += 1
        if self.turns or t - self.since > (rule.longest_s + rule.settle_s) * NS_PER_S:
            self.clean = False
        if force == force:
            for k, v in enumerate((1.0, force, force * force)):
                self._force[k] += v
        return d

    @property
    def shake(self) -> float:
        """SD of the specific force's size in m/s²."""
        n, total, squares = self._force
        return math.sqrt(max(squares / n - (total / n) ** 2, 0.0)) if n > 4.0 else 0.0


class Held:
    """State: in the raised pose, or on the way down from it.

    Attributes
    ----------
    since, settled, home, axis
        As of the way up; when the raised pose was reached.
    rise
        Lean of the raised pose in degrees.
    drop, over
        When it went off, ``None`` while it is held; when that had lasted long enough to end the hold.
    calm_at
        Last moment in the raised pose.
    left
        When the last dip was over.
    home_at
        When it has been nearest to the rest pose since it was left.
    dips
        Begin and end of dips.
    unsure
        How it began is not known.
    hasty
        The rest pose was left so soon that it may have been a stop on the way.
    reversed
        It is known to be the rest pose, and the pose before or after it the raised one.
    """

    def __init__(self, stage: Stage, way: Rise, t: int, u: Vector) -> None:
        self._stage = stage
        self.since, self.home, self.axis, self.rest_lively = way.since, way.home, way.axis, way.rest_lively
        self.settled = self.left = self.calm_at = t
        self.rise = self._level = lean(self.home, self.axis, u)
        self.turn = math.degrees(math.asin(max(-1.0, min(1.0, dot(u, self.axis)))))
        self.drop: int | None = None
        self.over: int | None = None
        self.low = self.rise
        self.low_at = self.home_at = t
        self._nearest = 180.0
        self.lowest = u
        self.parked: int | None = None
        self.dips: list[tuple[int, int]] = []
        self.unsure = way.gap
        self.reversed = self.hasty = False
        self.waits: int | None = None
        self.ends = t
        self._leans: deque[float] = deque(maxlen=_LEVEL_TICKS)
        self._sways: deque[float] = deque(maxlen=Recent.ticks(stage.end.sway_window_s))
        self._base: float | None = None
        self._shaky: int | None = None
        self._fastest = 0.0
        self._slow: int | None = None
        self._got_to, self._got_at = self.rise, t
        self._live = Liveliness()
        self._rested: list[Lively] = []

    @property
    def pose(self) -> Vector:
        """Up in the sensor's frame in the raised pose, by turning the rest pose."""
        a = math.radians(self.rise)
        side = cross(self.axis, self.home)
        x, y, z = (h * math.cos(a) + s * math.sin(a) for h, s in zip(self.home, side, strict=True))
        return unit((x, y, z)) or self.home

    @property
    def came_down(self) -> bool:
        """Whether it has been in the rest pose since."""
        return self.drop is not None and self.low <= self._stage.end.home_share * self.rise

    @property
    def lively(self) -> Lively | None:
        """How still it is in the raised pose, in its calmer seconds; ``None`` when not known."""
        return self._live.value

    @property
    def moments(self) -> Moments:
        """What measuring has to know."""
        return Moments(
            since=self.since,
            settled=self.settled,
            left=self.left,
            drop=self.drop,
            rise=self.rise,
            home=self.home,
            dips=tuple(self.dips),
        )

    def live_on(self, moves: Lively) -> None:
        """Take how "up" moves at this moment."""
        self._live.push(moves)

    def angle(self, u: Vector) -> float:
        """Lean towards the raised pose in degrees."""
        return lean(self.home, self.axis, u)

    def limit(self) -> float:
        """Lean that may be lost."""
        rule = self._stage.end
        return min(rule.drop_deg, rule.drop_share * self.rise)

    def off(self, u: Vector, phi: float) -> float:
        """How far off the raised pose it is in degrees; slow sag is a fault, not the end."""
        rule = self._stage.end
        lost = abs(self._level - phi) if rule.leave == "any" else self._level - phi
        turned = abs(math.degrees(math.asin(max(-1.0, min(1.0, dot(u, self.axis))))) - self.turn)
        return max(lost, turned) if turned > rule.turn_deg else lost

    def step(self, t: int, u: Vector, moves: Lively) -> Verdict:
        """Take one moment: is it still held (empty), come down, or what else."""
        phi = self.angle(u)
        leans = self._leans
        leans.append(phi)
        if self._stage.end.leave == "back" and angle_between(self.home, u) > self._stage.rise.most_deg:
            return "further"
        if self.drop is None:
            return self._hold(t, u, phi, moves)
        return self._leave(t, u, phi, moves)

    def _hold(self, t: int, u: Vector, phi: float, moves: Lively) -> Verdict:
        stage = self._stage
        if phi <= self.rise + stage.pose.near_deg:
            self.calm_at = t
        if self._higher(t):
            late = t - self.since > (stage.rise.longest_s + stage.rise.settle_s) * NS_PER_S
            # a stop as long as a rest: it was one
            if late or self.calm_at - self.settled > (stage.pose.rest_s - stage.rise.settle_s) * NS_PER_S:
                return "higher"
            self._raise(t, u)
            if self.rise > stage.rise.most_deg:
                return "further"
        if self.off(u, phi) > self.limit() or phi <= stage.end.home_share * self.rise:
            self.drop, self.low, self.low_at = t, phi, t
            self._nearest = angle_between(self.home, u)
            self._fastest, self._slow, self._shaky = 0.0, None, None
            self._got_to, self._got_at = phi, t
            return ""
        self._level += (phi - self._level) * _TICK_S / stage.end.follow_s
        self.live_on(moves)
        return "shaky" if self._sway(t, phi) else ""

    def _higher(self, t: int) -> bool:
        """Whether it has gone on to a pose further up."""
        leans, rule = self._leans, self._stage.end
        late = rule.leave == "any" and t - self.settled > 2.0 * rule.drop_s * NS_PER_S
        if len(leans) < _LEVEL_TICKS or late:
            return False
        level = math.fsum(leans) / len(leans)
        step = max(self._stage.pose.near_deg, 0.25 * self.rise)
        return level >= self.rise + step and max(leans) - min(leans) <= step

    def _raise(self, t: int, u: Vector) -> None:
        """The raised pose was reached in two goes."""
        self.rise = self._level = math.fsum(self._leans) / len(self._leans)
        self.settled = self.left = t
        self.turn = math.degrees(math.asin(max(-1.0, min(1.0, dot(u, self.axis)))))
        self._sways.clear()
        self._base = None

    def _sway(self, t: int, phi: float) -> bool:
        """Whether the sway has grown beyond what is a hold, for long enough."""
        rule, sways = self._stage.end, self._sways
        sways.append(phi)
        n = len(sways)
        if n < (sways.maxlen or 1) or t % (4 * TICK_NS):
            return False
        ordered = sorted(sways)
        # a dip is a small part of the window: quartiles do not see it
        sd = (ordered[3 * n // 4] - ordered[n // 4]) / _QUARTILES
        if t - self.settled < rule.sway_base_s * NS_PER_S:
            self._base = max(self._base or 0.0, sd)
            return False
        if sd <= max(rule.sway_ratio * (self._base or sd), rule.sway_deg):
            self._shaky = None
            return False
        if self._shaky is None:
            self._shaky = t
        if t - self._shaky < rule.drop_s * NS_PER_S:
            return False
        self.drop = self._shaky
        return True

    def _is_home(self, u: Vector, phi: float) -> bool:
        """Whether it is down: near the rest pose, or anywhere on its side if one may leave anywhere."""
        share = self._stage.end.home_share * self.rise
        if self._stage.end.leave == "any":
            return phi <= share
        # a small rise is within what is near before one is down
        near = min(self._stage.pose.near_deg, _NEAR_SHARE * self.rise)
        return angle_between(self.home, u) <= max(share, near)

    def _leave(self, t: int, u: Vector, phi: float, moves: Lively) -> Verdict:
        """Off the raised pose: a dip, or the way down."""
        rule = self._stage.end
        drop = self.drop
        assert drop is not None
        if phi < self.low:
            self.low, self.low_at, self.lowest = phi, t, u
        away_deg = angle_between(self.home, u)
        if away_deg < self._nearest:
            self._nearest, self.home_at = away_deg, t
        away = t - drop
        if self.over is None:
            low = phi <= rule.home_share * self.rise
            if self.off(u, phi) < 0.5 * self.limit() and not low:
                if away > rule.dip_s * NS_PER_S:
                    self.dips.append((drop, t))
                    self.left = t
                self.drop = None
                self._sways.clear()
                return ""
            if away > rule.drop_s * NS_PER_S:
                self.over = t
        stopped = self._stopped(t, phi)
        if stopped and self._is_home(u, phi):
            return "down"
        if self.over is None:
            return ""
        if stopped:
            if rule.leave == "any":
                return "away"
            if self.parked is None:
                self.parked = t
        if self.parked is not None:
            below = phi <= rule.home_share * self.rise
            if stopped and below and t - self.parked >= self._stage.pose.rest_s * NS_PER_S:
                # beyond the rest pose, which was but a stop on the way: nothing more will come
                return "away"
            self._rested.append(moves)
            if (
                len(self._rested) >= _LEVEL_TICKS
                and livelier(self.lively, mean_of(self._rested), self._stage.rise) > 0
            ):
                return "away"
        back = max(self._stage.pose.near_deg, 0.25 * self.rise)
        if phi > self.low + back and self.low < self.rise - back:
            return "again"
        if away > rule.longest_s * NS_PER_S and self.parked is None:
            return "lost"
        return ""

    def _stopped(self, t: int, phi: float) -> bool:
        """Whether it is slow, or does not get on."""
        rule, leans = self._stage.end, self._leans
        if abs(phi - self._got_to) > max(rule.stall_share * self.rise, _LEAST_STALL_DEG):
            self._got_to, self._got_at = phi, t
        if t - self._got_at >= rule.stall_s * NS_PER_S:
            return True
        if len(leans) <= _SLOW_TICKS:
            return False
        speed = abs(leans[-1] - leans[-1 - _SLOW_TICKS]) * NS_PER_S / (_SLOW_TICKS * TICK_NS)
        self._fastest = max(self._fastest, speed)
        if speed > max(rule.stop_deg_s, rule.stop_share * self._fastest):
            self._slow = None
            return False
        if self._slow is None:
            self._slow = t
        return t - self._slow >= rule.stop_s * NS_PER_S

    @property
    def calmer(self) -> bool:
        """Whether it was stiller in the raised pose than in the rest pose: then it is the other way round."""
        return livelier(self.lively, self.rest_lively, self._stage.rise) < 0

    def rested(self, t: int, u: Vector) -> Rise:
        """The pose so far was a rest pose; now one is on the way to another."""
        way = Rise(self._stage, self.drop or t, self.pose, u, self.lively, clean=True)
        way.gap = self.unsure
        return way

    def from_here(self, t: int, u: Vector) -> Held:
        """The pose so far was the rest pose; now it has gone up from there."""
        way = Rise(self._stage, self.calm_at, self.pose, u, self.lively, clean=True)
        way.gap = self.unsure
        return Held(self._stage, way, t, u)

    def turned_round(self, t: int, u: Vector, *, leaving: bool) -> Held:
        """The pose that it was left for, with the pose so far as its rest pose."""
        way = Rise(self._stage, self.drop or t, self.pose, u, self.lively, clean=True)
        other = Held(self._stage, way, self.parked or t, u)
        other.unsure = self.unsure
        if leaving:
            other.rise = other._level = self.rise - self.low
            other.drop, other.low, other.low_at = t, other.rise, t
        return other
