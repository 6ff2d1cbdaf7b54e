"""Motion sensors: round trips, what belongs together, what is refused, garbage."""

from __future__ import annotations

import contextlib
import struct
import time

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eccentra.decode import (
    Decoder,
    DecoderParameters,
    Frame,
    Notice,
    arduino,
    bluest,
    metamotion,
    movella,
    movesense,
    open_sensor,
    polar,
    shimmer,
    sig,
    thingy,
    witmotion,
)
from eccentra.decode._imu import ACC, G0, GYR, MAG, RAD_PER_DEG
from eccentra.errors import DecodeError

IMU = ACC + GYR
DOT = movella.Parameters(acc_limit_m_s2=320.0, gyr_limit_deg_s=4000.0)
META = metamotion.Parameters(chip="bmi160", acc_range_g=8.0, gyr_range_deg_s=1000.0)
NANO = arduino.Parameters(acc_unit_m_s2=G0, gyr_unit_deg_s=1.0, acc_limit_m_s2=160.0, gyr_limit_deg_s=4000.0)
H10 = polar.Parameters(acc_limit_m_s2=320.0, gyr_limit_deg_s=4000.0)
VERITY = polar.Parameters(
    acc_limit_m_s2=320.0,
    gyr_limit_deg_s=4000.0,
    compressed=True,
    factor_acc_mg=0.244140625,
    factor_gyr_deg_s=0.06103515625,
)
MOVE = movesense.Parameters(
    acc_limit_m_s2=320.0, gyr_limit_deg_s=4000.0, packets_hz=13.0, sized_to_hz=104.0, most_samples=8
)
OPEN = open_sensor.Parameters(force_limit_n=20_000.0)
PULSE = sig.Parameters(most_per_minute=400.0)
ULP = 1.2e-7

# parameters, channels, rate, size of values, step of the wire in SI (relative where negative)
CASES: dict[str, tuple[DecoderParameters, tuple[str, ...], float, list[float], list[float]]] = {
    "movella": (DOT, IMU, 60.0, [150.0] * 3 + [34.0] * 3, [-ULP] * 6),
    "movella-free": (DOT, movella.FREE, 60.0, [150.0] * 3, [-ULP] * 3),
    "witmotion": (
        witmotion.Parameters(), IMU, 100.0, [150.0] * 3 + [34.0] * 3,
        [16 * G0 / 32768] * 3 + [2000 * RAD_PER_DEG / 32768] * 3,
    ),
    "thingy": (
        thingy.Parameters(), IMU + MAG, 200.0, [300.0] * 3 + [17.0] * 3 + [2e-3] * 3,
        [G0 / 1024] * 3 + [RAD_PER_DEG / 32] * 3 + [1e-6 / 16] * 3,
    ),
    "bluest": (
        bluest.Parameters(), IMU + MAG, 100.0, [300.0] * 3 + [50.0] * 3 + [3e-3] * 3,
        [G0 / 1000] * 3 + [RAD_PER_DEG / 10] * 3 + [1e-7] * 3,
    ),
    "arduino": (NANO, IMU, 119.0, [150.0] * 3 + [34.0] * 3, [-ULP] * 6),
    "metamotion": (
        META, IMU, 100.0, [78.0] * 3 + [17.0] * 3, [8 * G0 / 32768] * 3 + [RAD_PER_DEG / 32.8] * 3
    ),
    "metamotion-270": (
        msgspec.structs.replace(META, chip="bmi270", packed=False), IMU, 100.0, [78.0] * 3 + [17.0] * 3,
        [8 * G0 / 32768] * 3 + [RAD_PER_DEG / 32.8] * 3,
    ),
    "polar-h10": (H10, ACC, 200.0, [300.0] * 3, [G0 / 1000] * 3),
    "polar-verity": (
        VERITY, IMU, 52.0, [78.0] * 3 + [34.0] * 3,
        [0.244140625 * G0 / 1000] * 3 + [0.06103515625 * RAD_PER_DEG] * 3,
    ),
    "movesense-imu9": (MOVE, IMU + MAG, 52.0, [150.0] * 3 + [34.0] * 3 + [5e-3] * 3, [-ULP] * 9),
    "movesense-hr": (MOVE, ("heart_rate",), 1.0, [5.0], [-ULP]),
    "open-force": (OPEN, ("force",), 80.0, [9000.0], [-ULP]),
    "open-motion": (OPEN, IMU, 100.0, [160.0] * 3 + [32.0] * 3, [0.005] * 3 + [0.001] * 3),
    "sig": (PULSE, ("heart_rate",), 1.0, [5.0], [1 / 60]),
    "shimmer": (shimmer.Parameters(), shimmer.CHANNELS, 51.2, [30_000.0] * 6, [1.0] * 6),
}  # fmt: skip


def feed(decoder: Decoder, packets: list[tuple[str, bytes]]) -> list[Frame | Notice]:
    return [part for channel, packet in packets for part in decoder.feed(channel, packet)]


def frames(out: list[Frame | Notice]) -> list[Frame]:
    return [part for part in out if isinstance(part, Frame)]


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_decode_of_encode(name: str, seed: int) -> None:
    parameters, channels, rate, sizes, steps = CASES[name]
    random = np.random.default_rng(seed)
    decoder = parameters.start(channels=channels, rate_hz=rate)
    encoder = parameters.start_encoder(channels=channels, rate_hz=rate, mtu=247)
    feed(decoder, list(getattr(encoder, "opening", lambda: ())()))
    n = encoder.samples_per_packet
    taken, heard = [], []
    for k in range(4):
        t = np.round((k * n + np.arange(n)) * 1e9 / rate).astype(np.int64) + 10**9
        x = random.uniform(-1, 1, (n, len(sizes))) * sizes
        x = np.abs(x) + 0.01 if channels == ("heart_rate",) else x
        taken.append(x)
        heard += frames(feed(decoder, encoder.encode(t, x)))
    got, wanted = np.concatenate([f.x for f in heard]), np.concatenate(taken)[: sum(len(f.x) for f in heard)]
    assert len(got) >= 3 * n
    assert got.flags.c_contiguous
    assert got.dtype == np.float64
    step = np.array(steps)
    allowed = np.where(step > 0, step * 0.5001, -step * np.abs(wanted) + 1e-37)
    assert (np.abs(got - wanted) <= allowed + 1e-12).all()


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_garbage_gives_no_other_exception_and_keeps_little(name: str, data: st.DataObject) -> None:
    parameters, channels, rate, sizes, _ = CASES[name]
    decoder = parameters.start(channels=channels, rate_hz=rate)
    encoder = parameters.start_encoder(channels=channels, rate_hz=rate, mtu=247)
    n = encoder.samples_per_packet
    good = encoder.encode(np.arange(n, dtype=np.int64), np.full((n, len(sizes)), 0.5))
    named = [channel for channel, _ in good] + ["control", "battery", "medium", "maker"]
    head = st.sampled_from([(ch, packet[:k]) for ch, packet in good for k in (0, 1, 2, 10, 12, len(packet))])
    packet = st.builds(lambda a, b: (a[0], a[1] + b), head, st.binary(max_size=64))
    other = st.tuples(st.sampled_from(named), st.binary(max_size=64))
    for channel, one in data.draw(st.lists(st.one_of(packet, other), max_size=40)):
        with contextlib.suppress(DecodeError):
            for part in decoder.feed(channel, one):
                if isinstance(part, Frame):
                    assert part.x.shape[1] == len(channels)
                    assert np.isfinite(part.x).all()


# -- two kinds become one stream --------------------------------------------------------------------


def nano(channel: str, value: float) -> tuple[str, bytes]:
    return channel, struct.pack("<3f", value, 0.0, 0.0)


def test_in_turn_neighbours_belong_together_and_what_is_alone_is_said() -> None:
    decoder = NANO.start(channels=IMU, rate_hz=100.0)
    sent = [nano(c, k) for k in range(6) for c in ("data", "gyr")]
    del sent[sent.index(nano("gyr", 2))], sent[sent.index(nano("data", 4))]
    out = feed(decoder, sent)
    rows = [(round(f.x[0, 0] / G0), round(f.x[0, 3] / RAD_PER_DEG), f.ticks.item()) for f in frames(out)]
    assert rows == [(0, 0, 0), (1, 1, 1), (3, 3, 3), (5, 5, 5)]
    assert [n.value for n in out if isinstance(n, Notice)] == [1, 1]


@pytest.mark.parametrize("first", ["acc", "gyr"])
@pytest.mark.parametrize("lost", ["acc", "gyr"])
def test_by_number_a_loss_is_found_and_mended(first: str, lost: str) -> None:
    decoder = msgspec.structs.replace(META, packed=False).start(channels=IMU, rate_hz=100.0)
    heads = {"acc": b"\x03\x04", "gyr": b"\x13\x05"}
    order = [first, "gyr" if first == "acc" else "acc"]
    out: list[Frame | Notice] = []
    for k in range(80):
        for kind in order:
            if (kind, k) != (lost, 30):
                out += decoder.feed("data", heads[kind] + struct.pack("<3h", k, 0, 0))
    acc_step, gyr_step = 8 * G0 / 32768, RAD_PER_DEG / 32.8
    rows = [(round(f.x[0, 0] / acc_step), round(f.x[0, 3] / gyr_step), f.ticks.item()) for f in frames(out)]
    assert [n.value for n in out if isinstance(n, Notice)] == [1]
    wrong = [row for row in rows if row[0] != row[1]]
    assert len(wrong) <= 32
    assert [row for row in rows if row[0] < 30] == [(k, k, k) for k in range(30)]
    assert rows[-20:-1] == [(k, k, k) for k in range(rows[-20][0], rows[-20][0] + 19)]


def test_jitter_in_the_order_is_no_loss() -> None:
    decoder = msgspec.structs.replace(META, packed=False).start(channels=IMU, rate_hz=100.0)
    random = np.random.default_rng(3)
    heads = {"acc": b"\x03\x04", "gyr": b"\x13\x05"}
    out: list[Frame | Notice] = []
    for k in range(400):
        order = ["acc", "gyr"] if random.random() < 0.5 else ["gyr", "acc"]
        for kind in order:
            out += decoder.feed("data", heads[kind] + struct.pack("<3h", k, 0, 0))
    assert len(frames(out)) == 400
    assert len(out) == 400


def test_one_kind_alone_is_given_up_and_bounded() -> None:
    decoder = META.start(channels=IMU, rate_hz=100.0)
    packet = b"\x03\x1c" + bytes(18)
    out = [part for _ in range(500) for part in decoder.feed("data", packet)]
    assert not frames(out)
    assert sum(int(n.value) for n in out if isinstance(n, Notice)) >= 3 * 480


def verity(kind: int, stamps: np.ndarray, values: np.ndarray) -> tuple[str, bytes]:
    counts = np.zeros((len(values), 3), dtype=np.int64)
    counts[:, 0] = values
    body = polar.compress(counts)
    return "data", struct.pack("<BQB", kind, int(stamps[-1]), 0x81 if kind == 2 else 0x80) + body


def test_rotation_is_taken_at_the_times_of_acceleration() -> None:
    decoder = VERITY.start(channels=IMU, rate_hz=52.0)
    period = 1e9 / 52
    out: list[Frame | Notice] = []
    for k in range(6):
        t = np.round(1e9 + (np.arange(20) + 20 * k) * period).astype(np.int64)
        out += decoder.feed(*verity(5, t + int(period / 4), np.arange(20) * 8 + 160 * k))
        if k != 3:
            out += decoder.feed(*verity(2, t, np.arange(20) + 20 * k))
    rows = np.concatenate([f.x for f in frames(out)])
    ticks = np.concatenate([f.ticks for f in frames(out)])
    number = np.round(rows[:, 0] / (G0 / 1000)).astype(int)
    assert list(number) == [*range(60), *range(80, 120)]
    assert np.abs(ticks - (1e9 + number * period)).max() < 2
    # a quarter of a period earlier than the sample of rotation with this number
    assert rows[2:, 3] / RAD_PER_DEG == pytest.approx((number[2:] - 0.25) * 8, abs=1e-6)


def test_acceleration_without_rotation_is_lost_and_said() -> None:
    decoder = VERITY.start(channels=IMU, rate_hz=52.0)
    out: list[Frame | Notice] = []
    for k in range(40):
        t = np.round(1e9 + (np.arange(20) + 20 * k) * 1e9 / 52).astype(np.int64)
        out += decoder.feed(*verity(2, t, np.arange(20)))
        if k in (0, 1, 30, 31):
            out += decoder.feed(*verity(5, t, np.arange(20)))
    assert 79 <= sum(len(f.x) for f in frames(out)) <= 81
    assert sum(int(n.value) for n in out if isinstance(n, Notice)) >= 500


# -- single protocols ---------------------------------------------------------------------------------


def test_free_acceleration_is_never_taken_for_specific_force() -> None:
    capture = bytes.fromhex("d8052244af9640406b2aa7405add14c000000000")
    decoder = DOT.start(channels=IMU, rate_hz=60.0)
    with pytest.raises(DecodeError, match="wrong_mode"):
        decoder.feed("short", capture)
    decoder.expect(b"\x01\x01\x06")
    with pytest.raises(DecodeError, match="does not give acc_x"):
        decoder.feed("short", capture)
    linear = bytes.fromhex("190a2fca394086d46141804c6ec0")
    with pytest.raises(DecodeError, match="wrong_mode"):
        META.start(channels=IMU, rate_hz=100.0).feed("data", linear)


def test_the_ranges_that_were_written_count() -> None:
    decoder = META.start(channels=ACC, rate_hz=100.0)
    packet = b"\x03\x04" + struct.pack("<3h", 2048, 0, 0)
    assert frames(list(decoder.feed("data", packet)))[0].x[0, 0] == pytest.approx(G0 / 2)
    decoder.expect(bytes.fromhex("0303280c"))
    assert frames(list(decoder.feed("data", packet)))[0].x[0, 0] == pytest.approx(G0)


def test_a_board_with_the_other_chip_is_refused() -> None:
    decoder = META.start(channels=IMU, rate_hz=100.0)
    decoder.expect(b"\x03\x80")
    with pytest.raises(DecodeError, match="bind the sensor to the profile of its model"):
        decoder.feed("data", bytes.fromhex("0380 04 00"))
    with pytest.raises(DecodeError, match="wrong_chip"):
        decoder.feed("data", bytes.fromhex("030416c494a22ad0"))


@pytest.mark.parametrize("cut", range(1, 20))
def test_witmotion_frames_may_be_cut_anywhere(cut: int) -> None:
    stream = bytes.fromhex("5561000000000008a4005cff0040002000e00080") * 5
    decoder = witmotion.Parameters().start(channels=IMU, rate_hz=100.0)
    pieces = [stream[i : i + cut] for i in range(0, len(stream), cut)]
    out = feed(decoder, [("data", piece) for piece in pieces])
    assert len(frames(out)) == 5
    assert len(out) == 5


def test_witmotion_samples_from_before_its_rate_was_set_are_left_out() -> None:
    frame = bytes.fromhex("5561000000000008a4005cff0040002000e00080")
    decoder = witmotion.Parameters().start(channels=IMU, rate_hz=100.0)
    decoder.expect(bytes.fromhex("ffaa276400"))
    assert decoder.feed("data", frame) == []
    assert decoder.feed("data", bytes.fromhex("557164008c01") + bytes(14)) != []
    decoder.expect(bytes.fromhex("ffaa6988b5"))
    assert decoder.feed("data", frame) == []
    decoder.expect(bytes.fromhex("ffaa030900"))
    assert len(frames(list(decoder.feed("data", frame)))) == 1
    decoder.expect(bytes.fromhex("ffaa276400"))
    assert len(frames(list(decoder.feed("data", frame)))) == 1


def test_polar_factor_of_the_start_answer_counts() -> None:
    decoder = H10.start(channels=ACC, rate_hz=52.0)
    frame = bytes.fromhex("02650000000000000081f1ff1400f00306017b0f08")
    assert frames(list(decoder.feed("data", frame)))[0].x[0, 2] == pytest.approx(1.008 * G0)
    decoder.feed("control", polar.started(2, 0.25))
    assert frames(list(decoder.feed("data", frame)))[0].x[0, 2] == pytest.approx(0.252 * G0)


def test_polar_answers_in_parts_and_refusals_in_words() -> None:
    decoder = H10.start(channels=ACC, rate_hz=200.0)
    assert decoder.feed("control", bytes.fromhex("f0010200 01 0001c800")) == ()
    (notice,) = decoder.feed("control", bytes.fromhex("f0010200 00 01011000"))
    assert notice == Notice(kind="setting", value="ACC: Hz 200; bit 16")
    (refused,) = decoder.feed("control", bytes.fromhex("f002020a00"))
    assert refused == Notice(kind="result", value="ACC: MTU too small (10)")


def test_polar_settings_are_chosen_from_those_offered() -> None:
    wish = bytes.fromhex("0202 0001c800 01011000 02010800")
    framer = H10.start_framer()
    assert framer.frame(wish) == wish
    framer.heard("control", bytes.fromhex("f0010600 00 00013400"))  # of another kind
    assert framer.frame(wish) == wish
    framer.heard("control", bytes.fromhex("f0010200 01 0004340064 00c800f401"))
    framer.heard("control", bytes.fromhex("f0010200 00 01011000 0202 0400 1000 040103"))
    # 200 Hz as wished, 16 g rather than 4 instead of 8, three channels because they were offered
    assert framer.frame(wish) == bytes.fromhex("0202 0001c800 01011000 02011000 040103")
    assert framer.frame(b"\x03\x02") == b"\x03\x02"
    framer.heard("control", bytes.fromhex("f0010200 00 0009"))  # cut off: as if it had not answered
    assert framer.frame(wish) == wish


def test_polar_floats_by_difference_of_their_bits() -> None:
    values = np.array([[1.5, -2.25, 100.0], [1.75, -2.0, 99.5]], dtype="<f4")
    whole = values.view("<i4").astype(np.int64)
    steps = (whole[1] - whole[0]).tolist()
    packed = sum((step & 0xFFFFFFFF) << (32 * i) for i, step in enumerate(steps)).to_bytes(12, "little")
    data = struct.pack("<BQB", 5, 10**9, 0x81) + values[0].tobytes() + b"\x20\x01" + packed
    decoder = H10.start(channels=GYR, rate_hz=52.0)
    (frame,) = frames(list(decoder.feed("data", data)))
    assert frame.x == pytest.approx(values.astype(float) * RAD_PER_DEG)


def test_shimmer_gives_no_si_units() -> None:
    with pytest.raises(ValueError, match="only counts are known"):
        shimmer.Parameters().start(channels=IMU, rate_hz=51.2)


def test_open_sensor_times_follow_the_true_rate_and_loss_is_counted() -> None:
    encoder = OPEN.start_encoder(channels=("force",), rate_hz=80.0, mtu=247)
    decoder = OPEN.start(channels=("force",), rate_hz=80.0)
    true_ns = np.round(np.arange(40) * 1e9 / 86).astype(np.int64)
    out: list[Frame | Notice] = []
    for k in range(10):
        packets = encoder.encode(true_ns[4 * k : 4 * k + 4], np.full((4, 1), 5.0))
        if k != 5:
            out += feed(decoder, packets)
    ticks = np.concatenate([f.ticks for f in frames(out)])[4:]
    kept = [i for i in range(4, 40) if i // 4 != 5]
    assert np.abs(ticks * 1000 - true_ns[kept]).max() < 2_000
    assert [n.value for n in out if isinstance(n, Notice)] == [4]


def test_heart_rate_without_contact_is_no_number() -> None:
    decoder = PULSE.start(channels=("heart_rate",), rate_hz=1.0)
    out = decoder.feed("data", bytes.fromhex("0400"))
    assert out == [Notice(kind="lost_samples", value=1), Notice(kind="contact", value=0)]
    assert decoder.feed("model", b"H10\0 ") == (Notice(kind="model", value="H10"),)


@pytest.mark.parametrize("name", [name for name in CASES if "polar" not in name and "movesense" not in name])
def test_a_packet_of_one_sample_is_cheap(name: str) -> None:
    """Three times the floor of 5 us, as tests share the machine; two packets a sample count as one each."""
    parameters, channels, rate, sizes, _ = CASES[name]
    encoder = parameters.start_encoder(channels=channels, rate_hz=rate, mtu=247)
    n = encoder.samples_per_packet
    packets = []
    for k in range(0, 2000, n):
        t = np.round((k + np.arange(n)) * 1e9 / rate).astype(np.int64)
        packets += encoder.encode(t, np.full((n, len(sizes)), 0.5))
    best = float("inf")
    for _ in range(5):
        decoder = parameters.start(channels=channels, rate_hz=rate)
        start = time.thread_time()
        for channel, packet in packets:
            decoder.feed(channel, packet)
        best = min(best, (time.thread_time() - start) / len(packets) * 1e6)
    assert best < 15.0, f"{best:.1f} us a packet"
