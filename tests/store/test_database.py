"""Open, migrate, refuse."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, text

from eccentra.errors import StoreError, WrongStoreError
from eccentra.store import database, tables
from eccentra.store.database import Store, config_for, open_store


def test_migrations_and_tables_agree(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_down_and_up_again(store: Store) -> None:
    with store.engine.connect() as connection:
        command.downgrade(config_for(connection), "base")
        connection.commit()
        assert not store.engine.dialect.has_table(connection, "event")
        connection.rollback()
        command.upgrade(config_for(connection), "head")
        connection.commit()
        assert store.engine.dialect.has_table(connection, "event")


def test_a_database_is_made_once_and_opened_again(url: str) -> None:
    first = open_store(url)
    with first.write() as connection:
        connection.execute(
            insert(tables.setting).values(key="suggestions", value="on", who="t1", at_us=5_000_000_000_000)
        )
    first.close()
    second = open_store(url)
    with second.read() as connection:
        row = connection.execute(select(tables.setting)).one()
    assert (row.value, row.at_us) == ("on", 5_000_000_000_000)
    second.close()


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.write() as connection:
            connection.execute(insert(tables.setting).values(key="a", value="1", who="t", at_us=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.read() as connection:
        assert connection.execute(select(tables.setting)).all() == []


def test_a_reader_sees_one_state(store: Store) -> None:
    with store.read() as reading:
        assert reading.execute(select(tables.setting)).all() == []
        with store.write() as writing:
            writing.execute(insert(tables.setting).values(key="a", value="1", who="t", at_us=1))
        assert reading.execute(select(tables.setting)).all() == []
    with store.read() as reading:
        assert len(reading.execute(select(tables.setting)).all()) == 1


def test_a_newer_database_is_refused_untouched(store: Store, url: str) -> None:
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WrongStoreError, match=r"newer version.*update Eccentra"):
        open_store(url)


_NEXT = """
from __future__ import annotations
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None
def upgrade() -> None:
    with op.batch_alter_table("setting") as batch:
        batch.add_column(sa.Column("more", sa.Text()))
def downgrade() -> None:
    pass
"""


def test_a_database_one_migration_behind_is_migrated(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(url)
    with store.write() as connection:
        connection.execute(insert(tables.setting).values(key="a", value="1", who="t", at_us=1))
    store.close()
    scripts = tmp_path / "migrations"
    shutil.copytree(database._MIGRATIONS, scripts)
    (scripts / "versions" / "0002_more.py").write_text(_NEXT)
    monkeypatch.setattr(database, "_MIGRATIONS", scripts)
    newer = open_store(url)
    with newer.read() as connection:
        assert connection.execute(text("SELECT key, value, more FROM setting")).all() == [("a", "1", None)]
    newer.close()
    copy = tmp_path / "results.sqlite.before-0001"
    assert copy.exists() == url.startswith("sqlite")
    if copy.exists():
        with closing(sqlite3.connect(copy)) as raw:
            assert raw.execute("SELECT key, value FROM setting").fetchall() == [("a", "1")]
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    monkeypatch.undo()
    with pytest.raises(WrongStoreError, match=r"newer version.*update Eccentra"):
        open_store(url)


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y"])
def test_no_database(url: str) -> None:
    with pytest.raises(WrongStoreError, match="expected sqlite:///FILE or postgresql://"):
        open_store(url)


@pytest.mark.parametrize("url", ["sqlite:////proc/none/x.sqlite", "postgresql://u:secret@localhost:1/x"])
def test_a_database_that_cannot_be_reached(url: str) -> None:
    with pytest.raises(StoreError, match=r"name another|server runs") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE notes (text TEXT)")
        raw.commit()
    with pytest.raises(WrongStoreError, match=r"no results database.*'notes'"):
        open_store(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as raw:
        assert [name for (name,) in raw.execute("SELECT name FROM sqlite_master")] == ["notes"]


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(WrongStoreError, match=r"file is not a database.*name another"):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"this is no database")


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    opened = open_store(f"sqlite:///{path}")
    with opened.write() as connection:
        connection.execute(text("CREATE TABLE x (a int)"))
        modes = {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    opened.close()
    assert modes == {0o600}
