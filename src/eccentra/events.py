"""Everything that can happen in a session, one frozen struct each.

The JSON schemas are generated from these structs (:func:`json_schemas`). Times are integer microseconds
on the session's time line; unknown is ``None``. A metric is never bare: it carries unit, method and
quality, and is ``None`` with a reason when it could not be measured.

Events carry no number: :class:`~eccentra.session.Session` alone wraps them in a :class:`Numbered`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

__all__ = [
    "BreakPoint",
    "CalibrationDone",
    "CalibrationNeeded",
    "Event",
    "ExerciseChanged",
    "Fault",
    "FaultId",
    "Flag",
    "Force",
    "Marked",
    "Metric",
    "Numbered",
    "Phase",
    "PhaseChanged",
    "PhaseKind",
    "Quality",
    "QualityNoted",
    "Reason",
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
    "SessionEnded",
    "SessionResumed",
    "SessionStarted",
    "SetCompleted",
    "SetStarted",
    "Severity",
    "StationNoted",
    "StationReason",
    "Tared",
    "event_kind",
    "event_type",
    "json_schemas",
]

PhaseKind = Literal["eccentric", "isometric", "concentric", "return"]
Quality = Literal["ok", "flagged", "missing"]
Severity = Literal["note", "warning", "severe"]


class Reason(StrEnum):
    """Why a repetition is not valid, or why a movement was refused."""

    PARTIAL_ROM = "partial_rom"
    TOO_FAST = "too_fast"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_SMALL = "too_small"
    NOT_FROM_START_POSE = "not_from_start_pose"
    NO_RETURN = "no_return"
    WRONG_DIRECTION = "wrong_direction"
    SHANK_MOVED = "shank_moved"
    IRREGULAR = "irregular"
    SETUP = "setup"
    WALKING = "walking"
    GAP = "gap"
    UNFINISHED = "unfinished"
    NO_LOAD = "no_load"
    SINGLE_CYCLE = "single_cycle"
    UNDONE = "undone"


class FaultId(StrEnum):
    """What went wrong in the way a repetition was done; exercise files say from which limit on."""

    SHORT_ROM = "short_rom"
    SHORT_LOCKOUT = "short_lockout"
    SHORT_HOLD = "short_hold"
    FAST_ECCENTRIC = "fast_eccentric"
    FAST_CONCENTRIC = "fast_concentric"
    FAST_LAST_THIRD = "fast_last_third"
    DROPPED = "dropped"
    STEPWISE = "stepwise"
    NOT_BACK = "not_back"
    THIGH_MOVED = "thigh_moved"
    HIP_MOVED = "hip_moved"
    TRUNK_LEAN = "trunk_lean"
    PELVIS_ROTATED = "pelvis_rotated"
    KNEE_BENT = "knee_bent"
    OFF_PLANE = "off_plane"
    HIP_SAG = "hip_sag"
    HIP_PIKE = "hip_pike"
    HIP_HIKE = "hip_hike"
    DIPPED = "dipped"
    SHAKY = "shaky"


class Flag(StrEnum):
    """What a reader of a number should know."""

    GAP_INTERPOLATED = "gap_interpolated"
    GAP_INSIDE = "gap_inside"
    TIME_IRREGULAR = "time_irregular"
    LOSS_UNOBSERVABLE = "loss_unobservable"
    CLOCK_RESTARTED = "clock_restarted"
    DIRECTION_ASSUMED = "direction_assumed"
    UNIDENTIFIED_CYCLIC = "unidentified_cyclic"
    PHASE_FROM_FORCE = "phase_from_force"
    RETURN_NOT_SEEN = "return_not_seen"
    START_NOT_SEEN = "start_not_seen"
    CALIBRATION_PROVISIONAL = "calibration_provisional"
    UNCALIBRATED = "uncalibrated"
    NO_GYROSCOPE = "no_gyroscope"
    SHANK_ASSUMED_FIXED = "shank_assumed_fixed"
    BASELINE_UNSETTLED = "baseline_unsettled"
    FORCE_MISSING = "force_missing"
    ALIGNMENT_UNCERTAIN = "alignment_uncertain"
    FEW_REPETITIONS = "few_repetitions"
    SATURATED = "saturated"
    COUNT_UNSURE = "count_unsure"
    TIME_FROM_WALL_CLOCK = "time_from_wall_clock"
    TOO_SHORT_FOR_METRIC = "too_short_for_metric"
    NOT_BROKEN = "not_broken"
    METHOD_UNFIT = "method_unfit"
    RATE_TOO_LOW = "rate_too_low"


class StationReason(StrEnum):
    """What a station says about itself: its radio, its broker, its disk, its recovery."""

    BLUETOOTH_OFF = "bluetooth_off"
    BLUETOOTH_MISSING = "bluetooth_missing"
    BLUETOOTH_DENIED = "bluetooth_denied"
    BLUETOOTH_FAILED = "bluetooth_failed"
    SENSOR_NOT_SEEN = "sensor_not_seen"
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    WRONG_DEVICE = "wrong_device"
    MTU_TOO_SMALL = "mtu_too_small"
    NO_DATA = "no_data"
    COMMAND_FAILED = "command_failed"
    CONNECTION_LOST = "connection_lost"
    SENSOR_BACK = "sensor_back"
    SENSOR_LATE = "sensor_late"
    START_FAILED = "start_failed"
    QUEUE_OVERFLOW = "queue_overflow"
    BROKER_AWAY = "broker_away"
    BROKER_BACK = "broker_back"
    OUTBOX_FULL = "outbox_full"
    RECOVERY_MISMATCH = "recovery_mismatch"
    RECOVERED = "recovered"
    RECOVERY_FAILED = "recovery_failed"
    DISK_FAILED = "disk_failed"
    DISK_BACK = "disk_back"
    CLOCK_STEPPED = "clock_stepped"
    INTERNAL = "internal"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number.

    Attributes
    ----------
    value
        The number, or ``None`` when it could not be measured; then ``reason`` says why.
    unit
        UCUM code.
    method
        Stable id of the definition used; values of different methods are never compared.
    quality
        ``ok``, ``flagged`` (see ``reason``) or ``missing``.
    uncertainty
        Standard uncertainty in ``unit`` where it can be derived.
    """

    value: float | None
    unit: str
    method: str
    quality: Quality = "ok"
    reason: Flag | None = None
    uncertainty: float | None = None


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of a repetition; phases tile it, except lying on the floor."""

    kind: PhaseKind
    start_us: int
    end_us: int


class BreakPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where control was lost. ``knee_flexion_deg`` is ``None`` when the knee angle is not known."""

    lean_deg: float
    knee_flexion_deg: float | None
    method: str
    t_us: int


class Force(msgspec.Struct, frozen=True, kw_only=True):
    """Force of one side over the eccentric phase, N and N·s."""

    peak_n: float
    mean_n: float
    impulse_ns: float


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault rule of the exercise that a repetition broke.

    ``value`` is what was measured and ``limit`` what the rule allows, both in ``unit``; ``cue`` is what to
    tell the person.
    """

    id: FaultId
    severity: Severity
    metric: str
    value: float
    limit: float
    unit: str
    cue: str


class Repetition(msgspec.Struct, frozen=True, kw_only=True):
    """A counted repetition with its final numbers.

    ``metrics`` is keyed by names with the unit in them (``tut_s``, ``rom_deg``, ``eccentric_s`` ...).
    ``decided_us`` is the sample time at which the numbers became final.
    """

    set_index: int
    index: int
    start_us: int
    end_us: int
    decided_us: int
    valid: bool
    reasons: tuple[Reason, ...]
    phases: tuple[Phase, ...]
    metrics: dict[str, Metric]
    break_point: BreakPoint | None = None
    force_left: Force | None = None
    force_right: Force | None = None
    confidence: float = 1.0
    flags: tuple[Flag, ...] = ()
    faults: tuple[Fault, ...] = ()

    def value(self, name: str) -> float | None:
        """Value of the metric ``name``; ``None`` when it is missing."""
        metric = self.metrics.get(name)
        return None if metric is None else metric.value


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event_type"):
    """Base: ``t_us`` is when it happened on the session's time line."""

    t_us: int


class SessionStarted(_Event, frozen=True, kw_only=True, tag="session.started"):
    """A session began. ``athlete`` is a pseudonym, ``load`` what was prescribed or typed in, in words."""

    exercise: str
    sensors: dict[str, str]
    software: str
    athlete: str | None = None
    load: str | None = None


class SessionEnded(_Event, frozen=True, kw_only=True, tag="session.ended"):
    """A session ended: ``stop`` by command, ``idle`` after 20 min, ``interrupted``, ``end`` of the input."""

    why: Literal["stop", "idle", "interrupted", "end"]
    sets: int
    reps: int


class SessionResumed(_Event, frozen=True, kw_only=True, tag="session.resumed"):
    """Recording went on after the program was interrupted; ``gap_s`` is how long nothing was recorded."""

    gap_s: float
    by_wall: bool


class ExerciseChanged(_Event, frozen=True, kw_only=True, tag="session.exercise_changed"):
    """Another exercise from here on; an open set was closed."""

    exercise: str


class SetStarted(_Event, frozen=True, kw_only=True, tag="set.started"):
    """The first repetition of a set was counted; ``t_us`` is where that repetition starts."""

    set_index: int


class SetCompleted(_Event, frozen=True, kw_only=True, tag="set.completed"):
    """A set is over. ``end_us`` is the end of its last repetition; totals are over counted repetitions."""

    set_index: int
    start_us: int
    end_us: int
    decided_us: int
    reps_counted: int
    reps_valid: int
    metrics: dict[str, Metric]
    flags: tuple[Flag, ...] = ()


class RepCounted(_Event, frozen=True, kw_only=True, tag="rep.counted"):
    """The live count went up; the numbers follow in ``rep.completed``, a mistake in ``rep.amended``."""

    set_index: int
    index: int


class RepCompleted(_Event, frozen=True, kw_only=True, tag="rep.completed"):
    """A repetition is decided; ``t_us`` is its end."""

    rep: Repetition


class RepRejected(_Event, frozen=True, kw_only=True, tag="rep.rejected"):
    """A movement was looked at and not counted; ``set_index`` is ``None`` outside sets."""

    start_us: int
    end_us: int
    decided_us: int
    reason: Reason
    set_index: int | None = None


class RepAmended(_Event, frozen=True, kw_only=True, tag="rep.amended"):
    """A correction of an earlier repetition; ``counted: false`` takes it back.

    The repetitions after it keep their ``index``; readers that renumber do so themselves.
    """

    set_index: int
    index: int
    counted: bool
    reason: Reason | None = None


class PhaseChanged(_Event, frozen=True, kw_only=True, tag="phase.changed"):
    """The live phase changed; final phase times come with the repetition."""

    phase: Literal["rest", "eccentric", "isometric", "concentric", "return"]
    set_index: int


class CalibrationNeeded(_Event, frozen=True, kw_only=True, tag="calibration.needed"):
    """Calibration starts anew; ``instruction`` says what the person should do."""

    what: str
    instruction: str


class CalibrationDone(_Event, frozen=True, kw_only=True, tag="calibration.done"):
    """The tracked angle got its zero or its axis; ``residual_deg`` says how well."""

    what: str
    residual_deg: float | None = None


class SensorConnected(_Event, frozen=True, kw_only=True, tag="sensor.connected"):
    """A sensor's connection was made."""

    sensor: str


class SensorLost(_Event, frozen=True, kw_only=True, tag="sensor.lost"):
    """A sensor's connection was lost, or nothing came for 500 ms (``silent``)."""

    sensor: str
    why: str


class SensorGap(_Event, frozen=True, kw_only=True, tag="sensor.gap"):
    """Samples are missing from ``start_us`` to ``end_us`` (last sample before, first sample after)."""

    sensor: str
    start_us: int
    end_us: int


class SensorMalformed(_Event, frozen=True, kw_only=True, tag="sensor.malformed"):
    """A packet did not follow its protocol; ``count`` is the running total of this sensor."""

    sensor: str
    reason: str
    detail: str
    count: int


class SensorRestarted(_Event, frozen=True, kw_only=True, tag="sensor.restarted"):
    """A sensor's clock started again; its time is mapped anew."""

    sensor: str


class SensorBattery(_Event, frozen=True, kw_only=True, tag="sensor.battery"):
    """A sensor said something about its battery."""

    sensor: str
    low: bool
    value: float | None = None
    unit: str | None = None


class Tared(_Event, frozen=True, kw_only=True, tag="tare.done"):
    """The zero of a force sensor was set; ``offset_n`` is subtracted from now on."""

    sensor: str
    offset_n: float


class Marked(_Event, frozen=True, kw_only=True, tag="session.marked"):
    """Somebody marked this moment."""

    text: str


class Reported(_Event, frozen=True, kw_only=True, tag="reported.value"):
    """What the person said: pain 0 to 10, effort as RPE 0 to 10, soreness 0 to 10, a note.

    ``request`` is the id under which it was reported: the same one is the same report.
    """

    request: str
    pain: float | None = None
    rpe: float | None = None
    soreness: float | None = None
    note: str | None = None
    set_index: int | None = None


class QualityNoted(_Event, frozen=True, kw_only=True, tag="quality.noted"):
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
    | SensorConnected
    | SensorLost
    | SensorGap
    | SensorMalformed
    | SensorRestarted
    | SensorBattery
    | Tared
    | QualityNoted
)

_KINDS = {
    "session": "session",
    "set": "set",
    "rep": "rep",
    "phase": "phase",
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
