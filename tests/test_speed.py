"""A guard against gross slowness: processor time at three times the floor, as tests share the machine."""

from __future__ import annotations

import time

import decoding
import numpy as np

from eccentra.exercises import load_exercise
from eccentra.inputs import Packet
from eccentra.profiles import SensorSetup, load_profile
from eccentra.session import Header, Session, Settings
from eccentra.simulate import nordic_session, simulate

FLOOR_US = 60.0
IMU = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")


def test_a_packet_of_ten_samples_is_cheap() -> None:
    setup = SensorSetup(
        sensor="thigh",
        profile=load_profile("recorded-csv"),
        placement="thigh",
        side=None,
        rate_hz=100.0,
        channels=IMU,
    )
    header = Header(
        session="speed",
        exercise=load_exercise("nordic-curl"),
        sensors=(setup,),
        software="test",
        settings=Settings(idle_end_s=None),
    )
    signal = simulate(nordic_session(1, kit="thigh"), seed=1).signals["thigh"]
    t = np.arange(0.0, float(signal.t_s[-1]), 0.01)
    x = np.column_stack([np.interp(t, signal.t_s, column) for column in signal.x.T])
    ns, encoder = np.round(t * 1e9).astype(np.int64), setup.start_encoder()
    packets = [
        Packet(int(ns[i : i + 10][-1]), "thigh", channel, data)
        for i in range(0, len(ns), 10)
        for channel, data in encoder.encode(ns[i : i + 10], x[i : i + 10])
    ]
    best = float("inf")
    for _ in range(3):
        session = Session(header)
        start = time.thread_time()
        for packet in packets:
            session.feed(packet)
        best = min(best, (time.thread_time() - start) / len(packets) * 1e6)
    assert session.live().session_reps > 0
    assert best < 3 * FLOOR_US, f"{best:.0f} us a packet"


def test_packets_of_a_single_sample_are_cheap_to_decode() -> None:
    """All sensors that send them, at three times the floor as well."""
    found = [
        decoding.cost(setup) for setup in decoding.setups() if setup.start_encoder().samples_per_packet == 1
    ]
    assert len(found) > 15
    dear = {f"{one.device} {one.mode}": one.us for one in found if one.us > 3 * decoding.FLOOR_US}
    assert not dear, "us a packet"
