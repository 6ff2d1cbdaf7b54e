"""The plans of the people who train here, kept over a restart without a broker: one file a person.

Only of them, and for this user's eyes only. What is read back is checked as if it came from a hub now, and
gives way to whatever a hub says later.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import msgspec

from eccentra.errors import InputError
from eccentra.mqtt.contract import check_id
from eccentra.station.plans import Plans

__all__ = ["PlanFiles"]

log = logging.getLogger("eccentra.station")


class _Kept(msgspec.Struct, frozen=True):
    """Which hub said it, and its payload."""

    node: str
    plan: msgspec.Raw


class PlanFiles:
    """Files of plans in a folder; without them a station goes on all the same, and what failed is logged."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, plans: Plans, now_us: int) -> None:
        """Give the plans that were kept to ``plans``; those that cannot be used are left out."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
                plans.restore(kept.node, path.stem, bytes(kept.plan), now_us)
            except (OSError, msgspec.DecodeError, UnicodeDecodeError, InputError) as error:
                log.warning("%s is left out: %s", path.name, error)

    def keep(self, plans: Plans, athlete: str) -> None:
        """Make a person's file say what ``plans`` says; without a plan there is none."""
        found = plans.entry(athlete)
        try:
            path = self._folder / f"{check_id(athlete, 'athlete')}.json"
            if found is None:
                path.unlink(missing_ok=True)
                return
            text = msgspec.json.encode(_Kept(found[0], msgspec.Raw(msgspec.json.encode(found[1]))))
            if not path.is_file() or path.read_bytes() != text:
                self._write(path, text)
        except (OSError, InputError) as error:
            log.warning("the plan of %s is not kept for a restart: %s", athlete, error)

    def _write(self, path: Path, text: bytes) -> None:
        """Whoever reads meanwhile sees the old file or the new one, whole."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # made with mode 0600, in the same folder so that it can be renamed
        handle, name = tempfile.mkstemp(prefix=".plan-", dir=self._folder)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        Path(name).replace(path)
