"""A sensor's packets measured: rate, lateness, loss, clock, and at rest noise, gravity and zero. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.events import Event, SensorMalformed, SensorRestarted
from eccentra.inputs import Connected, Input, Lost, Packet, Written
from eccentra.intake import Intake
from eccentra.profiles import SensorSetup
from eccentra.samples import NS_PER_S, Floats, StreamInfo, Times

__all__ = ["GRAVITY", "Checked", "Measured", "Rest", "measure"]

GRAVITY = 9.80665
# A window of this length is at rest when nothing in it deviates more than hands, cables and walking by do:
# standard deviations of one second on a table, of common sensors, lie below a third of these.
_WINDOW_NS = NS_PER_S
_REST_SD = {"m/s2": 0.15, "rad/s": math.radians(2.0), "N": 3.0}
_LEAST_REST_WINDOWS = 5
# Between two samples further apart than this many periods, samples are missing.
_PERIODS = 1.75


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the sensor beforehand."""

    device: str
    kind: str
    nominal_rate_hz: float
    clock: str
    loss_observable: bool


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """What can only be measured while the sensor lies still and unloaded.

    Attributes
    ----------
    windows
        Seconds at rest that were found.
    noise
        Standard deviation of each channel within one second, median over those seconds; SI units.
    gravity_m_s2, gravity_error_pct
        Mean length of the specific force, and how far it is off 9.80665.
    up
        The sensor's axis that points up, such as ``+z``, and by how many degrees it does not.
    up_off_deg
        See ``up``.
    bias_deg_s
        Length of the mean angular rate.
    level_n, drift_n
        Mean force of the first second at rest, and the change to the last one.
    """

    windows: int
    noise: dict[str, float]
    gravity_m_s2: float | None = None
    gravity_error_pct: float | None = None
    up: str | None = None
    up_off_deg: float | None = None
    bias_deg_s: float | None = None
    level_n: float | None = None
    drift_n: float | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """All numbers of a check. What could not be measured is ``None``.

    Attributes
    ----------
    seconds
        From the first to the last sample.
    rate_hz
        Samples a second where none are missing: from the median step of a second.
    late_p95_ms, late_worst_ms
        How long samples were under way, as far as that varies: arrival minus session time, above the least.
    missing_pct, longest_hole_s
        Share of time in holes; the longest one. Without time and number only what was long is seen.
    repeated
        Packets without a place in time: repeated ones, mostly.
    malformed
        Packets that do not follow the protocol.
    restarts, connections
        How often the sensor's clock began anew, and how often it was connected.
    drift_ppm, uncertainty_ms
        Of its clock, see :class:`~eccentra.events.SensorTimed`.
    largest
        Largest absolute value of each channel, SI units.
    rest
        ``None`` when it was never still for long enough.
    """

    sensor: Checked
    seconds: float
    packets: int
    samples: int
    rate_hz: float | None
    late_p95_ms: float | None
    late_worst_ms: float | None
    missing_pct: float
    longest_hole_s: float
    repeated: int
    malformed: int
    restarts: int
    connections: int
    drift_ppm: float
    uncertainty_ms: float
    largest: dict[str, float]
    rest: Rest | None


class _Taken:
    """What came of one sensor."""

    def __init__(self, setup: SensorSetup) -> None:
        self.intake = Intake(setup)
        self.t: list[Times] = []
        self.x: list[Floats] = []
        self.late: list[int] = []
        self.restarts = self.connections = self.repeated = self.malformed = 0

    def take(self, item: Input) -> None:
        match item:
            case Connected():
                self.connections += 1
                self.intake.connect()
            case Written():
                self.intake.decoder.expect(item.data)
            case Packet():
                for part in self.intake.take(item):
                    if isinstance(part, tuple):
                        self.t.append(part[0])
                        self.x.append(part[1])
                        self.late.append(item.arrival_ns - part[0].item(-1))
                    else:
                        self._event(part)

    def _event(self, event: Event) -> None:
        self.restarts += isinstance(event, SensorRestarted)
        if isinstance(event, SensorMalformed):
            out_of_place = event.reason == "no_place_in_time"
            self.repeated += out_of_place
            self.malformed += not out_of_place


def measure(setup: SensorSetup, items: Sequence[Input]) -> Measured | None:
    """Numbers of one sensor.

    Parameters
    ----------
    setup
        What it is.
    items
        Inputs of a session, in order; those of other sensors are left out.

    Returns
    -------
    The numbers, or ``None`` when no sample came.
    """
    taken = _Taken(setup)
    for item in items:
        if isinstance(item, Connected | Lost | Written | Packet) and item.sensor == setup.sensor:
            taken.take(item)
    if not taken.t:
        return None
    info, clock = taken.intake.info, taken.intake.clock
    t, x = np.concatenate(taken.t), np.concatenate(taken.x)
    late = (np.array(taken.late) - min(taken.late)) / 1e6
    seconds = (t.item(-1) - t.item(0)) / NS_PER_S
    rate = _rate_hz(t)
    holes = _holes_s(t, rate or info.rate_hz)
    return Measured(
        sensor=Checked(
            device=setup.profile.id,
            kind=info.kind,
            nominal_rate_hz=setup.rate,
            clock=setup.clock.kind,
            loss_observable=info.loss_observable,
        ),
        seconds=round(seconds, 3),
        packets=taken.intake.health.packets,
        samples=len(t),
        rate_hz=None if rate is None else round(rate, 2),
        late_p95_ms=round(float(np.percentile(late, 95)), 2),
        late_worst_ms=round(float(late.max()), 2),
        missing_pct=round(100.0 * sum(holes) / seconds, 3) if seconds else 0.0,
        longest_hole_s=round(max(holes, default=0.0), 3),
        repeated=taken.repeated,
        malformed=taken.malformed,
        restarts=taken.restarts,
        connections=max(taken.connections, 1),
        drift_ppm=round(clock.drift_ppm, 1),
        uncertainty_ms=round(clock.residual_ns / 1e6, 2),
        largest=_by_channel(info, np.nanmax(np.abs(x), axis=0)),
        rest=_rest(info, t, x),
    )


def _rate_hz(t: Times) -> float | None:
    """From the whole seconds without a hole: the median of their samples' mean steps."""
    if len(t) < 3:
        return None
    steps = np.diff(t)
    usual = float(np.median(steps))
    if usual <= 0.0:
        return None
    # batches of a second, so that steps that come in two lengths (ticks of a coarse clock) do not bias it
    n = max(1, round(NS_PER_S / max(float(steps.mean()), usual)))
    spans = t[n:] - t[:-n]
    return float(n * NS_PER_S / np.median(spans)) if len(spans) else float(NS_PER_S / steps.mean())


def _holes_s(t: Times, rate_hz: float) -> list[float]:
    """Length of every hole beyond the step that would be there anyway."""
    period = NS_PER_S / rate_hz
    steps = np.diff(t).astype(np.float64)
    holes: list[float] = ((steps[steps > _PERIODS * period] - period) / NS_PER_S).tolist()
    return holes


def _by_channel(info: StreamInfo, values: Floats) -> dict[str, float]:
    return {name: float(f"{value:.4g}") for name, value in zip(info.channels, values.tolist(), strict=True)}


def _rest(info: StreamInfo, t: Times, x: Floats) -> Rest | None:
    """Numbers of the seconds in which nothing moved."""
    allowed = np.array([_REST_SD.get(unit, math.inf) for unit in info.units])
    edges = np.searchsorted(t, np.arange(t[0], t[-1] - _WINDOW_NS, _WINDOW_NS))
    means, deviations = [], []
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = x[a:b]
        if b - a >= 3 and not np.isnan(part).any():
            deviation = part.std(axis=0, ddof=1)
            if (deviation <= allowed).all():
                means.append(part.mean(axis=0))
                deviations.append(deviation)
    if len(means) < _LEAST_REST_WINDOWS:
        return None
    level, noise = np.array(means), np.median(np.array(deviations), axis=0)
    rest = Rest(windows=len(means), noise=_by_channel(info, noise))
    if info.kind == "force":
        first, last = level[0, 0].item(), level[-1, 0].item()
        return msgspec.structs.replace(rest, level_n=round(first, 2), drift_n=round(last - first, 3))
    return _gravity(info, rest, level)


def _gravity(info: StreamInfo, rest: Rest, level: Floats) -> Rest:
    acc = level[:, [info.channels.index(f"acc_{axis}") for axis in "xyz"]]
    size = np.linalg.norm(acc, axis=1)
    mean = acc.mean(axis=0)
    k = int(np.argmax(np.abs(mean)))
    share = abs(mean[k].item()) / max(float(np.linalg.norm(mean)), 1e-9)
    bias = None
    if "gyr_x" in info.channels:
        gyr = level[:, [info.channels.index(f"gyr_{axis}") for axis in "xyz"]].mean(axis=0)
        bias = round(math.degrees(float(np.linalg.norm(gyr))), 3)
    return msgspec.structs.replace(
        rest,
        gravity_m_s2=round(float(size.mean()), 4),
        gravity_error_pct=round(100.0 * abs(float(size.mean()) / GRAVITY - 1.0), 3),
        up=("+" if mean[k] > 0 else "-") + "xyz"[k],
        up_off_deg=round(math.degrees(math.acos(min(1.0, share))), 1),
        bias_deg_s=bias,
    )
