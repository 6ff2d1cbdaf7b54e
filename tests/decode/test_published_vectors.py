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
# One service for several things: these are held by the profiles of whoever has the service.
ELSEWHERE = {"sig-services"}
# Protocols that several profiles speak, by how these begin.
FAMILIES = {"polar-pmd": "polar-"}


def published() -> list[dict[str, Any]]:
    """The list that lies beside the shared recordings, or skip."""
    data = Path(os.environ.get("ECCENTRA_TEST_DATA", ROOT.parent / "shared" / "data"))
    path = data.parent / "references" / "devices" / "vectors.json"
    if not path.is_file():
        missing(f"published vectors {path}", "set ECCENTRA_TEST_DATA to the folder with the recordings")
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def held(device: str) -> set[str]:
    """All bytes, as hex, that the vectors of a device's profiles hold: whole, and packet by packet."""
    names = (
        PROFILES
        if device in ELSEWHERE
        else [n for n in PROFILES if n.startswith(FAMILIES.get(device, device))]
    )
    vectors = [vector for name in names for vector in PROFILES[name].vector]
    packets = {packet.hex() for vector in vectors for packet in vector.packets}
    return packets | {b"".join(vector.packets).hex() for vector in vectors}


def test_no_published_vector_is_forgotten() -> None:
    """Of devices that have a profile, or any of whose vectors is held somewhere."""
    vectors = published()
    known = {v["device"] for v in vectors if _has_profile(v["device"], vectors)}
    assert {"tindeq-progressor", "movesense"} <= known
    forgotten = [
        f"{vector['device']}: {vector['hex']}"
        for vector in vectors
        if vector["device"] in known and vector["hex"].lower() not in held(vector["device"])
    ]
    assert not forgotten


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
        assert any(
            row[-len(wanted) :] == pytest.approx(wanted, rel=1e-8) or _inside(wanted, row) for row in said
        )


def _inside(wanted: list[float], row: list[float]) -> bool:
    """Whether the values stand in the row one after the other."""
    ends = range(len(row) - len(wanted) + 1)
    return any(row[at : at + len(wanted)] == pytest.approx(wanted, rel=1e-8) for at in ends)


def _has_profile(device: str, vectors: list[dict[str, Any]]) -> bool:
    if device not in ELSEWHERE:
        return any(name.startswith(FAMILIES.get(device, device)) for name in PROFILES)
    return any(v["hex"] in held(device) for v in vectors if v["device"] == device)
