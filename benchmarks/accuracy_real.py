"""How well exercises are counted and timed on public recordings of people, next to two usual ways.

Run ``python benchmarks/accuracy_real.py [--perturb] [--verbose]``. The recordings are looked for in the
folder ``ECCENTRA_TEST_DATA`` (default ``../shared/data``). Every recording goes through the whole of
``eccentra analyze --exercise generic``: file, packets, decoder, clock, stages, events. The sum of the
repetitions counted in its sets is compared with the published number.

Other ways of counting, on the same files: peaks of the first principal component of the acceleration (a half
of its standard deviation prominent, 0.5 s apart), and local maxima of the acceleration's magnitude below
0.4 Hz, as in a well-known tutorial.

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
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from scipy.signal import argrelextrema, butter, find_peaks, sosfiltfilt

from eccentra.analysis import analyze
from eccentra.samples import Floats

__all__ = [
    "Onset",
    "Recording",
    "analysed",
    "document",
    "isometric_onsets",
    "kettlebell",
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


def further(root: Path) -> None:
    """Print boundaries, onsets and kettlebell recordings, worst first."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        errors = template_errors(root / "uci_physical_therapy", scratch)
        every = {name: [v for e in one if e is not None for v in e] for name, one in errors.items()}
        missed = sum(e is None for one in errors.values() for e in one)
        print(f"\nstart and end of published intervals: {missed} of 45 missed; MAE in s")
        for name in sorted(every, key=lambda name: -float(np.mean(np.abs(every[name])))):
            print(f"{name:20s}{np.mean(np.abs(every[name])):8.3f}")
        print(f"{'all':20s}{np.mean(np.abs([v for one in every.values() for v in one])):8.3f}")
        onsets = list(isometric_onsets(root / "isometric_dynamometer", scratch))
        other = [one for one in onsets if one.contractions != 1]
        print(f"\nisometric: one contraction in {len(onsets) - len(other)} of {len(onsets)} recordings")
        print("".join(f"  {one.name}: {one.contractions}\n" for one in other), end="")
        for onset in sorted(onsets, key=lambda onset: -abs(onset.error_s or 0.0)):
            if onset.error_s is not None:
                print(f"  onset {onset.name:32s}{onset.error_s * 1000:+6.0f} ms")
        print("\nkettlebell, received in bursts: repetitions by set, marked ones inside them")
        for name in ("subj_A", "subj_D_1", "subj_D_2", "swing_ble_1", "ktbl_3", "ktbl_8"):
            recording, marks = kettlebell(root / "kettlebell_ble", name)
            found = document(recording, scratch)
            hit = sum(any(r["start_s"] <= t <= r["end_s"] for r in reps_of(found)) for t in marks)
            print(f"{name:12s} {[one['reps_counted'] for one in found['sets']]}  {hit} of {len(marks)}")


def peaks(recording: Recording, _folder: Path) -> list[int]:
    """Peaks of the first principal component of the acceleration."""
    acc = recording.x[:, :3] - recording.x[:, :3].mean(axis=0)
    main = acc @ np.linalg.eigh(acc.T @ acc)[1][:, -1]
    rate = 1.0 / float(np.median(np.diff(recording.t)))
    return [len(find_peaks(main, prominence=0.5 * main.std(), distance=max(int(0.5 * rate), 1))[0])]


def tutorial(recording: Recording, _folder: Path) -> list[int]:
    """Local maxima of the acceleration's magnitude below 0.4 Hz."""
    rate = 1.0 / float(np.median(np.diff(recording.t)))
    size = np.sqrt((recording.x[:, :3] ** 2).sum(axis=1))
    smooth = sosfiltfilt(butter(5, 0.4, fs=rate, output="sos"), size)
    return [len(argrelextrema(smooth, np.greater)[0])]


WAYS: dict[str, Callable[[Recording, Path], list[int]]] = {
    "eccentra": analysed,
    "peaks of PC1": peaks,
    "0.4 Hz maxima": tutorial,
}


def _shares(errors: list[int]) -> str:
    exact, near = sum(e == 0 for e in errors), sum(abs(e) <= 1 for e in errors)
    return f"{exact:3d} {near:3d} of {len(errors):2d}"


def compare(recordings: list[Recording], verbose: bool) -> None:
    """Print exercises, worst first: exact, within one, number; one column a way of counting."""
    errors: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        for recording in recordings:
            for way, count in WAYS.items():
                counts = count(recording, Path(folder))
                error = sum(counts) - recording.truth
                errors[recording.exercise][way].append(error)
                if verbose and way == "eccentra" and (error or len(counts) != 1):
                    print(f"  {recording.name}: {counts}, true {recording.truth}")
    print(f"{'exact, within one':40s}" + "".join(f"{way:>18s}" for way in WAYS))
    worst = sorted(errors, key=lambda name: -sum(abs(e) for e in errors[name]["eccentra"]))
    for name in worst:
        print(f"{name:40s}" + "".join(f"{_shares(errors[name][way]):>18s}" for way in WAYS))
    total = {way: [e for name in worst for e in errors[name][way]] for way in WAYS}
    print(f"{'all':40s}" + "".join(f"{_shares(total[way]):>18s}" for way in WAYS))


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
    parser.add_argument("--perturb", action="store_true", help="also with worse recordings")
    parser.add_argument("--verbose", action="store_true", help="name every recording that is not exact")
    chosen = parser.parse_args(arguments)
    root = data_folder()
    sources = {"uci_physical_therapy": uci_physical_therapy, "shoulder_watch": shoulder_watch}
    folders = (*sources, "isometric_dynamometer", "kettlebell_ble")
    missing = [name for name in folders if not (root / name / "labels.csv").is_file()]
    if missing:
        print(f"no recordings {', '.join(missing)} in {root}: set ECCENTRA_TEST_DATA", file=sys.stderr)
        return 1
    for name, read in sources.items():
        start = time.perf_counter()
        recordings = list(read(root / name))
        seconds = sum(float(one.t[-1] - one.t[0]) for one in recordings)
        print(f"\n{name}: {len(recordings)} recordings, {seconds / 60:.0f} min")
        compare(recordings, chosen.verbose)
        print(f"{time.perf_counter() - start:.1f} s")
        if chosen.perturb:
            robustness(name, recordings)
    further(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
