"""The truth agrees with itself and with what was asked for; the same seed gives the same bits."""

import csv

import numpy as np
import pytest
from msgspec.structs import replace

from eccentra.errors import InputError
from eccentra.simulate import (
    KITS,
    PATTERNS,
    Disconnect,
    Dropout,
    Hold,
    KneelDown,
    Mounting,
    NordicRep,
    NordicSet,
    Remount,
    Scenario,
    Stop,
    generic_session,
    load_scenario,
    nordic_session,
    scenario_from,
    simulate,
)
from eccentra.simulate.body import DT


def curls(*reps):
    return Scenario(timeline=(KneelDown(), Hold(seconds=2.0), NordicSet(reps=reps), Hold(seconds=2.0)))


def without_tremor(scenario):
    """It goes on over the borders of holds, and is fast."""
    moves = [
        replace(m, reps=tuple(replace(r, tremor_deg=0.0) for r in m.reps)) if isinstance(m, NordicSet) else m
        for m in scenario.timeline
    ]
    return replace(scenario, timeline=tuple(moves))


@pytest.mark.parametrize("seed", range(12))
def test_phases_tile_and_end_at_rest(seed):
    made = simulate(without_tremor(nordic_session(seed, kit="thigh")), seed)
    speed = np.degrees(np.gradient(made.course["thigh"], DT))
    assert made.truth.reps
    last = 0.0
    for rep in made.truth.reps:
        assert rep.start_s >= last
        last = rep.end_s
        assert rep.phases[0].start_s == rep.start_s
        assert rep.phases[-1].end_s == rep.end_s
        for before, after in zip(rep.phases, rep.phases[1:], strict=False):
            lying = after.kind == "return"
            assert before.end_s <= after.start_s if lying else before.end_s == after.start_s
        for phase in rep.phases:
            # postural sway goes on over the borders
            for at in (phase.start_s, phase.end_s):
                assert abs(speed[round(at / DT)]) < 2.0
        assert rep.tut_s == pytest.approx(
            sum(rep.total_s(k) for k in ("eccentric", "isometric", "concentric"))
        )
        assert (rep.tut_controlled_s < rep.tut_s) == (rep.break_point is not None)
        for force in rep.force.values():
            assert force.peak_n > force.mean_n > 0
            assert force.impulse_ns == pytest.approx(force.mean_n * rep.total_s("eccentric"), rel=1e-6)
    for one in made.truth.sets:
        assert [rep.index for rep in one.reps] == list(range(1, len(one.reps) + 1))


def test_ways_of_one_repetition():
    made = simulate(
        curls(
            NordicRep(descent_s=3.0, turn_s=2.0, return_s=1.0),
            NordicRep(descent_s=4.0, stops=(Stop(at=0.3, seconds=1.0),)),
            NordicRep(descent_s=4.0, stops=(Stop(at=0.3, seconds=0.3),)),
            NordicRep(descent_s=3.0, back="active", turn_s=0.2, return_s=2.0),
            NordicRep(descent_s=2.0, partial=0.5, back="active", turn_s=0.8, return_s=1.5),
            NordicRep(descent_s=1.0, partial=0.1, back="active", turn_s=0.1, return_s=1.0),
            NordicRep(descent_s=3.0, push_lean_deg=45.0),
        )
    )
    kinds = [[phase.kind for phase in rep.phases] for rep in made.truth.reps]
    assert kinds == [
        ["eccentric", "return"],
        ["eccentric", "isometric", "eccentric", "return"],
        ["eccentric", "return"],
        ["eccentric", "concentric"],
        ["eccentric", "isometric", "concentric"],
        ["eccentric", "return"],
    ]
    first, _, third, fourth, fifth, _ = made.truth.reps
    assert first.total_s("eccentric") == pytest.approx(3.0)
    assert first.phases[1].start_s - first.phases[0].end_s == pytest.approx(2.0)
    assert third.total_s("eccentric") == pytest.approx(4.3)
    assert fourth.tut_s == pytest.approx(5.2)
    assert [rep.partial for rep in made.truth.reps] == [False, False, False, False, True, False]
    assert fifth.rom_deg == pytest.approx(44.0, abs=1.5)
    assert [m.what for m in made.truth.movements] == ["kneel_down", "small"]


def test_same_seed_same_bits():
    scenario = nordic_session(3, kit="thigh+shank+force")
    assert scenario == nordic_session(3, kit="thigh+shank+force")
    a, b, c = simulate(scenario, 3), simulate(scenario, 3), simulate(scenario, 4)
    assert a.truth == b.truth
    for name, signal in a.signals.items():
        assert np.array_equal(signal.x, b.signals[name].x)
        assert not np.array_equal(signal.x[:1000], c.signals[name].x[:1000])


def test_kit_does_not_change_the_body():
    truths = [simulate(nordic_session(5, kit=kit, sets=2, reps=2), 5).truth for kit in KITS if kit != "wrist"]
    assert all(truth == truths[0] for truth in truths)


def test_session_options():
    truth = simulate(nordic_session(1, sets=2, reps=4, rest_s=(40.0, 41.0)), 1).truth
    assert len(truth.sets) == 2
    assert truth.sets[1].start_s - truth.sets[0].end_s > 40.0
    with pytest.raises(ValueError, match="kit is 'two thighs', expected one of"):
        nordic_session(1, kit="two thighs")


@pytest.mark.parametrize("pattern", range(len(PATTERNS)))
def test_generic_cycles(pattern):
    scenario = generic_session(4, pattern=pattern, reps=6, rate_hz=25.0, gyroscope=False)
    made = simulate(scenario, 4)
    assert made.truth.exercise == "generic"
    assert {len(one.reps) for one in made.truth.sets} == {6}
    signal = made.signals["imu"]
    assert signal.x.shape[1] == 3
    assert np.median(np.diff(signal.t_s)) == pytest.approx(0.04)
    for rep in made.truth.reps:
        kinds = [phase.kind for phase in rep.phases]
        assert kinds in (["concentric", "eccentric"], ["concentric", "isometric", "eccentric"])


def test_faults_take_samples():
    base = nordic_session(2, kit="thigh+shank", sets=1, reps=3)
    end = simulate(base, 2).truth.duration_s
    faults = (
        Dropout(sensor="thigh", start_s=10.0, end_s=11.0),
        Disconnect(sensor="thigh", at_s=20.0, away_s=3.0),
        Remount(sensor="shank", at_s=end / 2, mounting=Mounting(twist_deg=77.0)),
    )
    made = simulate(nordic_session(2, kit="thigh+shank", sets=1, reps=3, faults=faults), 2)
    clean = simulate(base, 2)
    t = made.signals["thigh"].t_s
    assert not np.any((t > 10.0) & (t < 11.0))
    assert not np.any((t > 20.0) & (t < 23.0))
    assert np.sum((t > 9.8) & (t < 10.0)) > 10
    before, after = clean.signals["shank"], made.signals["shank"]
    same = np.all(before.x == after.x, axis=1)
    assert np.array_equal(same[before.t_s < end / 2], np.ones(np.sum(before.t_s < end / 2), dtype=bool))
    assert not np.any(same[before.t_s > end / 2 + 0.1])


def test_csv(tmp_path):
    made = simulate(nordic_session(1, kit="thigh+force", sets=1, reps=2), 1)
    files = made.write_csv(tmp_path / "out")
    assert sorted(files) == ["left", "right", "thigh"]
    with files["thigh"].open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["t_s", "acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z"]
    signal = made.signals["thigh"]
    assert np.allclose(np.array(rows[1:], dtype=float), np.column_stack([signal.t_s, signal.x]), atol=1e-4)
    assert files["left"].read_text().startswith("t_s,force_n\n")


TOML = """
name = "two curls"
kit = "force"
athlete = { mass_kg = 80.0 }
timeline = [
  { do = "kneel_down", route = "hands" },
  { do = "nordic_set", reps = [
    { descent_s = 3.0 },
    { break_lean_deg = 33.0, stops = [{ at = 0.2, seconds = 1.0 }] },
  ] },
]
"""


def test_scenario_from_toml(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text(TOML)
    scenario = load_scenario(path)
    assert scenario.athlete.mass_kg == 80.0
    assert len(simulate(scenario).truth.reps) == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"timeline": []}, "timeline is empty"),
        ({"timeline": [{"do": "dance"}]}, r"Invalid value 'dance' - at `\$.timeline\[0\].do`"),
        ({"timeline": [{"do": "hold", "second": 1.0}]}, r"unknown field `second` - at `\$.timeline\[0\]`"),
        ({"timeline": [{"do": "hold"}], "kit": "knee"}, "kit is 'knee', expected one of force"),
        ({"timeline": [{"do": "hold"}], "athlete": {"mass_kg": 5}}, "mass_kg is 5.0, expected 20.0 to 250.0"),
        (
            {
                "timeline": [{"do": "hold"}],
                "faults": [{"fault": "dropout", "sensor": "x", "start_s": 1, "end_s": 2}],
            },
            "no sensor 'x', expected one of thigh, shank",
        ),
        ({"timeline": [{"do": "nordic_set", "reps": [{"descent_s": 0.0}]}]}, "descent_s is 0.0"),
    ],
)
def test_bad_scenarios_say_what(data, message):
    with pytest.raises(InputError, match=message):
        scenario_from(data, "file.toml")


def test_bad_file(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("= 3")
    with pytest.raises(InputError, match=r"x\.toml: .*expected a readable TOML or JSON file"):
        load_scenario(path)
    with pytest.raises(InputError, match="No such file"):
        load_scenario(tmp_path / "no.toml")


def test_set_without_a_repetition_is_none():
    small = NordicRep(descent_s=1.0, partial=0.1, back="active", turn_s=0.1, return_s=1.0)
    scenario = Scenario(
        timeline=(
            KneelDown(),
            NordicSet(reps=(small,)),
            Hold(seconds=30.0),
            NordicSet(reps=(NordicRep(), small, NordicRep())),
        )
    )
    truth = simulate(scenario).truth
    assert [one.index for one in truth.sets] == [1]
    assert [(rep.set_index, rep.index) for rep in truth.reps] == [(1, 1), (1, 2)]


@pytest.mark.parametrize("seconds", [-1.0, 20_000.0, float("inf"), float("nan")])
def test_impossible_times(seconds):
    with pytest.raises(ValueError, match=r"a move of .* s at 0 s: expected .* at most 14400 s"):
        simulate(Scenario(timeline=(Hold(seconds=seconds),)))
