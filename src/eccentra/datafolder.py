"""Where the TOML files of a kind lie: the user's own folder first, then those that came with Eccentra.

Installed, ``devices`` and ``pipelines`` lie inside the package. In a checkout they lie beside
``pyproject.toml``, and nothing is copied: an edited file counts at once.
"""

from __future__ import annotations

import os
import re
from importlib.resources import files
from pathlib import Path

from platformdirs import user_config_path

__all__ = ["data_files", "data_folders", "find_data_file", "user_folder"]

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


def _shipped(kind: str) -> Path:
    package = Path(str(files("eccentra")))
    inside = package / kind
    checkout = package.parent.parent
    if not inside.is_dir() and (checkout / "pyproject.toml").is_file():
        return checkout / kind
    return inside
