"""Clocks of sensors against each other, for every profile, and what is said about it."""

from __future__ import annotations

import alignment
import numpy as np
import pytest

from eccentra.events import SensorTimed
from eccentra.exercises import load_exercise
from eccentra.profiles import load_profile
from eccentra.session import Header, Session
from eccentra.simulate import nordic_session, simulate
from eccentra.waiting import Waits

MS = 1_000_000
S = 1000 * MS


def share(pairs: list[alignment.Pair]) -> tuple[float, float]:
    """Of the sessions: above the limit, and covered by what was stated."""
    above = [one.p95_s > one.limit_s for one in pairs]
    return float(np.mean(above)), float(np.mean([one.covered for one in pairs]))


@pytest.mark.parametrize("device", alignment.sensors())
def test_a_sensor_agrees_with_another(device: str) -> None:
    found = alignment.pairs(sorted({device, "movesense"}), sessions=4, seed=5, seconds=40.0)
    above, covered = share([one for key, row in found.items() if device in key for one in row])
    assert above == 0.0
    assert covered == 1.0


@pytest.mark.long
def test_any_two_sensors_agree_and_the_stated_uncertainty_is_true() -> None:
    found = alignment.pairs(alignment.sensors(), sessions=12, seed=8, seconds=45.0)
    for pair, row in found.items():
        assert share(row)[0] <= 1 / 12, pair
    above, covered = share([one for row in found.values() for one in row])
    assert above <= 0.01
    assert covered >= 0.95


def waits(period_ns: int, interval_ns: int, first_ns: int, delays_ns: np.ndarray) -> Waits:
    """Packets that are ready every period and leave at the next event of the interval."""
    out = Waits()
    for k, delay in enumerate(delays_ns.tolist()):
        ready = first_ns + k * period_ns
        event = -(-ready // interval_ns) * interval_ns
        out.add(event + round(delay), event + round(delay) - ready)
    return out


def test_packets_at_every_phase_leave_nothing_unseen() -> None:
    found = waits(12_500_000, 11_250_000, 3 * MS, np.zeros(200)).unseen_ns(0.0)
    assert found is not None
    assert found <= 1.5 * MS


@pytest.mark.parametrize("first_ms", [1, 14, 29])
def test_packets_at_one_phase_may_have_waited_an_interval(first_ms: int) -> None:
    """100 Hz over 10 ms, 90 ms packets over 30 ms: every packet waits as long as every other."""
    delays = np.random.default_rng(1).exponential(0.3 * MS, 200)
    found = waits(90 * MS, 30 * MS, first_ms * MS, delays).unseen_ns(0.0)
    assert found is not None
    assert found >= (30 - first_ms) * MS


def test_delays_of_the_host_are_no_waits() -> None:
    rng = np.random.default_rng(2)
    calm = waits(12_500_000, 30 * MS, 0, np.zeros(250)).unseen_ns(0.0)
    busy = waits(12_500_000, 30 * MS, 0, rng.exponential(1.0 * MS, 250)).unseen_ns(0.0)
    assert calm is not None
    assert busy is not None
    # 12.5 ms over 30 ms: twelve phases, 2.5 ms apart
    assert calm == pytest.approx(2.5 * MS, abs=0.2 * MS)
    assert busy == pytest.approx(2.5 * MS, abs=1.5 * MS)


def test_few_packets_say_nothing() -> None:
    assert waits(12_500_000, 30 * MS, 0, np.zeros(20)).unseen_ns(0.0) is None


def test_every_session_reports_its_sensors_times() -> None:
    made = simulate(nordic_session(3, kit="thigh+shank+force"), seed=3)
    header = Header(
        session="times", exercise=load_exercise("nordic-curl"), sensors=made.setups, software="test"
    )
    session = Session(header)
    events = session.feed_many(made.inputs()) + session.finish()
    told = {one.event.sensor: one.event for one in events if isinstance(one.event, SensorTimed)}
    assert set(told) == {setup.sensor for setup in made.setups}
    for setup in made.setups:
        one = told[setup.sensor]
        drift = made.signals[setup.sensor].sensor.clock.drift_ppm
        assert 0.0 < one.uncertainty_ms < 50.0
        assert one.loss_observable == load_profile(setup.profile.id).clock.loss_observable
        assert one.since_us < 5_000_000
        assert abs(one.drift_ppm - drift) < 60.0
