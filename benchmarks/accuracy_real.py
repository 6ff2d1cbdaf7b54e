"""How well cyclic exercises are counted on public recordings of people, next to two usual ways of counting.

Run ``python benchmarks/accuracy_real.py [--perturb] [--verbose]``. The recordings are looked for in the
folder ``ECCENTRA_TEST_DATA`` (default ``../shared/data``). Every recording goes through the whole of
``eccentra analyze --exercise generic``: file, packets, decoder, clock, stages, events. The sum of the
repetitions counted in its sets is compared with the published number.

Other ways of counting, on the same files: peaks of the first principal component of the acceleration (a half
of its standard deviation prominent, 0.5 s apart), and local maxima of the acceleration's magnitude below
0.4 Hz, as in a well-known tutorial.
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

import msgspec
import numpy as np
from scipy.signal import argrelextrema, butter, find_peaks, sosfiltfilt

from eccentra.analysis import analyze
from eccentra.samples import Floats

__all__ = ["Recording", "analysed", "shoulder_watch", "uci_physical_therapy"]

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


def analysed(recording: Recording, folder: Path) -> list[int]:
    """Repetitions counted in each set by ``analyze``; ``folder`` is for the file."""
    path = folder / "imu.csv"
    names = ["t_s", "acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z"][: 1 + recording.x.shape[1]]
    table = np.column_stack([recording.t, recording.x])
    np.savetxt(path, table, delimiter=",", header=",".join(names), comments="", fmt="%.7g")
    document = analyze([(recording.placement, path)], exercise="generic").document
    return [one["reps_counted"] for one in document["sets"]]


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
    missing = [name for name in sources if not (root / name / "labels.csv").is_file()]
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
