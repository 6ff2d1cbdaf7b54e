"""Rules as data, the rise of a sensor, shared parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eccentra.errors import ExerciseError
from eccentra.events import FaultId, Reason
from eccentra.exercises import load_exercise
from eccentra.stages.joint_numbers import METRICS
from eccentra.stages.joint_rise import rise_of
from eccentra.stages.rules import Rule, broken, check_rules
from needs import ROOT

SQUAT = (ROOT / "pipelines" / "squat.toml").read_text(encoding="utf-8")


def rule(**more: object) -> Rule:
    given = {"id": "short_rom", "metric": "rom_share", "op": "<", "value": 0.8, "unit": "1", "cue": "x"}
    return Rule(**(given | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "no_such"}, "no such id, see FaultId"),
        ({"metric": "no_such"}, "no metric 'no_such'"),
        ({"unit": "deg"}, "unit is 'deg', rom_share has '1'"),
        ({"value": float("nan")}, "finite"),
        ({"for_s": 1.0}, "for_s only with a course"),
        ({"cue": ""}, "cue is empty"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_rules((rule(**change),), FaultId, METRICS)


def test_a_rule_stands_once_and_validity_has_reasons() -> None:
    with pytest.raises(ValueError, match="stands twice"):
        check_rules((rule(), rule()), FaultId, METRICS)
    with pytest.raises(ValueError, match="see Reason"):
        check_rules((rule(),), Reason, METRICS)


def test_a_mistake_in_a_files_rule_names_file_and_place(tmp_path: Path) -> None:
    file = tmp_path / "squat.toml"
    file.write_text(SQUAT.replace('id = "short_rom"', 'id = "short_room"'), encoding="utf-8")
    with pytest.raises(ExerciseError, match="short_room") as caught:
        load_exercise(file)
    assert str(file) in str(caught.value)
    file.write_text(SQUAT.replace('defaults = "joint"', 'defaults = "joiny"'), encoding="utf-8")
    with pytest.raises(ExerciseError, match=r"stage\.defaults"):
        load_exercise(file)


def test_numbers_break_rules_and_what_is_missing_does_not() -> None:
    assert broken((rule(),), {"rom_share": 0.7}, {}, 0.01)[0].value == 0.7
    assert broken((rule(),), {"rom_share": 0.8}, {}, 0.01) == []
    assert broken((rule(),), {"rom_share": None}, {}, 0.01) == []
    assert broken((rule(),), {}, {}, 0.01) == []


def test_a_course_has_to_stay_beyond_the_limit_long_enough() -> None:
    course = np.array([0.0] * 50 + [20.0] * 20 + [0.0] * 50 + [17.0] * 40 + [0.0] * 10)
    one = rule(metric="thigh_turn_deg", op=">", value=15.0, unit="deg", for_s=0.3)
    assert [b.value for b in broken((one,), {}, {"thigh_turn_deg": course}, 0.01)] == [17.0]
    short = rule(metric="thigh_turn_deg", op=">", value=15.0, unit="deg", for_s=0.5)
    assert broken((short,), {}, {"thigh_turn_deg": course}, 0.01) == []


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_rising_sensor_is_told_from_a_sinking_one(sign: float) -> None:
    rng = np.random.default_rng(1)
    step, n = 0.01, 200
    u = np.arange(n) / n
    jerk = sign * 0.3 * (60 * u - 180 * u**2 + 120 * u**3) / (n * step) ** 2
    up = np.tile([0.6, 0.0, 0.8], (2 * n, 1))
    vertical = 9.81 + np.concatenate([jerk, -jerk]) + 0.15
    acc = up * vertical[:, None] + 0.05 * rng.standard_normal((2 * n, 3))
    rise = rise_of(up, acc, step, [(0, n, 1), (n, 2 * n, -1)], 0.2)
    assert sign * rise > 3.0


def test_a_slow_movement_does_not_say_whether_it_rises() -> None:
    rng = np.random.default_rng(2)
    n = 1000
    up = np.tile([0.0, 0.0, 1.0], (n, 1))
    acc = up * (9.81 + np.linspace(-0.1, 0.1, n))[:, None] + 0.05 * rng.standard_normal((n, 3))
    assert abs(rise_of(up, acc, 0.01, [(0, n, 1)], 0.2)) < 1.5


def test_what_exceeds_any_rise_by_far_says_little() -> None:
    """Ten seconds of an offset that changes with the inclination: metres, though no sensor rises so far."""
    n = 1000
    up = np.tile([0.0, 0.0, 1.0], (n, 1))
    acc = up * (9.81 + np.linspace(-0.25, 0.25, n))[:, None]
    assert abs(rise_of(up, acc, 0.01, [(0, n, 1)], 0.25)) < 0.3
