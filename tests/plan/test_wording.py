"""Words that people read: what is said, and what never is (a claim, a finding, a verdict about a person)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from needs import ROOT

NEVER = re.compile(
    r"diagnos\w*|cures?\b|heals?\b|healing|risk score|high risk|injury risk|risk of|safe to return"
    r"|fit to return|cleared (?:for|to)\b|abnormal|deficit|clinically validated|medical grade|you failed"
    r"|dose adjustment",
    re.IGNORECASE,
)
REMEDIES = re.compile(
    r"\bice\b|ibuprofen|paracetamol|nsaid|ultrasound|shock ?wave|massage|compression|elevation|needling",
    re.IGNORECASE,
)
# "not intended to diagnose" is the intended use itself; a checklist says what it never says
MAY = ("not intended to diagnose",)
FOLDERS = ("plan", "hub", "cli", "station", "mqtt", "sound", "export", "stages")


def strings(path: Path) -> Iterator[str]:
    """String constants that are no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


@pytest.fixture(scope="module")
def said() -> list[tuple[str, str]]:
    """All that may be shown: strings of the programs, and texts of exercises and programmes."""
    source = ROOT / "src" / "eccentra"
    found = [
        (path.name, text)
        for folder in FOLDERS
        for path in sorted((source / folder).rglob("*.py"))
        for text in strings(path)
    ]
    quoted = re.compile(r'"([^"\n]*)"')
    for path in sorted((ROOT / "pipelines").rglob("*.toml")):
        # sources name papers by their own titles
        text = re.sub(r"(?s)sources = \[.*?\n\]", "", path.read_text(encoding="utf-8"))
        found += [(path.name, each) for each in quoted.findall(text)]
    return found


def test_there_is_something_to_read(said: list[tuple[str, str]]) -> None:
    assert len(said) > 2000


def test_words_that_are_not_used(said: list[tuple[str, str]]) -> None:
    found = [
        (name, text) for name, text in said if NEVER.search(text) and not any(words in text for words in MAY)
    ]
    assert found == []


def test_no_drugs_or_remedies(said: list[tuple[str, str]]) -> None:
    assert [(name, text) for name, text in said if REMEDIES.search(text)] == []


@pytest.mark.parametrize(
    "text", ["diagnosis: strain", "a high risk of injury", "safe to return", "apply ice"]
)
def test_such_words_would_be_found(text: str) -> None:
    assert NEVER.search(text) or REMEDIES.search(text)
