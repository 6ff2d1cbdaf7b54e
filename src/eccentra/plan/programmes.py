"""Published programmes: ``pipelines/programmes/*.toml``, weeks and dose of each exercise.

A programme is followed week by week: its next week is one step however much larger it is, because that is
what was tested. Percentage caps hold outside programmes only.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from eccentra.datafolder import data_files, explain_invalid, find_data_file
from eccentra.errors import PlanError
from eccentra.exercises import exercise_ids
from eccentra.plan.decision_input import Reps
from eccentra.plan.thresholds import PainBand, Profile

__all__ = ["Course", "Programme", "Week", "load_programme", "programme_ids", "read_programme"]

_FOLDER = "pipelines/programmes"
_SCHEMA = 1

Role = Literal[
    "eccentric_hamstring", "hip_strength", "trunk", "isometric", "strength", "flexibility", "warm_up"
]
Count = Annotated[int, msgspec.Meta(ge=1, le=200)]
Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)]


class Week(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dose of one week or of several alike.

    Attributes
    ----------
    week, until
        First and last week, from 1; ``until`` is ``week`` when not said.
    sessions
        A week.
    sets, reps
        ``reps`` of every set, or a list with those of each.
    reps_to
        Upper end when a range is published; ``reps`` is the lower.
    hold_s
        Seconds of each hold, for exercises that are held.
    rm
        The load is the one with which only so many repetitions are possible.
    """

    week: Count
    sessions: Annotated[float, msgspec.Meta(gt=0.0, le=50.0)]
    sets: Count
    reps: Reps | tuple[Reps, ...]
    until: Count | None = None
    reps_to: Reps | None = None
    hold_s: Seconds | None = None
    rm: Count | None = None

    def __post_init__(self) -> None:
        if self.until is not None and self.until < self.week:
            raise ValueError(f"until {self.until} is before week {self.week}")
        if isinstance(self.reps, tuple) and len(self.reps) != self.sets:
            raise ValueError(f"{len(self.reps)} numbers of repetitions for {self.sets} sets")

    @property
    def last(self) -> int:
        """Last week of this dose."""
        return self.until or self.week

    def reps_a_week(self) -> float:
        """Repetitions a week, the lower end of a range."""
        reps = sum(self.reps) if isinstance(self.reps, tuple) else self.sets * self.reps
        return self.sessions * reps


class Course(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done of some exercises over the weeks.

    Attributes
    ----------
    exercises
        Ids; the first is what was published, the others take its dose.
    tempo_s
        Eccentric, hold at the far end, concentric, pause at the start; s.
    rest_reps_s, rest_sets_s, rest_sessions_h
        Rest between repetitions, sets, sessions.
    rpe
        Effort aimed at (10 is nothing left).
    rom_least_share
        Least accepted share of the exercise's range.
    stages
        Stages of rehabilitation (1 to 4) in which it is done; none means all.
    """

    exercises: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    role: Role
    week: Annotated[tuple[Week, ...], msgspec.Meta(min_length=1)]
    tempo_s: tuple[Seconds, Seconds, Seconds, Seconds]
    rest_reps_s: Seconds
    rest_sets_s: Seconds
    rest_sessions_h: Annotated[float, msgspec.Meta(ge=0.0, le=400.0)]
    rpe: Annotated[float, msgspec.Meta(ge=0.0, le=10.0)]
    rom_least_share: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)]
    stages: tuple[Annotated[int, msgspec.Meta(ge=1, le=4)], ...] = ()

    def __post_init__(self) -> None:
        expected = 1
        for one in self.week:
            if one.week != expected:
                raise ValueError(f"week {one.week} follows {expected - 1}: expected {expected}")
            expected = one.last + 1

    def of_week(self, number: int) -> Week | None:
        """Dose of a week, ``None`` after the last."""
        return next((one for one in self.week if one.week <= number <= one.last), None)

    @property
    def weeks(self) -> int:
        """Its last week."""
        return self.week[-1].last


class Programme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One programme.

    Attributes
    ----------
    profile
        Pain profile for which it was made.
    weeks
        Planned length.
    rpe_limit
        At this effort it is too much; ``None`` is the table's own.
    rpe_above_target
        So much above the target is still as planned; ``None`` is the table's own.
    pain
        Limits that are tighter than the profile's.
    after
        What comes after the last week, in words.
    supervised
        Sessions a week in presence of a professional, as published; ``None`` when not said.
    warm_up
        What comes before the first set, in words.
    sources
        Where the numbers come from, each with its mark.
    """

    schema: Literal[1]
    id: str
    name: str
    summary: str
    profile: Profile
    rehabilitation: bool
    weeks: Count
    sources: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    course: Annotated[tuple[Course, ...], msgspec.Meta(min_length=1)]
    evidence: Literal["evidence", "judgement", "mixed"]
    after: str = ""
    rpe_limit: Annotated[float, msgspec.Meta(ge=0.0, le=10.0)] | None = None
    rpe_above_target: Annotated[float, msgspec.Meta(ge=0.0, le=5.0)] | None = None
    pain: PainBand | None = None
    supervised: Annotated[float, msgspec.Meta(ge=0.0, le=50.0)] | None = None
    warm_up: str = ""

    def course_of(self, exercise: str) -> Course | None:
        """What it says of an exercise; ``None`` when it does not know it."""
        return next((one for one in self.course if exercise in one.exercises), None)


def programme_ids() -> list[str]:
    """Ids of all programmes that can be found, sorted."""
    return sorted(path.stem for path in data_files(_FOLDER))


@functools.lru_cache(maxsize=64)
def load_programme(name: str) -> Programme:
    """A programme by id.

    Raises
    ------
    PlanError
        When there is none, or its file is not valid; names file and key.
    """
    path = find_data_file(_FOLDER, name)
    if path is None:
        raise PlanError(name, f"no such programme; known are {', '.join(programme_ids())}")
    out = read_programme(path)
    if out.id != path.stem:
        raise PlanError(path, f"is {out.id!r}, expected the file's name {path.stem!r}", where="id")
    return out


def read_programme(path: Path) -> Programme:
    """A programme from any file, such as another version that is tried out.

    Raises
    ------
    PlanError
        When it is not valid; names file and key.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(path, f"cannot be used: {error}") from None
    try:
        out = msgspec.convert(raw, Programme)
    except msgspec.ValidationError as error:
        problem, where = explain_invalid(error, raw, Programme)
        raise PlanError(path, problem, where=where) from None
    known = set(exercise_ids())
    for k, course in enumerate(out.course):
        for exercise in course.exercises:
            if exercise not in known:
                raise PlanError(
                    path, f"no exercise {exercise!r} in pipelines/", where=f"course[{k}].exercises"
                )
        if course.weeks > out.weeks:
            raise PlanError(path, f"{course.weeks} weeks of {out.weeks}", where=f"course[{k}].week")
    return out
