"""The terminal view: what it draws, what it writes to a pipe, and that it never holds anybody up."""

from __future__ import annotations

import io
import threading
import time

import pytest
from rich.console import Console

from eccentra.events import (
    BreakPoint,
    CueGiven,
    CueId,
    CueSeverity,
    Event,
    Force,
    Metric,
    Phase,
    Reason,
    RepAmended,
    RepCompleted,
    RepCounted,
    Repetition,
    RepRejected,
    SensorGap,
    SensorLost,
    SetCompleted,
)
from eccentra.session import LinkHealth
from eccentra.stages.live import LiveState
from eccentra.view import LiveView, Screen, SensorRow, plain_line, render, sensor_state, set_row

REP = Repetition(
    set_index=2,
    index=3,
    start_us=0,
    end_us=5_000_000,
    decided_us=5_000_000,
    valid=False,
    reasons=(Reason.PARTIAL_ROM, Reason.TOO_FAST),
    phases=(Phase(kind="eccentric", start_us=0, end_us=3_250_000),),
    metrics={
        "eccentric_s": Metric(value=3.25, unit="s", method="m"),
        "tut_s": Metric(value=None, unit="s", method="m", quality="missing"),
    },
    break_point=BreakPoint(lean_deg=34.4, knee_flexion_deg=None, method="m", t_us=1),
    force_right=Force(peak_n=321.6, mean_n=200.0, impulse_ns=600.0),
)
SET = SetCompleted(
    t_us=60_000_000,
    set_index=1,
    start_us=0,
    end_us=1,
    decided_us=80_000_000,
    reps_counted=4,
    reps_valid=3,
    metrics={"tut_s": Metric(value=13.25, unit="s", method="m")},
)


def cue(severity: CueSeverity, text: str) -> CueGiven:
    return CueGiven(t_us=2_000_000, decided_us=2_100_000, cue=CueId.TOO_FAST, severity=severity, text=text)


def drawn(screen: Screen, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, height=40, force_terminal=True, color_system=None)
    console.print(render(screen))
    text = console.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= width
    return text


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            RepCompleted(t_us=5_000_000, rep=REP),
            "    5.00 s set 2 repetition 3, eccentric 3.25 s, break at 34 deg lean, right 322 N, "
            "not valid: partial_rom too_fast",
        ),
        (
            RepAmended(t_us=6_000_000, set_index=2, index=3, counted=False, reason=Reason.SETUP),
            "    6.00 s set 2 repetition 3 taken back (setup)",
        ),
        (SET, "   80.00 s set 1 complete: 4 repetitions, 3 valid, time under tension 13.2 s"),
        (
            RepRejected(t_us=1_000_000, start_us=0, end_us=1, decided_us=2, reason=Reason.WALKING),
            "    1.00 s movement not counted: walking",
        ),
        (SensorLost(t_us=1_000_000, sensor="thigh", why="silent"), "    1.00 s sensor thigh lost: silent"),
        (
            SensorGap(t_us=1_000_000, sensor="thigh", start_us=0, end_us=300_000),
            "    1.00 s sensor thigh: 0.30 s missing",
        ),
        (RepCounted(t_us=1, set_index=1, index=1), None),
        (cue("warning", "Slower."), "    2.00 s cue: Slower."),
        (cue("stop", "Stop the set."), "    2.00 s cue: Stop the set."),
        (cue("pace", "two"), None),
    ],
)
def test_plain_lines(event: Event, line: str | None) -> None:
    assert plain_line(event) == line


def test_the_first_screen_says_that_nothing_happened_yet() -> None:
    text = drawn(Screen(title="Nordic curl"))
    assert "Nordic curl" in text
    assert "waiting for the first repetition" in text
    assert text.count("not measured") == 3


def test_a_running_set() -> None:
    live = LiveState(
        phase="eccentric",
        set_index=2,
        reps=12,
        session_reps=19,
        angle_deg=41.4,
        tut_s=2.5,
        force_left_n=250.4,
        cue="Hips forward.",
        pace="two",
        pace_s=2.2,
        pace_of_s=4.0,
    )
    row = SensorRow(
        sensor="thigh",
        what="movesense",
        rate_hz=103.6,
        nominal_hz=104.0,
        missing_s=0.25,
        residual_ms=1.26,
        state="silent",
    )
    text = drawn(
        Screen(title="t", live=live, sensors=(row,), sets=(set_row(SET),), last="last", footer=("foot",))
    )
    for part in (
        "set 2   session 19   eccentric 2 of 4 s",
        "Hips forward.",
        "TUT 2.5 s",
        "41°",
        "250 N",
        "104 of 104 Hz",
        "0.25 s",
        "1.3 ms",
        "silent",
        "13.2 s",
        "last",
        "foot",
    ):
        assert part in text
    assert " ██  ███" in text  # the count in large digits
    assert text.count("not measured") == 1


@pytest.mark.parametrize("value", [-30.0, 0.0, 1e9])
def test_values_beyond_the_bars(value: float) -> None:
    drawn(Screen(title="t", live=LiveState(angle_deg=value, force_left_n=value, reps=1234)))


@pytest.mark.parametrize("width", [40, 60, 200])
def test_any_width(width: int) -> None:
    drawn(Screen(title="t" * 100, last="l" * 300, footer=("f" * 300,)), width)


def test_sensor_states() -> None:
    assert sensor_state(LinkHealth(connected=True)) == "ok"
    assert sensor_state(LinkHealth(connected=True, silent=True)) == "silent"
    assert sensor_state(LinkHealth(connected=False, silent=True)) == "lost"
    assert sensor_state(LinkHealth(connected=True, battery_low=True)) == "battery low"


def test_a_stuck_terminal_does_not_hold_up_who_sets_the_screen() -> None:
    go_on = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            if threading.current_thread().name == "eccentra-view":
                go_on.wait(10)
            return super().write(text)

    console = Console(file=Stuck(), width=80, height=40, force_terminal=True)
    with LiveView(Screen(title="t"), console) as view:
        time.sleep(0.3)
        start = time.perf_counter()
        for count in range(100):
            view.screen = Screen(title="t", live=LiveState(reps=count))
        assert time.perf_counter() - start < 0.1
        go_on.set()
