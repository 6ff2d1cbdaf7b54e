"""The laws of the design that hold for the whole way of the data (each stage has its own tests as well)."""

from __future__ import annotations

import itertools
import math
import random
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from eccentra.events import Event, Metric, Numbered, RepCompleted, SensorGap, SetCompleted
from eccentra.exercises import exercise_ids, load_exercise
from eccentra.inputs import Connected, Input, Lost, Packet, Resumed, Tick
from eccentra.profiles import SensorSetup, load_profile, profile_ids
from eccentra.recording import Recorder, Recording, encode_event
from eccentra.session import Header, Session, Settings
from eccentra.simulate import (
    Hold,
    NordicRep,
    NordicSet,
    Scenario,
    Simulation,
    nordic_session,
    scenario_from,
    simulate,
)
from needs import ROOT

KITS = ("thigh", "thigh+shank", "thigh+shank+force", "force")
# a whole training session, of the long run; those of the other seeds are two short sets
WHOLE = 1


@cache
def simulated(seed: int, kit: str) -> Simulation:
    if seed == WHOLE:
        return simulate(nordic_session(seed, kit=kit), seed=seed)
    return simulate(nordic_session(seed, kit=kit, sets=2, reps=3, rest_s=(24.0, 30.0)), seed=seed)


@cache
def inputs_of(seed: int, kit: str) -> tuple[Input, ...]:
    return tuple(simulated(seed, kit).inputs())


def header_of(seed: int, kit: str, exercise: str = "nordic-curl") -> Header:
    return Header(
        session=f"law-{seed}",
        exercise=load_exercise(exercise),
        sensors=simulated(seed, kit).setups,
        software="test",
    )


def one_by_one(header: Header, items: tuple[Input, ...]) -> list[Numbered]:
    session = Session(header)
    out = [event for item in items for event in session.feed(item)]
    return out + session.finish()


def at_once(header: Header, items: tuple[Input, ...]) -> list[Numbered]:
    """Fed as replay feeds (law 1 says that this is the same)."""
    session = Session(header)
    return session.feed_many(items) + session.finish()


def coalesced(header: Header, items: tuple[Input, ...], seed: int) -> list[Numbered]:
    """Fed in pieces of random length, many inputs at once."""
    session, rng, out, left = Session(header), random.Random(seed), [], list(items)
    while left:
        n = rng.choice([1, 3, 50, 400, 5000])
        out += session.feed_many(left[:n])
        del left[:n]
    return out + session.finish()


def as_bytes(events: list[Numbered]) -> list[bytes]:
    return [encode_event(event) for event in events]


# -- law 1: live == replay ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kit", KITS)
@pytest.mark.parametrize("seed", [pytest.param(WHOLE, marks=pytest.mark.long), 2])
def test_replay_gives_the_same_events_at_any_speed(tmp_path: Path, kit: str, seed: int) -> None:
    header, items = header_of(seed, kit), inputs_of(seed, kit)
    live = as_bytes(one_by_one(header, items))
    assert any(b"rep.completed" in event for event in live)
    with Recorder(tmp_path / "s.eccn", header) as recorder:
        for item in items:
            recorder.append(item)
    with Recording(tmp_path / "s.eccn") as recording:
        replayed = Session(recording.header)
        again = replayed.feed_many(recording.inputs()) + replayed.finish()
    assert as_bytes(again) == live
    assert as_bytes(coalesced(header, items, seed)) == live


@pytest.mark.parametrize("exercise", exercise_ids())
def test_replay_of_every_exercise(exercise: str) -> None:
    """Its own first example, as its file gives it."""
    chosen = load_exercise(exercise)
    example = chosen.example[0]
    made = simulate(scenario_from(example.scenario), example.seed)
    header, items = (
        Header(session="law-each", exercise=chosen, sensors=made.setups, software="test"),
        tuple(made.inputs()),
    )
    assert as_bytes(coalesced(header, items, 3)) == as_bytes(one_by_one(header, items))


@pytest.mark.parametrize("kit", ["thigh+shank+force"])
def test_replay_with_trouble_on_the_air(kit: str) -> None:
    """Lost, garbled and doubled packets, a sensor that falls silent and one that connects again."""
    header, rng, items = header_of(4, kit), random.Random(4), []
    sensors = [setup.sensor for setup in header.sensors]
    silent_from, silent_to = 40_000_000_000, 43_000_000_000
    for item in inputs_of(4, kit):
        if isinstance(item, Packet):
            if item.sensor == sensors[0] and silent_from < item.arrival_ns < silent_to:
                continue
            roll = rng.random()
            if roll < 0.01:
                continue
            if roll < 0.02:
                item = Packet(
                    item.arrival_ns, item.sensor, item.channel, item.data[: rng.randrange(len(item.data))]
                )
        items.append(item)
        if rng.random() < 0.0005:
            items.append(Connected(item.arrival_ns, sensors[1]))
    live = one_by_one(header, tuple(items))
    assert as_bytes(coalesced(header, tuple(items), 4)) == as_bytes(live)
    kinds = {type(event.event).__name__ for event in live}
    assert {"SensorMalformed", "SensorLost", "SensorGap", "SensorConnected"} <= kinds


def disturbed(items: tuple[Input, ...], sensors: list[str], seed: int) -> tuple[Input, ...]:
    """Packets held back and delivered in a burst, connections made again, the program interrupted."""
    rng, out = random.Random(seed), []
    held: dict[str, list[Packet]] = {name: [] for name in sensors}
    until: dict[str, int] = dict.fromkeys(sensors, 0)
    for item in items:
        for name in sensors:
            if held[name] and item.arrival_ns >= until[name]:
                if rng.random() < 0.5:
                    out += [Lost(item.arrival_ns, name), Connected(item.arrival_ns, name)]
                kept = held[name][-rng.randrange(1, 1 + len(held[name])) :]
                out += [Packet(item.arrival_ns, one.sensor, one.channel, one.data) for one in kept]
                held[name] = []
        if isinstance(item, Packet):
            if item.arrival_ns >= until[item.sensor] and rng.random() < 0.003:
                until[item.sensor] = item.arrival_ns + rng.randrange(200, 2500) * 1_000_000
            if item.arrival_ns < until[item.sensor]:
                held[item.sensor].append(item)
                continue
        out.append(item)
        if rng.random() < 0.0002:
            out.append(Resumed(item.arrival_ns))
    return tuple(out)


@pytest.mark.parametrize("kit", ["thigh+force", "thigh+shank+force", "force"])
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(k, marks=pytest.mark.long) for k in (2, 3))])
def test_replay_with_stalls_reconnections_and_interruptions(kit: str, seed: int) -> None:
    header = header_of(5, kit)
    items = tuple(item for item in inputs_of(5, kit) if item.arrival_ns < 45_000_000_000)
    items = disturbed(items, [setup.sensor for setup in header.sensors], seed)
    live = as_bytes(one_by_one(header, items))
    assert as_bytes(coalesced(header, items, seed)) == live
    assert as_bytes(at_once(header, items)) == live
    assert any(b"sensor.gap" in event for event in live)


def test_events_are_numbered_without_holes() -> None:
    events = one_by_one(header_of(2, "thigh"), inputs_of(2, "thigh"))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert len({event.id for event in events}) == len(events)


# -- law 2: cut invariance of the whole way ----------------------------------------------------------------


def rows_as_packets(kit: str, seed: int, sizes: list[int], shuffle: int) -> tuple[Header, list[Input]]:
    """The same rows in packets of other sizes, sensors interleaved otherwise (identity clock)."""
    made, profile, rng = simulated(seed, kit), load_profile("recorded-csv"), random.Random(shuffle)
    setups, queues = [], {}
    for setup in made.setups:
        signal = made.signals[setup.sensor]
        recorded = SensorSetup(
            sensor=setup.sensor,
            profile=profile,
            placement=setup.placement,
            side=setup.side,
            rate_hz=setup.info().rate_hz,
            channels=setup.info().channels,
        )
        encoder, ns, packets, i = recorded.start_encoder(), np.round(signal.t_s * 1e9).astype(np.int64), [], 0
        for size in itertools.cycle(sizes):
            if i >= len(ns):
                break
            packets += encoder.encode(ns[i : i + size], signal.x[i : i + size])
            i += size
        setups.append(recorded)
        queues[setup.sensor] = packets
    header = Header(
        session="cut",
        exercise=load_exercise("nordic-curl"),
        sensors=tuple(setups),
        software="test",
        settings=Settings(idle_end_s=None),
    )
    # arrival stands still: no time-out may depend on it here
    items: list[Input] = [Tick(0)]
    while queues:
        name = rng.choice(list(queues))
        items += [
            Packet(0, name, *queues[name].pop(0))
            for _ in range(min(rng.choice([1, 7, 60]), len(queues[name])))
        ]
        if not queues[name]:
            del queues[name]
    return header, items


@pytest.mark.parametrize("kit", KITS)
@settings(max_examples=settings.default.max_examples // 6)
@given(sizes=st.lists(st.integers(1, 10), min_size=1, max_size=6), shuffle=st.integers(0, 99))
def test_cutting_and_interleaving_change_no_bit(kit: str, sizes: list[int], shuffle: int) -> None:
    def events(sizes: list[int], shuffle: int) -> list[bytes]:
        header, items = rows_as_packets(kit, 2, sizes, shuffle)
        session = Session(header)
        return as_bytes(session.feed_many(items) + session.finish())

    assert events(sizes, shuffle) == whole_result(kit, events)


_WHOLE: dict[str, list[bytes]] = {}


def whole_result(kit: str, events: object) -> list[bytes]:
    if kit not in _WHOLE:
        _WHOLE[kit] = events([10], 0)  # type: ignore[operator]
        assert any(b"rep.completed" in event for event in _WHOLE[kit])
    return _WHOLE[kit]


# -- law 5: no silent number -------------------------------------------------------------------------------


def metrics_of(event: Event) -> dict[str, Metric]:
    if isinstance(event, RepCompleted):
        return event.rep.metrics
    return event.metrics if isinstance(event, SetCompleted) else {}


@pytest.mark.parametrize("kit", KITS)
def test_every_metric_says_unit_method_and_quality(kit: str) -> None:
    seen = 0
    for numbered in at_once(header_of(2, kit), inputs_of(2, kit)):
        for name, metric in metrics_of(numbered.event).items():
            seen += 1
            assert metric.unit
            assert metric.method
            assert (metric.value is None) == (metric.quality == "missing"), name
            assert metric.quality == "ok" or metric.reason is not None, name
            assert metric.value is None or np.isfinite(metric.value), name
    assert seen > 20


@settings(max_examples=settings.default.max_examples // 3, phases=[Phase.explicit, Phase.generate])
@given(
    start=st.floats(0.2, 0.95),
    length=st.sampled_from([0.08, 0.15, 0.3, 0.8, 2.0]),
    sensor=st.integers(0, 3),
    seed=st.sampled_from([2, 3]),
)
def test_what_a_gap_touches_is_flagged(start: float, length: float, sensor: int, seed: int) -> None:
    kit = "thigh+shank+force"
    header, items = header_of(seed, kit), inputs_of(seed, kit)
    name = header.sensors[sensor % len(header.sensors)].sensor
    a = int(items[-1].arrival_ns * start)
    b = a + int(length * 1e9)
    cut = tuple(i for i in items if not (isinstance(i, Packet) and i.sensor == name and a < i.arrival_ns < b))
    events = [n.event for n in at_once(header, cut)]
    gaps = [e for e in events if isinstance(e, SensorGap) and e.end_us - e.start_us > 60_000]
    reps = [e.rep for e in events if isinstance(e, RepCompleted)]
    assert reps
    for rep in reps:
        # forces are measured over the eccentric, everything else over the repetition
        loaded = [p for p in rep.phases if p.kind == "eccentric"]
        for gap in gaps:
            start_us, end_us = rep.start_us, rep.end_us
            if gap.sensor in ("left", "right"):
                start_us, end_us = loaded[0].start_us, loaded[-1].end_us
            if gap.start_us < end_us and gap.end_us > start_us:
                assert rep.flags, (gap, rep)
                assert any(m.quality != "ok" for m in rep.metrics.values()), (gap, rep)


# -- law 7: SI inside --------------------------------------------------------------------------------------


def not_finite(value: object, where: str = "") -> list[str]:
    """Where an event holds a number that is none."""
    if isinstance(value, float):
        return [] if math.isfinite(value) else [where]
    if isinstance(value, dict):
        return [w for key, one in value.items() for w in not_finite(one, f"{where}.{key}")]
    if isinstance(value, tuple):
        return [w for i, one in enumerate(value) for w in not_finite(one, f"{where}[{i}]")]
    fields = getattr(value, "__struct_fields__", ())
    return [w for name in fields for w in not_finite(getattr(value, name), f"{where}.{name}")]


@pytest.mark.parametrize("kit", [pytest.param("thigh+force", marks=pytest.mark.long), "force", "thigh+shank"])
def test_what_was_not_measured_is_null_and_never_nan(kit: str) -> None:
    """Holes that begin or end beside the ends of phases, where averages reach over the edge."""
    rep = NordicRep(descent_s=3.0, back="hands", return_s=1.2, pause_s=1.0)
    timeline = (Hold(seconds=4.0), NordicSet(reps=(rep, rep)), Hold(seconds=4.0))
    made = simulate(Scenario(timeline=timeline, kit=kit), 3)
    items = made.inputs()
    edges = [p.end_s for s in made.truth.sets for r in s.reps for p in r.phases]
    edges += [p.start_s for s in made.truth.sets for r in s.reps for p in r.phases]
    header = Header(
        session="nan", exercise=load_exercise("nordic-curl"), sensors=made.setups, software="test"
    )
    rng, seen, holes = random.Random(8), 0, settings.default.max_examples
    for _ in range(holes):
        sensor, edge = rng.choice(made.setups).sensor, rng.choice(edges) + rng.uniform(-0.12, 0.12)
        length = rng.choice([0.1, 0.3, 1.0])
        first, last = (edge, edge + length) if rng.random() < 0.5 else (edge - length, edge)
        kept = [
            item
            for item in items
            if not (
                isinstance(item, Packet) and item.sensor == sensor and first < item.arrival_ns / 1e9 < last
            )
        ]
        for numbered in at_once(header, tuple(kept)):
            assert not not_finite(numbered.event), (sensor, first, last)
            seen += isinstance(numbered.event, RepCompleted)
    assert seen > 1.5 * holes


@pytest.mark.parametrize("name", profile_ids())
def test_profiles_give_si(name: str) -> None:
    for mode in load_profile(name).mode:
        assert len(mode.units) == len(mode.channels)
        known = {
            "imu": {"m/s2", "rad/s", "T"},
            "force": {"N"},
            "heart_rate": {"Hz"},
            "raw": {"1"},
            "other": {"m/s2", "rad/s", "rad", "1"},
        }
        assert set(mode.units) <= known[mode.kind]


SUFFIXES = {
    "_s": "s",
    "_deg": "deg",
    "_n": "N",
    "_deg_s": "deg/s",
    "_ns": "N.s",
    "_pct": "%",
    "_n_s": "N/s",
    "_n_kg": "N/kg",
    "_nm": "N.m",
    "_j": "J",
}


@pytest.mark.parametrize("kit", KITS)
def test_names_of_metrics_carry_their_unit(kit: str) -> None:
    person = Settings(body_mass_kg=75.0, lever_arm_m=0.4)
    header = msgspec.structs.replace(header_of(2, kit), settings=person)
    for numbered in at_once(header, inputs_of(2, kit)):
        for name, metric in metrics_of(numbered.event).items():
            suffix = max((s for s in SUFFIXES if name.endswith(s)), key=len, default=None)
            # a pure number has none
            assert metric.unit == ("1" if suffix is None else SUFFIXES[suffix]), name


# -- law 8: a sensor or an exercise is one file ------------------------------------------------------------


def test_a_new_sensor_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path))
    (tmp_path / "devices").mkdir()
    text = (ROOT / "devices" / "movesense.toml").read_text(encoding="utf-8")
    (tmp_path / "devices" / "my-imu.toml").write_text(
        text.replace('id = "movesense"', 'id = "my-imu"'), encoding="utf-8"
    )
    assert "my-imu" in profile_ids()
    setups = tuple(
        msgspec.structs.replace(s, profile=load_profile("my-imu")) if s.profile.id == "movesense" else s
        for s in simulated(2, "thigh").setups
    )
    assert setups[0].profile.id == "my-imu"
    header = msgspec.structs.replace(header_of(2, "thigh"), sensors=setups)
    assert any(isinstance(e.event, RepCompleted) for e in at_once(header, inputs_of(2, "thigh")))


def test_a_new_exercise_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path))
    (tmp_path / "pipelines").mkdir()
    text = (ROOT / "pipelines" / "nordic-curl.toml").read_text(encoding="utf-8")
    file = tmp_path / "pipelines" / "my-curl.toml"
    file.write_text(text.replace('id = "nordic-curl"', 'id = "my-curl"'), encoding="utf-8")
    assert "my-curl" in exercise_ids()
    events = at_once(header_of(2, "thigh", "my-curl"), inputs_of(2, "thigh"))
    assert any(isinstance(e.event, RepCompleted) for e in events)
