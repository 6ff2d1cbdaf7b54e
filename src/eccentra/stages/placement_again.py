"""Movements like those before, but turned: looked for where the counted ones stop, by one sensor alone.

A turned sensor often breaks counting, so its movements cannot be asked from the counting stage. What is known
is how large and how long this person's repetitions were a moment ago. When movements go on, as large and as
long, soon after the last one that fitted, and agree with each other but not with those before, the sensor was
turned. A person who gets up, lies down or walks does not go on in the same size and tempo.

A turn about the vertical of a segment that hardly moves leaves no trace in gravity and is not seen; neither
is half a turn that lays the way of the movement onto itself.
"""

from __future__ import annotations

import msgspec

from eccentra.samples import Floats, Times
from eccentra.stages.placement import AgainRule, SegmentRule, SlipRule
from eccentra.stages.placement_cycles import COARSE_NS, poses_in, swings_from
from eccentra.stages.placement_frames import Frame, backwards, change, frame_of, mean_frame
from eccentra.stages.placement_slip import Turned, either_way, share_of, turned_by

__all__ = ["AgainWatch", "Seen"]

# So many movements back make the middle.
_MOST = 6
_US_PER_S = 1_000_000


class Seen(msgspec.Struct, frozen=True):
    """Movements after a turn: start and end in us, and the turn."""

    spans: list[tuple[int, int]]
    turned: Turned


class AgainWatch:
    """State of one sensor: its last movements that were counted and alike."""

    def __init__(self, slip: SlipRule, segment: SegmentRule, rule: AgainRule) -> None:
        self._slip, self._segment, self._rule = slip, segment, rule
        self._known: list[Frame] = []
        self._lengths: list[int] = []
        self.last_us = 0
        # the last look saw one movement that may be turned: too few to say so
        self.alone: tuple[int, int, Frame] | None = None

    def add(self, start_us: int, end_us: int, frame: Frame, *, rested: bool) -> None:
        """Take a counted movement; ``rested``: it came after a longer rest, maybe from another pose."""
        if rested:
            self.renew()
        if self._known and share_of(self._slip, self.reference, frame, between=False) >= 1.0:
            return
        self._known = [*self._known[1 - _MOST :], frame]
        self._lengths = [*self._lengths[1 - _MOST :], end_us - start_us]
        self.last_us = end_us

    def renew(self) -> None:
        """The next movement is the first."""
        self._known, self._lengths = [], []

    @property
    def reference(self) -> Frame:
        """The middle of the movements that are known."""
        return mean_frame(self._known)

    @property
    def length_us(self) -> int:
        """How long a movement usually is."""
        return sorted(self._lengths)[len(self._lengths) // 2]

    def is_due(self, t_us: int) -> bool:
        """Whether movements are missed at this moment, and may still be found."""
        if len(self._known) < self._rule.least_known or self.reference.turn < self._slip.least_turn_deg:
            return False
        passed = t_us - self.last_us - self._rule.pause_s * _US_PER_S
        return self.length_us < passed + self._rule.pause_s * _US_PER_S and passed < 8 * self.length_us

    def fits(self, frame: Frame) -> bool:
        """Whether a movement is like those known, also when it is seen from where it went."""
        if not self._known:
            return False
        ways = (frame, backwards(frame))
        return any(share_of(self._slip, self.reference, way, between=False) < 1.0 for way in ways)

    def look(self, t: Times, up: Floats) -> Seen | None:
        """Look at the rows since the last movement that fitted: times in ns, (n,), and "up", (n, 3).

        ``alone`` is then the one movement that was not enough, if there was just one.
        """
        self.alone = None
        reference, length = self.reference, self.length_us
        short, long = (x * length * 1000.0 / COARSE_NS for x in self._rule.length)
        best: list[tuple[int, int, Frame]] = []
        coarse_t, coarse = t[t % COARSE_NS == 0], up[t % COARSE_NS == 0]
        if len(coarse) < 2.0 * short:
            return None
        for pose in poses_in(self._segment, coarse):
            spans = swings_from(coarse, pose, reference.turn, (short, long))
            taken: list[tuple[int, int, Frame]] = []
            for a, b in spans:
                i, j = t.searchsorted(coarse_t[a]).item(), t.searchsorted(coarse_t[b]).item()
                frame = frame_of(up[i:j])
                if frame is None or not self._is_as_large(frame):
                    continue
                if self.fits(frame):
                    return None  # the movements of before: they were not counted for another reason
                taken.append((t.item(i) // 1000, t.item(j) // 1000, frame))
            row = self._in_a_row(taken)
            if len(row) > len(best):
                best = row
        if not best:
            return None
        # a row may be seen from where the movements went
        fresh = either_way(self._slip, reference, mean_frame([frame for _, _, frame in best]))
        if share_of(self._slip, reference, fresh, between=False) < 1.0:
            return None
        # upside down at both ends, at once: one is enough, nobody else does that
        over = change(reference, fresh, self._slip.least_turn_deg).about > self._slip.over_deg
        if len(best) < self._rule.least and not over:
            self.alone = best[0]
            return None
        turned = turned_by(self._slip, reference, fresh, between=False)
        return Seen([(a, b) for a, b, _ in best], turned)

    def _is_as_large(self, frame: Frame) -> bool:
        large, small = max(frame.turn, self.reference.turn), min(frame.turn, self.reference.turn)
        return large < self._rule.size * small

    def _in_a_row(self, taken: list[tuple[int, int, Frame]]) -> list[tuple[int, int, Frame]]:
        """Movements that follow each other, agree, and begin soon after the last known one."""
        pause = round(self._rule.pause_s * _US_PER_S)
        row: list[tuple[int, int, Frame]] = []
        for one in taken:
            if not row:
                # the movement in which the sensor turned may lie between
                if one[0] - self.last_us < 2 * self.length_us + 2 * pause:
                    row = [one]
                continue
            if one[0] < row[-1][1] - self.length_us // 4:
                continue  # a piece of the last one
            agree = share_of(self._slip, row[-1][2], one[2], between=False) < self._slip.agree_share
            if agree and one[0] - row[-1][1] < self.length_us + pause:
                row.append(one)
            elif len(row) < self._rule.least and one[0] - self.last_us < 2 * self.length_us + 2 * pause:
                row = [one]
            else:
                break
        return row
