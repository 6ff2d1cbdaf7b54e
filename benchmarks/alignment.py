"""How well the clocks of two sensors are brought together, and whether the stated uncertainty is true.

``python benchmarks/alignment.py`` simulates pairs of all sensors with time stamps or a counter: packets as
the sensor sends them, clocks that are up to 50 ppm off, connection intervals of 7.5 to 30 ms, retries, loss
and stalls; decodes them and maps their times. What counts is the difference of the two sensors' errors from
20 s on: an error that both have shifts a session and nothing in it. Synthetic.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations_with_replacement

import msgspec
import numpy as np

from eccentra.decode import Frame, opening
from eccentra.profiles import SensorSetup, load_profile, profile_ids
from eccentra.samples import NS_PER_S, Floats
from eccentra.simulate.delivery import arrival_ns
from eccentra.simulate.link import Link

DRIFT_PPM = 50.0
SETTLED_S = 20.0
LIMIT_S = 0.010
# A connection interval is a multiple of this.
UNIT_MS = 1.25
GRID_S = 0.1
LATENCY_MS = 3.0
# Phases further apart than this leave gaps which no packet ever reaches.
COMMENSURATE_S = 0.0025
GRAVITY = 9.80665


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor of one session: error and stated uncertainty on a grid of true time, s; shape (n,).

    ``interval_s`` is the connection interval when packets come at few phases of it, else 0.
    """

    error_s: Floats
    doubt_s: Floats
    interval_s: float


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two sensors of one session: 95th percentile of the difference of their errors, and what was stated."""

    p95_s: float
    limit_s: float
    stated_s: float
    covered: bool


def sensors() -> list[str]:
    """Ids of all profiles whose loss can be seen, of sensors that are connected to."""
    found = [load_profile(name) for name in profile_ids()]
    return [
        profile.id
        for profile in found
        if profile.ble is not None and profile.clock.loss_observable and profile.clock.kind != "identity"
    ]


def course(device: str, rng: np.random.Generator, seconds: float) -> Course:
    """A session of ``seconds`` with the default mode of ``device``, its link and clock drawn."""
    profile = load_profile(device)
    setup = SensorSetup(sensor="s", profile=profile, settings=profile.examples())
    encoder, decoder, clock = setup.start_encoder(), setup.start_decoder(), setup.start_clock()
    drift = 1.0 + rng.uniform(-DRIFT_PPM, DRIFT_PPM) * 1e-6
    n, count = encoder.samples_per_packet, int(seconds * setup.rate)
    true = rng.uniform(0.0, n / setup.rate) + np.arange(count - count % n) / (setup.rate * drift)
    device_ns = np.round((rng.uniform(0.0, 1000.0) + true * drift) * NS_PER_S).astype(np.int64)
    units = int(rng.integers(6, 25))
    link = Link(interval_ms=UNIT_MS * units, latency_ms=LATENCY_MS, stall=0.0005)
    arrivals = arrival_ns(true[n - 1 :: n], link, rng).tolist()
    x = np.zeros((n, len(setup.mode.channels)))
    if "acc_z" in setup.mode.channels:
        x[:, setup.mode.channels.index("acc_z")] = GRAVITY
    for channel, data in opening(encoder):
        decoder.feed(channel, data)
    at: list[float] = []
    error: list[float] = []
    doubt: list[float] = []
    for k, arrival in enumerate(arrivals):
        rows = slice(k * n, k * n + n)
        packets = encoder.encode(device_ns[rows], x)
        if rng.random() < 0.01:
            continue
        parts = [part for channel, data in packets for part in decoder.feed(channel, data)]
        for frame in parts:
            if isinstance(frame, Frame) and len(mapped := clock.map(arrival, frame)):
                at.append(true[rows][-1])
                error.append(mapped[-1] / NS_PER_S - at[-1] - LATENCY_MS / 1000.0)
                doubt.append(clock.residual_ns / NS_PER_S)
    grid = np.arange(SETTLED_S, seconds - 2.0, GRID_S)
    # so many phases of the interval are reached, as far apart as this
    ratio = n / Fraction(str(setup.rate)) / (Fraction(units) * Fraction(5, 4000))
    few = UNIT_MS * units / 1000.0 / ratio.denominator > COMMENSURATE_S
    return Course(
        error_s=np.interp(grid, at, error),
        doubt_s=np.interp(grid, at, doubt),
        interval_s=UNIT_MS * units / 1000.0 if few else 0.0,
    )


def pair(a: Course, b: Course) -> Pair:
    """The two in one session. The limit is one interval where packets come at few phases of it."""
    apart = np.abs(a.error_s - b.error_s)
    p95, stated = float(np.percentile(apart, 95)), float(np.median(a.doubt_s + b.doubt_s))
    return Pair(
        p95_s=p95,
        limit_s=max(LIMIT_S, a.interval_s, b.interval_s),
        stated_s=stated,
        covered=p95 <= stated,
    )


def pairs(
    devices: Sequence[str], sessions: int, seed: int, seconds: float = 60.0
) -> dict[tuple[str, str], list[Pair]]:
    """``sessions`` sessions of every pair of devices, of one model too."""
    drawn: dict[tuple[str, int, int], Course] = {}

    def one(device: str, session: int, place: int) -> Course:
        key = (device, session, place)
        if key not in drawn:
            rng = np.random.default_rng([seed, session, place, zlib.crc32(device.encode())])
            drawn[key] = course(device, rng, seconds)
        return drawn[key]

    return {
        (a, b): [pair(one(a, k, 0), one(b, k, 1)) for k in range(sessions)]
        for a, b in combinations_with_replacement(devices, 2)
    }


def main() -> None:
    """Print the table, worst pair first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", action="append", help="only these; may be given several times")
    arguments = parser.parse_args()
    found = pairs(arguments.device or sensors(), arguments.sessions, arguments.seed)
    everything = [one for row in found.values() for one in row]
    print(f"{'pair':46} {'error p95':>10} {'worst':>8} {'stated':>8} {'above limit':>12} {'covered':>8}")
    rows = sorted(found.items(), key=lambda item: -max(one.p95_s for one in item[1]))
    for (a, b), row in [*rows, (("all", "pairs"), everything)]:
        p95 = np.percentile([one.p95_s for one in row], 95) * 1e3
        worst = max(one.p95_s for one in row) * 1e3
        stated = np.median([one.stated_s for one in row]) * 1e3
        above = sum(one.p95_s > one.limit_s for one in row)
        covered = np.mean([one.covered for one in row]) * 100
        print(
            f"{a + ' + ' + b:46} {p95:7.1f} ms {worst:5.1f} ms {stated:5.1f} ms "
            f"{above:4d} of {len(row):4d} {covered:6.1f} %"
        )


if __name__ == "__main__":
    main()
