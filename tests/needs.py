"""What single tests need beyond Python: found, or skipped loudly (a failure with ECCENTRA_REQUIRE=all)."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent


def missing(what: str, how: str) -> NoReturn:
    """Skip, or fail when everything is required, saying how to get what is missing."""
    message = f"{what} not found: {how}"
    if os.environ.get("ECCENTRA_REQUIRE") == "all":
        pytest.fail(message)
    pytest.skip(message)


def need_data(folder: str = "") -> Path:
    """Folder of the shared recordings, or skip."""
    root = Path(os.environ.get("ECCENTRA_TEST_DATA", ROOT.parent / "shared" / "data"))
    path = root / folder
    if not path.is_dir():
        missing(f"recordings {path}", "set ECCENTRA_TEST_DATA to the folder with the public recordings")
    return path


def need_program(name: str, install: str) -> str:
    """Path of a program, or skip."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        missing(name, install)
    return found


def need_module(name: str, install: str) -> None:
    """Skip without an importable module."""
    if importlib.util.find_spec(name) is None:
        missing(name, install)


def need_rig() -> Path:
    """``run.sh`` of the Bluetooth rig, a virtual machine with BlueZ and an emulated controller, or skip."""
    run = Path(os.environ.get("ECCENTRA_RIG", ROOT.parent / "shared" / "rig")) / "run.sh"
    if not run.is_file():
        missing(f"Bluetooth rig {run}", "set ECCENTRA_RIG to the folder with the rig's run.sh")
    if shutil.which("qemu-system-x86_64") is None and os.geteuid() != 0:
        missing("qemu-system-x86_64", "apt install qemu-system-x86")
    return run
