"""A PostgreSQL server of the tests: in a temporary folder, reached by a socket file, stopped by its id."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from needs import missing

_HOW = "apt install postgresql"


def _program(name: str) -> str:
    found = shutil.which(name)
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        found = found or shutil.which(name, path=str(folder))
    if found is None:
        missing(name, _HOW)
    return found


class Postgres:
    """Use as a context manager; ``url(name)`` makes a new empty database."""

    def __enter__(self) -> Postgres:
        initdb, server = _program("initdb"), _program("postgres")
        self._psql = _program("psql")
        # a socket's path may be a hundred characters long
        self._folder = Path(tempfile.mkdtemp(prefix="ecc-pg-", dir="/tmp"))
        self._user: int | None = None
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root
            try:
                owner = pwd.getpwnam("postgres")
            except KeyError:
                missing("the user postgres", _HOW)
            self._user = owner.pw_uid
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        data = self._folder / "data"
        self._run(
            [initdb, "-D", str(data), "-U", "eccentra", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        )
        log = (self._folder / "log").open("wb")
        with log:
            self._server = subprocess.Popen(
                [
                    server,
                    "-D",
                    str(data),
                    "-k",
                    str(self._folder),
                    "-c",
                    "listen_addresses=",
                    "-c",
                    "fsync=off",
                ],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self._folder,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._server.poll() is None:
            if self._ask("SELECT 1") == 0:
                return self
            time.sleep(0.05)
        text = (self._folder / "log").read_text()
        self.__exit__()
        pytest.fail(f"PostgreSQL did not start: {text[-2000:]}")

    def __exit__(self, *_: object) -> None:
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(20)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait(20)
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """URL of a new database."""
        assert self._ask(f'CREATE DATABASE "{name}"') == 0
        return f"postgresql://eccentra@/{name}?host={self._folder}"

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, user=self._user, cwd=self._folder, timeout=120)
        assert done.returncode == 0, done.stderr.decode()

    def _ask(self, sql: str) -> int:
        command = [self._psql, "-h", str(self._folder), "-U", "eccentra", "-d", "postgres", "-qc", sql]
        return subprocess.run(command, capture_output=True, timeout=30).returncode
