"""Plans as a hub publishes them, checked when they come; and what of them a session takes. Pure.

What comes over the network is not trusted: a plan that cannot be used is said once, and the session starts
without a target. What a session takes of a plan is copied into its inputs and never changes after that.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

import msgspec

from eccentra.catalogue import Tempo
from eccentra.datafolder import find_data_file
from eccentra.errors import InputError
from eccentra.mqtt.contract import VERSION
from eccentra.mqtt.payloads import PlanItem, PlanState
from eccentra.plan.daily import daily_rules
from eccentra.plan.prescription import Prescription
from eccentra.plan.prescription_words import dose_words, load_words
from eccentra.stages.cue_rules import aim_of

__all__ = ["Plans", "read_plan", "target_of", "target_words", "unusable"]

_MOST_BYTES = 262_144
_MOST_ITEMS = 100
# More people than one station sees; the one heard of longest ago gives way.
_MOST_PEOPLE = 5_000
_WEEK_US = 7 * 86_400_000_000
_MINUTE_US = 60_000_000

_decoder = msgspec.json.Decoder(PlanState)


def read_plan(athlete: str, payload: bytes, now_us: int) -> PlanState:
    """A person's plan as it came.

    Parameters
    ----------
    athlete
        Whom the topic names.
    now_us
        The clock, µs since 1970.

    Raises
    ------
    InputError
        It is no plan of this version, of somebody else, impossible, or from the future.
    """
    if len(payload) > _MOST_BYTES:
        raise InputError("plan", f"has {len(payload)} bytes, expected at most {_MOST_BYTES}")
    try:
        plan = _decoder.decode(payload)
        since = [_us(one.since) for one in plan.items] + [_us(plan.time)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError("plan", f"cannot be used: {error}") from None
    if plan.schema != f"eccentra.plan/{VERSION}":
        raise InputError("plan", f"is of schema {plan.schema[:40]!r}, expected eccentra.plan/{VERSION}")
    if plan.athlete != athlete:
        raise InputError("plan", f"is of {plan.athlete[:64]}, its topic says {athlete}")
    names = [one.exercise for one in plan.items]
    if len(names) > _MOST_ITEMS or len(set(names)) < len(names):
        raise InputError(
            "plan", f"has {len(names)} items, expected each exercise once, at most {_MOST_ITEMS}"
        )
    ahead = max(since) - now_us
    if ahead > daily_rules().target.ahead_min * _MINUTE_US:
        raise InputError(
            "plan", f"is {ahead / _MINUTE_US:.0f} min in the future; set the clocks of both computers"
        )
    return plan


def _us(time: str | None) -> int:
    if time is None:
        return 0
    moment = datetime.fromisoformat(time)
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1e6)


def unusable(item: PlanItem, now_us: int) -> str | None:
    """Why an item cannot be a target now; ``None`` when it can.

    A prescription is for so many weeks: one whose time is over was not renewed by anybody.
    """
    if item.exercise != item.prescription.exercise:
        return f"prescribes {item.prescription.exercise} under {item.exercise}"
    if find_data_file("pipelines", item.exercise) is None:
        return f"there is no exercise {item.exercise} here; update Eccentra on this computer"
    over_us = now_us - (_us(item.since) + item.prescription.weeks * _WEEK_US)
    if over_us > 0:
        return f"{item.exercise} was prescribed for {item.prescription.weeks} weeks, which are over"
    try:
        _session_part(item.prescription)
    except InputError as error:
        return str(error)
    return None


def target_of(item: PlanItem) -> dict[str, Any]:
    """What a session is given of an item: what cues need, and all of it for whoever reads the recording."""
    # as it is read back from the recording: a replay sees nothing else
    return {**_session_part(item.prescription), "item": msgspec.json.decode(msgspec.json.encode(item))}


def _session_part(one: Prescription) -> dict[str, Any]:
    """Tempo, repetitions, range and pain limit as a session reads them.

    Raises
    ------
    InputError
        A number that no session can be paced by.
    """
    phases = zip(("eccentric", "isometric", "concentric"), one.tempo_s[:3], strict=True)
    try:
        tempo = Tempo(**{name: seconds for name, seconds in phases if seconds > 0.0})
    except ValueError as error:
        raise InputError("tempo_s", str(error)) from None
    part: dict[str, Any] = {
        "tempo_s": msgspec.to_builtins(tempo),
        "sets": one.sets,
        # sets of different lengths: the session counts, and asks for none
        "reps": one.reps if isinstance(one.reps, int) else None,
        "rom_target_deg": max(abs(joint.end_deg - joint.start_deg) for joint in one.rom),
        "pain_limits": {"stop": one.pain_limits.stop},
    }
    aim_of(part)
    return part


def target_words(prescription: dict[str, Any] | None) -> str:
    """The plan's part of what a session was given, in words; empty when there is none."""
    item = (prescription or {}).get("item")
    if item is None:
        return ""
    try:
        one = msgspec.convert(item, PlanItem).prescription
    except msgspec.ValidationError:
        return ""  # recorded by another version
    return f"{dose_words(one)}, {load_words(one)}"


class Plans:
    """The newest plan of each person."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, tuple[str, PlanState]] = OrderedDict()
        self._restored: set[str] = set()

    def take(self, node: str, athlete: str, payload: bytes, now_us: int) -> None:
        """Take a plan of a hub; an empty payload says that it has none any more.

        Raises
        ------
        InputError
            It cannot be used: then this hub has none. Or it is older than another hub's, which stays.
        """
        hub, before = self._plans.get(athlete, (node, None))
        if athlete in self._restored:
            # kept from before: whatever a hub says now is newer news
            hub, before = node, None
            self._restored.discard(athlete)
        if not payload:
            if hub == node:
                self._plans.pop(athlete, None)
            return
        try:
            plan = read_plan(athlete, payload, now_us)
        except InputError:
            if hub == node:
                self._plans.pop(athlete, None)
            raise
        if before is not None and _us(plan.time) < _us(before.time):
            raise InputError("plan", f"of {plan.time} is older than the one of {before.time}, which stays")
        self._plans[athlete] = (node, plan)
        self._plans.move_to_end(athlete)
        if len(self._plans) > _MOST_PEOPLE:
            self._plans.popitem(last=False)

    def restore(self, node: str, athlete: str, payload: bytes, now_us: int) -> None:
        """Take a plan that was kept over a restart, until a hub says anything.

        Raises
        ------
        InputError
            It cannot be used any more.
        """
        self.take(node, athlete, payload, now_us)
        self._restored.add(athlete)

    def heard(self, athlete: str) -> bool:
        """Whether a hub said a person's plan since the start."""
        return athlete in self._plans and athlete not in self._restored

    def entry(self, athlete: str) -> tuple[str, PlanState] | None:
        """A person's plan and the hub that said it."""
        return self._plans.get(athlete)

    def of(self, athlete: str | None) -> PlanState | None:
        """A person's plan."""
        return None if athlete is None else self._plans.get(athlete, (None, None))[1]
