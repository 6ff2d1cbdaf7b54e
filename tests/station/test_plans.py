"""The plan as a station's target: what is next, what cannot be used, what a session keeps of it."""

from __future__ import annotations

import datetime as dt
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from station_parts import Bench, FakeClock, from_sensors, recovered, replay, short_session

from eccentra.commands import CommandError
from eccentra.errors import InputError
from eccentra.events import CueGiven, SetCompleted, StationReason
from eccentra.inputs import Prescribed
from eccentra.mqtt.contract import encode
from eccentra.mqtt.payloads import PlanItem, PlanState
from eccentra.mqtt.publisher import Publisher
from eccentra.plan.prescription import Prescription
from eccentra.plan.starting import programme_prescription
from eccentra.recording import Recording
from eccentra.simulate import Simulation
from eccentra.station.plans import Plans, read_plan, target_of, target_words, unusable
from eccentra.station.targets import Targets

NOW_US = 1_790_000_005_000_000
DAY_US = 86_400_000_000


def prescription(**changes: Any) -> Prescription:
    first = programme_prescription(
        "mjolsnes-2004", "nordic-curl", 1, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=3
    )
    return msgspec.structs.replace(first, **changes)


def moment(at_us: float) -> str:
    return dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC).isoformat(timespec="milliseconds")


def item(ago_days: float = 1.0, **changes: Any) -> PlanItem:
    one = prescription(**changes)
    return PlanItem(
        exercise=one.exercise,
        level=0,
        since=moment(NOW_US - ago_days * DAY_US),
        decision=None,
        reason=None,
        prescription=one,
    )


def plan(*items: PlanItem, **changes: Any) -> PlanState:
    whole = PlanState(
        time=moment(NOW_US - DAY_US), athlete="a-1", locked=False, message=None, items=items or (item(),)
    )
    return msgspec.structs.replace(whole, **changes)


def document(change: Callable[[dict[str, Any]], None]) -> bytes:
    out: dict[str, Any] = msgspec.json.decode(encode(plan()))
    change(out)
    return encode(out)


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "cannot be used"),
        (b"\xff{", "cannot be used"),
        (b"[" * 100_000, "cannot be used"),
        (b" " * 300_000, "300000 bytes, expected at most"),
        (document(lambda d: d.update(athlete="b-2")), "is of b-2, its topic says a-1"),
        (document(lambda d: d.update(schema="eccentra.plan/0")), "expected eccentra.plan/1"),
        (document(lambda d: d["items"][0]["prescription"].pop("rest_sets_s")), "rest_sets_s"),
        (document(lambda d: d["items"][0]["prescription"].update(sets=0)), ">= 1"),
        (document(lambda d: d["items"][0]["prescription"].update(rpe=None)), "exactly one of rpe and rir"),
        (document(lambda d: d.update(items=d["items"] * 2)), "each exercise once"),
        (document(lambda d: d.update(time=moment(NOW_US + DAY_US))), "1440 min in the future"),
        (document(lambda d: d["items"][0].update(since="yesterday")), "cannot be used"),
    ],
)
def test_a_plan_that_cannot_be_used_is_named(payload: bytes, says: str) -> None:
    with pytest.raises(InputError, match="plan") as error:
        read_plan("a-1", payload, NOW_US)
    assert says in str(error.value)


def test_a_hub_that_says_something_unusable_has_no_plan_and_others_keep_theirs() -> None:
    plans = Plans()
    plans.take("hub", "a-1", encode(plan()), NOW_US)
    with pytest.raises(InputError):
        plans.take("other", "a-1", b"no plan", NOW_US)
    assert plans.of("a-1") == plan()
    older = plan(time=moment(NOW_US - 2 * DAY_US))
    with pytest.raises(InputError, match="older than the one"):
        plans.take("other", "a-1", encode(older), NOW_US)
    plans.take("other", "a-1", b"", NOW_US)
    assert plans.of("a-1") == plan()
    with pytest.raises(InputError):
        plans.take("hub", "a-1", b"no plan", NOW_US)
    assert plans.of("a-1") is None
    plans.take("hub", "a-1", encode(plan()), NOW_US)
    plans.take("hub", "a-1", b"", NOW_US)
    assert (plans.of("a-1"), plans.of(None)) == (None, None)


def test_items_that_cannot_be_a_target_now() -> None:
    weeks = prescription().weeks
    assert unusable(item(), NOW_US) is None
    assert "weeks, which are over" in (unusable(item(7 * weeks + 0.1), NOW_US) or "")
    other = msgspec.structs.replace(item(), exercise="squat")
    assert "prescribes nordic-curl under squat" in (unusable(other, NOW_US) or "")
    assert "no exercise" in (unusable(item(exercise="moon-walk"), NOW_US) or "")
    slow = item(tempo_s=(100.0, 0.0, 0.0, 0.0), tut_s=500.0)
    assert "eccentric is 100.0, expected 0.2 to 60 s" in (unusable(slow, NOW_US) or "")


def test_what_a_session_takes_of_it() -> None:
    target = target_of(item())
    assert target["tempo_s"]["eccentric"] == prescription().tempo_s[0]
    assert target["tempo_s"]["concentric"] is None
    assert target["reps"] == prescription().reps
    assert target["pain_limits"] == {"stop": prescription().pain_limits.stop}
    assert target_words(target).startswith("2 x 5, tempo ")
    pyramid = item(sets=3, reps=(8, 6, 4), tut_s=24.0)
    assert target_of(pyramid)["reps"] is None
    assert target_words(target_of(pyramid)).startswith("8 + 6 + 4, tempo")
    assert target_words({"tempo_s": None}) == target_words({"item": {}}) == ""


def reason(targets: Targets, exercise: str | None = None) -> str:
    with pytest.raises(CommandError) as error:
        targets.find("a-1", exercise, NOW_US)
    return error.value.reason


def test_which_exercise_is_next() -> None:
    targets = Targets()
    assert reason(targets) == "no_exercise"
    assert targets.find("a-1", "squat", NOW_US).prescription is None
    second = item(exercise="nordic-curl-assisted")
    targets.plans.take("hub", "a-1", encode(plan(item(), second)), NOW_US)
    assert targets.find("a-1", None, NOW_US).exercise == "nordic-curl"
    named = targets.find("a-1", "nordic-curl-assisted", NOW_US)
    assert named.prescription == target_of(second)
    assert targets.find("a-1", "squat", NOW_US).prescription is None
    assert targets.find("b-2", "nordic-curl", NOW_US).prescription is None
    over = plan(item(1000.0), msgspec.structs.replace(second, since=moment(0)), time=moment(NOW_US))
    targets.plans.take("hub", "a-1", encode(over), NOW_US)
    assert reason(targets) == "plan_stale"
    stale = targets.find("a-1", "nordic-curl", NOW_US)
    assert stale.note is not None
    assert (stale.prescription, stale.note.reason) == (None, StationReason.PLAN_REFUSED)
    locked = plan(locked=True, message="Stop.", time=moment(NOW_US))
    targets.plans.take("hub", "a-1", encode(locked), NOW_US)
    assert reason(targets) == "plan_locked"
    note = targets.find("a-1", "nordic-curl", NOW_US).note
    assert note is not None
    assert note.reason is StationReason.PLAN_LOCKED
    empty = msgspec.structs.replace(plan(), items=(), time=moment(NOW_US))
    targets.plans.take("hub", "a-1", encode(empty), NOW_US)
    assert reason(targets) == "plan_empty"


# -- in a room ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return short_session("thigh", reps=2)


def stream(bench: Bench, simulation: Simulation, until_s: float = 1e9) -> None:
    bench.play(from_sensors(simulation), bench.clock.now_ns, until_s)


def wait(bench: Bench, seconds: float) -> None:
    for _ in range(round(seconds)):
        bench.clock.now_ns += 1_000_000_000
        bench.station.turn()


def test_a_session_begins_with_the_next_item_and_keeps_it(tmp_path: Path, simulation: Simulation) -> None:
    bench = Bench(tmp_path, simulation, exercise=None)
    recovered(bench)
    own = item(sets=1, reps=2, tempo_s=(3.0, 0.0, 0.0, 0.0), tut_s=6.0)
    bench.station.plan("hub", "a-1", encode(plan(own)))
    state = bench.station.state()
    assert (state.planned, state.target.partition(",")[0]) == ("nordic-curl", "1 x 2")
    begin = bench.clock.now_ns
    packets = from_sensors(simulation)
    bench.play(packets, begin, 1.0)
    assert bench.ask("start").status == "done"
    # another plan comes in the middle: the running session does not notice
    bench.station.plan("hub", "a-1", encode(plan(item(), time=moment(NOW_US))))
    bench.play([one for one in packets if one.arrival_ns > 1_000_000_000], begin)
    wait(bench, 30)
    assert bench.station.state().target.startswith("1 x 2, tempo 3-0-0-0 s")
    bench.ask("stop", "r-2")
    (path,) = bench.files()
    with Recording(path) as recording:
        given = [one for one in recording.inputs() if isinstance(one, Prescribed)]
        assert recording.header.settings.load == "0 % of body mass added"
    assert [one.prescription for one in given] == [target_of(own)]
    assert replay(path) == bench.told.events
    assert bench.told.of(CueGiven)
    assert len(bench.told.of(SetCompleted)) == 1


def test_what_is_done_is_known_after_a_restart(tmp_path: Path, simulation: Simulation) -> None:
    one = encode(plan(item(sets=1, reps=2, tut_s=6.0), item(exercise="nordic-curl-assisted")))
    bench = Bench(tmp_path, simulation, exercise=None)
    recovered(bench)
    bench.station.plan("hub", "a-1", one)
    begin = bench.clock.now_ns
    packets = from_sensors(simulation)
    bench.play(packets, begin, 1.0)
    bench.ask("start")
    bench.play([each for each in packets if each.arrival_ns > 1_000_000_000], begin)
    wait(bench, 30)
    bench.ask("stop", "r-2")
    assert bench.station.state().planned == "nordic-curl-assisted"
    for hours, planned in ((0.1, "nordic-curl-assisted"), (7.0, "nordic-curl")):
        clock = FakeClock(bench.clock.now_ns + round(hours * 3.6e12))
        later = Bench(tmp_path, simulation, exercise=None, clock=clock)
        recovered(later)
        later.station.plan("hub", "a-1", one)
        assert later.station.state().planned == planned


def test_the_plan_is_known_after_a_restart_without_a_broker(tmp_path: Path, simulation: Simulation) -> None:
    def restarted() -> Bench:
        bench = Bench(tmp_path, simulation, exercise=None, takes_plans=True)
        recovered(bench)
        return bench

    bench = restarted()
    assert bench.station.state().planned is None
    bench.station.plan("hub", "a-1", encode(plan()))
    bench.station.plan("hub", "a-2", encode(plan(athlete="a-2")))  # nobody who trains here
    (kept,) = (tmp_path / "plans").iterdir()
    assert (kept.name, stat.S_IMODE(kept.stat().st_mode)) == ("a-1.json", 0o600)
    again = restarted()
    assert again.station.state().target == bench.station.state().target != ""
    # what a hub says now is newer news, be it older by its own clock, or that there is none
    again.station.plan("hub", "a-1", encode(plan(locked=True, message="stop", time=None)))
    assert restarted().ask("start").reason == "plan_locked"
    again.station.plan("hub", "a-1", b"")
    assert list((tmp_path / "plans").iterdir()) == []
    assert restarted().station.state().planned is None


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b'{"node":"hub","plan":{"schema":"eccentra.plan/9"}}']
)
def test_a_kept_plan_that_cannot_be_used_is_left_out(
    tmp_path: Path, simulation: Simulation, content: bytes
) -> None:
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "a-1.json").write_bytes(content)
    bench = Bench(tmp_path, simulation, exercise=None, takes_plans=True)
    recovered(bench)
    assert bench.station.state().planned is None


def test_a_plan_that_cannot_be_used_is_one_event_and_no_target(
    tmp_path: Path, simulation: Simulation
) -> None:
    bench = Bench(tmp_path, simulation)
    recovered(bench)
    bench.station.plan("hub", "a-1", encode(plan(athlete="b-2")))
    stream(bench, simulation, 3.0)
    assert [(one.reason, one.level) for one in bench.told.notes] == [(StationReason.PLAN_REFUSED, "warning")]
    assert "is of b-2, its topic says a-1" in bench.told.notes[0].detail
    bench.ask("stop")
    with Recording(bench.files()[0]) as recording:
        assert not [one for one in recording.inputs() if isinstance(one, Prescribed)]


def test_another_exercise_in_the_session_has_its_own_target(tmp_path: Path, simulation: Simulation) -> None:
    bench = Bench(tmp_path, simulation)
    recovered(bench)
    bench.station.plan("hub", "a-1", encode(plan()))
    stream(bench, simulation, 3.0)
    assert bench.station.state().target
    assert bench.ask("set exercise=nordic-curl-assisted").status == "done"
    assert not bench.station.state().target
    assert bench.ask("set exercise=nordic-curl", "r-2").status == "done"
    assert bench.station.state().target
    bench.ask("stop", "r-3")
    assert replay(bench.files()[0]) == bench.told.events


def test_plans_come_over_mqtt_kept_by_the_broker(tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).parent.parent / "mqtt"))
    from mqtt_parts import Amqtt, wait_for

    broker = Amqtt(tmp_path)
    broker.start()
    came: list[tuple[str, str, bytes]] = []
    url = f"mqtt://127.0.0.1:{broker.port}"
    try:
        with Publisher(url, site="home", node="hub") as hub:
            hub.put_state("plan", encode(plan()), athlete="a-1")
            assert hub.flush(10)
            with Publisher(url, site="home", node="gateway") as station:
                station.on_plans(lambda *one: came.append(one))
                wait_for(lambda: bool(came), "the plan")
                hub.put_state("plan", b"", athlete="a-1")
                wait_for(lambda: came[-1][2] == b"", "that it is gone")
    finally:
        broker.stop()
    # subscribed to twice, a retained message may come twice
    assert list(dict.fromkeys(came)) == [("hub", "a-1", encode(plan())), ("hub", "a-1", b"")]
