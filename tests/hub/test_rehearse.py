"""Simulated weeks decide the same with a database and without."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from eccentra.hub.rehearse import rehearse
from eccentra.simulate.patients import Kind, patient
from eccentra.store.database import open_store
from eccentra.store.decisions import in_force


@pytest.mark.parametrize(
    ("kind", "programme"),
    [
        ("red_flag", "mjolsnes"),
        ("sensor_trouble", "assisted"),
        ("flare", "free-leg-curl"),
        ("silent", "presland"),
    ],
)
def test_the_database_decides_the_same(tmp_path: Path, kind: Kind, programme: str) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'weeks.sqlite'}")
    one = patient(kind, 3, programme)
    count = 0
    for each in rehearse(store, one, 6):
        count += 1
        turn = each.turn
        assert msgspec.json.decode(each.kept.input) == msgspec.to_builtins(turn.document)
        output = msgspec.json.decode(each.kept.output)
        pure = msgspec.json.decode(msgspec.json.encode(turn.decision))
        assert {**output, "would_change": []} == pure
        if each.response is not None:
            assert each.response.status == "done", each.response.message
        with store.read() as connection:
            held = in_force(connection, one.id, one.follows.exercise)
        assert held is not None
        assert (held.level, held.prescription) == (turn.after.level, turn.after.prescription)
    assert count > 10
    store.close()
