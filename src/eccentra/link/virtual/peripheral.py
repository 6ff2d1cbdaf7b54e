"""An emulated sensor: GATT server and advertiser made from a device profile, fed with simulated samples.

Samples are taken on true time, which is the event loop's clock less ``zero``; a packet leaves when its last
sample has been taken, or at the next connection event. All sensors of one athlete share ``zero``.

What can go wrong is a method each: :meth:`VirtualSensor.drop`, :meth:`~VirtualSensor.vanish`,
:meth:`~VirtualSensor.sleep`, :meth:`~VirtualSensor.low_battery` ... :mod:`.faults` has them as data.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import msgspec
from bumble import att

from eccentra.decode import CHANNEL
from eccentra.errors import InputError
from eccentra.link.virtual.advertising import advertisements
from eccentra.link.virtual.air import SUPERVISION_S
from eccentra.link.virtual.firmware import Answers, BaseFirmware, Stream, firmware_for
from eccentra.link.virtual.gattserver import GattServer
from eccentra.link.virtual.radios import RadioSource
from eccentra.link.virtual.tape import Tape
from eccentra.profiles import SensorSetup
from eccentra.samples import NS_PER_S, Times

__all__ = ["SensorCounts", "Sent", "VirtualSensor"]

_BUFFER_S = 1.0
_SWITCH_OFF_S = 0.05  # the command is still acknowledged


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A packet that was handed to the radio.

    Attributes
    ----------
    connection
        Number of the connection, from 1.
    stream
        Number of the stream: the device's counter may start anew with each.
    at_s
        Event loop's clock.
    first
        Number of the first sample in the tape.
    device_ns
        Time of each sample on the device's clock, int64.
    """

    connection: int
    stream: int
    at_s: float
    first: int
    device_ns: Times


class SensorCounts(msgspec.Struct, kw_only=True):
    """What a sensor has done since it was started.

    ``withheld`` samples were sent to nobody; ``overflowed`` ones did not fit into its memory while this
    program was held up.
    """

    writes: int = 0
    packets: int = 0
    samples: int = 0
    withheld: int = 0
    overflowed: int = 0


class VirtualSensor:
    """One emulated sensor.

    Parameters
    ----------
    setup
        Model, and the stream that the tape was made for.
    tape
        What it measures.
    source
        Where it gets its radio from.
    address
        Random static Bluetooth address (its first two bits are ones).
    serial
        Digits; part of the name.
    name
        Local name; made of the profile's prefix and the serial number when absent.
    name_first
        Advertise the name before the services, see :func:`.advertising.advertisements`.
    advertise_every_s
        Advertising interval.
    interval_s
        Connection interval: packets leave at its multiples only, several at once. 0: as soon as ready.
    drift_ppm
        How much faster than true time its clock runs.
    booted_s
        For how long it has been on when it is started.
    mtu
        Largest ATT MTU; the firmware's when absent.
    sent
        Told of every packet of samples.
    say
        Told in words what happens.

    Attributes
    ----------
    counts
        What has happened so far.
    swallow, refuse
        So many of the next commands are answered but not carried out; are refused.
    lose, repeat
        So many of the next packets are lost inside the sensor; are sent twice.
    silent
        Connected and well, but sends nothing.
    """

    def __init__(
        self,
        setup: SensorSetup,
        tape: Tape,
        source: RadioSource,
        *,
        address: str,
        serial: str = "1234",
        name: str | None = None,
        name_first: bool = False,
        advertise_every_s: float = 0.1,
        interval_s: float = 0.0,
        drift_ppm: float = 0.0,
        booted_s: float = 600.0,
        mtu: int | None = None,
        sent: Callable[[Sent], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        if setup.profile.ble is None:
            raise InputError(setup.profile.id, "is no Bluetooth device; it cannot be emulated")
        self.setup = setup
        self.address = address.upper()
        self.name = name or _name(setup, serial)
        self.counts = SensorCounts()
        self.swallow = self.refuse = self.lose = self.repeat = 0
        self.silent = False
        self.firmware: BaseFirmware = firmware_for(
            setup, booted_ns=-round(booted_s * NS_PER_S), drift_ppm=drift_ppm, serial=serial
        )
        self._tape = tape
        self._interval_s = interval_s
        self._sent = sent
        self._say = say or (lambda text: None)
        self._zero_s = 0.0
        self._played: Stream | None = None
        self._playing: asyncio.Task[None] | None = None
        self._gatt = GattServer(
            setup.profile.ble,
            self,
            source,
            name=self.name,
            address=self.address,
            adverts=advertisements(setup.profile.ble, self.name, serial, name_first=name_first),
            advertise_every_s=advertise_every_s,
            mtu=mtu or self.firmware.MTU,
            notifying=frozenset(_notifying(setup)),
            say=self._say,
        )

    @property
    def connected(self) -> bool:
        """Whether a host is connected."""
        return self._gatt.connection is not None

    @property
    def connections(self) -> int:
        """How often a host has connected."""
        return self._gatt.connections

    @property
    def streaming(self) -> bool:
        """Whether it has been told to stream."""
        return self.firmware.stream is not None

    @property
    def on_air(self) -> bool:
        """Whether its radio is on."""
        return self._gatt.on_air

    def true_ns(self) -> int:
        """True time now."""
        return round((asyncio.get_running_loop().time() - self._zero_s) * NS_PER_S)

    async def start(self, zero_s: float | None = None) -> None:
        """Switch the radio on and advertise; ``zero_s`` is when the tape starts, now if not given."""
        self._zero_s = asyncio.get_running_loop().time() if zero_s is None else zero_s
        await self._gatt.switch_on()
        self._broadcast()

    async def stop(self) -> None:
        """Hang up and switch off."""
        if self._broadcasts:
            self.host_gone()
        await self._gatt.close()

    @property
    def _broadcasts(self) -> bool:
        """Whether its samples are in its advertisements."""
        ble = self.setup.profile.ble
        return ble is not None and ble.broadcast is not None

    def _broadcast(self) -> None:
        """A sensor that only advertises measures without being told."""
        if self._broadcasts:
            self.subscribed(CHANNEL)

    # What can go wrong.

    async def drop(self, away_s: float = 0.0) -> None:
        """Disconnect from this side, and stay out of sight for ``away_s``."""
        await self.sleep()
        await asyncio.sleep(away_s)
        await self.wake()

    async def vanish(self, away_s: float = 0.0, noticed_s: float | None = SUPERVISION_S) -> None:
        """The radio is gone without a word, and back after ``away_s``.

        The other side notices after ``noticed_s``; with ``None`` it does not (on the in-memory air), until
        it tries something and gets no answer.
        """
        await self._gatt.switch_off(noticed_s)
        await asyncio.sleep(away_s)
        await self._gatt.switch_on()

    async def sleep(self) -> None:
        """Switch off as after a while without use: hang up, advertise no more."""
        await self._gatt.advertise(False)
        await self._gatt.hang_up()

    async def wake(self) -> None:
        """Be switched on again."""
        self.firmware.asleep = False
        await self._gatt.advertise(True)

    async def low_battery(self) -> None:
        """The battery is nearly empty."""
        self._say("low battery")
        for to, data in self.firmware.low_battery():
            await self._gatt.notify(to, data)

    def restart_counter(self) -> None:
        """The counter in its packets starts at zero again, without a new connection."""
        self.firmware.restart_counter(self.true_ns())

    # What the host does.

    def host_connected(self, mtu: int) -> None:
        """A host has connected, or agreed on another MTU."""
        self.firmware.connected(mtu)

    def host_gone(self) -> None:
        """The host has gone."""
        self.firmware.disconnected()
        self._follow()

    def written(self, name: str, data: bytes) -> None:
        """The host wrote to a characteristic."""
        self.counts.writes += 1
        if self.refuse:
            self.refuse -= 1
            raise att.ATT_Error(att.ErrorCode.UNLIKELY_ERROR)
        if self.swallow:
            self.swallow -= 1
            return
        self._say(f"told {data.hex()}")
        answers = self.firmware.write(name, data, self.true_ns())
        self._follow(answers)
        if self.firmware.asleep and not answers:
            self._gatt.later(self._answer((), None))

    def read(self, name: str) -> bytes:
        """The host reads a characteristic."""
        said = self.firmware.read(name, self.true_ns())
        if said is None:
            raise att.ATT_Error(att.ErrorCode.READ_NOT_PERMITTED)
        return said

    def subscribed(self, name: str) -> None:
        """The host subscribed to a characteristic."""
        self._follow(self.firmware.subscribed(name, self.true_ns()))

    async def _answer(self, answers: Answers, then: Stream | None) -> None:
        """Say what there is to say, then begin to send a stream."""
        for to, data in answers:
            await self._gatt.notify(to, data)
        if then is not None and then is self._played:
            self._begin(then)
        if self.firmware.asleep:
            await asyncio.sleep(_SWITCH_OFF_S)
            await self.sleep()

    # Samples.

    def _follow(self, answers: Answers = ()) -> None:
        """Answer, then play what the firmware streams now: no sample overtakes what announces it."""
        stream, begins = self.firmware.stream, None
        if stream is not self._played:
            self._played = begins = stream
            if self._playing is not None:
                self._playing.cancel()
                self._playing = None
        if answers:
            self._gatt.later(self._answer(answers, begins))
        elif begins is not None:
            self._begin(begins)

    def _begin(self, stream: Stream) -> None:
        self._playing = asyncio.get_running_loop().create_task(self._play(stream))

    async def _play(self, stream: Stream) -> None:
        """Send the samples of one stream as they fall due."""
        tape = self._tape.at_rate(stream.rate_hz)
        columns = [tape.channels.index(channel) for channel in stream.channels]
        loop = asyncio.get_running_loop()
        first = tape.first_after(self.true_ns())
        while True:
            count = self.firmware.samples_per_packet
            t_ns, x = tape.read(first, count)
            if len(t_ns) < count:
                self._say("the recording has ended")
                return
            wait = self._due_s(int(t_ns[-1])) - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            elif wait < -_BUFFER_S:
                # this program was held up; a sensor's memory holds so much and no more
                reached = tape.first_after(self.true_ns() - round(_BUFFER_S * NS_PER_S))
                self.counts.overflowed += reached - first
                first = reached
                continue
            await self._send(stream, first, t_ns, self.firmware.encode(t_ns, x[:, columns]))
            first += count

    def _due_s(self, true_ns: int) -> float:
        """When a packet leaves whose last sample is taken at ``true_ns``."""
        ready = self._zero_s + true_ns / NS_PER_S
        if self._interval_s <= 0:
            return ready
        return math.ceil(ready / self._interval_s) * self._interval_s

    async def _send(self, stream: Stream, first: int, t_ns: Times, packets: list[tuple[str, bytes]]) -> None:
        if self.silent or not packets or not (self._broadcasts or self._gatt.subscribed(packets[0][0])):
            self.counts.withheld += len(t_ns)
            return
        if self.lose:
            self.lose -= 1
            return
        times = 1
        if self.repeat:
            self.repeat -= 1
            times = 2
        for to, data in packets * times:
            await (self._gatt.broadcast(data) if self._broadcasts else self._gatt.notify(to, data))
        self.counts.packets += 1
        self.counts.samples += len(t_ns)
        if self._sent is not None:
            self._sent(
                Sent(
                    connection=self.connections,
                    stream=stream.number,
                    at_s=asyncio.get_running_loop().time(),
                    first=first,
                    device_ns=self.firmware.device_ns(t_ns),
                )
            )


def _name(setup: SensorSetup, serial: str) -> str:
    ble = setup.profile.ble
    prefix = ble.name_prefixes[0] if ble and ble.name_prefixes else setup.profile.name
    if ble is not None and ble.broadcast is not None:
        return prefix  # there is no room for more
    return f"{prefix}{'' if prefix.endswith(' ') else '_'}{serial}"


def _notifying(setup: SensorSetup) -> set[str]:
    """Names of the characteristics that some mode subscribes to."""
    ble = setup.profile.ble
    names = set(ble.notify if ble else ())
    return names.union(*(mode.notify or () for mode in setup.profile.mode))
