"""Decode a captured packet of a Tindeq Progressor: two force samples with their device times."""

from __future__ import annotations

from eccentra.decode import CHANNEL, Frame
from eccentra.profiles import SensorSetup, load_profile

PACKET = bytes.fromhex("01100000c841e803000000004842cc340000")


def main() -> None:
    setup = SensorSetup(sensor="left", profile=load_profile("tindeq-progressor"), side="left")
    for part in setup.start_decoder().feed(CHANNEL, PACKET):
        if isinstance(part, Frame) and part.ticks is not None:
            for tick, (force,) in zip(part.ticks.tolist(), part.x.tolist(), strict=True):
                print(f"{tick} µs: {force:.2f} N")


if __name__ == "__main__":
    main()
