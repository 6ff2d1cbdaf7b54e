"""The live terminal view: what a session shows, drawn beside it.

:func:`render` is pure: a :class:`Screen` in, something rich can draw out. :class:`LiveView` draws the newest
screen from a thread of its own, so a slow terminal delays the picture and never the session.
:func:`plain_line` is the same for logs and pipes: a line for each repetition and each set.
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Self

import msgspec
from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from eccentra.events import (
    CalibrationDone,
    CalibrationFailed,
    CalibrationNeeded,
    CueGiven,
    Event,
    Metric,
    Numbered,
    RepAmended,
    RepCompleted,
    RepRejected,
    SensorGap,
    SensorLost,
    SetCompleted,
    Tared,
    event_type,
)
from eccentra.session import LinkHealth
from eccentra.stages.live import LiveState

__all__ = ["LiveView", "Screen", "SensorRow", "advice_after", "plain_line", "render"]

_FRAMES_HZ = 10.0
# Bars end where a measurement is exceptional: prone knee range, strongest published peaks of one leg.
_FULL_ANGLE_DEG = 100.0
_FULL_FORCE_N = 600.0
_MOST_SETS = 6

_PHASE_STYLE = {
    "eccentric": "bold cyan",
    "isometric": "bold yellow",
    "concentric": "bold green",
    "return": "blue",
}

# 3 x 5 cells a digit: the count is read from two metres away.
_DIGITS = {
    "0": ("███", "█ █", "█ █", "█ █", "███"),
    "1": (" ██", "  █", "  █", "  █", "  █"),
    "2": ("███", "  █", "███", "█  ", "███"),
    "3": ("███", "  █", "███", "  █", "███"),
    "4": ("█ █", "█ █", "███", "  █", "  █"),
    "5": ("███", "█  ", "███", "  █", "███"),
    "6": ("███", "█  ", "███", "█ █", "███"),
    "7": ("███", "  █", "  █", "  █", "  █"),
    "8": ("███", "█ █", "███", "█ █", "███"),
    "9": ("███", "█ █", "███", "  █", "███"),
}


class SensorRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor's line: what it is, and how its data arrive over the last seconds.

    ``missing_s`` is the time without data in this session; ``loss_pct`` the share of samples that the last
    seconds lack, ``rssi_dbm`` the signal, both ``None`` when they are not known.
    """

    sensor: str
    what: str
    rate_hz: float | None
    nominal_hz: float
    missing_s: float
    residual_ms: float | None
    state: str
    loss_pct: float | None = None
    rssi_dbm: int | None = None


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the screen; immutable, so that it may cross threads.

    ``next_step`` is what the person should do now, ``trouble`` what is wrong, each with its advice, and
    ``typed`` the command that is being typed.
    """

    title: str
    live: LiveState = LiveState()
    sensors: tuple[SensorRow, ...] = ()
    sets: tuple[tuple[str, ...], ...] = ()
    last: str = ""
    next_step: str = ""
    trouble: tuple[str, ...] = ()
    typed: str | None = None
    footer: tuple[str, ...] = ()


def advice_after(event: Event, advice: str) -> str:
    """What calibration asks the person to do, after an event: said until it is done or the set is over."""
    match event:
        case CalibrationNeeded() | CalibrationFailed():
            return event.instruction
        case CalibrationDone() | SetCompleted() | Tared():
            return ""
        case _:
            return advice


def sensor_state(health: LinkHealth) -> str:
    """How a sensor is doing, in a word."""
    if not health.connected:
        return "lost"
    if health.silent:
        return "silent"
    return "battery low" if health.battery_low else "ok"


def set_row(event: SetCompleted) -> tuple[str, ...]:
    """Cells of the set table."""
    return (
        str(event.set_index),
        str(event.reps_counted),
        str(event.reps_valid),
        _metric(event.metrics.get("tut_s"), "s"),
        _metric(event.metrics.get("asymmetry_pct"), "%"),
        " ".join(flag.value for flag in event.flags) or "-",
    )


def _metric(metric: Metric | None, unit: str, digits: int = 1) -> str:
    if metric is None or metric.value is None:
        return "-"
    return f"{metric.value:.{digits}f} {unit}"


def plain_line(event: Event) -> str | None:
    """A line for logs and pipes: repetitions, corrections, sets, what to do, what disturbs; else ``None``."""
    # A set is told when it is decided, which is after its last repetition ended.
    at = f"{(event.decided_us if isinstance(event, SetCompleted) else event.t_us) / 1e6:8.2f} s "
    match event:
        case RepCompleted(rep=rep):
            parts = [f"set {rep.set_index} repetition {rep.index}"]
            names = {
                "hold_s": ("hold", "s", 1),
                "eccentric_s": ("eccentric", "s", 2),
                "tut_s": ("TUT", "s", 2),
                "rom_deg": ("ROM", "deg", 0),
            }
            for name, (word, unit, digits) in names.items():
                if rep.value(name) is not None:
                    parts.append(f"{word} {_metric(rep.metrics[name], unit, digits)}")
            if rep.break_point is not None:
                parts.append(f"break at {rep.break_point.lean_deg:.0f} deg lean")
            for side, force in (("left", rep.force_left), ("right", rep.force_right)):
                if force is not None:
                    parts.append(f"{side} {force.peak_n:.0f} N")
            if not rep.valid:
                parts.append("not valid: " + " ".join(reason.value for reason in rep.reasons))
            return at + ", ".join(parts)
        case RepAmended(counted=True, flags=(_, *_)):
            doubts = ", ".join(flag.value for flag in event.flags)
            return f"{at}set {event.set_index} repetition {event.index} is doubtful: {doubts}"
        case RepAmended():
            word = "counted" if event.counted else "taken back"
            why = f" ({event.reason.value})" if event.reason else ""
            return f"{at}set {event.set_index} repetition {event.index} {word}{why}"
        case SetCompleted():
            tut = _metric(event.metrics.get("tut_s"), "s")
            count = f"{event.reps_counted} repetitions, {event.reps_valid} valid"
            return f"{at}set {event.set_index} complete: {count}, time under tension {tut}"
        case RepRejected():
            return f"{at}movement not counted: {event.reason.value}"
        case CueGiven():
            return f"{at}cue: {event.text}" if event.severity in ("warning", "stop") else None
        case SensorLost():
            return f"{at}sensor {event.sensor} lost: {event.why}"
        case SensorGap(missing=False):
            unsure = (event.end_us - event.start_us) / 1e6
            return f"{at}sensor {event.sensor}: {unsure:.0f} s beside a gap could not be judged"
        case SensorGap():
            return f"{at}sensor {event.sensor}: {(event.end_us - event.start_us) / 1e6:.2f} s missing"
        case CalibrationNeeded():
            return f"{at}now: {event.instruction}"
        case CalibrationFailed():
            return f"{at}{event.reason.value}: {event.instruction}"
        case CalibrationDone(mounting=(_, *_)) if any(one.upside_down for one in event.mounting):
            over = ", ".join(f"{one.sensor} ({one.axis} up)" for one in event.mounting if one.upside_down)
            return f"{at}sits upside down, which is calibrated away: {over}"
        case CalibrationDone(what="sides"):
            return f"{at}left and right straps are where they should be"
        case Tared():
            return f"{at}sensor {event.sensor}: zero set"
        case _:
            return None


def render(screen: Screen) -> RenderableType:
    """The screen as something rich can draw."""
    top = Table.grid(expand=True, padding=(0, 2))
    top.add_column(width=12)
    top.add_column(ratio=1)
    top.add_row(_count(screen.live.reps), _now(screen.live))
    parts: list[RenderableType] = [top, Text(), _sensor_table(screen.sensors)]
    if screen.sets:
        parts += [Text(), _set_table(screen.sets)]
    parts += [
        Text(),
        Text(screen.last or "waiting for the first repetition", style="bold", overflow="ellipsis"),
    ]
    if screen.next_step:
        parts.append(Text(f"now: {screen.next_step}", style="bold cyan", overflow="fold"))
    parts += [Text(f"! {line}", style="bold red", overflow="fold") for line in screen.trouble]
    if screen.typed is not None:
        parts.append(Text(f"> {screen.typed}_", style="bold"))
    parts += [Text(line, style="dim", overflow="fold") for line in screen.footer]
    return Panel(Group(*parts), title=screen.title, title_align="left", padding=(1, 2))


def _count(reps: int) -> Text:
    digits = str(max(reps, 0))[-2:]
    rows = ["  ".join(_DIGITS[digit][row] for digit in digits) for row in range(5)]
    return Text("\n".join(rows), style="bold green" if reps else "dim")


def _now(live: LiveState) -> Table:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=6)
    grid.add_column(ratio=1)
    grid.add_column(width=10, justify="right")
    phase = Text(live.phase, style=_PHASE_STYLE.get(live.phase, "dim"))
    tut = "" if live.tut_s is None else f"TUT {live.tut_s:.1f} s"
    head = Text(f"set {live.set_index or '-'}   session {live.session_reps}   ")
    if live.pace_of_s is not None and live.pace_s is not None:
        phase.append(f" {live.pace_s:.0f} of {live.pace_of_s:.0f} s")
    grid.add_row("", head.append(phase), tut)
    grid.add_row("cue", Text(live.cue or "-", style="bold yellow" if live.cue else "dim"), "")
    grid.add_row("angle", *_bar(live.angle_deg, _FULL_ANGLE_DEG, "°", "cyan"))
    grid.add_row("left", *_bar(live.force_left_n, _FULL_FORCE_N, " N", "magenta"))
    grid.add_row("right", *_bar(live.force_right_n, _FULL_FORCE_N, " N", "yellow"))
    grid.add_row("", Text(" ".join(live.flags), style="yellow"), "")
    return grid


def _bar(value: float | None, full: float, unit: str, style: str) -> tuple[RenderableType, str]:
    if value is None:
        return Text("not measured", style="dim"), ""
    bar = Bar(full, 0, min(max(value, 0.0), full), color=style, bgcolor="grey23")
    return bar, f"{round(value)}{unit}"


def _sensor_table(rows: tuple[SensorRow, ...]) -> Table:
    table = Table(box=None, expand=True, header_style="dim", padding=(0, 1))
    signal = any(row.rssi_dbm is not None for row in rows)
    for name in ("sensor", "device", "rate", "loss", "missing", "clock ±", *(["signal"] * signal), "state"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        rate = "-" if row.rate_hz is None else f"{row.rate_hz:.0f} of {row.nominal_hz:.0f} Hz"
        residual = "-" if row.residual_ms is None else f"{row.residual_ms:.1f} ms"
        loss = "-" if row.loss_pct is None else f"{row.loss_pct:.0f} %"
        cells: list[str | Text] = [row.sensor, row.what, rate, loss, f"{row.missing_s:.2f} s", residual]
        if signal:
            cells.append("-" if row.rssi_dbm is None else f"{row.rssi_dbm} dBm")
        table.add_row(*cells, Text(row.state, style="green" if row.state.startswith("ok") else "bold red"))
    return table


def _set_table(rows: tuple[tuple[str, ...], ...]) -> Table:
    table = Table(box=None, expand=True, header_style="dim", padding=(0, 1))
    for name in ("set", "counted", "valid", "TUT", "side difference", "flags"):
        table.add_column(name, no_wrap=True)
    for row in rows[-_MOST_SETS:]:
        table.add_row(*row)
    return table


class LiveView:
    """Draws :attr:`screen`, whatever it is at the moment, until closed."""

    def __init__(self, screen: Screen, console: Console | None = None) -> None:
        self.screen = screen
        self._live = Live(
            console=console or Console(file=sys.stdout),
            get_renderable=lambda: render(self.screen),
            auto_refresh=False,
            screen=False,
            transient=False,
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="eccentra-view", daemon=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._live.stop()

    def _draw(self) -> None:
        while not self._stop.wait(1 / _FRAMES_HZ):
            self._live.refresh()


def describe(numbered: Numbered) -> str | None:
    """A line for the screen's last event."""
    line = plain_line(numbered.event)
    return None if line is None else f"{line.strip()}  ({event_type(numbered.event)} #{numbered.seq})"
