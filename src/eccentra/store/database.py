"""Open the results database and bring it up to date.

Without a URL it is ``results.sqlite`` in the user's folder. An older database is migrated when it is
opened, a SQLite file after a copy of it was laid beside; one that is newer than this program is refused
untouched.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from eccentra.datafolder import user_folder
from eccentra.errors import StoreError

__all__ = ["Store", "default_url", "open_store"]

_MIGRATIONS = Path(__file__).parent / "migrations"
# Seconds that a SQLite writer waits for another one.
_BUSY_S = 30.0
# Execution option of connections that only read.
_READ = "eccentra_read"
# Key of the lock under which one of several workers migrates PostgreSQL; any constant will do.
_MIGRATION_LOCK = 0x45434345


class Store:
    """An open database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction; on SQLite it takes the write lock at once, so that it cannot fail half-way."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read from: one state throughout."""
        options: dict[str, Any] = {_READ: True}
        if self.dialect == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        with self.engine.connect().execution_options(**options) as connection:
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def default_url() -> str:
    """Where results lie when nothing else is said."""
    return f"sqlite:///{user_folder() / 'results.sqlite'}"


def open_store(url: str | None = None) -> Store:
    """Open a database, make it when there is none, migrate it when it is older.

    Parameters
    ----------
    url
        ``sqlite:///FILE`` or ``postgresql://...`` as SQLAlchemy writes them.

    Raises
    ------
    StoreError
        When it cannot be opened, is no results database, or is newer than this program; says what to do.
    """
    try:
        where = make_url(url or default_url())
    except ArgumentError:
        raise StoreError(
            str(url), "is no database URL; expected sqlite:///FILE or postgresql://..."
        ) from None
    shown = where.render_as_string(hide_password=True)
    if where.get_backend_name() == "postgresql" and "+" not in where.drivername:
        where = where.set(drivername="postgresql+psycopg")
    if where.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(shown, "is no database URL; expected sqlite:///FILE or postgresql://...")
    engine = _engine(where, shown)
    try:
        _migrate(engine, where, shown)
    except (DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise StoreError(shown, f"cannot be used: {cause[0] if cause else error}") from None
    except StoreError:
        engine.dispose()
        raise
    return Store(engine)


def _engine(where: URL, shown: str) -> Engine:
    if where.get_backend_name() == "sqlite":
        if where.database:
            path = Path(where.database)
            path.parent.mkdir(parents=True, exist_ok=True)
            # for this user's eyes only; SQLite gives its further files the same mode
            with suppress(OSError):
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        engine = create_engine(where, connect_args={"timeout": _BUSY_S, "isolation_level": None})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(where, pool_pre_ping=True)
    except NoSuchModuleError:
        raise StoreError(shown, "is not known to this version of SQLAlchemy") from None
    except ImportError:
        raise StoreError(shown, "needs the driver: pip install 'eccentra[postgres]'") from None


def _begin_sqlite(connection: Connection) -> None:
    """By hand: the driver would begin late, and without the write lock."""
    reading = connection.get_execution_options().get(_READ)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


# -- migrations ---------------------------------------------------------------------------------------------


def config_for(connection: Connection | None = None) -> Config:
    """Alembic's settings, without a file."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _migrate(engine: Engine, where: URL, shown: str) -> None:
    scripts = ScriptDirectory.from_config(config_for())
    newest = scripts.get_current_head()
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        try:
            now = MigrationContext.configure(connection).get_current_revision()
            connection.commit()
            if now == newest:
                return
            _check_known(scripts, now, shown)
            if now is not None and where.database and engine.dialect.name == "sqlite":
                _copy(connection, Path(where.database), now)
            command.upgrade(config_for(connection), "head")
            connection.commit()
        finally:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
                connection.commit()


def _check_known(scripts: ScriptDirectory, now: str | None, shown: str) -> None:
    if now is None:
        return
    try:
        scripts.get_revision(now)
    except CommandError:
        problem = f"is of a newer version of Eccentra (revision {now}); nothing was changed: update Eccentra"
        raise StoreError(shown, problem) from None


def _copy(connection: Connection, path: Path, revision: str) -> None:
    """A copy beside the file, complete even while others write."""
    target = path.with_name(f"{path.name}.before-{revision}")
    source = connection.connection.driver_connection
    assert isinstance(source, sqlite3.Connection)
    with closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    target.chmod(0o600)
