"""Build the wheel, install it into a fresh environment, and use it from outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROBE = """
from eccentra.exercises import exercise_ids, load_exercise
from eccentra.profiles import load_profile, profile_ids
import eccentra, pathlib
assert "site-packages" in str(pathlib.Path(eccentra.__file__)), eccentra.__file__
print(len(exercise_ids()), "exercises,", len(profile_ids()), "profiles")
[load_exercise(i) for i in exercise_ids()] and [load_profile(i) for i in profile_ids()]
assert exercise_ids() and profile_ids()
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        run(sys.executable, "-m", "build", "--outdir", str(out), str(ROOT))
        (wheel,) = out.glob("*.whl")
        venv.create(out / "env", with_pip=True)
        python = out / "env" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel))
        run(str(python), "-c", PROBE, cwd=folder)
        run(str(python.parent / "eccentra"), "--version", cwd=folder)
    print("the wheel installs and works outside the checkout")


def run(*command: str, cwd: str | None = None) -> None:
    subprocess.run(command, check=True, cwd=cwd, stdout=None if "-c" in command else subprocess.DEVNULL)


if __name__ == "__main__":
    main()
