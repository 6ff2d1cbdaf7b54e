"""What a station's screen shows, kept up to date; and what the person should do next."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence

import typer

from eccentra.cli.watch import Rates, health_message, sensor_row
from eccentra.events import (
    Flag,
    Numbered,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    SetCompleted,
    StationNoted,
)
from eccentra.link import LinkStatus, WantedSensor
from eccentra.mqtt.health import Health
from eccentra.mqtt.payloads import SensorHealth
from eccentra.samples import NS_PER_S
from eccentra.session import LinkHealth
from eccentra.stages import LiveState
from eccentra.station import RoomState
from eccentra.view import Screen, SensorRow, advice_after, plain_line, set_row

__all__ = ["RoomWatch", "next_step"]

_HEALTH_NS = NS_PER_S


class RoomWatch:
    """A station's outlet to people: lines in a pipe, a screen on a terminal.

    Parameters
    ----------
    title, footer
        Constant texts.
    wanted
        The sensors of the station.
    plain
        Print lines as things happen; else only the screen is kept.
    """

    def __init__(
        self, title: str, footer: tuple[str, ...], wanted: Sequence[WantedSensor], *, plain: bool
    ) -> None:
        self.screen = Screen(title=title, footer=footer, last="no session yet")
        self._wanted = {one.setup.sensor: one.setup for one in wanted}
        self._plain = plain
        self._rates = Rates()
        self._last = "no session yet"
        self._advice = ""
        self._sets: tuple[tuple[str, ...], ...] = ()
        self._published_ns: int | None = None
        self._begun: str | None = None

    # -- what the station tells -----------------------------------------------------------------------

    def handle(self, events: Sequence[Numbered]) -> None:
        """Take events."""
        for numbered in events:
            event = numbered.event
            line = plain_line(event)
            self._advice = advice_after(event, self._advice)
            if isinstance(event, SessionStarted):
                self._sets, self._advice = (), ""
                line = f"session {numbered.session} started: {event.exercise}"
            elif isinstance(event, SessionResumed):
                line = f"session {numbered.session} goes on after {event.gap_s:.1f} s"
            elif isinstance(event, SessionEnded):
                line = f"session {numbered.session} ended ({event.why}): {event.reps} repetitions"
            if isinstance(event, SetCompleted):
                self._sets += (set_row(event),)
            if line is not None:
                self.say(line.strip())

    def live(self, state: LiveState) -> None:
        """The screen asks for the state itself."""

    def note(self, note: StationNoted) -> None:
        """Take something about the station."""
        if self._plain:
            self._echo(f"{note.level}: {_words(note)}", err=True)
        elif note.level == "info":
            self._last = note.detail

    def say(self, line: str) -> None:
        """Show a line."""
        self._last = line
        if self._plain:
            self._echo(line)

    def _echo(self, line: str, *, err: bool = False) -> None:
        """Print, as long as somebody reads it: a pipe that breaks must not end the session."""
        stream = sys.stderr if err else sys.stdout
        encoding = stream.encoding or "utf-8"
        with contextlib.suppress(OSError):
            typer.echo(line.encode(encoding, "replace").decode(encoding), err=err)

    # -- the screen -----------------------------------------------------------------------------------

    def update(
        self,
        state: RoomState,
        broker: Health,
        now_ns: int,
        publish: Callable[[str, SensorHealth], None],
        typed: str | None,
    ) -> None:
        """Make a new screen; publishes each sensor's health once a second."""
        links = {one.sensor: one for one in state.links}
        # a session that was taken up again may have sensors that the station no longer knows
        known = {name: one for name, one in state.health.items() if name in self._wanted}
        rates = {name: self._rates.update(name, one) for name, one in known.items()}
        rows = tuple(
            self._row(name, state.health.get(name), links.get(name), rates.get(name)) for name in self._wanted
        )
        trouble = tuple(_words(note) for note in state.notes) + self._broker(broker)
        person = "" if state.athlete is None else f", {state.athlete}"
        aim = f"; plan: {state.target}" if state.target else ""
        exercise = state.planned or state.exercise or "no exercise"
        title = f"{exercise}{person}: {state.session or state.doing}{aim}"
        if self._plain and state.session is not None and state.session != self._begun:
            self._begun = state.session
            if state.target:
                self.say(f"plan: {state.target}")
        self.screen = Screen(
            title=title,
            live=state.live,
            sensors=rows,
            sets=self._sets,
            last=self._last,
            next_step=next_step(state, tuple(self._wanted)) or self._advice,
            trouble=trouble,
            typed=typed,
            footer=self.screen.footer,
        )
        if self._published_ns is None or now_ns - self._published_ns >= _HEALTH_NS:
            self._published_ns = now_ns
            for name, health in known.items():
                link = links.get(name)
                signal = (None, None) if link is None else (link.rssi_dbm, link.battery_pct)
                publish(name, health_message(self._wanted[name], health, rates[name], *signal))

    def _row(
        self, name: str, health: LinkHealth | None, link: LinkStatus | None, rate_hz: float | None
    ) -> SensorRow:
        setup = self._wanted[name]
        row = sensor_row(setup, health or LinkHealth(), rate_hz)
        word = row.state
        if link is not None and (health is None or link.state != "streaming"):
            word = _link_word(link)
        return SensorRow(
            sensor=row.sensor,
            what=row.what,
            rate_hz=row.rate_hz,
            nominal_hz=row.nominal_hz,
            missing_s=row.missing_s,
            residual_ms=None if health is None else row.residual_ms,
            loss_pct=row.loss_pct,
            rssi_dbm=None if link is None else link.rssi_dbm,
            state=_with_battery("ok" if word == "streaming" else word, link),
        )

    def _broker(self, broker: Health) -> tuple[str, ...]:
        if broker.connected:
            return ()
        waiting = f"{broker.unacknowledged} messages wait and will be sent"
        return (f"broker away ({broker.last_error or 'no answer'}); {waiting}",)


def _words(note: StationNoted) -> str:
    return note.detail + (f"; {note.advice}" if note.advice else "")


def _with_battery(word: str, link: LinkStatus | None) -> str:
    if link is None or link.battery_pct is None or word != "ok":
        return word
    return f"ok, battery {link.battery_pct:.0f} %"


def _link_word(link: LinkStatus) -> str:
    if link.state == "waiting" and link.next_try_s is not None:
        return f"next try in {link.next_try_s:.0f} s"
    return link.state


def next_step(state: RoomState, wanted: tuple[str, ...]) -> str:
    """What the person should do now, in a line; empty when nothing but exercising."""
    if state.doing == "recovering":
        return "wait: an interrupted session is being recovered"
    if not wanted:
        return "no sensor is known: leave, and bind one with eccentra scan"
    missing = [one.sensor for one in state.links if one.state not in ("streaming", "starting")]
    if state.doing == "waiting":
        if len(missing) == len(wanted):
            return f"switch the sensors on and come near: {', '.join(missing)}"
        if state.planned is None and state.target:
            return state.target
        if state.planned is None and state.exercise is None:
            return "type: start nordic-curl (or another exercise)"
        start = "type: start" if state.planned is None else f"type: start (planned: {state.planned})"
        return f"waiting for {', '.join(missing)}; or {start}" if missing else start
    lost = [name for name in state.health if name in missing]
    if lost:
        return f"{', '.join(lost)} is away: check that it is on and near; the set goes on without it"
    if not state.live.set_index and {Flag.UNCALIBRATED.value, Flag.CALIBRATION_PROVISIONAL.value} & set(
        state.live.flags
    ):
        return "take the start pose and stay still for two seconds"
    return ""
