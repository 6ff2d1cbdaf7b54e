"""Rows of recordings as packets."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from eccentra.decode import Frame
from eccentra.decode.recorded import Decoder, Parameters
from eccentra.errors import DecodeError

PARAMETERS = Parameters(rows_per_packet=10, value_limit=1e6)
ACC = ("acc_x", "acc_y", "acc_z")


def decoder() -> Decoder:
    return PARAMETERS.start(channels=ACC, rate_hz=100.0)


def packet(rows: int = 2, columns: int = 3, version: int = 1, value: float = 1.0) -> bytes:
    row = b"".join(struct.pack(f"<q{columns}d", i * 10**7, *[value] * columns) for i in range(rows))
    return struct.pack("<BBH", version, columns, rows) + row


def test_rows() -> None:
    (frame,) = decoder().feed("data", packet(10, value=-2.5))
    assert isinstance(frame, Frame)
    assert frame.x.tolist() == [[-2.5] * 3] * 10
    assert frame.ticks is not None
    assert frame.ticks.tolist() == [i * 10**7 for i in range(10)]
    assert frame.offset_ns is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (packet()[:3], "truncated"),
        (packet()[:-1], "truncated"),
        (packet() + b"\0", "too_long"),
        (packet(version=2), "unknown_version"),
        (packet(columns=1), "wrong_columns"),
        (packet(columns=6), "wrong_columns"),
        (packet(rows=0), "bad_length"),
        (packet(rows=11), "bad_length"),
        (packet(value=math.nan), "not_finite"),
        (packet(value=-math.inf), "not_finite"),
        (packet(value=1.1e6), "out_of_range"),
        (packet(value=-1e300), "out_of_range"),
    ],
)
def test_what_is_no_packet(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decoder().feed("data", data)
    assert caught.value.reason == reason


@pytest.mark.filterwarnings("error")
def test_signalling_nan_is_found_without_a_warning() -> None:
    data = bytearray(packet())
    data[12:20] = b"\x01\0\0\0\0\0\xf0\x7f"
    with pytest.raises(DecodeError) as caught:
        decoder().feed("data", bytes(data))
    assert caught.value.reason == "not_finite"
    assert caught.value.offset == 4


def test_encoder_refuses_what_the_decoder_would() -> None:
    encoder = PARAMETERS.start_encoder(channels=ACC, rate_hz=100.0, mtu=247)
    t = np.array([0], dtype=np.int64)
    with pytest.raises(ValueError, match="missing value"):
        encoder.encode(t, np.array([[0.0, math.nan, 0.0]]))
    with pytest.raises(ValueError, match="2 columns, expected 3"):
        encoder.encode(t, np.zeros((1, 2)))
    with pytest.raises(ValueError, match="11 rows, expected 1 to 10"):
        encoder.encode(np.arange(11), np.zeros((11, 3)))
