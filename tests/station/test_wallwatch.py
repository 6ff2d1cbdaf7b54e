"""Somebody sets the computer's clock during a session: said once, and only when it is more than drift."""

from __future__ import annotations

import pytest

from eccentra.events import StationNoted, StationReason
from eccentra.station.wallwatch import WallWatch

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("step_ns", "steady", "said"),
    [(SECOND, True, []), (-3600 * SECOND, True, ["-3600.0 s"]), (-3600 * SECOND, False, [])],
)
def test_a_step_of_the_wall_clock_is_said_once(step_ns: int, steady: bool, said: list[str]) -> None:
    notes: list[StationNoted] = []
    watch = WallWatch(notes.append)
    watch.see(50 * SECOND, steady=steady)  # a session that was taken up again: nothing to compare with
    watch.begin(100 * SECOND)
    for _ in range(3):
        watch.see(100 * SECOND + step_ns, steady=steady)
    assert [note.detail.rsplit(" by ", 1)[1] for note in notes] == said
    assert {note.reason for note in notes} <= {StationReason.CLOCK_STEPPED}
