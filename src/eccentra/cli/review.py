"""``eccentra review``: a therapist goes through the sets of a session."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from eccentra.cli.common import checked_id, say
from eccentra.cli.plan_show import StoreUrl
from eccentra.errors import InputError

if TYPE_CHECKING:
    from eccentra.store.database import Store
    from eccentra.store.notes import Note, NoteKind
    from eccentra.store.session_view import RepView, SessionView, SetView

__all__ = ["review"]

_HELP = """enter: next set   a: accept the set   n TEXT: a note
x N WHY: repetition N does not count   c N WHY: it counts
i N WHY: it is not valid   v N WHY: it is valid   q: end"""
_AMENDS = {"x": ("counted", False), "c": ("counted", True), "i": ("valid", False), "v": ("valid", True)}


def review(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="Id of the session in the results.")],
    who: Annotated[
        str | None, typer.Option(metavar="ID", help="Id of the therapist; needed to note anything.")
    ] = None,
    set_index: Annotated[int | None, typer.Option("--set", metavar="N", help="The set.")] = None,
    rep: Annotated[int | None, typer.Option(metavar="N", help="The repetition of that set.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Accept the set, or the whole session.")] = False,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="A note, or why it is amended.")] = None,
    counted: Annotated[
        bool | None, typer.Option("--counts/--does-not-count", help="Whether the repetition counts.")
    ] = None,
    valid: Annotated[
        bool | None, typer.Option("--valid/--not-valid", help="Whether the repetition is valid.")
    ] = None,
    supervised: Annotated[
        str | None, typer.Option(metavar="HOW", help="in_person, remote_live or none: who was there.")
    ] = None,
    store: StoreUrl = None,
) -> None:
    """Go through the sets of a session: accept, annotate, amend a repetition.

    On a terminal set by set; with options, or without a terminal, what the options say. What was measured
    stays as it is: amendments lie beside it with author and time, and hold where the plan reads.
    """
    from eccentra.store.database import open_store
    from eccentra.store.session_view import session_view

    acts = accept or note is not None or counted is not None or valid is not None or supervised is not None
    by_hand = not acts and who is not None and sys.stdin.isatty()
    opened = open_store(store)
    try:
        if acts:
            place = (session, set_index, rep)
            _act(opened, place, checked_id("--who", who), accept, note, (counted, valid), supervised)
        with opened.read() as connection:
            view = session_view(connection, session)
        if by_hand:
            _go_through(opened, view, checked_id("--who", who))
            return
        for line in _lines(view, set_index):
            typer.echo(line)
        if acts and (counted is not None or valid is not None):
            _decide_again(opened, view)
    finally:
        opened.close()


def _act(
    opened: Store,
    place: tuple[str, int | None, int | None],
    who: str,
    accept: bool,
    note: str | None,
    amend: tuple[bool | None, bool | None],
    supervised: str | None,
) -> None:
    """What the options say, all of it or nothing."""
    from eccentra.store.notes import annotate, set_supervised

    session, set_index, rep = place
    amends = amend != (None, None)
    if amends and (set_index is None or rep is None):
        raise InputError("review", "an amendment needs --set and --rep")
    if rep is not None and set_index is None:
        raise InputError(f"--rep {rep}", "needs --set")
    if supervised not in (None, "in_person", "remote_live", "none"):
        raise InputError(f"--supervised {supervised}", "expected in_person, remote_live or none")
    now = _now()
    with opened.write() as connection:
        if supervised is not None:
            set_supervised(connection, session, supervised, who=who, at_us=now)  # type: ignore[arg-type]
        if amends:
            annotate(connection, _amendment(place, who, now, amend, note))
        elif note is not None:
            annotate(connection, _note(place, who, now, "note", note))
        if accept:
            annotate(connection, _note((session, set_index, rep), who, now, "accept", ""))


def _note(place: tuple[str, int | None, int | None], who: str, at_us: int, kind: NoteKind, text: str) -> Note:
    from eccentra.store.notes import Note

    session, set_index, rep = place
    return Note(
        session=session, set_index=set_index, rep_index=rep, at_us=at_us, who=who, kind=kind, text=text[:2000]
    )


def _amendment(
    place: tuple[str, int | None, int | None],
    who: str,
    at_us: int,
    amend: tuple[bool | None, bool | None],
    why: str | None,
) -> Note:
    import msgspec

    from eccentra.store.notes import Amendment

    one = Amendment(counted=amend[0], valid=amend[1], why=why)
    return _note(place, who, at_us, "amend", msgspec.json.encode(one).decode())


def _decide_again(opened: Store, view: SessionView) -> None:
    """Decide anew after an amendment, as the hub would."""
    from eccentra.errors import PlanError
    from eccentra.hub.evaluate import evaluate
    from eccentra.store.reading import exercises_of_session

    if view.person is None:
        return
    with opened.write() as connection:
        for exercise in exercises_of_session(connection, view.id):
            try:
                kept = evaluate(connection, view.person, exercise, session=view.id)
            except PlanError as error:
                say(f"{exercise}: not decided again: {error}")
                continue
            if kept is not None:
                say(f"{exercise}: decided again, see plan explain --decision {kept.id[:12]}")


# -- on a terminal ------------------------------------------------------------------------------------------


def _go_through(opened: Store, view: SessionView, who: str) -> None:
    from eccentra.store.notes import annotate

    typer.echo(_head(view))
    typer.echo(_HELP)
    amended = False
    for one in view.sets:
        for line in _set_lines(one):
            typer.echo(line)
        while (typed := _typed(f"set {one.index}> ")) not in ("", "q"):
            try:
                note = _read(typed, (view.id, one.index), who)
                with opened.write() as connection:
                    annotate(connection, note)
            except InputError as error:
                typer.echo(str(error))
                continue
            amended = amended or note.kind == "amend"
            typer.echo("noted")
        if typed == "q":
            break
    if amended:
        _decide_again(opened, view)


def _typed(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        return "q"


def _read(typed: str, place: tuple[str, int], who: str) -> Note:
    """What a line says of a set."""
    verb, _, rest = typed.partition(" ")
    session, set_index = place
    if verb == "a":
        return _note((session, set_index, None), who, _now(), "accept", rest)
    if verb == "n" and rest:
        return _note((session, set_index, None), who, _now(), "note", rest)
    number, _, why = rest.partition(" ")
    if verb in _AMENDS and number.isdigit():
        name, value = _AMENDS[verb]
        amend = (value, None) if name == "counted" else (None, value)
        return _amendment((session, set_index, int(number)), who, _now(), amend, why or None)
    raise InputError(typed[:40], "is not understood; see above, or enter to go on")


def _now() -> int:
    return time.time_ns() // 1000


# -- lines --------------------------------------------------------------------------------------------------


def _lines(view: SessionView, only: int | None) -> Iterator[str]:
    yield _head(view)
    for note in view.notes:
        yield f"  {_noted(note)}"
    for one in view.sets:
        if only is None or one.index == only:
            yield from _set_lines(one)


def _head(view: SessionView) -> str:
    began = "start not known" if view.began_us is None else f"{_clock(view.began_us)} UTC"
    there = {"in_person": "in person", "remote_live": "remote, live", "none": "no", None: "not stated"}
    who = view.person or "nobody named"
    return f"Session {view.id}: {who}, {view.exercise}, {began}, supervised: {there[view.supervised]}"


def _set_lines(one: SetView) -> Iterator[str]:
    tut = _number(one.done.metrics.get("tut_s"), "s")
    reps = f"{one.done.reps_counted} repetitions, {one.done.reps_valid} valid"
    yield f"Set {one.index}: {reps}, {tut} under tension"
    if one.done.flags:
        yield f"  flags: {', '.join(one.done.flags)}"
    for each in one.reps:
        yield f"  {_rep_line(each)}"
    for note in one.notes:
        yield f"  {_noted(note)}"


def _rep_line(one: RepView) -> str:
    if one.rep is None:
        return f"{one.index:>3}  its numbers have not come"
    rep = one.rep
    parts = [f"{name} {_number(rep.metrics[key], unit)}" for name, key, unit in _SHOWN if key in rep.metrics]
    parts += [] if rep.break_point is None else [f"break at {rep.break_point.lean_deg:.0f} degrees"]
    words = "valid" if rep.valid else f"not valid: {', '.join(rep.reasons)}"
    parts.append(words if one.counted else "taken back")
    parts += [f"{fault.id} ({fault.severity})" for fault in rep.faults]
    if rep.flags:
        parts.append(f"flags: {', '.join(rep.flags)}")
    if one.amended is not None:
        parts.append(f"AMENDED: {_amended(one.amended)}")
    return f"{one.index:>3}  {', '.join(parts)}"


_SHOWN: tuple[tuple[str, str, Literal["s", "degrees"]], ...] = (
    ("tension", "tut_s", "s"),
    ("lowering", "eccentric_s", "s"),
    ("range", "rom_deg", "degrees"),
)


def _number(one: Any, unit: str) -> str:
    if one is None or one.value is None:
        return "not known"
    doubt = "" if one.quality == "ok" else " (flagged)"
    return f"{one.value:.1f} {unit}{doubt}"


def _amended(one: Any) -> str:
    words = []
    if one.counted is not None:
        words.append("counts" if one.counted else "does not count")
    if one.valid is not None:
        words.append("valid" if one.valid else "not valid")
    return " and ".join(words) + (f" ({one.why})" if one.why else "")


def _noted(one: Note) -> str:
    import msgspec

    from eccentra.store.notes import Amendment

    where = f" of repetition {one.rep_index}" if one.rep_index is not None else ""
    text = one.text
    if one.kind == "amend":
        text = _amended(msgspec.json.decode(one.text, type=Amendment))
    return f"{one.kind}{where} by {one.who}, {_clock(one.at_us)} UTC" + (f": {text}" if text else "")


def _clock(at_us: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC):%Y-%m-%d %H:%M}"
