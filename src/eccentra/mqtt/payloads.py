"""Payloads of MQTT messages: flat JSON, its unit in the key, ``null`` for what is unknown.

``schema`` and ``time`` are in each of them, and quality stands beside what it judges. Additions keep the
version, a change of meaning makes a new one.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from eccentra.plan.prescription import Prescription
from eccentra.stages.live import LiveState

__all__ = [
    "PLAN_PROPOSED",
    "VERSION",
    "Live",
    "NodeInfo",
    "PlanItem",
    "PlanProposed",
    "PlanState",
    "Reply",
    "SensorHealth",
    "StationState",
    "live_message",
]

VERSION = "1"
PLAN_PROPOSED: Final = "plan.proposed"

Quality = Literal["ok", "flagged"]


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the node is. ``started`` tells a restart apart: a late last will is older than a new start.

    Attributes
    ----------
    capabilities
        ``events``, ``state``, ``live``; ``commands`` when they are taken, ``outbox`` when events survive the
        process; ``plan`` for a hub.
    outbox_depth, outbox_age_s
        Events that wait for the broker's acknowledgement, and the age of the oldest, as far as is known at
        ``time``; ``null`` without an outbox on disk.
    outbox_missing
        Sessions some of whose events still have to be fetched from their files.
    commands_accepted, commands_repeated, commands_refused
        Since ``started``; the refused ones also by reason.
    counts
        What a hub counted since then: events new, known, refused, from the future, decisions ...
    """

    schema: str = f"eccentra.info/{VERSION}"
    time: str | None
    started: str
    software: str
    contract: str = VERSION
    stations: tuple[str, ...]
    capabilities: tuple[str, ...]
    outbox_depth: int | None = None
    outbox_age_s: float | None = None
    outbox_missing: int = 0
    commands_accepted: int = 0
    commands_repeated: int = 0
    commands_refused: int = 0
    commands_refused_by_reason: dict[str, int] = {}
    counts: dict[str, int] = {}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command.

    ``reason`` is ``done``, ``again`` (carried out before: what follows is that answer) or why not;
    ``message`` says it in words, with the next step; ``events`` are the ids of events that came from it.
    ``request_id`` is ``null`` when the command had no valid one.
    """

    schema: str = f"eccentra.reply/{VERSION}"
    time: str
    request_id: str | None
    status: Literal["done", "refused", "failed"]
    reason: str
    message: str
    events: tuple[str, ...] = ()


class SensorHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How well a sensor is heard; all optional but the quality."""

    schema: str = f"eccentra.health/{VERSION}"
    time: str | None = None
    rate_hz: float | None = None
    loss_pct: float | None = None
    rssi_dbm: float | None = None
    battery_pct: float | None = None
    clock_residual_ms: float | None = None
    quality: Quality = "ok"
    flags: tuple[str, ...] = ()


class StationState(msgspec.Struct, frozen=True, kw_only=True):
    """What a station does now.

    ``set_reps`` is the live count of the open or last set, ``session_reps`` the confirmed repetitions of the
    session (a correction may take one back), ``phase`` is ``null`` outside a session.
    """

    schema: str = f"eccentra.state/{VERSION}"
    time: str | None
    session: str | None
    exercise: str | None
    active: bool
    set_index: int
    set_open: bool
    set_reps: int
    session_sets: int
    session_reps: int
    phase: str | None
    quality: Quality
    flags: tuple[str, ...] = ()
    sensors_lost: tuple[str, ...] = ()


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """Values between events; ``angle_deg`` is the angle that the exercise tracks."""

    schema: str = f"eccentra.live/{VERSION}"
    time: str | None
    t_us: int
    session: str | None
    phase: str
    set_index: int
    set_reps: int
    session_reps: int
    angle_deg: float | None
    tut_s: float | None
    force_left_n: float | None
    force_right_n: float | None
    quality: Quality
    flags: tuple[str, ...]


class PlanProposed(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about the next session that waits for an answer.

    Attributes
    ----------
    decision
        Its id: name it in ``accept``, ``edit``, ``refuse`` or ``unlock``.
    session
        The session after which it was made.
    supersedes
        The open decision in whose place it comes.
    document
        ``eccentra.decision/1``: row, action, next prescription, reason, what would change it.
    """

    event_type: Literal["plan.proposed"] = PLAN_PROPOSED
    decision: str
    athlete: str
    exercise: str
    session: str | None
    supersedes: str | None
    document: dict[str, Any]


class PlanItem(msgspec.Struct, frozen=True, kw_only=True):
    """One exercise of a plan.

    Attributes
    ----------
    level
        Steps of the plan so far.
    since
        From when it holds.
    decision, reason
        Where it came from, and why in words; ``null`` when a person prescribed it without one.
    """

    exercise: str
    level: int
    since: str
    decision: str | None
    reason: str | None
    prescription: Prescription


class PlanState(msgspec.Struct, frozen=True, kw_only=True):
    """What is prescribed to a person.

    Attributes
    ----------
    time
        Of the newest change; ``null`` while nothing is prescribed.
    locked, message
        A locked plan is not trained: the message says what to do.
    """

    schema: str = f"eccentra.plan/{VERSION}"
    time: str | None
    athlete: str
    locked: bool
    message: str | None
    items: tuple[PlanItem, ...]


def live_message(state: LiveState, *, session: str | None, time: str | None) -> Live:
    """Live payload of a snapshot of the exercise."""
    return Live(
        time=time,
        t_us=state.t_us,
        session=session,
        phase=state.phase,
        set_index=state.set_index,
        set_reps=state.reps,
        session_reps=state.session_reps,
        angle_deg=state.angle_deg,
        tut_s=state.tut_s,
        force_left_n=state.force_left_n,
        force_right_n=state.force_right_n,
        quality="flagged" if state.flags else "ok",
        flags=state.flags,
    )
