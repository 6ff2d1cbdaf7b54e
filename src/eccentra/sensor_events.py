"""Events about sensors: connection, holes, clocks, batteries, and how they sit."""

from __future__ import annotations

import msgspec

from eccentra.event_base import SessionEvent
from eccentra.ids import Flag

__all__ = [
    "CalibrationDone",
    "CalibrationFailed",
    "CalibrationNeeded",
    "Mounting",
    "SensorBattery",
    "SensorConnected",
    "SensorGap",
    "SensorLost",
    "SensorMalformed",
    "SensorRestarted",
    "SensorTimed",
    "Tared",
    "TimesTapped",
]


class CalibrationNeeded(SessionEvent, frozen=True, kw_only=True, tag="calibration.needed"):
    """Calibration starts anew; ``instruction`` says what the person should do."""

    what: str
    instruction: str


class Mounting(msgspec.Struct, frozen=True, kw_only=True):
    """How a sensor sits: any way round is calibrated away, and the numbers are right all the same.

    Attributes
    ----------
    axis
        The axis printed on the sensor, with its sign, that lies nearest to what was found: ``-y``.
    off_deg
        How far it is from it: mounted askew.
    upside_down
        In the start pose, that axis points down rather than up; ``None`` where it is a movement's axis.
    """

    sensor: str
    axis: str
    off_deg: float
    upside_down: bool | None = None


class CalibrationDone(SessionEvent, frozen=True, kw_only=True, tag="calibration.done"):
    """The tracked angle got its zero or its axis; ``residual_deg`` says how well.

    ``mounting`` says how sensors sit: of a pose, which of their axes is upright in it; of a segment's axis,
    which one the movement turned about (mirrored on the other side of the limb, its sign changes).
    Of the axis of a joint between two sensors, ``lean_deg`` says how far it leans from level, and
    ``residual_deg_s`` by how much they turn differently across it.
    """

    what: str
    residual_deg: float | None = None
    mounting: tuple[Mounting, ...] = ()
    lean_deg: float | None = None
    residual_deg_s: float | None = None


class CalibrationFailed(SessionEvent, frozen=True, kw_only=True, tag="calibration.failed"):
    """Something is not where or as it should be; ``instruction`` says what the person should do.

    Numbers that it touches carry ``reason`` as a flag, or are missing.
    """

    what: str
    reason: Flag
    instruction: str
    sensor: str | None = None


class TimesTapped(SessionEvent, frozen=True, kw_only=True, tag="calibration.times"):
    """Two sensors that were struck together have their clocks brought together.

    Attributes
    ----------
    sensor, against
        Whose clock was corrected, and by which one.
    blows
        How many both felt.
    apart_ms
        By how much ``sensor`` was later; it is corrected by 5 ms a second, so that its times increase.
    uncertainty_before_ms, uncertainty_ms
        Of the two against each other, before and from now on.
    """

    sensor: str
    against: str
    blows: int
    apart_ms: float
    uncertainty_before_ms: float
    uncertainty_ms: float


class SensorConnected(SessionEvent, frozen=True, kw_only=True, tag="sensor.connected"):
    """A sensor's connection was made."""

    sensor: str


class SensorLost(SessionEvent, frozen=True, kw_only=True, tag="sensor.lost"):
    """A sensor's connection was lost, or nothing came for 500 ms (``silent``)."""

    sensor: str
    why: str


class SensorGap(SessionEvent, frozen=True, kw_only=True, tag="sensor.gap"):
    """Samples are missing from ``start_us`` to ``end_us`` (last sample before, first sample after).

    ``missing`` false: told later of a hole already told; not all samples of this longer span are missing, but
    something moved in it that was not counted, and without the hole it might have been.
    """

    sensor: str
    start_us: int
    end_us: int
    missing: bool = True


class SensorMalformed(SessionEvent, frozen=True, kw_only=True, tag="sensor.malformed"):
    """A packet did not follow its protocol; ``count`` is the running total of this sensor."""

    sensor: str
    reason: str
    detail: str
    count: int


class SensorRestarted(SessionEvent, frozen=True, kw_only=True, tag="sensor.restarted"):
    """A sensor's clock started again; its time is mapped anew."""

    sensor: str


class SensorTimed(SessionEvent, frozen=True, kw_only=True, tag="sensor.timed"):
    """How well a sensor's time was known on the connection that ends here.

    Between any two sensors of a session the error is at most the sum of both uncertainties, in 19 of 20
    cases; a delay that all have in common, on the way to this program, is in none of them.

    Attributes
    ----------
    uncertainty_ms
        Of its samples' session time, as its last packets left it; 50 where too few came to know.
    drift_ppm
        How much faster than the host's its clock or rate runs, as far as it was found.
    since_us
        Where its clock, or the connection, began.
    loss_observable
        Whether lost samples leave a trace in its own times or numbers.
    """

    sensor: str
    since_us: int
    uncertainty_ms: float
    drift_ppm: float
    loss_observable: bool


class SensorBattery(SessionEvent, frozen=True, kw_only=True, tag="sensor.battery"):
    """A sensor said something about its battery."""

    sensor: str
    low: bool
    value: float | None = None
    unit: str | None = None


class Tared(SessionEvent, frozen=True, kw_only=True, tag="tare.done"):
    """The zero of a force sensor was set; ``offset_n`` is subtracted from now on."""

    sensor: str
    offset_n: float
