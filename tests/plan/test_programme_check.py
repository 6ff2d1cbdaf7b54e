"""Incomplete is an error; advice warns, in rehabilitation only; every programme file passes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eccentra.plan.programme_check import Finding, check_prescribed, check_programme, roles_of
from eccentra.plan.programmes import load_programme, programme_ids
from eccentra.plan.starting import programme_prescription


def prescribed(
    template: str, exercise: str, load: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    one = programme_prescription(
        template, exercise, 1, load or {"load_kg": 20.0}, author="t1", approved_by="t1", stage=3
    )
    return {**msgspec.to_builtins(one), **changes}


def whole_programme(**changes: Any) -> list[dict[str, Any]]:
    """Twelve weeks with eccentric, hip and trunk work, supervised."""
    names = ("leg-curl", "side-lying-abduction", "plank")
    return [prescribed("hsr-12-weeks", name, supervised="in_person", **changes) for name in names]


def codes(found: tuple[Finding, ...]) -> list[str]:
    return [one.code for one in found]


# what the published programmes of rehabilitation do not say themselves
ADVICE = {
    "askling-l": ["few_supervised"],
    "hsr-12-weeks": ["few_supervised"],
    "tendinopathy-stages": ["few_supervised"],
}


@pytest.mark.parametrize("name", programme_ids())
def test_every_programme_passes(name: str) -> None:
    found = check_programme(load_programme(name))
    assert codes(found) == ADVICE.get(name, [])
    assert all(one.level == "warning" for one in found)


def test_nothing_to_say_of_a_whole_programme() -> None:
    assert check_prescribed(whole_programme(), profile="tendinopathy", warm_up=True) == ()


@pytest.mark.parametrize("key", ["rest_sets_s", "load_kg", "rom", "pain_limits"])
def test_an_incomplete_prescription_is_an_error_that_names_the_field(key: str) -> None:
    bad = whole_programme()
    del bad[0][key]
    found = check_prescribed(bad, profile="tendinopathy", warm_up=True)
    assert (found[0].level, found[0].code, found[0].exercise) == ("error", "incomplete", "leg-curl")
    assert key in found[0].message
    # it is an error in every profile
    assert codes(check_prescribed(bad, profile="prevention"))[0] == "incomplete"


def test_an_unknown_exercise_is_an_error() -> None:
    found = check_prescribed(
        [{**prescribed("hsr-12-weeks", "plank"), "exercise": "backflip"}], profile="prevention"
    )
    assert codes(found) == ["unknown_exercise"]


@pytest.mark.parametrize(
    ("left_out", "code"),
    [("leg-curl", "no_eccentric_week"), ("side-lying-abduction", "no_hip_work"), ("plank", "no_trunk_work")],
)
def test_what_is_left_out_warns(left_out: str, code: str) -> None:
    some = [one for one in whole_programme() if one["exercise"] != left_out]
    assert codes(check_prescribed(some, profile="acute_strain", warm_up=True)) == [code]
    assert check_prescribed(some, profile="prevention") == ()


@pytest.mark.parametrize(
    ("changes", "warm_up", "code"),
    [
        ({"weeks": 11}, True, "short_programme"),
        ({"supervised": "none"}, True, "few_supervised"),
        ({}, False, "no_warm_up"),
        ({}, None, "no_warm_up"),
    ],
)
def test_length_supervision_and_warm_up_warn_in_rehabilitation_only(
    changes: dict[str, Any], warm_up: bool | None, code: str
) -> None:
    some = [{**one, **changes} for one in whole_programme()]
    assert codes(check_prescribed(some, profile="tendinopathy", warm_up=warm_up)) == [code]
    assert check_prescribed(some, profile="prevention", warm_up=warm_up) == ()


def test_eccentric_work_must_last_as_long_as_the_programme() -> None:
    some = whole_programme()
    some[0]["weeks"] = 8
    found = check_prescribed(some, profile="tendinopathy", warm_up=True)
    assert codes(found) == ["no_eccentric_week"]
    assert "4 of 12 weeks" in found[0].message
    # without a lowering it is none
    some = whole_programme()
    some[0] |= {"tempo_s": [0.0, 3.0, 3.0, 0.0]}
    assert codes(check_prescribed(some, profile="tendinopathy", warm_up=True)) == ["no_eccentric_week"]


@pytest.mark.parametrize("profile", ["prevention", "tendinopathy"])
@pytest.mark.parametrize("changes", [{"rest_sessions_h": 24.0}, {"frequency_per_week": 4.0}])
def test_heavy_sessions_want_48_hours_in_every_profile(profile: Any, changes: dict[str, Any]) -> None:
    some = whole_programme()
    some[0] |= changes
    found = check_prescribed(some, profile=profile, warm_up=True)
    assert [(one.code, one.exercise) for one in found] == [("heavy_too_close", "leg-curl")]
    # not an exercise that is not heavy
    some = whole_programme()
    some[2] |= changes
    assert check_prescribed(some, profile=profile, warm_up=True) == ()


def test_roles_come_from_the_programmes() -> None:
    assert "eccentric_hamstring" in roles_of("nordic-curl")
    assert roles_of("plank") == {"trunk"}
    assert roles_of("generic") == frozenset()
