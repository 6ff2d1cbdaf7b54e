"""A broker that misbehaves: accepts a connection, acknowledges so many messages, then says nothing more."""

from __future__ import annotations

import socket
import threading
from typing import Any


class FakeBroker:
    """Speaks just enough MQTT 3.1.1.

    Parameters
    ----------
    acknowledge
        Messages that each connection in turn has acknowledged; the last one counts for all later ones.
    greet
        Whether a connect is answered.
    """

    def __init__(self, acknowledge: tuple[int, ...], *, greet: bool = True) -> None:
        self.connections = 0
        self.published: list[tuple[int, bytes]] = []
        self._acknowledge, self._greet = acknowledge, greet
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client, self.connections), daemon=True).start()

    def _serve(self, client: socket.socket, number: int) -> None:
        left = self._acknowledge[min(number, len(self._acknowledge)) - 1]
        with client, client.makefile("rb") as stream:
            try:
                while first := stream.read(1):
                    left -= self._packet(client, number, first[0], self._body(stream), left)
            except OSError:
                return

    def _body(self, stream: Any) -> bytes:
        length = shift = 0
        while True:
            byte = stream.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return bytes(stream.read(length))

    def _packet(self, client: socket.socket, number: int, first: int, body: bytes, left: int) -> int:
        """Answer a packet; 1 when a message was acknowledged."""
        kind = first >> 4
        if kind == 1 and self._greet:
            client.sendall(b"\x20\x02\x00\x00")
        elif kind == 12:
            client.sendall(b"\xd0\x00")
        elif kind == 3 and first & 6:
            at = 2 + int.from_bytes(body[:2], "big")
            self.published.append((number, body[at + 2 :]))
            if left > 0:
                client.sendall(b"\x40\x02" + body[at : at + 2])
                return 1
        return 0

    def close(self) -> None:
        self._server.close()
