"""Can these numbers be what the columns say? Units and times of recordings made elsewhere.

A wrong unit gives results that look right. What physics rules out is refused with the likely unit and the
factor; what is only odd becomes a note.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eccentra.errors import InputError
from eccentra.samples import NS_PER_S, Floats, Times

__all__ = ["check_force", "check_imu", "check_times", "measured_rate"]

_STANDARD_GRAVITY = 9.80665

# A stroke of 2 s needs some 8 samples to be seen at all; below 8 Hz its shape is no longer known.
_MIN_RATE_HZ = 4.0
_FEW_RATE_HZ = 8.0
_MAX_RATE_HZ = 10_000.0
# Longer than any session: a wrong unit, or zeros among times since 1970.
_MAX_SPAN_S = 48 * 3600.0
# 2^63 ns are 292 years; seconds since 1970 are 1.8e9.
_MAX_TIME_S = 9e9

# Median norm of the specific force. Somebody who exercises reads 9 to 13 m/s² most of the time; free fall and
# impacts are short, so a median far from that is another unit.
_G_RANGE = (0.5, 2.5)
_SI_RANGE = (4.0, 25.0)
_MILLI_G_RANGE = (500.0, 2500.0)
# Most gyroscopes end at 2000 °/s = 35 rad/s, the fastest at 4000 °/s = 70 rad/s; no strap turns like that for
# 1 % of the time.
_MAX_RATE_RAD_S = 50.0
# World-class athletes pull some 3 kN a limb; platforms end at 20 kN.
_MAX_FORCE_N = 20_000.0


def check_times(path: str | Path, t_s: Floats) -> None:
    """Refuse times that are no seconds, or that are too coarse, too few or too far apart.

    Parameters
    ----------
    path
        File, for the message.
    t_s
        Times as written, s, shape (n,), in any order.
    """
    if len(t_s) < 2:
        raise InputError(path, "has one row only; expected a recording")
    ordered = np.sort(t_s)
    steps = np.diff(ordered)
    steps = steps[steps > 0]
    if not len(steps):
        raise InputError(path, f"all {len(t_s)} rows have the same t_s; expected seconds, with decimals")
    step = float(np.median(steps))
    if step * _MIN_RATE_HZ > 1.0:
        raise InputError(path, _slow(step, len(t_s) / (len(steps) + 1)))
    if np.abs(ordered[[0, -1]]).max() > _MAX_TIME_S:
        raise InputError(path, f"t_s is {ordered[-1]:g}; expected seconds (since any moment)")
    span = float(ordered[-1] - ordered[0])
    if span > _MAX_SPAN_S:
        raise InputError(
            path,
            f"t_s runs from {ordered[0]:g} to {ordered[-1]:g}; at most {_MAX_SPAN_S / 3600:g} h expected",
        )


def _slow(step: float, rows_per_time: float) -> str:
    """Why the median step of ``t_s`` cannot be seconds, with the likely reason."""
    if rows_per_time >= 3:
        return f"about {rows_per_time:.0f} rows share each t_s; expected seconds with at least two decimals"
    found = f"t_s grows by {step:g} a row"
    if np.isclose(step, 1.0):
        return f"{found}, which looks like a row number or milliseconds; expected seconds (0, 0.01, 0.02 ...)"
    for factor, unit in ((1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds")):
        # 2 to 600 units a row: from 500 Hz down to slower than anything worth recording.
        if 2e-3 * factor <= step <= 0.6 * factor:
            return f"{found}, which looks like {unit}; expected seconds: divide by {factor:.0f}"
    return f"{found} s ({1 / step:.2g} Hz); expected at least {_MIN_RATE_HZ:g} rows a second"


def measured_rate(path: str | Path, t_ns: Times) -> tuple[float, list[str]]:
    """Sample rate in Hz, with notes.

    The median step where steps are regular. Where rows come in bursts (times taken by the receiver), the
    rows over the time they cover, long gaps left out.
    """
    steps = np.diff(t_ns) / NS_PER_S
    median = float(np.median(steps))
    usual = steps[steps <= max(1.0, 10 * median)]
    mean = float(usual.mean())
    notes: list[str] = []
    if abs(median - mean) <= 0.2 * mean:
        rate_hz = 1.0 / median
    else:
        rate_hz = 1.0 / mean
        notes.append(
            f"rows come unevenly: {rate_hz:.1f} a second on average, median step {median * 1e3:.3g} ms"
        )
    if rate_hz > _MAX_RATE_HZ:
        raise InputError(path, f"{rate_hz:.0f} rows a second; at most {_MAX_RATE_HZ:.0f} expected (t_s in s)")
    if rate_hz < _FEW_RATE_HZ:
        notes.append(f"only {rate_hz:.1f} rows a second: short repetitions may be missed")
    return rate_hz, notes


def check_imu(path: str | Path, t_ns: Times, x: Floats, rate_hz: float) -> list[str]:
    """Refuse accelerations and angular rates in other units; give notes.

    Parameters
    ----------
    path
        File, for the message.
    t_ns
        Times, ns, shape (n,).
    x
        Specific force in m/s² and, in columns 3 to 5 when there, angular rate in rad/s; shape (n, 3 or 6).
    rate_hz
        Sample rate.
    """
    norm = np.sqrt(np.einsum("ij,ij->i", x[:, :3], x[:, :3]))
    median = float(np.median(norm))
    if not _SI_RANGE[0] <= median <= _SI_RANGE[1]:
        raise InputError(path, _not_si(median))
    if x.shape[1] == 3:
        return []
    fast = float(np.percentile(np.abs(x[:, 3:]), 99))
    if fast > _MAX_RATE_RAD_S:
        raise InputError(path, f"gyr reads {fast:.0f} in 1 % of the rows, {_TO_RAD}")
    scale, agreement = _gyro_against_gravity(t_ns, x, norm, rate_hz)
    # 1/57.3 = 0.0175; the width allows for linear acceleration, which only ever loosens the agreement.
    if 0.010 < scale < 0.030 and agreement > 0.7:
        raise InputError(path, f"gravity turns {1 / scale:.0f} times slower than gyr says, {_TO_RAD}")
    if scale < 0 and agreement < -0.7:
        return ["gyroscope and accelerometer turn in opposite senses: check the signs and order of the axes"]
    return []


_TO_RAD = "which looks like °/s; expected rad/s: multiply by 0.0174533"


def _not_si(median: float) -> str:
    reads = f"acc reads {median:.3g} as a rule (median norm)"
    to_si = f"expected m/s²: multiply by {_STANDARD_GRAVITY}"
    if _G_RANGE[0] <= median <= _G_RANGE[1]:
        return f"{reads}, which looks like g; {to_si}"
    if _MILLI_G_RANGE[0] <= median <= _MILLI_G_RANGE[1]:
        return f"{reads}, which looks like mg; {to_si.replace('9.80665', '0.00980665')}"
    if median < _G_RANGE[0]:
        return f"{reads}, so gravity is not in it; expected the specific force in m/s² (9.8 at rest)"
    return f"{reads}, which is no m/s² (9.8 at rest); raw counts? multiply by the sensor's scale factor"


def _gyro_against_gravity(t_ns: Times, x: Floats, norm: Floats, rate_hz: float) -> tuple[float, float]:
    """How far gravity turns in the sensor for what the gyroscope says, and how well the two agree.

    In the sensor frame a fixed direction u obeys du/dt = -ω × u. Over windows of half a second the change of
    the smoothed accelerometer direction is compared with the integral of the right side: slope (1 = same
    unit) and correlation (-1 to 1); (1, 0) when the sensor turns too little to tell.
    """
    unsure = (1.0, 0.0)
    hop = max(2, round(0.5 * rate_hz))
    if len(x) < 12 * hop:
        return unsure
    u = x[:, :3] / np.maximum(norm, 1e-9)[:, None]
    half = max(1, round(0.1 * rate_hz))
    total = np.cumsum(np.vstack([np.zeros((1, 3)), u]), axis=0)
    at = np.arange(half, len(x) - half, hop)
    smooth = (total[at + half] - total[at - half]) / (2 * half)
    dt = np.diff(t_ns, prepend=t_ns[0]) / NS_PER_S
    turned = np.cumsum(-np.cross(x[:, 3:], u) * dt[:, None], axis=0)
    said = np.diff(turned[at], axis=0)
    seen = np.diff(smooth, axis=0)
    # A window over a gap says nothing; 0.15 rad in half a second is well above the noise of both sensors.
    use = (np.diff(t_ns[at]) < NS_PER_S) & (np.sqrt((said * said).sum(axis=1)) > 0.15)
    if np.count_nonzero(use) < 5:
        return unsure
    said, seen = said[use], seen[use]
    both = float((said * seen).sum())
    said_power, seen_power = float((said * said).sum()), float((seen * seen).sum())
    return both / said_power, both / np.sqrt(said_power * max(seen_power, 1e-12))


def check_force(path: str | Path, x: Floats) -> None:
    """Refuse forces that no person makes; ``x`` in N, shape (n, 1)."""
    largest = float(np.abs(x).max())
    if largest > _MAX_FORCE_N:
        raise InputError(path, f"force_n reaches {largest:.0f}; expected N (raw counts? scale them first)")
