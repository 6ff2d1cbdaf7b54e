"""The judge of the BlueZ test finds what it is there to find."""

from __future__ import annotations

import numpy as np
import pytest
from judging import SentPacket, judge, reported_gaps

from eccentra.inputs import Connected, Input, Lost, Packet
from eccentra.profiles import SensorSetup, load_profile

SETUP = SensorSetup(sensor="left", profile=load_profile("tindeq-progressor"), side="left")
RATE, SECONDS, STARTS = 80.0, 6.0, (0.0, 4.0)
DELAY_S = 0.02


def course() -> tuple[list[SentPacket], list[Input]]:
    """Two connections, from 0 to 3 s and from 4 to 7 s; the counter starts anew in the second."""
    encoder = SETUP.start_encoder()
    sent: list[SentPacket] = []
    inputs: list[Input] = []
    for connection, start in enumerate(STARTS, 1):
        inputs.append(Connected(round(start * 1e9), "left"))
        for n in range(240):
            at = start + (n + 1) / RATE
            device = [round((n + 1) / RATE * 1e9)]
            sent.append(SentPacket("left", connection, connection, at, round(at * RATE), device))
            ((_, data),) = encoder.encode(np.array(device), np.array([[100.0]]))
            inputs.append(Packet(round((at + DELAY_S) * 1e9), "left", "data", data))
        inputs.append(Lost(round((start + 3.1) * 1e9), "left"))
    return sent, inputs


def verdict(
    sent: list[SentPacket], inputs: list[Input], gaps: list[tuple[float, float]] | None = None
) -> str:
    found = reported_gaps([SETUP], inputs)[0]["left"] if gaps is None else gaps
    return judge(SETUP, sent, inputs, found, SECONDS)


def test_a_clean_course() -> None:
    said = verdict(*course())
    assert "480 samples in 2 connections, none twice, 80 missing, all in reported gaps" in said


def test_a_clean_course_is_no_restart_although_the_counter_starts_anew() -> None:
    assert reported_gaps([SETUP], course()[1])[1] == set()


def test_a_packet_that_came_twice() -> None:
    sent, inputs = course()
    inputs.insert(100, inputs[99])
    with pytest.raises(AssertionError, match="1 packets came twice"):
        verdict(sent, inputs, [])


def test_a_packet_lost_while_connected() -> None:
    sent, inputs = course()
    del inputs[100]
    with pytest.raises(AssertionError, match="1 packets lost while connected"):
        verdict(sent, inputs)


def test_packets_out_of_order() -> None:
    sent, inputs = course()
    inputs[100], inputs[101] = inputs[101], inputs[100]
    with pytest.raises(AssertionError, match="out of order"):
        verdict(sent, inputs, [])


def test_a_sensor_that_did_not_come_back() -> None:
    sent, inputs = course()
    with pytest.raises(AssertionError, match="in 1 connections"):
        verdict(sent, inputs[:242])


def test_a_gap_that_is_not_reported_or_too_short() -> None:
    sent, inputs = course()
    with pytest.raises(AssertionError, match="is in no reported gap"):
        verdict(sent, inputs, [])
    with pytest.raises(AssertionError, match="is in no reported gap"):
        verdict(sent, inputs, [(3.0, 3.5)])


def test_next_to_nothing_was_sent() -> None:
    sent, inputs = course()
    few = [item for n, item in enumerate(inputs) if isinstance(item, Connected | Lost) or n % 242 < 5]
    with pytest.raises(AssertionError, match="only 8 samples"):
        verdict(sent, few)
