"""What a station can be asked to do, the same over MQTT and at the keyboard. Pure.

A request has an id: the same id is never carried out twice, and its answer can be asked for again by sending
it again. Everything in a request is untrusted: sizes, characters and ranges are checked here, once.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from eccentra.datafolder import explain_invalid
from eccentra.errors import EccentraError, InputError
from eccentra.ids import RedFlag, SaidWhen

__all__ = [
    "VERBS",
    "Answer",
    "Asked",
    "CommandError",
    "Request",
    "Scores",
    "Verb",
    "parse_arguments",
    "parse_line",
]

# "$" alone would let a line break at the end pass
Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_-]{1,64}(?!\n)$")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Scale = Annotated[float, msgspec.Meta(ge=0, le=10)]
# names of subscales, never texts of items
_ScoreName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_. -]{1,40}(?!\n)$")]
_ScoreValue = Annotated[float, msgspec.Meta(ge=-1000.0, le=1000.0)]
Scores = Annotated[dict[_ScoreName, _ScoreValue], msgspec.Meta(min_length=1, max_length=30)]
"""Scores of a questionnaire by subscale."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="verb"):
    """Base: what is asked for."""


class Start(Asked, frozen=True, kw_only=True, tag="start"):
    """Begin a session; what is absent is as it was set before."""

    athlete: Id | None = None
    exercise: Id | None = None
    load: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    body_mass_kg: Annotated[float, msgspec.Meta(ge=20, le=300)] | None = None


class Stop(Asked, frozen=True, kw_only=True, tag="stop"):
    """End the session."""


class Set(Asked, frozen=True, kw_only=True, tag="set"):
    """Set athlete and exercise. Another athlete ends the running session: a session is of one person."""

    athlete: Id | None = None
    exercise: Id | None = None

    def __post_init__(self) -> None:
        if self.athlete is None and self.exercise is None:
            raise ValueError("set takes athlete, exercise or both")


class Tare(Asked, frozen=True, kw_only=True, tag="tare"):
    """Set the zero of one force sensor, or of all."""

    sensor: Id | None = None


class Calibrate(Asked, frozen=True, kw_only=True, tag="calibrate"):
    """Forget zero pose and axis and find them anew; an open set is closed.

    With ``what`` ``sides``: ask for a pull with the left leg, and check which strap answers. With ``times``:
    ask for blows that all sensors feel, and bring their clocks together by them.
    """

    what: Literal["pose", "sides", "times"] = "pose"


class Mark(Asked, frozen=True, kw_only=True, tag="mark"):
    """Mark this moment."""

    text: Text = "mark"


class Undo(Asked, frozen=True, kw_only=True, tag="undo"):
    """Take the last counted repetition back."""


class Report(Asked, frozen=True, kw_only=True, tag="report"):
    """What the person says: pain, effort (RPE, or RIR: repetitions left), soreness, confidence, each 0 to 10.

    Also whether a painkiller was taken within 24 h (``analgesic``), whether a warm-up came first, a red flag,
    scores of a questionnaire (``prom``), a note. ``when`` says of which time: before, the worst during, after
    or the next morning; ``session`` is the session as a whole.
    """

    when: SaidWhen = "session"
    pain: Scale | None = None
    rpe: Scale | None = None
    rir: Scale | None = None
    soreness: Scale | None = None
    confidence: Scale | None = None
    analgesic: bool | None = None
    warm_up: bool | None = None
    note: Text | None = None
    prom: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | None = None
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | None = None
    scores: Scores | None = None
    set_index: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    red_flag: RedFlag | None = None

    def __post_init__(self) -> None:
        about = ("when", "set_index", "version")
        if all(getattr(self, name) is None for name in Report.__struct_fields__ if name not in about):
            raise ValueError("report takes pain, rpe, rir, soreness, analgesic, red_flag, prom or note")
        if (self.prom is None) != (self.scores is None):
            raise ValueError("prom and scores go together")


class Resend(Asked, frozen=True, kw_only=True, tag="resend"):
    """Send the events of a recorded session again, from one number on."""

    session: Id
    from_seq: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 1


Verb = Start | Stop | Set | Tare | Calibrate | Mark | Undo | Report | Resend

VERBS: dict[str, type[Asked]] = {
    str(verb.__struct_config__.tag): verb
    for verb in (Start, Stop, Set, Tare, Calibrate, Mark, Undo, Report, Resend)
}
"""Every verb's struct by its name."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A command that may be carried out.

    Attributes
    ----------
    id
        Chosen by who asks; unique for a station.
    do
        What is asked for.
    reply_to
        Topic of the answer; ``None`` when it goes back another way.
    """

    id: str
    do: Asked
    reply_to: str | None = None

    @property
    def verb(self) -> str:
        """Name of what is asked for."""
        return str(type(self.do).__struct_config__.tag)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request.

    Attributes
    ----------
    reason
        Stable id: ``done``, ``again`` (the same request was carried out before), or why not.
    message
        The same in words, with the next step when it was refused.
    events
        Ids of the events that came from it.
    """

    request: str | None
    status: Literal["done", "refused", "failed"]
    reason: str
    message: str
    events: tuple[str, ...] = ()


class CommandError(EccentraError):
    """A command cannot be carried out; nothing was changed.

    Parameters
    ----------
    reason
        Stable id such as ``unknown_verb``, ``retained``, ``late``, ``bad_payload``, ``no_session``.
    message
        What was found and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


def parse_arguments(verb: str, arguments: dict[str, Any], verbs: Mapping[str, type[Asked]] = VERBS) -> Asked:
    """Check the arguments of a verb; ``verbs`` are those that can be asked for.

    Raises
    ------
    CommandError
        ``unknown_verb`` or ``bad_arguments``; the message names the key, what was found and what is allowed.
    """
    wanted = verbs.get(verb)
    if wanted is None:
        raise CommandError("unknown_verb", f"{verb[:40]!r} is no command; known are {', '.join(verbs)}")
    try:
        made: Asked = msgspec.convert({**arguments, "verb": verb}, wanted)
    except msgspec.ValidationError as error:
        problem, where = explain_invalid(error, arguments, wanted)
        raise CommandError("bad_arguments", f"{verb}: {where + ': ' if where else ''}{problem}") from None
    except InputError as error:
        raise CommandError("bad_arguments", f"{verb}: {error}") from None
    return made


# What may be typed without naming it: "mark left knee", "tare strap-left".
_BARE = {"mark": "text", "tare": "sensor", "calibrate": "what", "start": "exercise", "resend": "session"}
_NUMBERS = {"pain", "rpe", "rir", "soreness", "confidence", "set_index", "from_seq", "body_mass_kg"}
_WORDS = {"yes": True, "true": True, "no": False, "false": False}
_YES_OR_NO = {"analgesic", "warm_up"}


def parse_line(line: str) -> Asked:
    """Read a typed command such as ``report when=before pain=3 analgesic=no note="stiff at first"``.

    Raises
    ------
    CommandError
        As :func:`parse_arguments`; or ``bad_line``.
    """
    try:
        verb, *words = shlex.split(line)
    except ValueError:
        raise CommandError("bad_line", f"type a command: {', '.join(VERBS)}") from None
    arguments: dict[str, Any] = {}
    bare: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key.isidentifier():
            arguments[key] = _value(key, value)
        else:
            bare.append(word)
    if bare:
        key = _BARE.get(verb, "")
        if not key and verb in VERBS:
            raise CommandError("bad_line", f"{verb}: write what you mean as name=value, not {bare[0]!r}")
        arguments.setdefault(key or "text", " ".join(bare))
    return parse_arguments(verb, arguments)


def _value(key: str, text: str) -> Any:
    """What was typed for a key; what is no such value is refused later, with its key."""
    if key in _NUMBERS:
        return _number(text)
    if key in _YES_OR_NO:
        return _WORDS.get(text.lower(), text)
    if key == "scores":
        parts = [part.partition(":") for part in text.split(",")]
        return {name: _number(value) for name, _, value in parts}
    return text


def _number(text: str) -> float | int | str:
    """The number that was typed; text that is none is refused later, with its key."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
