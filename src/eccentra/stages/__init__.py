"""Blocks to blocks and events: one idea a file.

A stage is a frozen set of parameters; ``start`` derives its coefficients and makes a run, which holds all
state and is thrown away at the end. Runs never see arrival times, never do I/O and never log. Every run is
*cut invariant*: however the same samples are cut into blocks, the concatenated output has the same bits,
and everything that the samples pushed so far determine has been put out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from eccentra.events import Event
from eccentra.samples import Block, Side, StreamInfo
from eccentra.stages.live import Beat, LiveState

__all__ = ["Beat", "BlockRun", "BlockStage", "EventRun", "EventStage", "LiveState", "ReadsStraps"]


class BlockRun(Protocol):
    """State of a stage that turns blocks into blocks."""

    @property
    def info(self) -> StreamInfo:
        """What comes out."""
        ...

    def push(self, block: Block) -> Sequence[Block]:
        """Take samples, give the samples they determine."""
        ...


class BlockStage(Protocol):
    """Parameters of a stage that turns blocks into blocks."""

    def start(self, info: StreamInfo) -> BlockRun:
        """Begin a run on the stream ``info``."""
        ...


class EventRun(Protocol):
    """State of a stage that turns aligned rows into events.

    ``beats`` are the moments of the last push, in order; each event of a push belongs to one of them.
    """

    beats: list[Beat]

    def push(self, block: Block) -> Sequence[Event]:
        """Take aligned rows, give the events they decide."""
        ...

    def finish(self) -> Sequence[Event]:
        """Decide what is still open: nothing more will come."""
        ...

    def undo(self, t_us: int) -> Sequence[Event]:
        """Take the last counted repetition back: somebody says that it was none."""
        ...

    def live(self) -> LiveState:
        """What a screen shows now."""
        ...


@runtime_checkable
class ReadsStraps(Protocol):
    """A run that follows the force without load, and so has to know when a strap is tared."""

    def tared(self, side: Side, by_n: float) -> None:
        """The strap of ``side`` reads ``by_n`` less from now on."""
        ...


class EventStage(Protocol):
    """Parameters of a stage that turns aligned rows into events."""

    def start(self, info: StreamInfo, first_set: int = 1) -> EventRun:
        """Begin a run on aligned rows described by ``info``; its first set gets the number ``first_set``."""
        ...
