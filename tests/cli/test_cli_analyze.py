"""``eccentra analyze``: the contract of OUT.json, the same result every time, and what is refused."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
from cli_parts import curls, eccentra, files

from eccentra.simulate import Hold, Scenario, Simulation, simulate

PROGRAM = Path(sys.executable).with_name("eccentra")


class Phase(msgspec.Struct):
    kind: Literal["eccentric", "isometric", "concentric", "return"]
    start_s: float
    end_s: float


class BreakPoint(msgspec.Struct):
    lean_deg: float
    knee_flexion_deg: float | None
    method: str


class Side(msgspec.Struct):
    peak_n: float
    mean_n: float
    impulse_ns: float


class Forces(msgspec.Struct):
    left: Side | None
    right: Side | None


class Rep(msgspec.Struct):
    index: int
    start_s: float
    end_s: float
    valid: bool
    reasons: list[str]
    phases: list[Phase]
    tut_s: float | None
    tut_controlled_s: float | None
    rom_deg: float | None
    break_point: BreakPoint | None
    force: Forces | None
    confidence: float
    flags: list[str]


class Rejected(msgspec.Struct):
    start_s: float
    end_s: float
    reason: str


class Set(msgspec.Struct):
    start_s: float
    end_s: float
    reps: list[Rep]
    rejected: list[Rejected]
    reps_counted: int
    reps_valid: int
    tut_s: float | None
    asymmetry_pct: float | None


class Gap(msgspec.Struct):
    sensor: str
    start_s: float
    end_s: float
    missing: bool


class Quality(msgspec.Struct):
    flags: list[str]
    gaps: list[Gap]


class Out(msgspec.Struct):
    """The contract: these keys with these types; more keys are allowed."""

    schema: Literal["eccentra.analysis/1"]
    exercise: str
    sets: list[Set]
    quality: Quality


@pytest.fixture(scope="module")
def session() -> Simulation:
    return curls("thigh+shank+force")


def run(folder: Path, *args: str | Path) -> Out:
    out = folder / "out.json"
    done = eccentra("analyze", *args, "--json", out)
    assert done.exit_code == 0, done.output
    return msgspec.json.decode(out.read_bytes(), type=Out, strict=True)


def test_contract_and_truth(session: Simulation, tmp_path: Path) -> None:
    out = run(tmp_path, "--exercise", "nordic-curl", *files(session, tmp_path), "--body-mass", "75")
    assert out.exercise == "nordic-curl"
    (only,) = out.sets
    true = session.truth.sets[0]
    assert only.reps_counted == len(only.reps) == len(true.reps)
    assert [rep.index for rep in only.reps] == [1, 2, 3]
    for rep, really in zip(only.reps, true.reps, strict=True):
        assert rep.start_s == pytest.approx(really.start_s, abs=0.3)
        assert rep.end_s == pytest.approx(really.end_s, abs=0.5)
        assert [phase.kind for phase in rep.phases] == ["eccentric", "return"]
        assert rep.phases[0].start_s == rep.start_s
        assert rep.force is not None
        assert rep.force.left is not None
        assert rep.force.left.peak_n == pytest.approx(really.force["left"].peak_n, rel=0.1)
        assert 0 <= rep.confidence <= 1
    assert only.start_s == only.reps[0].start_s
    assert only.end_s == only.reps[-1].end_s
    assert only.tut_s == pytest.approx(sum(rep.tut_s or 0 for rep in only.reps))


@pytest.mark.parametrize("kit", ["thigh", "force"])
def test_few_sensors(kit: str, tmp_path: Path) -> None:
    simulation = curls(kit)
    out = run(tmp_path, "--exercise", "nordic-curl", *files(simulation, tmp_path))
    assert [one.reps_counted for one in out.sets] == [3]


def test_one_strap_for_both_legs(tmp_path: Path) -> None:
    path = curls("force").write_csv(tmp_path)["left"]
    out = tmp_path / "out.json"
    args = ["--exercise", "nordic-curl", "--force", f"both={path}", "--json", out]
    assert eccentra("analyze", *args).exit_code == 0
    (only,) = json.loads(out.read_bytes())["sets"]
    assert only["asymmetry_pct"] is None
    for rep in only["reps"]:
        assert rep["force"]["left"] is rep["force"]["right"] is None
        assert rep["force"]["both"]["peak_n"] > 300


def test_the_same_every_time(session: Simulation, tmp_path: Path) -> None:
    args = ["--exercise", "nordic-curl", *files(session, tmp_path)]
    texts = []
    for name in ("a", "b"):
        saved = tmp_path / f"{name}.eccentra"
        assert eccentra("analyze", *args, "--json", tmp_path / name, "--save", saved).exit_code == 0
        texts.append((tmp_path / name).read_bytes())
        replayed = eccentra("replay", saved, "--json", tmp_path / f"{name}2")
        assert "all equal to the stored ones" in replayed.stdout
        again = json.loads((tmp_path / f"{name}2").read_bytes())
        assert again["sets"] == json.loads(texts[-1])["sets"]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("shift", [-1000.0, 1.7e9])
def test_times_are_on_the_clock_of_the_files(shift: float, tmp_path: Path) -> None:
    simulation = curls("thigh")
    path = simulation.write_csv(tmp_path)["thigh"]
    plain = run(tmp_path, "--exercise", "nordic-curl", "--imu", f"thigh={path}")
    head, *rows = path.read_text().splitlines()
    moved = [f"{float(t) + shift:.6f},{rest}" for t, rest in (row.split(",", 1) for row in rows)]
    path.write_text("\n".join([head, *moved]))
    out = run(tmp_path, "--exercise", "nordic-curl", "--imu", f"thigh={path}")
    assert out.sets[0].reps_counted == plain.sets[0].reps_counted
    for ours, theirs in zip(out.sets[0].reps, plain.sets[0].reps, strict=True):
        assert ours.start_s - shift == pytest.approx(theirs.start_s, abs=0.02)
        assert ours.tut_s == pytest.approx(theirs.tut_s, abs=0.02)


def test_nothing_found(tmp_path: Path) -> None:
    still = simulate(Scenario(timeline=(Hold(seconds=10.0),), kit="thigh"), seed=1)
    out = run(tmp_path, "--exercise", "nordic-curl", *files(still, tmp_path))
    assert out.sets == []


def test_missing_rows_are_a_gap(tmp_path: Path) -> None:
    path = curls("thigh").write_csv(tmp_path)["thigh"]
    lines = path.read_text().splitlines()
    kept = [line for line in lines if line[0] == "t" or not 2.0 < float(line.split(",")[0]) < 3.5]
    path.write_text("\n".join(kept))
    out = run(tmp_path, "--exercise", "nordic-curl", "--imu", f"thigh={path}")
    (gap,) = (one for one in out.quality.gaps if one.missing)
    assert gap.sensor == "thigh"
    assert (gap.start_s, gap.end_s) == pytest.approx((2.0, 3.5), abs=0.03)


def test_equal_times_are_flagged(tmp_path: Path) -> None:
    path = curls("thigh").write_csv(tmp_path)["thigh"]
    lines = path.read_text().splitlines()
    lines[100] = lines[99].split(",")[0] + "," + lines[100].split(",", 1)[1]
    path.write_text("\n".join(lines))
    done = eccentra("analyze", "--exercise", "nordic-curl", "--imu", f"thigh={path}", "--json", "-")
    out = msgspec.json.decode(done.stdout, type=Out)
    assert "time_irregular" in out.quality.flags
    assert out.sets[0].reps_counted == 3
    assert "same t_s" in done.stderr


def refused(*args: str | Path) -> str:
    done = eccentra("analyze", *args)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("eccentra: ")
    return done.stderr


@pytest.fixture(scope="module")
def imu(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    t = np.arange(500) / 100
    table = np.column_stack([t, np.zeros((500, 2)), np.full(500, 9.81)])
    np.savetxt(path, table, "%.6f", ",", header="t_s,acc_x,acc_y,acc_z", comments="")
    return f"thigh={path}"


class TestRefused:
    def test_unknown_exercise(self, imu: str) -> None:
        words = refused("--exercise", "handstand", "--imu", imu)
        assert "no such exercise" in words
        assert "nordic-curl" in words

    def test_exercise_file(self, imu: str, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text('schema = 1\nid = "mine"\nname = "m"\nthreshold = 3\n')
        words = refused("--exercise", path, "--imu", imu)
        assert str(path) in words
        assert "threshold" in words
        path.write_text("id = ")
        assert "is not TOML" in refused("--exercise", path, "--imu", imu)
        assert "cannot be read" in refused("--exercise", tmp_path / "none.toml", "--imu", imu)

    def test_no_recording(self) -> None:
        assert "--imu PLACEMENT=FILE" in refused("--exercise", "nordic-curl")

    @pytest.mark.parametrize("text", ["a.csv", "thigh=", "=a.csv", "knee=a.csv", ""])
    def test_placement(self, text: str) -> None:
        words = refused("--exercise", "nordic-curl", "--imu", text)
        assert "PLACEMENT=FILE.csv" in words
        assert "thigh shank pelvis" in words

    def test_twice(self, imu: str) -> None:
        assert "given twice" in refused("--exercise", "nordic-curl", "--imu", imu, "--imu", imu)

    def test_not_the_sensors_it_needs(self, imu: str) -> None:
        words = refused("--exercise", "nordic-curl", "--imu", imu.replace("thigh", "wrist"))
        assert "nordic-curl: needs" in words
        assert "wrist" in words

    def test_g(self, imu: str, tmp_path: Path) -> None:
        path = tmp_path / "g.csv"
        path.write_text(Path(imu.partition("=")[2]).read_text().replace("9.81", "1.00"))
        words = refused("--exercise", "nordic-curl", "--imu", f"thigh={path}")
        assert f"{path}: " in words
        assert "looks like g; expected m/s²: multiply by 9.80665" in words

    @pytest.mark.parametrize("mass", ["0", "-70", "70000", "nan"])
    def test_body_mass(self, imu: str, mass: str) -> None:
        assert "expected 20 to 350 kg" in refused(
            "--exercise", "nordic-curl", "--imu", imu, "--body-mass", mass
        )

    @pytest.mark.parametrize("lever", ["0", "40", "nan"])
    def test_lever_arm(self, imu: str, lever: str) -> None:
        assert "expected 0.1 to 1 m" in refused(
            "--exercise", "nordic-curl", "--imu", imu, "--lever-arm", lever
        )

    def test_output_cannot_be_written(self, imu: str, tmp_path: Path) -> None:
        target = tmp_path / "none" / "out.json"
        assert "cannot be written" in refused("--exercise", "nordic-curl", "--imu", imu, "--json", target)
        there = tmp_path / "there"
        there.write_bytes(b"")
        assert "exists already" in refused("--exercise", "nordic-curl", "--imu", imu, "--save", there)


def test_speed(tmp_path: Path) -> None:
    """A minute at 100 Hz in at most 2 s, process start included; median of three, once warm.

    Counted is the time of the processor: waiting for other tests is not the program's slowness.
    """
    path = tmp_path / "a.csv"
    t = np.arange(6000) / 100
    angle = np.radians(40) * (1 - np.cos(2 * np.pi * t / 3))
    rate = np.gradient(angle, t)
    zero = np.zeros_like(t)
    table = np.column_stack([t, zero, 9.81 * np.sin(angle), 9.81 * np.cos(angle), rate, zero, zero])
    np.savetxt(path, table, "%.6f", ",", header="t_s,acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z", comments="")
    args: list[Any] = [PROGRAM, "analyze", "--exercise", "generic", "--imu", f"wrist={path}"]
    args += ["--json", tmp_path / "out.json"]
    taken = []
    for _ in range(4):
        before = os.times()
        subprocess.run(args, check=True, capture_output=True)
        after = os.times()
        taken.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    assert statistics.median(taken[1:]) < 2.0
