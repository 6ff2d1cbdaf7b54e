"""Numbers with time and units: what flows between decoders, stages and the session.

A :class:`Block` holds samples, a :class:`StreamInfo` says once what they are, a :class:`Gap` says where
there are none.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["NS_PER_S", "Block", "Floats", "Gap", "Placement", "Side", "StreamInfo", "Times"]

NS_PER_S = 1_000_000_000

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

Placement = Literal["thigh", "shank", "pelvis", "trunk", "load", "wrist"]
Side = Literal["left", "right", "both"]


class StreamInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What one stream of samples is: said once, not in every block.

    Attributes
    ----------
    stream
        Id of the stream; here the opaque id of its sensor, or ``"aligned"`` after alignment.
    kind
        ``imu`` (specific force, optionally angular rate), ``force``, or a kind made by a stage.
    channels, units
        Name and SI unit of each column.
    rate_hz
        Nominal sample rate.
    placement, side
        Where it is worn; ``None`` when unknown or not applicable.
    sampled_hz
        Of rows that were resampled: the rate at which the sensor sampled; of aligned rows, that of the
        slowest force sensor.
    force_step_n
        Resolution of a force sensor, of aligned rows that of the coarsest one; 0 when it is not known.
    loss_observable
        False when the sensor has neither time stamps nor a counter, so that lost samples leave no trace.
    """

    stream: str
    kind: str
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate_hz: float
    placement: Placement | None = None
    side: Side | None = None
    loss_observable: bool = True
    sampled_hz: float | None = None
    force_step_n: float = 0.0

    def column(self, name: str) -> int | None:
        """Index of the channel ``name``, or ``None`` when the stream does not have it."""
        return self.channels.index(name) if name in self.channels else None


class Block(msgspec.Struct, frozen=True, gc=False):
    """Samples of one stream.

    Attributes
    ----------
    stream
        Id of the stream.
    t
        Session time of each sample in ns, int64, shape (n,), strictly increasing, n >= 1.
    x
        Values in SI units, float64, shape (n, channels), C-contiguous. NaN means "not measured".
    """

    stream: str
    t: Times
    x: Floats


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of session time in which a stream has no samples.

    ``end_ns`` is ``None`` while the sensor is still away.
    """

    stream: str
    start_ns: int
    end_ns: int | None
