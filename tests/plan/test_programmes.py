"""Every programme file loads, is whole, and says where it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from eccentra.errors import PlanError
from eccentra.plan import programmes
from eccentra.plan.programmes import load_programme, programme_ids


@pytest.mark.parametrize("name", programme_ids())
def test_a_programme_is_whole(name: str) -> None:
    one = load_programme(name)
    assert any(course.role == "eccentric_hamstring" for course in one.course)
    for course in one.course:
        for week in range(1, course.weeks + 1):
            assert course.of_week(week) is not None
        assert course.of_week(course.weeks + 1) is None


def test_the_ramp_is_the_published_one() -> None:
    course = load_programme("mjolsnes-2004").course[0]
    weekly = [dose.reps_a_week() for week in range(1, 11) if (dose := course.of_week(week))]
    assert weekly == [10, 24, 54, 72, 90, 90, 90, 90, 90, 90]


def test_heavy_slow_resistance_is_the_published_one() -> None:
    course = load_programme("hsr-12-weeks").course[0]
    doses = [course.of_week(week) for week in (1, 2, 4, 6, 9, 12)]
    assert [(d.sets, d.rm) for d in doses if d] == [(3, 15), (3, 12), (4, 10), (4, 8), (4, 6), (4, 6)]
    # time under tension of a set, s: the published 90, 72, 60, 48, 36
    assert [int(sum(course.tempo_s) * (d.rm or 0)) for d in doses[:5] if d] == [90, 72, 60, 48, 36]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("week = 2,", "week = 4,", "course"),
        ('role = "eccentric_hamstring"', 'role = "magic"', "role"),
        ('"nordic-curl"', '"backflip"', "exercises"),
        ("rpe = 8.0", "rpe = 8.0\nspeed = 2", "speed"),
        ("reps = [12, 10, 8]", "reps = [12, 10]", "course"),
    ],
)
def test_a_wrong_programme_names_its_key(
    old: str, new: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (programmes.find_data_file("pipelines/programmes", "mjolsnes-2004") or Path()).read_text()
    assert old in text
    folder = tmp_path / "pipelines" / "programmes"
    folder.mkdir(parents=True)
    (folder / "mjolsnes-2004.toml").write_text(text.replace(old, new, 1))
    monkeypatch.setenv("ECCENTRA_HOME", str(tmp_path))
    load_programme.cache_clear()
    try:
        with pytest.raises(PlanError, match=where):
            load_programme("mjolsnes-2004")
    finally:
        load_programme.cache_clear()


@pytest.mark.parametrize("name", programme_ids())
def test_a_tendon_gets_twelve_to_twenty_six_weeks(name: str) -> None:
    one = load_programme(name)
    if one.profile == "tendinopathy":
        assert 12 <= one.weeks <= 26
