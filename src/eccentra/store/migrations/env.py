"""Alembic's environment: one connection that the caller opened."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from eccentra.store.tables import metadata

connection = context.config.attributes.get("connection")
assert isinstance(connection, Connection), "migrations run through eccentra.store.database.open_store"
# batch: SQLite cannot alter most of a table, it is copied
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
