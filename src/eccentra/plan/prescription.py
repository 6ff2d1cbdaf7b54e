"""A whole prescription: what is done, how much, how slowly and often, within which limits, who answers.

Nothing is filled in: an incomplete prescription is refused with every field that is missing. One load is the
primary one. A time under tension that does not follow from repetitions and tempo is refused too.
"""

from __future__ import annotations

import functools
import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from eccentra.datafolder import explain_invalid
from eccentra.errors import PlanError
from eccentra.plan.decision_input import PainLimits, Reps

__all__ = ["LOADS", "Prescription", "RomTarget", "parse_prescription", "read_prescriptions"]

LOADS = (
    "load_kg",
    "load_n",
    "load_rm",
    "band",
    "added_pct_bm",
    "assistance_pct_bm",
    "slope_deg",
)
"""The ways of saying a load; a prescription has exactly one."""

# Within this share, stated and derived time under tension are the same (on target is 8 %, Faber 2015, PeerJ).
_TUT_SHARE = 0.08
_MOST_BYTES = 1_000_000

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)]
Degrees = Annotated[float, msgspec.Meta(ge=-180.0, le=180.0)]
Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}(?!\n)$")]
Score = Annotated[float, msgspec.Meta(ge=0.0, le=10.0)]


class RomTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a joint goes, degrees: from, to, and the least range that is accepted."""

    joint: Literal["knee", "hip", "trunk"]
    start_deg: Degrees
    end_deg: Degrees
    least_deg: Annotated[float, msgspec.Meta(gt=0.0, le=180.0)]


class AfterLimits(PainLimits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pain limits during, with the most that is accepted after the session and the next morning."""

    after: Score
    next_morning: Score


class Prescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exercise of one person.

    Attributes
    ----------
    load_kg, load_n, load_rm, band, added_pct_bm, assistance_pct_bm, slope_deg
        Exactly one of them: external load in kg, force in N, "as much as allows so many repetitions", a band
        by name, load or assistance in % of body mass, slope of the shank in degrees.
    reps
        Of every set, or a list with those of each set; of holds, how many a set.
    tempo_s
        Eccentric, hold at the far end, concentric, pause at the start, in s. "As fast as possible" is not
        prescribed here.
    tut_s
        Target time under tension of a set; must follow from repetitions and tempo.
    rest_reps_s, rest_sets_s, rest_sessions_h
        Rest between repetitions and sets in s, between sessions in h.
    rom
        One joint, or two at once.
    rpe, rir
        Effort aimed at, or repetitions left; exactly one.
    stage
        Of rehabilitation, 1 to 4.
    reason
        Why it deviates from the programme, when it does.
    """

    exercise: Id
    side: Literal["left", "right", "both"]
    sets: Annotated[int, msgspec.Meta(ge=1, le=100)]
    reps: Reps | Annotated[tuple[Reps, ...], msgspec.Meta(min_length=1, max_length=100)]
    tempo_s: tuple[Seconds, Seconds, Seconds, Seconds]
    tut_s: Annotated[float, msgspec.Meta(gt=0.0, le=36000.0)]
    rest_reps_s: Seconds
    rest_sets_s: Seconds
    rest_sessions_h: Annotated[float, msgspec.Meta(ge=0.0, le=2000.0)]
    rom: Annotated[tuple[RomTarget, ...], msgspec.Meta(min_length=1, max_length=2)]
    pain_limits: AfterLimits
    frequency_per_week: Annotated[float, msgspec.Meta(gt=0.0, le=50.0)]
    weeks: Annotated[int, msgspec.Meta(ge=1, le=520)]
    supervised: Literal["in_person", "remote_live", "none"]
    stage: Annotated[int, msgspec.Meta(ge=1, le=4)]
    regress_to: tuple[Id, ...]
    progress_to: tuple[Id, ...]
    author: Id
    approved_by: Id | None
    variant: str | None = None
    load_kg: Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)] | None = None
    load_n: Annotated[float, msgspec.Meta(ge=0.0, le=10000.0)] | None = None
    load_rm: Annotated[int, msgspec.Meta(ge=1, le=50)] | None = None
    band: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    added_pct_bm: Annotated[float, msgspec.Meta(ge=0.0, le=300.0)] | None = None
    assistance_pct_bm: Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] | None = None
    slope_deg: Annotated[float, msgspec.Meta(ge=-90.0, le=90.0)] | None = None
    rpe: Score | None = None
    rir: Annotated[float, msgspec.Meta(ge=0.0, le=10.0)] | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        stated = [name for name in LOADS if getattr(self, name) is not None]
        if len(stated) != 1:
            found = " and ".join(stated) or "none"
            raise ValueError(f"exactly one of {', '.join(LOADS)} is needed, found {found}")
        if (self.rpe is None) == (self.rir is None):
            raise ValueError("exactly one of rpe and rir is needed")
        if isinstance(self.reps, tuple) and len(self.reps) != self.sets:
            raise ValueError(f"{len(self.reps)} numbers of repetitions for {self.sets} sets")
        expected = self.derived_tut_s()
        if abs(self.tut_s - expected) > _TUT_SHARE * expected:
            raise ValueError(
                f"tut_s is {self.tut_s:g}, repetitions and tempo make {expected:g} (of the largest set)"
            )

    def derived_tut_s(self) -> float:
        """Time under tension of the largest set: repetitions by loaded phases."""
        most = max(self.reps) if isinstance(self.reps, tuple) else self.reps
        return most * math.fsum(self.tempo_s[:3])

    @property
    def target_rpe(self) -> float:
        """Effort aimed at; repetitions left are told as RPE (Zourdos 2016, JSCR)."""
        return self.rpe if self.rpe is not None else max(0.0, 10.0 - (self.rir or 0.0))

    def for_decision(self) -> dict[str, Any]:
        """The part that a decision reads and changes."""
        part = _for_decision(self)
        return {name: _copied(value) for name, value in part.items()}

    def changed(self, part: dict[str, Any], *, author: str, approved_by: str | None) -> Prescription:
        """The prescription after a decision.

        Parameters
        ----------
        part
            ``next_prescription`` of the decision.

        Raises
        ------
        PlanError
            When the two do not fit together.
        """
        whole = msgspec.json.decode(msgspec.json.encode(self))
        for name in LOADS:
            whole[name] = part.get(name)
        for name in ("sets", "reps", "variant", "frequency_per_week", "tempo_s"):
            whole[name] = part.get(name, whole[name])
        if part.get("rpe") is not None and self.rpe is not None:
            whole["rpe"] = part["rpe"]
        if part.get("rom_target_deg") is not None:
            _stretch(whole["rom"], float(part["rom_target_deg"]))
        if isinstance(whole["reps"], int) or len(whole["reps"]) == whole["sets"]:
            most = whole["reps"] if isinstance(whole["reps"], int) else max(whole["reps"])
            whole["tut_s"] = most * math.fsum(whole["tempo_s"][:3])
        if part.get("variant") and part["variant"] != self.variant:
            whole["exercise"] = part["variant"]
        whole |= {"author": author, "approved_by": approved_by}
        return parse_prescription(whole, "decision")


@functools.lru_cache(maxsize=1024)
def _for_decision(one: Prescription) -> dict[str, Any]:
    # the same prescription is decided about many times
    whole = msgspec.json.decode(msgspec.json.encode(one))
    names = (*LOADS, "sets", "reps", "variant", "frequency_per_week", "tempo_s")
    part = {name: whole[name] for name in names if whole[name] is not None}
    part["rpe"] = one.target_rpe
    part["rom_target_deg"] = max(abs(joint.end_deg - joint.start_deg) for joint in one.rom)
    limits = whole["pain_limits"]
    part["pain_limits"] = {name: limits[name] for name in ("low", "stop", "reason")}
    return part


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, list) else value


def _stretch(rom: list[dict[str, Any]], range_deg: float) -> None:
    """Another range of the joint that moves most, from the same start."""
    one = max(rom, key=lambda each: abs(each["end_deg"] - each["start_deg"]))
    before = one["end_deg"] - one["start_deg"]
    share = range_deg / abs(before) if before else 1.0
    one["end_deg"] = one["start_deg"] + before * share
    one["least_deg"] *= share


def parse_prescription(raw: Any, source: str | Path) -> Prescription:
    """A prescription from a decoded document.

    Raises
    ------
    PlanError
        Incomplete: names all that is missing. Impossible: names the key, what was found and what is allowed.
    """
    if not isinstance(raw, dict):
        raise PlanError(source, "expected a table")
    missing = [field for field in _REQUIRED if field not in raw]
    if not any(raw.get(name) is not None for name in LOADS):
        missing.append(" or ".join(LOADS))
    if raw.get("rpe") is None and raw.get("rir") is None:
        missing.append("rpe or rir")
    if missing:
        raise PlanError(source, f"is incomplete, nothing is filled in: missing {'; '.join(missing)}")
    try:
        return msgspec.convert(raw, Prescription)
    except msgspec.ValidationError as error:
        problem, where = explain_invalid(error, raw, Prescription)
        raise PlanError(source, problem, where=where) from None


_REQUIRED = tuple(field.encode_name for field in msgspec.structs.fields(Prescription) if field.required)


def read_prescriptions(path: Path) -> list[Prescription]:
    """Prescriptions of a TOML file: tables ``[[prescription]]``.

    Raises
    ------
    PlanError
        As :func:`parse_prescription`, with the number of the table.
    """
    try:
        data = path.read_bytes()
        raw = tomllib.loads(data[:_MOST_BYTES].decode())
    except OSError as error:
        raise PlanError(path, f"cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(path, f"is not TOML: {error}") from None
    tables = raw.get("prescription")
    if not isinstance(tables, list) or not tables:
        raise PlanError(path, "expected at least one table [[prescription]]")
    out = []
    for k, table in enumerate(tables):
        # TOML knows no null: one that nobody approved yet leaves it out
        table.setdefault("approved_by", None)
        try:
            out.append(parse_prescription(table, path))
        except PlanError as error:
            where = f"prescription[{k}]" + (f".{error.where}" if error.where else "")
            raise PlanError(path, error.problem, where=where) from None
    return out
