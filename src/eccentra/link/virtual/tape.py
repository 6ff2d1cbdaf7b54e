"""Simulated samples as an emulated sensor takes them: with their true times, once or over and over."""

from __future__ import annotations

import numpy as np

from eccentra.profiles import SensorSetup
from eccentra.samples import NS_PER_S, Floats, Times
from eccentra.simulate import Signal, Simulation
from eccentra.simulate.delivery import setup_of

__all__ = ["Tape", "tapes"]

# Sample times may differ from a regular grid by this share of a step (rounding), no more.
_IRREGULAR = 0.01


class Tape:
    """Samples at a fixed rate on true time, which starts at zero.

    Parameters
    ----------
    t_s
        True time of each sample, shape (n,).
    x
        Values in SI units, shape (n, channels).
    channels
        Names of the columns.
    period_s
        When given, samples from here on are left out and the rest comes again and again, every ``period_s``.
        It should hold a whole number of samples.

    Raises
    ------
    ValueError
        When samples are missing: what is lost on the way to the host is not lost in the sensor.
    """

    def __init__(
        self, t_s: Floats, x: Floats, channels: tuple[str, ...], period_s: float | None = None
    ) -> None:
        if period_s is not None:
            kept = t_s < period_s
            t_s, x = t_s[kept], x[kept]
        steps = np.diff(t_s)
        if len(t_s) < 2 or np.any(np.abs(steps - steps[0]) > _IRREGULAR * steps[0]):
            raise ValueError("samples are missing or fewer than two; simulate without losses")
        self.channels = channels
        self.rate_hz = float((len(t_s) - 1) / (t_s[-1] - t_s[0]))
        self._t = np.round(t_s * NS_PER_S).astype(np.int64)
        self._x = x
        self._period = None if period_s is None else round(period_s * NS_PER_S)

    def at_rate(self, rate_hz: float) -> Tape:
        """The same course sampled at ``rate_hz``, linearly interpolated; itself when that is its rate."""
        if abs(rate_hz - self.rate_hz) < 0.01 * self.rate_hz:
            return self
        end = self._t[-1] / NS_PER_S if self._period is None else self._period / NS_PER_S
        t = np.arange(self._t[0] / NS_PER_S, end, 1.0 / rate_hz)
        old = self._t / NS_PER_S
        x = np.stack([np.interp(t, old, column) for column in self._x.T], axis=1)
        period = None if self._period is None else self._period / NS_PER_S
        return Tape(t, x, self.channels, period)

    def first_after(self, true_ns: int) -> int:
        """Number of the first sample later than ``true_ns``; they are numbered through all repetitions."""
        if self._period is None:
            return int(np.searchsorted(self._t, true_ns, side="right"))
        turns, rest = divmod(true_ns, self._period)
        return turns * len(self._t) + int(np.searchsorted(self._t, rest, side="right"))

    def read(self, first: int, count: int) -> tuple[Times, Floats]:
        """``count`` samples from number ``first`` on; fewer at the end of a tape that does not repeat.

        Returns
        -------
        t_ns
            True times, int64, shape (n,).
        x
            Values, shape (n, channels).
        """
        numbers = np.arange(first, first + count)
        if self._period is None:
            numbers = numbers[numbers < len(self._t)]
            return self._t[numbers], self._x[numbers]
        turns, rows = np.divmod(numbers, len(self._t))
        return self._t[rows] + turns * self._period, self._x[rows]


def tapes(simulation: Simulation, *, loop: bool) -> dict[str, tuple[SensorSetup, Tape]]:
    """Setup and tape of each sensor of a simulated athlete, by its id.

    With ``loop`` the session repeats after its whole seconds: in these the usual rates fit without a seam.
    """
    period = float(int(simulation.truth.duration_s)) if loop else None
    out: dict[str, tuple[SensorSetup, Tape]] = {}
    for name, signal in simulation.signals.items():
        setup = setup_of(signal.sensor)
        out[name] = (setup, _tape(signal, setup, period))
    return out


def _tape(signal: Signal, setup: SensorSetup, period_s: float | None) -> Tape:
    return Tape(signal.t_s, signal.x, setup.mode.channels, period_s)
