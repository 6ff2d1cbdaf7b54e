"""From samples to what a host gets: vendor bytes, Bluetooth arrival, ticks and clock pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eccentra.decode import opening
from eccentra.inputs import ClockPair, Connected, Input, Lost, Packet, Tick
from eccentra.profiles import SensorSetup, load_profile
from eccentra.samples import NS_PER_S, Floats, Times
from eccentra.simulate.faults import ClockJump, Disconnect, Fault
from eccentra.simulate.link import Link
from eccentra.simulate.measure import Signal
from eccentra.simulate.sensors import SensorSpec

__all__ = ["WALL_START_NS", "arrival_ns", "deliver", "setup_of"]

WALL_START_NS = 1_735_732_800 * NS_PER_S  # 2025-01-01 12:00 UTC: any fixed moment
_PART_NS = 150_000  # one notification after the other inside a connection event
_PACKET_NS = 500_000


def setup_of(sensor: SensorSpec) -> SensorSetup:
    """How a session is told about the sensor."""
    profile = load_profile(sensor.device)
    channels = ("force",) if sensor.kind == "force" else sensor.channels
    return SensorSetup(
        sensor=sensor.id,
        profile=profile,
        placement=sensor.placement,
        side=sensor.side,
        rate_hz=sensor.rate_hz,
        channels=channels,
        settings=profile.examples(),
    )


def deliver(signals: Sequence[Signal], faults: Sequence[Fault], duration_s: float, seed: int) -> list[Input]:
    """All inputs of the session, in order of arrival."""
    end = int(duration_s * NS_PER_S)
    out: list[Input] = [ClockPair(at, WALL_START_NS + at) for at in range(0, end + 1, 60 * NS_PER_S)]
    for order, signal in enumerate(signals):
        rng = np.random.default_rng([seed, 2, *signal.sensor.id.encode()])
        own = [fault for fault in faults if fault.sensor == signal.sensor.id]
        out += _one_sensor(signal, own, 1000 * (order + 1), end, rng)
    last = max(item.arrival_ns for item in out)
    # none after the last packet: the session ends there, its sensors do not fall silent first
    out += [Tick(at) for at in range(NS_PER_S, last + 1, NS_PER_S)]
    out.sort(key=lambda item: item.arrival_ns)
    return out


def _one_sensor(
    signal: Signal, faults: Sequence[Fault], first_ns: int, end_ns: int, rng: np.random.Generator
) -> list[Input]:
    """Connections and packets of one sensor."""
    sensor = signal.sensor
    breaks = sorted((f for f in faults if isinstance(f, Disconnect)), key=lambda f: f.at_s)
    encoder = setup_of(sensor).start_encoder()
    said = opening(encoder)
    out = _connected(sensor.id, first_ns, said)
    if sensor.samples_per_packet > encoder.samples_per_packet:
        raise ValueError(
            f"sensor {sensor.id}: samples_per_packet is {sensor.samples_per_packet}, "
            f"{sensor.device} sends at most {encoder.samples_per_packet}"
        )
    starts, stops = _edges(signal.packet)
    device = _device_ns(signal.t_s, signal.connection, sensor, breaks, faults)
    arrival = arrival_ns(signal.t_s[stops - 1], sensor.link, rng)
    packets: list[Packet] = []
    for start, stop, at in zip(starts.tolist(), stops.tolist(), arrival.tolist(), strict=True):
        for part, (channel, data) in enumerate(encoder.encode(device[start:stop], signal.x[start:stop])):
            packets.append(Packet(at + part * _PART_NS, sensor.id, channel, data))
    out += packets
    for fault in breaks:
        back = int((fault.at_s + fault.away_s) * NS_PER_S)
        noticed = int((fault.at_s + min(fault.noticed_s, 0.9 * fault.away_s)) * NS_PER_S)
        if back < end_ns:
            out += [Lost(noticed, sensor.id), *_connected(sensor.id, back, said)]
        elif noticed < end_ns:
            out.append(Lost(noticed, sensor.id))
    return out


def _connected(sensor: str, at_ns: int, said: Sequence[tuple[str, bytes]]) -> list[Input]:
    """A connection, and what the sensor answers before its first samples."""
    answers = [Packet(at_ns, sensor, channel, data) for channel, data in said]
    return [Connected(at_ns, sensor), *answers]


def _edges(packet: Times) -> tuple[Times, Times]:
    """First and one past the last sample of each packet."""
    cuts = np.flatnonzero(np.diff(packet)) + 1
    starts = np.concatenate([[0], cuts]) if len(packet) else np.zeros(0)
    stops = np.concatenate([cuts, [len(packet)]]) if len(packet) else np.zeros(0)
    return starts.astype(np.int64), stops.astype(np.int64)


def _device_ns(
    t: Floats, connection: Times, sensor: SensorSpec, breaks: Sequence[Disconnect], faults: Sequence[Fault]
) -> Times:
    """Time of each sample on the sensor's clock."""
    rate = 1.0 + sensor.clock.drift_ppm * 1e-6
    device = sensor.clock.start_s + t * rate
    for number, fault in enumerate(breaks, 1):
        if fault.restart:
            back = fault.at_s + fault.away_s
            after = connection >= number
            device[after] = (t[after] - back) * rate
    for jump in (f for f in faults if isinstance(f, ClockJump)):
        device[t >= jump.at_s] += jump.by_s
    return np.asarray(np.round(device * NS_PER_S), dtype=np.int64)


def arrival_ns(ready_s: Floats, link: Link, rng: np.random.Generator) -> Times:
    """When each packet reaches the host: at connection events, in order, with retries, jitter and stalls."""
    n, interval = len(ready_s), link.interval_ms / 1000.0
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    offset = rng.uniform(0.0, interval)
    event = np.ceil((ready_s - offset) / interval)
    event = np.maximum.accumulate(event + rng.geometric(1.0 - link.retry, n) - 1)
    at = offset + event * interval
    at += (link.latency_ms + link.jitter_ms * rng.exponential(1.0, n)) / 1000.0
    begins = at[rng.random(n) < link.stall]
    for begin, length in zip(
        begins.tolist(), rng.uniform(0.0, link.stall_ms / 1000.0, len(begins)), strict=True
    ):
        held = (at >= begin) & (at < begin + length)
        at[held] = begin + length
    ns = np.round(at * NS_PER_S).astype(np.int64)
    order = np.arange(n, dtype=np.int64) * _PACKET_NS
    return np.maximum.accumulate(ns - order) + order
