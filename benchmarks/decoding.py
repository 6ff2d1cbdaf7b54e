"""What a packet of each sensor costs to decode; ``python benchmarks/decoding.py`` prints it, dearest first.

A packet is a notification or an advertisement; processor time, the best of several runs. The floor is 5 us
for packets of a single sample; others have it for each sample.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator

import msgspec
import numpy as np

from eccentra.decode import opening
from eccentra.profiles import Mode, SensorSetup, load_profile, profile_ids
from eccentra.samples import Floats

FLOOR_US = 5.0
PACKETS, RUNS = 300, 7


class Cost(msgspec.Struct, frozen=True):
    """Of one mode: samples and notifications a packet of samples, microseconds a notification."""

    device: str
    mode: str
    samples: int
    notifications: float
    us: float

    @property
    def share(self) -> float:
        """Part of the floor that is used."""
        return self.us / (FLOOR_US * max(1.0, self.samples / self.notifications))


def per_channel(mode: Mode, numbers: tuple[float, ...]) -> Floats:
    return np.broadcast_to(np.array(numbers, dtype=float), (len(mode.channels),))


def arrivals(setup: SensorSetup) -> tuple[int, list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """Samples a packet; what comes before the first ones; and packets of a slow course of all channels."""
    mode = setup.mode
    ble = setup.profile.ble
    encoder = setup.start_encoder(mtu=max(247, ble.min_mtu if ble is not None else 0))
    n = encoder.samples_per_packet
    low = np.maximum(per_channel(mode, mode.low), 0.0)
    high = np.minimum(per_channel(mode, mode.high), 200.0)
    out = []
    for i in range(PACKETS):
        at = i * n + np.arange(n)
        x = low + (high - low) * (0.2 + 0.1 * np.sin(at / 50.0))[:, None]
        out += encoder.encode(np.round(at * 1e9 / setup.rate).astype(np.int64), x)
    return n, list(opening(encoder)), out


def cost(setup: SensorSetup) -> Cost:
    n, before, packets = arrivals(setup)
    best = float("inf")
    for _ in range(RUNS):
        decoder = setup.start_decoder()
        for channel, data in before:
            decoder.feed(channel, data)
        start = time.thread_time()
        for channel, data in packets:
            decoder.feed(channel, data)
        best = min(best, time.thread_time() - start)
    return Cost(setup.profile.id, setup.mode.id, n, len(packets) / PACKETS, best / len(packets) * 1e6)


def setups() -> Iterator[SensorSetup]:
    """Every mode of every sensor whose wire is known."""
    for name in profile_ids():
        profile = load_profile(name)
        for mode in profile.mode:
            if mode.step:
                typed = profile.examples()
                yield SensorSetup(sensor="s", profile=profile, channels=mode.channels, settings=typed)


def main() -> None:
    """Print the table."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'sensor':24} {'mode':12} {'samples':>7} {'us a packet':>11} {'of the floor':>12}")
    for one in sorted((cost(setup) for setup in setups()), key=lambda one: -one.share):
        print(f"{one.device:24} {one.mode:12} {one.samples:7} {one.us:11.2f} {one.share:12.0%}")


if __name__ == "__main__":
    main()
