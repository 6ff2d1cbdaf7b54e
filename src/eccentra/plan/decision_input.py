"""What a decision is made from: ``eccentra.decision-input/1``, checked.

Ratios and shares are 1.0 for all of it, percents end in ``_pct``; the newest session is last. What is not
known is null, and null is never taken for a good answer. A value that cannot be is refused with its key path,
and when such an input reports a red flag, the refusal begins with it: it must not get lost behind a typing
mistake.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Annotated, Any, Literal, TypeGuard, TypeVar

import msgspec

from eccentra.datafolder import explain_invalid
from eccentra.errors import PlanError
from eccentra.plan.numbers import check_finite, sensible, whole_numbers
from eccentra.plan.thresholds import Profile, Thresholds, thresholds

__all__ = [
    "RED_FLAG_FIRST",
    "DecisionInput",
    "PainLimits",
    "Prescribed",
    "Requested",
    "SessionResult",
    "parse_decision_input",
    "read_decision_input",
]

SCHEMA = "eccentra.decision-input/1"
RED_FLAG_FIRST = "red flag present: stop and contact your clinician"
_MOST_SESSIONS = 1000
_MOST_BYTES = 4_000_000

Axis = Literal["load", "reps", "rom", "variant", "tempo"]
NotNegative = Annotated[float, msgspec.Meta(ge=0.0)]
Score = Annotated[float, msgspec.Meta(ge=0.0, le=10.0)]
Ratio = Annotated[float, msgspec.Meta(ge=0.0, le=5.0)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Percent = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Hours = Annotated[float, msgspec.Meta(ge=0.0, le=1e9)]
Level = Annotated[int, msgspec.Meta(ge=-1000, le=1000)]
Flag = Annotated[str, msgspec.Meta(min_length=1)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Reps = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class SessionResult(msgspec.Struct, frozen=True, kw_only=True):
    """One session of the exercise.

    Attributes
    ----------
    level
        Step of the plan at which it was done; ``None`` is the current one.
    ecc_reps
        Eccentric repetitions; ``None`` is ``valid_reps``.
    pain_during
        Worst pain, NRS 0 to 10.
    pain_24h_change
        Pain the next morning minus the person's usual.
    hours_since
        From the session to this decision.
    reps_ratio, dose_ratio
        Valid repetitions, and their time under tension, by what was prescribed.
    asymmetry_side
        The weaker side.
    force_loss
        Share of force lost within the set.
    severe_fault_share
        Share of repetitions with a severe fault.
    """

    date: dt.date
    hours_since: Hours
    valid_reps: Count
    confidence: Literal["ok", "low"]
    level: Level | None = None
    ecc_reps: Count | None = None
    pain_during: Score | None = None
    pain_24h_change: Annotated[float, msgspec.Meta(ge=-10.0, le=10.0)] | None = None
    soreness: Score | None = None
    reps_ratio: Ratio | None = None
    dose_ratio: Ratio | None = None
    quality: Percent | None = None
    rom_ratio: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)] | None = None
    asymmetry_pct: Percent | None = None
    asymmetry_side: Literal["left", "right"] | None = None
    rpe: Score | None = None
    force_loss: Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)] | None = None
    early_break_drift: bool | None = None
    tempo_adherence: Share | None = None
    severe_fault_share: Share | None = None
    red_flags: tuple[Flag, ...] | None = None
    analgesic_24h: bool | None = None


class PainLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The person's own limits, set by a therapist."""

    low: Score
    stop: Score
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.low > self.stop:
            raise ValueError(f"low {self.low:g} is above stop {self.stop:g}")


class Prescribed(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a prescription that a decision reads and changes; what is not known is ``None``.

    ``reps`` are those of each set, or one number for every set. ``tempo_s`` are seconds of the eccentric, the
    hold at the far end, the concentric and the pause at the start.
    """

    sets: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    reps: Reps | Annotated[tuple[Reps, ...], msgspec.Meta(min_length=1, max_length=100)] | None = None
    load_kg: Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)] | None = None
    assistance_pct_bm: Percent | None = None
    added_pct_bm: Annotated[float, msgspec.Meta(ge=0.0, le=300.0)] | None = None
    slope_deg: Annotated[float, msgspec.Meta(ge=-90.0, le=90.0)] | None = None
    rom_target_deg: Annotated[float, msgspec.Meta(gt=0.0, le=270.0)] | None = None
    tempo_s: tuple[NotNegative | None, ...] | dict[str, NotNegative | None] | NotNegative | None = None
    rpe: Score | None = None
    pain_limits: PainLimits | None = None
    variant: Text | None = None
    frequency_per_week: Annotated[float, msgspec.Meta(gt=0.0, le=50.0)] | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Effort aimed at."""

    rpe: Score


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """A wish of therapist or athlete: which axis, and by how much."""

    axis: Axis
    change_pct: Annotated[float, msgspec.Meta(ge=-100.0, le=1000.0)] | None = None


class DecisionInput(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one decision about one exercise of one person depends on.

    ``prescription`` is the table as it was given, ``prescribed`` what was read from it; ``notes`` are what
    was odd about the input. ``level`` is that of the prescription, the newest session's when not stated;
    ``steps_down_since_last`` counts steps down that were taken after the newest session;
    ``below_programme`` says that less is prescribed than the programme's week asks, as after a flare.
    """

    mode: Literal["clinic", "prevention"]
    profile: Profile
    stage: Annotated[int, msgspec.Meta(ge=1, le=4)]
    exercise: str
    days_since_last: NotNegative
    prescription: dict[str, Any]
    target: Target
    sessions: tuple[SessionResult, ...]
    template: str | None = None
    template_week: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    template_week_done: bool | None = None
    programme_week: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    adherence_2w: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)] | None = None
    requested: Requested | None = None
    load_steps_7d: Count | None = None
    plate_step_kg: Annotated[float, msgspec.Meta(gt=0.0, le=100.0)] | None = None
    weekly_pain_medians: tuple[Score, ...] | None = None
    level: Level | None = None
    steps_down_since_last: Count | None = None
    below_programme: bool = False
    prescribed: Prescribed = Prescribed()
    notes: tuple[str, ...] = ()


_DERIVED = ("prescribed", "notes")
# Known to a prescription, not read by any rule.
_NOT_STEPPED = ("load_n", "load_rm", "band", "reps_to")
_DEFAULTS: dict[str, Any] = {"early_break_drift": False, "red_flags": [], "analgesic_24h": False}


def read_decision_input(data: bytes, source: str) -> DecisionInput:
    """Input of a decision from JSON.

    Raises
    ------
    PlanError
        Not JSON, or as :func:`parse_decision_input`.
    """
    if len(data) > _MOST_BYTES:
        raise PlanError(source, f"has {len(data)} bytes, expected at most {_MOST_BYTES}")
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        flagged = re.search(rb'"red_flags"\s*:\s*\[\s*"[^"]', data)
        raise _refusal(source, f"is not JSON: {error}", None, flagged is not None) from None
    return parse_decision_input(raw, source)


def parse_decision_input(raw: Any, source: str, rules: Thresholds | None = None) -> DecisionInput:
    """Input of a decision from decoded JSON.

    Parameters
    ----------
    source
        File or request, named in errors.
    rules
        Those that hold, for the pain limit above which a reason is asked for.

    Raises
    ------
    PlanError
        Names the key path, what was found and what is allowed; begins with ``RED_FLAG_FIRST`` when the input
        reports a red flag.
    """
    rules = rules or thresholds()
    try:
        return _parsed(raw, source, rules)
    except PlanError as error:
        raise _refusal(source, error.problem, error.where, _holds_red_flag(raw, rules)) from None


def _refusal(source: str, problem: str, where: str | None, red_flag: bool) -> PlanError:
    return PlanError(f"{RED_FLAG_FIRST}; {source}" if red_flag else source, problem, where=where)


def _parsed(raw: Any, source: str, rules: Thresholds) -> DecisionInput:
    if not isinstance(raw, dict):
        raise PlanError(source, "expected a JSON object with the schema " + SCHEMA)
    if raw.get("schema") != SCHEMA:
        raise PlanError(source, f"is {raw.get('schema')!r}, expected {SCHEMA!r}", where="schema")
    if not sensible(raw, "sessions", _OF_SESSION):
        check_finite(raw, "", source)
    sessions = raw.get("sessions")
    if isinstance(sessions, list) and len(sessions) > _MOST_SESSIONS:
        problem = f"{len(sessions)} sessions, expected at most {_MOST_SESSIONS}"
        raise PlanError(source, problem, where="sessions")
    notes = _unknown_keys(raw)
    plain = raw
    if not raw.keys().isdisjoint(_DERIVED):
        plain = {key: value for key, value in raw.items() if key not in _DERIVED}
    try:
        found = _converted(plain, DecisionInput, source, "")
    except PlanError:
        check_finite(raw, "", source)
        raise
    prescribed = _converted(found.prescription, Prescribed, source, "prescription")
    _check_limits(prescribed, source, rules)
    _check_sessions(found, source)
    if found.template is not None and found.template_week is None:
        raise PlanError(source, "expected a week: template is given", where="template_week")
    stated, missing = _with_defaults(found.sessions)
    return msgspec.structs.replace(found, prescribed=prescribed, sessions=stated, notes=(*notes, *missing))


T = TypeVar("T")


def _converted(raw: Any, kind: type[T], source: str, prefix: str) -> T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        try:
            return msgspec.convert(whole_numbers(raw), kind)
        except msgspec.ValidationError:
            problem, where = explain_invalid(error, raw, kind, prefix)
            raise PlanError(source, problem, where=where) from None


def _check_limits(prescribed: Prescribed, source: str, rules: Thresholds) -> None:
    limits = prescribed.pain_limits
    most = rules.pain.most_stop_without_reason
    if limits is not None and limits.stop > most and not (limits.reason or "").strip():
        problem = f"stop is {limits.stop:g}: above {most:g} a reason is needed"
        raise PlanError(source, problem, where="prescription.pain_limits.reason")


def _check_sessions(found: DecisionInput, source: str) -> None:
    sessions = found.sessions
    for k in range(1, len(sessions)):
        if sessions[k].date < sessions[k - 1].date:
            problem = f"is {sessions[k].date}, before {sessions[k - 1].date}: expected the newest last"
            raise PlanError(source, problem, where=f"sessions[{k}].date")
    if not sessions:
        return
    days = sessions[-1].hours_since / 24.0
    if abs(days - found.days_since_last) > 1.0 + 1e-9:
        problem = (
            f"is {found.days_since_last:g}, but the newest session's hours_since of "
            f"{sessions[-1].hours_since:g} are {days:.1f} days: expected at most one day between them"
        )
        raise PlanError(source, problem, where="days_since_last")


def _with_defaults(sessions: tuple[SessionResult, ...]) -> tuple[tuple[SessionResult, ...], list[str]]:
    """Answers of yes or no that nobody gave are taken as no, and named."""
    notes, out = [], []
    for k, one in enumerate(sessions):
        if one.early_break_drift is None or one.red_flags is None or one.analgesic_24h is None:
            missing = [name for name in _DEFAULTS if getattr(one, name) is None]
            notes.append(f"sessions[{k}]: {', '.join(missing)} not stated, taken as no")
            one = msgspec.structs.replace(
                one,
                early_break_drift=bool(one.early_break_drift),
                red_flags=one.red_flags or (),
                analgesic_24h=bool(one.analgesic_24h),
            )
        out.append(one)
    return tuple(out), notes


def _unknown_keys(raw: dict[str, Any]) -> list[str]:
    unknown = [str(key) for key in raw.keys() - _KNOWN]
    inside: dict[str, None] = {}
    sessions = raw.get("sessions")
    for one in sessions if isinstance(sessions, list) else []:
        if isinstance(one, dict) and not one.keys() <= _OF_SESSION:
            inside |= {f"sessions[].{key}": None for key in one.keys() - _OF_SESSION}
    for name, names in _OF_TABLES.items():
        table = raw.get(name)
        if isinstance(table, dict) and not table.keys() <= names:
            inside |= {f"{name}.{key}": None for key in table.keys() - names}
    return [f"unknown key ignored: {name[:80]}" for name in sorted([*unknown, *inside])][:50]


_KNOWN = {*DecisionInput.__struct_fields__, "schema"} - {*_DERIVED}
_OF_SESSION = {*SessionResult.__struct_fields__}
_OF_TABLES = {
    "prescription": {*Prescribed.__struct_fields__, *_NOT_STEPPED},
    "target": {*Target.__struct_fields__},
    "requested": {*Requested.__struct_fields__},
}


def _holds_red_flag(raw: Any, rules: Thresholds) -> bool:
    sessions = raw.get("sessions") if isinstance(raw, dict) else None
    for one in sessions if isinstance(sessions, list) else []:
        if not isinstance(one, dict):
            continue
        flags = one.get("red_flags")
        if isinstance(flags, str) and flags.strip():
            return True
        if isinstance(flags, list) and any(isinstance(f, str) and f.strip() for f in flags):
            return True
        pain, change = one.get("pain_during"), one.get("pain_24h_change")
        if _number(pain) and rules.pain.refer_above < pain <= 10.0:
            return True
        if _number(change) and rules.pain.refer_next_morning <= change <= 10.0:
            return True
    return False


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
