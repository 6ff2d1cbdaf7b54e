"""README's table of sensors is made from the profiles, all of them, and current."""

from __future__ import annotations

import pytest

import sensor_table
from eccentra.profiles import load_profile, profile_ids


def test_the_table_is_current() -> None:
    text = sensor_table.README.read_text(encoding="utf-8")
    assert sensor_table.with_table(text) == text, "python tests/sensor_table.py --write"


def test_every_profile_has_one_line() -> None:
    lines = sensor_table.table().splitlines()
    for name in profile_ids():
        (line,) = [line for line in lines if f"| `{name}` |" in line]
        assert load_profile(name).maker in line
        assert line.count("|") == 7


def test_a_page_without_marks_is_said() -> None:
    with pytest.raises(ValueError, match="no marks"):
        sensor_table.with_table("# Eccentra\n")
