"""Simulated people follow the plan: train, answer, are decided about, get an answer, train on.

The loop of a clinic without its machinery: no database, no messages, days instead of hours. Each session is
decided about twice, when it ends and when the next morning's answers are there (or are missing after 36 h);
somebody answers then. The same seed, thresholds and programmes give the same turns byte for byte.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from eccentra.errors import PlanError
from eccentra.plan.accept import accepted, level_change
from eccentra.plan.assess import Memory, decision_document
from eccentra.plan.decide import Decision, decide
from eccentra.plan.decision_input import parse_decision_input
from eccentra.plan.done import SESSIONS_READ_US, Known, Report, SessionDone
from eccentra.plan.prescription import Prescription
from eccentra.plan.thresholds import Thresholds
from eccentra.simulate.patients import DAY_US, Patient, PatientBody

__all__ = ["FIRST_DAY", "Answer", "Held", "Turn", "follow", "turns"]

FIRST_DAY = dt.date(2026, 3, 2)
"""A Monday."""

Answer = Literal["accept", "refuse", "unlock"]
Answering = Callable[[Decision], Answer]

_HOUR_US = 3_600_000_000
_MORNING_US, _ANSWER_US, _LATE_US = 8 * _HOUR_US + 1, 9 * _HOUR_US, 6 * _HOUR_US + _HOUR_US // 2
_BACK_US = 16 * _HOUR_US
_UNLOCK_AFTER_DAYS, _BREAK_DAYS = 4, 8

_Why = Literal["session", "morning", "late", "red_flag", "return"]


class Held(msgspec.Struct, frozen=True):
    """What is in force, since when, and how many steps the plan has come."""

    prescription: Prescription
    level: int
    from_us: int


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One decision and what became of it.

    Attributes
    ----------
    why
        After a session, with the next morning's answers, without them after 36 h, at a red flag (and when it
        was looked into), or before the first session after a break.
    document
        ``eccentra.decision-input/1``.
    answer, answered_us
        ``None`` when nobody answered: it was superseded.
    before, after
        What was in force before and after the answer.
    who
        Who answers for it: a therapist, or the athlete alone where that is enough.
    done, said
        What is new since the turn before.
    """

    day: int
    at_us: int
    why: _Why
    session: str | None
    document: dict[str, Any]
    decision: Decision
    answer: Answer | None
    answered_us: int | None
    before: Held
    after: Held
    who: str
    done: tuple[SessionDone, ...] = ()
    said: tuple[Report, ...] = ()


def accepts(decision: Decision) -> Answer:
    """Somebody who takes every suggestion, and unlocks when a lock has been looked into."""
    return "unlock" if decision.locked else "accept"


def follow(one: Patient, **options: Any) -> list[Turn]:
    """All turns of a person; options as :func:`turns`."""
    return list(turns(one, **options))


def turns(
    one: Patient,
    *,
    weeks: int = 16,
    rules: Thresholds | None = None,
    what_if: bool = False,
    answering: Answering = accepts,
    keep_days: int = 200,
) -> Iterator[Turn]:
    """Decisions about a person, one by one.

    Parameters
    ----------
    rules
        Thresholds; those of the file when not given.
    what_if
        Whether decisions work out what would change them.
    answering
        What is answered to a decision.
    keep_days
        Sessions and answers older than this are left out, as a hub does.
    """
    run = _Run(one, rules, what_if, answering, keep_days)
    for day in range(weeks * 7):
        yield from run.day(day)


class _Run:
    """A person's plan as it goes: carried state of :func:`turns`."""

    def __init__(
        self, one: Patient, rules: Thresholds | None, what_if: bool, answering: Answering, keep_days: int
    ) -> None:
        self.one, self.rules, self.what_if, self.answering = one, rules, what_if, answering
        self.keep_us = keep_days * DAY_US
        self.first_us = round(dt.datetime.combine(FIRST_DAY, dt.time(), dt.UTC).timestamp() * 1e6)
        self.body = PatientBody(one, self.first_us)
        self.held = Held(one.first_prescription(), 0, self.first_us)
        self.sessions: list[SessionDone] = []
        self.said: list[Report] = []
        self.told = (0, 0)  # sessions and reports that turns have shown
        self.memory = Memory()
        self.load_steps: list[int] = []
        self.steps_down: list[tuple[int, int]] = []
        self.unlocked_us: int | None = None
        self.locked_on: int | None = None
        self.returned: str | None = None  # last session before a break that was looked at
        self.open: str | None = None  # session whose second decision is to come

    def day(self, day: int) -> Iterator[Turn]:
        midnight = self.first_us + day * DAY_US
        yield from self._morning(day, midnight)
        if self.locked_on is not None and day - self.locked_on >= _UNLOCK_AFTER_DAYS:
            yield self._turn(day, midnight + _ANSWER_US + _HOUR_US, "red_flag", answered=True)
        if self.locked_on is not None and self.one.rests:
            return
        if self._comes_back(day, midnight):
            yield self._turn(day, midnight + _BACK_US, "return", answered=True)
        given = self.body.day(day, self.held.prescription, self.held.level)
        self.said += given.said
        if given.session is not None:
            self.sessions.append(given.session)
            self.open = given.session.id
            yield self._turn(
                day, max(given.session.ended_us, given.said[-1].at_us if given.said else 0), "session"
            )
        elif given.said:
            yield self._turn(day, given.said[-1].at_us, "red_flag")

    def _comes_back(self, day: int, midnight: int) -> bool:
        """Whether somebody stands at the door again after a break, before anything was done (limit H9)."""
        if not self.sessions or self.returned == self.sessions[-1].id:
            return False
        gap = midnight + _BACK_US - self.sessions[-1].ended_us
        back = gap >= _BREAK_DAYS * DAY_US and self.body.trains(day, self.held.prescription)
        self.returned = self.sessions[-1].id if back else self.returned
        return back

    def _morning(self, day: int, midnight: int) -> Iterator[Turn]:
        answers = self.body.morning(day)
        self.said += answers
        if self.open is None:
            return
        if answers:
            yield self._turn(day, answers[-1].at_us, "morning", answered=True)
        elif midnight - self.sessions[-1].ended_us > DAY_US:
            yield self._turn(day, midnight + _LATE_US, "late", answered=True)

    def _turn(self, day: int, at_us: int, why: _Why, answered: bool = False) -> Turn:
        document = decision_document(
            self._known(),
            self._recent(self.sessions, at_us),
            self._said(at_us),
            at_us,
            rules=self.rules,
            memory=self.memory,
        )
        given = parse_decision_input(document, self.one.id, self.rules)
        decision = decide(given, rules=self.rules, what_if=self.what_if)
        before, session = self.held, self.open
        if decision.locked and self.locked_on is None:
            self.locked_on = day
        # a lock is looked into for some days; anything else is answered at once
        waits = decision.locked and self.locked_on is not None and day - self.locked_on < _UNLOCK_AFTER_DAYS
        answered_us = at_us + (_HOUR_US // 2)
        answer = self._answered(decision, answered_us) if answered and not waits else None
        if answered:
            self.open = None
        told, self.told = self.told, (len(self.sessions), len(self.said))
        return Turn(
            day=day,
            at_us=at_us,
            why=why,
            session=session,
            document=document,
            decision=decision,
            answer=answer,
            answered_us=None if answer is None else answered_us,
            before=before,
            after=self.held,
            who=self._who(decision),
            done=tuple(self.sessions[told[0] :]),
            said=tuple(self.said[told[1] :]),
        )

    def _who(self, decision: Decision) -> str:
        alone = self.one.mode == "prevention" and not decision.needs_approval
        return self.one.id if alone else "therapist"

    def _answered(self, decision: Decision, at_us: int) -> Answer:
        answer = self.answering(decision)
        if answer == "unlock":
            self.unlocked_us, self.locked_on = at_us, None
        if answer != "accept":
            return answer
        if decision.row == 10:
            self.body.works_on_side()
        output = msgspec.to_builtins(decision)
        try:
            new = accepted(output, self.held.prescription, approved_by=self._who(decision))
        except PlanError:
            return "refuse"  # nothing that could be done as it is: another variant needs its own load
        if new is None:
            return answer
        if new.exercise != self.held.prescription.exercise:
            return "refuse"
        if decision.action == "PROGRESS" and decision.axis == "load":
            self.load_steps.append(at_us)
        if decision.action in ("REGRESS", "STOP"):
            self.steps_down.append((at_us, decision.steps))
        level = self.held.level + level_change(output, self.held.level)
        self.held = Held(new, level, at_us)
        return answer

    def _known(self) -> Known:
        one = self.one
        return Known(
            mode=one.mode,
            profile=one.follows.profile,
            stage=one.follows.stage,
            exercise=self.held.prescription.exercise,
            prescription=self.held.prescription,
            since=FIRST_DAY,
            template=one.template,
            template_week=None if one.template is None else max(1, self.held.level + 1),
            week_from_us=self.held.from_us,
            load_steps_us=tuple(self.load_steps[-9:]),
            steps_down_us=tuple(self.steps_down[-9:]),
            unlocked_us=self.unlocked_us,
            level=self.held.level,
        )

    def _recent(self, sessions: list[SessionDone], at_us: int) -> list[SessionDone]:
        done = bisect_right(sessions, at_us, key=lambda each: each.ended_us)
        if not done:
            return []
        since = max(at_us - self.keep_us, sessions[done - 1].ended_us - SESSIONS_READ_US - 1)
        return sessions[bisect_right(sessions, since, key=lambda each: each.ended_us) : done]

    def _said(self, at_us: int) -> list[Report]:
        return self.said[bisect_left(self.said, at_us - self.keep_us, key=lambda each: each.at_us) :]
