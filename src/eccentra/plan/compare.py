"""What other rules would have said: inputs of decisions asked again, and where the answers differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from eccentra.plan.decide import Decision, decide
from eccentra.plan.decision_input import parse_decision_input
from eccentra.plan.programmes import Programme
from eccentra.plan.thresholds import Thresholds

__all__ = ["Asked", "ask_again"]


class Asked(msgspec.Struct, frozen=True):
    """One input, answered by the rules that hold and by those tried out."""

    name: str
    before: Decision
    after: Decision

    @property
    def differs(self) -> bool:
        """Whether anything that people see differs: row, action, steps or the next prescription."""
        return _seen(self.before) != _seen(self.after)


def _seen(one: Decision) -> tuple[Any, ...]:
    return one.row, one.action, one.steps, one.next_prescription


def ask_again(
    documents: Iterable[tuple[str, dict[str, Any]]],
    *,
    rules: Thresholds | None = None,
    programme: Programme | None = None,
) -> list[Asked]:
    """Answers to named inputs (``eccentra.decision-input/1``) by both.

    Parameters
    ----------
    rules, programme
        Thresholds and programme that are tried out; those that hold when not given.
    """
    out = []
    for name, document in documents:
        before = decide(parse_decision_input(document, name), what_if=False)
        given = parse_decision_input(document, name, rules)
        out.append(Asked(name, before, decide(given, rules=rules, what_if=False, programme=programme)))
    return out
