"""The same tests on SQLite and on PostgreSQL; brokers and subscribers as the tests of MQTT have them."""

from __future__ import annotations

import sys
from pathlib import Path

from stores import server, store, url

sys.path.insert(0, str(Path(__file__).parent.parent / "mqtt"))

__all__ = ["server", "store", "url"]
