"""What is asked of the plan, and which test holds it: ``tests/demands.toml`` becomes ``docs/demands.md``.

Run ``python tests/demands.py`` to see whether the table is current, with ``--write`` to make it anew.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

TESTS = Path(__file__).resolve().parent
DATA = TESTS / "demands.toml"
PAGE = TESTS.parent / "docs" / "demands.md"

_HEAD = """# What is asked of the plan, and what holds it

Made by `python tests/demands.py --write` from `tests/demands.toml`; a test holds that it is current, that
no demand is left out, and that every test named here exists. The demands were drawn from five published
texts on hamstring training and rehabilitation (000 to 004) and from the conclusions about prescriptions,
checks, contradictions and sensors that follow from them.
"""


_BAD_INPUT = (
    "## What cannot be used as it is",
    "",
    "Nothing of it is lost, and nothing stops for it: what else came is taken. The hub counts each kind.",
    "",
    "| what | answer | held by |",
    "| --- | --- | --- |",
)


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Demands of one source: ids are ``prefix`` and a number from 01 to ``count``."""

    title: str
    prefix: str
    count: Annotated[int, msgspec.Meta(ge=1, le=99)]

    def ids(self) -> list[str]:
        return [f"{self.prefix}{number:02d}" for number in range(1, self.count + 1)]


class Demand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One demand; ``tests`` hold it, ``open`` says what of it is not there and why."""

    title: Annotated[str, msgspec.Meta(min_length=1)]
    tests: tuple[str, ...] = ()
    open: str = ""

    def __post_init__(self) -> None:
        if not self.tests and not self.open:
            raise ValueError("needs tests or a reason")


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of something that cannot be used as it is, and the tests that hold it."""

    what: Annotated[str, msgspec.Meta(min_length=1)]
    answer: Annotated[str, msgspec.Meta(min_length=1)]
    tests: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Demands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them."""

    group: tuple[Group, ...]
    demand: dict[str, Demand]
    bad_input: tuple[Answer, ...]


def read() -> Demands:
    """The demands of the file."""
    return msgspec.convert(tomllib.loads(DATA.read_text(encoding="utf-8")), Demands)


def page(demands: Demands) -> str:
    """The table in Markdown."""
    whole = [one for one in demands.demand.values() if not one.open]
    none = [one for one in demands.demand.values() if not one.tests]
    parts = len(demands.demand) - len(whole) - len(none)
    out = [
        _HEAD,
        f"{len(demands.demand)} demands: {len(whole)} held by tests, {parts} of which a part is open, "
        f"{len(none)} out of scope.",
    ]
    for group in demands.group:
        out += [
            "",
            f"## {group.title}",
            "",
            "| id | asked | held by | open, and why |",
            "| --- | --- | --- | --- |",
        ]
        for name in group.ids():
            one = demands.demand[name]
            tests = "<br>".join(f"`{each}`" for each in one.tests)
            out.append(f"| {name} | {one.title} | {tests} | {one.open} |")
    out += ["", *_BAD_INPUT]
    for answer in demands.bad_input:
        tests = "<br>".join(f"`{each}`" for each in answer.tests)
        out.append(f"| {answer.what} | {answer.answer} | {tests} |")
    return "\n".join(out) + "\n"


def functions(path: Path) -> set[str]:
    """Names of the test functions of a file, also those in classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_")}


def main() -> int:
    text = page(read())
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
    print("current" if current else f"{PAGE.name} is not current: python tests/demands.py --write")
    return 0 if current else 1


if __name__ == "__main__":
    sys.exit(main())
