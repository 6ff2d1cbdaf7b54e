"""Recognition from what is advertised: merged over packets, ambiguous where it is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.link.nearby import bluetooth_profiles
from eccentra.link.recognise import Seen, can_measure, is_ambiguous, recognise
from eccentra.profiles import DeviceProfile, load_profile

PROFILES = bluetooth_profiles()
TINDEQ = "7e4e1701-1ea6-40c9-9dcc-13d34ffead57"


def heard(*packets: dict[str, object]) -> Seen:
    seen = Seen()
    for packet in packets:
        seen.add(**packet)  # type: ignore[arg-type]
    return seen


def best(seen: Seen, profiles: tuple[DeviceProfile, ...] = PROFILES) -> tuple[str, float]:
    found = recognise(seen, profiles)
    return (found[0].device, found[0].confidence) if found else ("", 0.0)


@pytest.mark.parametrize(
    ("seen", "device", "sure"),
    [
        (heard({"name": "Progressor_4711"}), "tindeq-progressor", 0.7),
        (heard({"services": [TINDEQ]}), "tindeq-progressor", 0.95),
        (heard({"name": "Progressor_4711"}, {"services": [TINDEQ.upper()]}), "tindeq-progressor", 0.985),
        (heard({"name": "Movesense 174530000001"}), "movesense", 0.7),
        (heard({"services": ["fdf3"]}), "movesense", 0.5),
        (heard({"services": ["0000FDF3-0000-1000-8000-00805F9B34FB"]}), "movesense", 0.5),
        (heard({"makers": [0x9F]}), "movesense", 0.3),
        (heard({"name": "Movesense 17"}, {"services": ["fdf3"], "makers": [0x9F]}), "movesense", 0.895),
    ],
)
def test_each_piece_of_evidence_counts(seen: Seen, device: str, sure: float) -> None:
    assert best(seen) == (device, pytest.approx(sure))


def test_a_tv_is_no_sensor() -> None:
    assert recognise(heard({"name": "Living room", "services": ["180f"], "makers": [0x75]}), PROFILES) == []


def test_the_reason_is_said() -> None:
    (found,) = recognise(heard({"name": "Movesense 1", "services": ["fdf3"], "makers": [0x9F]}), PROFILES)
    assert found.why == "name Movesense..., service fdf3, maker 0x009f"


@given(
    st.permutations([{"name": "Progressor_1"}, {"services": [TINDEQ]}, {"makers": [1]}, {"rssi_dbm": -70}])
)
def test_the_order_of_packets_does_not_matter(packets: list[dict[str, object]]) -> None:
    assert recognise(heard(*packets), PROFILES) == recognise(heard(*reversed(packets)), PROFILES)


def twin(name: str, **changes: object) -> DeviceProfile:
    profile = load_profile("tindeq-progressor")
    assert profile.ble is not None
    return msgspec.structs.replace(profile, id=name, ble=msgspec.structs.replace(profile.ble, **changes))


def test_two_models_with_one_name_are_ambiguous_until_a_service_is_heard() -> None:
    other = twin(
        "twin",
        advertised_services=("ffe0",),
        service="ffe0",
        characteristics={"data": "ffe1", "control": "ffe2"},
    )
    pair = (load_profile("tindeq-progressor"), other)
    by_name = recognise(heard({"name": "Progressor_1"}), pair)
    assert is_ambiguous(by_name)
    assert [c.confidence for c in by_name] == [0.35, 0.35], "shared evidence counts half"
    by_service = recognise(heard({"name": "Progressor_1"}, {"services": [TINDEQ]}), pair)
    assert not is_ambiguous(by_service)
    assert by_service[0].device == "tindeq-progressor"


def test_a_serial_service_that_anybody_may_have_is_weak_evidence() -> None:
    generic = twin("generic", name_prefixes=("X",), advertised_services=("ffe0",), service="ffe0")
    assert best(heard({"services": ["ffe0"]}), (generic,)) == ("generic", 0.2)


def test_a_name_cut_short_in_a_later_packet_does_not_replace_the_whole_one() -> None:
    assert heard({"name": "Progressor_4711"}, {"name": "Prog"}, {"name": None}).name == "Progressor_4711"


def test_what_comes_from_the_air_is_bounded() -> None:
    seen = heard(
        {
            "name": "x" * 1000,
            "services": [f"{i:04x}" for i in range(500)],
            "makers": range(500),
            "rssi_dbm": 127,
        },
        {"service_data": {"180f": b"\xff"}},
    )
    assert (len(seen.name), len(seen.services), len(seen.makers)) == (64, 32, 32)
    assert seen.rssi_dbm is None
    assert seen.battery_pct is None
    seen.add(service_data={"180f": b"\x50"}, rssi_dbm=-40)
    assert (seen.battery_pct, seen.rssi_dbm) == (80, -40)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.id)
def test_every_profile_is_recognised_by_its_name_and_its_service(profile: DeviceProfile) -> None:
    assert profile.ble is not None
    for prefix in profile.ble.name_prefixes:
        found = recognise(heard({"name": f"{prefix}123"}), PROFILES)
        alike = {one.device for one in found if one.confidence == found[0].confidence}
        assert profile.id in alike
        # models that share a name are told apart by a service, or a person is asked
        assert alike == {profile.id} or is_ambiguous(found)
    for service in (*profile.ble.advertised_services, *profile.ble.all_services[:1]):
        assert profile.id in [c.device for c in recognise(heard({"services": [service]}), PROFILES)]
    words = can_measure(profile)
    assert words.endswith(" Hz")
    assert not words.startswith(",")


SCALE = bytes.fromhex("0203112ac0191123e10107d001f401d4cb")


def test_a_scale_that_broadcasts_needs_its_name_and_its_payload() -> None:
    both = heard({"name": "IF_B7"}, {"makers": {0x0100: SCALE}})
    assert best(both) == ("wh-c06", pytest.approx(0.85))
    for one in (heard({"name": "IF_B7"}), heard({"makers": {0x0100: SCALE}})):
        assert best(one) == ("wh-c06", pytest.approx(0.2))


def test_a_body_scale_of_the_same_name_is_doubted() -> None:
    body = SCALE[:12] + b"\x02\x1c" + SCALE[14:]
    device, sure = best(heard({"name": "IF_B7", "makers": {0x0100: body}}))
    assert (device, sure < 0.5) == ("wh-c06", True)


@pytest.mark.parametrize(
    ("name", "device"),
    [("CTS500", "cts500"), ("CTS-300", "cts500"), ("MUSCLE_V2", "muscle-meter"), ("MM-12", "muscle-meter")],
)
def test_devices_with_the_same_serial_module_are_told_apart_by_name(name: str, device: str) -> None:
    found = recognise(heard({"name": name, "services": ["ffe0"]}), PROFILES)
    assert found[0].device == device
    assert not is_ambiguous(found)
    assert is_ambiguous(recognise(heard({"services": ["ffe0"]}), PROFILES)), "by the module alone nobody is"


def test_a_force_plate_that_misuses_the_service_of_weight_scales() -> None:
    found = recognise(heard({"name": "ENTRALPI", "services": ["fff0", "181d"]}), PROFILES)
    assert found[0].device == "entralpi"
    assert not is_ambiguous(found)
    assert best(heard({"services": ["181d"]}))[1] <= 0.5


def test_a_word_inside_the_name_counts_as_well() -> None:
    assert best(heard({"name": "VALD DynaMo-08464"})) == ("vald-dynamo", pytest.approx(0.7))


def test_what_can_be_measured_is_said_in_words() -> None:
    assert can_measure(load_profile("tindeq-progressor")) == "force, 80 Hz"
    words = can_measure(load_profile("movesense"))
    motion = "acceleration + rotation or acceleration or acceleration + rotation + magnetic field"
    assert words == f"{motion} or heart rate, 13/26/52/104/208 Hz"
    assert can_measure(load_profile("shimmer3r")) == "raw counts only, 51.2/102.4/204.8 Hz"
    assert can_measure(load_profile("movella-dot")) == "acceleration + rotation, 12/15/20/30/60 Hz"
