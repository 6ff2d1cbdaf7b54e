"""What else people use, on the same data: three ways of counting and three orientation filters.

Counting, from the acceleration of one sensor worn anywhere:

- peaks of the first principal component (``scipy.signal.find_peaks``: a half of its standard deviation
  prominent, 0.5 s apart);
- local maxima of the magnitude below 0.4 Hz (``argrelextrema``), as in a well-known tutorial;
- ``neurokit2``: its band-pass and its peak finder on the first principal component, a half of its standard
  deviation high.

They are given exactly the span of the set, which Eccentra has to find by itself. Orientation: ``imufusion``
and ``ahrs`` (Madgwick, Mahony) with the gains they come with.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
from scipy.signal import argrelextrema, butter, find_peaks, sosfiltfilt

from eccentra.samples import Floats

__all__ = ["COUNTERS", "FILTERS", "INSTALL"]

INSTALL = "pip install --group bench"


def _rate(t: Floats) -> float:
    return 1.0 / float(np.median(np.diff(t)))


def _main_direction(x: Floats) -> Floats:
    acc = x[:, :3] - x[:, :3].mean(axis=0)
    main: Floats = acc @ np.linalg.eigh(acc.T @ acc)[1][:, -1]
    return main


def peaks_of_pc1(t: Floats, x: Floats) -> int:
    """Peaks of the first principal component of the acceleration."""
    main = _main_direction(x)
    return len(find_peaks(main, prominence=0.5 * main.std(), distance=max(int(0.5 * _rate(t)), 1))[0])


def tutorial(t: Floats, x: Floats) -> int:
    """Local maxima of the acceleration's magnitude below 0.4 Hz."""
    size = np.sqrt((x[:, :3] ** 2).sum(axis=1))
    smooth = sosfiltfilt(butter(5, 0.4, fs=_rate(t), output="sos"), size)
    return len(argrelextrema(smooth, np.greater)[0])


def neurokit(t: Floats, x: Floats) -> int:
    """Peaks that ``neurokit2`` finds in the first principal component between 0.05 and 2 Hz."""
    import neurokit2

    rate = _rate(t)
    smooth = neurokit2.signal_filter(
        _main_direction(x), sampling_rate=rate, lowcut=0.05, highcut=min(2.0, 0.45 * rate)
    )
    return len(neurokit2.signal_findpeaks(smooth, height_min=0.5 * smooth.std())["Peaks"])


COUNTERS: dict[str, Callable[[Floats, Floats], int]] = {
    "peaks of PC1": peaks_of_pc1,
    "0.4 Hz maxima": tutorial,
}
if importlib.util.find_spec("neurokit2") is not None:
    COUNTERS["neurokit2"] = neurokit


def _up(quaternions: Floats) -> Floats:
    """Direction up in the sensor's frame, from quaternions sensor to earth (w, x, y, z)."""
    w, x, y, z = quaternions.T
    return np.stack((2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)), axis=1)


def _imufusion(acc: Floats, gyr: Floats, rate_hz: float) -> Floats:
    import imufusion

    ahrs = imufusion.Ahrs()
    ahrs.set_sample_period(1.0 / rate_hz)
    out = np.empty((len(acc), 3))
    gyr_deg, acc_g = np.degrees(gyr), acc / 9.80665
    for i in range(len(acc)):
        ahrs.update_no_magnetometer(gyr_deg[i], acc_g[i])
        out[i] = ahrs.get_gravity()
    return out


def _ahrs(name: str) -> Callable[[Floats, Floats, float], Floats]:
    def run(acc: Floats, gyr: Floats, rate_hz: float) -> Floats:
        import ahrs

        return _up(np.asarray(getattr(ahrs.filters, name)(gyr=gyr, acc=acc, frequency=rate_hz).Q))

    return run


FILTERS: dict[str, Callable[[Floats, Floats, float], Floats]] = {}
if importlib.util.find_spec("imufusion") is not None:
    FILTERS["imufusion"] = _imufusion
if importlib.util.find_spec("ahrs") is not None:
    FILTERS["ahrs Madgwick"] = _ahrs("Madgwick")
    FILTERS["ahrs Mahony"] = _ahrs("Mahony")
