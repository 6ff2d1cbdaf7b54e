"""Ways up and down fitted as a whole: begin and end under sway that is as fast as the way itself."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.samples import Floats
from eccentra.stages.hold_fit import fit_way, quarters_of


def course(shape: str, length_s: float, sway: Floats) -> tuple[Floats, Floats, float]:
    """Time, lean and begin of a way of -10 degrees after 6 s of hold."""
    t = np.arange(len(sway)) / 100.0
    u = np.clip((t - 6.0) / length_s, 0.0, 1.0)
    way = {
        "min_jerk": u**3 * (10.0 - 15.0 * u + 6.0 * u * u),
        "cosine": 0.5 - 0.5 * np.cos(np.pi * u),
        "even": u,
    }[shape]
    return t, 10.0 - 10.0 * way + sway, 6.0


def sway_of(seed: int, n: int, size_deg: float) -> Floats:
    """Noise between 0.2 and 2 Hz that falls with frequency."""
    rng = np.random.default_rng(seed)
    frequency = np.fft.rfftfreq(n, 0.01)
    inside = (frequency > 0.2) & (frequency < 2.0)
    spectrum = np.where(inside, 1.0 / np.maximum(frequency, 0.2), 0.0) * np.exp(
        2j * np.pi * rng.uniform(size=len(frequency))
    )
    out = np.fft.irfft(spectrum, n)
    return np.asarray(size_deg * out / out.std())


@pytest.mark.parametrize("shape", ["min_jerk", "cosine", "even"])
def test_slow_ways_in_sway(shape: str) -> None:
    """10 degrees in 3 s with 0.2 degrees of sway: speeds of 3.3 and about 1 deg/s, and ends of no speed."""
    starts, ends = [], []
    for seed in range(20):
        t, lean, begin = course(shape, 3.0, sway_of(seed, 1200, 0.2))
        quarters = quarters_of(t, lean, 10.0, 0.0)
        assert quarters is not None
        way = fit_way(t, lean, quarters, -10.0)
        assert way is not None
        starts.append(way.start_s - begin)
        ends.append(way.end_s - begin - 3.0)
    assert np.mean(np.abs(starts)) < 0.25
    assert np.mean(np.abs(ends)) < 0.25
    assert abs(np.mean(starts)) < 0.25


def test_the_error_says_how_good_it_is() -> None:
    t, lean, _ = course("min_jerk", 2.0, np.zeros(1000))
    still = fit_way(t, lean, (6.7, 7.3), -10.0)
    t, lean, _ = course("min_jerk", 2.0, sway_of(3, 1000, 0.5))
    shaken = fit_way(t, lean, (6.7, 7.3), -10.0)
    assert still is not None
    assert shaken is not None
    assert still.start_s == pytest.approx(6.0, abs=0.02)
    assert still.end_s == pytest.approx(8.0, abs=0.02)
    assert still.error_s < 0.02 < shaken.error_s


def test_too_short_and_never_passed() -> None:
    t = np.arange(30) / 100.0
    assert fit_way(t, t, (0.1, 0.2), 1.0) is None
    assert quarters_of(t, np.zeros(30), 10.0, 0.0) is None
    assert quarters_of(t, t, 1.0, 1.0) is None
