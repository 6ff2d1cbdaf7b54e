"""Data files in TOML: where those of a kind lie, and what is wrong with one.

The user's own folder is searched first, then what came with Eccentra. Installed, ``devices`` and
``pipelines`` lie inside the package. In a checkout they lie beside ``pyproject.toml``, and nothing is
copied: an edited file counts at once.
"""

from __future__ import annotations

import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import msgspec.inspect
from platformdirs import user_config_path

__all__ = ["data_files", "data_folders", "explain_invalid", "find_data_file", "user_folder"]

_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")


def user_folder() -> Path:
    """The user's folder of settings and own files; the environment variable ``ECCENTRA_HOME`` overrides."""
    home = os.environ.get("ECCENTRA_HOME")
    return Path(home) if home else user_config_path("eccentra", appauthor=False)


def data_folders(kind: str) -> list[Path]:
    """Existing folders that may hold files of ``kind`` (``devices`` or ``pipelines``), the first one wins."""
    return [folder for folder in (user_folder() / kind, _shipped(kind)) if folder.is_dir()]


def data_files(kind: str) -> list[Path]:
    """All TOML files of ``kind``, sorted by name; a user's file hides a shipped one of the same name."""
    found: dict[str, Path] = {}
    for folder in data_folders(kind):
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return [found[stem] for stem in sorted(found)]


def find_data_file(kind: str, name: str) -> Path | None:
    """The TOML file of ``kind`` with the id ``name`` (the file's stem), or ``None``."""
    if not _ID.fullmatch(name):
        return None
    for folder in data_folders(kind):
        path = folder / f"{name}.toml"
        if path.is_file():
            return path
    return None


def explain_invalid(
    error: msgspec.ValidationError, raw: Any, wanted: Any, prefix: str = ""
) -> tuple[str, str | None]:
    """What is wrong, with what was found and what is allowed, and the key path where.

    Parameters
    ----------
    error
        What :func:`msgspec.convert` raised.
    raw, wanted
        What was converted, and the type to which.
    prefix
        Key path of ``raw`` inside its file.
    """
    problem, at, where = str(error).rpartition(" - at `$")
    if not at:
        problem, where = str(error), ""
    # msgspec writes [...] for a key of a table whose keys are free
    path = re.findall(r"(?<=\[)\.\.\.|[^.\[\]]+", where.rstrip("`"))
    found, wanted = _follow(path, raw, msgspec.inspect.type_info(wanted))
    keys = [prefix] if prefix else []
    keys += [f"[{key}]" if key.isdigit() or key == "..." else key for key in path]
    unknown = re.search(r"unknown field `(.*)`", problem)
    if unknown and isinstance(wanted, msgspec.inspect.StructType):
        keys.append(unknown[1])
        known = ", ".join(sorted(field.encode_name for field in wanted.fields))
        problem = f"no such key; allowed are {known}"
    elif isinstance(wanted, msgspec.inspect.LiteralType):
        problem = f"is {found!r}, expected one of {', '.join(map(str, wanted.values))}"
    elif isinstance(found, str | int | float):
        problem = f"{problem}; found {found!r}"
    return problem[:600], ".".join(keys).replace(".[", "[") or None


def _follow(path: list[str], found: Any, wanted: Any) -> tuple[Any, Any]:
    """Value and type at a key path; ``None`` where it leads nowhere."""
    for key in path:
        try:
            found = found[int(key)] if key.isdigit() else found[key]
        except (KeyError, IndexError, TypeError):
            found = None
        wanted = _inner(_plain(wanted, found), key)
    return found, _plain(wanted, found)


def _plain(wanted: Any, found: Any) -> Any:
    """The type without constraints; of a union, the member that a table or list is meant for."""
    while isinstance(wanted, msgspec.inspect.Metadata):
        wanted = wanted.type
    if isinstance(wanted, msgspec.inspect.UnionType):
        members = [_plain(member, found) for member in wanted.types]
        nested = [m for m in members if hasattr(m, "fields") or hasattr(m, "item_type")]
        plain = [m for m in members if m not in nested and not isinstance(m, msgspec.inspect.NoneType)]
        fitting = nested if isinstance(found, dict | list) else plain
        return fitting[0] if fitting else None
    return wanted


def _inner(wanted: Any, key: str) -> Any:
    """Type of the member ``key`` of a table, list or struct."""
    if isinstance(wanted, msgspec.inspect.StructType):
        return next((field.type for field in wanted.fields if field.encode_name == key), None)
    return getattr(wanted, "value_type", None) or getattr(wanted, "item_type", None)


def _shipped(kind: str) -> Path:
    package = Path(str(files("eccentra")))
    inside = package / kind
    checkout = package.parent.parent
    if not inside.is_dir() and (checkout / "pyproject.toml").is_file():
        return checkout / kind
    return inside
