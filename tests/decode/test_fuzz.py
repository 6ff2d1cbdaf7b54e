"""Bytes that no sensor would send: only DecodeError comes out, and no decoder keeps more than a little.

Half of the packets are good ones with some bytes changed, cut or joined, in any order and on any channel; the
rest is noise. The long version feeds ten million bytes to each profile.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from eccentra.decode import Decoder, Frame, opening
from eccentra.errors import DecodeError
from eccentra.profiles import DeviceProfile, Mode, SensorSetup, load_profile
from needs import ROOT

PROFILES = {path.stem: load_profile(path) for path in sorted((ROOT / "devices").glob("*.toml"))}
SHORT, LONG = 60_000, 10_000_000
MOST_KEPT = 100_000
NEW_EVERY = 2_000


def setup_of(profile: DeviceProfile, mode: Mode) -> SensorSetup:
    return SensorSetup(sensor="s", profile=profile, channels=mode.channels, settings=profile.examples())


def good_packets(profile: DeviceProfile, setup: SensorSetup) -> list[tuple[str, bytes]]:
    """Those of the vectors, and some that an encoder makes."""
    found = [arrival for vector in profile.vector for arrival in vector.arrivals]
    encoder = setup.start_encoder()
    found += opening(encoder)
    n = encoder.samples_per_packet
    for i in range(20):
        t = np.round((i * n + np.arange(n)) * 1e9 / setup.rate).astype(np.int64)
        found += encoder.encode(t, np.zeros((n, len(setup.mode.channels))))
    return found


def mutated(rng: random.Random, good: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    channel, packet = rng.choice(good)
    kind = rng.randrange(8)
    if kind == 0:
        return channel, rng.randbytes(rng.randrange(64))
    if kind == 1:
        return rng.choice(good)[0], packet
    if kind == 2:
        return channel, packet[: rng.randrange(len(packet) + 1)] + rng.choice(good)[1]
    if kind == 3:
        return channel, packet
    bad = bytearray(packet)
    for _ in range(rng.randrange(1, 4)):
        if bad:
            bad[rng.randrange(len(bad))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return channel, bytes(bad)


def kept(thing: Any, seen: set[int]) -> int:
    """Bytes, roughly, of all that an object holds."""
    if id(thing) in seen or isinstance(thing, type | int | float | str | None):
        return 8
    seen.add(id(thing))
    if isinstance(thing, bytes | bytearray):
        return len(thing)
    if isinstance(thing, np.ndarray):
        return thing.nbytes
    if isinstance(thing, Mapping):
        return sum(kept(key, seen) + kept(value, seen) for key, value in thing.items())
    if isinstance(thing, list | tuple | set | frozenset) or hasattr(thing, "popleft"):
        return 8 + sum(kept(one, seen) for one in thing)
    return sum(kept(value, seen) for value in getattr(thing, "__dict__", {}).values())


def fuzz(name: str, total: int) -> None:
    profile = PROFILES[name]
    rng = random.Random(name)
    share = total // len(profile.mode)
    for mode in profile.mode:
        setup = setup_of(profile, mode)
        good = good_packets(profile, setup)
        commands = profile.ble.commands if profile.ble else {}
        written = [step.data for command in commands for step in setup.steps(command)]
        decoder: Decoder = setup.start_decoder()
        fed = number = 0
        while fed < share:
            number += 1
            if number % NEW_EVERY == 0:
                assert kept(decoder, set()) < MOST_KEPT, "a decoder keeps what it should forget"
                if rng.random() < 0.5:
                    decoder = setup.start_decoder()
            if rng.random() < 0.02:
                # a damaged recording may say that anything was written
                known = rng.choice(written) if written else None
                cut = rng.randrange(9)
                decoder.expect(known[:cut] if known and rng.random() < 0.5 else rng.randbytes(cut))
                if known:
                    decoder.expect(known)
            channel, packet = mutated(rng, good)
            fed += len(packet) + 1
            try:
                parts = decoder.feed(channel, packet)
            except DecodeError:
                continue
            for part in parts:
                if isinstance(part, Frame):
                    assert part.x.shape[1] == len(mode.channels)
                    assert np.isfinite(part.x).all()
                    assert len(part.x) >= 1


@pytest.mark.parametrize("name", PROFILES)
def test_noise_is_refused_and_forgotten(name: str) -> None:
    fuzz(name, SHORT)


@pytest.mark.long
@pytest.mark.parametrize("name", PROFILES)
def test_ten_million_bytes_of_noise(name: str) -> None:
    fuzz(name, LONG)
