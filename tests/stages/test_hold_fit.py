"""Ways up and down fitted as a whole: begin and end under sway that is as fast as the way itself."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.samples import Floats
from eccentra.stages import hold_fit
from eccentra.stages.hold_fit import fit_way, quarters_of
from eccentra.stages.hold_fit import sway_of as autocovariance_of


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
    assert max(still.start_error_s, still.end_error_s) < 0.02
    assert min(shaken.start_error_s, shaken.end_error_s) > 0.02
    assert still.length_error_s < 0.04 < shaken.length_error_s


def test_sway_as_in_the_hold_is_told_from_the_way() -> None:
    """10 degrees in 2.6 s, sway of 0.6 degrees even below 1.2 Hz: it turns ways around."""
    errors, within = [], 0
    for seed in range(15):
        rng = np.random.default_rng([seed, 5])
        sway = np.fft.irfft(
            np.fft.rfft(rng.standard_normal(4096)) * (np.fft.rfftfreq(4096, 0.01) < 1.2), 4096
        )
        t, lean, _ = course("min_jerk", 2.6, np.roll(0.6 * sway / sway.std(), 17)[:1250])
        before = 10.0 + 0.6 * (sway / sway.std())[1300:3300]
        quarters = quarters_of(t, lean, 10.0, 0.0)
        assert quarters is not None
        a, b = t.searchsorted(quarters[0] - 3.0), t.searchsorted(quarters[1] + 2.0)
        way = fit_way(t[a:b], lean[a:b], quarters, -10.0, autocovariance_of(before, 100.0))
        assert way is not None
        off = (way.start_s - 6.0, way.end_s - 8.6)
        errors += [abs(one) for one in off]
        within += abs(off[0]) < 3.0 * way.start_error_s
    assert np.mean(errors) < 0.22
    assert within >= 13


def test_sway_is_not_known_from_a_short_hold() -> None:
    assert autocovariance_of(np.zeros(300), 100.0) is None
    known = autocovariance_of(sway_of(1, 1000, 0.5), 100.0)
    assert known is not None
    assert known[0] == pytest.approx(0.25, rel=0.3)
    assert known[0] > known[3] > 0.0


def test_too_short_and_never_passed() -> None:
    t = np.arange(30) / 100.0
    assert fit_way(t, t, (0.1, 0.2), 1.0) is None
    assert quarters_of(t, np.zeros(30), 10.0, 0.0) is None
    assert quarters_of(t, t, 1.0, 1.0) is None


def test_a_finer_grid_that_fits_far_better_is_weighed_without_overflow() -> None:
    t, lean, _ = course("min_jerk", 2.0, np.zeros(1000))
    rows = hold_fit._Rows(t[::8], lean[::8], -10.0, None)
    far = hold_fit._Best(rss=1e6, middle=7.1, length=2.1, way=-10.0)
    with np.errstate(over="raise", invalid="raise"):
        ends = hold_fit._likely(hold_fit._shapes()[-1], rows, far, 1e6, 1e-2, 0.5)
    assert ends.means == pytest.approx((6.0, 8.0, 2.0), abs=0.05)
