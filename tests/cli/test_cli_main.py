"""The program as a whole: help at once, version, exit statuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_parts import eccentra

from eccentra import __version__
from eccentra.cli.common import INTENDED_USE, speed_factor
from eccentra.errors import InputError

PROGRAM = Path(sys.executable).with_name("eccentra")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from eccentra.cli import app; from typer.testing import CliRunner;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "heavy = {'numpy', 'scipy', 'bleak', 'rich', 'paho', 'amqtt', 'vqf', 'sqlite3'};"
        "print(*sorted(heavy & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("command", ["demo", "analyze", "replay"])
def test_each_help_says_what_it_is_for(command: str) -> None:
    words = " ".join(eccentra(command, "--help").stdout.split())
    assert INTENDED_USE in words


def test_version() -> None:
    done = eccentra("--version")
    assert (done.exit_code, done.stdout) == (0, f"eccentra {__version__}\n")


@pytest.mark.parametrize("args", [("nonsense",), ("analyze", "--nonsense"), ("replay",), ("analyze",)])
def test_usage_errors(args: tuple[str, ...]) -> None:
    done = eccentra(*args)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_speed() -> None:
    assert speed_factor("2.5") == 2.5
    assert speed_factor("max") == float("inf")
    for text in ("0", "-1", "nan", "inf", "fast", ""):
        with pytest.raises(InputError, match="or max"):
            speed_factor(text)
