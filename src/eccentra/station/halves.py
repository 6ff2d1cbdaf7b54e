"""Sensors that send a sample in two packets, paired by their number: where a session may begin.

Acceleration and rotation that have neither times nor a counter belong together as the k-th of both. A session
that began between the two would pair every rotation with the next acceleration to its end.
"""

from __future__ import annotations

from collections.abc import Iterable

from eccentra.decode import Decoder, Frame, Pairs
from eccentra.errors import DecodeError
from eccentra.inputs import Connected, Lost, Packet, Written
from eccentra.profiles import SensorSetup

__all__ = ["Halves"]

# Halves that never meet are paired as they come: a decoder gives up what is further ahead.
_MOST = 32


class Halves:
    """Where the whole samples of such sensors begin.

    Parameters
    ----------
    setups
        All sensors; those whose samples come whole are left out.
    """

    def __init__(self, setups: Iterable[SensorSetup]) -> None:
        self._setups = {one.sensor: one for one in setups if isinstance(one.start_decoder(), Pairs)}
        self._decoders: dict[str, Decoder] = {}
        # sensors whose next packet is a second half that the session must not get, and how many came
        self._waits: dict[str, int] = {}

    def begin(self) -> None:
        """A session begins with what comes next."""
        self._waits = {name: 0 for name, decoder in self._decoders.items() if _waiting(decoder)}

    def take(self, item: Packet | Connected | Lost | Written) -> bool:
        """Follow a connection, session or not; false for a half of a sample from before the session."""
        name = item.sensor
        if name not in self._setups:
            return True
        if isinstance(item, Connected):
            self._decoders[name] = self._setups[name].start_decoder()
        elif isinstance(item, Lost):
            self._decoders.pop(name, None)
        elif name in self._decoders:
            return self._follow(item, self._decoders[name])
        self._waits.pop(name, None)
        return True

    def _follow(self, item: Packet | Written, decoder: Decoder) -> bool:
        if isinstance(item, Written):
            decoder.expect(item.data)
            return True
        before = _waiting(decoder)
        try:
            parts = decoder.feed(item.channel, item.data)
        except DecodeError:
            return True
        waiting, count = _waiting(decoder), self._waits.get(item.sensor)
        if count is None or (before == waiting and not any(isinstance(one, Frame) for one in parts)):
            return True
        self._waits[item.sensor] = count + 1
        if not waiting or count + 1 >= _MOST:
            del self._waits[item.sensor]
        return False


def _waiting(decoder: Decoder) -> int:
    return decoder.waiting if isinstance(decoder, Pairs) else 0
