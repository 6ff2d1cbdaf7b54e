"""README.md says what happens: its commands are run, in order, and their output is compared.

``python tests/test_examples.py`` pastes the output of a run into README.md.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from eccentra.cli.common import INTENDED_USE
from needs import ROOT

README = ROOT / "README.md"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
BLOCK = re.compile(r"```console\n(\$ .*?)```", re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
# Longer outputs are shown by their first and last lines.
MOST_LINES = 10


def commands() -> list[tuple[str, list[str]]]:
    """Commands with the output shown below them."""
    out: list[tuple[str, list[str]]] = []
    for block in BLOCK.findall(README.read_text()):
        for line in block.splitlines():
            if line.startswith("$ "):
                out.append((line[2:], []))
            else:
                out[-1][1].append(line)
    return out


def output(command: str, folder: Path) -> list[str]:
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
    lines = done.stdout.splitlines()
    return lines if len(lines) <= MOST_LINES else [*lines[:3], "...", *lines[-3:]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readme")
    (path / "examples").symlink_to(ROOT / "examples")
    return path


def test_commands_print_what_is_shown(folder: Path) -> None:
    """Same words; numbers within 5 %, as they may differ a little between machines."""
    for command, shown in commands():
        got = output(command, folder)
        assert [NUMBER.sub("#", line) for line in got] == [NUMBER.sub("#", line) for line in shown], command
        for ours, theirs in zip(got, shown, strict=True):
            numbers = [[float(x) for x in NUMBER.findall(line)] for line in (ours, theirs)]
            assert numbers[0] == pytest.approx(numbers[1], rel=0.05, abs=0.05), f"{command}: {ours}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_shown(example: Path) -> None:
    assert any(f"examples/{example.name}" in command for command, _ in commands())


def test_intended_use() -> None:
    assert INTENDED_USE in README.read_text()


def paste() -> None:
    """Write the output of a run into README.md."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "examples").symlink_to(ROOT / "examples")

        def filled(block: re.Match[str]) -> str:
            lines = [line for line in block[1].splitlines() if line.startswith("$ ")]
            text = [part for line in lines for part in (line, *output(line[2:], folder))]
            return "```console\n" + "\n".join(text) + "\n```"

        README.write_text(BLOCK.sub(filled, README.read_text()))


if __name__ == "__main__":
    paste()
