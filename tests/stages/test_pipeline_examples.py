"""Every example in ``pipelines/*.toml`` gives what it says, through the whole session loop."""

from __future__ import annotations

import pytest

from eccentra.events import RepAmended, RepCompleted, Repetition
from eccentra.exercises import Example, exercise_ids, load_exercise
from eccentra.session import Header, Session
from eccentra.simulate import scenario_from, simulate

EXAMPLES = [(name, k) for name in exercise_ids() for k in range(len(load_exercise(name).example))]


@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_example(name: str, number: int) -> None:
    exercise = load_exercise(name)
    example: Example = exercise.example[number]
    simulation = simulate(scenario_from(example.scenario), example.seed)
    session = Session(
        Header(session="example", exercise=exercise, sensors=simulation.setups, software="test")
    )
    events = [n.event for n in (*session.feed_many(simulation.inputs()), *session.finish())]
    reps: dict[tuple[int, int], Repetition] = {}
    for event in events:
        if isinstance(event, RepCompleted):
            reps[event.rep.set_index, event.rep.index] = event.rep
        elif isinstance(event, RepAmended) and not event.counted:
            reps.pop((event.set_index, event.index), None)
    sets = sorted({key[0] for key in reps})
    inside = [[rep for key, rep in reps.items() if key[0] == one] for one in sets]
    found = {
        "reps_counted": [len(group) for group in inside],
        "reps_valid": [sum(rep.valid for rep in group) for group in inside],
        "breaks": [sum(rep.break_point is not None for rep in group) for group in inside],
    }
    assert {key: found[key] for key in example.expect} == example.expect
