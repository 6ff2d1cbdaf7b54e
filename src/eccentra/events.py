"""Everything that can happen in a session, one frozen struct each.

The JSON schemas are generated from these structs (:func:`json_schemas`). Times are integer microseconds
on the session's time line; unknown is ``None``. A metric is never bare: it carries unit, method and
quality, and is ``None`` with a reason when it could not be measured.

Events carry no number: :class:`~eccentra.session.Session` alone wraps them in a :class:`Numbered`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from eccentra.event_base import SessionEvent
from eccentra.ids import (
    CueId,
    CueSeverity,
    FaultId,
    Flag,
    PhaseKind,
    Quality,
    Reason,
    RedFlag,
    SaidWhen,
    Severity,
    StationReason,
)
from eccentra.reliability import Reliability
from eccentra.repetition import BreakPoint, Fault, Force, Metric, Phase, Repetition
from eccentra.sensor_events import (
    CalibrationDone,
    CalibrationFailed,
    CalibrationNeeded,
    Mounting,
    SensorBattery,
    SensorConnected,
    SensorGap,
    SensorLost,
    SensorMalformed,
    SensorRestarted,
    SensorTimed,
    Tared,
    TimesTapped,
)

__all__ = [
    "BreakPoint",
    "CalibrationDone",
    "CalibrationFailed",
    "CalibrationNeeded",
    "CueGiven",
    "CueId",
    "CueSeverity",
    "Event",
    "ExerciseChanged",
    "Fault",
    "FaultId",
    "Flag",
    "Force",
    "Marked",
    "Metric",
    "Mounting",
    "Numbered",
    "Phase",
    "PhaseChanged",
    "PhaseKind",
    "Quality",
    "QualityNoted",
    "Reason",
    "RedFlag",
    "RepAmended",
    "RepCompleted",
    "RepCounted",
    "RepRejected",
    "Repetition",
    "Reported",
    "SensorBattery",
    "SensorConnected",
    "SensorGap",
    "SensorLost",
    "SensorMalformed",
    "SensorRestarted",
    "SensorTimed",
    "SessionEnded",
    "SessionResumed",
    "SessionStarted",
    "SetCompleted",
    "SetStarted",
    "Severity",
    "StationNoted",
    "StationReason",
    "Tared",
    "TimesTapped",
    "event_kind",
    "event_type",
    "json_schemas",
]


class SessionStarted(SessionEvent, frozen=True, kw_only=True, tag="session.started"):
    """A session began. ``athlete`` is a pseudonym, ``load`` what was prescribed or typed in, in words."""

    exercise: str
    sensors: dict[str, str]
    software: str
    athlete: str | None = None
    load: str | None = None


class SessionEnded(SessionEvent, frozen=True, kw_only=True, tag="session.ended"):
    """A session ended: ``stop`` by command, ``idle`` after 20 min, ``interrupted``, ``end`` of the input."""

    why: Literal["stop", "idle", "interrupted", "end"]
    sets: int
    reps: int


class SessionResumed(SessionEvent, frozen=True, kw_only=True, tag="session.resumed"):
    """Recording went on after the program was interrupted; ``gap_s`` is how long nothing was recorded."""

    gap_s: float
    by_wall: bool


class ExerciseChanged(SessionEvent, frozen=True, kw_only=True, tag="session.exercise_changed"):
    """Another exercise from here on; an open set was closed."""

    exercise: str


class SetStarted(SessionEvent, frozen=True, kw_only=True, tag="set.started"):
    """The first repetition of a set was counted; ``t_us`` is where that repetition starts."""

    set_index: int


class SetCompleted(SessionEvent, frozen=True, kw_only=True, tag="set.completed"):
    """A set is over. ``end_us`` is the end of its last repetition; totals are over counted repetitions.

    ``reliability`` says of some of the numbers how much they change from day to day anyway.
    """

    set_index: int
    start_us: int
    end_us: int
    decided_us: int
    reps_counted: int
    reps_valid: int
    metrics: dict[str, Metric]
    flags: tuple[Flag, ...] = ()
    reliability: tuple[Reliability, ...] = ()


class RepCounted(SessionEvent, frozen=True, kw_only=True, tag="rep.counted"):
    """The live count went up; the numbers follow in ``rep.completed``, a mistake in ``rep.amended``."""

    set_index: int
    index: int


class RepCompleted(SessionEvent, frozen=True, kw_only=True, tag="rep.completed"):
    """A repetition is decided; ``t_us`` is its end."""

    rep: Repetition


class RepRejected(SessionEvent, frozen=True, kw_only=True, tag="rep.rejected"):
    """A movement was looked at and not counted; ``set_index`` is ``None`` outside sets."""

    start_us: int
    end_us: int
    decided_us: int
    reason: Reason
    set_index: int | None = None


class RepAmended(SessionEvent, frozen=True, kw_only=True, tag="rep.amended"):
    """A correction of an earlier repetition; ``counted: false`` takes it back.

    The repetitions after it keep their ``index``; readers that renumber do so themselves. ``flags`` are those
    that it has from now on beside its own: what was found later touches its numbers.
    """

    set_index: int
    index: int
    counted: bool
    reason: Reason | None = None
    flags: tuple[Flag, ...] = ()


class PhaseChanged(SessionEvent, frozen=True, kw_only=True, tag="phase.changed"):
    """The live phase changed; final phase times come with the repetition."""

    phase: Literal["rest", "eccentric", "isometric", "concentric", "return"]
    set_index: int


class CueGiven(SessionEvent, frozen=True, kw_only=True, tag="cue.given"):
    """Something was told to the person: a tone by ``cue``, and ``text`` spoken.

    Attributes
    ----------
    t_us, decided_us
        When it happened, and from when on the samples showed it: the difference is the decision delay.
    severity
        ``pace`` (the tempo), ``info`` (counts, targets), ``warning``, or ``stop``: end the set.
    set_index, index
        The open set, and the repetition that it is about; live, the one under way.
    """

    cue: CueId
    severity: CueSeverity
    text: str
    decided_us: int
    set_index: int | None = None
    index: int | None = None


class Marked(SessionEvent, frozen=True, kw_only=True, tag="session.marked"):
    """Somebody marked this moment."""

    text: str


class Reported(SessionEvent, frozen=True, kw_only=True, tag="reported.value"):
    """What the person said: pain, effort (RPE, or RIR: repetitions left), soreness, confidence, each 0 to 10.

    ``when`` is the time it is about: before, the worst during, after, the next morning, or the session as a
    whole. ``request`` is the id under which it was reported: the same one is the same report.
    """

    request: str
    when: SaidWhen = "session"
    pain: float | None = None
    rpe: float | None = None
    rir: float | None = None
    soreness: float | None = None
    confidence: float | None = None
    analgesic: bool | None = None
    warm_up: bool | None = None
    note: str | None = None
    prom: str | None = None
    version: str | None = None
    scores: dict[str, float] | None = None
    set_index: int | None = None
    red_flag: RedFlag | None = None


class QualityNoted(SessionEvent, frozen=True, kw_only=True, tag="quality.noted"):
    """A circumstance that touches results until further notice."""

    flag: Flag
    sensor: str | None = None
    detail: str = ""


Event = (
    SessionStarted
    | SessionEnded
    | SessionResumed
    | Marked
    | Reported
    | ExerciseChanged
    | SetStarted
    | SetCompleted
    | RepCounted
    | RepCompleted
    | RepRejected
    | RepAmended
    | PhaseChanged
    | CalibrationNeeded
    | CalibrationDone
    | TimesTapped
    | CueGiven
    | CalibrationFailed
    | SensorConnected
    | SensorLost
    | SensorGap
    | SensorMalformed
    | SensorRestarted
    | SensorTimed
    | SensorBattery
    | Tared
    | QualityNoted
)

_KINDS = {
    "session": "session",
    "set": "set",
    "rep": "rep",
    "phase": "phase",
    "cue": "cue",
    "sensor": "sensor",
    "reported": "reported",
}


class StationNoted(msgspec.Struct, frozen=True, kw_only=True, tag_field="event_type", tag="station.noted"):
    """Something about the station itself, outside any session's numbering.

    Attributes
    ----------
    level
        ``info``: it is well again; ``warning``: it goes on by itself; ``error``: somebody has to act.
    detail, advice
        What was found, and what to do, in words.
    sensor, session
        What it is about, if any one.
    count
        How often since the last time it was said.
    """

    reason: StationReason
    level: Literal["info", "warning", "error"]
    detail: str
    advice: str = ""
    sensor: str | None = None
    session: str | None = None
    count: int = 1


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place in the session.

    ``seq`` runs 1, 2, 3 without holes; the event's id is ``{session}-{seq}``. ``time`` is RFC 3339 UTC from
    the recorded clock pairs, ``None`` when the session has none.
    """

    session: str
    seq: int
    time: str | None
    event: Event

    @property
    def id(self) -> str:
        """Id of the event, unique over all sessions."""
        return f"{self.session}-{self.seq}"


def event_type(event: Event) -> str:
    """Stable type id of an event, such as ``rep.completed``."""
    tag = type(event).__struct_config__.tag
    if not isinstance(tag, str):
        raise TypeError(f"{type(event).__name__} has no event type")
    return tag


def event_kind(event: Event) -> str:
    """Topic level of an event: the first part of its type; ``quality`` for what has none of its own."""
    return _KINDS.get(event_type(event).split(".")[0], "quality")


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (2020-12) of each event, keyed by event type; self-contained."""
    members: tuple[Any, ...] = Event.__args__
    out: dict[str, dict[str, Any]] = {}
    for member in members:
        (ref,), parts = msgspec.json.schema_components([member], ref_template="#/$defs/{name}")
        out[str(member.__struct_config__.tag)] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **ref,
            "$defs": parts,
        }
    return out
