"""Virtual Bluetooth controllers behind a TCP port, one a connection, as the rig offers them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bumble.transport.common import StreamPacketSource

from eccentra.link.virtual.air import Air, VirtualController

SUPERVISION_S = 0.1


class Port(StreamPacketSource):
    """One connection: a controller of its own on the air; closed, its radio is silent."""

    def __init__(self, air: Air) -> None:
        super().__init__()
        self.controller = VirtualController("port", link=air)
        self.controller.host = self
        self.set_packet_sink(self.controller)

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def on_packet(self, packet: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(packet)

    def connection_lost(self, error: Exception | None) -> None:
        self.controller.fall_silent(SUPERVISION_S)


@asynccontextmanager
async def served(air: Air) -> AsyncIterator[str]:
    """Name of the transport under which controllers on ``air`` can be opened."""
    server = await asyncio.get_running_loop().create_server(lambda: Port(air), "127.0.0.1", 0)
    async with server:
        yield f"tcp-client:127.0.0.1:{server.sockets[0].getsockname()[1]}"
