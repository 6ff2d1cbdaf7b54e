"""Butterworth low-pass with carried state, one call a block.

Designed and, on long blocks, run by SciPy. A call of ``sosfilt`` costs tens of microseconds before it
touches a sample, so short live blocks run the same cascade (direct form II transposed, the same order of
operations) in plain Python. Both give the same bits; where a platform's compiler fuses multiply and add
they may not, so this is tried once and the plain loop is used alone if they differ.

The filter starts in the steady state of the first *sample*, never of the first block.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import msgspec
import numpy as np

from eccentra.samples import Block, Floats, StreamInfo

__all__ = ["LowPass", "LowPassRun"]

# Break-even of one sosfilt call against the loop lies near 50 samples for one channel, 10 for six.
_LONG_BLOCK_VALUES = 128


class LowPass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters: corner frequency (-3 dB) in Hz and order (even)."""

    cutoff_hz: float
    order: int = 2

    def start(self, info: StreamInfo) -> LowPassRun:
        """Begin a run on the stream ``info``, all channels alike."""
        return LowPassRun(self, info)


@cache
def _design(cutoff_hz: float, order: int, rate_hz: float) -> tuple[tuple[float, ...], ...]:
    from scipy.signal import butter

    sos = butter(order, cutoff_hz, fs=rate_hz, output="sos")
    return tuple(tuple(float(v) for v in section) for section in sos)


def _steady(sections: tuple[tuple[float, ...], ...]) -> list[list[float]]:
    """State of each section for a constant input of one (gain at 0 Hz of a low-pass is one)."""
    states = []
    for b0, _b1, b2, _a0, _a1, a2 in sections:
        gain = (b0 + _b1 + b2) / (1.0 + _a1 + a2)
        z2 = b2 - a2 * gain
        z1 = _b1 - _a1 * gain + z2
        states.append([z1, z2, gain])
    return states


class LowPassRun:
    """State: two numbers a section and channel."""

    def __init__(self, stage: LowPass, info: StreamInfo) -> None:
        self.info = info
        self._sections = _design(stage.cutoff_hz, stage.order, info.rate_hz)
        self._z: Floats | None = None

    def push(self, block: Block) -> Sequence[Block]:
        """The filtered block, same times."""
        x = block.x
        if self._z is None:
            self._z = self._start_state(x[0])
        y = self._long(x) if x.size >= _LONG_BLOCK_VALUES and same_bits() else self._short(x)
        return (Block(block.stream, block.t, y),)

    def _start_state(self, first: Floats) -> Floats:
        z = np.empty((len(self._sections), 2, first.size))
        level = first
        for i, (z1, z2, gain) in enumerate(_steady(self._sections)):
            z[i, 0], z[i, 1] = z1 * level, z2 * level
            level = level * gain
        return z

    def _long(self, x: Floats) -> Floats:
        from scipy.signal import sosfilt

        y, self._z = sosfilt(np.array(self._sections), x, axis=0, zi=self._z)
        return np.ascontiguousarray(y)

    def _short(self, x: Floats) -> Floats:
        assert self._z is not None
        y = np.empty_like(x)
        z = self._z.tolist()
        for c in range(x.shape[1]):
            values = x[:, c].tolist()
            for s, (b0, b1, b2, _a0, a1, a2) in enumerate(self._sections):
                z1, z2 = z[s][0][c], z[s][1][c]
                for i, v in enumerate(values):
                    out = b0 * v + z1
                    z1 = b1 * v - a1 * out + z2
                    z2 = b2 * v - a2 * out
                    values[i] = out
                z[s][0][c], z[s][1][c] = z1, z2
            y[:, c] = values
        self._z = np.array(z)
        return y


@cache
def same_bits() -> bool:
    """Whether ``sosfilt`` and the plain loop agree in every bit on this machine."""
    info = StreamInfo(stream="probe", kind="probe", channels=("a", "b"), units=("1", "1"), rate_hz=100.0)
    x = np.random.default_rng(20).normal(size=(400, 2)) * np.array([1.0, 1e3])
    long, short = LowPass(cutoff_hz=5.0, order=4).start(info), LowPass(cutoff_hz=5.0, order=4).start(info)
    long._z = long._start_state(x[0])
    short._z = short._start_state(x[0])
    return bool(np.array_equal(long._long(x), short._short(x)))
