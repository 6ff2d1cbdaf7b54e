"""Which way is up, in the sensor's frame.

With a gyroscope: VQF without magnetometer (Laidig and Seel, Information Fusion 91:187, 2023), the most
accurate published filter for this, which also estimates the gyroscope's bias at rest. Heading is neither
needed nor used: every joint axis of the catalogue is close to horizontal, so an angle is a difference of
two inclinations, which gravity corrects.

With an accelerometer alone: the low-passed specific force, which is up only while the sensor is not being
accelerated; the rate columns are then NaN.

After a break in time the filter starts anew (the sensor may have turned meanwhile) and keeps its bias. So it
does when a still sensor's specific force contradicts it: a gyroscope that was overloaded, or turned by hand
quicker than it is read, leaves an error of tens of degrees, which would fade out within several ``tau_acc_s``
and look like a slow movement meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from vqf import VQF

from eccentra.samples import NS_PER_S, Block, Floats, StreamInfo
from eccentra.stages.lowpass import LowPass, LowPassRun
from eccentra.stages.stillness import TICK_NS

__all__ = ["COLUMNS", "Orientation", "StillRule"]

_AXES = ("x", "y", "z")
COLUMNS = tuple(f"{what}_{axis}" for what in ("up", "rate", "acc") for axis in _AXES)
# Below this a plain loop is quicker than a dozen NumPy calls; both do the same arithmetic.
_LONG_BLOCK = 20
# As above, of rows that are looked at.
_MANY_LOOKS = 8
_UNITS = ("1",) * 3 + ("rad/s",) * 3 + ("m/s2",) * 3


class StillRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the specific force is gravity's, and the filter is wrong.

    Nobody speeds up evenly by 1 m/s² for 0.8 s, to 0.8 m/s, without turning any segment.

    Attributes
    ----------
    off_deg
        Smallest angle between the specific force and what the filter takes for up.
    still_s
        The sensor must be still for so long.
    rate_deg_s
        It turns more slowly than this; sway of a standing person reaches 2.3.
    change_m_s2
        Its specific force stays within this of that at the beginning; noise of common sensors reaches 0.2.
    """

    off_deg: float = 6.0
    still_s: float = 0.8
    rate_deg_s: float = 5.0
    change_m_s2: float = 0.5


class Orientation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters.

    Attributes
    ----------
    tau_acc_s
        Time constant of VQF's accelerometer correction; its authors' default, 3 s.
    tau_rest_s
        What a sensor at rest shows stays near its mean over about this time. A slow, even turn is no rest: at
        2 °/s, the largest bias, the specific force leads that mean by 0.7 m/s², more than the 0.5 of a rest.
        With VQF's default, 0.5 s, it does not, and a ten seconds' stroke becomes bias.
    tilt_cutoff_hz
        Low-pass of an accelerometer without gyroscope: above the 1 Hz of quick repetitions, below the
        shocks of handling.
    still
        When a still sensor contradicts the filter.
    """

    tau_acc_s: float = 3.0
    tau_rest_s: float = 2.0
    tilt_cutoff_hz: float = 2.5
    still: StillRule = StillRule()

    def start(self, info: StreamInfo) -> _FusedRun | _TiltRun:
        """Begin a run on a resampled inertial stream."""
        return _FusedRun(self, info) if info.column("gyr_x") is not None else _TiltRun(self, info)

    def memory_s(self, info: StreamInfo) -> float:
        """So long after a break in time what is up depends on where the samples began.

        VQF weighs its first ``tau_acc_s`` of specific force evenly: someone who has got up speed v in them
        has tilted it by v / (g tau), 1 degree for 0.5 m/s, and by more before.
        """
        return self.tau_acc_s if info.column("gyr_x") is not None else 1.0 / self.tilt_cutoff_hz


def _output_info(info: StreamInfo) -> StreamInfo:
    return msgspec.structs.replace(info, kind="orientation", channels=(*COLUMNS, "gap"), units=(*_UNITS, "1"))


class _FusedRun:
    """Accelerometer and gyroscope."""

    def __init__(self, stage: Orientation, info: StreamInfo) -> None:
        self.info = _output_info(info)
        self._tau, self._rest = stage.tau_acc_s, stage.tau_rest_s
        self._step = round(NS_PER_S / info.rate_hz)
        self._filter = self._new()
        self._last: int | None = None
        self._wrong = _Wrong(stage.still, info.rate_hz)

    def _new(self) -> VQF:
        return VQF(self._step / NS_PER_S, tauAcc=self._tau, restFilterTau=self._rest)

    def push(self, block: Block) -> Sequence[Block]:
        """Rows of up (unit vector), rate (rad/s, bias removed), specific force (m/s²) and gap mark."""
        t = block.t
        first, last = t.item(0), t.item(-1)
        if self._last is not None and first - self._last != self._step:
            self._restart()
        self._last = last
        if last - first == (len(t) - 1) * self._step:
            return (self._piece(block),)
        out = []
        cuts = (np.flatnonzero(np.diff(t) != self._step) + 1).tolist()
        for i, (a, b) in enumerate(zip([0, *cuts], [*cuts, len(t)], strict=True)):
            if i:
                self._restart()
            out.append(self._piece(Block(block.stream, t[a:b], block.x[a:b])))
        return out

    def _restart(self) -> None:
        self._wrong.since = None
        self._anew(*self._filter.getBiasEstimate())

    def _anew(self, bias: Floats, sigma: float) -> None:
        self._filter = self._new()
        self._filter.setBiasEstimate(np.ascontiguousarray(bias), float(sigma))

    def _piece(self, block: Block) -> Block:
        x = block.x
        out: Floats = np.empty((len(x), 10))
        out[:, 6:9], out[:, 9] = x[:, 0:3], x[:, 6]
        done = 0
        while done < len(x):
            acc, gyr = x[done:, 0:3].copy(), x[done:, 3:6].copy()
            result, rest = self._filter.updateBatch(gyr, acc), out[done:]
            _up(result["quat6D"], rest)
            rest[:, 3:6] = gyr - result["bias"]
            at = self._wrong.found(block.t.item(done), rest)
            if at is None:
                break
            self._anew(result["bias"][at], result["biasSigma"][at])
            done += at + 1
        return Block(block.stream, block.t, out)


class _Wrong:
    """Looks every 50 ms for a still sensor whose specific force is not where up should be.

    Parameters
    ----------
    rule
        What that is.
    rate_hz
        Of the rows.
    """

    def __init__(self, rule: StillRule, rate_hz: float) -> None:
        self.since: tuple[float, float, float] | None = None
        self._looks = 0
        self._rule = rule
        self._step = round(NS_PER_S / rate_hz)
        self._stride = max(1, TICK_NS // self._step)
        self._need = round(rule.still_s * rate_hz / self._stride)
        self._cos = math.cos(math.radians(rule.off_deg))
        self._rate2 = math.radians(rule.rate_deg_s) ** 2

    def found(self, t_ns: int, rows: Floats) -> int | None:
        """Index of the row at which that is sure (the first is of ``t_ns``); ``None`` when it is not yet."""
        first = -t_ns % TICK_NS // self._step
        looked_at = rows[first :: self._stride]
        if len(looked_at) > _MANY_LOOKS and not self._any_off(looked_at):
            self.since = None
            return None
        for k, row in enumerate(looked_at.tolist()):
            if self._goes_on(row) and self._looks >= self._need:
                self.since = None
                return first + k * self._stride
        return None

    def _any_off(self, rows: Floats) -> bool:
        along, size = rows[:, 0:3] * rows[:, 6:9], rows[:, 6:9] * rows[:, 6:9]
        size = np.sqrt(size[:, 0] + size[:, 1] + size[:, 2])
        return bool((along[:, 0] + along[:, 1] + along[:, 2] < self._cos * size).any())

    def _goes_on(self, row: list[float]) -> bool:
        """Take a row."""
        x, y, z, p, q, r, a, b, c, _ = row
        off = x * a + y * b + z * c < self._cos * math.sqrt(a * a + b * b + c * c)
        if not off or p * p + q * q + r * r > self._rate2:
            self.since = None
            return False
        acc, limit = (a, b, c), self._rule.change_m_s2
        if self.since is None or any(abs(u - v) > limit for u, v in zip(acc, self.since, strict=True)):
            self.since, self._looks = acc, 0
        self._looks += 1
        return True


def _up(quaternions: Floats, out: Floats) -> None:
    """Up in the sensor's frame, into the first three columns of ``out``.

    That is the third row of the rotation matrix from sensor to earth: earth's vertical seen by the sensor.
    """
    if len(quaternions) < _LONG_BLOCK:
        out[:, 0:3] = [
            (2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y))
            for w, x, y, z in quaternions.tolist()
        ]
        return
    w, x, y, z = quaternions.T
    out[:, 0] = 2.0 * (x * z - w * y)
    out[:, 1] = 2.0 * (y * z + w * x)
    out[:, 2] = 1.0 - 2.0 * (x * x + y * y)


class _TiltRun:
    """Accelerometer alone."""

    def __init__(self, stage: Orientation, info: StreamInfo) -> None:
        self.info = _output_info(info)
        self._acc_info = msgspec.structs.replace(info, channels=info.channels[:3], units=info.units[:3])
        self._lowpass = LowPass(cutoff_hz=stage.tilt_cutoff_hz)
        self._step = round(NS_PER_S / info.rate_hz)
        self._filter: LowPassRun = self._lowpass.start(self._acc_info)
        self._last: int | None = None

    def push(self, block: Block) -> Sequence[Block]:
        """Rows as of the fused run, the rate NaN."""
        t = block.t
        starts = [0, *(np.flatnonzero(np.diff(t) != self._step) + 1).tolist()]
        out = []
        for a, b in zip(starts, [*starts[1:], len(t)], strict=True):
            if self._last is not None and int(t[a]) - self._last != self._step:
                self._filter = self._lowpass.start(self._acc_info)
            self._last = int(t[b - 1])
            out.append(self._piece(Block(block.stream, t[a:b], block.x[a:b])))
        return out

    def _piece(self, block: Block) -> Block:
        acc = np.ascontiguousarray(block.x[:, :3])
        (smooth,) = self._filter.push(Block(block.stream, block.t, acc))
        v = smooth.x
        norm = np.sqrt(v[:, 0] * v[:, 0] + v[:, 1] * v[:, 1] + v[:, 2] * v[:, 2])
        # free fall has no up; such rows are not measured
        norm[norm < 1e-3] = np.nan
        out: Floats = np.empty((len(v), 10))
        out[:, 0:3] = v / norm[:, None]
        out[:, 3:6] = np.nan
        out[:, 6:9] = acc
        out[:, 9] = block.x[:, 3]
        return Block(block.stream, block.t, out)
