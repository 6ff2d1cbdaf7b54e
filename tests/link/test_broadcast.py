"""A sensor that only advertises: heard, silent, heard again; never blamed for a scanner that rests."""

from __future__ import annotations

from eccentra.events import StationNoted, StationReason
from eccentra.inputs import Connected, Input, Lost, Packet
from eccentra.link.broadcast import BroadcastSensor
from eccentra.link.machine import Patience
from eccentra.profiles import SensorSetup, load_profile
from eccentra.samples import NS_PER_S

SCALE = bytes.fromhex("0203112ac0191123e10107d001f401d4cb")
POUNDS = SCALE[:14] + b"\x02" + SCALE[15:]
S = NS_PER_S


def sensor() -> tuple[BroadcastSensor, list[Input | StationNoted]]:
    put: list[Input | StationNoted] = []
    setup = SensorSetup(sensor="left", profile=load_profile("wh-c06"), side="left")
    return BroadcastSensor(setup, put.append, 0, Patience(), "linux"), put


def test_each_advertisement_is_a_packet_and_the_first_connects() -> None:
    one, put = sensor()
    assert one.status().state == "searching"
    one.heard(S, {0x0100: SCALE}, -60)
    one.heard(2 * S, {0x0100: SCALE}, -61)
    assert put == [
        Connected(S, "left"),
        Packet(S, "left", "data", SCALE),
        Packet(2 * S, "left", "data", SCALE),
    ]
    assert (one.status().state, one.status().rssi_dbm) == ("streaming", -61)


def test_other_advertisements_of_the_address_are_left_out() -> None:
    one, put = sensor()
    one.heard(S, {}, -60)
    one.heard(S, {0x004C: SCALE}, -60)
    one.heard(S, {0x0100: SCALE[:11]}, -60)
    assert put == []


def test_silence_is_a_loss_and_the_next_advertisement_a_new_connection() -> None:
    one, put = sensor()
    one.heard(S, {0x0100: SCALE}, -60)
    one.tick(10 * S, listening=True)
    assert len(put) == 2
    one.tick(11 * S, listening=True)
    lost, said = put[2:]
    assert lost == Lost(11 * S, "left", "silent")
    assert isinstance(said, StationNoted)
    assert said.reason is StationReason.SENSOR_NOT_SEEN
    one.heard(20 * S, {0x0100: SCALE}, -60)
    again = [item.reason for item in put if isinstance(item, StationNoted)]
    assert again[-1] is StationReason.SENSOR_BACK
    assert sum(isinstance(item, Connected) for item in put) == 2


def test_nobody_is_missed_while_nobody_listens() -> None:
    one, put = sensor()
    one.heard(S, {0x0100: SCALE}, -60)
    for second in range(2, 40):
        one.tick(second * S, listening=False)
    one.tick(45 * S, listening=True)
    assert len(put) == 2
    one.tick(60 * S, listening=True)
    assert isinstance(put[2], Lost)


def test_a_scale_that_shows_pounds_is_heard_and_said_to_be_useless() -> None:
    one, put = sensor()
    one.heard(S, {0x0100: POUNDS}, -60)
    said = [item for item in put if isinstance(item, StationNoted)]
    assert "the scale shows pounds; switch it to kg" in said[0].detail
    assert "pounds" in one.status().problem
    one.heard(2 * S, {0x0100: SCALE}, -60)
    assert one.status().problem == ""


def test_what_ends_is_closed_once() -> None:
    one, put = sensor()
    one.heard(S, {0x0100: SCALE}, -60)
    one.close(2 * S, "stopped")
    one.close(3 * S, "stopped")
    assert put[2:] == [Lost(2 * S, "left", "stopped")]
