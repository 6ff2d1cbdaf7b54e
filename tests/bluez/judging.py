"""What sensors sent, compared with what a link received and with what a session says about it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from eccentra.decode import Frame
from eccentra.events import SensorGap, SensorMalformed, SensorRestarted
from eccentra.exercises import load_exercise
from eccentra.inputs import Connected, Input, Lost, Packet, Tick, Written
from eccentra.profiles import SensorSetup
from eccentra.samples import NS_PER_S
from eccentra.session import Header, Session

KINDS = {"Packet": Packet, "Connected": Connected, "Lost": Lost, "Written": Written}
# Sample times follow the quickest packets so far, at most 5 ms a second.
SLACK_S = 0.1


class SentPacket(msgspec.Struct, frozen=True):
    """A line of ``sent.jsonl``."""

    sensor: str
    connection: int
    stream: int
    at_s: float
    first: int
    device_ns: list[int]

    @property
    def last(self) -> int:
        return self.first + len(self.device_ns) - 1


def read_sent(path: Path) -> list[SentPacket]:
    return [msgspec.json.decode(line, type=SentPacket) for line in path.read_bytes().splitlines()]


def read_inputs(path: Path) -> list[Input]:
    out: list[Input] = []
    for line in path.read_text().splitlines():
        row: dict[str, Any] = json.loads(line)
        kind, at_ns = row.pop("kind"), row.pop("at_ns", None)
        if kind not in KINDS:
            continue
        if "data" in row:
            row["data"] = bytes.fromhex(row["data"])
        out.append(KINDS[kind](at_ns, **row))
    return out


def received(setup: SensorSetup, inputs: Sequence[Input]) -> list[list[tuple[float, int]]]:
    """Arrival (s) and first device tick of each packet of samples, one list a connection."""
    out: list[list[tuple[float, int]]] = []
    decoder = None
    for item in inputs:
        if getattr(item, "sensor", None) != setup.sensor:
            continue
        if isinstance(item, Connected):
            decoder = setup.start_decoder()
            out.append([])
        elif isinstance(item, Lost):
            decoder = None
        else:
            assert decoder is not None, f"{item} outside of a connection"
            if isinstance(item, Written):
                decoder.expect(item.data)
                continue
            for part in decoder.feed(item.channel, item.data):
                if isinstance(part, Frame):
                    out[-1].append((item.arrival_ns / NS_PER_S, int(part.ticks[0])))
    return [connection for connection in out if connection]


def match(
    setup: SensorSetup, sent: Sequence[SentPacket], got: list[list[tuple[float, int]]]
) -> list[list[int]]:
    """Which sent packets arrived, by number, in order of arrival, one list a connection.

    Ticks of a counter that starts anew come again in the next connection: the packet nearest in time is it.
    """
    tick_s = setup.clock.tick_s
    assert tick_s is not None, f"{setup.sensor} sends no time"
    own_ns = np.array([one.device_ns[0] for one in sent])
    sent_s = np.array([one.at_s for one in sent])
    # times that a sensor works out itself, from one time a packet, are off by less than a sample
    near_ns = max(NS_PER_S / setup.rate / 2, tick_s * NS_PER_S)

    def number(at: float, tick: int) -> int:
        (same,) = np.nonzero(np.abs(own_ns - tick * tick_s * NS_PER_S) <= near_ns)
        assert len(same), f"{setup.sensor}: tick {tick} was never sent"
        return int(same[np.argmin(np.abs(sent_s[same] - at))])

    return [[number(at, tick) for at, tick in connection] for connection in got]


def reported_gaps(
    setups: Sequence[SensorSetup], inputs: Sequence[Input]
) -> tuple[dict[str, list[tuple[float, float]]], set[str]]:
    """What a session reports: gaps by sensor, on the machine's clock, s, and whose clock started anew.

    The latter inside a connection comes from a machine that held packets up for seconds: the session cannot
    know it from a sensor whose clock stood still, and places samples by their late arrival.
    """
    zero = inputs[0].arrival_ns
    header = Header(
        session="bluez", exercise=load_exercise("nordic-curl"), sensors=tuple(setups), software="test"
    )
    session = Session(header)
    ticks = [Tick(at) for at in range(zero, inputs[-1].arrival_ns, NS_PER_S)]
    ordered = sorted([*inputs, *ticks], key=lambda item: item.arrival_ns)
    moved = [msgspec.structs.replace(item, arrival_ns=item.arrival_ns - zero) for item in ordered]
    events = [one.event for one in [*session.feed_many(moved), *session.finish()]]
    malformed = [event for event in events if isinstance(event, SensorMalformed)]
    assert not malformed, malformed
    out: dict[str, list[tuple[float, float]]] = {setup.sensor: [] for setup in setups}
    for event in events:
        if isinstance(event, SensorGap):
            start, end = (zero / NS_PER_S + us / 1e6 for us in (event.start_us, event.end_us))
            out[event.sensor].append((start, end))
    return out, {event.sensor for event in events if isinstance(event, SensorRestarted)}


def judge(
    setup: SensorSetup,
    sent: Sequence[SentPacket],
    inputs: Sequence[Input],
    gaps: Sequence[tuple[float, float]] | None,
    seconds: float,
) -> str:
    """Check one sensor; says what was found.

    Without ``gaps`` what is missing only has to lie between two connections.
    """
    name = setup.sensor
    got = received(setup, inputs)
    arrived = match(setup, sent, got)
    every = [number for connection in arrived for number in connection]
    assert len(set(every)) == len(every), f"{name}: {len(every) - len(set(every))} packets came twice"
    assert every == sorted(every), f"{name}: out of order"
    assert len(arrived) >= 2, f"{name}: samples in {len(arrived)} connections, it should have come back"
    for connection in arrived:
        lost = set(range(connection[0], connection[-1])) - set(connection)
        assert not lost, f"{name}: {len(lost)} packets lost while connected: {sorted(lost)[:5]}"
    samples = sum(len(sent[number].device_ns) for number in every)
    # a loaded machine may hold the sensor itself up; that nothing was sent must not pass for nothing lost
    assert samples > 0.3 * setup.rate * seconds, f"{name}: only {samples} samples"
    missing = _check_gaps(setup, sent, got, arrived, gaps)
    arrivals = [at for connection in got for at, _ in connection]
    latency_ms = [1000 * (at - sent[n].at_s) for at, n in zip(arrivals, every, strict=True)]
    middle, late = np.quantile(latency_ms, (0.5, 0.99))
    where = "between connections" if gaps is None else "in reported gaps"
    return (
        f"{name}: {samples} samples in {len(arrived)} connections, none twice, {missing} missing, all "
        f"{where}; latency median {middle:.0f} ms, p99 {late:.0f} ms"
    )


def _check_gaps(
    setup: SensorSetup,
    sent: Sequence[SentPacket],
    got: list[list[tuple[float, int]]],
    arrived: list[list[int]],
    gaps: Sequence[tuple[float, float]] | None,
) -> int:
    """Every sample between two connections must be in a reported gap; gives their number.

    A session knows samples by their arrival, so it puts them later than they were taken: by the delay of the
    first packet of their connection at most, by that of the quickest at least.
    """
    began = min(one.at_s - one.last / setup.rate for one in sent)
    delays = [
        [at - began - sent[n].last / setup.rate for (at, _), n in zip(packets, numbers, strict=True)]
        for packets, numbers in zip(got, arrived, strict=True)
    ]
    missing = 0
    for (before, delayed), (after, quick) in itertools.pairwise(zip(arrived, delays, strict=True)):
        for sample in range(sent[before[-1]].last + 1, sent[after[0]].first):
            taken = began + sample / setup.rate
            early, late = taken + min(quick) - SLACK_S, taken + delayed[0] + SLACK_S
            inside = gaps is None or any(a <= late and early <= b for a, b in gaps)
            assert inside, f"{setup.sensor}: sample {sample} of {taken:.3f} s is in no reported gap: {gaps}"
            missing += 1
    return missing
