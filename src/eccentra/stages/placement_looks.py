"""What each sensor saw of a movement, out of the rows of the last minutes."""

from __future__ import annotations

from eccentra.samples import NS_PER_S, Floats, StreamInfo
from eccentra.stages.history import History
from eccentra.stages.placement_frames import Frame, frame_of
from eccentra.stages.placement_gyro import turn_of

__all__ = ["Looks"]

# Free limbs and bars turn as they like between movements.
_SEGMENTS = ("thigh", "shank", "pelvis", "trunk")
# A movement's first rows may be missing for so long: sensors need not begin on the same one.
_LATE_NS = NS_PER_S // 20


class Looks:
    """Looks back at the sensors of a session.

    Parameters
    ----------
    history
        Aligned rows, as long as they are kept.
    info
        Their columns. ``up`` is then where "up" of each sensor on a segment begins.
    """

    def __init__(self, history: History, info: StreamInfo) -> None:
        self._history = history
        columns = ((name, info.column(f"{name}.up_x"), info.column(f"{name}.rate_x")) for name in _SEGMENTS)
        at = {name: (up, rate) for name, up, rate in columns if up is not None and rate is not None}
        self.up = {name: up for name, (up, _) in at.items()}
        self._rate = {name: rate for name, (_, rate) in at.items()}

    def frames(self, start_us: int, end_us: int) -> dict[str, Frame]:
        """Frames of the sensors that were there from start to end."""
        t, x = self._history.rows(start_us * 1000 - _LATE_NS, end_us * 1000)
        frames: dict[str, Frame] = {}
        if not len(t) or t.item(0) > start_us * 1000 + _LATE_NS:
            return frames  # longer than rows are kept, or begun in a hole: the start pose was not seen
        for name, at in self.up.items():
            frame = frame_of(x[:, at : at + 3])
            if frame is not None:
                frames[name] = frame
        return frames

    def turn(self, name: str, from_us: int, to_us: int) -> Floats | None:
        """How a sensor turned, where its gyroscope was there all the time; see :func:`turn_of`."""
        t, x = self._history.rows(from_us * 1000, to_us * 1000)
        if not len(t) or t.item(0) > from_us * 1000 + _LATE_NS:
            return None
        at = self._rate[name]
        return turn_of(t, x[:, at : at + 3])
