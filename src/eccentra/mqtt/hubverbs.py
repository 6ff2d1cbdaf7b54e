"""What a hub can be asked to do, over MQTT: ``hub/cmd/{verb}``. Pure.

Who asks is named in the command and written into the book; who may publish there at all is the business of
the broker's access rules. Ranges and sizes are checked here; a prescription is checked whole by the hub.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec

from eccentra.commands import Asked, Id
from eccentra.plan.daily import TimeOfDay
from eccentra.plan.morning import time_zone
from eccentra.plan.said import Said, SaidWhen
from eccentra.plan.thresholds import Profile

__all__ = [
    "HUB_VERBS",
    "Accept",
    "Edit",
    "Enrol",
    "FollowedProgramme",
    "Prescribe",
    "Refuse",
    "Suggestions",
    "Tell",
    "Unlock",
]

Why = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Role = Literal["therapist", "athlete"]


class _Answering(Asked, frozen=True, kw_only=True):
    """An answer to a decision: by whom, as what."""

    decision: Id
    who: Id
    role: Role = "therapist"
    reason: Why | None = None


class Accept(_Answering, frozen=True, kw_only=True, tag="accept"):
    """Take what was proposed: it is prescribed from now on."""


class Edit(_Answering, frozen=True, kw_only=True, tag="edit"):
    """Prescribe something else instead: a whole prescription."""

    prescription: dict[str, Any]


class Refuse(_Answering, frozen=True, kw_only=True, tag="refuse"):
    """Leave the prescription as it is."""


class Unlock(_Answering, frozen=True, kw_only=True, tag="unlock"):
    """Open a locked plan again, after the person was looked at."""


class Tell(Said, Asked, frozen=True, kw_only=True, tag="report"):
    """What a person says: pain, soreness, effort, confidence, painkiller, red flag, scores, a note.

    ``kind`` says when: pain before, the worst during, after, or the next morning.
    """

    athlete: Id
    kind: SaidWhen = "session"
    session: Id | None = None
    exercise: Id | None = None


class Prescribe(Asked, frozen=True, kw_only=True, tag="prescribe"):
    """Put a whole prescription in force; ``replaces`` names the exercise whose prescription ends."""

    athlete: Id
    who: Id
    prescription: dict[str, Any]
    replaces: Id | None = None


class FollowedProgramme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A programme from a day on: a published one (``template``) or a free one."""

    id: Id
    started: dt.date
    weeks: Annotated[int, msgspec.Meta(ge=1, le=520)]
    template: Id | None = None


_Goal = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class Enrol(Asked, frozen=True, kw_only=True, tag="enrol"):
    """Make a person known, or change what is known; a pseudonym, never a name.

    Attributes
    ----------
    time_zone, morning
        Where the person is, such as ``Europe/Oslo``, and when they want to be asked, such as ``06:30``; the
        hub's own when they were never said.
    goals
        What the person wants to reach, in their own words; no rule reads them.
    """

    athlete: Id
    who: Id
    mode: Literal["clinic", "prevention"]
    profile: Profile
    stage: Annotated[int, msgspec.Meta(ge=1, le=4)]
    since: dt.date
    body_mass_kg: Annotated[float, msgspec.Meta(ge=20.0, le=300.0)] | None = None
    plate_step_kg: Annotated[float, msgspec.Meta(gt=0.0, le=100.0)] | None = None
    programme: FollowedProgramme | None = None
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    morning: TimeOfDay | None = None
    goals: Annotated[tuple[_Goal, ...], msgspec.Meta(min_length=1, max_length=10)] | None = None

    def __post_init__(self) -> None:
        time_zone(self.time_zone)


class Suggestions(Asked, frozen=True, kw_only=True, tag="suggestions"):
    """Publish proposals for people in a clinic, or stop it; a therapist answers for it."""

    on: bool
    who: Id


HUB_VERBS: dict[str, type[Asked]] = {
    str(verb.__struct_config__.tag): verb
    for verb in (Accept, Edit, Refuse, Unlock, Tell, Prescribe, Enrol, Suggestions)
}
"""Every verb's struct by its name."""
