"""Simulated weeks through the real machinery: events into the database, decisions and answers out of it.

Whatever :mod:`~eccentra.simulate.following` does without a database happens here once more with it, by the
code that real people's results go through; both must decide the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection

from eccentra import __version__
from eccentra.events import (
    Event,
    Numbered,
    RepCompleted,
    SensorConnected,
    SensorGap,
    SessionEnded,
    SessionStarted,
    SetCompleted,
)
from eccentra.hub.evaluate import evaluate
from eccentra.hub.respond import Response, respond
from eccentra.mqtt.contract import event_message
from eccentra.plan.done import Report, SessionDone
from eccentra.simulate.following import FIRST_DAY, Turn, turns
from eccentra.simulate.patients import Patient
from eccentra.store.database import Store
from eccentra.store.decisions import Kept, prescribe
from eccentra.store.people import Person, ProgrammeRun, Said, put_person, put_programme, take_report
from eccentra.store.taking import Incoming, read_event, take_events

__all__ = ["Rehearsed", "rehearse"]

_SENSOR = "simulated"


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """A turn, the decision that the database kept, and what came of the answer."""

    turn: Turn
    kept: Kept
    response: Response | None


def rehearse(store: Store, one: Patient, weeks: int) -> Iterator[Rehearsed]:
    """A simulated person's weeks through a database, decision by decision."""
    with store.write() as connection:
        _begin(connection, one)
    for turn in turns(one, weeks=weeks):
        with store.write() as connection:
            _take(connection, one, turn)
            kept = evaluate(
                connection, one.id, turn.before.prescription.exercise, now_us=turn.at_us, session=turn.session
            )
            if kept is None:  # kept before: a database that knows this person already
                continue
            response = None
            if turn.answer is not None and turn.answered_us is not None:
                response = respond(
                    connection,
                    f"{kept.id}:{turn.answer}",
                    kept.id,
                    turn.answer,
                    who=turn.who,
                    role="athlete" if turn.who == one.id else "therapist",
                    at_us=turn.answered_us,
                )
        yield Rehearsed(turn=turn, kept=kept, response=response)


def _begin(connection: Connection, one: Patient) -> None:
    follows, first = one.follows, one.first_prescription()
    put_person(
        connection,
        Person(id=one.id, mode=one.mode, profile=follows.profile, stage=follows.stage, since=FIRST_DAY),
    )
    run = ProgrammeRun(
        id=f"{one.id}-run", person=one.id, started=FIRST_DAY, weeks=first.weeks, template=one.template
    )
    put_programme(connection, run)
    midnight = dt.datetime.combine(FIRST_DAY, dt.time(), dt.UTC)
    prescribe(connection, one.id, first, at_us=round(midnight.timestamp() * 1e6), who="therapist")


def _take(connection: Connection, one: Patient, turn: Turn) -> None:
    for done in turn.done:
        take_events(connection, _incoming(one, done))
    for said in turn.said:
        take_report(
            connection,
            f"{one.id}-{said.at_us}-{said.kind}",
            one.id,
            _words(said),
            kind=said.kind,
            at_us=said.at_us,
            session=said.session,
            exercise=said.exercise,
        )


def _words(said: Report) -> Said:
    return Said(
        pain=said.pain,
        soreness=said.soreness,
        rpe=said.rpe,
        analgesic=said.analgesic,
        red_flag=said.red_flag,
    )


def _incoming(one: Patient, done: SessionDone) -> list[Incoming]:
    """A session's events as they come over MQTT; times run from its begin to its end."""
    events = [*_events(one, done)]
    out = []
    for seq, event in enumerate(events, 1):
        share = (seq - 1) / (len(events) - 1)
        at = dt.datetime.fromtimestamp(
            (done.began_us + share * (done.ended_us - done.began_us)) / 1e6, dt.UTC
        )
        time = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        numbered = Numbered(session=done.id, seq=seq, time=time, event=event)
        out.append(read_event(event_message(numbered, "/eccentra/simulated/weeks")[1]))
    return out


def _events(one: Patient, done: SessionDone) -> Iterator[Event]:
    yield SessionStarted(
        t_us=0, exercise=done.exercise, sensors={_SENSOR: "thigh"}, software=__version__, athlete=one.id
    )
    yield SensorConnected(t_us=0, sensor=_SENSOR)
    last = 0
    for set_index, metrics in enumerate(done.sets, 1):
        own = [rep for rep in done.reps if rep.set_index == set_index]
        yield from (RepCompleted(t_us=rep.end_us, rep=rep) for rep in own)
        start, last = own[0].start_us, own[-1].end_us
        if done.lost_share > 0.0:
            lost = round(done.lost_share * (last - start))
            yield SensorGap(t_us=last, sensor=_SENSOR, start_us=start, end_us=start + lost)
        yield SetCompleted(
            t_us=last,
            set_index=set_index,
            start_us=start,
            end_us=last,
            decided_us=last,
            reps_counted=len(own),
            reps_valid=sum(rep.valid for rep in own),
            metrics=metrics,
            flags=done.flags,
        )
    yield SessionEnded(t_us=last, why="stop", sets=len(done.sets), reps=len(done.reps))
