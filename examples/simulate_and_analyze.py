"""Simulate a Nordic curl session, analyse its sensors' recordings, compare with what really happened.

Give a folder to keep the recordings (CSV).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from eccentra.analysis import analyze
from eccentra.simulate import nordic_session, simulate


def main() -> None:
    simulation = simulate(nordic_session(seed=3, kit="thigh+shank", sets=2, reps=4), seed=3)
    with tempfile.TemporaryDirectory() as temporary:
        files = simulation.write_csv(Path(sys.argv[1] if len(sys.argv) > 1 else temporary))
        result = analyze(imu=list(files.items()), exercise="nordic-curl")
    sets = zip(result.document["sets"], simulation.truth.sets, strict=True)
    for number, (found, true) in enumerate(sets, 1):
        print(f"set {number}: {found['reps_counted']} repetitions found, {len(true.reps)} done")
        for rep, really in zip(found["reps"], true.reps, strict=True):
            seconds = sum(p["end_s"] - p["start_s"] for p in rep["phases"] if p["kind"] == "eccentric")
            print(f"  {rep['index']}: eccentric {seconds:.2f} s, really {really.total_s('eccentric'):.2f} s")


if __name__ == "__main__":
    main()
