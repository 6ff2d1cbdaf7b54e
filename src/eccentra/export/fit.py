"""FIT: one activity file a session, with a ``set`` message for each set and each rest between sets.

Sports watches and portals read repetitions and times; what the format has no field for (time under tension,
break-point angle, peak forces) stands in developer fields with names and units. The profile knows no Nordic
curl: the category is the nearest one, the true name stands in an ``exercise_title`` message. What is not sure
is left out, as there is no place for a doubt; so is the load, which is known in words only.

Needs the library fit-tool (``pip install 'eccentra[fit]'``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from eccentra.errors import InputError
from eccentra.export.record import SessionRecord, SetRecord, exercise_name

if TYPE_CHECKING:
    from fit_tool.data_message import DataMessage

__all__ = ["DEVELOPER_FIELDS", "fit_files", "session_activity"]

# Identifies Eccentra's developer fields; made once, never changed.
_APPLICATION = bytes.fromhex("a3520a8b48cc4ac7a520b3242b3e3cdb")
_FLOAT32 = 0x88
_US_PER_MS = 1000
# category and name within it (FIT profile); anything else is "unknown" with its title
_CATEGORIES: dict[str, tuple[str, int | None]] = {
    "nordic-curl": ("LEG_CURL", None),
    "nordic-curl-assisted": ("LEG_CURL", None),
    "nordic-curl-inclined": ("LEG_CURL", None),
    "razor-curl": ("LEG_CURL", None),
    "leg-curl": ("LEG_CURL", 0),
    "slider-leg-curl": ("LEG_CURL", 6),
    "squat": ("SQUAT", None),
    "single-leg-rdl": ("DEADLIFT", None),
    "hip-thrust": ("HIP_RAISE", None),
    "glute-bridge": ("HIP_RAISE", None),
    "bridge-hold": ("HIP_RAISE", None),
    "long-lever-bridge-hold": ("HIP_RAISE", None),
    "side-lying-abduction": ("HIP_STABILITY", 21),
    "plank": ("PLANK", None),
}


class _Field(msgspec.Struct, frozen=True):
    """A developer field: name, unit as UCUM code, and how it follows from a set's part of the document."""

    name: str
    unit: str
    source: str


DEVELOPER_FIELDS = (
    _Field("ecc_tut_s", "s", "eccentric_s"),
    _Field("tut_s", "s", "tut_s"),
    _Field("break_angle_deg", "deg", "break_lean_mean_deg"),
    _Field("peak_force_left_n", "N", "force.left"),
    _Field("peak_force_right_n", "N", "force.right"),
    _Field("asymmetry_pct", "%", "asymmetry_pct"),
    _Field("reps_valid", "1", "reps_valid"),
)


def fit_files(sessions: Sequence[SessionRecord]) -> dict[str, bytes]:
    """Activities by file name.

    Raises
    ------
    InputError
        A session without wall-clock time or without sets, or the library is missing.
    """
    return {f"{one.id}.fit": session_activity(one) for one in sessions}


def session_activity(one: SessionRecord) -> bytes:
    """The FIT activity of a session.

    Raises
    ------
    InputError
        When the session has no wall-clock time or no sets, or the library is missing.
    """
    try:
        from fit_tool.fit_file_builder import FitFileBuilder
    except ImportError:
        raise InputError("--to fit", "needs a library: pip install 'eccentra[fit]'") from None
    if not one.sets:
        raise InputError(f"session {one.id}", "has no set, which a FIT activity is made of; use --to csv")
    began, ended = one.sets[0].began_us, one.sets[-1].ended_us
    if began is None or ended is None:
        raise InputError(f"session {one.id}", "has no wall-clock time, which FIT needs; use --to csv or fhir")
    builder = FitFileBuilder(auto_define=True, strict=True)
    builder.add_all(_Activity(one, began, ended).messages())
    built: bytes = builder.build_bytes()
    return built


class _Activity:
    """Messages of one session; ``began`` and ``ended`` are µs since 1970."""

    def __init__(self, one: SessionRecord, began: int, ended: int) -> None:
        self.one = one
        self.began = one.began_us if one.began_us is not None and one.began_us <= began else began
        self.ended = one.ended_us if one.ended_us is not None and one.ended_us >= ended else ended

    def messages(self) -> list[DataMessage]:
        """All, in the order that readers expect: definitions first, summaries last."""
        sets = self._sets()
        return [
            *self._head(),
            *_fields(),
            *self._titles(),
            self._timer("START", self.began),
            _record(self.began),
            *sets,
            _record(self.ended),
            self._timer("STOP_ALL", self.ended),
            *self._summary(len(sets)),
        ]

    def _head(self) -> list[DataMessage]:
        from fit_tool.profile.messages.device_info_message import DeviceInfoMessage
        from fit_tool.profile.messages.file_id_message import FileIdMessage
        from fit_tool.profile.profile_type import FileType, Manufacturer

        file = FileIdMessage()
        file.type = FileType.ACTIVITY.value
        file.manufacturer = Manufacturer.DEVELOPMENT.value
        file.product = 0
        # a number that tells activities apart, made from when it began
        file.serial_number = self.began // 1_000_000 % 0xFFFF_FFFE + 1
        file.time_created = self.began // _US_PER_MS
        device = DeviceInfoMessage(local_id=1)
        device.timestamp = self.began // _US_PER_MS
        device.device_index = 0
        device.manufacturer = Manufacturer.DEVELOPMENT.value
        device.product_name = f"Eccentra {self.one.software}"
        return [file, device]

    def _titles(self) -> list[DataMessage]:
        from fit_tool.profile.messages.exercise_title_message import ExerciseTitleMessage

        out: list[DataMessage] = []
        for number, name in enumerate(dict.fromkeys(each.exercise for each in self.one.sets)):
            category, inside = _category(name)
            title = ExerciseTitleMessage(local_id=4)
            title.message_index = number
            title.exercise_category = category
            if inside is not None:
                title.exercise_name = inside
            title.workout_step_name = exercise_name(name)
            out.append(title)
        return out

    def _timer(self, kind: str, at_us: int) -> DataMessage:
        from fit_tool.profile.messages.event_message import EventMessage
        from fit_tool.profile.profile_type import Event, EventType

        out = EventMessage(local_id=5)
        out.timestamp = at_us // _US_PER_MS
        out.event = Event.TIMER.value
        out.event_type = EventType[kind].value
        return out

    def _sets(self) -> list[DataMessage]:
        out: list[DataMessage] = []
        before: int | None = None
        for each in self.one.sets:
            start, end = each.began_us, each.ended_us
            assert start is not None
            assert end is not None
            if before is not None and start > before:
                out.append(_rest(len(out), before, start))
            out.append(_active(len(out), each, start, end))
            before = end
        return out

    def _summary(self, sets: int) -> list[DataMessage]:
        from fit_tool.profile.messages.activity_message import ActivityMessage
        from fit_tool.profile.messages.lap_message import LapMessage
        from fit_tool.profile.messages.session_message import SessionMessage
        from fit_tool.profile.profile_type import Activity, Event, EventType, Sport, SubSport

        seconds = (self.ended - self.began) / 1e6
        lap, session = LapMessage(local_id=7), SessionMessage(local_id=8)
        for one in (lap, session):
            one.message_index = 0
            one.timestamp = self.ended // _US_PER_MS
            one.start_time = self.began // _US_PER_MS
            one.total_elapsed_time = one.total_timer_time = seconds
            one.sport = Sport.TRAINING.value
            one.sub_sport = SubSport.STRENGTH_TRAINING.value
            one.event = Event.SESSION.value if one is session else Event.LAP.value
            one.event_type = EventType.STOP.value
        session.first_lap_index, session.num_laps = 0, 1
        activity = ActivityMessage(local_id=9)
        activity.timestamp = self.ended // _US_PER_MS
        activity.total_timer_time = seconds
        activity.num_sessions = 1
        activity.type = Activity.MANUAL.value
        activity.event = Event.ACTIVITY.value
        activity.event_type = EventType.STOP.value
        return [lap, session, activity]


def _fields() -> list[DataMessage]:
    """Who defines the developer fields, and what they are."""
    from fit_tool.profile.messages.developer_data_id_message import DeveloperDataIdMessage
    from fit_tool.profile.messages.field_description_message import FieldDescriptionMessage

    owner = DeveloperDataIdMessage(local_id=2)
    owner.application_id = _APPLICATION
    owner.developer_data_index = 0
    out: list[DataMessage] = [owner]
    for number, field in enumerate(DEVELOPER_FIELDS):
        described = FieldDescriptionMessage(local_id=3)
        described.developer_data_index = 0
        described.field_definition_number = number
        described.fit_base_type_id = _FLOAT32
        described.field_name = field.name
        described.units = field.unit
        out.append(described)
    return out


def _record(at_us: int) -> DataMessage:
    """A moment without a measurement: an activity is not whole without any."""
    from fit_tool.profile.messages.record_message import RecordMessage

    out = RecordMessage(local_id=10)
    out.timestamp = at_us // _US_PER_MS
    return out


def _rest(number: int, start: int, end: int) -> DataMessage:
    from fit_tool.profile.messages.set_message import SetMessage
    from fit_tool.profile.profile_type import SetType

    out = SetMessage(local_id=6)
    _times(out, number, start, end)
    out.set_type = SetType.REST.value
    return out


def _active(number: int, each: SetRecord, start: int, end: int) -> DataMessage:
    from fit_tool.base_type import BaseType
    from fit_tool.developer_field import DeveloperField
    from fit_tool.profile.messages.set_message import SetMessage
    from fit_tool.profile.profile_type import SetType

    known = []
    for index, field in enumerate(DEVELOPER_FIELDS):
        value = _value(each, field.source)
        if value is not None:  # what is unknown is not there: FIT knows no null
            one = DeveloperField(
                developer_data_index=0,
                field_id=index,
                name=field.name,
                units=field.unit,
                base_type=BaseType.FLOAT32,
                size=4,
            )
            one.set_value(0, float(value))
            known.append(one)
    out = SetMessage(local_id=6, developer_fields=known)
    _times(out, number, start, end)
    out.set_type = SetType.ACTIVE.value
    out.repetitions = each.result["reps_counted"]
    category, inside = _category(each.exercise)
    out.category = [category]
    if inside is not None:
        out.category_subtype = [inside]
    return out


def _times(message: Any, number: int, start: int, end: int) -> None:
    message.message_index = number
    message.start_time = start // _US_PER_MS
    message.timestamp = end // _US_PER_MS
    message.duration = (end - start) / 1e6


def _value(each: SetRecord, name: str) -> float | None:
    """A number of a set; none where it is not known, or not sure."""
    if name == "reps_valid":
        return float(each.result[name])
    if name.startswith("force."):
        wanted = f"force_{name.removeprefix('force.')}_peak_n"
        peaks = [_sure(rep["metrics"].get(wanted)) for rep in each.result["reps"]]
        known = [peak for peak in peaks if peak is not None]
        # the largest of all repetitions, which is only known when every one was measured
        return max(known) if len(known) == len(peaks) else None
    sure = _sure(each.result["metrics"].get(name))
    # over the repetitions that stand, also when a correction came late
    return each.result["tut_s"] if name == "tut_s" and sure is not None else sure


def _sure(metric: dict[str, Any] | None) -> float | None:
    """Value of a metric without a doubt: an activity has no place for one."""
    return metric["value"] if metric is not None and metric["quality"] == "ok" else None


def _category(exercise: str) -> tuple[int, int | None]:
    from fit_tool.profile.profile_type import ExerciseCategory

    name, inside = _CATEGORIES.get(exercise, ("UNKNOWN", None))
    return ExerciseCategory[name].value, inside
