"""Inside an emulated sensor whose packets are plain numbers: it knows the profile's own commands.

``start`` and ``stop`` are carried out, others are taken and ignored. Its clock starts with each start command
when the profile says so.

Sources: as :mod:`eccentra.decode.layout`.
"""

from __future__ import annotations

from eccentra.link.virtual.firmware import Answers, BaseFirmware

__all__ = ["Firmware"]


class Firmware(BaseFirmware):
    """No state of its own."""

    def write(self, to: str, data: bytes, true_ns: int) -> Answers:
        """Carry out a command, known by its last write."""
        for name in ("start", "stop"):
            steps = [step for step in self.setup.steps(name) if step.data is not None]
            if steps and (steps[-1].to, steps[-1].data) == (to, data):
                if name == "start":
                    self._start(true_ns)
                else:
                    self.stream = None
        return ()

    def _start(self, true_ns: int) -> None:
        if self.setup.profile.clock.epoch == "start":
            self.restart_counter(true_ns)
        self._begin(self.setup.mode.channels, self.setup.rate)
