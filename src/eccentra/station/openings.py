"""What sensors said before their first sample: a session that begins later needs it too.

A table of calibration, an answer that holds a factor: without them nothing that comes after can be
understood. A session begins when a person wants it, mostly long after the sensors were connected.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eccentra.decode import CHANNEL, Decoder, Frame
from eccentra.errors import DecodeError
from eccentra.inputs import Connected, Lost, Packet, Written
from eccentra.profiles import SensorSetup

__all__ = ["Openings"]

# The longest, a table of 16 lines, takes some 20 packets; a device that never comes to the point must not
# fill the memory.
_MOST = 200


class Openings:
    """The openings of the connections that there are.

    Parameters
    ----------
    setups
        All sensors; those whose samples need no opening are left out.
    """

    def __init__(self, setups: Iterable[SensorSetup]) -> None:
        self._setups = {setup.sensor: setup for setup in setups if setup.has_opening}
        self._said: dict[str, list[Packet | Written]] = {}
        # of connections that have not come to their first sample
        self._decoders: dict[str, Decoder] = {}

    def take(self, item: Packet | Connected | Lost | Written) -> None:
        """Follow the connections; in the order in which it came, whether a session runs or not."""
        name = item.sensor
        if isinstance(item, Connected | Lost):
            self._said.pop(name, None)
            self._decoders.pop(name, None)
            if isinstance(item, Connected) and name in self._setups:
                self._said[name] = []
                self._decoders[name] = self._setups[name].start_decoder()
        elif name in self._decoders:
            self._hear(item, self._decoders[name], self._said[name])

    def of(self, sensor: str) -> list[Packet | Written]:
        """What a session that begins now has to be told of the connection, at its time 0."""
        return [_at_zero(item) for item in self._said.get(sensor, ())]

    def _hear(self, item: Packet | Written, decoder: Decoder, said: list[Packet | Written]) -> None:
        if isinstance(item, Written):
            decoder.expect(item.data)
        elif _has_samples(decoder, item) or len(said) >= _MOST:
            del self._decoders[item.sensor]
            _drop_parts(said)
            return
        said.append(item)


def _has_samples(decoder: Decoder, packet: Packet) -> bool:
    try:
        parts = decoder.feed(packet.channel, packet.data)
    except DecodeError:
        return False  # of a stream that cannot be understood yet
    return any(isinstance(part, Frame) and len(part.x) for part in parts)


def _drop_parts(said: list[Packet | Written]) -> None:
    """Leave out what came of the stream already: parts of samples that nothing will complete."""
    asked = max((k for k, item in enumerate(said) if isinstance(item, Written)), default=-1)
    said[:] = [item for k, item in enumerate(said) if k <= asked or item.channel != CHANNEL]


def _at_zero(item: Packet | Written) -> Packet | Written:
    return msgspec.structs.replace(item, arrival_ns=0)
