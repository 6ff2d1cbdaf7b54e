"""What a screen shows between events."""

from __future__ import annotations

import msgspec

__all__ = ["LiveState"]


class LiveState(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of the running exercise; never recorded, never numbered.

    ``angle_deg`` is the angle the exercise tracks, ``phase`` the phase now (``rest`` outside a repetition),
    ``set_index`` counts from 1 and is 0 before the first set, ``reps`` is the live count of the open set.
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
