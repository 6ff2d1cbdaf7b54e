"""Recordings made elsewhere become a session: rows to packets of the profile ``recorded-csv``, in order.

From there on nothing knows that they came from files. Session time is the files' own ``t_s``; a packet
arrives when its last row was taken, and a tick comes every second, so time-outs fire as they would have live.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Self, cast

import msgspec

from eccentra import __version__
from eccentra.csvfile import Signal
from eccentra.exercises import Exercise
from eccentra.inputs import Connected, Input, Packet, Tick
from eccentra.profiles import SensorSetup, load_profile
from eccentra.samples import NS_PER_S, Placement, Side
from eccentra.session import Header, Settings

__all__ = ["PROFILE", "Worn", "session_header", "session_inputs"]

PROFILE = "recorded-csv"
_ROWS_PER_PACKET = 10
# A sensor counts as silent 500 ms after its last packet, so slow sensors must not wait for ten rows.
_LONGEST_PACKET_NS = 200_000_000


class Worn(msgspec.Struct, frozen=True, kw_only=True):
    """A recording and where it was taken.

    ``sensor`` is the id that the sensor gets in the session: the placement, or ``force-`` and the side.
    """

    sensor: str
    signal: Signal
    placement: Placement | None = None
    side: Side | None = None

    @classmethod
    def motion(cls, placement: str, signal: Signal) -> Self:
        """A motion sensor at ``placement``."""
        return cls(sensor=placement, signal=signal, placement=cast(Placement, placement))

    @classmethod
    def pull(cls, side: str, signal: Signal) -> Self:
        """A force sensor at ``side``."""
        return cls(sensor=f"force-{side}", signal=signal, side=cast(Side, side))

    def setup(self) -> SensorSetup:
        """How the session is told about it."""
        return SensorSetup(
            sensor=self.sensor,
            profile=load_profile(PROFILE),
            placement=self.placement,
            side=self.side,
            rate_hz=self.signal.rate_hz,
            channels=("force",) if self.signal.kind == "force" else self.signal.channels,
        )


def session_inputs(worn: Sequence[Worn]) -> list[Input]:
    """All inputs of the session, in order of arrival; at equal times a tick first, then sensors as given."""
    keyed: list[tuple[int, int, Input]] = []
    for order, one in enumerate(worn):
        start = int(one.signal.t_ns[0])
        keyed.append((start, order, Connected(start, one.sensor)))
        keyed += [(packet.arrival_ns, order, packet) for packet in _packets(one)]
    first = min(key[0] for key in keyed)
    last = max(key[0] for key in keyed)
    # not at the first moment: the session begins with a connection
    for second in range(first // NS_PER_S + 1, last // NS_PER_S + 1):
        keyed.append((second * NS_PER_S, -1, Tick(second * NS_PER_S)))
    keyed.sort(key=lambda key: key[:2])
    return [item for _, _, item in keyed]


def _packets(worn: Worn) -> list[Packet]:
    encoder = worn.setup().start_encoder()
    t, x = worn.signal.t_ns, worn.signal.x
    latest = t.searchsorted(t + _LONGEST_PACKET_NS, side="right").tolist()
    packets: list[Packet] = []
    start = 0
    while start < len(t):
        end = min(start + _ROWS_PER_PACKET, latest[start])
        arrival_ns = int(t[end - 1])
        for channel, data in encoder.encode(t[start:end], x[start:end]):
            packets.append(Packet(arrival_ns, worn.sensor, channel, data))
        start = end
    return packets


def session_header(
    worn: Sequence[Worn],
    inputs: Sequence[Input],
    exercise: Exercise,
    body_mass_kg: float | None,
    lever_arm_m: float | None = None,
) -> Header:
    """Header of the session.

    Its id is a fingerprint of everything else, so the same files give the same session: published twice, it
    is received once.
    """
    header = Header(
        session="",
        exercise=exercise,
        sensors=tuple(one.setup() for one in worn),
        software=__version__,
        # a recording that was made is whole, however long the breaks in it are
        settings=Settings(
            body_mass_kg=body_mass_kg,
            lever_arm_m=lever_arm_m,
            idle_end_s=None,
            noted=tuple((one.sensor, flag) for one in worn for flag in one.signal.flags),
        ),
    )
    digest = hashlib.sha256(msgspec.json.encode(header))
    for item in inputs:
        if isinstance(item, Packet):
            digest.update(item.data)
    return msgspec.structs.replace(header, session=f"csv-{digest.hexdigest()[:20]}")
