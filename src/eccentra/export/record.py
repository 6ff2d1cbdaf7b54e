"""A session as all formats need it: what stands at its end, corrections applied, with wall-clock times.

Sets and repetitions are those of :func:`eccentra.analysis.summarise`; this adds when they were (µs since
1970, UTC), of which exercise, by which sensors, and what was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from eccentra.analysis import summarise
from eccentra.errors import InputError
from eccentra.events import (
    CalibrationDone,
    Event,
    ExerciseChanged,
    Numbered,
    RepCompleted,
    Reported,
    SensorConnected,
    SessionEnded,
    SessionStarted,
    SetCompleted,
    SetStarted,
    Tared,
)
from eccentra.exercises import load_exercise
from eccentra.profiles import DeviceProfile, load_profile
from eccentra.session import Header

__all__ = [
    "SAID",
    "Moment",
    "Report",
    "Sensor",
    "SessionRecord",
    "SetRecord",
    "exercise_name",
    "moments_of",
    "record_of",
]

# what a report may hold beside its place: said in one of these
SAID = (
    "pain",
    "soreness",
    "rpe",
    "rir",
    "confidence",
    "analgesic",
    "warm_up",
    "red_flag",
    "prom",
    "version",
    "scores",
    "note",
)


class Moment(msgspec.Struct, frozen=True):
    """An event with its number and when it was, µs since 1970; ``None`` when nobody knows."""

    seq: int
    at_us: int | None
    event: Event


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor of a session: opaque id, device profile, where it was worn, when its zero was last set."""

    id: str
    device: str
    maker: str | None = None
    model: str | None = None
    place: str | None = None
    zeroed_us: int | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said. ``kind``: before, during, after, next_morning, session, prom, note."""

    id: str
    kind: str
    at_us: int | None
    said: dict[str, Any]
    session: str | None = None
    exercise: str | None = None
    set_index: int | None = None


class SetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A set; ``result`` is its part of the analysis document.

    ``offset_us`` leads from the session's time line to the wall clock: added to microseconds of a time in
    ``result`` it gives µs since 1970; ``None`` when the session has no wall clock.
    """

    index: int
    exercise: str
    offset_us: int | None
    result: dict[str, Any]

    def at_us(self, seconds: float) -> int | None:
        """A time of ``result`` on the wall clock."""
        return None if self.offset_us is None else round(seconds * 1e6) + self.offset_us

    @property
    def began_us(self) -> int | None:
        """Start of its first repetition."""
        return self.at_us(self.result["start_s"])

    @property
    def ended_us(self) -> int | None:
        """End of its last repetition."""
        return self.at_us(self.result["end_s"])


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A session. ``person`` is a pseudonym; ``software`` the version that computed the numbers."""

    id: str
    person: str | None
    software: str
    exercise: str
    load: str | None
    began_us: int | None
    ended_us: int | None
    why_ended: str | None
    sensors: tuple[Sensor, ...]
    sets: tuple[SetRecord, ...]
    reports: tuple[Report, ...]
    rejected: tuple[dict[str, Any], ...]
    flags: tuple[str, ...]


def moments_of(events: Sequence[Numbered]) -> list[Moment]:
    """Numbered events as moments."""
    return [Moment(one.seq, _micros(one.time), one.event) for one in events]


def _micros(time: str | None) -> int | None:
    return None if time is None else round(datetime.fromisoformat(time).timestamp() * 1e3) * 1000


def record_of(
    session: str,
    moments: Sequence[Moment],
    *,
    header: Header | None = None,
    reports: Sequence[Report] = (),
    software: str | None = None,
) -> SessionRecord:
    """A session from its events.

    Parameters
    ----------
    session
        Its id.
    moments
        Its events in order.
    header
        Of its file, when that is at hand: tells makers and models of the sensors.
    reports
        What was said about it outside of it.
    software
        The version that made the events, when it is another one than the session began with.

    Raises
    ------
    InputError
        When the first event is missing: who did which exercise is not known without it.
    """
    began = next((one for one in moments if isinstance(one.event, SessionStarted)), None)
    if began is None:
        raise InputError(f"session {session}", "its first event is missing; export it when that has come")
    start = began.event
    assert isinstance(start, SessionStarted)
    ended = next((one for one in reversed(moments) if isinstance(one.event, SessionEnded)), None)
    places = _places(moments)
    document = summarise(start.exercise, [one.event for one in moments])
    return SessionRecord(
        id=session,
        person=start.athlete,
        software=software or start.software,
        exercise=start.exercise,
        load=start.load,
        began_us=began.at_us,
        ended_us=None if ended is None else ended.at_us,
        why_ended=ended.event.why if ended is not None and isinstance(ended.event, SessionEnded) else None,
        sensors=_sensors(moments, start, header),
        sets=tuple(
            SetRecord(
                index=one["index"],
                exercise=places[one["index"]][0],
                offset_us=places[one["index"]][1],
                result=one,
            )
            for one in document["sets"]
        ),
        reports=(*_said(session, moments), *reports),
        rejected=tuple(document["rejected"]),
        flags=tuple(document["quality"]["flags"]),
    )


def _places(moments: Sequence[Moment]) -> dict[int, tuple[str, int | None]]:
    """Exercise, and way to the wall clock, of each set: as they were when it was first heard of."""
    exercise = ""
    offset: int | None = None
    out: dict[int, tuple[str, int | None]] = {}
    for one in moments:
        event = one.event
        if isinstance(event, SessionStarted | ExerciseChanged):
            exercise = event.exercise
        if one.at_us is not None:
            offset = one.at_us - event.t_us
        if isinstance(event, RepCompleted):
            out.setdefault(event.rep.set_index, (exercise, offset))
        elif isinstance(event, SetStarted | SetCompleted):
            out.setdefault(event.set_index, (exercise, offset))
    return out


def _sensors(moments: Sequence[Moment], start: SessionStarted, header: Header | None) -> tuple[Sensor, ...]:
    zeroed: dict[str, int] = {}
    seen = dict(start.sensors)
    for one in moments:
        if isinstance(one.event, SensorConnected):
            seen.setdefault(one.event.sensor, "")
        if one.at_us is None:
            continue
        if isinstance(one.event, Tared):
            zeroed[one.event.sensor] = one.at_us
        elif isinstance(one.event, CalibrationDone):
            zeroed |= {sits.sensor: one.at_us for sits in one.event.mounting}
    setups = {} if header is None else {setup.sensor: setup for setup in header.sensors}
    out = []
    for name, device in seen.items():
        setup = setups.get(name)
        profile = _profile(device) if setup is None else setup.profile
        place = "" if setup is None else " ".join(filter(None, (setup.placement, setup.side)))
        out.append(
            Sensor(
                id=name,
                device=device,
                maker=None if profile is None else profile.maker,
                model=None if profile is None else profile.name,
                place=place or None,
                zeroed_us=zeroed.get(name),
            )
        )
    return tuple(out)


def _profile(device: str) -> DeviceProfile | None:
    try:
        return load_profile(device)
    except InputError:
        return None  # made with a profile that is not here


def _said(session: str, moments: Sequence[Moment]) -> list[Report]:
    """What was said while the session ran."""
    out = []
    for one in moments:
        event = one.event
        if isinstance(event, Reported):
            body = msgspec.to_builtins(event)
            said = {name: body[name] for name in SAID if body.get(name) is not None}
            out.append(
                Report(
                    id=f"{session}-{one.seq}",
                    kind=event.when,
                    at_us=one.at_us,
                    said=said,
                    session=session,
                    set_index=event.set_index,
                )
            )
    return out


def exercise_name(name: str) -> str:
    """Name of an exercise for people; its id when there is no such exercise any more."""
    try:
        return load_exercise(name).name
    except InputError:
        return name
