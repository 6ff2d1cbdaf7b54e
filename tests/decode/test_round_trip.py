"""Walks every mode of every profile: what an encoder writes a decoder reads, within the wire's resolution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eccentra.decode import Frame, opening
from eccentra.profiles import DeviceProfile, Mode, SensorSetup, load_profile
from eccentra.samples import Floats
from needs import ROOT

PROFILES = {path.stem: load_profile(path) for path in sorted((ROOT / "devices").glob("*.toml"))}


def walk() -> Iterator[Any]:
    for name, profile in PROFILES.items():
        for mode in profile.mode:
            if mode.step:
                yield pytest.param(profile, mode, id=f"{name}-{mode.id}")


def setup_of(profile: DeviceProfile, mode: Mode, rate_hz: float | None = None) -> SensorSetup:
    typed = profile.examples()
    return SensorSetup(sensor="s", profile=profile, rate_hz=rate_hz, channels=mode.channels, settings=typed)


def per_channel(mode: Mode, numbers: tuple[float, ...]) -> Floats:
    return np.broadcast_to(np.array(numbers, dtype=float), (len(mode.channels),))


def values(data: st.DataObject, profile: DeviceProfile, mode: Mode, n: int, before: Floats | None) -> Floats:
    """Samples that the wire can carry; of a sensor that sends differences, ones close to those before."""
    low, high = per_channel(mode, mode.low), per_channel(mode, mode.high)
    parts = data.draw(st.lists(st.floats(0, 1), min_size=n * len(low), max_size=n * len(low)))
    x: Floats = low + (high - low) * np.array(parts).reshape(n, len(low))
    if profile.packets != "differences":
        return x
    start = np.zeros(len(low)) if before is None else before
    return np.clip(start + np.cumsum((np.array(parts).reshape(n, -1) - 0.5) * 20.0, axis=0), low, high)


@pytest.mark.parametrize(("profile", "mode"), list(walk()))
@settings(max_examples=settings.default.max_examples // 3)
@given(data=st.data())
def test_decode_of_encode(profile: DeviceProfile, mode: Mode, data: st.DataObject) -> None:
    rates = mode.rates_hz or profile.rates_hz or (profile.rate_hz,)
    setup = setup_of(profile, mode, data.draw(st.sampled_from(rates)))
    least = profile.ble.min_mtu if profile.ble is not None else 23
    encoder = setup.start_encoder(mtu=data.draw(st.sampled_from([least, max(least, 158), 247, 517])))
    decoder = setup.start_decoder()
    for channel, packet in opening(encoder):
        assert not any(isinstance(part, Frame) for part in decoder.feed(channel, packet))
    n = encoder.samples_per_packet
    half = per_channel(mode, mode.step) / 2
    clock = setup.clock
    tick_ns = 1e9 / setup.rate if clock.kind == "counter" else (clock.tick_s or 1e-9) * 1e9
    period_ns = 1e9 / setup.rate
    first = data.draw(st.integers(0, 2**20))
    last: Floats | None = None
    for _ in range(4):
        device_ns = np.round((first + np.arange(n)) * period_ns).astype(np.int64)
        first += n
        x = values(data, profile, mode, n, last)
        out = [
            part for channel, packet in encoder.encode(device_ns, x) for part in decoder.feed(channel, packet)
        ]
        frames = [part for part in out if isinstance(part, Frame)]
        got = np.concatenate([frame.x for frame in frames])
        assert got.shape == x.shape
        assert (np.abs(got - x) <= half * (1 + 1e-6) + np.abs(x) * 1e-12).all()
        last = got[-1]
        if clock.kind == "nominal" or clock.kind == "arrival":
            continue  # a decoder may number samples, so that a loss that it sees leaves a gap
        times: list[float] = []
        for frame in frames:
            assert frame.ticks is not None
            offset = np.zeros(len(frame.x)) if frame.offset_ns is None else frame.offset_ns
            times += (frame.ticks * tick_ns + offset).tolist()
        wrap = tick_ns * 2.0 ** (clock.bits or 63)
        error = (np.array(times) - device_ns) % wrap
        # a stamp of a packet leaves the others to the nominal rate
        assert (np.minimum(error, wrap - error) <= 0.51 * tick_ns + 2.0).all()


@pytest.mark.parametrize("name", PROFILES)
def test_the_wire_is_known(name: str) -> None:
    """Resolution and range are said, together, of all that is measured with."""
    for mode in PROFILES[name].mode:
        assert bool(mode.step) == bool(mode.low) == bool(mode.high)
        if mode.step:
            assert (per_channel(mode, mode.low) < per_channel(mode, mode.high)).all()
            assert (per_channel(mode, mode.step) > 0).all()
