"""Run a command in the rig's virtual machine: a Linux with BlueZ and an emulated Bluetooth controller."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from needs import ROOT, need_rig

# The image is built on first use.
BUILD_S = 200
# What the image needs beside Bleak and Bumble: our own dependencies but the broker.
NOT_NEEDED = ("amqtt", "bleak")


def has_kvm() -> bool:
    """As the rig decides: a processor that offers virtualization, and a device that may be used."""
    flags = Path("/proc/cpuinfo").read_text().split()
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and ("vmx" in flags or "svm" in flags)


def in_machine(command: Sequence[object], out: Path, limit_s: int, *, options: Sequence[object] = ()) -> str:
    """What the command said; the project is at /proj and on Python's path, ``out`` at /out.

    One machine at a time: it takes two processors while it runs.
    """
    run = need_rig()
    line = [run, "--timeout", limit_s, "--proj", ROOT, "--out", out, *options, "--"]
    line += ["env", "PYTHONPATH=/proj/src", *command]
    with (Path(tempfile.gettempdir()) / "eccentra-rig.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [str(part) for part in line],
            env={**_environment(), "RIG_PIP_EXTRA": _requirements()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_s + BUILD_S,
        )
    assert done.returncode == 0, f"the rig ended with {done.returncode}:\n{done.stdout[-8000:]}"
    return done.stdout


def _environment() -> dict[str, str]:
    """Ours, but what the image is made of must be compiled inside the image: its processor is emulated."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPYCACHEPREFIX"}


def _requirements() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return " ".join(one for one in project["dependencies"] if not one.startswith(NOT_NEEDED))
