"""What a sensor delivers: numbers against those it was made with, and the verdicts."""

from __future__ import annotations

import math
from functools import cache

import msgspec
import pytest

from eccentra.conformance.measure import Measured, measure
from eccentra.conformance.uses import Report, conformance_rules, report
from eccentra.inputs import Input, Packet
from eccentra.simulate import KITS, Fidget, Hold, Scenario, Simulation, simulate
from eccentra.simulate.link import Clock, Link
from eccentra.simulate.sensors import SensorSpec

SPECS = {spec.id: spec for kit in KITS.values() for spec in kit}


@cache
def lying(name: str = "thigh", **changes: object) -> Simulation:
    spec: SensorSpec = msgspec.structs.replace(SPECS[name], **changes)
    return simulate(Scenario(timeline=(Hold(seconds=32.0),), sensors=(spec,)), 1)


def measured(simulation: Simulation, items: list[Input] | None = None) -> Measured:
    found = measure(simulation.setups[0], simulation.inputs() if items is None else items)
    assert found is not None
    return found


def marks(found: Measured) -> dict[str, str]:
    return {verdict.use: verdict.mark for verdict in report(found).verdicts}


def test_a_good_motion_sensor() -> None:
    found = measured(lying(clock=Clock(drift_ppm=40.0)))
    assert found.rate_hz == pytest.approx(104.0, rel=0.001)
    assert found.missing_pct == found.longest_hole_s == 0.0
    assert (found.repeated, found.malformed, found.restarts, found.connections) == (0, 0, 0, 1)
    assert found.rest is not None
    assert found.rest.up == "+z"
    assert found.rest.gravity_m_s2 is not None
    errors = SPECS["thigh"].imu
    assert found.rest.noise["acc_x"] == pytest.approx(errors.acc_noise, rel=0.5, abs=0.01)
    bias = math.degrees(math.hypot(*errors.gyr_bias))
    assert found.rest.bias_deg_s == pytest.approx(bias, abs=0.3)
    assert marks(found) == {
        "counting": "good",
        "time_under_tension": "good",
        "angles": "good",
        "peak_force": "no",
        "force_development": "no",
    }


def test_a_good_strap() -> None:
    found = measured(lying("left"))
    assert found.rest is not None
    assert found.rest.level_n == pytest.approx(SPECS["left"].force.offset_n, abs=4.0)
    assert marks(found)["peak_force"] == "good"
    assert marks(found)["force_development"] == "no"
    assert marks(found)["angles"] == "no"


def test_drift_of_the_zero_is_measured_and_limits_the_peak() -> None:
    errors = msgspec.structs.replace(SPECS["left"].force, drift_n_per_min=10.0)
    found = measured(lying("left", force=errors))
    assert found.rest is not None
    assert found.rest.drift_n == pytest.approx(10.0 * 30 / 60, abs=0.8)
    assert marks(found)["peak_force"] == "limited"


def test_a_wrong_scale_is_no_accelerometer() -> None:
    errors = msgspec.structs.replace(SPECS["thigh"].imu, acc_scale=(0.5, 0.5, 0.5))
    found = measured(lying(imu=errors))
    assert found.rest is not None
    assert found.rest.gravity_error_pct == pytest.approx(50.0, abs=3.0)
    assert marks(found)["counting"] == "no"
    assert marks(found)["angles"] == "limited"


def test_lost_packets_are_missing_time() -> None:
    simulation = lying()
    items = simulation.inputs()
    packets = [k for k, item in enumerate(items) if isinstance(item, Packet)]
    gone = set(packets[100:106])
    found = measured(simulation, [item for k, item in enumerate(items) if k not in gone])
    assert found.longest_hole_s == pytest.approx(6 * 8 / 104, abs=0.02)
    assert found.missing_pct == pytest.approx(100 * 6 * 8 / 104 / 32, abs=0.1)
    assert marks(found)["time_under_tension"] == "limited"


def test_repeated_and_broken_packets_are_counted() -> None:
    simulation = lying()
    items: list[Input] = []
    for k, item in enumerate(simulation.inputs()):
        items.append(item)
        if isinstance(item, Packet) and k % 50 == 0:
            items += [item, Packet(item.arrival_ns, item.sensor, item.channel, b"\x02")]
    found = measured(simulation, items)
    assert found.repeated > 0
    assert found.repeated == found.malformed
    assert found.missing_pct == 0.0


def test_a_slow_link_shows_in_lateness_not_in_times() -> None:
    quick = measured(lying(link=Link(interval_ms=7.5, jitter_ms=0.2, retry=0.0)))
    slow = measured(lying(link=Link(interval_ms=45.0, jitter_ms=0.2, retry=0.0)))
    assert quick.late_p95_ms is not None
    assert slow.late_p95_ms is not None
    assert quick.late_p95_ms < 16.0 < 30.0 < slow.late_p95_ms
    assert slow.rate_hz == pytest.approx(104.0, rel=0.002)


def test_what_moves_has_no_noise_and_no_gravity() -> None:
    fidgets = (Hold(seconds=1.0), Fidget(seconds=30.0))
    found = measured(simulate(Scenario(timeline=fidgets, sensors=(SPECS["thigh"],)), 1))
    assert found.rest is None
    (angles,) = (one for one in report(found).verdicts if one.use == "angles")
    assert angles.mark == "limited"
    assert "gravity_error_pct was not measured: it was not still for 5 s" in angles.reasons


def test_loss_that_cannot_be_seen_limits_every_use() -> None:
    found = measured(lying())
    blind = msgspec.structs.replace(
        found, sensor=msgspec.structs.replace(found.sensor, loss_observable=False)
    )
    assert marks(blind)["counting"] == "limited"
    assert marks(blind)["peak_force"] == "no"


def test_no_sample_no_report() -> None:
    simulation = lying()
    assert measure(simulation.setups[0], []) is None
    others = [item for item in simulation.inputs() if not isinstance(item, Packet)]
    assert measure(simulation.setups[0], others) is None


def test_every_rule_names_a_number_that_there_is() -> None:
    known = {*Measured.__struct_fields__, "gravity_error_pct", "bias_deg_s", "noise_n", "drift_abs_n"}
    assert {rule.metric for rule in conformance_rules().rule} <= known
    assert all(rule.why for rule in conformance_rules().rule)


def test_the_report_is_one_document() -> None:
    document = msgspec.json.decode(msgspec.json.encode(report(measured(lying()))), type=Report)
    assert document.schema == "eccentra.sensor-check/1"
