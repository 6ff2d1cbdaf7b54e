"""Does a sensor sit on the segment it is said to be on? By how far the segments turn in this exercise.

The exercise's file says by how much each segment turns in a full repetition. People differ, and shallow
repetitions turn everything less: so the order of the segments weighs more than their turns, and a statement
is made only when the sensors, put on other segments, would fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations, product

from eccentra.stages.placement import SegmentRule
from eccentra.stages.placement_frames import Frame

__all__ = ["SegmentWatch", "elsewhere"]

Spans = Mapping[str, tuple[float, float]]


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
    order = [_order(rule, spans, a, b, worn) for a, b in combinations(sorted(worn), 2)]
    order = [one for one in order if one != 0]
    if order and all(one > 0 for one in order):
        return {}
    low = rule.low if len(worn) > 1 else alone_low
    wrong = [name for name, turn in worn.items() if not _fits(rule, spans[name], turn, low)]
    if not wrong and not any(one < 0 for one in order):
        return {}
    return _best(rule, spans, worn)


def _order(rule: SegmentRule, spans: Spans, a: str, b: str, turns: Mapping[str, float]) -> int:
    """1 when the one that should turn more does, -1 when it is the other way round, 0 when open."""
    usual_a, usual_b = (max(sum(spans[name]) / 2.0, 1.0) for name in (a, b))
    if max(usual_a, usual_b) < rule.apart * min(usual_a, usual_b):
        return 0
    more, less = (a, b) if usual_a > usual_b else (b, a)
    if turns[more] > rule.order * turns[less]:
        return 1
    return -1 if turns[less] > max(rule.order * turns[more], rule.cycle_deg) else 0


def _fits(rule: SegmentRule, span: tuple[float, float], turn: float, low: float) -> bool:
    return low * span[0] <= turn <= rule.high * span[1] + rule.spare_deg


def _best(rule: SegmentRule, spans: Spans, worn: Mapping[str, float]) -> dict[str, tuple[str, ...]]:
    """The fewest sensors that would have to be elsewhere for everything to fit; two swapped ones first."""
    names = sorted(worn)
    for a, b in combinations(names, 2):
        mapped = {**{name: name for name in names}, a: b, b: a}
        if all(_is_like(spans[mapped[name]], worn[name], rule) for name in names):
            return {a: (b,), b: (a,)}
    found: list[tuple[int, tuple[str, ...]]] = []
    for places in product(sorted(spans), repeat=len(names)):
        if all(
            _is_like(spans[place], worn[name], rule)
            or (place == name and _fits(rule, spans[name], worn[name], rule.low))
            for name, place in zip(names, places, strict=True)
        ):
            moved = sum(name != place for name, place in zip(names, places, strict=True))
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
