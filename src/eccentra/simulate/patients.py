"""Simulated people over weeks, at the level of sessions: what a body does with what is prescribed.

No packets: a day gives a :class:`~eccentra.plan.assess.SessionDone` and what the person says, drawn from the
seed and from the prescription in force. A body adapts to what it does, tires, gets sore from what it is not
used to, and hurts when asked for more than it can; a kind of person departs from that in one way. These are
simulated mechanics with numbers by judgement, made to try rules on, not evidence about people.
"""

from __future__ import annotations

import functools
import math
import random
from typing import Any, Literal, get_args

import msgspec

from eccentra.ids import Flag
from eccentra.plan.done import Report, SessionDone
from eccentra.plan.prescription import Prescription
from eccentra.plan.starting import programme_prescription
from eccentra.plan.thresholds import Profile
from eccentra.repetition import Metric, Repetition

__all__ = ["KINDS", "PROGRAMMES", "Day", "Kind", "Patient", "PatientBody", "patient"]

Kind = Literal[
    "responder", "non_responder", "stable", "flare", "missed_weeks", "over_eager", "under_dosed",
    "asymmetric", "sensor_trouble", "painkillers", "silent", "red_flag",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
# Share of a side difference that is left after a session with work for the weaker side.
_SIDE_WORK = 0.97
_MORNING_H, _BEGIN_H, _MINUTES = 8.0, 17.0, 30
# Weekdays of 1 to 7 sessions a week.
_WEEKDAYS = ((0,), (0, 3), (0, 2, 4), (0, 2, 4, 6), (0, 1, 3, 4, 6), (0, 1, 2, 3, 4, 5), tuple(range(7)))


class _Programme(msgspec.Struct, frozen=True):
    """Something to follow: where the first prescription comes from, and for whom it is."""

    template: str
    exercise: str
    load: tuple[str, Any]
    profile: Profile
    stage: int
    free: bool = False


PROGRAMMES: dict[str, _Programme] = {
    "mjolsnes": _Programme("mjolsnes-2004", "nordic-curl", ("added_pct_bm", 0.0), "prevention", 4),
    "presland": _Programme("presland-low-2018", "nordic-curl", ("added_pct_bm", 0.0), "prevention", 4),
    "assisted": _Programme(
        "assisted-8-weeks", "nordic-curl-assisted", ("assistance_pct_bm", 40.0), "prevention", 3
    ),
    "heavy-slow": _Programme("hsr-12-weeks", "leg-curl", ("load_rm", 15), "tendinopathy", 3),
    "tendinopathy": _Programme("tendinopathy-stages", "bridge-hold", ("load_kg", 0.0), "tendinopathy", 1),
    "diver": _Programme("askling-l", "askling-diver", ("load_kg", 0.0), "acute_strain", 2),
    "free-leg-curl": _Programme("hsr-12-weeks", "leg-curl", ("load_kg", 30.0), "tendinopathy", 3, free=True),
    "free-assisted": _Programme(
        "assisted-8-weeks", "nordic-curl-assisted", ("assistance_pct_bm", 40.0), "acute_strain", 3, free=True
    ),
}
"""What simulated people can follow, by a short name."""


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated person: who, following what, with which body and habits.

    Attributes
    ----------
    gain
        Strength won by one session, as a share of what is still missing to ``most_strength``.
    usual_pain
        Pain on an ordinary day, 0 to 10.
    flares
        Days on which pain flares up, and by how much.
    away
        First and last day of each absence.
    reps_share
        Repetitions done by prescribed.
    skips
        Share of planned sessions that are left out.
    rests
        Whether the days between sessions are kept free; over-eager people train on every second of them.
    asymmetry_pct
        Right above left, on the first day.
    bad_data
        Share of sessions with lost packets or without calibration.
    painkiller, silent
        Share of sessions with a painkiller; share of questions left unanswered.
    red_flags
        Day and code.
    """

    id: str
    kind: Kind
    seed: int
    programme: str
    mode: Literal["clinic", "prevention"]
    gain: float = 0.03
    most_strength: float = 1.6
    usual_pain: float = 0.0
    flares: tuple[tuple[int, float], ...] = ()
    away: tuple[tuple[int, int], ...] = ()
    reps_share: float = 1.0
    skips: float = 0.0
    rests: bool = True
    asymmetry_pct: float = 3.0
    bad_data: float = 0.0
    painkiller: float = 0.0
    silent: float = 0.0
    red_flags: tuple[tuple[int, str], ...] = ()

    @property
    def follows(self) -> _Programme:
        """What is followed."""
        return PROGRAMMES[self.programme]

    @property
    def template(self) -> str | None:
        """Id of the published programme, ``None`` when training freely."""
        return None if self.follows.free else self.follows.template

    def first_prescription(self) -> Prescription:
        """What is prescribed on the first day."""
        return _first_prescription(self.programme)


@functools.cache
def _first_prescription(programme: str) -> Prescription:
    one = PROGRAMMES[programme]
    return programme_prescription(
        one.template,
        one.exercise,
        1,
        dict((one.load,)),
        author="therapist",
        approved_by="therapist",
        stage=one.stage,
        profile=one.profile,
    )


def patient(kind: Kind, seed: int, programme: str | None = None) -> Patient:
    """A person of a kind.

    Parameters
    ----------
    seed
        Another number, another person.
    programme
        A key of :data:`PROGRAMMES`; drawn when not given.
    """
    draw = random.Random(f"{kind} {seed}")
    chosen = programme or draw.choice(sorted(PROGRAMMES))
    rehabilitation = PROGRAMMES[chosen].profile != "prevention"
    flare_day = draw.randint(20, 60)
    away_from = draw.randint(14, 50)
    own: dict[Kind, dict[str, Any]] = {
        "responder": {},
        "non_responder": {"gain": 0.0},
        "stable": {"gain": 0.002},
        "flare": {"flares": ((flare_day, 5.0), (flare_day + 35, 4.0))},
        "missed_weeks": {"away": ((away_from, away_from + draw.choice((9, 16, 23))),)},
        "over_eager": {"reps_share": draw.uniform(1.1, 1.6), "rests": False},
        "under_dosed": {"reps_share": draw.uniform(0.4, 0.8), "skips": draw.uniform(0.1, 0.4)},
        "asymmetric": {"asymmetry_pct": draw.choice((-1.0, 1.0)) * draw.uniform(14.0, 28.0)},
        "sensor_trouble": {"bad_data": draw.uniform(0.2, 0.6)},
        "painkillers": {"painkiller": draw.uniform(0.2, 0.7)},
        "silent": {"silent": draw.uniform(0.2, 0.6)},
        "red_flag": {"red_flags": ((draw.randint(10, 60), draw.choice(("pop", "numbness_tingling"))),)},
    }
    return Patient(
        id=f"{kind.replace('_', '-')}-{seed}",
        kind=kind,
        seed=seed,
        programme=chosen,
        mode="clinic" if rehabilitation or draw.random() < 0.5 else "prevention",
        **{
            "gain": draw.uniform(0.02, 0.05),
            "usual_pain": float(draw.randint(0, 1)) if rehabilitation and chosen != "diver" else 0.0,
            **own[kind],
        },
    )


class Day(msgspec.Struct, frozen=True):
    """What a day gave: at most one session, and what was said, in order of time."""

    session: SessionDone | None
    said: tuple[Report, ...]


class PatientBody:
    """A person's body from day to day; carried state, advanced by :meth:`day`.

    Parameters
    ----------
    of
        Whose.
    first_us
        Midnight of the first day, µs since 1970, UTC.
    """

    def __init__(self, of: Patient, first_us: int) -> None:
        self.of = of
        self.first_us = first_us
        self.strength = 1.0  # relative to what the first session asks for
        self.sore = 0.0
        self.used_to_s = 0.0
        self.asymmetry_pct = of.asymmetry_pct
        self.late: Report | None = None  # next morning's answer to come
        self._first = of.first_prescription()
        self._last_day = -1
        self._side_work = False

    def works_on_side(self) -> None:
        """From now on the weaker side gets work of its own beside each session, and catches up slowly."""
        self._side_work = True

    def trains(self, day: int, held: Prescription) -> bool:
        """Whether there is a session on a day."""
        who = self.of
        if any(first <= day <= last for first, last in who.away):
            return False
        often = held.frequency_per_week
        planned = day % 7 in _WEEKDAYS[min(max(round(often), 1), 7) - 1]
        if not planned:
            return not who.rests and self._draw(day, "trains").random() < 0.5
        return who.skips <= 0.0 or self._draw(day, "trains").random() >= who.skips

    def morning(self, day: int) -> tuple[Report, ...]:
        """What is answered on waking up; the question is that of the session of the day before."""
        answer, self.late = self.late, None
        return () if answer is None else (answer,)

    def day(self, day: int, held: Prescription, level: int) -> Day:
        """A day's session with the prescription in force, when there is one, and what is said around it."""
        for flare_day, code in self.of.red_flags:
            if flare_day == day:
                at = self._at(day, 12.0)
                return Day(None, (Report(at_us=at, kind="note", exercise=held.exercise, red_flag=code),))
        self.sore *= 0.6
        if not self.trains(day, held):
            return Day(None, ())
        draw = self._draw(day, "session")
        idle = day - self._last_day
        if idle > 10:  # what was won goes again (about a percent a day)
            self.strength = 1.0 + (self.strength - 1.0) * 0.97 ** (idle - 10)
        self._last_day = day
        effort = self._asked(held) / self.strength
        session = self._session(day, held, level, effort, draw)
        said = self._said(day, session, held, effort, draw)
        if self._side_work:
            self.asymmetry_pct *= _SIDE_WORK
        self._adapt(held, effort)
        return Day(session, said)

    # -- the body --------------------------------------------------------------------------------------

    def _asked(self, held: Prescription) -> float:
        """What a session asks for, relative to the first one: by load, and weakly by time under tension."""
        first = self._first
        size = math.sqrt(math.sqrt(_session_tut(held) / _session_tut(first)))
        if held.load_rm is not None:
            return self.strength * 1.1  # as heavy as repetitions allow: the effort is always the same
        if held.load_kg and first.load_kg:
            size *= held.load_kg / first.load_kg
        if held.assistance_pct_bm is not None and first.assistance_pct_bm is not None:
            size *= (100.0 - held.assistance_pct_bm) / (100.0 - first.assistance_pct_bm)
        if held.added_pct_bm is not None and first.added_pct_bm is not None:
            size *= (100.0 + held.added_pct_bm) / (100.0 + first.added_pct_bm)
        return size

    def _adapt(self, held: Prescription, effort: float) -> None:
        done = _session_tut(held) * self.of.reps_share
        if self.used_to_s > 0.0:
            self.sore = min(6.0, self.sore + 3.0 * max(0.0, done / self.used_to_s - 1.3))
        self.used_to_s += 0.4 * (done - self.used_to_s) if self.used_to_s else done
        self.strength += self.of.gain * min(effort, 1.0) * max(0.0, self.of.most_strength - self.strength)

    def _flare(self, day: float) -> float:
        """Extra pain of flares, 12 % less each day."""
        return math.fsum(size * 0.88 ** (day - at) for at, size in self.of.flares if day >= at)

    # -- what is measured ------------------------------------------------------------------------------

    def _session(
        self, day: int, held: Prescription, level: int, effort: float, draw: random.Random
    ) -> SessionDone:
        who = self.of
        began = self._at(day, _BEGIN_H)
        bad = draw.random() < who.bad_data
        planned = math.fsum(held.tempo_s[:3])
        tut = planned * draw.uniform(0.96, 1.04)
        range_deg = max(abs(one.end_deg - one.start_deg) for one in held.rom)
        metrics = {
            "tut_s": _metric(tut, "s"),
            "eccentric_s": _metric(tut * held.tempo_s[0] / planned, "s"),
            "rom_deg": _metric(range_deg * min(1.0, draw.gauss(0.985, 0.008)), "deg"),
            "quality_score": _metric(min(100.0, draw.gauss(87.0, 3.0) - 40.0 * max(0.0, effort - 1.3)), "1"),
            "tempo_adherence": _metric(min(1.0, draw.gauss(0.93, 0.03)), "1"),
        }
        in_set = {
            "asymmetry_signed_pct": _metric(draw.gauss(self.asymmetry_pct, 2.0), "%"),
            "force_loss": _metric(min(1.0, max(0.0, draw.gauss(0.08, 0.02))), "1"),
        }
        share = who.reps_share if effort < 1.5 else min(who.reps_share, 0.6)
        each = _reps(held)
        reps: list[Repetition] = []
        sets: list[dict[str, Metric]] = []
        for k, wanted in enumerate(each, 1):
            done = max(1, round(wanted * share))
            reps += [_repetition(k, index, tut, metrics) for index in range(1, done + 1)]
            sets.append({**in_set, "tut_s": _metric(done * tut, "s")})
        return SessionDone(
            id=f"{who.id}-d{day}",
            exercise=held.exercise,
            began_us=began,
            ended_us=began + _MINUTES * 60_000_000,
            reps=tuple(reps),
            sets=tuple(sets),
            flags=(Flag.UNCALIBRATED,) if bad and draw.random() < 0.5 else (),
            lost_share=draw.uniform(0.06, 0.5) if bad else draw.uniform(0.0, 0.02),
            prescription=held,
            level=level,
        )

    # -- what is said ----------------------------------------------------------------------------------

    def _said(
        self, day: int, session: SessionDone, held: Prescription, effort: float, draw: random.Random
    ) -> tuple[Report, ...]:
        who, name = self.of, session.id
        extra = self._flare(day)
        before = _score(who.usual_pain + 0.5 * extra)
        during = _score(who.usual_pain + extra + 6.0 * max(0.0, effort - 1.3) + (draw.random() < 0.05))
        after = who.usual_pain + 0.6 * self._flare(day + 1.0) + 5.0 * max(0.0, effort - 1.45)
        rpe = round(2.0 * min(10.0, max(1.0, 5.6 + 12.0 * (effort - 1.0) + draw.gauss(0.0, 0.2)))) / 2.0
        if held.load_rm is not None:
            rpe = round(2.0 * min(10.0, max(1.0, held.target_rpe - 0.2 + draw.gauss(0.0, 0.3)))) / 2.0
        answered = [draw.random() >= who.silent for _ in range(3)]
        said = []
        if answered[0]:
            at = session.began_us - _HOUR_US // 6
            sore = _score(self.sore)
            said.append(Report(at_us=at, kind="before", session=name, pain=before, soreness=sore))
        if answered[1]:
            at = session.ended_us + 60_000_000
            took = True if draw.random() < who.painkiller else None
            said.append(Report(at_us=at, kind="session", session=name, pain=during, rpe=rpe, analgesic=took))
        if answered[2]:
            at = self._at(day + 1, _MORNING_H)
            self.late = Report(at_us=at, kind="next_morning", session=name, pain=_score(after))
        return tuple(said)

    def _at(self, day: int, hour: float) -> int:
        return self.first_us + day * DAY_US + round(hour * _HOUR_US)

    def _draw(self, day: int, what: str) -> random.Random:
        # of the day alone: what was decided before does not move the dice
        return random.Random(f"{self.of.id} {day} {what}")


def _score(value: float) -> float:
    """As people say it: whole numbers from 0 to 10."""
    return float(min(10, max(0, round(value))))


def _reps(held: Prescription) -> tuple[int, ...]:
    return held.reps if isinstance(held.reps, tuple) else (held.reps,) * held.sets


def _session_tut(held: Prescription) -> float:
    return math.fsum(_reps(held)) * math.fsum(held.tempo_s[:3])


def _metric(value: float, unit: str) -> Metric:
    return Metric(value=value, unit=unit, method="simulated")


def _repetition(set_index: int, index: int, tut: float, metrics: dict[str, Metric]) -> Repetition:
    start = round((set_index * 200.0 + index * (tut + 2.0)) * 1e6)
    end = start + round(tut * 1e6)
    return Repetition(
        set_index=set_index,
        index=index,
        start_us=start,
        end_us=end,
        decided_us=end,
        valid=True,
        reasons=(),
        phases=(),
        metrics=metrics,
    )
