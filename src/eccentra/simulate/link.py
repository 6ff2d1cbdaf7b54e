"""Clocks and radio links of simulated sensors, and what can go wrong with them: plain data."""

from __future__ import annotations

import msgspec

__all__ = ["Clock", "Link"]


class Clock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sensor's clock.

    Attributes
    ----------
    drift_ppm
        How much faster than true time it runs.
    start_s
        What it shows at the start of the session.
    phase_s
        True time of the first sample.
    """

    drift_ppm: float = 0.0
    start_s: float = 0.0
    phase_s: float = 0.0


class Link(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Bluetooth link.

    Attributes
    ----------
    interval_ms
        Connection interval: packets leave at its events only, several at once when they have piled up.
    latency_ms
        Fixed time from an event to the host's stamp.
    jitter_ms
        Mean of the host's further, exponentially distributed delay.
    retry
        Probability that a connection event fails; the packet waits for the next one.
    loss
        Probability that a notification is dropped by the sensor's full buffers.
    stall
        Probability that an event is followed by a host stall of up to ``stall_ms``.
    """

    interval_ms: float = 15.0
    latency_ms: float = 3.0
    jitter_ms: float = 1.0
    retry: float = 0.02
    loss: float = 0.0
    stall: float = 0.0
    stall_ms: float = 120.0

    def __post_init__(self) -> None:
        if self.interval_ms <= 0:
            raise ValueError(f"interval_ms is {self.interval_ms}, expected more than 0")
        for name in ("retry", "loss", "stall"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 up to 1")
