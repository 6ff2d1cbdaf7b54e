"""Forces and motion against hand-computed mechanics."""

import msgspec
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from eccentra.simulate import (
    Athlete,
    CyclicSet,
    Hold,
    ImuErrors,
    KneelDown,
    Limb,
    Mounting,
    NordicRep,
    NordicSet,
    Scenario,
    SensorSpec,
    Slip,
    StrapWork,
    Walk,
    simulate,
)
from eccentra.simulate.athlete import GRAVITY
from eccentra.simulate.body import DT
from eccentra.simulate.strokes import min_jerk, quintic, ramped

PERSON = Athlete(mass_kg=75.0, height_m=1.75, lever_m=0.40)


def imu(placement, **more):
    """A perfect sensor on the grid of the simulation."""
    spec = {
        "id": placement,
        "kind": "imu",
        "device": "recorded-csv",
        "rate_hz": 500.0,
        "placement": placement,
    }
    return SensorSpec(**spec, **more)


def curl(rep, *before, sensors=(), athlete=PERSON, **more):
    moves = (*before, KneelDown(), Hold(seconds=3.0), NordicSet(reps=(rep,)), Hold(seconds=2.0))
    return Scenario(timeline=moves, sensors=sensors, athlete=athlete, **more)


@pytest.mark.parametrize(
    ("knee_deg", "newton"), [(75, 132), (60, 254), (50, 327), (45, 360), (30, 441), (0, 509)]
)
def test_static_force_per_leg(knee_deg, newton):
    lean = np.radians([90.0 - knee_deg])
    assert PERSON.moment(lean)[0] / (2 * PERSON.lever_m) == pytest.approx(newton, abs=1.0)


def test_slow_descent_has_nearly_the_static_force():
    made = simulate(curl(NordicRep(descent_s=30.0, pretension_n=0.0, end_lean_deg=85.0)))
    lean, torque = made.course["thigh"], made.course["torque"]
    rep = made.truth.reps[0]
    rows = slice(int((rep.start_s + 8) / DT), int((rep.start_s + 25) / DT))
    # strokes carry 2 deg of sway besides the lean that the torque is made for
    assert np.abs(torque[rows] - PERSON.moment(lean[rows])).max() < 15.0


def test_fall_follows_the_pendulum():
    rep = NordicRep(descent_s=5.0, break_lean_deg=35.0, residual=0.0, decay_s=1e-4, catch_lean_deg=75.0)
    lean, _, rate = PERSON.fall(0.6, 0.4, 200.0, until=1.2, residual=0.0, decay_s=1e-4, dt=1e-4)
    mass, reach = 0.878 * 75.0, 0.36 * 1.75
    # energy: without torque, kinetic gains what potential loses
    potential = mass * GRAVITY * reach * (np.cos(0.6) - np.cos(lean[-1]))
    assert 0.5 * PERSON.inertia * (rate**2 - 0.4**2) == pytest.approx(potential, rel=2e-3)
    made = simulate(curl(rep))
    broken = made.truth.reps[0].break_point
    assert broken is not None
    assert broken.lean_deg == pytest.approx(35.0, abs=2.0)
    assert broken.knee_flexion_deg == pytest.approx(55.0, abs=2.0)
    force = made.course["torque"]
    k = round(broken.t_s / DT)
    assert force[k + 100] < 0.2 * force[k - 30]
    speed = np.gradient(made.course["thigh"], DT)
    assert speed[k + 100] > 1.5 * speed[k - 10]


def test_strokes_start_and_end_at_rest():
    for course in (min_jerk(1000), ramped(1000, 0.1), quintic(0.0, 0.0, 0.0, 1.0, 1000, 0.001)):
        assert course[-1] == 1.0
        assert np.all(np.diff(course) >= 0)
        assert course[0] < 1e-3
        assert 1.0 - course[-2] < 1e-3
    middle = np.diff(ramped(1000, 0.1))[150:850]
    assert np.ptp(middle) < 1e-12


def test_gravity_at_rest():
    sensors = tuple(
        imu(
            p, mounting=Mounting(twist_deg=50.0, tilt_deg=9.0, upside_down=p == "thigh", face_in=p == "shank")
        )
        for p in ("thigh", "shank", "pelvis", "trunk", "wrist")
    )
    scenario = Scenario(timeline=(Hold(seconds=4.0),), sensors=sensors)
    for signal in simulate(scenario).signals.values():
        size = np.linalg.norm(signal.x[:, :3], axis=1)
        assert np.abs(size - GRAVITY).max() < 0.06


def test_a_sensor_that_slips_measures_its_own_turn():
    """What the gyroscope says takes gravity before the slip to gravity after it, however it is worn."""
    for seed, turn in enumerate([(70.0, 0.0, 20.0), (0.0, -40.0, 60.0), (30.0, 160.0, 0.0)]):
        worn = Mounting(twist_deg=75.0 * seed, tilt_deg=25.0, upside_down=seed == 1)
        slip = Slip(sensor="thigh", at_s=2.0, turn_deg=turn, over_s=0.5)
        sensors = (imu("thigh", mounting=worn),)
        still = Scenario(timeline=(Hold(seconds=4.0),), sensors=sensors, athlete=Athlete(sway_deg=0.0))
        x = simulate(msgspec.structs.replace(still, faults=(slip,))).signals["thigh"].x
        turned = Rotation.identity()
        for rate in x[:, 3:]:
            turned = turned * Rotation.from_rotvec(rate / 500.0)
        assert turned.inv().apply(x[0, :3]) == pytest.approx(x[-1, :3], abs=0.1)
        assert turned.magnitude() == pytest.approx(np.radians(np.linalg.norm(turn)), abs=0.01)


def test_integrated_gyro_is_the_lean():
    rep = NordicRep(descent_s=4.0, break_lean_deg=30.0, tremor_deg=0.1)
    made = simulate(curl(rep, sensors=(imu("thigh"), imu("shank"))), seed=4)
    for name in ("thigh", "shank"):
        signal = made.signals[name]
        angle = made.course[name][0] + np.cumsum(signal.x[:, 4]) / 500.0
        truth = np.interp(signal.t_s, np.arange(len(made.course[name])) * DT, made.course[name])
        assert np.degrees(np.abs(angle - truth).max()) < 0.3


@pytest.mark.parametrize("placement", ["thigh", "shank", "wrist"])
def test_specific_force_is_gravity_and_motion(placement):
    """Rotate the measured specific force back with the integrated gyroscope; it integrates to no speed."""
    scenario = Scenario(
        timeline=(Hold(seconds=2.0), Walk(seconds=8.0, turns=2), CyclicSet(reps=3), Hold(seconds=2.0)),
        sensors=(imu(placement),),
        limb=Limb(axis=(0.4, -0.8, 0.3), lever_m=(0.2, 0.1, -0.4)),
        athlete=Athlete(sway_deg=0.0),
    )
    made = simulate(scenario, seed=3)
    x = made.signals[placement].x
    attitude, speed = np.eye(3), np.zeros(3)
    for acc, rate in zip(x[:, :3], x[:, 3:], strict=True):
        step = np.linalg.norm(rate) / 500.0
        if step > 0:
            a = rate / np.linalg.norm(rate)
            cross = np.array([[0, -a[2], a[1]], [a[2], 0, -a[0]], [-a[1], a[0], 0]])
            turn = np.eye(3) + np.sin(step) * cross + (1 - np.cos(step)) * cross @ cross
            attitude = attitude @ turn
        speed += (attitude @ acc - [0, 0, GRAVITY]) / 500.0
    assert np.linalg.norm(speed) < 0.1


def test_sign_and_order_of_poses():
    made = simulate(
        curl(NordicRep(), StrapWork(), sensors=(imu("thigh"),), athlete=Athlete(sway_deg=0.0)), seed=1
    )
    rep = made.truth.reps[0]
    signal = made.signals["thigh"]
    down = np.abs(signal.t_s - rep.phases[0].end_s).argmin()
    up = np.abs(signal.t_s - rep.start_s + 0.1).argmin()
    assert signal.x[up, 2] == pytest.approx(GRAVITY, abs=0.1)
    # leaning forward, the front of the thigh faces the floor: its specific force points to the back
    assert signal.x[down + 50, 0] == pytest.approx(-GRAVITY, abs=0.3)
    assert rep.rom_knee_deg == pytest.approx(rep.rom_lean_deg, abs=0.1)


def test_incline_and_asymmetry():
    athlete = Athlete(incline_deg=20.0, left_share=0.6)
    made = simulate(curl(NordicRep(break_lean_deg=34.0, descent_s=6.0), athlete=athlete))
    rep = made.truth.reps[0]
    assert rep.break_point is not None
    assert rep.break_point.knee_flexion_deg == pytest.approx(90 - 20 - 34, abs=2.0)
    assert rep.force["left"].peak_n / rep.force["right"].peak_n == pytest.approx(1.5, rel=0.03)
    left, right, both = (rep.force[side].impulse_ns for side in ("left", "right", "both"))
    assert left + right == pytest.approx(both)


def test_sensor_errors_show():
    errors = ImuErrors(gyr_bias=(0.1, 0, 0), acc_range=9.0, acc_step=0.5, gyr_noise=0.01)
    made = simulate(Scenario(timeline=(Hold(seconds=5.0),), sensors=(imu("thigh", imu=errors),)))
    x = made.signals["thigh"].x
    assert x[:, 2].max() == 9.0
    assert np.all(np.mod(x[:, :3], 0.5) == 0)
    assert x[:, 3].mean() == pytest.approx(0.1, abs=0.005)
    assert x[:, 5].std() == pytest.approx(0.01, rel=0.1)
