"""Tindeq messages beyond the captured ones."""

from __future__ import annotations

import math
import struct

import pytest

from eccentra.decode import Frame, Notice
from eccentra.decode.tindeq import Decoder, Parameters
from eccentra.errors import DecodeError

PARAMETERS = Parameters(mass_limit_kg=1000.0, battery_limit_v=10.0)


def decoder() -> Decoder:
    return PARAMETERS.start(channels=("force",), rate_hz=80.0)


def weight(*records: tuple[float, int]) -> bytes:
    body = b"".join(struct.pack("<fI", *record) for record in records)
    return bytes((1, len(body))) + body


@pytest.mark.parametrize("count", [1, 2, 3, 31])
def test_any_number_of_records(count: int) -> None:
    (frame,) = decoder().feed("data", weight(*[(-0.5 * i, 12_500 * i) for i in range(count)]))
    assert isinstance(frame, Frame)
    assert frame.x[:, 0].tolist() == [-0.5 * i * 9.80665 for i in range(count)]
    assert frame.ticks is not None
    assert frame.ticks.tolist() == [12_500 * i for i in range(count)]


def test_full_range_of_the_counter() -> None:
    (frame,) = decoder().feed("data", weight((1.0, 0xFFFFFFFF)))
    assert isinstance(frame, Frame)
    assert frame.ticks is not None
    assert frame.ticks.tolist() == [2**32 - 1]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_records_without_a_number_are_left_out_and_said(bad: float) -> None:
    frame, notice = decoder().feed("data", weight((1.0, 1), (bad, 2), (3.0, 3)))
    assert isinstance(frame, Frame)
    assert frame.ticks is not None
    assert frame.ticks.tolist() == [1, 3]
    assert notice == Notice(kind="lost_samples", value=1)
    assert decoder().feed("data", weight((bad, 2))) == [Notice(kind="lost_samples", value=1)]


@pytest.mark.parametrize("records", [[(1e30, 1)], [(-1000.1, 1)], [(1.0, 1), (1e30, 2)]])
def test_wild_values_are_refused(records: list[tuple[float, int]]) -> None:
    with pytest.raises(DecodeError, match="limit 1000 kg") as caught:
        decoder().feed("data", weight(*records))
    assert caught.value.reason == "out_of_range"


def test_the_limit_itself_is_allowed() -> None:
    assert len(decoder().feed("data", weight((1000.0, 1)))) == 1


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        ("", "truncated"),
        ("01", "truncated"),
        ("0100", "bad_length"),
        ("010400000000", "bad_length"),
        ("0108000048", "truncated"),
        ("0108000048410000000000", "too_long"),
        ("040100", "bad_length"),
        ("0500", "unknown_type"),
        ("ff00", "unknown_type"),
    ],
)
def test_what_is_no_message(packet: str, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decoder().feed("data", bytes.fromhex(packet))
    assert caught.value.reason == reason
    assert caught.value.data == bytes.fromhex(packet)


@pytest.mark.parametrize(
    ("command", "answer", "notice"),
    [
        (b"\x6f", "0004a00f0000", Notice(kind="battery_v", value=4.0)),
        (b"\x6b", "0005312e322e33", Notice(kind="firmware", value="1.2.3")),
        (b"\x6c", "00024f4b", Notice(kind="error_info", value="OK")),
        (b"\x70", "0003010203", Notice(kind="device_id", value="030201")),
        (b"\x72", "0003010203", Notice(kind="answer", value="010203")),
        (b"", "0003010203", Notice(kind="answer", value="010203")),
    ],
)
def test_answers_belong_to_the_open_command(command: bytes, answer: str, notice: Notice) -> None:
    run = decoder()
    run.expect(command)
    assert run.feed("data", weight((1.0, 1))) != ()
    assert run.feed("data", bytes.fromhex(answer)) == (notice,)
    # it is answered: the next answer belongs to nothing
    (other,) = run.feed("data", bytes.fromhex(answer))
    assert isinstance(other, Notice)
    assert other.kind == "answer"


@pytest.mark.parametrize(
    ("command", "answer", "reason"),
    [
        (b"\x6f", "0003010203", "bad_length"),
        (b"\x6f", "0004ffffffff", "out_of_range"),
        (b"\x6b", "0002ff31", "not_text"),
    ],
)
def test_answers_that_cannot_be(command: bytes, answer: str, reason: str) -> None:
    run = decoder()
    run.expect(command)
    with pytest.raises(DecodeError) as caught:
        run.feed("data", bytes.fromhex(answer))
    assert caught.value.reason == reason


def test_low_power_and_peaks() -> None:
    assert decoder().feed("data", b"\x04\x00") == (Notice(kind="battery_low"),)
    assert decoder().feed("data", b"\x02\x01\xaa") == (Notice(kind="peak", value="aa"),)
    assert decoder().feed("data", b"\x03\x01\xbb") == (Notice(kind="peak_series", value="bb"),)
