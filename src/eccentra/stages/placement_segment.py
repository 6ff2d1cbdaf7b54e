"""Does a sensor sit on the segment it is said to be on? By how far the segments turn in this exercise.

The exercise's file says by how much each segment turns in a full repetition. People differ, and shallow
repetitions turn everything less: so the order of the segments weighs more than their turns, and a statement
is made only when the sensors, put on other segments, would fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations, product

from eccentra.stages.placement import SegmentRule
from eccentra.stages.placement_frames import Frame

__all__ = ["SegmentWatch", "elsewhere"]

Spans = Mapping[str, tuple[float, float]]

# Two sensors on one segment turn by the same but for soft tissue and what sensors are off by; shallow
# movements of two segments may agree by chance.
_SAME_DEG, _SAME_FROM_DEG = 2.5, 25.0


def elsewhere(
    rule: SegmentRule, spans: Spans, turns: Mapping[str, float], *, alone_low: float
) -> dict[str, tuple[str, ...]]:
    """Sensors that sit elsewhere, and on which segments they may be; empty when nothing can be said.

    Parameters
    ----------
    spans
        Smallest and largest turn of each segment of the exercise in degrees.
    turns
        What the sensor at each of these segments turned.
    alone_low
        Share of the smallest turn below which one sensor alone is in doubt.
    """
    worn = {name: turn for name, turn in turns.items() if name in spans}
    if not worn:
        return {}
    order = {
        frozenset(pair): _order(rule, spans, *pair, worn)
        for pair in combinations(sorted(worn), 2)
        if _is_apart(rule, spans, *pair)
    }
    low = rule.low if len(worn) > 1 else alone_low
    wrong = [
        name
        for name, turn in worn.items()
        if not _fits(rule, spans[name], turn, low)
        and not _is_in_order(name, order, shallow=turn < spans[name][0])
    ]
    swapped = [set(pair) for pair, way in order.items() if way < 0]
    same = [set(pair) for pair in order if _turn_as_one(spans, worn, *pair)]
    if not wrong and not swapped and not same:
        return {}
    return _best(rule, spans, worn, swapped=swapped, same=same)


def _is_apart(rule: SegmentRule, spans: Spans, a: str, b: str) -> bool:
    """Whether one of two segments should clearly turn more than the other."""
    usual = sorted(_usual(spans[name]) for name in (a, b))
    return usual[1] >= rule.apart * usual[0]


def _usual(span: tuple[float, float]) -> float:
    return max(sum(span) / 2.0, 1.0)


def _is_in_order(name: str, order: Mapping[frozenset[str], int], *, shallow: bool) -> bool:
    """Whether a sensor turned more and less than the others as it should: people move less or more.

    A shallow movement turns some segments less than others, so that one clear order is enough there.
    """
    own = [way for pair, way in order.items() if name in pair]
    clear = any if shallow else all
    return min(own, default=-1) >= 0 and clear(way > 0 for way in own)


def _turn_as_one(spans: Spans, turns: Mapping[str, float], a: str, b: str) -> bool:
    """Whether two sensors turned alike, and further than one of their segments does: they sit on one."""
    if abs(turns[a] - turns[b]) > _SAME_DEG or min(turns[a], turns[b]) < _SAME_FROM_DEG:
        return False
    return any(turns[name] > spans[name][1] for name in (a, b))


def _order(rule: SegmentRule, spans: Spans, a: str, b: str, turns: Mapping[str, float]) -> int:
    """1 when the one that should turn more does, -1 when it is the other way round, 0 when open."""
    more, less = sorted((a, b), key=lambda name: -_usual(spans[name]))
    if turns[more] > rule.order * turns[less]:
        return 1
    return -1 if turns[less] > max(rule.order * turns[more], rule.cycle_deg) else 0


def _fits(rule: SegmentRule, span: tuple[float, float], turn: float, low: float) -> bool:
    return low * span[0] <= turn <= rule.high * span[1] + rule.spare_deg


def _best(
    rule: SegmentRule,
    spans: Spans,
    worn: Mapping[str, float],
    *,
    swapped: Iterable[set[str]],
    same: Iterable[set[str]],
) -> dict[str, tuple[str, ...]]:
    """The fewest sensors that would have to be elsewhere for everything to fit; two swapped ones first."""
    names = sorted(worn)
    for a, b in map(sorted, swapped):
        mapped = {**{name: name for name in names}, a: b, b: a}
        if all(_is_like(spans[mapped[name]], worn[name], rule) for name in names):
            return {a: (b,), b: (a,)}
    found: list[tuple[int, tuple[str, ...]]] = []
    for places in product(sorted(spans), repeat=len(names)):
        at = dict(zip(names, places, strict=True))
        if any(_is_apart(rule, spans, *(at[name] for name in pair)) for pair in same):
            continue
        if all(
            _is_like(spans[place], worn[name], rule)
            or (place == name and _fits(rule, spans[name], worn[name], rule.low))
            for name, place in at.items()
        ):
            moved = sum(name != place for name, place in at.items())
            found.append((moved, places))
    least = min((moved for moved, _ in found), default=0)
    if not least:
        return {}
    out: dict[str, set[str]] = {}
    for moved, places in found:
        if moved == least:
            for name, place in zip(names, places, strict=True):
                if name != place:
                    out.setdefault(name, set()).add(place)
    return {name: tuple(sorted(places)) for name, places in out.items()}


def _is_like(span: tuple[float, float], turn: float, rule: SegmentRule) -> bool:
    return span[0] <= turn <= span[1] + rule.spare_deg


class SegmentWatch:
    """State: the turns of the counted repetitions."""

    def __init__(self, rule: SegmentRule, spans: Spans) -> None:
        self._rule, self._spans = rule, spans
        self._turns: dict[tuple[int, int], dict[str, float]] = {}
        self.done = not spans

    def add(self, key: tuple[int, int], frames: Mapping[str, Frame]) -> dict[str, tuple[str, ...]]:
        """Take a counted repetition; gives the sensors that sit elsewhere once it is sure."""
        if self.done:
            return {}
        self._turns[key] = {name: frame.turn for name, frame in frames.items()}
        if len(self._turns) < self._rule.least_reps:
            return {}
        recent = list(self._turns.values())[-2 * self._rule.least_reps :]
        turns = {name: sorted(one[name] for one in recent if name in one) for name in recent[-1]}
        middle = {name: values[len(values) // 2] for name, values in turns.items()}
        found = elsewhere(self._rule, self._spans, middle, alone_low=self._rule.alone_low)
        self.done = bool(found)
        return found

    def drop(self, key: tuple[int, int]) -> None:
        """A repetition was taken back."""
        self._turns.pop(key, None)
