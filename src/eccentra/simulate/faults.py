"""What can go wrong during a session, as data. Times are true seconds; ``sensor`` is its id."""

from __future__ import annotations

import msgspec

from eccentra.samples import Placement, Side
from eccentra.simulate.sensors import Mounting, Vector

__all__ = ["ClockJump", "Disconnect", "Dropout", "Fault", "LoadedTare", "Misplaced", "Remount", "Slip"]


class Dropout(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault", tag="dropout"
):
    """The sensor's samples are lost for a while; the connection stays."""

    sensor: str
    start_s: float
    end_s: float


class Disconnect(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault", tag="disconnect"
):
    """The connection is lost at ``at_s`` and made again ``away_s`` later.

    The host notices after ``noticed_s`` (link supervision). With ``restart`` the sensor's clock starts at
    zero again.
    """

    sensor: str
    at_s: float
    away_s: float = 3.0
    noticed_s: float = 0.7
    restart: bool = False


class ClockJump(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault", tag="clock_jump"
):
    """The sensor's clock jumps by ``by_s`` at ``at_s``, without a new connection."""

    sensor: str
    at_s: float
    by_s: float


class Remount(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault", tag="remount"
):
    """The sensor sits differently from ``at_s`` on, without a movement from one to the other."""

    sensor: str
    at_s: float
    mounting: Mounting


class Slip(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault", tag="slip"
):
    """The sensor turns on its segment within ``over_s``, and measures that it does.

    ``turn_deg`` is the rotation vector in the segment's frame (x forward, y left, z along the segment): a
    strap that slides round the limb turns about z, one that is turned over about x by 180 degrees.
    """

    sensor: str
    at_s: float
    turn_deg: Vector
    over_s: float = 0.4

    def __post_init__(self) -> None:
        if not self.over_s > 0.0:
            raise ValueError(f"over_s is {self.over_s}, expected more than 0")


class Misplaced(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault", tag="misplaced"
):
    """The sensor is worn elsewhere than it is said to be: on another segment, or on the other side."""

    sensor: str
    placement: Placement | None = None
    side: Side | None = None


class LoadedTare(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="fault",
    tag="loaded_tare",
):
    """A strap's zero is set at ``at_s`` while ``load_n`` pulls: it reads that much less from then on."""

    sensor: str
    load_n: float
    at_s: float = 0.0


Fault = Dropout | Disconnect | ClockJump | Remount | Slip | Misplaced | LoadedTare
