"""What one step is: the next prescription, easier or harder, along one axis.

To progress: range of motion to its target, repetitions to the programme's, tempo, load, variant. A session is
only good with range and tempo at their targets, so that outside a programme the load is what is left; an
exercise whose record names no load moves by the first axis that it names. To regress: load, repetitions,
range, variant. What is not known is not stepped: no prescription is better than a guessed one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from eccentra.plan.decision_input import Axis, Prescribed
from eccentra.plan.history import EDGE, total_reps
from eccentra.plan.programmes import Course, Week
from eccentra.plan.thresholds import LimitSizes

__all__ = [
    "Facts",
    "Step",
    "Table",
    "easier",
    "grow_reps",
    "harder_load",
    "held_of",
    "in_week",
    "reps_share_of_week",
    "share_of_week",
    "target_of_week",
    "weekly_cap_pct",
    "with_tempo",
]

Table = dict[str, Any]

_LOADS = ("assistance_pct_bm", "added_pct_bm", "slope_deg", "load_kg")


class Facts(msgspec.Struct, frozen=True):
    """What the exercise's record says: axes, neighbours on the ladder, marks."""

    id: str
    load_axis: tuple[str, ...]
    regress_to: tuple[str, ...]
    progress_to: tuple[str, ...]
    rom: bool
    quality: bool
    heavy: bool
    hip_flexed: bool


class Step(msgspec.Struct, frozen=True):
    """A step along one axis.

    Attributes
    ----------
    axis
        ``None`` when nothing is known that could be stepped.
    table
        The prescription after it.
    limit
        Id of the limit that made it smaller than wished.
    by_approval
        It is larger than an athlete may take alone.
    """

    axis: Axis | None
    table: Table | None
    limit: str | None = None
    by_approval: bool = False
    note: str = ""


NOTHING_KNOWN = Step(None, None, note="the prescription does not say what could be stepped")


def load_key(prescribed: Prescribed) -> str | None:
    """The one load that is stated; ``None`` for none, or for more than one (which is meant is not known)."""
    stated = [key for key in _LOADS if getattr(prescribed, key) is not None]
    return stated[0] if len(stated) == 1 else None


def _changed(table: Table, **values: object) -> Table:
    return {**table, **values}


def _tidy(value: float) -> float:
    return round(value, 3) + 0.0


# -- load ------------------------------------------------------------------------------------------------


def harder_load(
    table: Table,
    prescribed: Prescribed,
    sizes: LimitSizes,
    wish_pct: float | None,
    plate: float | None,
    *,
    most: float,
) -> Step | None:
    """More load by one step, or by a wish as far as the limits allow; ``None`` when no load is stated.

    Parameters
    ----------
    wish_pct
        Change in % (in points of body mass for Nordic curls); negative ones are taken as they are.
    most
        Largest step of an external load in %.
    """
    key = load_key(prescribed)
    if key is None:
        return None
    value = float(getattr(prescribed, key))
    if key == "load_kg":
        return _harder_kg(table, value, sizes, wish_pct, plate, most)
    size = {
        "assistance_pct_bm": sizes.assistance_step_pct_bm,
        "added_pct_bm": sizes.added_step_pct_bm,
        "slope_deg": sizes.slope_step_deg,
    }[key]
    wish = size if wish_pct is None else wish_pct
    limit = "H4" if wish > size + EDGE else None
    change = min(wish, size)
    new = value + change if key == "added_pct_bm" else value - change
    if key == "slope_deg":
        new = max(new, sizes.slope_deg[0]) if change > 0.0 else min(new, sizes.slope_deg[1])
    new = max(new, 0.0) if key != "slope_deg" else new
    if change > 0.0 and abs(new - value) < EDGE:
        return Step("load", None, "H4", note=f"{key} is at its end: the next step is another variant")
    return Step("load", _changed(table, **{key: _tidy(new)}), limit)


def _harder_kg(
    table: Table, value: float, sizes: LimitSizes, wish_pct: float | None, plate: float | None, most: float
) -> Step:
    wish = sizes.load_step_pct if wish_pct is None else wish_pct
    share = min(wish, most)
    limit = "H3" if wish > most + EDGE else None
    if share < 0.0:
        return Step("load", _changed(table, load_kg=_tidy(value * (1.0 + share / 100.0))))
    add = value * share / 100.0
    if plate is not None and share > 0.0:
        # what exists: at least one plate, and no more of them than the largest step allows
        plates = max(math.ceil(add / plate - EDGE), 1)
        if plates > 1 and plates * plate > value * sizes.load_step_most_pct / 100.0 + EDGE:
            plates -= 1
        add = plates * plate
    if add <= EDGE:
        note = "" if share <= 0.0 else "no load yet: name the first one"
        return Step("load" if share <= 0.0 else None, None if share > 0.0 else dict(table), limit, note=note)
    above = value <= 0.0 or add / value * 100.0 > sizes.load_step_pct + EDGE
    return Step(
        "load",
        _changed(table, load_kg=_tidy(value + add)),
        limit or ("H3" if above and wish_pct is None else None),
        above,
        f"the smallest plate makes it {add / value:.1%}"
        if above and wish_pct is None and value > 0.0
        else "",
    )


def _easier_load(
    table: Table, prescribed: Prescribed, sizes: LimitSizes, steps: int, plate: float | None
) -> Step | None:
    key = load_key(prescribed)
    if key is None:
        return None
    value = float(getattr(prescribed, key))
    if key == "load_kg":
        less = value * sizes.load_step_pct / 100.0 * steps
        if plate is not None:
            less = math.ceil(less / plate - EDGE) * plate
        new = max(value - less, 0.0)
    elif key == "assistance_pct_bm":
        new = min(value + sizes.assistance_step_pct_bm * steps, 100.0)
    elif key == "added_pct_bm":
        new = max(value - sizes.added_step_pct_bm * steps, 0.0)
    else:
        new = max(min(value + sizes.slope_step_deg * steps, sizes.slope_deg[1]), value)
    return None if abs(new - value) < EDGE else Step("load", _changed(table, **{key: _tidy(new)}))


# -- repetitions, range, tempo, variant ------------------------------------------------------------------


def weekly_cap_pct(sets: int | None, sizes: LimitSizes) -> float:
    """Largest growth of a week's repetitions outside a programme, in % (limit H5): one set at least."""
    return max(sizes.weekly_reps_pct, 100.0 / (sets or 1))


def grow_reps(table: Table, prescribed: Prescribed, sizes: LimitSizes, wish_pct: float | None) -> Step | None:
    """More repetitions: the largest whole change that is not above the wish and the weekly cap."""
    sets, reps = prescribed.sets, prescribed.reps
    before = total_reps(sets, reps)
    if sets is None or reps is None or before is None:
        return None
    cap = weekly_cap_pct(sets, sizes)
    wish = cap if wish_pct is None else wish_pct
    limit = "H5" if wish > cap + EDGE else None
    share = min(wish, cap) / 100.0
    if share < 0.0:
        return Step("reps", _changed(table, reps=_scaled(reps, 1.0 + share)))
    most = before * (1.0 + share) + EDGE
    if isinstance(reps, int):
        choices = [(sets * more, sets, more) for more in range(reps, math.floor(most / sets) + 1)]
        choices += [(more * reps, more, reps) for more in range(sets, math.floor(most / reps) + 1)]
        total, more_sets, more_reps = max(choices, key=lambda one: (one[0], -one[1]))
        if total > before:
            return Step("reps", _changed(table, sets=more_sets, reps=more_reps), limit)
    more = math.floor(most) - before
    if more < 1:
        return Step("reps", None, "H5", note="no whole repetition is small enough")
    each = [reps] * sets if isinstance(reps, int) else list(reps)
    for k in range(more):
        each[k % len(each)] += 1
    return Step("reps", _changed(table, reps=each), limit)


def _scaled(reps: int | tuple[int, ...], share: float) -> int | list[int]:
    if isinstance(reps, int):
        return max(1, math.floor(reps * share + EDGE))
    return [max(1, math.floor(one * share + EDGE)) for one in reps]


def _fewer_reps(table: Table, prescribed: Prescribed, sizes: LimitSizes, steps: int) -> Step | None:
    sets, reps = prescribed.sets, prescribed.reps
    if reps is None:
        return None
    new = _scaled(reps, max(1.0 - sizes.reps_step_pct / 100.0 * steps, 0.1))
    if new != (list(reps) if isinstance(reps, tuple) else reps):
        return Step("reps", _changed(table, reps=new))
    if sets is not None and sets > 1 and isinstance(reps, int):
        return Step("reps", _changed(table, sets=max(1, sets - steps)))
    return None


def with_rom(table: Table, prescribed: Prescribed, sizes: LimitSizes, wish_pct: float | None) -> Step | None:
    """Another target of the range of motion."""
    if prescribed.rom_target_deg is None:
        return None
    wish = sizes.rom_step_pct if wish_pct is None else wish_pct
    change = min(wish, sizes.rom_step_pct)
    new = prescribed.rom_target_deg * (1.0 + change / 100.0)
    return Step("rom", _changed(table, rom_target_deg=_tidy(new)), "H1" if wish > change + EDGE else None)


def with_tempo(
    table: Table, prescribed: Prescribed, sizes: LimitSizes, wish_pct: float | None
) -> Step | None:
    """Longer phases: the eccentric, or the hold of an exercise that is held."""
    tempo = prescribed.tempo_s
    wish = sizes.tempo_step_pct if wish_pct is None else wish_pct
    change = min(wish, sizes.tempo_step_pct)
    limit = "H1" if wish > change + EDGE else None
    grown: object
    if isinstance(tempo, tuple):
        at = next((k for k, one in enumerate(tempo) if one), None)
        if at is None:
            return None
        each = list(tempo)
        each[at] = _tidy((tempo[at] or 0.0) * (1.0 + change / 100.0))
        grown = each
    elif isinstance(tempo, dict):
        key = next((k for k in ("eccentric", "isometric", "concentric") if tempo.get(k)), None)
        if key is None:
            return None
        grown = {**tempo, key: _tidy((tempo[key] or 0.0) * (1.0 + change / 100.0))}
    elif tempo:
        grown = _tidy(tempo * (1.0 + change / 100.0))
    else:
        return None
    return Step("tempo", _changed(table, tempo_s=grown), limit)


def with_variant(table: Table, neighbours: tuple[str, ...]) -> Step | None:
    """The neighbour on the ladder; its load is set anew."""
    if not neighbours:
        return None
    kept = {key: value for key, value in table.items() if key not in _LOADS}
    return Step(
        "variant", _changed(kept, variant=neighbours[0]), note="the load of the new variant is set anew"
    )


# -- a step down -----------------------------------------------------------------------------------------


def easier(
    table: Table, prescribed: Prescribed, sizes: LimitSizes, facts: Facts, steps: int, plate: float | None
) -> Step:
    """Down by ``steps`` along the first axis that can: load, repetitions, range, variant."""

    def range_down() -> Step | None:
        if prescribed.rom_target_deg is None:
            return None
        new = prescribed.rom_target_deg * max(1.0 - sizes.rom_step_pct / 100.0 * steps, 0.1)
        return Step("rom", _changed(table, rom_target_deg=_tidy(new)))

    ways: tuple[Callable[[], Step | None], ...] = (
        lambda: _easier_load(table, prescribed, sizes, steps, plate),
        lambda: _fewer_reps(table, prescribed, sizes, steps),
        range_down,
        lambda: with_variant(table, facts.regress_to) if prescribed.sets and prescribed.reps else None,
    )
    for way in ways:
        step = way()
        if step is not None:
            return step
    return NOTHING_KNOWN


# -- programmes ------------------------------------------------------------------------------------------


def target_of_week(course: Course, week: int, sizes: LimitSizes) -> float:
    """Effort aimed at in a programme's week: the first weeks have a ceiling (limit H8)."""
    return min(course.rpe, sizes.first_weeks_rpe) if week <= sizes.first_weeks else course.rpe


class Dosed(Protocol):
    """A prescription, or the part of it that decisions read."""

    @property
    def sets(self) -> int | None: ...
    @property
    def reps(self) -> int | tuple[int, ...] | None: ...
    @property
    def tempo_s(self) -> object: ...
    @property
    def frequency_per_week(self) -> float | None: ...


def reps_share_of_week(prescribed: Dosed, dose: Week) -> float | None:
    """Repetitions that are prescribed a week, by those that a programme's week asks.

    ``None`` where they cannot be compared: weeks of so many repetitions at most go by their load, and not
    every prescription states its repetitions.
    """
    reps = total_reps(prescribed.sets, prescribed.reps)
    if reps is None or dose.rm is not None:
        return None
    often = dose.sessions if prescribed.frequency_per_week is None else prescribed.frequency_per_week
    return reps * often / dose.reps_a_week()


def held_of(prescribed: Dosed) -> float | None:
    """Seconds of the hold in each repetition, where they are stated."""
    tempo = prescribed.tempo_s
    held = tempo[1] if isinstance(tempo, tuple) and len(tempo) > 1 else None
    return held if isinstance(held, int | float) else None


def share_of_week(prescribed: Dosed, dose: Week) -> float | None:
    """As :func:`reps_share_of_week`; of holds, by their seconds."""
    share, held = reps_share_of_week(prescribed, dose), held_of(prescribed)
    if share is None or dose.hold_s is None or held is None:
        return share
    return share * held / dose.hold_s


def in_week(table: Table, course: Course, week: int, before: Week | None, sizes: LimitSizes) -> Step:
    """The prescription of a programme's week."""
    dose = course.of_week(week)
    assert dose is not None
    changes: Table = {
        "sets": dose.sets,
        "reps": list(dose.reps) if isinstance(dose.reps, tuple) else dose.reps,
        "frequency_per_week": dose.sessions,
    }
    note = ""
    if dose.reps_to is not None:
        changes["reps_to"] = dose.reps_to
    if dose.hold_s is not None:
        changes["tempo_s"] = [0.0, dose.hold_s, 0.0, 0.0]
    if dose.rm is not None:
        changes["load_rm"] = dose.rm
        note = f"the load is the one with which {dose.rm} repetitions are possible"
    if before == dose:
        note = f"week {week} of the programme asks for the same as the week before"
    if table.get("rpe") in (course.rpe, min(course.rpe, sizes.first_weeks_rpe)):
        # the programme's own target moves with the week, a person's own stays
        changes["rpe"] = target_of_week(course, week, sizes)
    kept = {key: value for key, value in table.items() if key not in ("reps_to", "load_rm")}
    heavier = dose.rm is not None and before is not None and before.rm != dose.rm
    return Step("load" if heavier else "reps", {**kept, **changes}, note=note)
