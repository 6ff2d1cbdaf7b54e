"""What the hub is asked for, carried out in one transaction each; the answer says what came of it.

A request that comes twice counts once, also by two workers or after a restart: answers, reports and
prescriptions carry the request's id or follow from content.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection

from eccentra.commands import Answer, Asked, Request
from eccentra.errors import PlanError
from eccentra.hub.evaluate import changed_by_hand
from eccentra.hub.locks import lock_people
from eccentra.hub.respond import Response, Verdict, respond
from eccentra.hub.take import FUTURE_US, decide_about
from eccentra.mqtt.hubverbs import (
    Accept,
    Edit,
    Enrol,
    Prescribe,
    Refuse,
    Suggestions,
    Tell,
    Unlock,
)
from eccentra.plan.prescription import parse_prescription
from eccentra.plan.said import Said
from eccentra.store.announcing import plan_changed, set_suggestions
from eccentra.store.database import Store
from eccentra.store.decisions import audit, decision, prescribe
from eccentra.store.people import Person, ProgrammeRun, person, put_person, put_programme, take_report
from eccentra.store.questions import close_questions
from eccentra.store.reading import session_person

__all__ = ["carry_out"]


class _Refused(Exception):  # noqa: N818 - it never leaves this file
    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


def carry_out(store: Store, request: Request, *, now_us: int, therapists: Collection[str]) -> Answer:
    """Carry a request out.

    Parameters
    ----------
    now_us
        The clock, µs since 1970.
    therapists
        Who may act as one.

    Raises
    ------
    sqlalchemy.exc.DBAPIError
        The database cannot be used now: nothing was changed.
    """
    do = request.do
    try:
        with store.write() as connection:
            if isinstance(do, Accept | Edit | Refuse | Unlock):
                return _answer(connection, request, do, now_us, therapists)
            message = _carry_out(connection, request, do, now_us, therapists)
    except _Refused as error:
        return _refused(request, error.reason, str(error))
    except PlanError as error:
        return _refused(request, "bad_prescription", str(error))
    return Answer(request=request.id, status="done", reason="done", message=message)


def _refused(request: Request, reason: str, message: str) -> Answer:
    return Answer(request=request.id, status="refused", reason=reason, message=message)


def _carry_out(
    connection: Connection, request: Request, do: Asked, now_us: int, therapists: Collection[str]
) -> str:
    if isinstance(do, Tell):
        return _tell(connection, request.id, do, now_us)
    if isinstance(do, Enrol):
        _check_therapist(do.who, therapists)
        return _enrol(connection, do, now_us)
    if isinstance(do, Prescribe):
        _check_therapist(do.who, therapists)
        return _prescribe(connection, do, now_us)
    if isinstance(do, Suggestions):
        _check_therapist(do.who, therapists)
        set_suggestions(connection, do.on, who=do.who, at_us=now_us)
        audit(connection, now_us, do.who, "suggestions", "on" if do.on else "off")
        return "proposals are published" if do.on else "proposals are not published any more"
    raise AssertionError(f"no such verb: {type(do).__name__}")


def _check_therapist(who: str, therapists: Collection[str]) -> None:
    if who not in therapists:
        raise _Refused(
            "not_allowed", f"{who} is no therapist of this hub; those who are, are named when it is started"
        )


def _answer(
    connection: Connection,
    request: Request,
    do: Accept | Edit | Refuse | Unlock,
    now_us: int,
    therapists: Collection[str],
) -> Answer:
    if do.role == "therapist":
        _check_therapist(do.who, therapists)
    kept = decision(connection, do.decision)
    if kept is not None:
        lock_people(connection, [kept.person])
    said = respond(
        connection,
        request.id,
        do.decision,
        _VERDICTS[type(do)],
        who=do.who,
        role=do.role,
        at_us=now_us,
        edited=do.prescription if isinstance(do, Edit) else None,
        why=do.reason,
    )
    return Answer(request=request.id, status=said.status, reason=said.reason, message=_words(said))


_VERDICTS: dict[type[Asked], Verdict] = {Accept: "accept", Edit: "edit", Refuse: "refuse", Unlock: "unlock"}


def _words(said: Response) -> str:
    if said.prescription is None:
        return said.message
    return f"{said.message}; {said.prescription.exercise} is prescribed anew"


def _tell(connection: Connection, request: str, do: Tell, now_us: int) -> str:
    lock_people(connection, [do.athlete])
    owner = None if do.session is None else session_person(connection, do.session)
    if owner is not None and owner != do.athlete:
        raise _Refused("wrong_session", f"session {do.session} is not of {do.athlete}; leave `session` out")
    said = Said(**{name: getattr(do, name) for name in Said.__struct_fields__})
    new = take_report(
        connection,
        request,
        do.athlete,
        said,
        kind=do.kind,
        at_us=now_us,
        session=do.session,
        exercise=do.exercise,
    )
    if not new:
        return "this was noted before"
    if person(connection, do.athlete) is None:
        return f"noted; {do.athlete} is not enrolled yet"
    close_questions(connection, now_us, do.athlete)
    decide_about(connection, do.athlete, until_us=now_us + FUTURE_US)
    if said.red_flag is not None:
        return "noted: stop and contact your clinician"
    return "noted"


def _enrol(connection: Connection, do: Enrol, now_us: int) -> str:
    lock_people(connection, [do.athlete])
    before = person(connection, do.athlete)
    details = {} if before is None else dict(before.details)
    for key in ("plate_step_kg", "time_zone", "morning", "goals"):
        if getattr(do, key) is not None:
            details[key] = getattr(do, key)
    one = Person(
        id=do.athlete,
        mode=do.mode,
        profile=do.profile,
        stage=do.stage,
        since=do.since,
        body_mass_kg=do.body_mass_kg if do.body_mass_kg or before is None else before.body_mass_kg,
        details=details,
    )
    put_person(connection, one)
    if do.programme is not None:
        _follow(connection, do)
    audit(connection, now_us, do.who, "enrol", do.athlete)
    plan_changed(connection, do.athlete)
    decide_about(connection, do.athlete, until_us=now_us + FUTURE_US)
    return f"{do.athlete} is enrolled" if before is None else f"{do.athlete} is changed"


def _follow(connection: Connection, do: Enrol) -> None:
    given = do.programme
    assert given is not None
    if given.template is not None:
        from eccentra.plan.programmes import load_programme

        load_programme(given.template)
    run = ProgrammeRun(person=do.athlete, **msgspec.structs.asdict(given))
    put_programme(connection, run)


def _prescribe(connection: Connection, do: Prescribe, now_us: int) -> str:
    lock_people(connection, [do.athlete])
    if person(connection, do.athlete) is None:
        raise _Refused("unknown_athlete", f"{do.athlete} is not enrolled; send `enrol` first")
    whole = parse_prescription({"author": do.who, "approved_by": do.who, **do.prescription}, "prescribe")
    step = changed_by_hand(connection, do.athlete, whole)
    prescribe(connection, do.athlete, whole, at_us=now_us, who=do.who, replaces=do.replaces, step=step)
    decide_about(connection, do.athlete, until_us=now_us + FUTURE_US)
    return f"{whole.exercise} is prescribed"
