"""After an interruption: unfinished session files are replayed through the same code, and the last goes on.

There is no other recovery code: what a session knew is what its inputs make it know again. Events that come
out again go the same way as before; whoever took them already knows them by their ids.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from eccentra.errors import EccentraError, RecordingError
from eccentra.events import Numbered, StationNoted, StationReason
from eccentra.inputs import ClockPair, Command, Input
from eccentra.recording import Recorder, Recording
from eccentra.samples import NS_PER_S
from eccentra.session import Session

__all__ = ["Resumable", "recover", "replayed", "session_file", "stored_events"]

SUFFIX = ".eccentra"
# An interruption longer than this is another visit to the gym.
_RESUME_NS = 30 * 60 * NS_PER_S
_CHUNK = 2048

log = logging.getLogger("eccentra.station")
_decoder: msgspec.json.Decoder[Numbered] = msgspec.json.Decoder(Numbered)


class Resumable(msgspec.Struct, kw_only=True):
    """A session that goes on.

    Attributes
    ----------
    last_ns
        Session time of its last input.
    by_wall
        The computer was restarted: only the wall clock tells how long the interruption was.
    requests
        Ids of the commands that were carried out in it.
    """

    session: Session
    path: Path
    last_ns: int
    zero_ns: int
    by_wall: bool
    requests: tuple[str, ...]


class _Found(msgspec.Struct, kw_only=True):
    path: Path
    session: Session
    last_ns: int
    wall_ns: int | None
    zero_ns: int | None
    boot: str | None
    requests: list[str]


def session_file(folder: Path, session: str) -> Path:
    """Where the file of a session lies."""
    return folder / f"{session}{SUFFIX}"


def recover(
    folder: Path,
    station: str,
    *,
    now_ns: int,
    wall_ns: int,
    same_boot: Callable[[str | None], bool],
    tell: Callable[[list[Numbered]], None],
    note: Callable[[StationNoted], None],
) -> Resumable | None:
    """Replay the unfinished sessions of a station; close all but the last, and that one too when it is old.

    Parameters
    ----------
    folder
        Where session files lie.
    now_ns, wall_ns
        Host's monotonic and wall clock.
    same_boot
        Tells whether a noted start of the computer is this one.
    tell
        Takes the events that come out.
    note
        Takes what was found.

    Returns
    -------
    resumable
        The session that goes on, or ``None``.
    """
    found = []
    for path in _unfinished(folder, station, note):
        try:
            found.append(_replay(path, tell))
        except (EccentraError, sqlite3.Error) as error:
            advice = "its file is kept as it is: eccentra replay reads what is readable"
            note(_failed(path, f"cannot be continued: {error}", advice))
        except Exception as error:
            # a mistake of ours that ended the program while counting would end it at every start from now on
            log.exception("replaying session %s", path.stem)
            advice = "its file is kept: please send it in with a report; a new session can be started"
            note(_failed(path, f"cannot be counted by this version ({error!r})", advice))
    going_on: Resumable | None = None
    for one in found:
        resumable = None if one is not found[-1] else _resumable(one, now_ns, wall_ns, same_boot)
        if resumable is None:
            try:
                _close(one, tell)
            except (EccentraError, sqlite3.Error) as error:
                advice = "make its file writable or free the disk; it is tried again at the next start"
                note(_failed(one.path, f"was interrupted and cannot be closed: {error}", advice))
        going_on = resumable
    if going_on is not None:
        note(
            StationNoted(
                reason=StationReason.RECOVERED,
                level="info",
                detail=f"the session {going_on.path.stem} goes on after an interruption of "
                f"{(now_ns - going_on.zero_ns - going_on.last_ns) / NS_PER_S:.1f} s",
                session=going_on.path.stem,
            )
        )
    return going_on


def replayed(inputs: Iterator[Input], session: Session) -> Iterator[list[Numbered]]:
    """Feed a session piece by piece; gives what comes out."""
    while chunk := list(islice(inputs, _CHUNK)):
        yield session.feed_many(chunk)


def stored_events(path: Path, from_seq: int) -> list[Numbered]:
    """Events of a session file from a number on: as they were kept, else computed again.

    Raises
    ------
    RecordingError
        When the file cannot be read.
    """
    with Recording(path) as recording:
        kept = recording.events()
        last = max(kept, default=0)
        if recording.note("ended") is not None and len(kept) == last:
            return [_decoder.decode(kept[seq]) for seq in range(from_seq, last + 1)]
        session = Session(recording.header)
        return [
            numbered
            for events in replayed(recording.inputs(), session)
            for numbered in events
            if numbered.seq >= from_seq
        ]


def _unfinished(folder: Path, station: str, note: Callable[[StationNoted], None]) -> list[Path]:
    """Files of this station without an end, oldest first."""
    out = []
    for path in sorted(filter(_may_be_open, folder.glob(f"*{SUFFIX}")), key=_changed_ns):
        try:
            with Recording(path) as recording:
                mine, ended = recording.note("station") == station, recording.note("ended") is not None
            if mine and ended:
                # it could not be made one file when it ended: somebody read it, or the disk was full
                Recorder.reopen(path).close()
            elif mine:
                out.append(path)
        except RecordingError as error:
            note(
                StationNoted(
                    reason=StationReason.RECOVERY_FAILED,
                    level="warning",
                    detail=f"a file among the sessions cannot be read: {error}",
                    advice="move it elsewhere; it is left as it is",
                )
            )
    return out


def _may_be_open(path: Path) -> bool:
    """False for a file that was ended, without opening it as a database: there may be many thousands.

    Such a file is no longer in write-ahead mode, which the bytes 18 and 19 of SQLite's header tell.
    """
    try:
        with path.open("rb") as file:
            return file.read(20)[18:] != b"\x01\x01"
    except OSError:
        return True


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _failed(path: Path, problem: str, advice: str) -> StationNoted:
    return StationNoted(
        reason=StationReason.RECOVERY_FAILED,
        level="error",
        detail=f"the session {path.stem} {problem}",
        advice=advice,
        session=path.stem,
    )


def _replay(path: Path, tell: Callable[[list[Numbered]], None]) -> _Found:
    with Recording(path) as recording:
        session = Session(recording.header)
        zero, boot = recording.note("zero_ns"), recording.note("boot")
        out = _Found(
            path=path,
            session=session,
            last_ns=0,
            wall_ns=None,
            zero_ns=int(zero) if zero is not None and zero.lstrip("-").isdecimal() else None,
            boot=boot,
            requests=[],
        )
        for events in replayed(_watched(recording.inputs(), out), session):
            if events:
                tell(events)
    return out


def _watched(inputs: Iterator[Input], out: _Found) -> Iterator[Input]:
    """Pass inputs on and remember what recovery needs of them."""
    for item in inputs:
        out.last_ns = max(out.last_ns, item.arrival_ns)
        if isinstance(item, ClockPair):
            out.wall_ns = item.wall_ns - item.arrival_ns
        elif isinstance(item, Command) and item.request is not None:
            out.requests.append(item.request)
        yield item


def _resumable(
    one: _Found, now_ns: int, wall_ns: int, same_boot: Callable[[str | None], bool]
) -> Resumable | None:
    """How the session goes on, or ``None`` when it is over or too old."""
    if one.session.ended:
        return None
    zero, by_wall = one.zero_ns, False
    # a clock that has not come as far as the last input is another one: a machine restored, another speed
    if zero is None or not same_boot(one.boot) or now_ns - zero < one.last_ns:
        if one.wall_ns is None:
            return None
        zero, by_wall = now_ns - (wall_ns - one.wall_ns), True
    away = now_ns - zero - one.last_ns
    if away >= _RESUME_NS or (by_wall and away < 0):
        return None
    return Resumable(
        session=one.session,
        path=one.path,
        last_ns=one.last_ns,
        zero_ns=zero,
        by_wall=by_wall,
        requests=tuple(one.requests),
    )


def _close(one: _Found, tell: Callable[[list[Numbered]], None]) -> None:
    """End a session that was interrupted and does not go on."""
    recorder = Recorder.reopen(one.path)
    try:
        if not one.session.ended:
            end = Command(one.last_ns, "stop", {"why": "interrupted"})
            recorder.append(end)
            events = one.session.feed(end)
            recorder.keep_events(events)
            recorder.commit()
            tell(events)
        recorder.note("ended", "yes")
        recorder.close()
    except sqlite3.Error:
        recorder.abandon()
        raise
