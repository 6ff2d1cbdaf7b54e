"""From the body's course to each sensor's samples: sampling, mounting, errors, losses."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from eccentra.samples import Floats
from eccentra.simulate.athlete import Athlete
from eccentra.simulate.body import DT, Course
from eccentra.simulate.faults import Disconnect, Dropout, Fault, LoadedTare, Misplaced, Remount, Slip
from eccentra.simulate.sensors import Limb, SensorSpec, ideal_force, ideal_imu

__all__ = ["Signal", "measure"]


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What reached the host from one sensor, on true time.

    Attributes
    ----------
    sensor
        The sensor.
    t_s
        True time of each sample in s, shape (n,).
    x
        Values in SI units with all sensor errors, shape (n, channels); columns as ``sensor.channels``.
    packet
        Number of the packet that carried each sample, int64, shape (n,), rising.
    connection
        Number of the connection (from 0) over which it came, int64, shape (n,).
    """

    sensor: SensorSpec
    t_s: Floats
    x: Floats
    packet: NDArray[np.int64]
    connection: NDArray[np.int64]


def measure(
    course: Course,
    athlete: Athlete,
    limb: Limb,
    sensor: SensorSpec,
    faults: Sequence[Fault],
    rng: np.random.Generator,
) -> Signal:
    """Samples of one sensor."""
    end = (len(course["thigh"]) - 1) * DT
    step = 1.0 / (sensor.rate_hz * (1.0 + sensor.clock.drift_ppm * 1e-6))
    t = np.arange(sensor.clock.phase_s, end, step)
    own = [fault for fault in faults if fault.sensor == sensor.id]
    if sensor.kind == "force":
        x = _force(course, athlete, sensor, t, own, rng)
    else:
        x = _imu(course, athlete, limb, sensor, t, own, rng)
    connection = np.zeros(len(t), dtype=np.int64)
    kept = np.ones(len(t), dtype=bool)
    for fault in own:
        if isinstance(fault, Disconnect):
            back = fault.at_s + fault.away_s
            kept &= (t < fault.at_s) | (t >= back)
            connection[t >= back] += 1
    t, x, connection = t[kept], x[kept], connection[kept]
    packet, whole = _packets(connection, sensor.samples_per_packet)
    lost = rng.random(int(packet[-1]) + 1 if len(packet) else 0) < sensor.link.loss
    for fault in own:
        if isinstance(fault, Dropout):
            lost[packet[(t >= fault.start_s) & (t < fault.end_s)]] = True
    keep = whole & ~lost[packet]
    return Signal(sensor=sensor, t_s=t[keep], x=x[keep], packet=packet[keep], connection=connection[keep])


def _packets(connection: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Packet of each sample, and whether that packet was filled before its connection ended."""
    packet = np.zeros(len(connection), dtype=np.int64)
    whole = np.ones(len(connection), dtype=bool)
    first = 0
    for number in np.unique(connection):
        rows = np.flatnonzero(connection == number)
        packet[rows] = first + np.arange(len(rows)) // size
        whole[rows[len(rows) - len(rows) % size :]] = False
        first = int(packet[rows[-1]]) + 1
    return packet, whole


def _sample(x: Floats, t: Floats) -> Floats:
    """Columns of the grid's signal at the times ``t``, linear between grid points."""
    at = t / DT
    i = np.minimum(at.astype(np.int64), len(x) - 2)
    part = (at - i)[:, None] if x.ndim == 2 else at - i
    return np.asarray(x[i] + part * (x[i + 1] - x[i]))


def _force(
    course: Course,
    athlete: Athlete,
    sensor: SensorSpec,
    t: Floats,
    faults: Sequence[Fault],
    rng: np.random.Generator,
) -> Floats:
    errors = sensor.force
    side = next((f.side for f in faults if isinstance(f, Misplaced) and f.side), sensor.side or "both")
    x = _sample(ideal_force(course, athlete, side), t) * errors.gain
    for fault in faults:
        if isinstance(fault, LoadedTare):
            x[t >= fault.at_s] -= fault.load_n
    x += errors.offset_n + errors.drift_n_per_min * t / 60.0 + errors.noise_n * rng.standard_normal(len(t))
    return _digital(x, errors.range_n, errors.step_n)[:, None]


def _imu(
    course: Course,
    athlete: Athlete,
    limb: Limb,
    sensor: SensorSpec,
    t: Floats,
    faults: Sequence[Fault],
    rng: np.random.Generator,
) -> Floats:
    errors = sensor.imu
    place = next((f.placement for f in faults if isinstance(f, Misplaced) and f.placement), sensor.placement)
    acc, rate = ideal_imu(course, athlete, place or "thigh", limb)
    acc, rate = _sample(acc, t), _sample(rate, t)
    matrix = np.broadcast_to(sensor.mounting.matrix(), (len(t), 3, 3)).copy()
    for fault in sorted((f for f in faults if isinstance(f, Remount | Slip)), key=lambda f: f.at_s):
        if isinstance(fault, Remount):
            matrix[t >= fault.at_s] = fault.mounting.matrix()
        else:
            rate = rate + _slip(fault, t, matrix)
    acc = np.einsum("nij,nj->ni", matrix, acc)
    rate = np.einsum("nij,nj->ni", matrix, rate)
    acc = acc * np.array(errors.acc_scale) + np.array(errors.acc_bias)
    acc += errors.acc_noise * rng.standard_normal(acc.shape)
    walk = np.cumsum(rng.standard_normal(rate.shape), axis=0) * errors.gyr_walk / np.sqrt(sensor.rate_hz)
    rate = rate + np.array(errors.gyr_bias) + walk + errors.gyr_noise * rng.standard_normal(rate.shape)
    acc = _digital(acc, errors.acc_range, errors.acc_step)
    if not sensor.gyroscope:
        return acc
    return np.concatenate([acc, _digital(rate, errors.gyr_range, errors.gyr_step)], axis=1)


def _slip(fault: Slip, t: Floats, matrix: Floats) -> Floats:
    """Turn the sensor on its segment, in ``matrix``; gives its rate against it, in the segment's frame."""
    turn = np.radians(np.array(fault.turn_deg))
    angle = float(np.linalg.norm(turn))
    axis = turn / max(angle, 1e-12)
    u = np.clip((t - fault.at_s) / fault.over_s, 0.0, 1.0)
    share = u * u * u * (10.0 + u * (6.0 * u - 15.0))  # minimum jerk
    a = (angle * share)[:, None, None]
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    # Rodrigues; the sensor turns by +a, so the segment turns by -a in its frame
    matrix[:] = matrix @ (np.eye(3) - np.sin(a) * k + (1.0 - np.cos(a)) * (k @ k))
    speed = np.gradient(angle * share, t)
    return np.asarray(axis * speed[:, None])


def _digital(x: Floats, limit: float, step: float) -> Floats:
    """Saturate and round."""
    x = np.clip(x, -limit, limit)
    return np.round(x / step) * step if step > 0 else x
