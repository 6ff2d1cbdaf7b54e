"""MbientLab MetaMotion: raw acceleration and rotation, or one output of its sensor fusion. Little endian.

Notification: ``u8 module, u8 register, data``.

===========  ============================================================================================
module       data
===========  ============================================================================================
03, 13       acceleration, rotation: 3 i16 counts (8 bytes in all), or packed three samples (20 bytes)
03, 13 / 80  answer to the question what chip it is: its implementation, its revision
11 / 8c, cc  battery: u8 percent, u16 millivolt
19           fusion: 07 quaternion 4 f32, 09 gravity 3 f32 m/s2, 0a linear acceleration 3 f32 m/s2
===========  ============================================================================================

Counts mean what the range says, and the range is the one of the configuration that was written last. The
registers of the two chips overlap (rotation, 05: single on one, packed on the other), so the length decides.
Gravity and linear acceleration are no specific force and have channels of their own. No times, no counter:
acceleration and rotation are paired by number (:class:`eccentra.decode._imu.ByNumber`).

Source: mbientlab/MetaWear-API docs/api-specification.md (the maker's protocol document).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from eccentra.decode import CHANNEL, Frame, Limit, Notice
from eccentra.decode._imu import ACC, G0, GYR, RAD_PER_DEG, ByNumber, clipped, refuse_beyond
from eccentra.decode._parts import check_channel
from eccentra.errors import DecodeError
from eccentra.samples import Floats, Times

__all__ = ["CHIPS", "GYR_RANGES", "Chip", "Decoder", "Encoder", "Parameters"]

_ACC_MODULE, _GYR_MODULE, _SETTINGS, _FUSION = 0x03, 0x13, 0x11, 0x19
_CONFIG, _INFO = 0x03, 0x80
_READ = 0x80
_SINGLE, _PACKED = 8, 20
GYR_RANGES = {0: 2000.0, 1: 1000.0, 2: 500.0, 3: 250.0, 4: 125.0}
_GYR_COUNTS = 16.4 * 2000.0
_FUSED = {
    ("quat_w", "quat_x", "quat_y", "quat_z"): 0x07,
    ("gravity_x", "gravity_y", "gravity_z"): 0x09,
    ("free_x", "free_y", "free_z"): 0x0A,
}
# A float of the fusion beyond this is none: 100 g; quaternions lie within 1.
_FUSED_LIMIT = 1000.0


class Chip(msgspec.Struct, frozen=True):
    """What differs: implementation bytes, range codes in g, registers of single and packed samples."""

    name: str
    acc_id: int
    gyr_id: int
    ranges: dict[int, float]
    acc_registers: tuple[int, int]
    gyr_registers: tuple[int, int]


CHIPS = {
    "bmi160": Chip("BMI160", 1, 0, {3: 2.0, 5: 4.0, 8: 8.0, 12: 16.0}, (0x04, 0x1C), (0x05, 0x07)),
    "bmi270": Chip("BMI270", 4, 1, {0: 2.0, 1: 4.0, 2: 8.0, 3: 16.0}, (0x04, 0x05), (0x04, 0x05)),
}


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table ``[decoder]`` of profiles of this kind.

    Attributes
    ----------
    chip
        Motion chip of the model.
    acc_range_g, gyr_range_deg_s
        Ranges until a configuration is written.
    packed
        A simulated sensor sends three samples a packet.
    """

    chip: Literal["bmi160", "bmi270"]
    acc_range_g: Limit
    gyr_range_deg_s: Limit
    packed: bool = True

    def __post_init__(self) -> None:
        ranges = sorted(CHIPS[self.chip].ranges.values())
        if self.acc_range_g not in ranges:
            raise ValueError(f"acc_range_g is {self.acc_range_g:g}, expected one of {ranges}")
        if self.gyr_range_deg_s not in GYR_RANGES.values():
            known = sorted(GYR_RANGES.values())
            raise ValueError(f"gyr_range_deg_s is {self.gyr_range_deg_s:g}, expected one of {known}")

    def start(self, *, channels: tuple[str, ...], rate_hz: float) -> Decoder:
        """A decoder for a new connection."""
        return Decoder(self, _known(channels))

    def start_encoder(self, *, channels: tuple[str, ...], rate_hz: float, mtu: int) -> Encoder:
        """An encoder; its packets fit the smallest MTU."""
        return Encoder(self, _known(channels))


def _known(channels: tuple[str, ...]) -> tuple[str, ...]:
    if channels not in (ACC + GYR, ACC, GYR, *_FUSED):
        raise ValueError(f"channels {channels}: expected acceleration, angular rate, both, or one of fusion")
    return channels


def _steps(acc_range_g: float, gyr_range_deg_s: float) -> tuple[float, float]:
    """SI value of a count of acceleration and of rotation."""
    return acc_range_g / 32768 * G0, gyr_range_deg_s / _GYR_COUNTS * RAD_PER_DEG


class Decoder:
    """State: ranges, questions that wait for an answer, halves of samples that wait for the other."""

    def __init__(self, parameters: Parameters, channels: tuple[str, ...]) -> None:
        self._chip = CHIPS[parameters.chip]
        self._channels = channels
        self._acc_step, self._gyr_step = _steps(parameters.acc_range_g, parameters.gyr_range_deg_s)
        self._wanted = [m for m, c in ((_ACC_MODULE, "acc_x"), (_GYR_MODULE, "gyr_x")) if c in channels]
        self._pairs = ByNumber() if len(self._wanted) == 2 else None
        self._fused = _FUSED.get(channels)
        self._asked: set[int] = set()
        self._wrong = ""

    @property
    def waiting(self) -> int:
        """How many packets of one kind wait for their other half."""
        return 0 if self._pairs is None else self._pairs.waiting

    def expect(self, written: bytes) -> None:
        """Remember ranges, and that it was asked for its chips."""
        if len(written) == 4 and written[1] == _CONFIG:
            if written[0] == _ACC_MODULE and written[3] in self._chip.ranges:
                self._acc_step = _steps(self._chip.ranges[written[3]], 1.0)[0]
            elif written[0] == _GYR_MODULE and written[3] in GYR_RANGES:
                self._gyr_step = _steps(1.0, GYR_RANGES[written[3]])[1]
        elif len(written) == 2 and written[1] == _INFO and written[0] in (_ACC_MODULE, _GYR_MODULE):
            self._asked.add(written[0])

    def feed(self, channel: str, data: bytes) -> Sequence[Frame | Notice]:
        """One notification."""
        check_channel(channel, data)
        if len(data) < 2:
            raise DecodeError("truncated", data, len(data), "expected module and register")
        module, register = data[0], data[1]
        if register & _READ:
            return self._answer(module, register, data)
        if self._wrong:
            raise DecodeError("wrong_chip", data, 0, self._wrong)
        if module in (_ACC_MODULE, _GYR_MODULE):
            return self._counts(module, register, data)
        if module == _FUSION:
            return self._fusion(register, data)
        raise DecodeError("unknown_type", data, 0, f"module {module:#04x}, expected 03, 11, 13 or 19")

    def _counts(self, module: int, register: int, data: bytes) -> Sequence[Frame | Notice]:
        rotation = module == _GYR_MODULE
        single, packed = self._chip.gyr_registers if rotation else self._chip.acc_registers
        if register not in (single, packed):
            raise DecodeError("unknown_type", data, 1, f"register {register:#04x} of module {module:#04x}")
        if len(data) != (_SINGLE if register == single else _PACKED):
            raise DecodeError("bad_length", data, len(data), f"{len(data)} bytes, expected 8 or 20")
        if module not in self._wanted:
            detail = f"module {module:#04x} does not give {', '.join(self._channels)}"
            raise DecodeError("wrong_mode", data, 0, detail)
        step = self._gyr_step if rotation else self._acc_step
        x = (np.frombuffer(data, "<i2", -1, 2) * step).reshape(-1, 3)
        if self._pairs is None:
            return (Frame(x, None),)
        return self._pairs.add(x, rotation=rotation)

    def _fusion(self, register: int, data: bytes) -> Sequence[Frame | Notice]:
        if register != self._fused:
            detail = f"fusion register {register:#04x} does not give {', '.join(self._channels)}"
            raise DecodeError("wrong_mode", data, 1, detail)
        n = len(self._channels)
        if len(data) != 2 + 4 * n:
            raise DecodeError("bad_length", data, len(data), f"{len(data)} bytes, expected {2 + 4 * n}")
        values = struct.unpack_from(f"<{n}f", data, 2)
        if not refuse_beyond(data, values, _FUSED_LIMIT, "m/s2"):
            return (Notice(kind="lost_samples", value=1),)
        return (Frame(np.array((values,)), None),)

    def _answer(self, module: int, register: int, data: bytes) -> Sequence[Frame | Notice]:
        if module == _SETTINGS and register in (0x8C, 0xCC):
            if len(data) != 5 or data[2] > 100:
                raise DecodeError("out_of_range", data, 2, "expected percent (0 to 100) and millivolts")
            volts = int.from_bytes(data[3:5], "little") / 1000
            return (Notice(kind="battery_pct", value=data[2]), Notice(kind="battery_v", value=volts))
        if register == _INFO and module in self._asked:
            self._asked.discard(module)
            return self._identify(module, data)
        return (Notice(kind="answer", value=data.hex()),)

    def _identify(self, module: int, data: bytes) -> Sequence[Notice]:
        what = "gyroscope" if module == _GYR_MODULE else "accelerometer"
        expected = self._chip.gyr_id if module == _GYR_MODULE else self._chip.acc_id
        if len(data) < 3:
            raise DecodeError("no_module", data, 2, f"this board has no {what}")
        if data[2] != expected:
            self._wrong = (
                f"{what} of implementation {data[2]}, but the profile is for {self._chip.name} ({expected}); "
                "bind the sensor to the profile of its model"
            )
            raise DecodeError("wrong_chip", data, 2, self._wrong)
        return (Notice(kind="product", value=f"{what} {self._chip.name}"),)


class Encoder:
    """The inverse: one sample, or three packed, to one notification of each kind."""

    def __init__(self, parameters: Parameters, channels: tuple[str, ...]) -> None:
        chip = CHIPS[parameters.chip]
        self._fused = _FUSED.get(channels)
        self.samples_per_packet = 3 if parameters.packed and self._fused is None else 1
        acc_step, gyr_step = _steps(parameters.acc_range_g, parameters.gyr_range_deg_s)
        which = 1 if parameters.packed else 0
        self._parts = []
        if "acc_x" in channels:
            self._parts.append((bytes((_ACC_MODULE, chip.acc_registers[which])), acc_step, slice(0, 3)))
        if "gyr_x" in channels:
            start = channels.index("gyr_x")
            head = bytes((_GYR_MODULE, chip.gyr_registers[which]))
            self._parts.append((head, gyr_step, slice(start, start + 3)))

    def encode(self, device_ns: Times, x: Floats) -> list[tuple[str, bytes]]:
        """Acceleration, then rotation; what the chip cannot measure is at the end of its range."""
        if len(x) != self.samples_per_packet:
            raise ValueError(f"{len(x)} samples, expected {self.samples_per_packet}")
        if self._fused is not None:
            body = np.asarray(x[0], dtype="<f4").tobytes()
            return [(CHANNEL, bytes((_FUSION, self._fused)) + body)]
        return [(CHANNEL, head + clipped(x[:, part], step)) for head, step, part in self._parts]
