"""Erase a person from the results database, so that not a byte of the pseudonym is left in it.

Tables need not be listed: rows go that name the person, one of the person's sessions, or one of the decisions
about the person, in whatever table has such a column. What others own and what the book of who did what
says stays, without the pseudonym. SQLite then overwrites and rewrites its file, and copies that were laid
beside it before a migration are treated the same; PostgreSQL gives the space back and makes its statistics
anew (its own log, archives and backups are its keeper's).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from eccentra.errors import StoreError
from eccentra.store import tables
from eccentra.store.database import Store
from eccentra.store.decisions import audit

__all__ = ["FORGOTTEN", "Erased", "forget_person", "sessions_of"]

FORGOTTEN = "forgotten"
"""Stands where the pseudonym or something of the person stood."""

# A pseudonym at least this long is no part of another word, and is taken out of running text too.
_SURE = 8
_CHUNK = 500


class Erased(msgspec.Struct, frozen=True):
    """What was erased: rows by table, and ``mentions`` of the person in rows of others."""

    rows: dict[str, int]
    mentions: int
    copies: int


def sessions_of(store: Store, name: str) -> list[str]:
    """Ids of a person's sessions."""
    with store.read() as connection:
        return _ids(connection, tables.session, tables.session.c.person == name)


def forget_person(store: Store, name: str, *, at_us: int, who: str, sessions: Iterable[str] = ()) -> Erased:
    """Erase a person; a second time finds nothing.

    Parameters
    ----------
    at_us
        Moment for the book, µs since 1970.
    who
        Who asked for it.
    sessions
        Further sessions of the person, known from session files.

    Raises
    ------
    StoreError
        When another process keeps the file from being rewritten: says what to do. The rows are gone by then.
    """
    with store.write() as connection:
        if store.dialect == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
        rows, mentions = _erase(connection, tables.metadata, name, sessions)
        if rows or mentions:
            audit(connection, at_us, FORGOTTEN if who == name else who, "forget", FORGOTTEN)
    copies = 0
    if store.dialect == "sqlite":
        _rewrite(store.engine)
        copies = sum(_erase_copy(path, name, sessions) for path in _copies(store.engine))
    elif rows or mentions:
        _give_back(store.engine)
    return Erased(rows=dict(sorted(rows.items())), mentions=mentions, copies=copies)


# -- rows ---------------------------------------------------------------------------------------------------


def _erase(
    connection: Connection, metadata: MetaData, name: str, sessions: Iterable[str]
) -> tuple[Counter[str], int]:
    """Delete what is of the person; take the pseudonym out of what is not. Counts of both."""
    known = metadata.tables
    theirs: dict[str, list[str]] = {"session": list(sessions), "decision": [], "programme": []}
    for kind, found in theirs.items():
        if kind in known and "person" in known[kind].c:
            found += _ids(connection, known[kind], known[kind].c.person == name)
    rows: Counter[str] = Counter()
    gone = {one for found in theirs.values() for one in found}
    # whatever others point to goes last
    for table in sorted(reversed(metadata.sorted_tables), key=lambda one: one.name == "session"):
        if table.name == "audit" or table.name == "alembic_version":
            continue
        for condition in _of_person(table, name, theirs):
            if [column.name for column in table.primary_key] == ["id"] and table.name != "person":
                gone |= set(_ids(connection, table, condition))
            done = connection.execute(delete(table).where(condition)).rowcount
            if done:
                rows[table.name] += done
    mentions = _anonymous_audit(connection, known["audit"], name, gone) if "audit" in known else 0
    for table in metadata.sorted_tables:
        mentions += _without_mentions(connection, table, name)
    return rows, mentions


def _ids(connection: Connection, table: Table, condition: Any) -> list[str]:
    return [str(one) for one in connection.execute(select(table.c.id).where(condition)).scalars()]


def _of_person(table: Table, name: str, theirs: dict[str, list[str]]) -> Iterator[Any]:
    """Conditions, each of which means that a row is of the person."""
    if table.name == "person":
        yield table.c.id == name
    if "person" in table.c:
        yield table.c.person == name
    for kind, ids in theirs.items():
        column: Column[Any] | None = table.c.id if table.name == kind else table.c.get(kind)
        # a programme belongs to one person, whose rows are found by the person
        if column is not None and kind != "programme":
            for chunk in _chunks(ids):
                yield column.in_(chunk)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for k in range(0, len(ids), _CHUNK):
        yield ids[k : k + _CHUNK]


def _anonymous_audit(connection: Connection, book: Table, name: str, gone: set[str]) -> int:
    """Lines about the person stay, without whom and what they were about."""
    nothing = {"subject": FORGOTTEN, "detail": None}
    changed = 0
    for chunk in _chunks(sorted(gone)):
        changed += connection.execute(update(book).where(book.c.subject.in_(chunk)).values(nothing)).rowcount
    about = or_(book.c.subject == name, *(_mentions(book.c[one], name) for one in ("subject", "detail")))
    changed += connection.execute(update(book).where(about).values(nothing)).rowcount
    return changed


def _mentions(column: Column[Any], name: str) -> Any:
    return column.contains(_needle(name), autoescape=True)


def _needle(name: str) -> str:
    """How the pseudonym is looked for in running text: a short one only where it is a whole JSON text."""
    return name if len(name) >= _SURE else f'"{name}"'


def _without_mentions(connection: Connection, table: Table, name: str) -> int:
    """Put :data:`FORGOTTEN` where others' rows name the person: as author, in a document."""
    changed = 0
    for column in table.c:
        if not isinstance(column.type, String) or column.primary_key:
            continue
        whole = update(table).where(column == name).values({column: FORGOTTEN})
        changed += connection.execute(whole).rowcount
        length = column.type.length
        if length is None or length > len(name) + 2:
            needle = _needle(name)
            instead = needle.replace(name, FORGOTTEN[: len(name)] if length is not None else FORGOTTEN)
            inside = update(table).where(_mentions(column, name))
            replaced = inside.values({column: func.replace(column, needle, instead)})
            changed += connection.execute(replaced).rowcount
    return changed


# -- bytes --------------------------------------------------------------------------------------------------


def _rewrite(engine: Engine) -> None:
    """Write a SQLite file anew and empty its log: what was deleted is in neither any more."""
    raw = engine.raw_connection()
    try:
        driver = raw.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        try:
            driver.execute("VACUUM")
            busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.OperationalError as error:
            busy, cause = 1, str(error)
        else:
            cause = "another process reads it"
    finally:
        raw.close()
    if busy:
        problem = f"cannot be rewritten now ({cause}); stop the hub and whoever reads it, then run it again"
        raise StoreError(engine.url.render_as_string(hide_password=True), problem)


def _copies(engine: Engine) -> list[Path]:
    """Copies that were made before migrations."""
    if not engine.url.database:
        return []
    path = Path(engine.url.database)
    return sorted(one for one in path.parent.glob(f"{path.name}.before-*") if "-wal" not in one.name)


def _erase_copy(path: Path, name: str, sessions: Iterable[str]) -> int:
    """The same for a copy, whatever its revision; says whether there was something."""
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute("PRAGMA secure_delete=ON")

    try:
        metadata = MetaData()
        with engine.begin() as connection:
            metadata.reflect(connection)
            rows, mentions = _erase(connection, metadata, name, sessions)
        _rewrite(engine)
    except (DBAPIError, UnicodeDecodeError) as error:
        problem = f"the copy cannot be read ({getattr(error, 'orig', None) or error}); delete it by hand"
        raise StoreError(str(path), problem) from None
    finally:
        engine.dispose()
    return 1 if rows or mentions else 0


def _give_back(engine: Engine) -> None:
    """Let PostgreSQL reuse the space, and make statistics anew: they hold common values as they are."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(text(f'VACUUM (ANALYZE) "{table.name}"'))
