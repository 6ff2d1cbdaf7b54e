"""A link that looks at the bindings while it runs: a sensor can be swapped in the middle of a session.

Somebody binds another sensor of the same model to the place (``eccentra scan --bind``): the link goes on with
it, under the same id. What else changed in the bindings takes effect with the next start, and that is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from eccentra.errors import InputError
from eccentra.events import StationNoted, StationReason
from eccentra.link import LinkStatus, WantedSensor
from eccentra.link.advice import advice_for
from eccentra.link.bindings import bindings_file, read_bindings, wanted
from eccentra.link.bluetooth import BluetoothLink

__all__ = ["RebindingLink"]

_LOOK_S = 2.0


class RebindingLink:
    """See :class:`~eccentra.link.Link`.

    Parameters
    ----------
    link
        Has been made for ``bound``.
    bound
        The sensors of the bindings as they were.
    put
        Takes what has to be said.
    path
        The bindings; the user's when absent.
    """

    def __init__(
        self,
        link: BluetoothLink,
        bound: Sequence[WantedSensor],
        put: Callable[[StationNoted], None],
        path: Path | None = None,
    ) -> None:
        self._link = link
        self._bound = {one.setup.sensor: one for one in bound}
        self._put = put
        self._path = path or bindings_file()
        self._seen = self._stamp()

    async def run(self) -> None:
        """Keep all sensors connected, and the bindings in view, until cancelled."""
        looking = asyncio.create_task(self._keep_looking())
        try:
            await self._link.run()
        finally:
            looking.cancel()

    async def command(self, sensor: str, name: str) -> None:
        """As of the link."""
        await self._link.command(sensor, name)

    def status(self) -> Sequence[LinkStatus]:
        """As of the link."""
        return self._link.status()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self.look()

    def look(self) -> None:
        """Follow the bindings if their file changed."""
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            now = {one.setup.sensor: one for one in wanted(read_bindings(self._path))}
        except InputError as error:
            self._say(f"the bindings cannot be read any more: {error}")
            return
        later = sorted(now.keys() ^ self._bound.keys())
        for name in sorted(now.keys() & self._bound.keys()):
            old, new = self._bound[name], now[name]
            if new == old:
                continue
            if new.setup == old.setup and self._link.swap(name, new.address):
                self._bound[name] = new
            else:
                later.append(name)
        if later:
            self._say(f"bindings of {', '.join(later)} changed: that takes effect with the next start")

    def _say(self, detail: str) -> None:
        reason = StationReason.BINDINGS_CHANGED
        self._put(StationNoted(reason=reason, level="warning", detail=detail, advice=advice_for(reason, "")))

    def _stamp(self) -> tuple[int, int] | None:
        """When the file changed last, and its size."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
