"""Ready-made sets of sensors, as data. A scenario names one, or lists its own sensors."""

from __future__ import annotations

import msgspec

from eccentra.simulate.link import Link
from eccentra.simulate.sensors import ForceErrors, ImuErrors, SensorSpec

__all__ = ["KITS"]

# A usual MEMS unit after the maker's calibration: 0.1 deg/s and 20 mm/s² noise, small fixed errors.
_IMU = ImuErrors(
    gyr_bias=(0.006, -0.004, 0.005),
    gyr_walk=1e-5,
    gyr_noise=0.002,
    gyr_range=17.45,
    acc_bias=(0.08, -0.06, 0.1),
    acc_scale=(1.003, 0.997, 1.004),
    acc_noise=0.03,
    acc_range=78.5,
    acc_step=0.0024,
)
_THIGH = SensorSpec(
    id="thigh",
    kind="imu",
    device="movesense",
    rate_hz=104.0,
    samples_per_packet=8,
    placement="thigh",
    imu=_IMU,
)
_SHANK = SensorSpec(
    id="shank",
    kind="imu",
    device="movesense",
    rate_hz=104.0,
    samples_per_packet=8,
    placement="shank",
    imu=_IMU,
)
_TRUNK = msgspec.structs.replace(_THIGH, id="trunk", placement="trunk")
_PELVIS = msgspec.structs.replace(_THIGH, id="pelvis", placement="pelvis")
_WRIST = SensorSpec(
    id="wrist",
    kind="imu",
    device="movesense",
    rate_hz=52.0,
    samples_per_packet=4,
    placement="wrist",
    imu=_IMU,
)
_LEFT = SensorSpec(
    id="left",
    kind="force",
    device="tindeq-progressor",
    rate_hz=80.0,
    side="left",
    force=ForceErrors(offset_n=4.0, drift_n_per_min=0.05, noise_n=0.4),
    link=Link(interval_ms=15.0),
)
_RIGHT = SensorSpec(
    id="right",
    kind="force",
    device="tindeq-progressor",
    rate_hz=80.0,
    side="right",
    force=ForceErrors(offset_n=-3.0, drift_n_per_min=-0.04, noise_n=0.4),
    link=Link(interval_ms=22.5),
)

KITS: dict[str, tuple[SensorSpec, ...]] = {
    "thigh": (_THIGH,),
    "thigh+shank": (_THIGH, _SHANK),
    "thigh+force": (_THIGH, _LEFT, _RIGHT),
    "thigh+shank+force": (_THIGH, _SHANK, _LEFT, _RIGHT),
    "force": (_LEFT, _RIGHT),
    "wrist": (_WRIST,),
    "shank": (_SHANK,),
    "trunk": (_TRUNK,),
    "pelvis": (_PELVIS,),
    "thigh+pelvis": (_THIGH, _PELVIS),
    "thigh+shank+pelvis": (_THIGH, _SHANK, _PELVIS),
    "trunk+thigh": (_TRUNK, _THIGH),
    "trunk+thigh+pelvis": (_TRUNK, _THIGH, _PELVIS),
}
