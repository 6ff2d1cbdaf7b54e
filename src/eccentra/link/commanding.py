"""A profile's commands over one connection: step by step, with frames, answers, waits and reads.

What is written is put into the session's inputs before it is written, what is read when it has come, so
that a decoder understands both again when the recording is played.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from eccentra.decode import Listens, Notice
from eccentra.errors import DecodeError, LinkError
from eccentra.events import StationReason
from eccentra.profile_ble import Reply, Step
from eccentra.profiles import SensorSetup

if TYPE_CHECKING:
    from bleak import BleakClient
    from bleak.backends.characteristic import BleakGATTCharacteristic

__all__ = ["Commander"]

_ADVICE = "switch the sensor off and on again; if it stays so, its firmware may be another one"


class Commander:
    """Carries out commands, one at a time.

    Parameters
    ----------
    setup
        The sensor.
    wrote
        Told of what is about to be written: characteristic's name and bytes.
    came
        Told of what was read.
    is_open
        Whether anything should still be written.
    """

    def __init__(
        self,
        setup: SensorSetup,
        *,
        wrote: Callable[[str, bytes], None],
        came: Callable[[str, bytes], None],
        is_open: Callable[[], bool],
    ) -> None:
        self._setup = setup
        self._wrote = wrote
        self._came = came
        self._is_open = is_open
        self._lock = asyncio.Lock()
        self._framer = setup.start_framer()
        self._waiting: tuple[Reply, bytes, asyncio.Future[bytes]] | None = None
        ble = setup.profile.ble
        steps = [write for writes in (ble.commands.values() if ble else ()) for write in writes]
        by_notice = any(write.reply is not None and write.reply.notice for write in steps)
        self._decoder = setup.start_decoder() if by_notice else None

    async def carry_out(
        self, name: str, client: BleakClient, found: Mapping[str, BleakGATTCharacteristic]
    ) -> None:
        """All steps of the command ``name``; raises what Bleak raises.

        Raises
        ------
        LinkError
            When an answer that is needed does not come, or says no.
        """
        async with self._lock:
            for step in self._setup.steps(name):
                if not self._is_open():
                    return
                if step.to not in found:
                    continue  # this unit does not have it
                if step.data is None:
                    self._came(step.to, bytes(await client.read_gatt_char(found[step.to])))
                else:
                    await self._write(step, step.data, client, found[step.to])
                if step.wait_s:
                    await asyncio.sleep(step.wait_s)

    def heard(self, channel: str, data: bytes) -> None:
        """A packet came: perhaps the answer that is awaited."""
        if isinstance(self._framer, Listens):
            self._framer.heard(channel, data)
        notices: list[str] = []
        if self._decoder is not None:
            try:
                notices = [
                    part.kind for part in self._decoder.feed(channel, data) if isinstance(part, Notice)
                ]
            except DecodeError:
                notices = []  # the session says so
        if self._waiting is None:
            return
        reply, written, answer = self._waiting
        if answer.done() or not reply.matches(channel, data, written):
            return
        if reply.notice is None or reply.notice in notices:
            answer.set_result(data)

    async def _write(self, step: Step, data: bytes, client: BleakClient, to: BleakGATTCharacteristic) -> None:
        ble = self._setup.profile.ble
        assert ble is not None, "checked when the link was made"
        if step.framed and self._framer is not None:
            data = self._framer.frame(data)
        if step.reply is not None:
            # before it is written: answers can be quicker than the acknowledgement
            self._waiting = (step.reply, data, asyncio.get_running_loop().create_future())
        self._wrote(step.to, data)
        if self._decoder is not None:
            self._decoder.expect(data)
        try:
            size = ble.write_size or max(len(data), 1)
            for at in range(0, max(len(data), 1), size):
                response = ble.respond and "write" in to.properties
                await client.write_gatt_char(to, data[at : at + size], response=response)
            if self._waiting is not None:
                await self._answer(step, *self._waiting)
        finally:
            self._waiting = None

    async def _answer(self, step: Step, reply: Reply, written: bytes, answer: asyncio.Future[bytes]) -> None:
        try:
            async with asyncio.timeout(reply.within_s):
                said = await answer
        except TimeoutError:
            if not reply.needed:
                return
            detail = f"no answer to {written.hex()} within {reply.within_s:g} s"
            raise LinkError(StationReason.COMMAND_FAILED, detail, _ADVICE) from None
        if reply.refused(said):
            detail = f"the sensor refused {written.hex()}: it answered {said[:20].hex()}"
            raise LinkError(StationReason.COMMAND_FAILED, detail, _ADVICE)
