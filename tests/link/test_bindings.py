"""bindings.toml: strict to read, whole to write, and the only place with addresses."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eccentra.errors import InputError
from eccentra.link.bindings import Binding, bind, read_bindings, wanted, write_bindings

MAC = "A4:C1:38:00:00:{:02X}"
APPLE = "9F1B2C3D-0000-4444-8888-0123456789AB"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "bindings.toml"


def thigh(number: int = 1, **changes: object) -> Binding:
    fields = {
        "sensor": f"thigh-{number}",
        "address": MAC.format(number),
        "device": "movesense",
        "placement": "thigh",
    }
    return Binding(**{**fields, **changes})  # type: ignore[arg-type]


def test_no_file_is_no_binding(path: Path) -> None:
    assert read_bindings(path) == ()


def test_what_is_written_is_read(path: Path) -> None:
    both = (
        thigh(rate_hz=52.0, mode="Acc", side="left"),
        Binding(sensor="force-1", address=APPLE, device="tindeq-progressor", side="right"),
        Binding(sensor="force-2", address=MAC.format(9), device="frez-dyno", settings={"gain": 0.0125}),
    )
    write_bindings(both, path)
    assert read_bindings(path) == both
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["bindings.toml"], "nothing is left beside it"


def test_a_device_that_gives_counts_only_is_not_bound(path: Path) -> None:
    counts = Binding(sensor="force-1", address=APPLE, device="mysmartboard", side="left")
    with pytest.raises(InputError, match=r"sensor\[0\].mode: gives raw counts only: neither unit nor scale"):
        write_bindings((counts,), path)


def test_a_write_that_fails_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bindings((thigh(),), path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write_bindings((thigh(), thigh(2)), path)
    monkeypatch.undo()
    assert read_bindings(path) == (thigh(),)
    assert [p.name for p in path.parent.iterdir()] == ["bindings.toml"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_bindings((thigh(),), tmp_path / "file" / "bindings.toml")


GOOD = """\
schema = 1
[[sensor]]
sensor = "thigh-1"
address = "A4:C1:38:00:00:01"
device = "movesense"
placement = "thigh"
"""


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("schema = 2", "schema", "this version reads 1"),
        ("", "schema", "None"),
        ("schema = [", "", "not TOML"),
        (GOOD + 'colour = "red"\n', "sensor[0].colour", "allowed are address, device, mode"),
        (GOOD.replace('"thigh"', '"nose"'), "sensor[0].placement", "expected one of"),
        (GOOD + 'side = "up"\n', "sensor[0].side", "both, left, right"),
        (GOOD.replace("A4:C1:38:00:00:01", "A4:C1:38"), "sensor[0].address", "01:23:45:67:89:AB"),
        (GOOD.replace("thigh-1", "Thigh 1"), "sensor[0].sensor", "Thigh 1"),
        (GOOD.replace("movesense", "moonsense"), "sensor[0]", "no such device"),
        (GOOD.replace('"movesense"', '"recorded-csv"'), "sensor[0].device", "no Bluetooth device"),
        (GOOD + "rate_hz = 99\n", "sensor[0]", "[13.0, 26.0"),
        (GOOD + 'mode = "IMU7"\n', "sensor[0]", "IMU6, Acc"),
        (GOOD.replace('placement = "thigh"\n', ""), "sensor[0].placement", "is missing"),
        (GOOD.replace("movesense", "tindeq-progressor"), "sensor[0].placement", "a side only"),
        (GOOD + GOOD.removeprefix("schema = 1\n"), "sensor[1].sensor", "twice"),
        (
            GOOD + GOOD.removeprefix("schema = 1\n").replace("thigh-1", "b").replace("A4", "a4"),
            "sensor[1].address",
            "twice",
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(path: Path, text: str, where: str, words: str) -> None:
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_bindings(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert (caught.value.where or "") == where
    assert "A4:C1" not in str(caught.value)


def test_a_file_that_is_no_text_or_far_too_large_is_said(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        read_bindings(path)
    path.write_bytes(b"#" * 2_000_000)
    with pytest.raises(InputError, match="larger"):
        read_bindings(path)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 5),
            st.sampled_from(["thigh", "shank", None]),
            st.sampled_from(["left", "right"]),
        ),
        max_size=12,
    )
)
def test_binding_keeps_ids_and_addresses_unique_and_ids_opaque(
    steps: list[tuple[int, str | None, str]],
) -> None:
    bindings: tuple[Binding, ...] = ()
    for number, placement, side in steps:
        device = "movesense" if placement else "tindeq-progressor"
        before = {b.address: b for b in bindings}
        address = MAC.format(number)
        bindings = bind(bindings, address=address.lower(), device=device, placement=placement, side=side)  # type: ignore[arg-type]
        assert len({b.sensor for b in bindings}) == len({b.address for b in bindings}) == len(bindings)
        new = bindings[-1]
        assert (new.address, new.placement, new.side) == (address, placement, side)
        assert new.sensor.startswith(placement or "force")
        old = before.get(address)
        if old is not None and old.placement == placement and old.device == device:
            assert new.sensor == old.sensor, "stays the same sensor"
        for binding in bindings[:-1]:
            assert binding == before[binding.address], "others are left alone"
            assert binding.place != new.place, "one sensor at one place"


def test_another_device_of_the_model_takes_the_id_over() -> None:
    first = bind((), address=MAC.format(1), device="movesense", placement="thigh", side=None)
    assert [one.sensor for one in first] == ["thigh-1"]
    swapped = bind(first, address=MAC.format(2), device="movesense", placement="thigh", side=None)
    assert [(one.sensor, one.address) for one in swapped] == [("thigh-1", MAC.format(2))]
    other = bind(first, address=MAC.format(2), device="movella-dot", placement="thigh", side=None)
    assert [one.sensor for one in other] == ["thigh-2"]


def test_wanted_takes_the_places_of_a_kit() -> None:
    all_three = (
        thigh(),
        thigh(2, sensor="shank-1", placement="shank", rate_hz=52.0, mode="Acc"),
        Binding(sensor="force-1", address=APPLE.lower(), device="tindeq-progressor", side="both"),
    )
    assert [w.setup.sensor for w in wanted(all_three)] == ["thigh-1", "shank-1", "force-1"]
    (shank,) = wanted(all_three, {"shank"})
    assert (shank.setup.mode.id, shank.setup.rate, shank.setup.placement) == ("Acc", 52.0, "shank")
    (force,) = wanted(all_three, {"force"})
    assert (force.address, force.setup.side, force.setup.placement) == (APPLE, "both", None)
