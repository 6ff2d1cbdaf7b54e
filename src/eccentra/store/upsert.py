"""Insert or change in one statement, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["insert_for", "insert_once", "put"]


def insert_for(connection: Connection, table: Table) -> Any:
    """The dialect's insert, which knows ``on_conflict_...``."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def put(connection: Connection, table: Table, row: dict[str, Any], key: tuple[str, ...]) -> None:
    """Insert a row, or change the one with the same key."""
    insert = insert_for(connection, table)
    changes = {name: insert.excluded[name] for name in row if name not in key}
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=changes), row)


def insert_once(connection: Connection, table: Table, row: dict[str, Any], key: tuple[str, ...]) -> bool:
    """Insert a row unless one with its key is there; says whether it was inserted."""
    insert = insert_for(connection, table).values(row)
    done = connection.execute(
        insert.on_conflict_do_nothing(index_elements=key).returning(*(table.c[name] for name in key))
    )
    return done.first() is not None
