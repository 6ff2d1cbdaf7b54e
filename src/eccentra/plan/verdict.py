"""From the history to row, action and next prescription, without the words around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from eccentra.plan.decision_input import Axis, DecisionInput
from eccentra.plan.history import EDGE, History, Scored, history_of
from eccentra.plan.limits import blocked, first_weeks, heavy_note, not_evaluated, progressed
from eccentra.plan.programmes import Course, Programme, Week
from eccentra.plan.rows import Action, Match, matches, red_flag, same_side
from eccentra.plan.steps import Facts, Step, Table, easier, in_week, share_of_week
from eccentra.plan.thresholds import PainBand, Thresholds

__all__ = ["Rules", "Verdict", "most_rpe", "pain_band", "reach", "rpe_limit"]

Modifier = Literal["M1", "M2", "M3", "M4"]

_CAUTION: dict[Action, int] = {"PROGRESS": 0, "HOLD": 1, "REGRESS": 2, "STOP": 3, "REFER": 4}
# Rows whose action may be more cautious than that of the first that matches.
_JOINED = 9


class Rules(msgspec.Struct, frozen=True):
    """Data that hold for a decision: thresholds, the exercise's record, the programme."""

    thresholds: Thresholds
    facts: Facts
    programme: Programme | None
    course: Course | None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided; ``why`` is the condition of the row in words."""

    row: int
    action: Action
    why: str
    steps: int = 0
    axis: Axis | None = None
    table: Table | None = None
    provisional: bool = False
    needs_approval: bool = False
    modifiers: tuple[Modifier, ...] = ()
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def reach(given: DecisionInput, rules: Rules) -> Verdict:
    """The verdict on checked input."""
    why = red_flag(given, rules.thresholds)
    if why is not None:
        return Verdict(row=1, action="REFER", why=why, needs_approval=True)
    if not given.sessions:
        note = "no session yet"
        return Verdict(row=17, action="HOLD", why=note, table=given.prescription, notes=(note,))
    seen = _history(given, rules)
    found = matches(given, seen, rpe_limit(rules))
    return _matched(given, rules, found) if found else _unmatched(given, seen, rules)


def rpe_limit(rules: Rules) -> float:
    """Effort from which on it is too much."""
    own = None if rules.programme is None else rules.programme.rpe_limit
    return rules.thresholds.effort.rpe_too_much if own is None else own


def most_rpe(given: DecisionInput, rules: Rules) -> float:
    """Effort up to which a session is as planned."""
    own = None if rules.programme is None else rules.programme.rpe_above_target
    return given.target.rpe + (rules.thresholds.effort.good_above_target if own is None else own)


def pain_band(given: DecisionInput, rules: Rules) -> PainBand:
    """Pain limits: the person's own before the profile's; a programme may only tighten them."""
    own = given.prescribed.pain_limits
    band = rules.thresholds.pain.profiles[given.profile]
    if own is not None:
        band = PainBand(low=own.low, stop=own.stop)
    tight = None if rules.programme is None else rules.programme.pain
    if tight is None:
        return band
    return PainBand(low=min(band.low, tight.low), stop=min(band.stop, tight.stop))


def _history(given: DecisionInput, rules: Rules) -> History:
    return history_of(
        given,
        rules.thresholds,
        Scored(rom=rules.facts.rom, quality=rules.facts.quality),
        band=pain_band(given, rules),
        most_rpe=most_rpe(given, rules),
    )


# -- rows 2 to 14 ----------------------------------------------------------------------------------------


def _matched(given: DecisionInput, rules: Rules, found: Sequence[Match]) -> Verdict:
    """The first row; its action is the most cautious of the matching rows up to 9."""
    first = found[0]
    joined = [one for one in found if one.row <= _JOINED] or [first]
    action = max((one.action for one in joined), key=_CAUTION.__getitem__)
    steps = max(one.steps for one in joined)
    notes = [f"row {one.row} matches too: {one.why}" for one in found[1:]]
    limits = tuple(dict.fromkeys(one.limit for one in found if one.limit is not None))
    taken = given.steps_down_since_last or 0
    if steps and taken:
        # what was seen, or the same break, is answered once
        steps = _left(given, steps, taken)
        action = action if steps else "HOLD"
        notes.append(f"made easier by {taken} since that session already")
    step = _down(given, rules, steps) if steps else Step(None, given.prescription)
    if step.note:
        notes.append(step.note)
    if first.row == 10:
        notes.append("for the therapist: favour single-side work, keep the load of both sides")
    if first.row == 11:
        notes.append("more sets of fewer repetitions (4 to 6 at most) keep the force up")
    if first.row == 12:
        notes.append("a programme of lower volume may be offered (presland-low-2018)")
    if first.row == 2:
        notes.append("for the therapist: pain above the limit")
    if given.requested is not None:
        notes.append(f"the wish for {given.requested.axis} waits: it is judged when a step up is due")
    return Verdict(
        row=first.row,
        action=action,
        why=first.why,
        steps=steps,
        axis=step.axis,
        table=step.table,
        limits=limits,
        notes=tuple(notes),
    )


def _left(given: DecisionInput, steps: int, taken: int) -> int:
    """Steps down that are still to be taken; the way to a programme's beginning is one, however far."""
    if taken >= steps:
        return 0
    return steps if given.template is not None else steps - taken


def _down(given: DecisionInput, rules: Rules, steps: int) -> Step:
    """One or two steps down; in a programme a week back, or to its beginning."""
    course, week = rules.course, given.template_week
    if course is not None and week is not None:
        dose = course.of_week(week)
        # after the last week the steps up were others (load first): those go back, not the week
        back = 1 if steps >= 2 else week - 1 if dose is not None else 0
        before = course.of_week(back) if back >= 1 else None
        if before is not None and before != dose and not _no_more(given, before):
            return in_week(given.prescription, course, back, dose, rules.thresholds.limits)
    sizes = rules.thresholds.limits
    return easier(given.prescription, given.prescribed, sizes, rules.facts, steps, given.plate_step_kg)


def _no_more(given: DecisionInput, dose: Week) -> bool:
    """Whether a week asks for as much as is prescribed, or more: after steps down that is no way down."""
    share = share_of_week(given.prescribed, dose)
    return share is not None and share <= 1.0 + EDGE


# -- rows 15 to 17 ---------------------------------------------------------------------------------------


def _unmatched(given: DecisionInput, seen: History, rules: Rules) -> Verdict:
    """Good enough to go on, or to be repeated."""
    only = given.template is not None and len(seen.pair) == 1
    ready = (seen.in_a_row or only) and seen.all_good()
    if not ready:
        return _repeat(given, shortfall(seen, only))
    if given.template is not None and given.template_week_done is False:
        return _repeat(given, "the programme's week is not done yet")
    block = blocked(given, seen, rules.facts)
    if block is not None:
        return _repeat(given, block[1], (block[0],))
    step = progressed(given, seen, rules.facts, rules.course)
    if step.table is None and step.limit is not None:
        return _repeat(given, step.note or f"{step.limit} leaves no step", (step.limit,))
    return _progress(given, seen, rules, step)


def _repeat(given: DecisionInput, why: str, limits: tuple[str, ...] = ()) -> Verdict:
    notes: tuple[str, ...] = ()
    if given.requested is not None:
        notes = (f"the wish for {given.requested.axis} waits: it is judged when a step up is due",)
    return Verdict(row=17, action="HOLD", why=why, table=given.prescription, limits=limits, notes=notes)


def _progress(given: DecisionInput, seen: History, rules: Rules, step: Step) -> Verdict:
    target = given.target.rpe
    if given.template is not None and first_weeks(given, seen):
        # the ceiling of the first weeks (H8) is the target
        target = min(target, rules.thresholds.limits.first_weeks_rpe)
    least = target - rules.thresholds.effort.too_easy_below_target + EDGE
    easy = all((one.rpe or 0.0) <= least for day in seen.pair for one in day)
    waits = [one for one in seen.newest if one.pain_24h_change is None]
    late = rules.thresholds.history.next_morning_hours
    overdue = any(one.hours_since > late + EDGE for one in waits)
    analgesic = any(one.analgesic_24h for day in seen.pair for one in day)
    asymmetric = same_side(seen.pair, rules.thresholds.asymmetry.approve) is not None
    modifiers: list[Modifier] = []
    modifiers += ["M1"] if asymmetric else []
    modifiers += ["M2"] if analgesic else []
    modifiers += ["M3"] if waits else []
    row = 15 if easy else 16
    why = (
        "both sessions met every target"
        if len(seen.pair) == 2
        else "in a programme the week's only session is enough: it met every target"
    )
    why += ", with effort well below it" if easy else ""
    missing = not_evaluated(given, seen)
    warned = (heavy_note(given, seen, rules.facts), step.note, _weeks_over(given, rules))
    notes = [note for note in (*warned, *missing) if note]
    if analgesic or overdue:
        held = []
        held += ["a painkiller was taken within 24 h: the pain score says less"] if analgesic else []
        held += [f"the next morning's score is missing after {late:g} h"] if overdue else []
        return Verdict(
            row=row,
            action="HOLD",
            why=f"{why}; held: {' and '.join(held)}",
            table=given.prescription,
            modifiers=tuple(modifiers),
            notes=tuple(notes),
        )
    if easy:
        notes.append("under-dosed: effort was well below the target in both")
    clinic = given.mode == "clinic"
    modifiers += ["M4"] if clinic else []
    return Verdict(
        row=row,
        action="PROGRESS",
        why=why,
        steps=1,
        axis=step.axis,
        table=step.table,
        provisional=bool(waits),
        needs_approval=clinic
        or asymmetric
        or given.profile != "prevention"
        or bool(missing)
        or step.by_approval,
        modifiers=tuple(modifiers),
        limits=() if step.limit is None else (step.limit,),
        notes=tuple(notes),
    )


def _weeks_over(given: DecisionInput, rules: Rules) -> str | None:
    """What comes after a programme's last week, as its source says; a person decides it."""
    programme, course, week = rules.programme, rules.course, given.template_week
    if programme is None or course is None or week is None or week < course.weeks:
        return None
    return f"the programme's last week is done; after it: {programme.after or 'a therapist decides'}"


def shortfall(seen: History, only: bool) -> str:
    """Why the last sessions are not yet enough for a step up."""
    if not seen.pair:
        return "no session at this level yet"
    last = len(seen.pair) - 1
    for k, day in enumerate(seen.pair):
        for one in day:
            if not seen.good(one, k == last):
                return f"the session of {one.date} {_missed(seen, one, k == last)}"
    if last == 0 and not only:
        return "one good session at this level so far, two are needed"
    return "the two sessions are more than a week apart"


def _missed(seen: History, one: object, newest: bool) -> str:
    """The first part of ``GOOD`` that a session misses."""
    form, dose = seen.rules.form, seen.rules.dose
    limits: tuple[tuple[str, float | None, float | None, bool], ...] = (
        ("pain_during", None, seen.band.low, True),
        ("pain_24h_change", None, 0.0, not newest),
        ("reps_ratio", 1.0, None, True),
        ("dose_ratio", dose.good_least, dose.good_most, True),
        ("rom_ratio", form.rom_good, None, seen.scored.rom),
        ("quality", form.quality_good, None, seen.scored.quality),
        ("rpe", None, seen.most_rpe, True),
    )
    for name, least, most, needed in limits:
        value = getattr(one, name)
        if value is None:
            if needed:
                return f"has no {name}"
        elif least is not None and value < least - EDGE:
            return f"has {name} {value:g}, {least:g} is needed"
        elif most is not None and value > most + EDGE:
            return f"has {name} {value:g}, at most {most:g}"
    return "has too little good data"
