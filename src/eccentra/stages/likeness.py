"""Whether a repetition goes the way of those before it: a cross-check of the count.

Whatever found the repetitions, those of one set are alike: the same person does the same movement. So the
path of every motion sensor over a repetition, phase by phase, is compared with the median of the person's
own earlier ones of the set (algorithms: E.6 of the references behind this project asks for such a second
opinion). It does not decide: where it disagrees, confidence is lowered and the count is flagged as unsure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec
import numpy as np

from eccentra.events import Flag, Repetition, SetCompleted
from eccentra.samples import Block, Floats, StreamInfo, Times
from eccentra.stages.history import History

__all__ = ["LikenessCheck", "cosine_to_usual"]

# A stroke has no more shape than that.
_POINTS = 8
# "Up" has to move by so much (10 degrees) to say where a sensor goes; else its turning says it.
_LEAST_UP = 0.17
_EARLIER = 5
_FEWEST = 2
# Cosine below which two paths are not the same movement: 53 degrees.
_LEAST = 0.6


def cosine_to_usual(path: Floats, earlier: Sequence[Floats]) -> float:
    """Cosine between a path and the median of earlier ones, all of shape (n,)."""
    usual = np.median(np.stack(earlier), axis=0)
    product = float((path * usual).sum())
    norm = float(np.sqrt((path * path).sum() * (usual * usual).sum()))
    return product / norm if norm > 0.0 else 1.0


class LikenessCheck:
    """Companion that compares the repetitions of a set.

    Parameters
    ----------
    info
        Aligned rows; each group of columns that begins with ``.up_x`` is a motion sensor.
    """

    def __init__(self, info: StreamInfo) -> None:
        self._sensors = [k for k, name in enumerate(info.channels) if name.endswith(".up_x")]
        self._step_s = 1.0 / info.rate_hz
        self._set = 0
        self._paths: dict[tuple[str, ...], deque[Floats]] = {}

    def see(self, rows: Block) -> None:
        """Nothing to follow."""

    def close(self, done: SetCompleted, reps: Sequence[Repetition]) -> SetCompleted:
        """Nothing to add."""
        return done

    def look(self, rep: Repetition, earlier: Sequence[Repetition], history: History) -> Repetition:
        """Lower confidence when the path is not like those before."""
        if rep.set_index != self._set:
            self._set, self._paths = rep.set_index, {}
        path = self._path(rep, history)
        if path is None:
            return rep
        # a repetition with other phases, such as one that is not finished, is compared with its like
        known = self._paths.setdefault(tuple(phase.kind for phase in rep.phases), deque(maxlen=_EARLIER))
        like = cosine_to_usual(path, known) if len(known) >= _FEWEST else 1.0
        known.append(path)
        if like >= _LEAST:
            return rep
        flags = rep.flags if Flag.COUNT_UNSURE in rep.flags else (*rep.flags, Flag.COUNT_UNSURE)
        confidence = round(rep.confidence * max(like, 0.0) / _LEAST, 3)
        return msgspec.structs.replace(rep, confidence=confidence, flags=flags)

    def _path(self, rep: Repetition, history: History) -> Floats | None:
        """Paths of all sensors over the moving phases, one after the other, from their own mean."""
        t, rows = history.rows(rep.start_us * 1000, min(rep.end_us, rep.decided_us) * 1000)
        moving = [phase for phase in rep.phases if phase.kind != "isometric"]
        if len(t) < 2 * _POINTS or not moving:
            return None
        places: Floats = np.concatenate(
            [np.linspace(phase.start_us * 1e3, phase.end_us * 1e3, _POINTS) for phase in moving]
        )
        parts = [self._course(t, rows, sensor, places) for sensor in self._sensors]
        known = [part for part in parts if part is not None]
        return np.concatenate(known) if len(known) == len(parts) else None

    def _course(self, t: Times, rows: Floats, sensor: int, places: Floats) -> Floats | None:
        up = rows[:, sensor : sensor + 3]
        if np.isnan(up).any():
            return None
        course = up
        if float((up.max(axis=0) - up.min(axis=0)).max()) < _LEAST_UP:
            rate = rows[:, sensor + 3 : sensor + 6]
            if np.isnan(rate).any():
                return None
            course = np.cumsum(rate, axis=0) * self._step_s
        seconds = t.astype(np.float64)
        points = np.stack([np.interp(places, seconds, course[:, k]) for k in range(3)])
        points = points - points.mean(axis=1)[:, None]
        out: Floats = points.reshape(-1)
        return out
