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
from eccentra.errors import StoreError, WrongStoreError

__all__ = ["Store", "default_url", "open_store"]

_MIGRATIONS = Path(__file__).parent / "migrations"
# Seconds that a SQLite writer waits for another one.
_BUSY_S = 30.0
# Execution option of connections that only read.
_READ = "eccentra_read"
# Key of the lock under which one of several workers migrates PostgreSQL; any constant will do.
_MIGRATION_LOCK = 0x45434345


_NO_URL = "is no database URL; expected sqlite:///FILE or postgresql://..."
_OTHER = "name another one, or move this one away"


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
    WrongStoreError
        When it is no results database, or newer than this program.
    StoreError
        When it cannot be used now; both say what to do.
    """
    try:
        where = make_url(url or default_url())
    except ArgumentError:
        raise WrongStoreError(str(url), _NO_URL) from None
    shown = where.render_as_string(hide_password=True)
    if where.get_backend_name() == "postgresql" and "+" not in where.drivername:
        where = where.set(drivername="postgresql+psycopg")
    if where.get_backend_name() not in ("sqlite", "postgresql"):
        raise WrongStoreError(shown, _NO_URL)
    engine = _engine(where, shown)
    try:
        _migrate(engine, where, shown)
    except (DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        raise _told(error, shown) from None
    except WrongStoreError:
        engine.dispose()
        raise
    return Store(engine)


def _told(error: DBAPIError | sqlite3.Error, shown: str) -> StoreError | WrongStoreError:
    """What a driver says, in a line with the next step."""
    cause = getattr(error, "orig", None) or error
    first = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
    if isinstance(cause, sqlite3.DatabaseError) and not isinstance(cause, sqlite3.OperationalError):
        return WrongStoreError(shown, f"is no results database ({first}): {_OTHER}")
    server = not shown.startswith("sqlite")
    step = "see that the server runs and the URL is right" if server else "look at the file and its rights"
    return StoreError(shown, f"cannot be used: {first}; {step}")


def _engine(where: URL, shown: str) -> Engine:
    if where.get_backend_name() == "sqlite":
        if where.database:
            path = Path(where.database)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(shown, f"its folder cannot be made ({error.strerror}): {_OTHER}") from None
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
            if now is None and engine.dialect.name == "sqlite":
                _check_empty(connection, shown)
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
        raise WrongStoreError(shown, f"{problem}, or {_OTHER}") from None


def _check_empty(connection: Connection, shown: str) -> None:
    """A file of another program, or of a session, gets no tables of results."""
    found = connection.scalar(text("SELECT name FROM sqlite_master WHERE name NOT LIKE 'alembic%' LIMIT 1"))
    connection.rollback()
    if found is not None:
        raise WrongStoreError(shown, f"is no results database (it has {found!r}): {_OTHER}")


def _copy(connection: Connection, path: Path, revision: str) -> None:
    """A copy beside the file, complete even while others write."""
    target = path.with_name(f"{path.name}.before-{revision}")
    source = connection.connection.driver_connection
    assert isinstance(source, sqlite3.Connection)
    with closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    target.chmod(0o600)
