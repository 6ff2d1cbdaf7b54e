"""Device ticks to session time.

Three clocks are kept apart: *ticks* of the device (they wrap, drift and start again), *arrival* on the host
(late by up to a connection interval and more), and *session time*. Arrival is never sample time: it only
bounds it. Of the differences arrival minus device time the smallest are those of packets that waited
least, so the line below all of them (lower envelope, window 60 s) is the device's clock on the session's
time line, up to a constant delay below one connection interval. Its slope is the drift of a crystal and
bounded by ``drift_ppm``.

Everything is causal: a packet is mapped when it arrives and never again. When a later packet shows that the
line lies lower, the mapping approaches it by at most 5 ms a second, so sample times always increase.
"""

from __future__ import annotations

from fractions import Fraction
from operator import lt
from typing import Literal, Protocol

import msgspec
import numpy as np

from eccentra.decode import Frame
from eccentra.lower_envelope import BIN_NS, CRYSTAL_PPM, LowerEnvelope
from eccentra.samples import NS_PER_S, Times
from eccentra.unwrap import Unwrapper
from eccentra.waiting import Waits

__all__ = ["ClockMap", "ClockSpec"]

_SLEW = 5e-3
# Two crystals of 25 ppm.
_LINK_DRIFT = 50e-6
# Samples that seem to come from further ahead than any map can be wrong: the device clock started again.
_AHEAD_NS = 2 * NS_PER_S
# Packets can be held up, by a weak link or a stopped process, and then come in a burst.
_HELD_UP_NS = 30 * NS_PER_S
# Counters and nominal rates say nothing about time in which nothing was sent.
_HELD_UP_COUNTED_NS = NS_PER_S
# Held-up packets drain within a bin. Packets that stay late by so much are none: the device's clock stood
# still. A nominal rate falls behind with each lost packet, unseen, so there less is borne.
_STAYS_LATE_NS = NS_PER_S
_STAYS_LATE_NOMINAL_NS = NS_PER_S // 10
# Until bins have closed, the uncertainty is the longest connection interval sensors commonly ask for.
_UNKNOWN_RESIDUAL_NS = 50_000_000
# One packet never spans more.
_MAX_PACKET_NS = 10 * NS_PER_S

Kind = Literal["per_sample", "first_of_packet", "last_of_packet", "counter", "nominal", "arrival", "identity"]
_PER_PACKET = ("first_of_packet", "last_of_packet")
_NONE = np.empty(0, dtype=np.int64)
_ZERO = np.zeros(1, dtype=np.int64)
_LONG_AGO = -(1 << 62)


class ClockSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[clock]`` of device profiles.

    Attributes
    ----------
    kind
        ``per_sample``: each sample carries the device's time. ``first_of_packet``, ``last_of_packet``: one
        time a packet, that of its first or last sample; the decoder says how far the others are from it.
        ``counter``: each sample carries a running number. ``nominal``: nothing, samples are taken to come at
        the nominal rate and loss cannot be seen. ``arrival``: nothing, and no rate that could be relied on
        either: the time of arrival has to do, and loss cannot be seen. ``identity``: ticks are session time
        in ns.
    tick_s, bits
        Length of a tick and width of the field that holds it, for kinds that have them.
    epoch
        When the device's clock starts at zero: with each ``start`` command, at ``boot``, or it is the
        ``host``'s own.
    drift_ppm
        How far the device's clock or rate may be off.
    """

    kind: Kind
    tick_s: float | None = None
    bits: Literal[8, 16, 24, 32, 64] | None = None
    epoch: Literal["start", "boot", "host"] = "boot"
    drift_ppm: float = CRYSTAL_PPM

    def __post_init__(self) -> None:
        stamped = self.stamped
        if (self.tick_s is not None) != stamped:
            raise ValueError(f"tick_s is {'missing' if stamped else 'not allowed'} for kind {self.kind!r}")
        if (self.bits is not None) != (stamped or self.kind == "counter"):
            raise ValueError(f"bits is {'missing' if self.bits is None else 'not allowed'} for {self.kind!r}")
        if self.tick_s is not None and not 1e-9 <= self.tick_s <= 1.0:
            raise ValueError(f"tick_s is {self.tick_s}, expected 1e-9 to 1")
        if not 0 < self.drift_ppm <= 100_000:
            raise ValueError(f"drift_ppm is {self.drift_ppm}, expected above 0 and at most 100000")

    @property
    def stamped(self) -> bool:
        """Whether packets carry the device's time."""
        return self.kind == "per_sample" or self.kind in _PER_PACKET

    @property
    def loss_observable(self) -> bool:
        """Whether lost samples leave a trace in the sensor's own times or numbers."""
        return self.kind not in ("nominal", "arrival")

    def start(self, rate_hz: float) -> ClockMap:
        """A map for a new connection to a sensor with the nominal rate ``rate_hz``."""
        if self.kind == "identity":
            return _Identity()
        return _Arrival(rate_hz) if self.kind == "arrival" else _Envelope(self, rate_hz)


class ClockMap(Protocol):
    """What every map offers.

    Attributes
    ----------
    epoch
        Counts how often the device's clock started again within this connection.
    refused
        Counts packets without a place in time: repeated, or going backwards within themselves.
    lost
        Samples known to be missing from a running number; 0 for other kinds, which show gaps in time.
    """

    epoch: int
    refused: int
    lost: int

    @property
    def residual_ns(self) -> int:
        """Uncertainty of the alignment to session time, as far as it can be seen from the host."""
        ...

    @property
    def drift_ppm(self) -> float:
        """How much faster than the host's the device's clock runs, as found; 0 while it is not."""
        ...

    def correct(self, by_ns: int, uncertainty_ns: int) -> bool:
        """Move later samples by so much, slowly; something else than arrivals has shown it.

        ``uncertainty_ns`` is how well it is known. False when this map cannot be moved.
        """
        ...

    def map(self, arrival_ns: int, frame: Frame) -> Times:
        """Session time of each sample, int64 ns, shape (n,), strictly increasing also from call to call.

        Empty when the packet is refused (see ``refused``); its samples are then to be dropped.
        """
        ...


class _Identity:
    """Ticks are session time: rows of a file."""

    residual_ns = 0
    drift_ppm = 0.0

    def __init__(self) -> None:
        self.epoch = self.refused = self.lost = 0
        self._raw = self._last = _LONG_AGO

    def correct(self, by_ns: int, uncertainty_ns: int) -> bool:
        """Times of a file stay."""
        return False

    def map(self, arrival_ns: int, frame: Frame) -> Times:
        """The ticks; equal ones are set 1 ns apart, a packet that goes backwards is refused."""
        t = frame.ticks
        if t is None:
            raise ValueError("frames of kind 'identity' carry ticks")
        raw = t.tolist()
        if sorted(raw) != raw or raw[0] < self._raw:
            self.refused += 1
            return _NONE
        if raw[0] <= self._last or len(set(raw)) < len(raw):
            t = _increasing(t, self._last)
        self._raw, self._last = raw[-1], int(t[-1])
        return t


class _Arrival:
    """Time of arrival: for sensors that send neither time nor number, and at no steady rate.

    The last sample of a packet is taken to be as old as its arrival, those before it follow each other at
    the nominal rate.
    """

    drift_ppm = 0.0

    def __init__(self, rate_hz: float) -> None:
        self.epoch = self.refused = self.lost = 0
        self._period_ns = round(NS_PER_S / rate_hz)
        self._last = _LONG_AGO

    @property
    def residual_ns(self) -> int:
        """A sample waits up to its own period for its packet, and that for a connection interval."""
        return self._period_ns + _UNKNOWN_RESIDUAL_NS

    def correct(self, by_ns: int, uncertainty_ns: int) -> bool:
        """Each arrival is as uncertain as the one before."""
        return False

    def map(self, arrival_ns: int, frame: Frame) -> Times:
        """See :class:`ClockMap`."""
        n = len(frame.x)
        if n == 1 and arrival_ns > self._last:
            self._last = arrival_ns
            return np.array((arrival_ns,), dtype=np.int64)
        t = arrival_ns - self._period_ns * np.arange(n - 1, -1, -1, dtype=np.int64)
        if t[0] <= self._last:
            # a burst: what there is room for since the packet before
            room = max(arrival_ns - self._last, 0)
            t = _increasing(self._last + room * np.arange(1, n + 1, dtype=np.int64) // n, self._last)
        self._last = int(t[-1])
        return t


# A packet on the device's own clock: first tick; time of each sample after it, ns; its first and last time.
_Placed = tuple[int, Times, int, int]


class _Envelope:
    """An offset between device and session time that follows the lower envelope slowly."""

    def __init__(self, spec: ClockSpec, rate_hz: float) -> None:
        self.epoch = self.refused = self.lost = 0
        self._kind = spec.kind
        counted = spec.kind in ("counter", "nominal")
        tick_ns = NS_PER_S / Fraction(str(rate_hz)) if counted else Fraction(str(spec.tick_s)) * NS_PER_S
        self._num, self._den = tick_ns.numerator, tick_ns.denominator
        self._counter = Unwrapper(spec.bits or 64)
        self._period_ns = self._counter.period * self._num // self._den
        self._ahead = min(_AHEAD_NS, self._period_ns // 4)
        self._held_up = _HELD_UP_COUNTED_NS if counted else _HELD_UP_NS
        # A rate that is off makes packets late as well, until two bins have shown the slope.
        self._stays_late = _STAYS_LATE_NOMINAL_NS if spec.kind == "nominal" else _STAYS_LATE_NS
        self._stays_late += int(2 * BIN_NS * spec.drift_ppm * 1e-6)
        # What a rate may be off is no correction; the drift of an ordinary crystal fits into the limit.
        self._slew = _SLEW + max(0.0, spec.drift_ppm - CRYSTAL_PPM) * 1e-6
        self._drift_ppm = spec.drift_ppm
        self._next_number = 0
        self._last_number = 0
        self._offsets = (_NONE, 0, 0)
        self._line: LowerEnvelope | None = None
        self._zero = 0  # session time of device time 0, as its first packet had it
        self._device = 0
        self._offset = 0
        self._last = _LONG_AGO
        self._stamped = not counted
        self._waits = Waits()
        self._unseen: int | None = None
        self._look_at = _LONG_AGO
        self._corrected = 0
        self._known: tuple[int, int] | None = None  # device time of the correction, its uncertainty

    @property
    def residual_ns(self) -> int:
        """What is not seen of the shortest wait, spread of the envelope, lag of the mapping, a tick."""
        if self._line is None:
            return _UNKNOWN_RESIDUAL_NS
        wanted = self._zero + self._corrected + int(self._line.level + self._line.slope * self._device)
        behind = abs(wanted - self._offset)
        spread = self._line.spread
        if spread is None or self._unseen is None:
            return max(_UNKNOWN_RESIDUAL_NS, behind)
        unknown = self._unseen + round(spread) + self._num // self._den * self._stamped
        if self._known is not None:
            # what an unseen wait is changes with the drift against the link's clock
            since, uncertainty = self._known
            unknown = min(unknown, uncertainty + int(_LINK_DRIFT * (self._device - since)))
        return unknown + behind

    def correct(self, by_ns: int, uncertainty_ns: int) -> bool:
        """See :class:`ClockMap`; holds until the device's clock begins anew."""
        self._corrected += by_ns
        self._known = (self._device, uncertainty_ns)
        return True

    @property
    def drift_ppm(self) -> float:
        """Slope of the envelope."""
        return -self._line.slope * 1e6 if self._line is not None else 0.0

    def map(self, arrival_ns: int, frame: Frame) -> Times:
        """See :class:`ClockMap`."""
        placed = self._one_stamp(frame) if self._kind in _PER_PACKET else self._each(frame)
        if placed is None or not self._follow(arrival_ns, placed):
            self.refused += 1
            return _NONE
        _, within, start, end = placed
        base = self._device + self._offset
        t: Times = within + base
        if base + start <= self._last:
            t = _increasing(t, self._last)
            self._last = int(t[-1])
        else:
            self._last = base + end
        return t

    def _one_stamp(self, frame: Frame) -> _Placed | None:
        """One stamp a packet; decoders give the same array of offsets again and again."""
        if frame.ticks is None or frame.offset_ns is None:
            raise ValueError(f"frames of kind {self._kind!r} carry ticks and offset_ns")
        within, start, end = self._offsets
        if frame.offset_ns is not within:
            within = frame.offset_ns
            start, end = int(within[0]), int(within[-1])
            if end - start > _MAX_PACKET_NS or (within[1:] <= within[:-1]).any():
                return None
            self._offsets = (within, start, end)
        return frame.ticks.item(0), within, start, end

    def _each(self, frame: Frame) -> _Placed | None:
        """One tick or number a sample, or none at all."""
        n = len(frame.x)
        if frame.ticks is None:
            first, ticks = self._next_number, list(range(n))
            self._next_number += n
        else:
            first = frame.ticks.item(0)
            if n == 1:
                return first, _ZERO, 0, 0
            ticks = [(raw - first) & self._counter.mask for raw in frame.ticks.tolist()]
        forward = all(map(lt, ticks, ticks[1:]))
        times = [k * self._num // self._den for k in ticks]
        if times[-1] > _MAX_PACKET_NS or (not forward and sorted(ticks) != ticks):
            return None
        within = np.array(times, dtype=np.int64)
        if not forward:
            within = _increasing(within, -1)
        return first, within, 0, times[-1] if forward else int(within[-1])

    def _follow(self, arrival_ns: int, placed: _Placed) -> bool:
        """Move to a packet of the same epoch, or begin a new one; false when it is a repetition."""
        line, counter = self._line, self._counter
        raw, _, _, end = placed
        if line is None:
            self._begin(arrival_ns, placed)
            return True
        step = counter.step(raw)
        if step == 0:
            return False
        device = (counter.ticks + step) * self._num // self._den
        lag = arrival_ns - self._zero - end - device
        late = lag - (line.level + line.slope * device)
        wraps = 0
        if late > self._period_ns - self._ahead:
            wraps = int(late + self._ahead) // self._period_ns
            device += wraps * self._period_ns
            lag -= wraps * self._period_ns
            late -= wraps * self._period_ns
        again = not -self._ahead <= late <= self._held_up
        if not again and (late < 0.0 or lag < line.least or arrival_ns >= line.ends):
            again = line.add(arrival_ns, device, lag) > self._stays_late
        if again:
            self.epoch += 1
            self._begin(arrival_ns, placed)
            return True
        if self._kind == "counter":
            self._count_lost(step + wraps * counter.period, placed)
        counter.advance(raw, wraps)
        most = int(self._slew * (device - self._device))
        wanted = self._zero + self._corrected - self._offset + int(line.level + line.slope * device)
        self._offset += wanted if -most <= wanted <= most else (most if wanted > 0 else -most)
        self._device = device
        self._waits.add(arrival_ns, lag)
        if arrival_ns >= self._look_at:
            self._look_at = arrival_ns + BIN_NS
            self._unseen = self._waits.unseen_ns(line.slope)
        return True

    def _begin(self, arrival_ns: int, placed: _Placed) -> None:
        """Begin an epoch: its first packet is taken to have waited for nothing."""
        raw, _, start, end = placed
        self._counter.restart(raw)
        self._line = LowerEnvelope(self._drift_ppm, arrival_ns)
        self._waits, self._unseen = Waits(), None
        self._corrected, self._known = 0, None
        self._device = 0
        self._zero = arrival_ns - end
        self._offset = max(self._zero, self._last + 1 - start)
        self._count_lost(0, placed)

    def _count_lost(self, step: int, placed: _Placed) -> None:
        """Numbers missing between the last packet and this one, and inside this one."""
        if self._kind == "counter":
            _, within, start, end = placed
            numbers = round((end - start) * self._den / self._num)
            self.lost += max(0, step - self._last_number - 1) if step else 0
            self.lost += numbers + 1 - len(within)
            self._last_number = numbers


def _increasing(t: Times, last: int) -> Times:
    """The times, each moved to at least 1 ns after the one before it, the first one after ``last``."""
    index = np.arange(len(t), dtype=np.int64)
    moved: Times = np.maximum(np.maximum.accumulate(t - index), last + 1)
    return moved + index
