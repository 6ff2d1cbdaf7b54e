"""Every model that a station can use, in sets that one person can wear."""

from __future__ import annotations

import msgspec

from eccentra.profiles import SensorSetup, load_profile, profile_ids
from eccentra.samples import Placement, Side

PLACES: dict[str, list[tuple[Placement | None, Side | None]]] = {
    "imu": [("thigh", None), ("shank", None), ("pelvis", None)],
    "force": [(None, "left"), (None, "right"), (None, "both")],
}

# Packets a second of a unit that is made slower than the original.
SLOW_PACKETS = 20.0


def setups(*, slow: bool) -> list[SensorSetup]:
    """Every model that can be worn and measures force or motion.

    ``slow``: at its lowest rate; one that has no choice as a unit that samples less often.
    """
    out = []
    for name in profile_ids():
        profile = load_profile(name)
        if profile.ble is None or profile.kind not in PLACES:
            continue
        mode = next(one for one in profile.mode if one.kind == profile.kind)
        setup = SensorSetup(sensor=name, profile=profile, channels=mode.channels, settings=profile.examples())
        out.append(_slow(setup) if slow else setup)
    return out


def _slow(setup: SensorSetup) -> SensorSetup:
    rates = setup.mode.rates_hz or setup.profile.rates_hz
    if rates:
        return msgspec.structs.replace(setup, rate_hz=min(rates))
    rate = setup.rate * min(1.0, SLOW_PACKETS / packets_a_second(setup))
    return msgspec.structs.replace(setup, rate_hz=rate)


def packets_a_second(setup: SensorSetup) -> float:
    """About so many it sends."""
    return setup.rate / setup.start_encoder().samples_per_packet


def groups(most_a_second: float | None = None) -> list[list[SensorSetup]]:
    """Sets in which each is worn at a place of its own.

    Parameters
    ----------
    most_a_second
        Packets that a set may send together, at the lowest rates; one that sends more is alone.
    """
    out: list[list[SensorSetup]] = []
    for setup in sorted(setups(slow=most_a_second is not None), key=packets_a_second, reverse=True):
        places, own = PLACES[setup.mode.kind], packets_a_second(setup)
        for group in out:
            worn = sum(other.mode.kind == setup.mode.kind for other in group)
            fits = most_a_second is None or own + sum(map(packets_a_second, group)) <= most_a_second
            if worn < len(places) and fits:
                break
        else:
            group, worn = [], 0
            out.append(group)
        placement, side = places[worn]
        group.append(msgspec.structs.replace(setup, placement=placement, side=side))
    return out
