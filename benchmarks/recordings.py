"""The part of the error sheet that is about people: public recordings, and motion capture."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from accuracy_real import (
    Recording,
    analysed,
    data_folder,
    document,
    isometric_onsets,
    kettlebell,
    reps_of,
    shoulder_watch,
    template_errors,
    uci_physical_therapy,
)
from motion_capture import TRIALS, Trial, eccentra_error_deg, peer_errors_deg
from peers import COUNTERS, FILTERS, INSTALL
from sheet import table

__all__ = ["motion_capture_section", "recordings_section"]

_SOURCES = {"uci_physical_therapy": uci_physical_therapy, "shoulder_watch": shoulder_watch}


def recordings_section() -> str:
    """Counts on public recordings, by exercise, worst first, beside other ways of counting."""
    parts = [
        "## Recordings of people",
        "`generic`, through the whole of `analyze`; exact / within one of the sets.",
    ]
    for name, read in _SOURCES.items():
        folder = data_folder() / name
        if not (folder / "labels.csv").is_file():
            parts.append(f"{name}: not here; set ECCENTRA_TEST_DATA to the folder that holds it.")
            continue
        parts.append(f"### {name}\n\n{_counts(read(folder))}")
    for further, text in (
        ("uci_physical_therapy", _boundaries),
        ("isometric_dynamometer", _onsets),
        ("kettlebell_ble", _kettlebell),
    ):
        if (data_folder() / further / "labels.csv").is_file():
            with tempfile.TemporaryDirectory() as scratch:
                parts.append(text(data_folder() / further, Path(scratch)))
    if len(COUNTERS) < 3:
        parts.append(f"`neurokit2` is not installed: {INSTALL}.")
    return "\n\n".join(parts)


def _counts(recordings: Iterable[Recording]) -> str:
    errors: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        for one in recordings:
            found = errors[one.exercise]
            found["Eccentra"].append(sum(analysed(one, Path(folder))) - one.truth)
            for name, count in COUNTERS.items():
                found[name].append(count(one.t, one.x) - one.truth)
    ways = ["Eccentra", *COUNTERS]
    worst = sorted(errors, key=lambda name: (np.mean(np.array(errors[name]["Eccentra"]) == 0), name))
    rows = [
        [name, str(len(errors[name][ways[0]])), *(_shares(errors[name][w]) for w in ways)] for name in worst
    ]
    every = {way: [e for name in worst for e in errors[name][way]] for way in ways}
    rows.append(["all", str(len(every[ways[0]])), *(_shares(every[way]) for way in ways)])
    return table(["exercise", "sets", *ways], rows)


def _boundaries(folder: Path, scratch: Path) -> str:
    errors = template_errors(folder, scratch)
    known = {name: [v for e in one if e is not None for v in e] for name, one in errors.items()}
    missed = sum(e is None for one in errors.values() for e in one)
    worst = sorted(known, key=lambda name: -float(np.mean(np.abs(known[name]))))
    rows = [[name, f"{np.mean(np.abs(known[name])):.3f}", f"{np.mean(known[name]):+.3f}"] for name in worst]
    every = [v for one in known.values() for v in one]
    rows.append(["all", f"{np.mean(np.abs(every)):.3f}", f"{np.mean(every):+.3f}"])
    return (
        "### Start and end of single repetitions, s\n\nThe publisher's intervals of uci_physical_therapy, by "
        f"subject and exercise; {missed} of {sum(map(len, errors.values()))} not found.\n\n"
        + table(["recording", "MAE", "bias"], rows)
    )


def _onsets(folder: Path, scratch: Path) -> str:
    onsets = list(isometric_onsets(folder, scratch))
    other = [f"{one.name}: {one.contractions}" for one in onsets if one.contractions != 1]
    known = [(one.name, one.error_s) for one in onsets if one.error_s is not None]
    known.sort(key=lambda pair: -abs(pair[1]))
    rows = [[name, f"{1000 * error:+.0f}"] for name, error in known]
    return (
        f"### Isometric contractions\n\nOne found in {len(onsets) - len(other)} of {len(onsets)} recordings"
        f" (others: {', '.join(other) or 'none'}). Onset on every 25th sample of 2000 Hz against the first "
        "crossing of baseline and 5 SD on all, where the start is quiet enough to tell.\n\n"
        + table(["recording", "onset, ms"], rows)
    )


def _kettlebell(folder: Path, scratch: Path) -> str:
    rows = []
    for name in ("subj_A", "subj_D_1", "subj_D_2", "swing_ble_1", "ktbl_3", "ktbl_8"):
        recording, marks = kettlebell(folder, name)
        found = document(recording, scratch)
        hit = sum(any(r["start_s"] <= t <= r["end_s"] for r in reps_of(found)) for t in marks)
        counts = ", ".join(str(one["reps_counted"]) for one in found["sets"]) or "none"
        rows.append([name, counts, f"{hit} of {len(marks)}" if marks else "no marks"])
    head = ["recording", "repetitions by set", "marked ones inside"]
    return f"### Kettlebell, received in bursts with gaps\n\n{table(head, rows)}"


def _shares(errors: list[int]) -> str:
    off = np.abs(errors)
    return f"{np.count_nonzero(off == 0)} / {np.count_nonzero(off <= 1)}"


def motion_capture_section() -> str:
    """Inclination, by trial."""
    title = "## Inclination against motion capture\n\nBROAD, root mean square error in degrees while moving"
    paths = sorted((data_folder() / TRIALS).glob("*.mat"))
    if not paths:
        return f"{title}: not here; set ECCENTRA_TEST_DATA to the folder that holds it."
    rows, own = [], []
    for path in paths:
        trial = Trial(path)
        own.append(eccentra_error_deg(trial))
        peers = peer_errors_deg(trial)
        rows.append((own[-1], [trial.name, f"{own[-1]:.2f}", *(f"{peers[name][0]:.2f}" for name in FILTERS)]))
    rows.sort(key=lambda row: -row[0])
    lines = [row for _, row in rows]
    lines.append(["mean", f"{np.mean(own):.2f}", *([""] * len(FILTERS))])
    missing = "" if FILTERS else f"\n\n`imufusion` and `ahrs` are not installed: {INSTALL}."
    body = table(["trial", "Eccentra (VQF)", *FILTERS], lines)
    return f"{title}; every filter with the gains it comes with.\n\n{body}{missing}"
