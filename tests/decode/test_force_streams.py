"""Force sensors whose packets are a piece of something longer: frames, lines, sums."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.clock import ClockSpec
from eccentra.decode import Frame, Notice
from eccentra.errors import DecodeError
from eccentra.events import Flag, QualityNoted
from eccentra.inputs import Packet
from eccentra.intake import Intake
from eccentra.profiles import SensorSetup, load_profile


def setup_of(name: str, **typed: float) -> SensorSetup:
    return SensorSetup(sensor="s", profile=load_profile(name), side="left", settings=typed)


def values(parts: list[Frame | Notice]) -> list[float]:
    return [v for part in parts if isinstance(part, Frame) for v in part.x[:, 0].tolist()]


@given(
    st.lists(st.integers(-50_000, 50_000), min_size=1, max_size=12),
    st.lists(st.integers(1, 12), min_size=1, max_size=40),
    st.binary(max_size=6),
)
def test_frames_cut_anywhere_are_whole_again(steps: list[int], cuts: list[int], noise: bytes) -> None:
    setup = setup_of("cts500")
    encoder, decoder = setup.start_encoder(), setup.start_decoder()
    x = np.array(steps, dtype=float) * 0.0980665
    frames = [encoder.encode(np.zeros(1, dtype=np.int64), np.array([[v]]))[0][1] for v in x]
    # what is no frame costs itself, and at most the frame it runs into
    clean = noise.replace(b"\x05", b"")
    stream = clean + b"".join(frames)
    got: list[float] = []
    at = 0
    for cut in cuts * (len(stream) // len(cuts) + 1):
        if at < len(stream):
            with contextlib.suppress(DecodeError):
                got += values(list(decoder.feed("data", stream[at : at + cut])))
            at += cut
    assert got == pytest.approx(x.tolist(), abs=1e-9)


def test_a_damaged_frame_is_left_out_and_the_next_one_is_found() -> None:
    decoder = setup_of("cts500").start_decoder()
    good = bytes.fromhex("0501000004d2dc")
    with pytest.raises(DecodeError, match="bad_checksum"):
        decoder.feed("data", good[:-1] + b"\x00")
    assert values([*decoder.feed("data", good), *decoder.feed("data", good)])[-1] == pytest.approx(121.014061)


def test_sums_start_anew_and_say_that_the_zero_is_lost() -> None:
    intake = Intake(setup_of("vald-dynamo"))
    intake.tare = 30.0
    out = intake.take(Packet(10**9, "s", "data", bytes.fromhex("000000")))
    (said,) = out
    assert isinstance(said, QualityNoted)
    assert said.flag is Flag.ZERO_LOST
    assert intake.tare == 0.0
    assert not intake.zero_known
    (samples,) = intake.take(Packet(10**9 + 1, "s", "data", bytes.fromhex("0464")))
    assert isinstance(samples, tuple)
    assert samples[1].tolist() == [[10.0]]


def test_a_pause_makes_a_sum_doubtful() -> None:
    intake = Intake(setup_of("vald-dynamo"))
    at = 10**9
    for _ in range(3):
        at += 5 * 10**6
        assert not [
            one for one in intake.take(Packet(at, "s", "data", b"\x04\x01")) if isinstance(one, QualityNoted)
        ]
    assert intake.zero_known
    said, samples = intake.take(Packet(at + 7 * 10**8, "s", "data", b"\x04\x01"))
    assert isinstance(said, QualityNoted)
    assert (said.flag, said.detail[:24]) == (Flag.ZERO_LOST, "nothing came for 0.7 s; ")
    assert isinstance(samples, tuple)
    assert not intake.zero_known


def test_a_sum_that_ran_away_starts_anew() -> None:
    decoder = setup_of("vald-dynamo").start_decoder()
    out: list[Frame | Notice] = []
    for _ in range(500):
        out += decoder.feed("data", b"\x04\x7f")
    assert max(values(out)) <= 5000.0
    assert [n.kind for n in out if isinstance(n, Notice)] == ["zero_lost"]


def test_a_coefficient_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="gives no N without the setting gain: the unit's coefficient"):
        setup_of("frez-dyno")
    with pytest.raises(ValueError, match="has no setting 'gian'; it has gain, zero"):
        setup_of("frez-dyno", gian=0.01)
    with pytest.raises(ValueError, match="gain is 7, expected -1 to 1"):
        setup_of("frez-dyno", gain=7.0)


def test_board_of_which_only_counts_are_known() -> None:
    profile = load_profile("mysmartboard")
    with pytest.raises(ValueError, match="newtons a count"):
        SensorSetup(sensor="s", profile=profile, channels=("force",))
    setup = SensorSetup(sensor="s", profile=profile, channels=("force",), settings={"gain": 0.1, "zero": -10})
    assert values(list(setup.start_decoder().feed("data", bytes.fromhex("0a00f6ff")))) == [2.0, 0.0]


def test_time_of_arrival_spreads_a_packet_backwards_and_never_goes_back() -> None:
    clock = ClockSpec(kind="arrival", epoch="host").start(10.0)
    frame = Frame(np.zeros((3, 1)), None)
    assert clock.map(10**9, frame).tolist() == [8 * 10**8, 9 * 10**8, 10**9]
    burst = clock.map(10**9 + 30, frame)
    assert burst.tolist() == [10**9 + 10, 10**9 + 20, 10**9 + 30]
    again = clock.map(10**9 + 30, frame)
    assert (np.diff(again) > 0).all()
    assert again[0] > burst[-1]
