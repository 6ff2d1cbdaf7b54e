"""What runs beside a station in one program: the hub, and an embedded broker. None of it may stop the set.

A part that cannot be started, or that ends, is said once and tried again; the station records, counts and
shows all the while, and what it publishes waits in its outbox.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from eccentra.cli.alone import alone
from eccentra.cli.up_settings import HubSettings
from eccentra.errors import EccentraError
from eccentra.events import StationNoted, StationReason
from eccentra.hub.node import Hub
from eccentra.mqtt.address import parse_url
from eccentra.mqtt.broker import EmbeddedBroker
from eccentra.station.recovery import SUFFIX
from eccentra.store.database import open_store

__all__ = ["BesideBroker", "BesideHub", "Keeper"]

_LOOK_S = 1.0
_AGAIN_S = 10.0
# The station's last events take well under this time; what does not is asked for at the next start.
_LAST_EVENTS_S = 3.0
_QUIET_S = 0.3
_LOOK_BACK_S = 7 * 86_400

Note = Callable[[StationNoted], None]
log = logging.getLogger("eccentra.up")


class BesideBroker:
    """An embedded broker at an address that does not change.

    Parameters
    ----------
    url
        ``embedded://`` or ``embedded://:PORT``.

    Raises
    ------
    SinkError
        It is to take any free port and cannot.
    """

    reason = StationReason.BROKER_AWAY
    name = "the embedded broker"

    def __init__(self, url: str) -> None:
        self._port = parse_url(url).port
        self._broker: EmbeddedBroker | None = None
        if self._port == 0:
            self._broker = EmbeddedBroker(0)
            self._broker.start()
            self._port = self._broker.port

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"mqtt://127.0.0.1:{self._port}"

    def begin(self) -> None:
        """Start it, unless it serves.

        Raises
        ------
        SinkError
            It cannot be started now.
        """
        if self._broker is None or not self._broker.alive:
            broker = EmbeddedBroker(self._port)
            broker.start()
            self._broker = broker

    def trouble(self) -> str | None:
        """What is wrong with it."""
        alive = self._broker is not None and self._broker.alive
        return None if alive else "it does not serve"

    def end(self) -> None:
        """Stop it, after what it took was handed out."""
        broker, self._broker = self._broker, None
        if broker is not None:
            broker.stop()


class BesideHub:
    """The hub of this computer, over the station's own broker.

    Parameters
    ----------
    url
        Of the broker; not an embedded one.
    site, wanted
        As in the settings.
    home
        The user's folder.
    station
        Node and station that wrote the session files in it.
    """

    reason = StationReason.HUB_FAILED
    name = "the hub"

    def __init__(
        self, url: str, site: str, wanted: HubSettings, home: Path, station: tuple[str, str]
    ) -> None:
        self._url, self._site, self._wanted, self._home = url, site, wanted, home
        self._station = station
        self._open = contextlib.ExitStack()
        self.hub: Hub | None = None

    def begin(self) -> None:
        """Start it, unless it runs.

        Raises
        ------
        EccentraError, SQLAlchemyError
            It cannot be started now.
        """
        if self.hub is not None:
            return
        wanted = self._wanted
        with contextlib.ExitStack() as stack:
            stack.enter_context(alone(self._home, f"{self._site}-{wanted.node}", "hub"))
            results = open_store(wanted.store)
            stack.callback(results.close)
            hub = Hub(self._url, results, site=self._site, node=wanted.node, therapists=wanted.therapists)
            hub.expect(self._recorded(), *self._station)
            stack.enter_context(hub)
            self._open = stack.pop_all()
        self.hub = hub

    def _recorded(self) -> list[str]:
        """Sessions of the last days: their events may have been on their way when the program was killed."""
        since = time.time() - _LOOK_BACK_S
        files = (self._home / "sessions").glob(f"*{SUFFIX}")
        return sorted(path.stem for path in files if path.stat().st_mtime >= since)

    def trouble(self) -> str | None:
        """What is wrong with it."""
        return "it does not run" if self.hub is None else self.hub.failing

    def end(self) -> None:
        """Let it take what is on its way, and stop it."""
        hub, self.hub = self.hub, None
        if hub is not None and hub.failing is None:
            _settled(hub)
        self._open.close()


def _settled(hub: Hub) -> None:
    """Wait until nothing has come for a moment."""
    end = time.monotonic() + _LAST_EVENTS_S
    seen, quiet = -1, 0.0
    while time.monotonic() < end:
        now = time.monotonic()
        if not hub.idle or hub.counts["new"] != seen:
            seen, quiet = hub.counts["new"], now + _QUIET_S
        elif now >= quiet:
            return
        time.sleep(0.05)


class Keeper:
    """Keeps parts running in a thread of its own, and says what is wrong with them.

    Parameters
    ----------
    parts
        In the order in which they are started; they are ended in the other one.
    """

    def __init__(self, *parts: BesideBroker | BesideHub) -> None:
        self._parts = parts
        self._said: dict[str, str] = {}
        self._again: dict[str, float] = {}
        self._early: list[StationNoted] = []
        self._note: Note | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eccentra-up", daemon=True)

    def start(self) -> None:
        """Start the parts; what fails is tried again later."""
        self._look()
        self._thread.start()

    def tell(self, note: Note) -> None:
        """Say from now on what is wrong to ``note``, in any thread; what was wrong before as well."""
        with self._lock:
            early, self._early, self._note = self._early, [], note
        for one in early:
            note(one)

    def close(self) -> None:
        """End all parts, last first."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        for part in reversed(self._parts):
            part.end()

    def _run(self) -> None:
        while not self._ending.wait(_LOOK_S):
            self._look()

    def _look(self) -> None:
        for part in self._parts:
            now = time.monotonic()
            if now < self._again.get(part.name, 0.0):
                continue
            try:
                part.begin()
                trouble = part.trouble()
            except (EccentraError, SQLAlchemyError, OSError) as error:
                trouble = str(error)
                self._again[part.name] = now + _AGAIN_S
            except Exception as error:
                # a mistake of ours must not end the thread that looks after the others
                log.exception("mistake in %s", part.name)
                trouble = repr(error)
                self._again[part.name] = now + _AGAIN_S
            self._say(part, trouble)

    def _say(self, part: BesideBroker | BesideHub, trouble: str | None) -> None:
        """Each change once."""
        before = self._said.get(part.name)
        if trouble == before:
            return
        if trouble is None:
            del self._said[part.name]
            self._tell(StationNoted(reason=part.reason, level="info", detail=f"{part.name} works again"))
            return
        self._said[part.name] = trouble
        self._tell(
            StationNoted(
                reason=part.reason,
                level="warning",
                detail=f"{part.name} cannot work: {trouble}",
                advice="the session goes on, nothing is lost; it is tried again by itself",
            )
        )

    def _tell(self, noted: StationNoted) -> None:
        with self._lock:
            note = self._note
            if note is None:
                self._early.append(noted)
        if note is not None:
            note(noted)
