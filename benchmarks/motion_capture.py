"""Inclination against optical motion capture: the trials of BROAD that are at hand, default parameters.

Eccentra's own is taken where every exercise takes it, after resampling to 100 Hz; other filters get every
sample.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from peers import FILTERS
from scipy.io import loadmat

from eccentra.exercises import load_exercise
from eccentra.samples import Block, Floats, StreamInfo, Times

__all__ = ["TRIALS", "Trial", "eccentra_error_deg", "peer_errors_deg"]

TRIALS = "broad_orientation"
_CHANNELS = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")


class Trial:
    """One trial: samples of the sensor (n, 6), true direction up in its frame (n, 3), which rows count."""

    def __init__(self, path: Path) -> None:
        raw = loadmat(path)
        self.name = path.stem
        self.rate_hz = float(raw["sampling_rate"].squeeze())
        self.x: Floats = np.hstack([raw["imu_acc"], raw["imu_gyr"]])
        self.t: Times = np.round(np.arange(len(self.x)) / self.rate_hz * 1e9).astype(np.int64)
        w, x, y, z = raw["opt_quat"].T
        self.up: Floats = np.stack(
            (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)), axis=1
        )
        self.scored = np.isfinite(self.up).all(axis=1) & (raw["movement"].squeeze() == 1)


def _measured_up(trial: Trial) -> tuple[Floats, Floats]:
    """Times (s) and the direction up as every exercise gets it: resampled, then filtered."""
    exercise = load_exercise("generic")
    info = StreamInfo(
        stream="s",
        kind="imu",
        channels=_CHANNELS,
        units=("m/s2",) * 3 + ("rad/s",) * 3,
        rate_hz=trial.rate_hz,
        placement="thigh",
    )
    resample = exercise.resample.start(info)
    orient = exercise.orientation.start(resample.info)
    times, ups = [], []
    for i in range(0, len(trial.t), 10):
        for block in resample.push(Block("s", trial.t[i : i + 10], trial.x[i : i + 10])):
            for out in orient.push(block):
                times.append(out.t / 1e9)
                ups.append(out.x[:, :3])
    return np.concatenate(times), np.concatenate(ups)


def eccentra_error_deg(trial: Trial) -> float:
    """RMSE of the inclination in degrees while the sensor moves."""
    times, up = _measured_up(trial)
    at = np.clip(np.searchsorted(trial.t / 1e9, times), 1, len(trial.t) - 1)
    good = trial.scored[at] & trial.scored[at - 1]
    share = ((times - trial.t[at - 1] / 1e9) * trial.rate_hz)[:, None]
    true = trial.up[at - 1] + share * (trial.up[at] - trial.up[at - 1])
    return _rmse_deg(up[good], true[good])


def peer_errors_deg(trial: Trial) -> dict[str, tuple[float, float]]:
    """RMSE in degrees, and time in us per sample, of the other filters."""
    out = {}
    filters: dict[str, Callable[[Floats, Floats, float], Floats]] = FILTERS
    for name, run in filters.items():
        begin = time.process_time()
        up = run(trial.x[:, :3], trial.x[:, 3:], trial.rate_hz)
        spent = time.process_time() - begin
        error = _rmse_deg(up[trial.scored], trial.up[trial.scored])
        out[name] = (error, spent / len(trial.t) * 1e6)
    return out


def _rmse_deg(up: Floats, true: Floats) -> float:
    cosine = (up * true).sum(axis=1) / np.linalg.norm(up, axis=1) / np.linalg.norm(true, axis=1)
    angle = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return float(np.sqrt(np.mean(angle**2)))
