"""How one sensor's connection is kept: which step is next, when to give up, how long to wait, what to say.

Sans-IO: time is an argument, every method gives the actions that whoever owns the radio has to carry out.
The circle is::

    searching -> connecting -> starting -> streaming
        ^            |            |            |
        +- waiting <- lost (its client is being disconnected)

``Release`` is given once for every ``Connect`` that ended, and the next ``Connect`` only after
:meth:`SensorMachine.released`: a client that was lost is always disconnected before there is another one.
"""

from __future__ import annotations

import msgspec

from eccentra.events import StationNoted, StationReason
from eccentra.link import LinkStatus, SensorLink
from eccentra.link.advice import NEEDS_A_PERSON, RADIO, Trouble, advice_for
from eccentra.samples import NS_PER_S

__all__ = ["Action", "Connect", "Patience", "Release", "Said", "SensorMachine"]


class Patience(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long each step may take; seconds.

    Attributes
    ----------
    not_seen_s
        Search without an advertisement before it is said: sensors advertise every 0.1 to 2 s, and a
        restarted scan takes a moment.
    asleep_s
        Search without one after which the sensor counts as switched off and is searched for sparingly.
    connect_s
        Connecting and finding services: mostly 1 to 5 s, more on a crowded radio. Others have to wait for it,
        and a sensor that went away just now would use all of it.
    start_s
        Subscribing and writing the start command: a few round trips, up to 2 s of waiting for the packet
        size, 1 s for the battery.
    first_data_s
        From the start command to the first sample: a sensor may accept a rate that it does not have and
        then send nothing; none needs more than 2 s.
    silence_s
        Without a packet while streaming: the slowest stream sends more than one a second, and a sensor that
        vanishes may never be reported by the operating system.
    first_wait_s, longest_wait_s
        Wait after the first failure in a row; doubled with each, up to the bound.
    person_wait_s
        Wait after a failure that somebody has to act on.
    steady_s
        Streaming so long counts as well again: what fails after that is a new failure.
    again_s
        The same failure is said again after this time, with how often it happened.
    """

    not_seen_s: float = 10.0
    asleep_s: float = 60.0
    connect_s: float = 15.0
    start_s: float = 15.0
    first_data_s: float = 4.0
    silence_s: float = 3.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    person_wait_s: float = 30.0
    steady_s: float = 10.0
    again_s: float = 60.0

    def with_quiet(self, quiet_s: float | None) -> Patience:
        """The same for a sensor that may send nothing for so long while all is well."""
        if quiet_s is None:
            return self
        return msgspec.structs.replace(
            self, first_data_s=max(self.first_data_s, quiet_s), silence_s=max(self.silence_s, quiet_s)
        )

    def wait_ns(self, reason: StationReason, failures: int) -> int:
        """How long to wait before searching again, after ``failures`` of them in a row (1 is the first)."""
        if reason in RADIO:
            return 0  # nothing can be tried before the radio is back, and then at once
        if reason is StationReason.SENSOR_SWAPPED:
            return 0
        if reason is StationReason.CONNECTION_LOST and failures == 1:
            return 0
        if reason in NEEDS_A_PERSON:
            return _ns(self.person_wait_s)
        doubled = self.first_wait_s * 2.0 ** min(failures - 1, 30)
        return _ns(min(doubled, self.longest_wait_s))


class Connect(msgspec.Struct, frozen=True):
    """Make a connection to the device that was just heard."""


class Release(msgspec.Struct, frozen=True):
    """Stop what is being tried, disconnect the client, then call :meth:`SensorMachine.released`.

    ``why`` is short: ``lost``, ``silent``, ``swapped`` or ``failed``.
    """

    why: str


Action = Connect | Release | StationNoted


class Said:
    """What was said last of each reason, so that the same is not said all the time.

    Parameters
    ----------
    again_ns
        After this the same is said again.
    """

    def __init__(self, again_ns: int) -> None:
        self._again_ns = again_ns
        self._last: dict[StationReason, tuple[str, int]] = {}
        self._held: dict[StationReason, int] = {}

    def __bool__(self) -> bool:
        return bool(self._last)

    def forget(self) -> None:
        """It is well again: whatever comes next is news."""
        self._last.clear()
        self._held.clear()

    def due(self, reason: StationReason, detail: str, now_ns: int) -> int:
        """How often it happened since it was last said; 0 when it should not be said now."""
        last = self._last.get(reason)
        if last is not None and last[0] == detail and now_ns - last[1] < self._again_ns:
            self._held[reason] = self._held.get(reason, 0) + 1
            return 0
        same = last is not None and last[0] == detail
        count = self._held.pop(reason, 0) + 1 if same else 1
        self._held.pop(reason, None)
        self._last[reason] = (detail, now_ns)
        return count


class SensorMachine:
    """The connection of one sensor.

    Parameters
    ----------
    sensor
        Opaque id, named in what is said.
    now_ns
        Time now, ns, of the same clock as in every later call.
    patience
        Thresholds.
    platform
        ``sys.platform``, for advice.
    """

    def __init__(
        self, sensor: str, now_ns: int, patience: Patience | None = None, platform: str = "linux"
    ) -> None:
        self.sensor = sensor
        self.state: SensorLink = "searching"
        self.patience = patience or Patience()
        self._platform = platform
        self._deadline: int | None = None
        self._since = now_ns
        self._last_packet = now_ns
        self._started = False
        self._radio = True
        self._missed = False
        self._failures = 0
        self._tries = 0
        self._wait_ns = 0
        self._rssi: int | None = None
        self._problem = ("", "")
        self._said = Said(_ns(self.patience.again_s))

    # -- what happened ---------------------------------------------------------------------------------

    def heard(self, now_ns: int, rssi_dbm: int | None, *, free: bool) -> list[Action]:
        """An advertisement of it came; ``free`` when a connection may be started now."""
        if rssi_dbm is not None:
            self._rssi = rssi_dbm
        if self.state != "searching" or not free:
            return []
        self._missed = False
        self._tries += 1
        self._enter("connecting", now_ns, self.patience.connect_s)
        return [Connect()]

    def connected(self, now_ns: int) -> None:
        """The client is connected and knows the services."""
        if self.state == "connecting":
            self._started = False
            self._enter("starting", now_ns, self.patience.start_s)

    def started(self, now_ns: int) -> None:
        """The start command was written."""
        if self.state == "starting":
            self._started = True
            self._deadline = now_ns + _ns(self.patience.first_data_s)

    def samples(self, now_ns: int) -> list[Action]:
        """Samples came for the first time on this connection."""
        if self.state != "starting":
            return []
        self._enter("streaming", now_ns, None)
        self._last_packet = now_ns
        self._tries = 0
        self._problem = ("", "")
        if not self._said:
            return []
        self._said.forget()
        detail = f"{self.sensor} is connected and sends again"
        return [
            StationNoted(reason=StationReason.SENSOR_BACK, level="info", detail=detail, sensor=self.sensor)
        ]

    def packet(self, now_ns: int) -> None:
        """A packet came."""
        self._last_packet = now_ns

    def dropped(self, now_ns: int) -> list[Action]:
        """The operating system reported the end of the connection."""
        if self.state == "streaming":
            return self._fall(now_ns, self._trouble(StationReason.CONNECTION_LOST, "connection lost"), "lost")
        if self.state == "starting":
            detail = "the connection ended while the sensor was being started"
            return self._fall(now_ns, self._trouble(StationReason.CONNECT_FAILED, detail), "lost")
        return []  # while connecting, connect() itself fails

    def failed(self, now_ns: int, trouble: Trouble) -> list[Action]:
        """What was being tried went wrong."""
        if self.state in ("connecting", "starting", "streaming"):
            return self._fall(now_ns, trouble, "failed")
        return []

    def swapped(self, now_ns: int) -> list[Action]:
        """Another device took its place: what is known of the old one's failures says nothing about it."""
        trouble = self._trouble(StationReason.SENSOR_SWAPPED, "another sensor takes its place")
        self._failures = 0
        self._said.forget()
        if self.state in ("connecting", "starting", "streaming"):
            return self._fall(now_ns, trouble, "swapped")
        self._wait_ns = 0
        if self.state != "lost":
            self._search(now_ns)
        return self._say(now_ns, trouble)

    def released(self, now_ns: int) -> None:
        """The lost client was disconnected, or that was given up."""
        if self.state != "lost":
            return
        if self._wait_ns:
            self._enter("waiting", now_ns, None)
            self._deadline = now_ns + self._wait_ns
        else:
            self._search(now_ns)

    def radio(self, now_ns: int, *, usable: bool) -> None:
        """The adapter went away, or is back: then there is nothing to wait for."""
        back = usable and not self._radio
        self._radio = usable
        if back:
            self._failures = 0
            self._wait_ns = 0
            if self.state in ("waiting", "searching"):
                self._search(now_ns)

    def excuse(self, late_ns: int) -> None:
        """Leave out a time in which the program itself did nothing: no sensor is to blame for it."""
        self._last_packet += late_ns
        if self._deadline is not None:
            self._deadline += late_ns

    def tick(self, now_ns: int) -> list[Action]:
        """Time passed."""
        due = self.next_ns()
        if due is None or now_ns < due:
            return []
        match self.state:
            case "waiting":
                self._search(now_ns)
            case "searching":
                return self._not_seen(now_ns)
            case "connecting":
                detail = f"no connection within {self.patience.connect_s:g} s"
                return self._fall(now_ns, self._trouble(StationReason.CONNECT_TIMEOUT, detail), "failed")
            case "starting" if self._started:
                detail = f"no sample within {self.patience.first_data_s:g} s of the start command"
                return self._fall(now_ns, self._trouble(StationReason.NO_DATA, detail), "silent")
            case "starting":
                detail = f"not started within {self.patience.start_s:g} s"
                return self._fall(now_ns, self._trouble(StationReason.COMMAND_FAILED, detail), "failed")
            case "streaming":
                detail = f"connected, but nothing came for {self.patience.silence_s:g} s"
                return self._fall(now_ns, self._trouble(StationReason.NO_DATA, detail), "silent")
        return []

    # -- what is next ------------------------------------------------------------------------------------

    def next_ns(self) -> int | None:
        """When :meth:`tick` has something to do, if nothing happens before."""
        if self.state == "streaming":
            return self._last_packet + _ns(self.patience.silence_s)
        if self.state == "searching":
            if not self._radio or self._missed:
                return None
            return self._since + _ns(self.patience.not_seen_s)
        return self._deadline

    def asleep(self, now_ns: int) -> bool:
        """Searched for so long that it is probably switched off."""
        return self.state == "searching" and now_ns - self._since >= _ns(self.patience.asleep_s)

    def status(self, now_ns: int) -> LinkStatus:
        """The same for screens."""
        waits = self.state == "waiting" and self._deadline is not None
        return LinkStatus(
            sensor=self.sensor,
            state=self.state,
            rssi_dbm=self._rssi,
            tries=self._tries,
            next_try_s=max(0.0, ((self._deadline or 0) - now_ns) / NS_PER_S) if waits else None,
            problem=self._problem[0],
            advice=self._problem[1],
        )

    # -- inside --------------------------------------------------------------------------------------------

    def _enter(self, state: SensorLink, now_ns: int, limit_s: float | None) -> None:
        self.state = state
        self._since = now_ns
        self._deadline = None if limit_s is None else now_ns + _ns(limit_s)

    def _search(self, now_ns: int) -> None:
        self._missed = False
        self._enter("searching", now_ns, None)

    def _not_seen(self, now_ns: int) -> list[Action]:
        self._missed = True
        trouble = self._trouble(StationReason.SENSOR_NOT_SEEN, "is not heard")
        self._problem = (trouble.detail, trouble.advice)
        return self._say(now_ns, trouble)

    def _fall(self, now_ns: int, trouble: Trouble, why: str) -> list[Action]:
        streamed = self.state == "streaming"
        if streamed and now_ns - self._since >= _ns(self.patience.steady_s):
            self._failures = 0
        self._failures += 1
        # silence is a connection lost without a word: try again at once as after any other loss
        as_lost = streamed and trouble.reason not in RADIO | {StationReason.SENSOR_SWAPPED}
        reason = StationReason.CONNECTION_LOST if as_lost else trouble.reason
        self._wait_ns = self.patience.wait_ns(reason, self._failures)
        self._enter("lost", now_ns, None)
        if trouble.reason in RADIO:
            return [Release(why)]  # said once for all sensors by whoever owns the radio
        self._problem = (trouble.detail, trouble.advice)
        return [Release(why), *self._say(now_ns, trouble)]

    def _trouble(self, reason: StationReason, detail: str) -> Trouble:
        return Trouble(reason, detail, advice_for(reason, self._platform))

    def _say(self, now_ns: int, trouble: Trouble) -> list[Action]:
        count = self._said.due(trouble.reason, trouble.detail, now_ns)
        if not count:
            return []
        return [
            StationNoted(
                reason=trouble.reason,
                level="error" if trouble.reason in NEEDS_A_PERSON else "warning",
                detail=f"{self.sensor}: {trouble.detail}",
                advice=trouble.advice,
                sensor=self.sensor,
                count=count,
            )
        ]


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
