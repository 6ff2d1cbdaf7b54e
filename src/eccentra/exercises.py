"""Exercises: ``pipelines/*.toml`` to :class:`Exercise`.

The file says what is needed and with which numbers; how it is done is the stage named by ``[stage] kind``,
a module of :mod:`eccentra.stages`. An unknown key is an error, so that a typing mistake cannot silently
leave a threshold at another value.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from eccentra.catalogue import AngleRange, Dose, Joint, LoadAxis, Person, Tempo
from eccentra.datafolder import data_files, find_data_file
from eccentra.errors import ExerciseError
from eccentra.ids import FaultId
from eccentra.reliability import Reliability
from eccentra.stages import EventStage
from eccentra.stages.cue_range import Usual
from eccentra.stages.cue_rules import CueRules
from eccentra.stages.orientation import Orientation
from eccentra.stages.placement import PlacementCheck
from eccentra.stages.resample import Resample

__all__ = ["Example", "Exercise", "exercise_ids", "load_exercise", "parse_exercise"]

_SCHEMA = 1
_FOLDER = "pipelines"
_ID = r"[a-z0-9][a-z0-9-]*"


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A simulated recording and what must come out of it; the test suite runs every one."""

    scenario: dict[str, Any]
    expect: dict[str, Any]
    seed: int = 1


class Exercise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exercise.

    Attributes
    ----------
    id
        The file's stem.
    needs
        Sensor sets, best first; each a list of placements, ``force`` or ``imu`` (any placement). One of them
        must be there.
    stage
        ``kind`` and parameters of the stage that finds repetitions.
    force_only
        The same for load cells alone, when that stage needs a motion sensor.
    resample, orientation
        Parameters of the stages before it.
    placement
        How far its segments turn, and when sensors are said to sit elsewhere or to have moved.
    primary_joint, angle, zero_pose
        The joint that works, the angle that is meant, and the pose in which it is zero, in words.
    eccentric_sign
        +1 when the angle grows in the eccentric phase, -1 when it shrinks (rule: muscle, not "down").
    expected_rom_deg
        Range of that angle in people.
    default_tempo_s, default_dose
        What is usual when nothing is prescribed; tempo adherence is measured against this tempo.
    load_axis
        By what the exercise gets harder, first choice first.
    regress_to, progress_to
        Ids of easier and harder exercises.
    cues
        When something is told to the person; ``None`` for never. Files need not say it: what
        ``pipelines/shared/cues.toml`` has is filled in.
    reliability
        Published day-to-day error of its numbers, by stage kind in ``pipelines/shared/reliability.toml``.
    rehab_stage
        Stages (1 to 4) in which it is used.
    heavy
        Heavy eccentric work: 48 h between sessions of the same muscle.
    hip_flexed
        The hamstring's tendon is loaded with the hip flexed by more than 70 degrees.
    evidence
        Where dose and numbers come from.
    """

    schema: int
    id: str
    name: str
    summary: str
    category: str
    needs: tuple[tuple[str, ...], ...]
    stage: dict[str, Any]
    force_only: dict[str, Any] | None = None
    resample: Resample = Resample()
    orientation: Orientation = Orientation()
    placement: PlacementCheck | None = None
    example: tuple[Example, ...] = ()
    primary_joint: Joint | None = None
    angle: str | None = None
    zero_pose: str | None = None
    eccentric_sign: Literal[-1, 1] | None = None
    expected_rom_deg: AngleRange | None = None
    default_tempo_s: Tempo | None = None
    default_dose: Dose | None = None
    load_axis: tuple[LoadAxis, ...] = ()
    regress_to: tuple[str, ...] = ()
    progress_to: tuple[str, ...] = ()
    cues: CueRules | None = None
    reliability: tuple[Reliability, ...] = ()
    rehab_stage: tuple[Annotated[int, msgspec.Meta(ge=1, le=4)], ...] = ()
    heavy: bool = False
    hip_flexed: bool = False
    evidence: str | None = None

    def event_stage(
        self, person: Person | None = None, tempo: Tempo | None = None, *, force_only: bool = False
    ) -> EventStage:
        """The stage that finds repetitions, with this exercise's parameters.

        Parameters
        ----------
        person
            What is known of the person.
        tempo
            Prescribed times of the phases, instead of the exercise's usual ones.
        force_only
            Whether nothing but load cells is there.
        """
        table = self.force_only if force_only and self.force_only is not None else self.stage
        return _event_stage(table, self.id, tempo or self.default_tempo_s, person)

    def usual(self) -> Usual:
        """What its record says of range and of too fast."""
        most = least = None
        for rule in self.stage.get("faults", ()):
            if rule.get("id") == FaultId.FAST_ECCENTRIC.value:
                most = rule.get("value") if rule.get("metric") == "omega_mean_ecc_deg_s" else most
                least = rule.get("value") if rule.get("metric") == "eccentric_s" else least
        angle = self.expected_rom_deg
        return Usual(rom_deg=None if angle is None else angle.typ, most_deg_s=most, least_s=least)

    def missing(self, have: set[str]) -> str | None:
        """What is missing when only ``have`` is there (placements, ``force``, ``imu``), or ``None``."""
        if any(set(kit) <= have for kit in self.needs):
            return None
        return " or ".join(" + ".join(kit) for kit in self.needs)


def exercise_ids() -> list[str]:
    """Ids of all exercises that can be found, sorted."""
    return sorted({path.stem for path in data_files(_FOLDER)})


def load_exercise(name: str | Path) -> Exercise:
    """Exercise by id, or from a TOML file given by its path.

    Raises
    ------
    ExerciseError
        When there is none, or the file is not valid; names file and key.
    """
    text = str(name)
    path = Path(text) if text.endswith(".toml") else find_data_file(_FOLDER, text)
    if path is None:
        known = ", ".join(exercise_ids())
        raise ExerciseError(text, f"no such exercise; known are {known} (or give a .toml file)")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExerciseError(path, f"cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExerciseError(path, f"is not TOML: {error}") from None
    _fill_in(raw, path)
    exercise = parse_exercise(raw, path)
    if exercise.id != path.stem:
        raise ExerciseError(path, f"is {exercise.id!r}, expected the file's name {path.stem!r}", where="id")
    return exercise


def parse_exercise(raw: dict[str, Any], source: str | Path) -> Exercise:
    """Exercise from decoded TOML or from a session file's header; ``source`` is named in errors."""
    try:
        exercise = msgspec.convert(raw, Exercise)
    except msgspec.ValidationError as error:
        raise _explained(source, error) from None
    if exercise.schema != _SCHEMA:
        found = f"is {exercise.schema}, this version reads {_SCHEMA}"
        raise ExerciseError(source, found, where="schema")
    if not re.fullmatch(_ID, exercise.id):
        raise ExerciseError(source, f"is {exercise.id!r}, expected lower-case words joined by -", where="id")
    for name in (*exercise.regress_to, *exercise.progress_to):
        if not re.fullmatch(_ID, name) or name == exercise.id:
            raise ExerciseError(
                source, f"{name!r} is no other exercise's id", where="regress_to, progress_to"
            )
    _event_stage(exercise.stage, source, exercise.default_tempo_s)
    if exercise.force_only is not None:
        _event_stage(exercise.force_only, source, exercise.default_tempo_s, where="force_only")
    return exercise


def _fill_in(raw: dict[str, Any], source: Path) -> None:
    """Values that ``defaults = NAME`` in a stage's table takes from ``pipelines/shared/NAME.toml``, and cues.

    Own ones win; ``[placement]`` starts from ``placement.toml``. The exercise is complete afterwards: a
    session file keeps it without the other files.
    """
    _fill_in_cues(raw, source)
    _fill_in_reliability(raw, source)
    placement = raw.get("placement", {})
    if isinstance(placement, dict):
        raw["placement"] = _merged(_shared("placement", source, "placement"), placement)
    for key in ("stage", "force_only"):
        table = raw.get(key)
        if isinstance(table, dict) and "defaults" in table:
            raw[key] = _merged(_shared(table.pop("defaults"), source, f"{key}.defaults"), table)


def _fill_in_reliability(raw: dict[str, Any], source: Path) -> None:
    """What is published for the kind of stage, unless the exercise has its own."""
    stage = raw.get("stage", {})
    if "reliability" not in raw and isinstance(stage, dict):
        raw["reliability"] = _shared("reliability", source, "reliability").get(str(stage.get("kind")), [])


def _fill_in_cues(raw: dict[str, Any], source: Path) -> None:
    """``[cues]``: what holds for all exercises, then for the kind of stage, then the exercise's own."""
    own, stage = raw.get("cues", {}), raw.get("stage", {})
    if not isinstance(own, dict) or not isinstance(stage, dict):
        return
    shared = _shared("cues", source, "cues")
    kinds = shared.pop("kind", {})
    raw["cues"] = _merged(_merged(shared, kinds.get(stage.get("kind"), {})), own)


def _shared(name: object, source: Path, key: str) -> dict[str, Any]:
    path = find_data_file(f"{_FOLDER}/shared", name) if isinstance(name, str) else None
    if path is None:
        found = f"is {name!r}, expected a file in {_FOLDER}/shared"
        raise ExerciseError(source, found, where=key)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExerciseError(path, f"cannot be used: {error}") from None


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = dict(below)
    for key, value in above.items():
        old = out.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            out[key] = _merged(old, value)
        else:
            out[key] = value
    return out


def _explained(source: str | Path, error: msgspec.ValidationError, prefix: str = "") -> ExerciseError:
    problem, _, where = str(error).partition(" - at `$")
    path = f"{prefix}{where.rstrip('`')}".strip(".")
    return ExerciseError(source, problem, where=path or None)


def _event_stage(
    table: dict[str, Any],
    source: str | Path,
    tempo: Tempo | None,
    person: Person | None = None,
    *,
    where: str = "stage",
) -> EventStage:
    parameters = dict(table)
    kind = parameters.pop("kind", None)
    if not isinstance(kind, str) or not re.fullmatch(r"[a-z_]+", kind):
        raise ExerciseError(source, f"is {kind!r}, expected the name of a stage", where=f"{where}.kind")
    module = f"eccentra.stages.{kind}"
    stage = getattr(importlib.import_module(module), "Stage", None) if _exists(module) else None
    if stage is None:
        raise ExerciseError(
            source, f"is {kind!r}, no stage of that name finds repetitions", where=f"{where}.kind"
        )
    fields = getattr(stage, "__struct_fields__", ())
    if tempo is not None and "tempo_s" in fields:
        # a stage that measures tempo gets it from the exercise's record or the prescription
        parameters.setdefault("tempo_s", msgspec.to_builtins(tempo))
    if person is not None and "person" in fields:
        parameters["person"] = msgspec.to_builtins(person)
    try:
        made: EventStage = msgspec.convert(parameters, stage)
    except msgspec.ValidationError as error:
        raise _explained(source, error, where) from None
    return made


def _exists(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
