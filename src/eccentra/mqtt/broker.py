"""A broker inside this process, for this computer only (amqtt): a demo or a home needs no other program.

Why nobody has to log in here: the broker listens on the loopback address alone and refuses any other, so
whoever reaches it already runs programs on this computer, where a password file would be theirs to read too;
and what it carries names no person. Access for others (a tablet, another computer) is what a real broker with
users, rules and TLS is for. The choice is made by naming the one plugin below: amqtt's own defaults are open
to the whole network, and no plugin at all refuses everybody.

It speaks MQTT 3.1.1, keeps everything in memory, and holds nothing for subscribers that are away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from types import TracebackType
from typing import Self

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError

from eccentra.errors import SinkError
from eccentra.mqtt.address import is_loopback

__all__ = ["EmbeddedBroker"]

_PLUGINS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
_LISTENER = "default"
# Messages already taken from publishers reach subscribers in well under this time on loopback.
_DRAIN_S = 0.1
_STOP_S = 5.0

log = logging.getLogger("eccentra.mqtt.broker")


class EmbeddedBroker:
    """An MQTT 3.1.1 broker in its own thread and event loop.

    Parameters
    ----------
    port
        Port to listen on; 0 takes any free one.
    host
        A loopback address; anything else is refused.
    """

    def __init__(self, port: int = 1883, host: str = "127.0.0.1") -> None:
        if not is_loopback(host):
            raise SinkError(
                f"embedded://{host}:{port}",
                "the embedded broker serves this computer only; use a broker such as Mosquitto for others",
            )
        self.host = host
        self.port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._failed: Exception | None = None

    @property
    def url(self) -> str:
        """Where clients connect; the port is known after :meth:`start`."""
        return f"mqtt://{self.host}:{self.port}"

    @property
    def alive(self) -> bool:
        """It was started and serves."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> str:
        """Listen, and give the URL for clients.

        Raises
        ------
        SinkError
            When the port is taken or the broker cannot start.
        """
        if self._thread is not None:
            return self.url
        # amqtt reports every connection; only trouble is of interest here.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.WARNING)
        listening = self._listen()
        ready = threading.Event()
        self._failed = None
        self._thread = threading.Thread(
            target=self._run, args=(listening, ready), name="eccentra-broker", daemon=True
        )
        self._thread.start()
        ready.wait()
        if self._failed is not None:
            self._thread.join()
            self._thread = None
            raise SinkError(self.url, f"the embedded broker did not start: {self._failed}") from self._failed
        return self.url

    def _listen(self) -> socket.socket:
        """Open the listening socket here, where its error can be told in plain words."""
        try:
            listening = socket.create_server((self.host, self.port))
        except OSError as error:
            raise SinkError(
                f"embedded://{self.host}:{self.port}",
                f"cannot listen there ({os.strerror(error.errno or 0)}); if a broker runs on this port "
                f"already, use mqtt://{self.host}:{self.port}, else embedded://:0 for any free port",
            ) from error
        # accepted sockets inherit it; asyncio sets it on those of its own listeners only
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = int(listening.getsockname()[1])
        return listening

    def stop(self) -> None:
        """Hand out what was taken, close all connections and end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(_STOP_S)
        if thread.is_alive():
            log.warning("the embedded broker did not stop within %g s", _STOP_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, listening: socket.socket, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(listening, ready))
        except Exception as error:
            log.exception("the embedded broker failed")
            self._failed = error
        finally:
            listening.close()
            ready.set()

    async def _serve(self, listening: socket.socket, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        # "External": the broker is given connections, it opens no socket itself.
        broker = Broker(
            BrokerConfig(
                listeners={_LISTENER: ListenerConfig(type=ListenerType.EXTERNAL, bind="given")},
                plugins=_PLUGINS,
            )
        )
        await broker.start()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await broker.stream_connected(reader, writer, _LISTENER)
            except (OSError, AMQTTError) as error:
                log.warning("a client's connection ended: %s", error)
            finally:
                writer.close()

        server = await asyncio.start_server(connected, sock=listening)
        ready.set()
        await self._stop.wait()
        await asyncio.sleep(_DRAIN_S)
        server.close()
        await broker.shutdown()
