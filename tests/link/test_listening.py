"""When the scanner listens: stale scans start again, missing sensors cost little, a dead radio is polled."""

from __future__ import annotations

from eccentra.link.listening import Listening, Rhythm

S = 1_000_000_000


def run(
    listening: Listening, seconds: int, *, sparing: bool = False, heard: bool = True
) -> tuple[float, int]:
    """Follow it for so long; the share of the time it was on, and how often it was started."""
    on = starts = 0
    for tick in range(100 * S, (100 + seconds) * S, S // 10):
        match listening.decide(tick, needed=True, sparing=sparing):
            case "start":
                listening.started(tick)
                starts += 1
            case "stop":
                listening.stopped()
        due = listening.next_ns(needed=True, sparing=sparing)
        assert due is not None, "it always has a next step"
        if listening.on and heard:
            listening.heard(tick)
        on += listening.on
    return on / (seconds * 10), starts


def test_a_scan_that_hears_goes_on() -> None:
    assert run(Listening(), 300) == (1.0, 1)


def test_a_scan_that_hears_nobody_is_started_again() -> None:
    share, starts = run(Listening(), 300, heard=False)
    assert share > 0.95
    assert 28 <= starts <= 31


def test_sensors_that_are_probably_off_are_searched_a_part_of_the_time() -> None:
    share, starts = run(Listening(), 300, sparing=True)
    assert 0.35 < share < 0.45
    assert 29 <= starts <= 31


def test_a_radio_that_fails_is_polled_and_hurry_does_not_change_that() -> None:
    listening = Listening(Rhythm(poll_s=2.0))
    listening.failed(100 * S)
    listening.hurry()
    assert listening.decide(101 * S, needed=True, sparing=False) is None
    assert listening.next_ns(needed=True, sparing=False) == 102 * S
    assert listening.decide(102 * S, needed=True, sparing=False) == "start"


def test_hurry_ends_a_rest() -> None:
    listening = Listening()
    listening.started(100 * S)
    assert listening.decide(104 * S, needed=True, sparing=True) == "stop"
    listening.stopped()
    assert listening.decide(105 * S, needed=True, sparing=False) is None
    listening.hurry()
    assert listening.decide(105 * S, needed=True, sparing=False) == "start"


def test_nobody_searched_nobody_listens() -> None:
    listening = Listening()
    assert listening.decide(100 * S, needed=False, sparing=True) is None
    assert listening.next_ns(needed=False, sparing=True) is None
    listening.started(100 * S)
    assert listening.decide(100 * S, needed=False, sparing=False) == "stop"
