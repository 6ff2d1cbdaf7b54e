"""Stable ids: why a repetition is not valid, what a reader should know, what a station says about itself.

They are part of what is published: an id is never renamed, and never used for something else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

__all__ = [
    "CueId",
    "CueSeverity",
    "FaultId",
    "Flag",
    "PhaseKind",
    "Quality",
    "Reason",
    "RedFlag",
    "SaidWhen",
    "Severity",
    "StationReason",
]

SaidWhen = Literal["before", "during", "after", "next_morning", "session", "prom", "note"]
"""Of which time something is said."""

PhaseKind = Literal["eccentric", "isometric", "concentric", "return"]
Quality = Literal["ok", "flagged", "missing"]
Severity = Literal["note", "warning", "severe"]
CueSeverity = Literal["pace", "info", "warning", "stop"]


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
    FASTER_THAN_TARGET = "faster_than_target"
    HIP_BENT = "hip_bent"


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
    HIP_BENT = "hip_bent"
    EARLY_BREAK = "early_break"
    FOOT_SLIP = "foot_slip"
    LUMBAR_EXTENSION = "lumbar_extension"
    ASYMMETRY = "asymmetry"


class CueId(StrEnum):
    """What is told to the person while exercising; each has a tone of its own.

    ``docs/cues.md`` in the sources says when each is given, and how long after the fact.
    """

    PACE_COUNT = "pace_count"
    PACE_HOLD = "pace_hold"
    PACE_UP = "pace_up"
    PACE_DOWN = "pace_down"
    REP_COUNTED = "rep_counted"
    TARGET_REPS = "target_reps"
    TARGET_RANGE = "target_range"
    TARGET_HOLD = "target_hold"
    TOO_FAST = "too_fast"
    HIP_BENDING = "hip_bending"
    CONTROL_LOST = "control_lost"
    TECHNIQUE = "technique"
    STOP_PAIN = "stop_pain"
    STOP_RED_FLAG = "stop_red_flag"
    STOP_FREE_FALLS = "stop_free_falls"
    STOP_FORCE_LOSS = "stop_force_loss"
    STOP_FAULT_REPEATED = "stop_fault_repeated"
    STOP_SENSOR_LOST = "stop_sensor_lost"


class RedFlag(StrEnum):
    """Signs after which somebody qualified has to look before exercising goes on."""

    POP = "pop"
    CANNOT_BEAR_WEIGHT = "cannot_bear_weight"
    BRUISE_OR_GAP = "bruise_or_gap"
    NUMBNESS_TINGLING = "numbness_tingling"
    RADIATING_PAIN = "radiating_pain"
    WEAKNESS = "weakness"
    SADDLE_BLADDER_BOWEL = "saddle_bladder_bowel"
    CALF_SWELLING = "calf_swelling"
    CHEST_PAIN_FAINTING_BREATHLESS = "chest_pain_fainting_breathless"
    RHABDO_SIGNS = "rhabdo_signs"
    FEVER_UNWELL = "fever_unwell"
    NIGHT_PAIN = "night_pain"
    OTHER = "other"


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
    UPSIDE_DOWN = "upside_down"
    WRONG_SEGMENT = "wrong_segment"
    STRAP_SLIPPED = "strap_slipped"
    TARE_UNDER_LOAD = "tare_under_load"
    ZERO_LOST = "zero_lost"
    TAPS_NOT_FELT = "taps_not_felt"
    WRONG_SIDE = "wrong_side"
    SHANK_SLOPE_ASSUMED = "shank_slope_assumed"
    RETURN_ASSUMED = "return_assumed"
    POSITION_FROM_ACCELERATION = "position_from_acceleration"


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
    SENSOR_SWAPPED = "sensor_swapped"
    BINDINGS_CHANGED = "bindings_changed"
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
    SOUND_FAILED = "sound_failed"
    HUB_FAILED = "hub_failed"
    PLAN_REFUSED = "plan_refused"
    PLAN_LOCKED = "plan_locked"
    INTERNAL = "internal"
