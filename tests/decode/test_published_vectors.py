"""Every published example of every device is a vector of its profile: compared with the list itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from eccentra.profiles import load_profile
from needs import ROOT, missing

PROFILES = {path.stem: load_profile(path) for path in sorted((ROOT / "devices").glob("*.toml"))}


def published() -> list[dict[str, Any]]:
    """The list that lies beside the shared recordings, or skip."""
    data = Path(os.environ.get("ECCENTRA_TEST_DATA", ROOT.parent / "shared" / "data"))
    path = data.parent / "references" / "devices" / "vectors.json"
    if not path.is_file():
        missing(f"published vectors {path}", "set ECCENTRA_TEST_DATA to the folder with the recordings")
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_no_published_vector_is_forgotten() -> None:
    """Some profile holds each of them, alone or as one packet of several."""
    held: set[str] = set()
    for profile in PROFILES.values():
        for vector in profile.vector:
            held |= {packet.hex() for packet in vector.packets}
    assert [f"{v['device']}: {v['hex']}" for v in published() if v["hex"].lower() not in held] == []


def test_forces_are_those_published() -> None:
    """Force vectors say the published newtons."""
    for vector in published():
        force = vector["decoded"].get("force_n")
        if force is None or vector["device"] not in PROFILES:
            continue
        wanted = [float(one) for one in (force if isinstance(force, list) else [force])]
        said = [
            [row[0] for row in one.expected.x]
            for one in PROFILES[vector["device"]].vector
            if one.expected is not None and vector["hex"] in {packet.hex() for packet in one.packets}
        ]
        assert any(_inside(wanted, row) for row in said)


def _inside(wanted: list[float], row: list[float]) -> bool:
    """Whether the values stand in the row one after the other."""
    ends = range(len(row) - len(wanted) + 1)
    return any(row[at : at + len(wanted)] == pytest.approx(wanted, rel=1e-8) for at in ends)
