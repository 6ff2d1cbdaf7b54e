"""Whether everything is there that a station needs, and if not, what to do: one finding a check.

Each check is a small function that never raises because of what it looks for; its parts that touch the
world can be replaced, so that every failing cause is tested by making it fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from eccentra.datafolder import user_folder
from eccentra.doctor.bluetooth import check_bluetooth
from eccentra.doctor.broker import check_broker
from eccentra.doctor.clock import check_clock
from eccentra.doctor.disk import check_disk
from eccentra.doctor.files import check_files, check_versions
from eccentra.doctor.finding import Finding

__all__ = ["Finding", "examine"]


def examine(mqtt: str | None = None, folder: Path | None = None) -> Iterator[Finding]:
    """All checks, one after the other; some take a second or two.

    Parameters
    ----------
    mqtt
        URL of the broker; ``None`` for the one on this computer, or the embedded one.
    folder
        The user's folder; ``None`` for the usual one.
    """
    folder = folder or user_folder()
    yield from check_versions()
    yield from check_files(folder)
    yield from check_disk(folder)
    yield from check_clock()
    yield from check_bluetooth()
    yield from check_broker(mqtt)
