"""A second look at repetitions that a stage has decided: what other rows say of them.

A companion sees the same rows as the stage and each repetition before it leaves, and may add numbers or
lower its confidence; it neither counts nor refuses. It works from the rows until the repetition was decided
and from the repetitions before it, so that no way of cutting the rows changes what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from eccentra.events import (
    Event,
    RepAmended,
    RepCompleted,
    Repetition,
    RepRejected,
    SensorGap,
    SetCompleted,
)
from eccentra.samples import NS_PER_S, Block, Side
from eccentra.stages import EventRun, ReadsStraps
from eccentra.stages.gap_check import GapCheck
from eccentra.stages.gap_reach import GapReach
from eccentra.stages.history import History
from eccentra.stages.live import Beat, LiveState

__all__ = ["Accompanied", "Companion"]

# Rows are kept so long: a hold of minutes, and what was before it. Longer repetitions are not looked at.
_KEEP_NS = 400 * NS_PER_S
_BEFORE_NS = 10 * NS_PER_S


class Companion(Protocol):
    """What looks at repetitions."""

    def see(self, rows: Block) -> None:
        """Rows as they come."""
        ...

    def look(self, rep: Repetition, earlier: Sequence[Repetition], history: History) -> Repetition:
        """The repetition with what is added; ``earlier`` are those of its set that count."""
        ...

    def close(self, done: SetCompleted, reps: Sequence[Repetition]) -> SetCompleted:
        """The set with what is added, from its repetitions."""
        ...


class Accompanied:
    """A run of a stage and its companions; takes the place of the run.

    Parameters
    ----------
    run
        The stage's run.
    companions
        Who looks, one after the other.
    gaps
        Looks last, and at repetitions of any length.
    reach
        Tells at the end of a set what else holes keep from being known.
    """

    def __init__(
        self, run: EventRun, companions: Sequence[Companion], gaps: GapCheck, reach: GapReach
    ) -> None:
        self._run = run
        self._companions = companions
        self._gaps = gaps
        self._reach = reach
        self._t_us = 0
        self._history = History()
        self._reps: dict[int, dict[int, Repetition]] = {}
        self.beats: list[Beat] = []

    def push(self, block: Block) -> Sequence[Event]:
        """Take aligned rows, give the events they decide."""
        self._history.push(block)
        self._gaps.see(block)
        for one in self._companions:
            one.see(block)
        self._t_us = block.t.item(-1) // 1000
        events, shifted = self._looked_at(self._run.push(block))
        beats = self._run.beats
        self.beats = [beat.after(shifted[beat.events]) for beat in beats] if events else beats
        self._history.drop_before(block.t.item(-1) - _KEEP_NS)
        return events

    def finish(self) -> Sequence[Event]:
        """Decide what is still open: nothing more will come."""
        events, _ = self._looked_at(self._run.finish())
        return [*events, *self._reach.look(self._t_us, None, self._history)]

    def undo(self, t_us: int) -> Sequence[Event]:
        """Take the last counted repetition back: somebody says that it was none."""
        return self._looked_at(self._run.undo(t_us))[0]

    def tared(self, side: Side, by_n: float) -> None:
        """A strap reads ``by_n`` less from now on."""
        if isinstance(self._run, ReadsStraps):
            self._run.tared(side, by_n)
        for one in self._companions:
            if isinstance(one, ReadsStraps):
                one.tared(side, by_n)

    def live(self) -> LiveState:
        """What a screen shows now."""
        return self._run.live()

    def _looked_at(self, events: Sequence[Event]) -> tuple[Sequence[Event], list[int]]:
        """The events with what is added; and how many there are now when the stage had so many."""
        out: list[Event] = []
        shifted = [0]
        for event in events:
            if isinstance(event, SetCompleted):
                event, beside = self._set(event)
                out += beside
            else:
                event = self._event(event)
            out.append(event)
            shifted.append(len(out))
        return out, shifted

    def _event(self, event: Event) -> Event:
        match event:
            case RepCompleted(rep=rep):
                reps = self._reps.setdefault(rep.set_index, {})
                earlier = [reps[index] for index in sorted(reps)]
                if (rep.decided_us - rep.start_us) * 1000 < _KEEP_NS - _BEFORE_NS:
                    for one in self._companions:
                        rep = one.look(rep, earlier, self._history)
                reps[rep.index] = rep = self._gaps.look(rep)
                self._reach.counted(rep)
                return msgspec.structs.replace(event, rep=rep)
            case RepAmended(counted=False):
                self._reps.get(event.set_index, {}).pop(event.index, None)
                self._reach.taken_back((event.set_index, event.index), event.t_us)
            case RepRejected():
                self._reach.refused(event)
        return event

    def _set(self, event: SetCompleted) -> tuple[SetCompleted, Sequence[SensorGap]]:
        """The set with what is added, and what holes beside its repetitions keep from being known."""
        # later ones may still be taken back, but their numbers are told
        known = self._reps.pop(event.set_index, {})
        reps = [known[index] for index in sorted(known)]
        for one in self._companions:
            event = one.close(event, reps)
        beside = self._reach.look(event.t_us, event.decided_us, self._history)
        event = self._gaps.close(event, reps, beside)
        flags = (*event.flags, *(flag for rep in reps for flag in rep.flags))
        return msgspec.structs.replace(event, flags=tuple(dict.fromkeys(flags))), beside
