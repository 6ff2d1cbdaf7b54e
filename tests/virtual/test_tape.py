"""Tapes: simulated samples once or over and over, at the asked rate."""

from __future__ import annotations

import numpy as np
import pytest
from virtual_parts import moving

from eccentra.link.virtual.tape import Tape, tapes

RATE = 80.0


def ramp(seconds: float = 2.5, period: float | None = None) -> Tape:
    t = np.arange(0, seconds, 1 / RATE)
    return Tape(t, t[:, None].copy(), ("force",), period)


def test_once_it_ends() -> None:
    tape = ramp()
    t, x = tape.read(195, 10)
    assert len(t) == len(x) == 5
    assert len(tape.read(500, 3)[0]) == 0


def test_repeating_it_goes_on_without_a_seam() -> None:
    tape = ramp(period=2.0)
    t, x = tape.read(150, 100)
    assert np.all(np.diff(t) == 12_500_000)
    np.testing.assert_array_equal(x[10:], tape.read(0, 90)[1])


@pytest.mark.parametrize("period", [None, 2.0])
def test_first_after_is_strict(period: float | None) -> None:
    tape = ramp(period=period)
    assert tape.first_after(-1) == 0
    assert tape.first_after(0) == 1
    assert tape.first_after(12_500_000) == 2
    assert tape.first_after(12_499_999) == 1
    if period is not None:
        assert tape.first_after(2_000_000_000 - 1) == 160
        assert tape.first_after(4_000_000_000) == 321


def test_another_rate_interpolates() -> None:
    tape = ramp(period=2.0).at_rate(52.0)
    t, x = tape.read(0, 80)
    assert tape.rate_hz == pytest.approx(52.0)
    np.testing.assert_allclose(x[:, 0], t / 1e9, atol=1e-9)
    assert tape.at_rate(52.0) is tape


def test_losses_in_the_simulation_are_refused() -> None:
    t = np.delete(np.arange(0, 1, 1 / RATE), 7)
    with pytest.raises(ValueError, match="without losses"):
        Tape(t, t[:, None], ("force",))


def test_tapes_of_an_athlete_share_their_time() -> None:
    simulation = moving(("thigh", "left"))
    made = tapes(simulation, loop=True)
    assert set(made) == {"thigh", "left"}
    for name, (setup, tape) in made.items():
        assert setup.sensor == name
        assert tape.channels == setup.mode.channels
        t, x = tape.read(0, 5)
        np.testing.assert_allclose(t, simulation.signals[name].t_s[:5] * 1e9, atol=1)
        np.testing.assert_array_equal(x, simulation.signals[name].x[:5])
