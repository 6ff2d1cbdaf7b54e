"""The same tests on SQLite and on PostgreSQL."""

from __future__ import annotations

from stores import server, store, url

__all__ = ["server", "store", "url"]
