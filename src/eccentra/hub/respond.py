"""What people answer to a decision: a therapist in a clinic, the athlete alone for prevention.

Nothing is prescribed before somebody accepted it. An edit is a whole prescription, checked as any other.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from eccentra.errors import PlanError
from eccentra.hub.evaluate import changed_by_hand
from eccentra.plan.accept import accepted, level_change
from eccentra.plan.prescription import Prescription, parse_prescription
from eccentra.store.decisions import Answered, InForce, Kept, answer, decision, in_force, prescribe
from eccentra.store.people import person

__all__ = ["Response", "Verdict", "respond"]

Verdict = Literal["accept", "edit", "refuse", "unlock"]
Role = Literal["therapist", "athlete"]


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an answer.

    Attributes
    ----------
    status, reason, message
        As the answers to commands: ``done``, or refused with a stable reason and words.
    prescription
        What is in force now, when that changed.
    """

    status: Literal["done", "refused"]
    reason: str
    message: str
    decision: Kept | None = None
    prescription: InForce | None = None


def respond(
    connection: Connection,
    request: str,
    name: str,
    verdict: Verdict,
    *,
    who: str,
    role: Role,
    at_us: int,
    edited: dict[str, Any] | None = None,
    why: str | None = None,
) -> Response:
    """Take an answer to the decision ``name``; the same request counts once."""
    kept = decision(connection, name)
    if kept is None:
        return _refused("unknown_decision", f"no decision {name[:64]!r}; ask for the open ones")
    output = msgspec.json.decode(kept.output)
    problem = _may(connection, kept, output, verdict, role, who)
    if problem is not None:
        return _refused(*problem, kept)
    change: Prescription | None = None
    if verdict in ("accept", "edit"):
        try:
            change = _wanted(connection, kept, output, verdict, edited, who)
        except PlanError as error:
            return _refused("bad_prescription", str(error), kept)
    taken = answer(
        connection, request, name, verdict, who=who, role=role, at_us=at_us, body=edited, reason=why
    )
    if taken.result != "done":
        return _not_taken(taken, kept)
    now = None
    if change is not None:
        held = in_force(connection, kept.person, kept.exercise)
        step = 0 if held is None else level_change(output, held.level)
        if verdict == "edit" and step == 0:
            step = changed_by_hand(connection, kept.person, change)
        now = prescribe(
            connection,
            kept.person,
            change,
            at_us=at_us,
            who=who,
            replaces=kept.exercise,
            decision=name,
            step=step,
        )
    return Response(
        status="done", reason="done", message=f"{verdict} noted", decision=taken.decision, prescription=now
    )


def _refused(reason: str, message: str, kept: Kept | None = None) -> Response:
    return Response(status="refused", reason=reason, message=message, decision=kept)


def _not_taken(taken: Answered, kept: Kept) -> Response:
    if taken.result == "again":
        return Response(
            status="done", reason="again", message="this request was carried out before", decision=kept
        )
    return _refused("not_open", f"the decision is {kept.status}: a newer one may be open", kept)


def _may(
    connection: Connection, kept: Kept, output: dict[str, Any], verdict: Verdict, role: Role, who: str
) -> tuple[str, str] | None:
    """Why this person may not give this answer; ``None`` when they may."""
    if verdict == "unlock":
        if role != "therapist":
            return "not_allowed", "only a therapist unlocks a plan"
        return None if output["locked"] else ("not_locked", "the plan is not locked: accept, edit or refuse")
    if output["locked"]:
        return "locked", "the plan is locked: stop and contact your clinician; a therapist unlocks it"
    if role == "therapist":
        return None
    one = person(connection, kept.person)
    if one is None or one.mode != "prevention":
        return "not_allowed", "in a clinic a therapist answers"
    if who != one.id:
        return "not_allowed", "athletes answer for themselves only"
    if verdict == "edit":
        return "not_allowed", "a change of the prescription needs a therapist"
    if output["needs_approval"] and verdict == "accept":
        return "needs_approval", "this step needs a therapist's approval"
    return None


def _wanted(
    connection: Connection,
    kept: Kept,
    output: dict[str, Any],
    verdict: Verdict,
    edited: dict[str, Any] | None,
    who: str,
) -> Prescription | None:
    """The prescription that follows; ``None`` when nothing changes.

    Raises
    ------
    PlanError
        When it is not whole, or cannot be.
    """
    if verdict == "edit":
        if edited is None:
            raise PlanError("edit", "expected a whole prescription")
        return parse_prescription({"approved_by": who, "author": who, **edited}, "edit")
    held = in_force(connection, kept.person, kept.exercise)
    if held is None:
        raise PlanError("accept", "nothing is prescribed: edit it with a whole prescription")
    return accepted(output, held.prescription, approved_by=who)
