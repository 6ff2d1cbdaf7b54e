"""Time alone changes an answer: a break is decided about before the first session back, and once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hub_parts import ask, at, begin, end_state, payloads

from eccentra.hub.take import sweep, take
from eccentra.store.database import Store, open_store
from eccentra.store.decisions import in_force, open_decisions


def trained(store: Store) -> None:
    begin(store, mode="clinic")
    take(store, payloads("s1"), now_us=at(0.5))


def answer(store: Store, day: float) -> dict[str, Any]:
    """What is decided at a day's end; it is accepted."""
    sweep(store, now_us=at(day))
    with store.read() as connection:
        (kept,) = open_decisions(connection, "p1")
    out: dict[str, Any] = msgspec.json.decode(kept.output)
    asked = {"decision": kept.id, "who": "t1"}
    assert ask(store, "accept", f"a{day}", at(day), **asked) == ("done", "done")
    return out


def reps(store: Store) -> Any:
    with store.read() as connection:
        held = in_force(connection, "p1", "nordic-curl")
    assert held is not None
    return held.prescription.sets, held.prescription.reps


def test_a_morning_that_nobody_answered_holds_the_step(store: Store) -> None:
    trained(store)
    assert sweep(store, now_us=at(1.5)).decisions == ()
    with store.read() as connection:
        assert open_decisions(connection, "p1")[0].at_us < at(1)
    late = answer(store, 2.0)
    assert (late["row"], late["action"], late["modifiers"], late["provisional"]) == (
        16,
        "HOLD",
        ["M3"],
        False,
    )


def test_each_length_of_a_break_is_decided_about_once_before_the_first_session_back(store: Store) -> None:
    trained(store)
    answer(store, 2.0)
    assert sweep(store, now_us=at(10.2)).decisions == ()  # once a week is prescribed: ten days are none
    assert (answer(store, 12.0)["row"], reps(store)) == (5, (2, 5))
    assert sweep(store, now_us=at(12.1)).decisions == ()
    third = answer(store, 16.0)
    assert (third["row"], third["action"], third["steps"]) == (5, "REGRESS", 1)
    eased = reps(store)
    assert eased == (2, 4)
    fourth = answer(store, 23.0)
    assert (fourth["row"], fourth["action"], fourth["steps"]) == (5, "REGRESS", 2)
    for day in (30.0, 60.0):
        assert sweep(store, now_us=at(day)).decisions == ()


def test_a_report_in_a_break_makes_it_no_easier_again(store: Store) -> None:
    trained(store)
    answer(store, 16.0)
    eased = reps(store)
    assert ask(store, "report", "r", at(17), athlete="p1", kind="before", pain=0.0)[0] == "done"
    with store.read() as connection:
        (kept,) = open_decisions(connection, "p1")
    out = msgspec.json.decode(kept.output)
    assert (out["row"], out["action"], out["steps"]) == (5, "HOLD", 0)
    assert reps(store) == eased


def test_after_a_step_up_the_same_sessions_do_not_count_again(store: Store) -> None:
    trained(store)
    assert ask(store, "report", "m", at(0.9), athlete="p1", kind="next_morning", session="s1", pain=0.0)
    up = answer(store, 1.0)
    assert up["action"] == "PROGRESS"
    assert ask(store, "report", "r", at(2), athlete="p1", kind="before", pain=0.0)[0] == "done"
    with store.read() as connection:
        (kept,) = open_decisions(connection, "p1")
    assert msgspec.json.decode(kept.output)["action"] == "HOLD"


def test_many_hubs_on_one_clock_find_the_same(store: Store) -> None:
    trained(store)
    assert len(sweep(store, now_us=at(40)).decisions) == 1
    assert sweep(store, now_us=at(41)).decisions == ()


def test_a_session_that_comes_late_moves_the_break(store: Store, tmp_path: Path) -> None:
    trained(store)
    assert sweep(store, now_us=at(60)).decisions
    take(store, payloads("s2", day=3.0), now_us=at(60))
    sweep(store, now_us=at(60))
    alone = open_store(f"sqlite:///{tmp_path / 'alone.sqlite'}")
    begin(alone, mode="clinic")
    take(alone, [*payloads("s1"), *payloads("s2", day=3.0)], now_us=at(60))
    sweep(alone, now_us=at(60))
    assert end_state(store)["open"] == end_state(alone)["open"]
    alone.close()
