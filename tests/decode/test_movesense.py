"""Movesense: joining of parts, sizes by rate, values that are no numbers, answers."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from eccentra.decode import Frame, Notice
from eccentra.decode.movesense import Decoder, Parameters
from eccentra.errors import DecodeError

PARAMETERS = Parameters(
    acc_limit_m_s2=320.0, gyr_limit_deg_s=4000.0, packets_hz=13.0, sized_to_hz=104.0, most_samples=8
)
IMU6 = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")


def decoder(rate_hz: float = 104.0, channels: tuple[str, ...] = IMU6) -> Decoder:
    return PARAMETERS.start(channels=channels, rate_hz=rate_hz)


def body(stamp: int, n: int = 8, first: float = 0.0) -> bytes:
    return struct.pack("<I", stamp) + struct.pack(f"<{6 * n}f", *[first + i for i in range(6 * n)])


def data(stamp: int, reference: int = 7, n: int = 8, first: float = 0.0) -> bytes:
    return bytes((2, reference)) + body(stamp, n, first)


def split(packet: bytes, at: int) -> tuple[bytes, bytes]:
    return packet[:at], bytes((3, packet[1])) + packet[at:]


def the_frame(out: object) -> Frame:
    assert isinstance(out, tuple | list)
    frames = [part for part in out if isinstance(part, Frame)]
    assert len(frames) == 1
    return frames[0]


@pytest.mark.parametrize("at", range(7, 198, 7))
def test_parts_are_joined_wherever_they_are_cut(at: int) -> None:
    whole = the_frame(decoder().feed("data", data(1000)))
    run = decoder()
    first, second = split(data(1000), at)
    assert run.feed("data", first) == ()
    joined = the_frame(run.feed("data", second))
    assert np.array_equal(joined.x, whole.x)
    assert joined.ticks is not None
    assert joined.ticks.tolist() == [1000] * 8


def test_small_mtu_gives_many_parts() -> None:
    run, packet = decoder(), data(5)
    out = list(run.feed("data", packet[:20]))
    for at in range(20, len(packet), 18):
        out += run.feed("data", b"\x03\x07" + packet[at : at + 18])
    assert np.array_equal(the_frame(out).x, the_frame(decoder().feed("data", packet)).x)


def test_parts_of_two_references_do_not_mix() -> None:
    run = decoder()
    a1, a2 = split(data(1, 7, first=1.0), 100)
    b1, b2 = split(data(2, 9, first=50.0), 150)
    assert list(run.feed("data", a1)) + list(run.feed("data", b1)) == []
    assert the_frame(run.feed("data", a2)).x[0, 0] == 1.0
    assert the_frame(run.feed("data", b2)).x[0, 0] == 50.0


def test_lost_second_half_is_said_and_the_next_packet_kept() -> None:
    run = decoder()
    lost, _ = split(data(1), 152)
    kept, rest = split(data(78, first=3.0), 152)
    run.feed("data", lost)
    with pytest.raises(DecodeError, match="the new packet is kept") as caught:
        run.feed("data", kept)
    assert caught.value.reason == "lost_part"
    assert caught.value.data == lost
    assert the_frame(run.feed("data", rest)).x[0, 0] == 3.0


def test_lost_second_half_before_an_unsplit_packet() -> None:
    run = decoder()
    run.feed("data", split(data(1), 152)[0])
    out = run.feed("data", data(78))
    assert out[0] == Notice(kind="lost_part", value=152)
    assert the_frame(out).ticks is not None


def test_lost_first_half() -> None:
    run = decoder()
    with pytest.raises(DecodeError) as caught:
        run.feed("data", split(data(1), 152)[1])
    assert caught.value.reason == "part_without_start"
    assert the_frame(run.feed("data", data(2))).ticks is not None


@pytest.mark.parametrize(
    ("rate_hz", "n"), [(13.0, 1), (26.0, 2), (52.0, 4), (104.0, 8), (208.0, 8), (208.0, 5), (208.0, 16)]
)
def test_samples_in_a_packet(rate_hz: float, n: int) -> None:
    frame = the_frame(decoder(rate_hz).feed("data", data(3, n=n)))
    assert frame.x.shape == (n, 6)
    assert frame.offset_ns is not None
    assert frame.offset_ns.tolist() == [round(i * 1e9 / rate_hz) for i in range(n)]


def test_array_major_and_degrees() -> None:
    frame = the_frame(decoder(26.0).feed("data", data(3, n=2)))
    assert frame.x[:, :3].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.allclose(np.rad2deg(frame.x[:, 3:]), [[6, 7, 8], [9, 10, 11]], rtol=1e-15)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "truncated"),
        (b"\x02", "truncated"),
        (b"\x02\x07\x00\x00\x00\x00", "truncated"),
        (data(1) + b"\x00", "too_long"),
        (b"\x00\x07", "unknown_type"),
        (b"\x05\x07", "unknown_type"),
        (b"\x01\x07\xc8", "truncated"),
    ],
)
def test_what_is_no_message(packet: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decoder().feed("data", packet)
    assert caught.value.reason == reason


def test_parts_that_join_to_too_much() -> None:
    run = decoder()
    run.feed("data", data(1)[:190])
    with pytest.raises(DecodeError) as caught:
        run.feed("data", b"\x03\x07" + bytes(9))
    assert caught.value.reason == "too_long"
    assert the_frame(run.feed("data", data(2))).ticks is not None


def test_endless_parts_are_bounded_at_unknown_sizes() -> None:
    run = decoder(208.0)
    run.feed("data", data(1)[:21])

    def go_on() -> None:
        for _ in range(10_000):
            run.feed("data", b"\x03\x07" + bytes(240))

    with pytest.raises(DecodeError) as caught:
        go_on()
    assert caught.value.reason == "too_long"


# A signalling NaN would raise a floating point warning if it were computed with.
SIGNALLING = b"\x01\x00\x80\x7f"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", [struct.pack("<f", math.nan), struct.pack("<f", -math.inf), SIGNALLING])
def test_samples_without_a_number_are_left_out_and_said(bad: bytes) -> None:
    packet = bytearray(data(1000))
    packet[6 + 12 * 2 : 6 + 12 * 2 + 4] = bad  # acceleration of sample 2
    packet[6 + 96 + 12 * 5 : 6 + 96 + 12 * 5 + 4] = bad  # angular rate of sample 5
    out = decoder().feed("data", bytes(packet))
    frame, whole = the_frame(out), the_frame(decoder().feed("data", data(1000)))
    keep = [0, 1, 3, 4, 6, 7]
    assert np.array_equal(frame.x, whole.x[keep])
    assert frame.offset_ns is not None
    assert whole.offset_ns is not None
    assert frame.offset_ns.tolist() == whole.offset_ns[keep].tolist()
    assert out[1] == Notice(kind="lost_samples", value=2)


def test_a_packet_without_any_number() -> None:
    packet = data(1000)[:6] + struct.pack("<f", math.nan) * 48
    assert decoder().feed("data", packet) == (Notice(kind="lost_samples", value=8),)


@pytest.mark.parametrize(("at", "value"), [(0, 1e30), (0, -320.1), (24, 4000.5), (47, -1e30)])
def test_wild_values_are_refused(at: int, value: float) -> None:
    packet = bytearray(data(1000))
    packet[6 + 4 * at : 10 + 4 * at] = struct.pack("<f", value)
    with pytest.raises(DecodeError, match="limit") as caught:
        decoder().feed("data", bytes(packet))
    assert caught.value.reason == "out_of_range"


@pytest.mark.parametrize(("at", "value"), [(0, 320.0), (2, -320.0), (24, 4000.0), (47, -4000.0)])
def test_the_limits_themselves_are_allowed(at: int, value: float) -> None:
    packet = bytearray(data(1000))
    packet[6 + 4 * at : 10 + 4 * at] = struct.pack("<f", value)
    assert len(decoder().feed("data", bytes(packet))) == 1


def test_answers() -> None:
    run = decoder()
    assert run.feed("data", bytes.fromhex("0107ad01")) == (Notice(kind="result", value=429),)
    run.expect(b"\x04\x08/System/Energy/Level\x00")
    assert run.feed("data", bytes.fromhex("0108c80057")) == (Notice(kind="battery_pct", value=87),)
    run.expect(b"\x04\x08/System/Energy/Level\x00")
    assert run.feed("data", bytes.fromhex("01089401")) == (Notice(kind="result", value=404),)
    run.expect(b"\x04\x08/System/Energy/Level\x00")
    with pytest.raises(DecodeError, match="0 to 100"):
        run.feed("data", bytes.fromhex("0108c800ff"))


def test_hello() -> None:
    run = decoder()
    run.expect(b"\x00\x09")
    text = b"\0".join([b"174630000192", b"Movesense HR2", b"0C8CDC000001", b"Movesense", b"2.3.0"])
    assert run.feed("data", b"\x01\x09\x01" + text + b"\0") == (
        Notice(kind="serial", value="174630000192"),
        Notice(kind="product", value="Movesense HR2"),
        Notice(kind="firmware", value="Movesense 2.3.0"),
    )
    run.expect(b"\x00\x09")
    assert run.feed("data", b"\x01\x09Hello") == (Notice(kind="answer", value=b"Hello".hex()),)
