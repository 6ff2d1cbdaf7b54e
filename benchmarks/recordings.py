"""The part of the error sheet that is about people: public recordings, and motion capture."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from accuracy_real import Recording, analysed, data_folder, shoulder_watch, uci_physical_therapy
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
