"""The house: which way imports may point, what starts fast, what lies in the data folders."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from needs import ROOT

PACKAGE = ROOT / "src" / "eccentra"
EDGE_LIBRARIES = {
    "bleak",
    "bumble",
    "paho",
    "amqtt",
    "sqlalchemy",
    "alembic",
    "starlette",
    "uvicorn",
    "rich",
    "typer",
    "sounddevice",
}
# Lower number = deeper. An import may point at the same or a deeper floor, never up.
FLOORS = [
    (
        {
            "samples",
            "errors",
            "ids",
            "reliability",
            "repetition",
            "events",
            "event_base",
            "sensor_events",
            "inputs",
            "walltime",
            "datafolder",
            "commands",
            "catalogue",
        },
        0,
    ),
    (
        {
            "decode",
            "clock",
            "waiting",
            "unwrap",
            "lower_envelope",
            "profiles",
            "profile_ble",
            "profile_mode",
            "profile_vector",
            "stages",
            "exercises",
        },
        1,
    ),
    ({"pipeline", "intake", "session", "recording", "plan", "conformance", "taps"}, 2),
    (
        {
            "simulate",
            "mqtt",
            "store",
            "csvfile",
            "csvcheck",
            "csvinputs",
            "analysis",
            "link",
            "report",
            "export",
        },
        3,
    ),
    ({"station", "doctor", "hub", "web", "view", "sound"}, 4),
    ({"cli", "__main__"}, 5),
]
CORE_FLOOR = 2
IO_MODULES = {"socket", "asyncio", "threading", "time", "logging", "subprocess", "select", "http", "urllib"}


def floor_of(name: str) -> int:
    for names, floor in FLOORS:
        if name in names:
            return floor
    pytest.fail(f"src/eccentra/{name} is on no floor: add it to FLOORS with a reason")


def imports(path: Path, *, top_level_only: bool = False) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative imports hide the arrow"
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def modules() -> list[tuple[str, Path]]:
    paths = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]
    return [(p.relative_to(PACKAGE).parts[0].removesuffix(".py"), p) for p in paths]


def own_room(name: str) -> str | None:
    """The room that an imported name lies in, ``None`` outside Eccentra."""
    parts = name.split(".")
    if parts[0] != "eccentra" or len(parts) == 1:
        return None
    there = (PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").exists()
    return parts[1] if there else None


def test_arrows_point_down() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, path in modules()
        for name in imports(path)
        if (other := own_room(name)) is not None and floor_of(other) > floor_of(room)
    ]
    assert not wrong


def test_core_knows_no_edge_library_and_does_no_io() -> None:
    forbidden = EDGE_LIBRARIES | IO_MODULES
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, path in modules()
        if floor_of(room) <= CORE_FLOOR
        for name in imports(path)
        if name.split(".")[0] in forbidden
    ]
    assert not wrong


def test_bleak_is_imported_at_the_top_of_the_bluetooth_link_only() -> None:
    """The link's pure parts, and commands that only read bindings, work without a Bluetooth library."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {n}"
        for _, path in modules()
        for n in imports(path, top_level_only=True)
        if n.split(".")[0] == "bleak"
        and path != PACKAGE / "link" / "bluetooth.py"
        and "virtual" not in path.parts
    ]
    assert not wrong


def test_scipy_is_never_imported_at_the_top() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {n}"
        for _, path in modules()
        for n in imports(path, top_level_only=True)
        if n.split(".")[0] == "scipy"
    ]
    assert not wrong


@pytest.mark.parametrize("folder", ["devices", "pipelines"])
def test_data_folders_hold_toml_only(folder: str) -> None:
    others = [p for p in (ROOT / folder).rglob("*") if p.is_file() and p.suffix != ".toml"]
    assert not others


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.splitlines()}


def test_import_is_light() -> None:
    assert not loaded_after("import eccentra") & {"scipy", "bleak", "numpy", "vqf", "paho", "amqtt"}


def test_help_is_light_and_quick() -> None:
    heavy = loaded_after(
        "import contextlib, io\n"
        "from eccentra.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    sys.argv = ['eccentra', '--help']\n"
        "    main()"
    )
    assert not heavy & {"scipy", "bleak", "numpy", "vqf", "paho", "amqtt"}
    command = [str(Path(sys.executable).parent / "eccentra"), "--help"]
    times = []
    for _ in range(7):
        before = os.times()
        subprocess.run(command, check=True, capture_output=True)
        after = os.times()
        # the processor's time: other tests share the machine
        times.append(
            after.children_user - before.children_user + after.children_system - before.children_system
        )
    assert min(times) < 0.3, f"eccentra --help took {min(times):.3f} s"
