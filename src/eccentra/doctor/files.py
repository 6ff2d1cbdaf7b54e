"""The user's own files, and which versions run."""

from __future__ import annotations

import platform
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from eccentra import __version__
from eccentra.datafolder import data_files
from eccentra.doctor.finding import Finding, failed, ok, warning
from eccentra.errors import InputError
from eccentra.exercises import load_exercise
from eccentra.link.bindings import read_bindings
from eccentra.profiles import load_profile

__all__ = ["check_files", "check_versions"]

_LIBRARIES = ("bleak", "paho-mqtt", "amqtt", "numpy", "scipy", "vqf", "msgspec")
_CORRECT = "correct it, or move it away"


def check_versions() -> Iterator[Finding]:
    """Say which program, Python, system and libraries these are."""
    missing, found = [], []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    program = f"eccentra {__version__}, Python {platform.python_version()}, {system}"
    if missing:
        advice = f"install it again: {Path(sys.executable).name} -m pip install --force-reinstall eccentra"
        yield failed("versions", f"{program}; not installed: {', '.join(missing)}", advice)
    else:
        yield ok("versions", f"{program}; {', '.join(found)}")


def check_files(folder: Path) -> Iterator[Finding]:
    """Read every file that the user may have written."""
    yield _bindings(folder / "bindings.toml")
    settings = folder / "settings.toml"
    if settings.exists():
        yield _toml(settings)
    for kind, load in (("devices", load_profile), ("pipelines", load_exercise)):
        yield _data(kind, load)


def _bindings(path: Path) -> Finding:
    try:
        bindings = read_bindings(path)
    except InputError as error:
        return failed("files.bindings", str(error), f"{_CORRECT} and bind the sensors again: `eccentra scan`")
    if not bindings:
        return warning(
            "files.bindings", "no sensor is bound", "switch the sensors on and run `eccentra scan`"
        )
    names = ", ".join(f"{binding.sensor} ({binding.device}, {binding.place})" for binding in bindings)
    return ok("files.bindings", f"bound: {names}")


def _toml(path: Path) -> Finding:
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return failed("files.settings", f"{path} cannot be read: {error.strerror or error}", _CORRECT)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        return failed("files.settings", f"{path} is not TOML: {error}", _CORRECT)
    return ok("files.settings", f"{path} is readable")


def _data(kind: str, load: Callable[[Path], object]) -> Finding:
    paths = data_files(kind)
    for path in paths:
        try:
            load(path)
        except InputError as error:
            return failed(f"files.{kind}", str(error), _CORRECT)
    if not paths:
        return failed(f"files.{kind}", "none found", "install Eccentra again")
    return ok(f"files.{kind}", f"{len(paths)} valid: {', '.join(path.stem for path in paths)}")
