"""What a session of a person aims at: the next item of the plan, and what of it is done already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from eccentra.commands import CommandError
from eccentra.events import StationNoted, StationReason
from eccentra.mqtt.payloads import PlanItem
from eccentra.plan.daily import daily_rules
from eccentra.plan.prescription_words import load_words
from eccentra.station.daybook import Daybook
from eccentra.station.plans import Plans, target_of, unusable

__all__ = ["Target", "Targets"]

_US_PER_H = 3_600_000_000


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a session begins with.

    Attributes
    ----------
    exercise
        What is to be done.
    prescription
        As the session takes it; ``None`` without a plan.
    load
        In words, when the plan says it.
    note
        Why there is no target, when there should be one.
    """

    exercise: str
    prescription: dict[str, Any] | None = None
    load: str | None = None
    note: StationNoted | None = None


class Targets:
    """Finds targets.

    Parameters
    ----------
    folder
        Where session files lie.

    Attributes
    ----------
    plans
        The plans that came.
    done
        The sets that were done.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.plans = Plans()
        self.done = Daybook(folder)

    def find(self, athlete: str | None, exercise: str | None, now_us: int) -> Target:
        """The target of a session that begins now.

        Parameters
        ----------
        exercise
            ``None`` for the next unfinished item of the plan.

        Raises
        ------
        CommandError
            No exercise was named and no plan says one: it is locked, finished, out of date or not there.
        """
        plan = self.plans.of(athlete)
        if plan is None or athlete is None:
            if exercise is None:
                raise CommandError("no_exercise", "say which exercise: start exercise=nordic-curl")
            return Target(exercise=exercise)
        if plan.locked:
            words = plan.message or "the plan is locked"
            if exercise is None:
                raise CommandError("plan_locked", words)
            return Target(
                exercise=exercise, note=_note(StationReason.PLAN_LOCKED, f"the plan is locked: {words}")
            )
        items = [one for one in plan.items if exercise in (None, one.exercise)]
        problems = {one.exercise: unusable(one, now_us) for one in items}
        if exercise is not None:
            return self._named(exercise, items, problems)
        for item in items:
            if problems[item.exercise] is None and self.left(athlete, item, now_us) > 0:
                return _target(item)
        said = [problem for problem in problems.values() if problem is not None]
        if said:
            raise CommandError("plan_stale", f"{'; '.join(said)}: ask for a new plan, or name the exercise")
        if items:
            raise CommandError("plan_done", "everything planned is done; name an exercise to do more")
        raise CommandError(
            "plan_empty", "nothing is prescribed; say which exercise: start exercise=nordic-curl"
        )

    def _named(self, exercise: str, items: list[PlanItem], problems: dict[str, str | None]) -> Target:
        if not items:
            return Target(exercise=exercise)
        problem = problems[exercise]
        if problem is not None:
            return Target(exercise=exercise, note=_note(StationReason.PLAN_REFUSED, problem))
        return _target(items[0])

    def left(self, athlete: str, item: PlanItem, now_us: int) -> int:
        """How many sets of an item are not done yet."""
        since = now_us - round(daily_rules().target.done_for_h * _US_PER_H)
        return max(0, item.prescription.sets - self.done.sets(athlete, item.exercise, since))


def _target(item: PlanItem) -> Target:
    return Target(exercise=item.exercise, prescription=target_of(item), load=load_words(item.prescription))


def _note(reason: StationReason, detail: str) -> StationNoted:
    return StationNoted(
        reason=reason,
        level="warning",
        detail=detail,
        advice="the session has no target; ask whoever answers for the plan",
    )
