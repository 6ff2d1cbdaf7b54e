"""What a gyroscope tells of a sensor that turned on its segment: it was there when it happened.

The axis of a movement stays where it is in the room while a sensor turns on its segment, and goes round with
the person who turns. So the sensor's own turn from the last movement to the next one says where it would see
that axis, had it alone turned: where it does see it there, and not where it saw it before, one movement is
enough. A turn about the axis itself leaves it where it was: of that a gyroscope cannot tell whether the
sensor turned or the person starts in another pose.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eccentra.samples import NS_PER_S, Floats, Times
from eccentra.stages.inclination import Vector

__all__ = ["seen_after", "turn_of"]

# A row may come so many times later than the others: a short gap, in which rates were interpolated.
_STEPS = 1.5


def turn_of(t: Times, rate: Floats) -> Floats | None:
    """The sensor's turn from the first row to the last, in its own frame.

    Parameters
    ----------
    t
        Times in ns, shape (n,).
    rate
        Angular rate in rad/s, bias removed, shape (n, 3).

    Returns
    -------
    Floats or None
        Matrix, shape (3, 3), that takes what is said in the last frame to the first one; ``None`` where rows
        are missing.
    """
    if len(t) < 2 or bool(np.isnan(rate).any()):
        return None
    steps: NDArray[np.int64] = np.diff(t)
    if steps.max() > _STEPS * steps.min():
        return None
    turns = _rodrigues(0.5 * (rate[1:] + rate[:-1]) * (steps / NS_PER_S)[:, None])
    # in pairs: as many NumPy calls as the number has digits
    while len(turns) > 1:
        even = len(turns) // 2 * 2
        turns = np.concatenate([turns[0:even:2] @ turns[1:even:2], turns[even:]])
    found: Floats = turns[0]
    return found


def _rodrigues(vectors: Floats) -> Floats:
    """Matrices, shape (n, 3, 3), of rotation vectors in rad, shape (n, 3)."""
    angle: Floats = np.sqrt((vectors * vectors).sum(axis=1))[:, None, None]
    k = np.zeros((len(vectors), 3, 3))
    k[:, 2, 1], k[:, 0, 2], k[:, 1, 0] = vectors.T
    k -= k.transpose(0, 2, 1)
    # sin a / a and (1 - cos a) / a², which do not vanish with a
    half = np.sinc(angle / (2.0 * np.pi))
    return np.asarray(np.eye(3) + np.sinc(angle / np.pi) * k + 0.5 * half * half * (k @ k))


def seen_after(turn: Floats, axis: Vector) -> Vector:
    """Where a sensor that turned sees a direction that stayed in the room."""
    x, y, z = (turn.T @ np.array(axis)).tolist()
    return (x, y, z)
