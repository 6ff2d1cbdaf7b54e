"""The list before a return to sport: items that a human ticks, steps that a human takes.

Nothing is ticked by a number, there is no pass mark (London consensus 2023, BJSM: none was agreed), and the
list never says that somebody is fit to return. For a tendon it is locked in the first three months unless a
therapist says why not.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from eccentra.errors import PlanError
from eccentra.plan.review_rules import review_rules
from eccentra.plan.thresholds import Profile

__all__ = [
    "ITEMS",
    "Override",
    "ReturnList",
    "Step",
    "Tick",
    "locked_until",
    "open_anyway",
    "take_step",
    "tick",
]

ITEMS: dict[str, str] = {
    "examination": "no pain on palpation, strength and flexibility tests",
    "functional_tests": "no pain during and after functional tests",
    "flexibility": "similar flexibility on both sides",
    "strength": "strength against the other side or the own earlier value was looked at",
    "late_sessions": "the last two late-stage sessions were within the low pain band, with confidence",
    "sport_movements": "no pain in the movements of the sport",
    "field_performance": "performance on the field was looked at",
    "lumbopelvic_control": "control of pelvis and trunk was looked at",
    "readiness": "the person feels ready",
    "shared_decision": "the decision was shared by all who are concerned",
}
"""Van der Horst 2017, BJSM (Delphi), with control and strength from a second one; wording ours."""

State = Literal["participation", "sport", "performance"]
_NOBODY = "return list"


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """Who ticked an item, and when."""

    who: str
    at_us: int
    note: str | None = None


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """Who opened the list early, and why."""

    who: str
    at_us: int
    reason: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the return that a human took: participation, sport, performance."""

    to: State
    who: str
    at_us: int


class ReturnList(msgspec.Struct, frozen=True, kw_only=True):
    """The list of one programme."""

    ticks: dict[str, Tick] = {}
    override: Override | None = None
    steps: tuple[Step, ...] = ()

    def open_items(self) -> list[str]:
        """Items that nobody ticked."""
        return [name for name in ITEMS if name not in self.ticks]

    def words(self) -> str:
        """How far the list is; never more than that."""
        left = len(self.open_items())
        if left:
            return f"{len(ITEMS) - left} of {len(ITEMS)} items ticked"
        return f"all {len(ITEMS)} items ticked; the decision is your clinician's"


def locked_until(profile: Profile, started: dt.date, one: ReturnList) -> dt.date | None:
    """Day on which the list opens; ``None`` when it is open whatever the day."""
    if profile != "tendinopathy" or one.override is not None:
        return None
    return started + dt.timedelta(weeks=review_rules().return_list.locked_weeks)


def tick(
    one: ReturnList,
    item: str,
    *,
    who: str,
    at_us: int,
    today: dt.date,
    profile: Profile,
    started: dt.date,
    note: str | None = None,
    done: bool = True,
) -> ReturnList:
    """Tick an item, or take the tick back.

    Raises
    ------
    PlanError
        Unknown item, or a list that is still locked.
    """
    if item not in ITEMS:
        raise PlanError(_NOBODY, f"has no item {item!r}; it has {', '.join(ITEMS)}")
    _check_open(one, profile, started, today)
    ticks = {name: value for name, value in one.ticks.items() if name != item}
    if done:
        ticks[item] = Tick(who=who, at_us=at_us, note=note)
    return msgspec.structs.replace(one, ticks=ticks)


def open_anyway(one: ReturnList, *, who: str, at_us: int, reason: str) -> ReturnList:
    """Open the list before its day.

    Raises
    ------
    PlanError
        Without a reason.
    """
    if not reason.strip():
        raise PlanError(_NOBODY, "opens early only with a reason: say why")
    return msgspec.structs.replace(one, override=Override(who=who, at_us=at_us, reason=reason.strip()))


def take_step(
    one: ReturnList,
    to: State,
    *,
    who: str,
    at_us: int,
    today: dt.date,
    profile: Profile,
    started: dt.date,
) -> ReturnList:
    """Note that a human let somebody take the next step; a step back may be taken any time.

    Raises
    ------
    PlanError
        While the list is locked, or when items are open.
    """
    order: tuple[State, ...] = ("participation", "sport", "performance")
    now = order.index(one.steps[-1].to) if one.steps else -1
    if order.index(to) > now:
        _check_open(one, profile, started, today)
        if one.open_items():
            raise PlanError(_NOBODY, f"has open items: {', '.join(one.open_items())}")
    return msgspec.structs.replace(one, steps=(*one.steps, Step(to=to, who=who, at_us=at_us)))


def _check_open(one: ReturnList, profile: Profile, started: dt.date, today: dt.date) -> None:
    until = locked_until(profile, started, one)
    if until is not None and today < until:
        raise PlanError(_NOBODY, f"is locked until {until}; a therapist may open it earlier with a reason")
