"""The live phase of a hold, told when it changes."""

from __future__ import annotations

from typing import Literal

from eccentra.events import Event, PhaseChanged
from eccentra.stages.sets import SetBook

__all__ = ["LivePhase"]


class LivePhase:
    """State: the phase that was told last.

    Parameters
    ----------
    book
        The sets; between them a phase belongs to the next one.
    """

    def __init__(self, book: SetBook) -> None:
        self._book = book
        self.phase: str = "rest"

    def say(
        self, phase: Literal["rest", "eccentric", "isometric", "concentric"], t: int, out: list[Event]
    ) -> None:
        """Tell the phase at session time ``t`` in ns, if it is another one."""
        if phase == self.phase:
            return
        self.phase = phase
        index = self._book.set_index if self._book.open else self._book.set_index + 1
        out.append(PhaseChanged(t_us=t // 1000, phase=phase, set_index=index))
