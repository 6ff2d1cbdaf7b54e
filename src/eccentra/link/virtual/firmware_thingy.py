"""Inside an emulated Thingy:52: it streams what is subscribed to, at the rate of its configuration.

Sources: as :mod:`eccentra.decode.thingy`.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from eccentra.link.virtual.firmware import Answers, BaseFirmware

__all__ = ["Firmware"]

_CONFIG = struct.Struct("<HHHHB")
_LEAST, _MOST = 5, 200


class Firmware(BaseFirmware):
    """State: the configuration, which outlives connections."""

    MTU: ClassVar[int] = 247
    _rate = 10.0

    def subscribed(self, name: str, true_ns: int) -> Answers:
        """Whatever is subscribed to is sent."""
        for mode in self.setup.profile.mode:
            if name in (mode.notify or self.setup.notify) and mode.channels == self.setup.mode.channels:
                self._begin(mode.channels, self._rate)
        return ()

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Take another configuration, if it is allowed."""
        if to == "config" and len(data) == _CONFIG.size:
            *_, rate, _ = _CONFIG.unpack(data)
            if _LEAST <= rate <= _MOST:
                self._rate = float(rate)
                if self.stream is not None:
                    self._begin(self.stream.channels, self._rate)
        return ()
