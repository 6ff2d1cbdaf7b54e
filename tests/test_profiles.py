"""Walks every device profile: its vectors whole, cut off, corrupted, byte by byte, after garbage."""

from __future__ import annotations

import contextlib
import copy
import math
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eccentra.clock import ClockSpec
from eccentra.decode import Decoder, Frame, Notice
from eccentra.errors import DecodeError, ProfileError
from eccentra.profiles import (
    DeviceProfile,
    SensorSetup,
    Vector,
    decoder_kinds,
    load_profile,
    parse_profile,
    profile_ids,
)
from needs import ROOT

DEVICES = ROOT / "devices"
IDS = sorted(path.stem for path in DEVICES.glob("*.toml"))
PROFILES = {name: load_profile(DEVICES / f"{name}.toml") for name in IDS}


def received() -> Iterator[Any]:
    for name, profile in PROFILES.items():
        for i, vector in enumerate(profile.vector):
            if vector.expected is not None:
                yield pytest.param(profile, vector, id=f"{name}-{i}")


VECTORS = list(received())


Arrivals = tuple[tuple[str, bytes], ...]


def setup_of(profile: DeviceProfile, vector: Vector) -> SensorSetup:
    mode = next((m for m in profile.mode if m.id == vector.mode), profile.mode[0])
    settings = {**profile.examples(), **vector.settings}
    return SensorSetup(
        sensor="s", profile=profile, rate_hz=vector.rate_hz, channels=mode.channels, settings=settings
    )


def feed(decoder: Decoder, arrivals: Arrivals) -> list[Frame | Notice]:
    """Everything that comes out; errors of the protocol are allowed, others are not."""
    out: list[Frame | Notice] = []
    for channel, packet in arrivals:
        with contextlib.suppress(DecodeError):
            out += decoder.feed(channel, packet)
    return out


def asked(decoder: Decoder, vector: Vector) -> None:
    for written in vector.written_before:
        decoder.expect(written)


def give(decoder: Decoder, vector: Vector) -> list[Frame | Notice]:
    asked(decoder, vector)
    return feed(decoder, vector.arrivals)


def samples(clock: ClockSpec, out: list[Frame | Notice]) -> tuple[list[float], list[list[float]]]:
    """Device time in s, and values."""
    t: list[float] = []
    x: list[list[float]] = []
    tick_s = clock.tick_s or (1e-9 if clock.kind == "identity" else 1.0)
    for frame in out:
        if isinstance(frame, Frame):
            assert frame.x.dtype == np.float64
            assert frame.x.flags.c_contiguous
            assert len(frame.x) >= 1
            offset = np.zeros(len(frame.x)) if frame.offset_ns is None else frame.offset_ns * 1e-9
            # numbers that a decoder gives to samples of a sensor without a clock are no times
            if clock.stamped or clock.kind in ("identity", "counter"):
                assert frame.ticks is not None
                assert frame.ticks.dtype == np.int64
                assert len(frame.ticks) == len(frame.x)
                t += (frame.ticks * tick_s + offset).tolist()
            x += frame.x.tolist()
    return t, x


def check(profile: DeviceProfile, vector: Vector, out: list[Frame | Notice]) -> None:
    assert vector.expected is not None
    t, x = samples(setup_of(profile, vector).clock, out)
    if vector.expected.t_s:
        assert t == pytest.approx(vector.expected.t_s, rel=0, abs=1e-8)
    else:
        assert not t, "a profile with device times says them in its vectors"
    assert len(x) == len(vector.expected.x)
    for row, expected in zip(x, vector.expected.x, strict=True):
        assert row == pytest.approx(expected, rel=1e-8, abs=1e-8)
    notices = [n for n in out if isinstance(n, Notice)]
    assert [n.kind for n in notices] == [n.kind for n in vector.expected.notices]
    for notice, wanted in zip(notices, vector.expected.notices, strict=True):
        close = isinstance(wanted.value, float)
        assert notice.value == (pytest.approx(wanted.value, rel=1e-8) if close else wanted.value)


def check_sane(profile: DeviceProfile, setup: SensorSetup, out: list[Frame | Notice]) -> None:
    """Whatever came out can be worked with: finite numbers of the right shape that the clock can place."""
    clock = setup.start_clock()
    last = -math.inf
    for i, frame in enumerate(f for f in out if isinstance(f, Frame)):
        assert frame.x.shape[1] == len(setup.mode.channels)
        assert np.isfinite(frame.x).all()
        t = clock.map(10**9 + i * 10**7, frame)
        assert len(t) in (0, len(frame.x))
        for now in t.tolist():
            assert now > last
            last = now


def test_there_are_profiles() -> None:
    assert {"tindeq-progressor", "movesense", "recorded-csv"} <= set(profile_ids())


def test_devices_holds_toml_only() -> None:
    assert [p.name for p in DEVICES.rglob("*") if p.suffix != ".toml"] == []


@pytest.mark.parametrize("name", IDS)
def test_profile_can_be_used(name: str) -> None:
    profile = PROFILES[name]
    assert profile.vector, "a profile proves itself by at least one vector"
    assert profile.sources
    for mode in profile.mode:
        for rate in mode.rates_hz or profile.rates_hz or (profile.rate_hz,):
            setup = SensorSetup(
                sensor="s", profile=profile, rate_hz=rate, channels=mode.channels, settings=profile.examples()
            )
            info = setup.info()
            assert (info.kind, info.channels, info.units) == (mode.kind, mode.channels, mode.units)
            assert info.rate_hz == rate
            assert setup.start_encoder().samples_per_packet >= 1
            if profile.ble is not None:
                for command in profile.ble.commands:
                    assert all(step.data is None or step.data for step in setup.steps(command))


@pytest.mark.parametrize("name", IDS)
def test_profile_survives_a_session_file(name: str) -> None:
    profile = PROFILES[name]
    setup = SensorSetup(
        sensor="thigh-1", profile=profile, placement="thigh", side="left", settings=profile.examples()
    )
    assert msgspec.json.decode(msgspec.json.encode(setup), type=SensorSetup) == setup


@pytest.mark.parametrize(("profile", "vector"), VECTORS)
def test_vector_whole(profile: DeviceProfile, vector: Vector) -> None:
    setup = setup_of(profile, vector)
    out = give(setup.start_decoder(), vector)
    check(profile, vector, out)
    check_sane(profile, setup, out)


@pytest.mark.parametrize(("profile", "vector"), VECTORS)
def test_vector_on_another_channel_is_refused(profile: DeviceProfile, vector: Vector) -> None:
    with pytest.raises(DecodeError, match="unknown_channel"):
        setup_of(profile, vector).start_decoder().feed("nowhere", vector.packets[0])


@pytest.mark.parametrize(("profile", "vector"), VECTORS)
def test_vector_cut_off_at_each_byte(profile: DeviceProfile, vector: Vector) -> None:
    """An error, or fewer samples; never other samples. Then the whole vector decodes."""
    setup = setup_of(profile, vector)
    assert vector.expected is not None
    whole = max(1, len(vector.expected.x) + len(vector.expected.notices))
    for i, (channel, packet) in enumerate(vector.arrivals):
        for cut in range(len(packet)):
            decoder = setup.start_decoder()
            asked(decoder, vector)
            out = feed(decoder, (*vector.arrivals[:i], (channel, packet[:cut])))
            if profile.packets == "whole":
                _, x = samples(setup_of(profile, vector).clock, out)
                assert len(x) <= whole
                for row, expected in zip(x, vector.expected.x, strict=False):
                    assert row == pytest.approx(expected, rel=1e-8, abs=1e-8)
            check_sane(profile, setup, out)
            check_decodes_after(decoder, profile, vector)


def check_decodes_after(decoder: Decoder, profile: DeviceProfile, vector: Vector) -> None:
    """A good packet after anything is decoded; the one loss it may report is that of what came before.

    A stream of bytes may need one whole message to find its place again. Of differences only the steps are
    right again, and only from the second on.
    """
    if profile.packets == "differences":
        out = give(decoder, vector)
        _, x = samples(setup_of(profile, vector).clock, out)
        assert vector.expected is not None
        if len(x) == len(vector.expected.x):
            steps = np.diff(np.array(vector.expected.x), axis=0)
            assert np.diff(np.array(x), axis=0) == pytest.approx(steps, abs=1e-8)
        return
    for _ in range(2 if profile.packets == "stream" else 0):
        give(decoder, vector)
    out = [n for n in give(decoder, vector) if not (isinstance(n, Notice) and n.kind.startswith("lost"))]
    check(profile, vector, out)


@pytest.mark.parametrize(
    "flips", [(0x01, 0x80, 0xFF), pytest.param((0x02, 0x04, 0x08, 0x10, 0x20, 0x40), marks=pytest.mark.long)]
)
@pytest.mark.parametrize(("profile", "vector"), VECTORS)
def test_vector_with_each_byte_corrupted(
    profile: DeviceProfile, vector: Vector, flips: tuple[int, ...]
) -> None:
    setup = setup_of(profile, vector)
    arrivals = vector.arrivals
    for i, (channel, packet) in enumerate(arrivals):
        for at in range(len(packet)):
            for flip in flips:
                bad = bytearray(packet)
                bad[at] ^= flip
                decoder = setup.start_decoder()
                asked(decoder, vector)
                packets = (*arrivals[:i], (channel, bytes(bad)), *arrivals[i + 1 :])
                check_sane(profile, setup, feed(decoder, packets))
                check_decodes_after(decoder, profile, vector)


@pytest.mark.parametrize(("profile", "vector"), VECTORS)
def test_vector_one_byte_at_a_time(profile: DeviceProfile, vector: Vector) -> None:
    """Of whole packets single bytes do no harm; a stream of bytes may be cut anywhere."""
    decoder = setup_of(profile, vector).start_decoder()
    single = tuple((channel, bytes([byte])) for channel, packet in vector.arrivals for byte in packet)
    if profile.packets == "stream":
        asked(decoder, vector)
        check(profile, vector, feed(decoder, single))
    else:
        check_sane(profile, setup_of(profile, vector), feed(decoder, single))
        check_decodes_after(decoder, profile, vector)


@pytest.mark.parametrize(("profile", "vector"), VECTORS)
@settings(max_examples=settings.default.max_examples // 2)
@given(data=st.data())
def test_good_vector_decodes_after_garbage(
    profile: DeviceProfile, vector: Vector, data: st.DataObject
) -> None:
    """Random packets, most of which start like real ones."""
    head = st.sampled_from([(on, packet[:k]) for on, packet in vector.arrivals for k in (0, 1, 2, 6)])
    packet = st.builds(lambda a, b: (a[0], a[1] + b), head, st.binary(max_size=220))
    garbage = tuple(data.draw(st.lists(packet, max_size=6)))
    setup = setup_of(profile, vector)
    decoder = setup.start_decoder()
    check_sane(profile, setup, feed(decoder, garbage))
    check_decodes_after(decoder, profile, vector)


@pytest.mark.parametrize("name", IDS)
def test_sent_vectors_are_the_commands(name: str) -> None:
    profile = PROFILES[name]
    for vector in profile.vector:
        if vector.command is not None:
            setup = setup_of(profile, vector)
            framer = setup.start_framer()
            written: list[bytes] = []
            for command in (*vector.earlier, vector.command):
                written = []
                for step in setup.steps(command):
                    if step.data is not None:
                        framed = step.framed and framer is not None
                        written.append(framer.frame(step.data) if framed and framer else step.data)
            assert written[vector.step] == vector.packets[-1]


# -- bad files ----------------------------------------------------------------------------------------

RAW = tomllib.loads((DEVICES / "movesense.toml").read_text(encoding="utf-8"))


def put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of one key; ``...`` removes it."""

    def change(raw: Any) -> None:
        *parents, last = [int(k) if k.isdigit() else k for k in path.split(".")]
        for key in parents:
            raw = raw[key]
        if value is ...:
            del raw[last]
        else:
            raw[last] = value

    return change


ONE_AXIS = {"id": "a", "kind": "imu", "channels": ["x"], "units": ["1"]}


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        (put("colour", "red"), "colour", "no such key; allowed are ble, clock"),
        (put("ble.name_prefix", "M"), "ble.name_prefix", "name_prefixes"),
        (put("ble.service", ...), "ble", "service is missing"),
        (put("ble.service", "34802252"), "ble.service", "found '34802252'"),
        (put("ble.commands.start.0.to", "comand"), "ble", "'comand' is no characteristic"),
        (put("ble.characteristics", {}), "ble", "one must be named 'data'"),
        (put("clock.bits", 17), "clock.bits", "is 17, expected one of 8, 16, 24, 32, 64"),
        (put("clock.bits", "32"), "clock.bits", "is '32', expected one of"),
        (put("clock.kind", "last"), "clock.kind", "is 'last', expected one of arrival, counter"),
        (put("clock.tick_s", ...), "clock", "tick_s is missing"),
        (put("clock.tick_s", math.nan), "clock", "tick_s is nan"),
        (put("clock.tick_s", 0.0), "clock", "tick_s is 0.0"),
        (put("clock.drift_ppm", -1.0), "clock", "drift_ppm is -1"),
        (put("decoder.kind", "tindex"), "decoder.kind", f"expected one of {', '.join(decoder_kinds())}"),
        (put("decoder.kind", ...), "decoder.kind", "is missing"),
        (put("decoder.kind", "../tindeq"), "decoder.kind", "expected one of"),
        (put("decoder.packets_hz", "13"), "decoder.packets_hz", "found '13'"),
        (put("decoder.packets_hz", ...), "decoder", "missing required field `packets_hz`"),
        (put("decoder.acc_limit", 1.0), "decoder.acc_limit", "acc_limit_m_s2"),
        (put("decoder.acc_limit_m_s2", math.nan), "decoder.acc_limit_m_s2", "> 0"),
        (put("knowledge", "sure"), "knowledge", "is 'sure', expected one of raw, solid, uncertain"),
        (put("rate_hz", 100.0), None, "rate_hz is 100, expected one of rates_hz"),
        (put("rate_hz", math.nan), "rate_hz", "> 0"),
        (put("schema", 2), "schema", "is 2; this version reads 1"),
        (put("schema", ...), "schema", "is missing"),
        (put("schema", True), "schema", "is True"),
        (put("id", "Move Sense"), "id", "found 'Move Sense'"),
        (put("mode", []), "mode", "length >= 1"),
        (put("mode.0.units", ["m/s2"]), "mode[0]", "1 units for 6 channels"),
        (put("mode.0.channels.1", "acc_x"), "mode[0]", "expected different names"),
        (lambda raw: raw["mode"].append(ONE_AXIS), "mode", "expected acceleration"),
        (put("vector.0.hex", "0g"), "vector[0]", "hex is '0g'"),
        (put("vector.2.hex.1", "0"), "vector[2].hex[1]", "found '0'"),
        (put("vector.0.expected", ...), "vector[0]", "either expected or command"),
        (put("vector.0.expected.t_s", [1.0]), "vector[0].expected", "1 times for 4 samples"),
        (put("vector.0.mode", "IMU7"), None, "mode 'IMU7'"),
    ],
)
def test_bad_profile_names_file_key_and_what_is_allowed(
    change: Callable[[dict[str, Any]], None], where: str | None, says: str
) -> None:
    raw = copy.deepcopy(RAW)
    parse_profile(raw, "good.toml")
    change(raw)
    with pytest.raises(ProfileError) as caught:
        parse_profile(raw, "my/bad.toml")
    text = str(caught.value)
    assert caught.value.where == where
    assert text.startswith("my/bad.toml: ")
    assert says in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"schema = 1\nname = ", "is not TOML: Invalid value"),
        (b"", "schema: is missing; this version reads 1"),
        (bytes(range(256)), "is no text (byte 128); expected TOML in UTF-8"),
        (b"\x00\x01\x02", "is not TOML"),
        (b"a = " + b"[" * 5000, "is not TOML"),
        (b"#" * (2 << 20), "is larger than"),
    ],
)
def test_files_that_are_no_profile(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_folder_and_unknown_id(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="No such file"):
        load_profile(tmp_path / "none.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path / "folder.toml")
    with pytest.raises(ProfileError, match=r"no such device; known are .*movesense"):
        load_profile("movesens")
    with pytest.raises(ProfileError, match="no such device"):
        load_profile("../devices/movesense")


def test_id_must_be_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes((DEVICES / "movesense.toml").read_bytes())
    with pytest.raises(ProfileError, match="is 'movesense', expected the file's name 'mine'"):
        load_profile(path)


def test_users_own_profile_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "devices").mkdir()
    text = (DEVICES / "movesense.toml").read_text(encoding="utf-8")
    (tmp_path / "devices" / "movesense.toml").write_text(text.replace('maker = "Movesense"', 'maker = "me"'))
    (tmp_path / "devices" / "mine.toml").write_text(text.replace('id = "movesense"', 'id = "mine"', 1))
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path))
    assert load_profile("movesense").maker == "me"
    assert load_profile("mine").id == "mine"
    assert {"mine", "movesense", "tindeq-progressor"} <= set(profile_ids())
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path / "other"))
    assert load_profile("movesense").maker == "Movesense"
    assert "mine" not in profile_ids()


@pytest.mark.parametrize(
    "bad",
    [
        {"sensor": "AA:BB"},
        {"rate_hz": 100.0},
        {"rate_hz": math.nan},
        {"channels": ("acc_x",)},
    ],
)
def test_setup_that_the_device_cannot_do(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|has"):
        SensorSetup(**{"sensor": "s", "profile": PROFILES["movesense"], **bad})


def test_decoder_kinds_are_the_modules() -> None:
    assert {"movesense", "recorded", "tindeq"} <= set(decoder_kinds())
