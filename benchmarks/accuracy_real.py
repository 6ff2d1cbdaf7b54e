"""Public recordings of people: how to read them, and what ``analyze`` makes of them.

The sheet is part of :mod:`accuracy`. Run by itself, ``python benchmarks/accuracy_real.py [--verbose]`` counts
them once more when they are made worse. The recordings are looked for in the folder ``ECCENTRA_TEST_DATA``
(default ``../shared/data``). Every recording goes through the whole of ``eccentra analyze --exercise
generic``: file, packets, decoder, clock, stages, events. The sum of the repetitions counted in its sets is
compared with the published number.

Further: start and end of single repetitions against the publisher's intervals, onset of isometric
contractions on the stream of a slow load cell against the fast one, and kettlebell swings received in bursts.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from eccentra.analysis import analyze
from eccentra.samples import Floats

__all__ = [
    "Onset",
    "Recording",
    "analysed",
    "data_folder",
    "document",
    "isometric_onsets",
    "kettlebell",
    "reps_of",
    "shoulder_watch",
    "template_errors",
    "uci_physical_therapy",
]

GRAVITY = 9.80665
ROOT = Path(__file__).resolve().parent.parent


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One set of a person: time in s (n,), acceleration in m/s² and angular rate in rad/s (n, 6)."""

    data: str
    name: str
    exercise: str
    truth: int
    placement: str
    t: Floats
    x: Floats


def data_folder() -> Path:
    """Where the recordings are."""
    return Path(os.environ.get("ECCENTRA_TEST_DATA", ROOT.parent / "shared" / "data"))


def _table(path: Path, delimiter: str) -> Floats:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return np.loadtxt(file, delimiter=delimiter, skiprows=1)


def uci_physical_therapy(folder: Path, unit: str | None = None) -> Iterator[Recording]:
    """The 48 blocks, each from the unit that moves most, or from ``unit``."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        labels = list(csv.DictReader(file))
    for row in labels:
        strongest = re.search(r"strongest here (u\d)", row["sensor_placement"])
        chosen = unit or (strongest.group(1) if strongest else "u2")
        x = _table(folder / row["file"].replace("u*", chosen), ";")
        t = (x[:, 0] - 1.0) * 0.04
        part = (t >= float(row["t_start_s"])) & (t < float(row["t_end_s"]))
        yield Recording(
            data="uci_physical_therapy",
            name=f"{row['file'][:5]} {row['block']}",
            exercise=row["exercise"].split(",")[0],
            truth=int(row["reps_true"]),
            placement="load",
            t=t[part],
            x=x[part, 1:7],
        )


def shoulder_watch(folder: Path) -> Iterator[Recording]:
    """The sets whose published count was confirmed to within one."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        labels = [row for row in csv.DictReader(file) if row["check"] in ("agree", "within1")]
    for row in labels:
        x = _table(folder / row["file"], ",")
        yield Recording(
            data="shoulder_watch",
            name=row["file"].split(".")[0],
            exercise=row["exercise"].split(",")[0],
            truth=int(row["reps_true"]),
            placement="wrist",
            t=x[:, 0],
            x=np.hstack([x[:, 1:4] * GRAVITY, x[:, 4:7]]),
        )


def document(recording: Recording, folder: Path) -> dict[str, Any]:
    """What ``analyze`` makes of it; ``folder`` is for the file."""
    path = folder / "imu.csv"
    names = ["t_s", "acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z"][: 1 + recording.x.shape[1]]
    table = np.column_stack([recording.t, recording.x])
    np.savetxt(path, table, delimiter=",", header=",".join(names), comments="", fmt="%.7g")
    return analyze([(recording.placement, path)], exercise="generic").document


def analysed(recording: Recording, folder: Path) -> list[int]:
    """Repetitions counted in each set by ``analyze``; ``folder`` is for the file."""
    return [one["reps_counted"] for one in document(recording, folder)["sets"]]


def reps_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    """All repetitions of a document."""
    return [rep for one in found["sets"] for rep in one["reps"]]


# Published intervals that run from far end to far end, half a cycle off, as the recordings show.
HALF_A_CYCLE_OFF = {("s4/e5", 1), ("s4/e5", 2), ("s4/e6", 1)}


def template_errors(folder: Path, scratch: Path) -> dict[str, list[tuple[float, float] | None]]:
    """Start and end errors in s of the publisher's intervals, ``None`` where no repetition overlaps.

    From the unit that moves most, by subject and exercise; those in ``HALF_A_CYCLE_OFF`` are left out.
    """
    units: dict[str, str] = {}
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            strongest = re.search(r"strongest here (u\d)", row["sensor_placement"])
            units[row["file"][:5]] = strongest.group(1) if strongest else "u2"
    out: dict[str, list[tuple[float, float] | None]] = {}
    for name, unit in units.items():
        x = _table(folder / name / unit / "template_session.txt.gz", ";")
        one = Recording(
            data="template",
            name=name,
            exercise=name,
            truth=9,
            placement="load",
            t=(x[:, 0] - 1.0) * 0.04,
            x=x[:, 1:7],
        )
        reps = reps_of(document(one, scratch))
        lines = (folder / name / "template_times.txt").read_text(encoding="utf-8").split()
        spans = [line.split(";") for line in lines if line[0].isdigit()]
        out[name] = [
            _match(reps, (float(first) - 1.0) * 0.04, (float(last) - 1.0) * 0.04)
            for k, (_, first, last) in enumerate(spans)
            if (name, k) not in HALF_A_CYCLE_OFF
        ]
    return out


def _match(reps: list[dict[str, Any]], start: float, end: float) -> tuple[float, float] | None:
    for rep in reps:
        if min(end, rep["end_s"]) - max(start, rep["start_s"]) > 0.5 * (end - start):
            return rep["start_s"] - start, rep["end_s"] - end
    return None


class Onset(msgspec.Struct, frozen=True, kw_only=True):
    """Contractions found in one recording, and the onset's error in s.

    ``error_s`` is ``None`` when the recording has no quiet start to measure it against, or one that drifts.
    """

    name: str
    contractions: int
    error_s: float | None


def isometric_onsets(folder: Path, scratch: Path, every: int = 25) -> Iterator[Onset]:
    """Each contraction on every ``every``-th sample of 2000 Hz, against the onset on all of them.

    That is the first crossing of baseline and 5 SD that holds for 50 ms. The baseline is the first 0.2 s;
    where 0.1 s or 0.3 s give another onset (by 20 ms), or rest drifts by more than 5 N, there is none.
    """
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        labels = list(csv.DictReader(file))
    tables: dict[str, Any] = {}
    for row in labels:
        if row["file"] not in tables:
            tables[row["file"]] = np.genfromtxt(folder / row["file"], delimiter=",", names=True)
        muscle = row["exercise"].split(", ")[1]
        force = tables[row["file"]][muscle] * GRAVITY
        force = force[np.isfinite(force)]
        path, slow = scratch / "force.csv", force[::every]
        rows = np.column_stack([np.arange(len(slow)) * every / 2000.0, slow])
        np.savetxt(path, rows, delimiter=",", header="t_s,force_n", comments="", fmt="%.7g")
        reps = reps_of(analyze(force=[("left", path)], exercise="generic").document)
        known = _true_onset(force) if row["check"].startswith("onset") else None
        error = reps[0]["start_s"] - known if reps and known is not None else None
        yield Onset(name=f"{row['file'][:5]} {muscle}", contractions=len(reps), error_s=error)


def _true_onset(force: Floats) -> float | None:
    found = []
    for quiet_s in (0.1, 0.2, 0.3):
        quiet = force[: round(quiet_s * 2000)]
        above = force > quiet.mean() + 5.0 * quiet.std(ddof=1)
        held = np.convolve(above, np.ones(100), "valid") > 99.5
        if not held.any():
            return None
        found.append(float(held.argmax()) / 2000.0)
    rest = force[: max(round((found[1] - 0.1) * 2000), 400)]
    drift = float(np.ptp(rest[: len(rest) // 200 * 200].reshape(-1, 200).mean(axis=1)))
    return found[1] if max(found) - min(found) <= 0.02 and drift <= 5.0 else None


def kettlebell(folder: Path, name: str) -> tuple[Recording, list[float]]:
    """A recording and the times marked as repetitions in it; rows of zeros at its end are dropped."""
    with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        lines = [line.split(",") for line in file.read().split() if not line.startswith("time")]
    x = np.array([[float(v) for v in line[:4]] for line in lines])
    x = x[: int(np.flatnonzero(np.abs(x[:, 1:]).sum(axis=1))[-1]) + 1]
    marks: list[float] = []
    if (folder / f"{name}.lbl").is_file():
        with (folder / f"{name}.lbl").open(encoding="utf-8") as marked:
            marks = [
                float(row["time"]) for row in csv.DictReader(marked) if row["label"] in ("swing", "jerk")
            ]
    one = Recording(
        data="kettlebell_ble",
        name=name,
        exercise="kettlebell",
        truth=len(marks),
        placement="load",
        t=x[:, 0],
        x=x[:, 1:] * GRAVITY,
    )
    return one, marks


def _shares(errors: list[int]) -> str:
    exact, near = sum(e == 0 for e in errors), sum(abs(e) <= 1 for e in errors)
    return f"{exact:3d} {near:3d} of {len(errors):2d}"


def _perturbed(recordings: list[Recording]) -> dict[str, list[Recording]]:
    rng = np.random.default_rng(1)
    replace = msgspec.structs.replace

    def slower(one: Recording) -> Recording:
        every = max(round(0.08 / float(np.median(np.diff(one.t)))), 1)
        return replace(one, t=one.t[::every], x=one.x[::every])

    def noisy(one: Recording) -> Recording:
        return replace(one, x=one.x + rng.normal(size=one.x.shape) * ([0.3] * 3 + [0.05] * 3))

    def lossy(one: Recording) -> Recording:
        keep = rng.random(len(one.t)) > 0.1
        return replace(one, t=one.t[keep], x=one.x[keep])

    return {
        "as recorded": recordings,
        "accelerometer alone": [replace(one, x=one.x[:, :3]) for one in recordings],
        "12.5 Hz": [slower(one) for one in recordings],
        "noise of 0.3 m/s², 0.05 rad/s": [noisy(one) for one in recordings],
        "a tenth of the rows lost": [lossy(one) for one in recordings],
    }


def robustness(name: str, recordings: list[Recording]) -> None:
    """Print exact and within one when the recordings are made worse."""
    with tempfile.TemporaryDirectory() as folder:
        for what, changed in _perturbed(recordings).items():
            errors = [sum(analysed(one, Path(folder))) - one.truth for one in changed]
            print(f"{name + ', ' + what:60s}{_shares(errors):>18s}")


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; exit status 1 without recordings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--verbose", action="store_true", help="name every recording that is not exact")
    chosen = parser.parse_args(arguments)
    root = data_folder()
    for read in (uci_physical_therapy, shoulder_watch):
        name = read.__name__
        if not (root / name / "labels.csv").is_file():
            print(f"no recordings {name} in {root}: set ECCENTRA_TEST_DATA", file=sys.stderr)
            return 1
        recordings = list(read(root / name))
        if chosen.verbose:
            with tempfile.TemporaryDirectory() as folder:
                for one in recordings:
                    counts = analysed(one, Path(folder))
                    if counts != [one.truth]:
                        print(f"  {one.name}: {counts}, true {one.truth}")
        print(f"exact, within one: {name}")
        robustness(name, recordings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
