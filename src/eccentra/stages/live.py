"""What a screen shows between events, and what those see who watch a stage."""

from __future__ import annotations

import msgspec

__all__ = ["Beat", "LiveState"]


class Beat(msgspec.Struct, frozen=True, gc=False):
    """One moment of a stage, every 50 ms of session time: for what follows a movement while it happens.

    Attributes
    ----------
    t
        Session time in ns.
    events
        So many of the events of this push were decided up to here.
    angle_deg
        The angle that is tracked live; ``None`` in the start pose, and when there is none.
    since
        When the movement under way left the start pose, ns; ``None`` outside movements or when not known.
    """

    t: int
    events: int
    angle_deg: float | None
    since: int | None

    def after(self, events: int) -> Beat:
        """The same moment, after so many events."""
        return Beat(self.t, events, self.angle_deg, self.since)


class LiveState(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of the running exercise; never recorded, never numbered.

    ``angle_deg`` is the angle the exercise tracks, ``phase`` the phase now (``rest`` outside a repetition),
    ``set_index`` counts from 1 and is 0 before the first set, ``reps`` is the live count of the open set.
    ``cue`` is what was said in the last seconds. With a prescribed tempo, ``pace`` is the pacer's last word,
    ``pace_s`` the time spent in the phase and ``pace_of_s`` its prescribed time.
    """

    t_us: int = 0
    phase: str = "rest"
    set_index: int = 0
    reps: int = 0
    session_reps: int = 0
    angle_deg: float | None = None
    tut_s: float | None = None
    force_left_n: float | None = None
    force_right_n: float | None = None
    flags: tuple[str, ...] = ()
    cue: str = ""
    pace: str = ""
    pace_s: float | None = None
    pace_of_s: float | None = None
