"""Sensors struck together: clocks that are an unseen wait apart come together, and it is said how well."""

from __future__ import annotations

import numpy as np
import pytest

from eccentra.commands import parse_line
from eccentra.events import CalibrationFailed, CalibrationNeeded, Event, Flag, TimesTapped
from eccentra.exercises import load_exercise
from eccentra.inputs import Command, Connected, Input, Packet
from eccentra.profiles import SensorSetup, load_profile
from eccentra.samples import NS_PER_S, Floats
from eccentra.session import Header, Session
from eccentra.simulate.delivery import arrival_ns
from eccentra.simulate.link import Link
from eccentra.taps import blows

BLOWS_S = (31.0, 32.1, 33.3, 34.2, 61.0, 62.2, 63.1, 64.3)
ASKED_S = (29.0, 59.0)
SECONDS = 78.0
# What a sensor's own filter makes of a blow of a few milliseconds.
SMOOTH_S = 0.006


def setups(*devices: str) -> tuple[SensorSetup, ...]:
    places = iter(("thigh", "shank", "pelvis"))
    sides = iter(("left", "right"))
    out = []
    for k, device in enumerate(devices):
        profile = load_profile(device)
        where = {"placement": next(places)} if profile.kind == "imu" else {"side": next(sides)}
        out.append(SensorSetup(sensor=f"s{k}", profile=profile, **where))
    return tuple(out)


def packets(
    setup: SensorSetup, link: Link, drift_ppm: float, rng: np.random.Generator, struck: bool
) -> list[Input]:
    """A sensor that lies still and may be struck."""
    encoder = setup.start_encoder()
    n, drift = encoder.samples_per_packet, 1.0 + drift_ppm * 1e-6
    count = int(SECONDS * setup.rate) // n * n
    true = rng.uniform(0.0, n / setup.rate) + np.arange(count) / (setup.rate * drift)
    force = setup.profile.kind == "force"
    x: Floats = rng.normal(0.0, 0.3 if force else 0.03, (count, len(setup.mode.channels)))
    if not force:
        x[:, 2] += 9.81
    for blow in BLOWS_S if struck else ():
        shape = np.exp(-0.5 * ((true - blow - SMOOTH_S) / SMOOTH_S) ** 2)
        x[:, 0] += shape * rng.uniform(80.0, 200.0) if force else shape * rng.uniform(20.0, 60.0)
    device_ns = np.round((rng.uniform(0.0, 500.0) + true * drift) * NS_PER_S).astype(np.int64)
    arrivals = arrival_ns(true[n - 1 :: n], link, rng)
    out: list[Input] = [Connected(0, setup.sensor)]
    for k, at in enumerate(arrivals.tolist()):
        rows = slice(k * n, k * n + n)
        out += [Packet(at, setup.sensor, c, d) for c, d in encoder.encode(device_ns[rows], x[rows])]
    return out


def told(
    devices: tuple[str, ...], interval_ms: float, seed: int, *, asked: bool = True, unstruck: str = ""
) -> list[Event]:
    rng = np.random.default_rng(seed)
    worn = setups(*devices)
    items: list[Input] = []
    for setup in worn:
        link = Link(interval_ms=interval_ms, retry=0.02)
        items += packets(setup, link, rng.uniform(-20, 20), rng, setup.sensor != unstruck)
    for at in ASKED_S if asked else ():
        items.append(Command(round(at * NS_PER_S), "calibrate", {"what": "times"}))
    items.sort(key=lambda item: item.arrival_ns)
    session = Session(
        Header(session="taps", exercise=load_exercise("nordic-curl"), sensors=worn, software="t")
    )
    return [one.event for one in (*session.feed_many(items), *session.finish())]


@pytest.mark.parametrize(
    "devices", [("movesense", "movesense"), ("movesense", "tindeq-progressor"), ("tindeq-progressor",) * 2]
)
def test_struck_together_they_agree(devices: tuple[str, ...]) -> None:
    later, covered, first = [], [], []
    for seed in range(3):
        # 12.5 ms: every packet of an 80 Hz sensor comes at the same phase
        once, again = (
            one for one in told(devices, 25.0 if seed % 2 else 12.5, seed) if isinstance(one, TimesTapped)
        )
        assert once.blows >= 3
        assert once.uncertainty_ms <= 10.0
        first.append(abs(once.apart_ms))
        later.append(abs(again.apart_ms))
        # found again with an error of its own
        covered.append(abs(again.apart_ms) <= again.uncertainty_before_ms + again.uncertainty_ms)
    assert max(later) <= 5.0
    assert all(covered)
    if "movesense" not in devices:
        assert max(first) > 5.0


def test_it_is_asked_and_what_was_not_felt_is_said() -> None:
    events = told(("movesense", "movesense", "tindeq-progressor"), 15.0, 1, unstruck="s2")
    asked = [one for one in events if isinstance(one, CalibrationNeeded) and one.what == "times"]
    assert len(asked) == 2
    assert "strike" in asked[0].instruction
    failed = [one for one in events if isinstance(one, CalibrationFailed) and one.what == "times"]
    assert {one.sensor for one in failed} == {"s2"}
    assert {one.reason for one in failed} == {Flag.TAPS_NOT_FELT}


def test_nobody_asked_nothing_moves() -> None:
    events = told(("movesense", "tindeq-progressor"), 15.0, 1, asked=False)
    assert not [one for one in events if isinstance(one, TimesTapped)]


def test_quiet_and_walking_are_no_blows() -> None:
    t = np.arange(0, 15 * NS_PER_S, NS_PER_S // 100)
    rng = np.random.default_rng(3)
    assert blows(t, rng.normal(0.0, 0.05, (len(t), 3)), "m/s2") == []
    steps = 3.0 * np.sin(2 * np.pi * 1.8 * t / NS_PER_S)[:, None] * np.ones(3)
    assert blows(t, steps + rng.normal(0.0, 0.05, (len(t), 3)), "m/s2") == []


@pytest.mark.parametrize("phase", [0.0, 0.21, 0.5, 0.77])
def test_a_blow_is_found_within_a_third_of_a_sample(phase: float) -> None:
    period = NS_PER_S // 100
    t = np.arange(0, 2 * NS_PER_S, period)
    at = NS_PER_S + phase * period
    x = 30.0 * np.exp(-0.5 * ((t - at) / 6e6) ** 2)[:, None]
    (found,) = blows(t, x, "m/s2")
    assert abs(found - at) < period / 3


def test_it_can_be_typed() -> None:
    assert parse_line("calibrate times") == parse_line("calibrate what=times")
