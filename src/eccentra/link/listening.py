"""When the one scanner of the program listens. Pure: time is an argument.

Bleak does not report that the adapter was switched off while it scans: there are just no advertisements any
more. So a scan in which nobody at all is heard is started again from time to time, which fails in that
case. And while only sensors are missing that are probably switched off, it listens a part of the time: the
radio is needed by the sensors that stream.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from eccentra.samples import NS_PER_S

__all__ = ["Listening", "Rhythm"]


class Rhythm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds.

    Attributes
    ----------
    stale_s
        A scan in which nobody is heard is started again after this.
    sparing_on_s, sparing_off_s
        Listen and rest while only sensors are searched that were not heard for long: every sensor advertises
        at least twice in the first.
    poll_s
        Between tries while Bluetooth is not usable.
    """

    stale_s: float = 10.0
    sparing_on_s: float = 4.0
    sparing_off_s: float = 6.0
    poll_s: float = 2.0


class Listening:
    """Whether the scanner should be on.

    Attributes
    ----------
    on
        It was started and not stopped since.
    usable
        The last start did not fail.
    """

    def __init__(self, rhythm: Rhythm | None = None) -> None:
        self.on = False
        self.usable = True
        self._rhythm = rhythm or Rhythm()
        self._since = 0
        self._heard = 0
        self._not_before = 0

    def decide(self, now_ns: int, *, needed: bool, sparing: bool) -> Literal["start", "stop"] | None:
        """What to do now, if anything; ``needed`` when a sensor is searched and the radio is free for it."""
        if not self.on:
            return "start" if needed and now_ns >= self._not_before else None
        if not needed or now_ns - max(self._heard, self._since) >= self._ns("stale_s"):
            return "stop"
        if sparing and now_ns - self._since >= self._ns("sparing_on_s"):
            self._not_before = now_ns + self._ns("sparing_off_s")
            return "stop"
        return None

    def next_ns(self, *, needed: bool, sparing: bool) -> int | None:
        """When :meth:`decide` may have something to do, if nothing happens before."""
        if not self.on:
            return self._not_before if needed else None
        stale = max(self._heard, self._since) + self._ns("stale_s")
        return min(stale, self._since + self._ns("sparing_on_s")) if sparing else stale

    def heard(self, now_ns: int) -> None:
        """Anybody's advertisement came."""
        self._heard = now_ns

    def started(self, now_ns: int) -> None:
        """The scanner runs."""
        self.on = self.usable = True
        self._since = now_ns

    def failed(self, now_ns: int) -> None:
        """The scanner could not be started."""
        self.on = self.usable = False
        self._not_before = now_ns + self._ns("poll_s")

    def stopped(self) -> None:
        """The scanner was stopped, or is gone."""
        self.on = False

    def hurry(self) -> None:
        """Somebody is searched who was just there: no resting now, unless there is no radio."""
        if self.usable:
            self._not_before = 0

    def _ns(self, name: str) -> int:
        return round(float(getattr(self._rhythm, name)) * NS_PER_S)
