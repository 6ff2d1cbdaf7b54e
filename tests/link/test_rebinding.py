"""The bindings change while a link runs: the same model is swapped, the rest waits for the next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from eccentra.events import StationNoted, StationReason
from eccentra.link.bindings import bind, read_bindings, wanted, write_bindings
from eccentra.link.rebinding import RebindingLink

A, B, C = "01:23:45:67:89:AB", "01:23:45:67:89:AC", "01:23:45:67:89:AD"


class FakeLink:
    def __init__(self) -> None:
        self.swapped: list[tuple[str, str]] = []

    def swap(self, sensor: str, address: str) -> bool:
        self.swapped.append((sensor, address))
        return True


class Place:
    def __init__(self, path: Path) -> None:
        self.path = path
        bindings = bind((), address=A, device="tindeq-progressor", placement=None, side="left")
        bindings = bind(bindings, address=B, device="movesense", placement="thigh", side=None)
        write_bindings(bindings, path)
        self.link = FakeLink()
        self.notes: list[StationNoted] = []
        self.watch = RebindingLink(
            self.link,  # type: ignore[arg-type]
            wanted(read_bindings(path)),
            self.notes.append,
            path,
        )

    def rebind(self, **device: object) -> None:
        write_bindings(bind(read_bindings(self.path), **device), self.path)  # type: ignore[arg-type]
        self.watch.look()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "bindings.toml")


def test_nothing_changed_nothing_happens(place: Place) -> None:
    place.watch.look()
    assert (place.link.swapped, place.notes) == ([], [])


def test_the_same_model_at_the_same_place_is_swapped_once(place: Place) -> None:
    place.rebind(address=C, device="movesense", placement="thigh", side=None)
    place.watch.look()
    assert place.link.swapped == [("thigh-1", wanted(read_bindings(place.path))[-1].address)]
    assert place.notes == []


def test_a_new_place_or_model_waits_for_the_next_start(place: Place) -> None:
    place.rebind(address=C, device="movesense", placement="shank", side=None)
    assert place.link.swapped == []
    (note,) = place.notes
    assert note.reason == StationReason.BINDINGS_CHANGED
    assert "shank-1" in note.detail
    assert note.advice
    assert "AD" not in note.detail


def test_a_broken_file_is_said_and_nothing_else_changes(place: Place) -> None:
    place.path.write_text("[[sensor\n")
    place.watch.look()
    assert "cannot be read" in place.notes[0].detail
    assert place.link.swapped == []
