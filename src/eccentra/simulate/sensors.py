"""What worn sensors measure: ideal signals from the body's course, then mounting and sensor errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np

from eccentra.samples import Floats, Placement, Side
from eccentra.simulate.athlete import GRAVITY, Athlete
from eccentra.simulate.body import DT, Course
from eccentra.simulate.link import Clock, Link

__all__ = ["ForceErrors", "ImuErrors", "Limb", "Mounting", "SensorSpec", "Vector", "ideal_force", "ideal_imu"]

Vector = tuple[float, float, float]
# Where along its segment a sensor sits, from the joint below, and how far in front of the bone (m).
_SEGMENTS: dict[str, tuple[str, float, float]] = {
    "thigh": ("thigh", 0.25, 0.07),
    "shank": ("shank", 0.25, 0.04),
    "pelvis": ("trunk", 0.08, -0.10),
    "trunk": ("trunk", 0.40, 0.11),
}


class Mounting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a sensor sits on its segment; all zero: x forward, y left, z up along the segment.

    ``twist_deg`` turns it about the segment, ``tilt_deg`` tips it off the segment's axis; ``upside_down``
    and ``face_in`` turn it by half a turn (the latter is what wearing it mirrored on the other side does).
    """

    twist_deg: float = 0.0
    tilt_deg: float = 0.0
    upside_down: bool = False
    face_in: bool = False

    def matrix(self) -> Floats:
        """Rotation from segment to sensor, shape (3, 3)."""
        a, b = np.radians([self.twist_deg + (180.0 if self.face_in else 0.0), self.tilt_deg])
        twist = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1.0]])
        tilt = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1.0, 0], [np.sin(b), 0, np.cos(b)]])
        flip = np.diag([1.0, -1.0, -1.0]) if self.upside_down else np.eye(3)
        return np.asarray(flip @ tilt @ twist)


class ImuErrors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Errors of an inertial sensor; noise is the SD of one sample, ``gyr_walk`` that of the bias in 1 s."""

    gyr_bias: Vector = (0.0, 0.0, 0.0)
    gyr_walk: float = 0.0
    gyr_noise: float = 0.0
    gyr_range: float = 35.0
    gyr_step: float = 0.0
    acc_bias: Vector = (0.0, 0.0, 0.0)
    acc_scale: Vector = (1.0, 1.0, 1.0)
    acc_noise: float = 0.0
    acc_range: float = 157.0
    acc_step: float = 0.0


class ForceErrors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Errors of a force sensor; ``offset_n`` is what it shows without load."""

    offset_n: float = 0.0
    drift_n_per_min: float = 0.0
    gain: float = 1.0
    noise_n: float = 0.0
    step_n: float = 0.0
    range_n: float = 3000.0


class Limb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The free limb (arm, tool) that sensors at ``wrist`` and ``load`` sit on.

    It turns about ``axis`` (in the body's frame: x forward, y left, z up) through a point 1.4 m up, the
    sensor at ``lever_m`` from there when the angle is zero; ``line`` is the way of its travel.
    """

    axis: Vector = (0.0, -1.0, 0.0)
    lever_m: Vector = (0.0, 0.0, -0.55)
    line: Vector = (1.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("axis", "line"):
            if not np.linalg.norm(getattr(self, name)) > 1e-6:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a direction")


class SensorSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One worn sensor.

    Attributes
    ----------
    id
        Opaque id of the sensor.
    kind
        ``imu`` (needs ``placement``) or ``force`` (needs ``side``).
    device
        Id of the device profile that says how its packets look.
    rate_hz, samples_per_packet
        Sample rate; samples in a packet.
    gyroscope
        False: accelerometer only.
    mounting, imu, force
        How it sits and how wrong it is.
    clock, link
        Its clock and its radio link.
    """

    id: str
    kind: Literal["imu", "force"]
    device: str
    rate_hz: float
    samples_per_packet: int = 1
    placement: Placement | None = None
    side: Side | None = None
    gyroscope: bool = True
    mounting: Mounting = Mounting()
    imu: ImuErrors = ImuErrors()
    force: ForceErrors = ForceErrors()
    clock: Clock = Clock()
    link: Link = Link()

    def __post_init__(self) -> None:
        if self.kind == "imu" and self.placement is None:
            raise ValueError(f"sensor {self.id}: placement is missing, an imu needs one")
        if self.kind == "force" and self.side is None:
            raise ValueError(f"sensor {self.id}: side is missing, a force sensor needs one")
        if not 1.0 <= self.rate_hz <= 2000.0:
            raise ValueError(f"sensor {self.id}: rate_hz is {self.rate_hz}, expected 1 to 2000")
        if not 1 <= self.samples_per_packet <= 1000:
            raise ValueError(f"sensor {self.id}: samples_per_packet is {self.samples_per_packet}")

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of its columns, as in the CSV files."""
        if self.kind == "force":
            return ("force_n",)
        acc = ("acc_x", "acc_y", "acc_z")
        return (*acc, "gyr_x", "gyr_y", "gyr_z") if self.gyroscope else acc


def ideal_force(course: Course, athlete: Athlete, side: Side) -> Floats:
    """Force in N on the strap of one side (or both), on the grid."""
    share = {"left": athlete.left_share, "right": 1.0 - athlete.left_share, "both": 1.0}[side]
    straps = 2.0 if side == "both" else 1.0
    return np.asarray(share * course["torque"] / athlete.lever_m + straps * course["strap"])


def ideal_imu(course: Course, athlete: Athlete, placement: Placement, limb: Limb) -> tuple[Floats, Floats]:
    """Specific force (m/s²) and angular rate (rad/s) in the segment's frame (x forward, y left, z up).

    Returns
    -------
    acc, rate
        float64, shape (n, 3), on the grid.
    """
    if placement in ("wrist", "load"):
        axes, place, rate = _limb_pose(course, limb)
    else:
        axes, place, rate = _chain_pose(course, athlete, placement)
    force = np.gradient(np.gradient(place, DT, axis=0), DT, axis=0)
    force[:, 2] += GRAVITY
    acc = np.stack([np.einsum("ij,ij->i", axis, force) for axis in axes], axis=1)
    # Impacts shake the tissue mostly along the segment; the free limb feels a third of it.
    shares = {"shank": 2.0, "thigh": 1.0, "pelvis": 0.7, "trunk": 0.5}
    acc += course["shock"][:, None] * shares.get(placement, 0.3) * np.array([0.6, 0.25, 1.0])
    return acc, rate


def _ground(course: Course) -> tuple[Floats, Floats]:
    """Path of the body over the floor in the world, x and y in m."""
    yaw, speed = course["yaw"], course["speed"]
    return np.cumsum(speed * np.cos(yaw)) * DT, np.cumsum(speed * np.sin(yaw)) * DT


def _chain_pose(
    course: Course, athlete: Athlete, placement: Placement
) -> tuple[tuple[Floats, Floats, Floats], Floats, Floats]:
    """Axes of the segment in the world, place of the sensor, angular rate in the segment's frame.

    The segment's attitude is Rz(yaw) Rx(roll) Ry(lean); the rates follow from these angles' derivatives.
    """
    segment, along, front = _SEGMENTS[placement]
    lean, yaw = course[segment], course["yaw"]
    leg = segment in ("thigh", "shank") and bool(course["abduct"].any())
    roll = course["roll"] + course["abduct"] if leg else course["roll"]
    sl, cl, sr, cr, sy, cy = np.sin(lean), np.cos(lean), np.sin(roll), np.cos(roll), np.sin(yaw), np.cos(yaw)
    x, z = course["ankle_x"].copy(), course["ankle_z"].copy()
    for joint, length in (("shank", athlete.shank_m), ("thigh", athlete.thigh_m)):
        if joint == segment:
            break
        x += length * np.sin(course[joint])
        z += length * np.cos(course[joint])
    x += along * sl + front * cl
    z += along * cl - front * sl

    def world(a: Floats, b: Floats | float, c: Floats) -> Floats:
        """Rz(yaw) Rx(roll) (a, b, c)."""
        side, up = cr * b - sr * c, sr * b + cr * c
        return np.stack([cy * a - sy * side, sy * a + cy * side, up], axis=1)

    place = world(x, 0.0, z)
    if leg:
        place += _hip_kept(course, athlete, world)
    east, north = _ground(course)
    place[:, 0] += east
    place[:, 1] += north
    axes = (world(cl, 0.0, -sl), world(np.zeros_like(cl), 1.0, np.zeros_like(cl)), world(sl, 0.0, cl))
    dl, dr, dy = np.gradient(lean, DT), np.gradient(roll, DT), np.gradient(yaw, DT)
    rate = np.stack([dr * cl - dy * sl * cr, dl + dy * sr, dr * sl + dy * cl * cr], axis=1)
    return axes, place, rate


def _hip_kept(course: Course, athlete: Athlete, leg: Callable[..., Floats]) -> Floats:
    """What the leg is moved by so that an abducted leg turns about the hip and not about the ankle."""
    x, z = course["ankle_x"].copy(), course["ankle_z"].copy()
    for joint, length in (("shank", athlete.shank_m), ("thigh", athlete.thigh_m)):
        x += length * np.sin(course[joint])
        z += length * np.cos(course[joint])
    roll, yaw = course["roll"], course["yaw"]
    side = -np.sin(roll) * z
    body = np.stack([np.cos(yaw) * x - np.sin(yaw) * side, np.sin(yaw) * x + np.cos(yaw) * side], axis=1)
    body = np.concatenate([body, (np.cos(roll) * z)[:, None]], axis=1)
    return np.asarray(body - leg(x, 0.0, z))


def _limb_pose(course: Course, limb: Limb) -> tuple[tuple[Floats, Floats, Floats], Floats, Floats]:
    """The same for the free limb, by Rodrigues' formula about its axis and then the heading."""
    axis = np.array(limb.axis) / np.linalg.norm(limb.axis)
    line = np.array(limb.line) / np.linalg.norm(limb.line)
    angle, yaw = course["limb"], course["yaw"]
    s, c = np.sin(angle)[:, None], np.cos(angle)[:, None]
    sy, cy = np.sin(yaw), np.cos(yaw)

    def turned(v: Floats) -> Floats:
        return np.asarray(v * c + np.cross(axis, v) * s + axis * (axis @ v) * (1 - c))

    def world(v: Floats) -> Floats:
        return np.stack([cy * v[:, 0] - sy * v[:, 1], sy * v[:, 0] + cy * v[:, 1], v[:, 2]], axis=1)

    place = turned(np.array(limb.lever_m)) + course["travel"][:, None] * line
    # Bending the trunk carries the shoulder along.
    place[:, 0] += 0.5 * np.sin(course["trunk"])
    place[:, 2] += 1.4 + 0.5 * (np.cos(course["trunk"]) - 1.0)
    place = world(place)
    east, north = _ground(course)
    place[:, 0] += east
    place[:, 1] += north
    unit = np.eye(3)
    axes = (world(turned(unit[0])), world(turned(unit[1])), world(turned(unit[2])))
    up = np.stack([a[:, 2] for a in axes], axis=1)
    rate = np.gradient(angle, DT)[:, None] * axis + np.gradient(yaw, DT)[:, None] * up
    return axes, place, rate
