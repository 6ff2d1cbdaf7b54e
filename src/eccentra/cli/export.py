"""``eccentra export``: results in other programs' formats."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eccentra.cli.common import INTENDED_USE, say
from eccentra.errors import InputError

if TYPE_CHECKING:
    from eccentra.export.record import Report, SessionRecord
    from eccentra.export.stored import DecisionRecord

__all__ = ["export"]

_READY = ("csv", "fhir", "fit")
_LATER = ("parquet", "mat", "mcap", "bids")


def export(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Session file.")] = None,
    athlete: Annotated[
        str | None, typer.Option(metavar="ID", help="Instead of a file: all results of a pseudonym.")
    ] = None,
    to: Annotated[str, typer.Option(metavar="|".join(_READY), help="Format.")] = "csv",
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the files go; made when it is not there.")
    ] = Path(),
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="Results database. Default: the user's own.")
    ] = None,
) -> None:
    """Write results as tables (csv), health records (fhir, R4) or a sports activity (fit).

    What is measured is written as it was measured; what is unknown stays empty. Nothing leaves this computer.
    """
    if to in _LATER:
        raise InputError(f"--to {to}", f"cannot be written by this version; use {', '.join(_READY)}")
    if to not in _READY:
        raise InputError(f"--to {to}", f"is no format; expected one of {', '.join(_READY)}")
    if (file is None) == (athlete is None):
        raise InputError("export", "give a session file, or --athlete ID")
    sessions, reports, decisions = _of_file(file) if file is not None else _of_athlete(str(athlete), store)
    if to == "csv":
        from eccentra.export.csvtables import csv_files

        files = csv_files(sessions, reports, decisions)
    elif to == "fhir":
        from eccentra.export.fhir import fhir_files

        files = fhir_files(sessions, reports, intended_use=INTENDED_USE)
    else:
        from eccentra.export.fit import fit_files

        # an activity is made of sets: a session without any is none
        files = fit_files([one for one in sessions if one.sets] if athlete else sessions)
    _write(out, files)


_All = tuple["list[SessionRecord]", "list[tuple[str | None, Report]]", "list[tuple[str, DecisionRecord]]"]


def _of_file(file: Path) -> _All:
    from eccentra import __version__
    from eccentra.export.record import moments_of, record_of
    from eccentra.recording import Recording
    from eccentra.session import Session
    from eccentra.station.recovery import stored_events

    with Recording(file) as recording:
        header = recording.header
        ended = recording.note("ended") is not None
        inputs = [] if ended else list(recording.inputs())
    if ended:
        events = stored_events(file, 1)
    else:
        # nobody wrote its end: computed again, up to its last input
        session = Session(header)
        events = session.feed_many(inputs) + session.finish()
    software = header.software if ended else __version__
    return [record_of(header.session, moments_of(events), header=header, software=software)], [], []


def _of_athlete(athlete: str, url: str | None) -> _All:
    from eccentra.export.stored import stored_of
    from eccentra.store.database import default_url, open_store

    results = open_store(url)
    try:
        with results.read() as connection:
            found = stored_of(connection, athlete)
    finally:
        results.close()
    if found is None:
        raise InputError(f"--athlete {athlete}", f"nothing is known in {url or default_url()}")
    reports: list[tuple[str | None, Report]] = [(athlete, one) for one in found.reports]
    return list(found.sessions), reports, [(athlete, one) for one in found.decisions]


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Files that only their owner can read: they are about a person's health."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = folder / name
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as target:
                target.write(content)
            typer.echo(str(path))
    except OSError as error:
        raise InputError(folder, f"cannot be written: {error.strerror or error}") from None
    say(f"{len(files)} files written; they hold a person's results: keep them where only you can read them")
