"""Sets: what was taken back."""

from __future__ import annotations

from eccentra.events import Reason, SetCompleted, SetStarted
from eccentra.stages.sets import SetBook

GAP_US = 20_000_000


def test_what_was_taken_back_does_not_hold_its_set_open() -> None:
    book = SetBook(1, GAP_US, lambda reps: {})
    index, _ = book.count(1_000_000, 30_000_000)
    book.amend(1, index, 40_000_000, Reason.SETUP)
    _, events = book.count(45_000_000, 60_000_000)
    assert [type(event) for event in events[:2]] == [SetCompleted, SetStarted]
    assert isinstance(events[0], SetCompleted)
    assert events[0].reps_counted == 0
    assert book.set_index == 2


def test_what_still_counts_holds_it_open() -> None:
    book = SetBook(1, GAP_US, lambda reps: {})
    book.count(1_000_000, 15_000_000)
    index, _ = book.count(16_000_000, 30_000_000)
    book.amend(1, index, 32_000_000, Reason.SETUP)
    assert not [e for e in book.tick(20_000_000) if isinstance(e, SetCompleted)]
    assert book.open
