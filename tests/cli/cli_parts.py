"""Run the program in this process, and simulated files to run it on."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from eccentra.cli import app
from eccentra.simulate import Hold, NordicRep, NordicSet, Scenario, Simulation, simulate

__all__ = ["curls", "eccentra", "files"]


def eccentra(*args: str | Path) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def curls(kit: str = "thigh+shank", reps: int = 3) -> Simulation:
    """A short set of plain Nordic curls, already kneeling but for the first seconds."""
    one = NordicRep(descent_s=3.0, turn_s=0.5, return_s=1.2, pause_s=1.0)
    from eccentra.simulate import KneelDown

    timeline = (Hold(seconds=1.0), KneelDown(seconds=2.5), Hold(seconds=3.0), NordicSet(reps=(one,) * reps))
    return simulate(Scenario(timeline=(*timeline, Hold(seconds=2.0)), kit=kit), seed=5)


def files(simulation: Simulation, folder: Path) -> list[str | Path]:
    """Options of ``analyze`` for all sensors of a simulation."""
    out: list[str | Path] = []
    for name, path in simulation.write_csv(folder).items():
        out += ["--force" if name in ("left", "right") else "--imu", f"{name}={path}"]
    return out
