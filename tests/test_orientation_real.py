"""Inclination against optical motion capture: the trials of BROAD that are at hand, default parameters.

Floors: RMSE of the inclination at most 1.2 degrees in each trial and 0.7 degrees on average, while moving.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import loadmat

from eccentra.exercises import load_exercise
from eccentra.samples import Block, Floats, StreamInfo
from needs import need_data

CHANNELS = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
WORST_DEG, MEAN_DEG = 1.2, 0.7


def optical_up(quaternion: Floats) -> Floats:
    """Unit vector up in the sensor's frame, from quaternions sensor to earth (w, x, y, z)."""
    w, x, y, z = quaternion.T
    return np.stack((2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)), axis=1)


def measured_up(t: np.ndarray, x: Floats, rate_hz: float) -> tuple[Floats, Floats]:
    """Times (s) and the direction up as every exercise gets it: resampled, then filtered."""
    exercise = load_exercise("generic")
    units = ("m/s2",) * 3 + ("rad/s",) * 3
    info = StreamInfo(
        stream="s", kind="imu", channels=CHANNELS, units=units, rate_hz=rate_hz, placement="thigh"
    )
    resample = exercise.resample.start(info)
    orient = exercise.orientation.start(resample.info)
    times, ups = [], []
    for i in range(0, len(t), 10):
        for block in resample.push(Block("s", t[i : i + 10], x[i : i + 10])):
            for out in orient.push(block):
                times.append(out.t / 1e9)
                ups.append(out.x[:, :3])
    return np.concatenate(times), np.concatenate(ups)


def rmse_deg(path: Path) -> float:
    trial = loadmat(path)
    rate = float(trial["sampling_rate"].squeeze())
    t = np.round(np.arange(len(trial["imu_acc"])) / rate * 1e9).astype(np.int64)
    times, up = measured_up(t, np.hstack([trial["imu_acc"], trial["imu_gyr"]]), rate)
    true = optical_up(trial["opt_quat"])
    scored = np.isfinite(true).all(axis=1) & (trial["movement"].squeeze() == 1)
    at = np.clip(np.searchsorted(t / 1e9, times), 1, len(t) - 1)
    good = scored[at] & scored[at - 1]
    share = ((times - t[at - 1] / 1e9) * rate)[:, None]
    between = true[at - 1] + share * (true[at] - true[at - 1])
    cosine = (up * between).sum(axis=1) / np.linalg.norm(between, axis=1)
    error = np.degrees(np.arccos(np.clip(cosine[good], -1.0, 1.0)))
    assert len(error) > 1000
    return float(np.sqrt(np.mean(error**2)))


def test_inclination_against_motion_capture() -> None:
    errors = {path.stem: rmse_deg(path) for path in sorted(need_data("broad_orientation").glob("*.mat"))}
    assert len(errors) == 3
    assert max(errors.values()) <= WORST_DEG, errors
    assert np.mean(list(errors.values())) <= MEAN_DEG, errors
