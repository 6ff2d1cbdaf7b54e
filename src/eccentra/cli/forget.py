"""``eccentra forget``: erase a person everywhere."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from eccentra.cli.common import say
from eccentra.errors import InputError, SinkError

__all__ = ["forget"]

_SCHEMA = "eccentra.deletion-receipt/1"
_TOML = ("people.toml", "settings.toml", "bindings.toml")


def forget(
    athlete: Annotated[str, typer.Argument(metavar="ATHLETE", help="Pseudonym.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    mqtt: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Also clear what this broker keeps: mqtt://HOST or mqtts://HOST."),
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="Results database. Default: the user's own.")
    ] = None,
    who: Annotated[str, typer.Option(help="Id of whoever asks for it, for the book.")] = "operator",
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the receipt goes; default: the user's folder.")
    ] = None,
) -> None:
    """Erase a person: results, session files, what waits to be published, settings, retained topics.

    This cannot be undone. Let stations and hub catch up, then stop them. The receipt says how much was
    erased, not what; what was exported, copied or backed up elsewhere has to be deleted there.
    """
    from eccentra.datafolder import user_folder
    from eccentra.mqtt.contract import check_id

    check_id(athlete, "athlete")
    check_id(who, "who")
    _check_broker(mqtt)
    home = user_folder()
    if not yes:
        _ask(athlete)
    with ExitStack() as stack:
        _still(home, stack)
        counts = _erase(home, athlete, mqtt, store, who)
    path = _write_receipt(home, receipt, counts)
    for line in _summary(counts):
        typer.echo(line)
    typer.echo(f"receipt: {path}")
    for name in counts["files_to_look_at"]:
        say(f"{home / name} still names this person: look at it, and delete it if it may go")


def _check_broker(mqtt: str | None) -> None:
    from eccentra.mqtt.address import parse_url

    try:
        address = None if mqtt is None else parse_url(mqtt)
    except SinkError as error:
        raise InputError("--mqtt", str(error)) from None
    if address is not None and address.embedded:
        raise InputError("--mqtt", "an embedded broker ends with its program; expected mqtt:// or mqtts://")


def _ask(athlete: str) -> None:
    if not sys.stdin.isatty():
        raise InputError("forget", "asks before it erases; add --yes where nobody can answer")
    if not typer.confirm(f"Erase everything about {athlete}? This cannot be undone.", err=True):
        raise InputError("forget", "nothing was erased")


def _still(home: Path, stack: ExitStack) -> None:
    """Keep stations and hubs from starting; refuse when one runs: it would write on what is erased."""
    from eccentra.cli.alone import alone

    kinds: tuple[Literal["station", "hub"], ...] = ("station", "hub")
    for kind in kinds:
        for lock in sorted(home.glob(f"{kind}-*.lock")):
            name = lock.stem.removeprefix(f"{kind}-")
            try:
                stack.enter_context(alone(home, name, kind))
            except InputError:
                problem = "runs on this computer; let it catch up and stop it, then run this again"
                raise InputError(f"{kind} {name}", problem) from None


def _erase(home: Path, athlete: str, mqtt: str | None, url: str | None, who: str) -> dict[str, Any]:
    """In this order, so that nothing comes back: what makes results, what carries them, where they lie."""
    from eccentra.mqtt.forgetting import clear_retained, erase_outboxes
    from eccentra.station.forgetting import (
        erase_mentions,
        erase_plan,
        erase_sessions,
        recorded_sessions,
        still_named,
    )
    from eccentra.store.database import open_store
    from eccentra.store.forgetting import forget_person, sessions_of

    results = open_store(url)
    try:
        sessions = {*sessions_of(results, athlete), *recorded_sessions(home / "sessions", athlete)}
        topics = None if mqtt is None else clear_retained(mqtt, athlete, sessions).topics
        waiting = erase_outboxes(home, athlete, sessions)
        lines = {name: erase_mentions(home / name, athlete) for name in _TOML}
        erased = forget_person(results, athlete, at_us=_now_us(), who=who, sessions=sorted(sessions))
        if mqtt is not None and topics is not None:
            # again, should somebody have published meanwhile what is erased by now
            topics += clear_retained(mqtt, athlete, sessions).topics
        # last: until here a second run finds all sessions again
        files = erase_sessions(home / "sessions", athlete, sessions)
        plans = erase_plan(home / "sessions", athlete)
    finally:
        results.close()
    return {
        "database_rows": erased.rows,
        "database_mentions": erased.mentions,
        "database_copies": erased.copies,
        "session_files": files,
        "plan_files": plans,
        "files_to_look_at": list(still_named(home, athlete)),
        "waiting_messages": waiting,
        "settings_lines": sum(lines.values()),
        "retained_topics": topics,
    }


def _now_us() -> int:
    import time

    return time.time_ns() // 1000


def _write_receipt(home: Path, wanted: Path | None, counts: dict[str, Any]) -> Path:
    """How much was erased, without whose it was."""
    import os
    import secrets

    import msgspec

    from eccentra import __version__
    from eccentra.walltime import rfc3339

    now = rfc3339(_now_us() * 1000) or ""
    name = f"{now[:19].replace(':', '').replace('-', '')}-{secrets.token_hex(2)}.json"
    path = wanted or home / "receipts" / f"erased-{name}"
    known = {key: value for key, value in counts.items() if key != "files_to_look_at"}
    document = {
        "schema": _SCHEMA,
        "time": now,
        "software": __version__,
        **known,
        "files_to_look_at": len(counts["files_to_look_at"]),
        "not_reached": [
            *(["retained topics: no broker was given"] if counts["retained_topics"] is None else []),
            "exports, copies and backups made elsewhere; the broker's and the database server's own logs",
            "other computers: run it there too",
            "what is still on its way: run it again when all stations and the hub have caught up",
        ],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror or error}; all is erased") from None
    return path


def _summary(counts: dict[str, Any]) -> list[str]:
    topics = counts["retained_topics"]
    return [
        f"database: {sum(counts['database_rows'].values())} rows, {counts['database_mentions']} mentions, "
        f"{counts['database_copies']} copies",
        f"session files: {counts['session_files']}, plans kept by the station: {counts['plan_files']}",
        f"messages that waited: {counts['waiting_messages']}",
        f"lines of settings: {counts['settings_lines']}",
        "retained topics: not asked for, give --mqtt" if topics is None else f"retained topics: {topics}",
    ]
