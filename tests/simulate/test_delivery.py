"""Inputs as a host gets them: order, bytes that decode to the same samples, links that fail."""

import numpy as np
import pytest
from msgspec.structs import replace
from vqf import VQF

from eccentra.decode import Frame
from eccentra.inputs import ClockPair, Connected, Lost, Packet, Tick
from eccentra.samples import NS_PER_S
from eccentra.simulate import (
    Clock,
    ClockJump,
    Disconnect,
    Dropout,
    Hold,
    Link,
    Scenario,
    generic_session,
    nordic_session,
    simulate,
)
from eccentra.simulate.body import DT


def session(seed=1, kit="thigh+shank+force", faults=()):
    return simulate(nordic_session(seed, kit=kit, sets=1, reps=2, faults=faults), seed)


def frames_of(made, sensor):
    """All frames of one sensor with their arrival, a new decoder for each connection."""
    setup = next(s for s in made.setups if s.sensor == sensor)
    decoder, out = setup.start_decoder(), []
    for item in made.inputs():
        if isinstance(item, Connected) and item.sensor == sensor:
            decoder = setup.start_decoder()
        if isinstance(item, Packet) and item.sensor == sensor:
            for frame in decoder.feed(item.channel, item.data):
                assert isinstance(frame, Frame)
                out.append((item.arrival_ns, frame))
    return out


def device_s(made, sensor):
    """Time on the sensor's clock of each decoded sample, in s."""
    setup = next(s for s in made.setups if s.sensor == sensor)
    tick = {"movesense": 1e-3, "tindeq-progressor": 1e-6, "recorded-csv": 1e-9}[setup.profile.id]
    parts = []
    for _, frame in frames_of(made, sensor):
        offset = 0 if frame.offset_ns is None else frame.offset_ns / NS_PER_S
        parts.append(frame.ticks * tick + offset)
    return np.concatenate(parts)


def test_order_ticks_and_clock_pairs():
    made = session()
    inputs = made.inputs()
    arrivals = [item.arrival_ns for item in inputs]
    assert arrivals == sorted(arrivals)
    assert isinstance(inputs[0], ClockPair)
    ticks = [item.arrival_ns for item in inputs if isinstance(item, Tick)]
    assert ticks == list(range(NS_PER_S, ticks[-1] + 1, NS_PER_S))
    assert ticks[-1] >= (made.truth.duration_s - 1.0) * NS_PER_S
    pairs = [item for item in inputs if isinstance(item, ClockPair)]
    assert [item.arrival_ns // (60 * NS_PER_S) for item in pairs] == list(range(len(pairs)))
    assert len({item.wall_ns - item.arrival_ns for item in pairs}) == 1
    assert inputs == made.inputs()


def test_round_trip_and_arrival_after_the_last_sample():
    made = session()
    for name, signal in made.signals.items():
        frames = frames_of(made, name)
        x = np.concatenate([frame.x for _, frame in frames])
        # the wire carries 32 bit floats, of degrees and kilograms
        assert np.allclose(x, signal.x, rtol=1e-6, atol=1e-6)
        at, done = 0, []
        for arrival, frame in frames:
            at += len(frame.x)
            done.append(arrival / NS_PER_S - signal.t_s[at - 1])
        assert min(done) > 0.0
        assert np.median(done) < 0.04


def test_device_time_drifts_and_wraps():
    start = 4294.967296 - 20.0
    base = nordic_session(1, kit="force", sets=1, reps=2)
    sensors = tuple(
        replace(s, clock=Clock(drift_ppm=200.0, start_s=start, phase_s=0.005), link=Link())
        for s in base.sensors
    )
    made = simulate(replace(base, sensors=sensors), 1)
    signal, device = made.signals["left"], device_s(made, "left")
    assert device.max() < 4294.967296
    assert np.sum(np.diff(device) < 0) == 1
    expected = (start + signal.t_s * (1 + 200e-6)) % 4294.967296
    assert np.abs(device - expected).max() < 1e-6


def test_bursts_retries_and_stalls():
    sensor = replace(nordic_session(1, kit="force").sensors[0], rate_hz=80.0)
    timeline = (Hold(seconds=60.0),)
    even = simulate(
        Scenario(timeline=timeline, sensors=(replace(sensor, link=Link(retry=0.0, jitter_ms=0.0)),)), 1
    )
    rough = simulate(
        Scenario(timeline=timeline, sensors=(replace(sensor, link=Link(retry=0.3, stall=0.01)),)), 1
    )
    gaps = {}
    for name, made in (("even", even), ("rough", rough)):
        arrivals = [i.arrival_ns for i in made.inputs() if isinstance(i, Packet)]
        gaps[name] = np.diff(arrivals) / 1e6
    # 12.5 ms samples over a 15 ms interval: sometimes two in one event
    assert set(np.round(gaps["even"], 1)) <= {0.5, 14.5, 15.0}
    assert gaps["rough"].max() > 40.0
    assert np.mean(gaps["rough"] < 5.0) > 2 * np.mean(gaps["even"] < 5.0)


def test_packets_get_lost_whole():
    base = nordic_session(1, kit="thigh", sets=1, reps=2)
    lossy = replace(base, sensors=(replace(base.sensors[0], link=Link(loss=0.1)),))
    made, clean = simulate(lossy, 1), simulate(base, 1)
    share = len(made.signals["thigh"].x) / len(clean.signals["thigh"].x)
    assert share == pytest.approx(0.9, abs=0.03)
    assert len(made.signals["thigh"].x) % 8 == 0
    x = np.concatenate([frame.x for _, frame in frames_of(made, "thigh")])
    assert np.allclose(x, made.signals["thigh"].x, rtol=1e-6, atol=1e-6)


def test_disconnect_restart_jump_and_dropout():
    faults = (
        Disconnect(sensor="left", at_s=12.0, away_s=2.0, restart=True),
        Dropout(sensor="right", start_s=5.0, end_s=6.0),
        ClockJump(sensor="right", at_s=15.0, by_s=3.0),
    )
    made = session(kit="force", faults=faults)
    about = [i for i in made.inputs() if isinstance(i, Connected | Lost) and i.sensor == "left"]
    assert [type(i) for i in about] == [Connected, Lost, Connected]
    assert 12 * NS_PER_S < about[1].arrival_ns < about[2].arrival_ns == 14 * NS_PER_S
    quiet = [i.arrival_ns for i in made.inputs() if isinstance(i, Packet) and i.sensor == "left"]
    assert not [at for at in quiet if 12.3 * NS_PER_S < at < 14 * NS_PER_S]
    t, device = made.signals["left"].t_s, device_s(made, "left")
    assert 0.0 <= device[t >= 14.0][0] < 0.05
    steps = np.diff(device_s(made, "right"))
    assert sorted(np.round(steps[steps > 0.5], 1)) == [1.0, 3.0]


def test_any_rate_over_the_recorded_profile():
    made = simulate(generic_session(2, rate_hz=8.0, gyroscope=False), 2)
    device = device_s(made, "imu")
    assert np.allclose(device, made.signals["imu"].t_s, atol=1e-8)
    assert made.setups[0].info().channels == ("acc_x", "acc_y", "acc_z")


def test_too_many_samples_for_the_device():
    base = nordic_session(1, kit="thigh", sets=1, reps=1)
    made = simulate(replace(base, sensors=(replace(base.sensors[0], samples_per_packet=50),)), 1)
    with pytest.raises(ValueError, match="samples_per_packet is 50, movesense sends at most 8"):
        made.inputs()


def test_bytes_tell_the_lean():
    """All the way back: decoded bytes through an independent orientation filter give the true lean."""
    made = session(seed=2, kit="thigh+shank")
    for setup, spec in zip(made.setups, made.scenario.worn, strict=True):
        x = np.concatenate([frame.x for _, frame in frames_of(made, setup.sensor)])
        quat = VQF(1.0 / spec.rate_hz).updateBatch(
            np.ascontiguousarray(x[:, 3:]), np.ascontiguousarray(x[:, :3])
        )["quat6D"]
        w, i, j, k = quat.T
        up = np.stack([2 * (i * k - w * j), 2 * (j * k + w * i), 1 - 2 * (i * i + j * j)], axis=1)
        up = up @ spec.mounting.matrix()
        lean = np.degrees(np.arctan2(-up[:, 0], up[:, 2]))
        course = made.course[str(spec.placement)]
        true = np.degrees(np.interp(made.signals[spec.id].t_s, np.arange(len(course)) * DT, course))
        assert np.sqrt(np.mean((lean - true) ** 2)) < 3.0
