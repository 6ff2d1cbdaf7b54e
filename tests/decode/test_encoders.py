"""Encoders are the inverse of decoders, within what the wire can carry."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.decode import Frame
from eccentra.profiles import SensorSetup, load_profile

TINDEQ, MOVESENSE, RECORDED = (
    load_profile(name) for name in ("tindeq-progressor", "movesense", "recorded-csv")
)
ACC = ("acc_x", "acc_y", "acc_z")
MANY_RECORDS = msgspec.structs.replace(TINDEQ, decoder={**TINDEQ.decoder, "records_per_packet": 15})
# smallest step of values: half an f32 ulp at the top of the range, or none for f64
SETUPS = {
    "tindeq": (SensorSetup(sensor="s", profile=TINDEQ), 9000.0, 6e-8),
    "tindeq-many": (SensorSetup(sensor="s", profile=MANY_RECORDS), 9000.0, 6e-8),
    "recorded": (SensorSetup(sensor="s", profile=RECORDED), 1e6, 0.0),
    "recorded-force": (SensorSetup(sensor="s", profile=RECORDED, channels=("force",)), 1e6, 0.0),
    "movesense-acc": (SensorSetup(sensor="s", profile=MOVESENSE, channels=ACC), 69.0, 6e-8),
} | {
    f"movesense-{rate:g}": (SensorSetup(sensor="s", profile=MOVESENSE, rate_hz=rate), 69.0, 6e-8)
    for rate in MOVESENSE.rates_hz
}  # fmt: skip


@pytest.mark.parametrize("name", SETUPS)
@given(data=st.data())
def test_decode_of_encode(name: str, data: st.DataObject) -> None:
    setup, top, step = SETUPS[name]
    encoder = setup.start_encoder(mtu=data.draw(st.sampled_from([23, 50, 128, 158, 185, 247, 517])))
    decoder = setup.start_decoder()
    clock = setup.profile.clock
    tick_ns = round((clock.tick_s or 1e-9) * 1e9)
    columns = len(setup.mode.channels)
    n = encoder.samples_per_packet
    if setup.profile is not MOVESENSE or setup.rate > 104:
        n = data.draw(st.integers(1, n))
    for _ in range(3):
        first = data.draw(st.integers(0, 2**52))
        values = data.draw(st.lists(st.floats(-top, top), min_size=n * columns, max_size=n * columns))
        x = np.array(values).reshape(n, columns)
        offsets = np.array([round(i * 1e9 / setup.rate) for i in range(n)], dtype=np.int64)
        packets = encoder.encode(first + offsets, x)
        out = [part for channel, packet in packets for part in decoder.feed(channel, packet)]
        assert len(out) == 1
        (frame,) = out
        assert isinstance(frame, Frame)
        assert frame.ticks is not None
        assert frame.x.shape == x.shape
        # 1e-37: what f32 cannot carry near zero
        assert (np.abs(frame.x - x) <= np.abs(x) * step * 1.01 + (1e-37 if step else 0.0)).all()
        got = frame.ticks * tick_ns + (0 if frame.offset_ns is None else frame.offset_ns)
        wrap = (1 << (clock.bits or 62)) * tick_ns
        error = (got - (first + offsets)) % wrap
        assert (np.minimum(error, wrap - error) <= tick_ns // 2).all()


@pytest.mark.parametrize("name", SETUPS)
def test_packets_fit_the_mtu(name: str) -> None:
    setup, _, _ = SETUPS[name]
    if setup.profile is RECORDED:
        return  # files know none
    for mtu in (23, 100, 158, 247):
        encoder = setup.start_encoder(mtu=mtu)
        n = encoder.samples_per_packet
        x = np.zeros((n, len(setup.mode.channels)))
        sizes = [len(packet) for _, packet in encoder.encode(np.arange(n, dtype=np.int64), x)]
        assert max(sizes) <= mtu - 3
        assert sizes[:-1] == [mtu - 3] * (len(sizes) - 1) or setup.rate > 104


def test_usual_split_of_104_hz() -> None:
    """Firmware with an MTU of 158: one DATA and one DATA_PART2."""
    encoder = SETUPS["movesense-104"][0].start_encoder(mtu=158)
    packets = encoder.encode(np.zeros(8, dtype=np.int64), np.zeros((8, 6)))
    assert [(packet[0], len(packet)) for _, packet in packets] == [(2, 155), (3, 45)]


def test_nan_is_sent_as_the_device_does() -> None:
    encoder = SETUPS["tindeq"][0].start_encoder()
    ((_, packet),) = encoder.encode(np.zeros(1, dtype=np.int64), np.array([[np.nan]]))
    assert packet.hex().startswith("01080000c07f") or packet.hex().startswith("01080000c0ff")


@pytest.mark.parametrize("name", ["tindeq", "movesense-104"])
def test_too_small_mtu_and_wrong_number_of_samples(name: str) -> None:
    setup, _, _ = SETUPS[name]
    with pytest.raises(ValueError, match="expected at least 13"):
        setup.start_encoder(mtu=12)
    with pytest.raises(ValueError, match="20 samples, expected"):
        setup.start_encoder().encode(np.zeros(20, dtype=np.int64), np.zeros((20, len(setup.mode.channels))))
