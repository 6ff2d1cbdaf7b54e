"""Every demand has its line, every line a test that exists or a reason, and the page is made from it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import demands

ALL = demands.read()


def test_no_demand_is_left_out() -> None:
    expected = [name for group in ALL.group for name in group.ids()]
    assert sorted(ALL.demand) == sorted(expected)
    assert [group.count for group in ALL.group] == [30, 13, 13, 10, 10, 13, 8, 9, 6]


@pytest.mark.parametrize("name", ALL.demand)
def test_every_named_test_exists(name: str) -> None:
    for one in ALL.demand[name].tests:
        path, _, function = one.partition("::")
        assert function in demands.functions(demands.TESTS / path), one


def test_every_bad_input_has_its_answer_held_by_tests_that_exist() -> None:
    kinds = ["out of order", "twice", "from the future", "unknown athlete", "another schema"]
    kinds += ["impossible score", "missing field", "one migration behind", "newer version"]
    said = " ".join(one.what for one in ALL.bad_input)
    assert [kind for kind in kinds if kind not in said] == []
    for one in ALL.bad_input:
        for test in one.tests:
            path, _, function = test.partition("::")
            assert function in demands.functions(demands.TESTS / path), test


def test_the_page_is_current() -> None:
    assert demands.PAGE.read_text(encoding="utf-8") == demands.page(ALL), "python tests/demands.py --write"


def test_a_demand_without_test_and_reason_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="needs tests or a reason"):
        msgspec.convert({"title": "x"}, demands.Demand)


def test_only_real_functions_are_found(tmp_path: Path) -> None:
    path = tmp_path / "test_x.py"
    path.write_text('"""def test_words(): ..."""\nclass A:\n    def test_in(self): ...\ndef helper(): ...\n')
    assert demands.functions(path) == {"test_in"}
