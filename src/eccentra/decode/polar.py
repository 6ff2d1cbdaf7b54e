"""Polar Measurement Data (H10, OH1, Verity Sense): acceleration and rotation. Little endian.

Data: ``u8 type, u64 nanoseconds of the last sample, u8 frame type, payload``; type 2 is acceleration, 5 is
rotation. Bit 7 of the frame type says that the payload is a first sample and differences, packed bit by bit
(see :mod:`eccentra.decode._polar_frames`).

Control point: ``f0, operation, type, status, more, parameters`` answers a command; ``01, types`` says that
the sensor stopped streams of its own accord. The answer to a start may hold the factor by which compressed
samples are multiplied; without one it is 1.

Both kinds carry times of one clock, so with both the rotation is taken at the times of the acceleration
(:class:`eccentra.decode._merge.Merge`).

Sources: polarofficial/polar-ble-sdk technical documentation and unit tests (facts), bleakheart.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._imu import ACC, G0, GYR, RAD_PER_DEG
from eccentra.decode._merge import Merge, Row
from eccentra.decode._parts import check_channel
from eccentra.decode._polar_frames import compress, expand, plain, raw_samples
from eccentra.errors import DecodeError
from eccentra.samples import NS_PER_S, Floats, Times

__all__ = ["CONTROL", "Decoder", "Encoder", "Framer", "Parameters", "settings_of"]

CONTROL = "control"
_ACC, _GYR = 2, 5
_NAMES = {0: "ECG", 1: "PPG", 2: "ACC", 3: "PPI", 5: "GYRO", 6: "MAG", 7: "temperature", 9: "SDK mode"}
_STATUS = (
    "success", "bad command", "bad type", "not supported", "bad length", "bad parameter",
    "already in this state", "resolution", "sample rate", "range", "MTU too small", "channels", "state",
    "in its charger", "disk full",
)  # fmt: skip
_ANSWER, _FEATURES, _STOPPED = 0xF0, 0x0F, 0x01
_GET, _START = 1, 2
_HEAD = struct.Struct("<BQB")
_LAST_TIME = 1 << 63
# settings: type, name, bytes of a value
_SETTINGS = {
    0: ("Hz", 2),
    1: ("bit", 2),
    2: ("range", 2),
    3: ("range", 4),
    4: ("channels", 1),
    6: ("key", 16),
}
_RATE, _FACTOR = 0, 5
_RANGES = (2, 3)
_MOST_PARAMETERS = 512
# Spacing that differs so much from the nominal one is a lost frame or another clock, not drift.
_SPACING_OFF = 0.05
_COMPRESSED = 0x80


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    acc_limit_m_s2, gyr_limit_deg_s
        Values beyond these, either way, are not measurements.
    resolution_bits
        Of a sample at the start of a compressed frame, when the settings do not say.
    compressed
        A simulated sensor sends compressed frames.
    factor_acc_mg, factor_gyr_deg_s
        The factors that a simulated sensor answers and uses.
    samples_per_packet
        Most samples of one kind that it puts into a notification.
    """

    acc_limit_m_s2: Limit
    gyr_limit_deg_s: Limit
    resolution_bits: int = 16
    compressed: bool = False
    factor_acc_mg: Limit = 1.0
    factor_gyr_deg_s: Limit = 1.0
    samples_per_packet: int = 36

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self, _known(channels), rate_hz)

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder whose notifications fit ``mtu``."""
        return Encoder(self, _known(channels), mtu)

    def start_framer(self) -> Framer:
        """Negotiates the settings of start commands."""
        return Framer()


def _known(channels: tuple[str, ...]) -> tuple[str, ...]:
    if channels not in (ACC + GYR, ACC, GYR):
        raise ValueError(f"channels {channels}: expected acceleration, angular rate, or both")
    return channels


class _Stream:
    """What is known of one kind of samples on this connection."""

    def __init__(self, bits: int, rate_hz: float, unit: float, limit: float) -> None:
        self.factor = 1.0
        self.bits = bits
        self.unit = unit  # SI value of 1 milli-g or 1 deg/s
        self.limit = limit
        self._last: int | None = None
        self._period_ns = NS_PER_S / rate_hz

    def times(self, stamp: int, n: int) -> list[int]:
        """Time of each sample, of which the last was taken at ``stamp``."""
        spacing = self._period_ns
        if self._last is not None and stamp > self._last:
            seen = (stamp - self._last) / n
            if abs(seen - spacing) <= _SPACING_OFF * spacing:
                spacing = seen
        self._last = stamp
        return [stamp - round((n - 1 - i) * spacing) for i in range(n)]


class Decoder:
    """State: factors, last times, answers that go on, samples that wait for their partners."""

    def __init__(self, parameters: Parameters, channels: tuple[str, ...], rate_hz: float) -> None:
        bits = parameters.resolution_bits
        self._channels = channels
        self._streams: dict[int, _Stream] = {}
        if "acc_x" in channels:
            self._streams[_ACC] = _Stream(bits, rate_hz, G0 / 1000, parameters.acc_limit_m_s2)
        if "gyr_x" in channels:
            limit = parameters.gyr_limit_deg_s * RAD_PER_DEG
            self._streams[_GYR] = _Stream(bits, rate_hz, RAD_PER_DEG, limit)
        self._merge = Merge(rate_hz) if len(self._streams) == 2 else None
        self._open: tuple[int, int] | None = None
        self._parameters = b""

    def expect(self, written: bytes) -> None:
        """Remember the resolution of a start command; answers say what they answer, and begin anew."""
        self._open, self._parameters = None, b""
        if len(written) > 2 and written[0] == _START and (written[1] & 0x3F) in self._streams:
            try:
                bits = settings_of(written[2:]).get("bit", [])
            except ValueError:
                return  # no sensor would start with that
            if len(bits) == 1 and 8 <= bits[0] <= 32:
                self._streams[written[1] & 0x3F].bits = int(bits[0])

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification of samples, or one answer of the control point."""
        if channel == CONTROL:
            return self._control(data)
        check_channel(channel, data)
        if len(data) <= _HEAD.size:
            raise DecodeError("truncated", data, len(data), "expected type, time, frame type and samples")
        kind, stamp, frame_type = _HEAD.unpack_from(data)
        stream = self._streams.get(kind)
        if stream is None:
            what = _NAMES.get(kind, str(kind))
            raise DecodeError("wrong_mode", data, 0, f"{what} does not give {', '.join(self._channels)}")
        if stamp >= _LAST_TIME:
            raise DecodeError("out_of_range", data, 1, f"time {stamp} ns is centuries away")
        x = self._samples(kind, frame_type, stream, data)
        if not (np.abs(x) <= stream.limit).all():
            raise DecodeError("out_of_range", data, _HEAD.size, f"beyond {stream.limit:g} (SI)")
        return self._place(kind, stream.times(stamp, len(x)), x)

    def _samples(self, kind: int, frame_type: int, stream: _Stream, data: bytes) -> Floats:
        """SI values, shape (n, 3)."""
        payload = data[_HEAD.size :]
        if not frame_type & _COMPRESSED:
            if kind != _ACC or frame_type > 2:
                raise DecodeError("unknown_type", data, 9, f"raw frames of type {frame_type} are not known")
            return raw_samples(payload, frame_type + 1, data) * stream.unit
        frame_type &= ~_COMPRESSED
        if frame_type > 1:
            raise DecodeError("unknown_type", data, 9, f"compressed frames of type {frame_type}")
        if kind == _GYR and frame_type == 1:
            counts = expand(payload, 32, data)
            bits = np.ascontiguousarray((counts & 0xFFFFFFFF).astype(np.uint32))
            return np.multiply(bits.view(np.float32), stream.factor * stream.unit, dtype=np.float64)
        unit = stream.unit * (1000.0 if kind == _ACC and frame_type == 0 else 1.0)
        return np.multiply(expand(payload, stream.bits, data), stream.factor * unit, dtype=np.float64)

    def _place(self, kind: int, times: list[int], x: Floats) -> Sequence[Frame | Notice]:
        if self._merge is None:
            return (Frame(np.ascontiguousarray(x), np.array(times, dtype=np.int64)),)
        rows: list[Row] = [(a, b, c) for a, b, c in x.tolist()]
        t, merged, lost = self._merge.add(times, rows, rotation=kind == _GYR)
        out: list[Frame | Notice] = []
        if merged:
            out.append(Frame(np.array(merged), np.array(t, dtype=np.int64)))
        if lost:
            out.append(Notice(kind="lost_samples", value=lost))
        return out

    def _control(self, data: bytes) -> Sequence[Notice]:
        if not data:
            raise DecodeError("truncated", data, 0, "an empty answer")
        if data[0] == _STOPPED:
            names = ", ".join(_NAMES.get(kind & 0x3F, str(kind)) for kind in data[1:])
            return (Notice(kind="stopped", value=names),)
        if data[0] == _FEATURES:
            return (Notice(kind="setting", value=f"features {data[1:].hex()}"),)
        if data[0] != _ANSWER or len(data) < 4:
            raise DecodeError("truncated", data, len(data), "expected f0, operation, type and status")
        operation, kind, status = data[1], data[2] & 0x3F, data[3]
        name = _NAMES.get(kind, f"type {kind}")
        if status:
            self._open = None
            why = _STATUS[status] if status < len(_STATUS) else str(status)
            return (Notice(kind="result", value=f"{name}: {why} ({status})"),)
        if self._open != (operation, kind):
            self._parameters = b""
        self._parameters += data[5:]
        more = len(data) > 4 and data[4]
        if more and len(self._parameters) <= _MOST_PARAMETERS:
            self._open = (operation, kind)
            return ()
        self._open, parameters = None, self._parameters
        return self._answered(operation, kind, name, parameters, data)

    def _answered(
        self, operation: int, kind: int, name: str, parameters: bytes, data: bytes
    ) -> Sequence[Notice]:
        try:
            settings = settings_of(parameters)
        except ValueError as error:
            raise DecodeError("bad_length", data, 5, str(error)) from None
        stream = self._streams.get(kind)
        if operation == _START and stream is not None:
            factor = settings.get("factor", [1.0])[0]
            if not 1e-9 < factor < 1e9:
                raise DecodeError("out_of_range", data, 5, f"factor {factor:g}")
            stream.factor = factor
        if not settings:
            return (Notice(kind="result", value=f"{name}: success"),)
        said = "; ".join(f"{key} {' '.join(f'{v:g}' for v in values)}" for key, values in settings.items())
        return (Notice(kind="setting", value=f"{name}: {said}"),)


def settings_of(data: bytes) -> dict[str, list[float]]:
    """Settings by name: each is a type, a count, and so many values.

    Raises
    ------
    ValueError
        When the bytes end inside one, or its type is not known.
    """
    out: dict[str, list[float]] = {}
    for kind, values in _fields(data).items():
        name = "factor" if kind == _FACTOR else _SETTINGS[kind][0]
        for value in values:
            number = struct.unpack("<f", value)[0] if kind == _FACTOR else int.from_bytes(value, "little")
            out.setdefault(name, []).append(float(number))
    return out


def _fields(data: bytes) -> dict[int, list[bytes]]:
    """Values of settings as they are written, by type."""
    out: dict[int, list[bytes]] = {}
    at = 0
    while at < len(data):
        kind, count = data[at], data[at + 1] if at + 1 < len(data) else 0
        size = 4 if kind == _FACTOR else _SETTINGS.get(kind, ("", 0))[1]
        at += 2
        if not size or not count or at + count * size > len(data):
            raise ValueError(f"setting {kind} with {count} values does not fit into {len(data)} bytes")
        out.setdefault(kind, []).extend(data[at + i * size : at + (i + 1) * size] for i in range(count))
        at += count * size
    return out


class Framer:
    """Start commands with exactly the settings that the sensor offers, one value of each.

    Of what was wished for the offered value is taken, else the nearest, of ranges the next larger; what was
    not wished for has its first value. The rate is kept as it was wished: at another one times would be
    wrong, so the sensor shall refuse. Without an answer about the settings the wish is sent as it is.
    """

    def __init__(self) -> None:
        self._parts: dict[int, bytes] = {}
        self._offered: dict[int, dict[int, list[bytes]]] = {}

    def heard(self, channel: str, data: bytes) -> None:
        """Remember the answers to questions for settings."""
        if channel != CONTROL or len(data) < 5 or data[:2] != bytes((_ANSWER, _GET)) or data[3]:
            return
        kind = data[2] & 0x3F
        parts = self._parts.pop(kind, b"") + data[5:]
        if data[4] and len(parts) <= _MOST_PARAMETERS:
            self._parts[kind] = parts
            return
        try:
            self._offered[kind] = _fields(parts)
        except ValueError:
            self._offered.pop(kind, None)  # the decoder says so

    def frame(self, inside: bytes) -> bytes:
        """The command, with its settings chosen from those offered."""
        offered = self._offered.get(inside[1] & 0x3F) if len(inside) > 2 and inside[0] == _START else None
        if not offered:
            return inside
        wishes = _fields(inside[2:])
        out = inside[:2]
        for setting, values in offered.items():
            value = _nearest(setting, values, wishes.get(setting, values)[0])
            if setting == _RATE and setting in wishes:
                value = wishes[setting][0]
            out += bytes((setting, 1)) + value
        return out


def _nearest(setting: int, values: list[bytes], wish: bytes) -> bytes:
    """The offered value nearest to the wish; of ranges one that holds it, if there is one."""
    wanted = int.from_bytes(wish, "little")

    def badness(value: bytes) -> tuple[bool, int]:
        number = int.from_bytes(value, "little")
        return setting in _RANGES and number < wanted, abs(number - wanted)

    return min(values, key=badness)


class Encoder:
    """The inverse: samples to one notification of each kind, raw or compressed."""

    def __init__(self, parameters: Parameters, channels: tuple[str, ...], mtu: int) -> None:
        self._compressed = parameters.compressed
        room = mtu - 3 - _HEAD.size
        # compressed: a first sample, a block's head, differences of at most 17 bits
        fits = (room - 6 - 2) * 8 // 51 if parameters.compressed else room // 6
        if fits < 2:
            raise ValueError(f"an MTU of {mtu} has no room for samples; expected at least 33")
        self.samples_per_packet = min(parameters.samples_per_packet, fits)
        if "gyr_x" in channels and not parameters.compressed:
            raise ValueError("angular rate is always compressed")
        self._parts: list[tuple[int, int, float, float, slice]] = []
        if "acc_x" in channels:
            factor = parameters.factor_acc_mg if parameters.compressed else 1.0
            self._parts.append((_ACC, 1, factor, factor * G0 / 1000, slice(0, 3)))
        if "gyr_x" in channels:
            at, factor = channels.index("gyr_x"), parameters.factor_gyr_deg_s
            self._parts.append((_GYR, 0, factor, factor * RAD_PER_DEG, slice(at, at + 3)))

    def opening(self) -> Sequence[tuple[str, bytes]]:
        """The answers to the start commands, which hold the factors."""
        return [(CONTROL, started(kind, factor)) for kind, _, factor, _, _ in self._parts]

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """Acceleration, then rotation; the time of the last sample is written."""
        if not 1 <= len(x) <= self.samples_per_packet:
            raise ValueError(f"{len(x)} samples, expected 1 to {self.samples_per_packet}")
        out = []
        for kind, frame_type, _, step, columns in self._parts:
            counts = np.clip(np.round(x[:, columns] / step), -32768, 32767).astype(np.int64)
            if self._compressed:
                frame_type |= _COMPRESSED
                body = compress(counts)
            else:
                body = plain(counts)
            out.append((CHANNEL, _HEAD.pack(kind, int(device_ns[-1]), frame_type) + body))
        return out


def started(kind: int, factor: float) -> bytes:
    """The answer to a start command that was carried out."""
    return bytes((_ANSWER, _START, kind, 0, 0, _FACTOR, 1)) + struct.pack("<f", factor)
