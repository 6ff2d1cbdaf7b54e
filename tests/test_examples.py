"""README.md says what happens: its commands are run, in order, and their output is compared."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from eccentra.cli.common import INTENDED_USE
from needs import ROOT

README = (ROOT / "README.md").read_text()
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def commands() -> list[tuple[str, list[str]]]:
    """Commands with the output shown below them."""
    out: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                out.append((line[2:], []))
            elif out and block.startswith("$ "):
                out[-1][1].append(line)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readme")
    (path / "examples").symlink_to(ROOT / "examples")
    return path


@pytest.mark.parametrize(("command", "shown"), commands())
def test_command(command: str, shown: list[str], folder: Path) -> None:
    """Same words; numbers within 5 %, as they may differ a little between machines."""
    binaries = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": binaries + os.pathsep + os.environ["PATH"]}
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    got = done.stdout.splitlines()
    assert shown, f"README shows no output of {command!r}"
    kept = [line for line in shown if line != "..."]
    if "..." in shown:
        at = shown.index("...")
        got = got[:at] + got[len(got) - (len(shown) - at - 1) :]
    assert [NUMBER.sub("#", line) for line in got] == [NUMBER.sub("#", line) for line in kept]
    for ours, theirs in zip(got, kept, strict=True):
        numbers = [[float(x) for x in NUMBER.findall(line)] for line in (ours, theirs)]
        assert numbers[0] == pytest.approx(numbers[1], rel=0.05, abs=0.05), ours


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_shown(example: Path) -> None:
    assert any(f"examples/{example.name}" in command for command, _ in commands())


def test_intended_use() -> None:
    assert INTENDED_USE in README
