"""What can go wrong during a session, as data. Times are true seconds; ``sensor`` is its id."""

from __future__ import annotations

import msgspec

from eccentra.simulate.sensors import Mounting

__all__ = ["ClockJump", "Disconnect", "Dropout", "Fault", "Remount"]


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
    """The sensor sits differently from ``at_s`` on (slipped, or put on again)."""

    sensor: str
    at_s: float
    mounting: Mounting


Fault = Dropout | Disconnect | ClockJump | Remount
