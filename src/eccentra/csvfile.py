"""Recordings made elsewhere: the CSV files of ``eccentra analyze``.

Two tables are known, by exact column names (the order does not matter)::

    IMU      t_s,acc_x,acc_y,acc_z[,gyr_x,gyr_y,gyr_z]     s, m/s², rad/s
    force    t_s,force_n                                   s, N

A file is either read whole, in SI units and in order of time, or refused with one line that names file, line
and what was expected. What was repaired on the way (equal or swapped times) is flagged and noted.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal, NoReturn

import msgspec
import numpy as np

from eccentra.csvcheck import check_force, check_imu, check_times, measured_rate
from eccentra.errors import InputError
from eccentra.events import Flag
from eccentra.samples import NS_PER_S, Floats, Times

__all__ = ["FORCE_COLUMNS", "IMU_COLUMNS", "Signal", "read_force", "read_imu"]

_TIME = "t_s"
_ACC = ("acc_x", "acc_y", "acc_z")
_GYR = ("gyr_x", "gyr_y", "gyr_z")
IMU_COLUMNS = (_TIME, *_ACC, *_GYR)
FORCE_COLUMNS = (_TIME, "force_n")

# Ten hours of a six-axis sensor at 100 Hz are about 300 MB of text; more is a mistake or an attack.
_MAX_BYTES = 512 * 1024 * 1024
_SNIFF_BYTES = 4096
# DESIGN.md section 11: up to 1 % backward steps are sorted, more is bad input.
_MAX_BACKWARD_SHARE = 0.01
# Sorting a few late rows tears at most some three seams each into the order. Two recordings laid over each
# other interleave at nearly every row: sorting those would mix them into one that never happened.
_MAX_SEAM_SHARE = 0.10

# In m/s², rad/s and N alike, nothing that people wear or pull reads more.
_LARGEST = 1e5

_MAGIC = {
    b"\x1f\x8b": "gzip data; unpack it first (gunzip)",
    b"PK\x03\x04": "a zip archive or an Excel workbook; export the sheet as CSV first",
    b"SQLite format 3\x00": "an SQLite database; session files are read by `eccentra replay`",
    b"PAR1": "a Parquet file; export it as CSV first",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor's recording.

    Attributes
    ----------
    source
        Name of the file.
    kind
        ``imu`` or ``force``.
    channels
        Names of the columns of ``x`` (``acc_x`` ... or ``force_n``).
    t_ns
        Time of each row, ns, int64, shape (n,), strictly increasing.
    x
        Values in SI units, float64, shape (n, channels).
    rate_hz
        Measured sample rate.
    flags, notes
        What a reader of results should know, as ids and in words.
    """

    source: str
    kind: Literal["imu", "force"]
    channels: tuple[str, ...]
    t_ns: Times
    x: Floats
    rate_hz: float
    flags: tuple[Flag, ...] = ()
    notes: tuple[str, ...] = ()


def read_imu(path: str | Path) -> Signal:
    """Read a motion recording: specific force in m/s² and, when there, angular rate in rad/s.

    Raises
    ------
    InputError
        The file cannot be read, is no such table, or its numbers cannot be what they should be.
    """
    names, body, line = _split_header(path, _read_text(path), IMU_COLUMNS)
    gyr = [name for name in _GYR if name in names]
    if gyr and len(gyr) < len(_GYR):
        lacking = ", ".join(name for name in _GYR if name not in names)
        raise InputError(path, f"the gyroscope column {lacking} is missing; expected all three or none")
    channels = (*_ACC, *_GYR) if gyr else _ACC
    signal = _read(path, "imu", channels, names, body, line)
    notes = check_imu(path, signal.t_ns, signal.x, signal.rate_hz)
    return msgspec.structs.replace(signal, notes=(*signal.notes, *notes))


def read_force(path: str | Path) -> Signal:
    """Read a force recording in N.

    Raises
    ------
    InputError
        The file cannot be read, is no such table, or its numbers cannot be what they should be.
    """
    names, body, line = _split_header(path, _read_text(path), FORCE_COLUMNS)
    signal = _read(path, "force", FORCE_COLUMNS[1:], names, body, line)
    check_force(path, signal.x)
    return signal


def _read(
    path: str | Path,
    kind: Literal["imu", "force"],
    channels: tuple[str, ...],
    names: list[str],
    body: str,
    line: int,
) -> Signal:
    wanted = (_TIME, *channels)
    table = _parse(path, body, line, names, wanted)
    check_times(path, table[:, 0])
    table, flags, notes = _in_order(path, table)
    t_ns = _strictly_increasing(np.rint(table[:, 0] * NS_PER_S).astype(np.int64))
    rate_hz, rate_notes = measured_rate(path, t_ns)
    extra = [name or "(no name)" for name in names if name not in wanted]
    if extra:
        notes = [*notes, f"columns not used: {', '.join(extra)}"]
    return Signal(
        source=str(path),
        kind=kind,
        channels=channels,
        t_ns=t_ns,
        x=np.ascontiguousarray(table[:, 1:]),
        rate_hz=rate_hz,
        flags=tuple(flags),
        notes=(*notes, *rate_notes),
    )


def _read_text(path: str | Path) -> str:
    """Text of the file, without byte order mark and with plain line ends."""
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_SNIFF_BYTES)
            _refuse_binary(path, raw)
            raw += file.read(_MAX_BYTES + 1 - len(raw))
    except FileNotFoundError:
        raise InputError(path, "there is no such file") from None
    except IsADirectoryError:
        raise InputError(path, "is a folder; expected a CSV file") from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    if len(raw) > _MAX_BYTES:
        raise InputError(path, f"is larger than {_MAX_BYTES // 2**20} MB; split the recording")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(path, "is not UTF-8 text; expected a CSV file", where=f"line {line}") from None
    if "\0" in text:
        raise InputError(path, "holds binary data; expected a CSV file")
    if not text.strip():
        raise InputError(path, "is empty; expected a CSV file with a header line")
    # Some loggers write \r\r\n; that is one line end.
    return text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")


def _refuse_binary(path: str | Path, head: bytes) -> None:
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise InputError(path, f"is {what}; expected a CSV file")
    if b"\0" in head:
        raise InputError(path, "holds binary data; expected a CSV file")


def _split_header(path: str | Path, text: str, expected: tuple[str, ...]) -> tuple[list[str], str, int]:
    """Column names, the text below them, and the number of its first line."""
    blank = len(text) - len(text.lstrip("\n"))
    head, _, body = text[blank:].partition("\n")
    names = [name.strip().strip('"').strip() for name in head.split(",")]
    where = f"line {blank + 1}"
    need = ",".join(expected[:4]) + ("[," + ",".join(expected[4:]) + "]" if expected[4:] else "")
    if all(_is_number(name) for name in names if name) and any(names):
        raise InputError(path, f"starts with numbers; expected the header {need}", where=where)
    if len(names) == 1:
        for mark, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if mark in head:
                raise InputError(
                    path, f"columns are separated by {word}; expected commas, and points in numbers"
                )
    required = expected[:4]
    lacking = [name for name in required if name not in names]
    if lacking:
        raise InputError(path, _missing(lacking, names, need), where=where)
    for name in expected:
        if names.count(name) > 1:
            raise InputError(path, f"column {name} is there {names.count(name)} times", where=where)
    if not body.strip():
        raise InputError(path, "has a header and no rows; expected numbers below it")
    return names, body, blank + 2


def _missing(lacking: list[str], names: list[str], need: str) -> str:
    shown = ", ".join(repr(name[:30]) for name in names[:10]) + (" ..." if len(names) > 10 else "")
    by_lower = {name.lower(): name for name in names}
    hint = ""
    if lacking[0] in by_lower:
        hint = f"; {by_lower[lacking[0]]!r} must be written {lacking[0]!r}"
    elif "force_n" in lacking and "acc_x" in names:
        hint = "; this is a motion recording: give it with --imu PLACEMENT=FILE"
    elif "acc_x" in lacking and "force_n" in names:
        hint = "; this is a force recording: give it with --force SIDE=FILE"
    plural = "columns" if len(lacking) > 1 else "column"
    return f"{plural} {', '.join(lacking)} missing; expected {need}, found {shown}{hint}"


def _parse(path: str | Path, body: str, line: int, names: list[str], wanted: tuple[str, ...]) -> Floats:
    """Numbers of the wanted columns, shape (n, len(wanted)), all finite."""
    use = [names.index(name) for name in wanted]
    try:
        table = np.loadtxt(
            io.StringIO(body),
            delimiter=",",
            comments=None,
            quotechar='"' if '"' in body else None,
            usecols=use,
            ndmin=2,
        )
    except ValueError:
        table = None
    # Every row must have all columns of the header, also those that are not used: a row cut short or run
    # together with the next one still starts with numbers.
    whole = table is not None and body.count(",") == (len(names) - 1) * len(table)
    if table is None or not whole or not np.isfinite(table).all():
        table = _parse_slowly(path, body, line, names, wanted, use)
    large = np.abs(table[:, 1:]) > _LARGEST
    if large.any():
        row, column = np.argwhere(large)[0].tolist()
        found = f"{wanted[column + 1]} is {table[row, column + 1]:g}"
        raise InputError(path, f"{found}; no sensor reads that in SI units", where=f"data row {row + 1}")
    return table


def _parse_slowly(
    path: str | Path, body: str, line: int, names: list[str], wanted: tuple[str, ...], use: list[int]
) -> Floats:
    """The same, row by row: finds the first bad cell. Rows of nothing but commas count as blank."""
    rows: list[list[float]] = []
    reader = csv.reader(io.StringIO(body, newline=""))
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"line {line + reader.line_num - 1} (data row {len(rows) + 1})"
            if len(cells) != len(names):
                _refuse_width(path, cells, len(names), where)
            rows.append([_number(path, cells[i], name, where) for i, name in zip(use, wanted, strict=True)])
    except csv.Error as error:
        raise InputError(path, f"{error}; expected CSV", where=f"line {line + reader.line_num - 1}") from None
    if not rows:
        raise InputError(path, "has a header and no rows; expected numbers below it")
    return np.array(rows, dtype=np.float64)


def _refuse_width(path: str | Path, cells: list[str], width: int, where: str) -> NoReturn:
    hint = "; the file may be cut off here" if len(cells) < width else ""
    if any(";" in cell for cell in cells):
        hint = "; separate columns by commas and write numbers with a point"
    raise InputError(path, f"{len(cells)} columns; the header has {width}{hint}", where=where)


def _number(path: str | Path, cell: str, name: str, where: str) -> float:
    text = cell.strip()
    if not text:
        problem = f"{name} is empty; expected a number (leave the whole row out where a sample is missing)"
    elif not _is_number(text):
        problem = f"{name} is {text[:40]!r}; expected a number"
    elif not np.isfinite(float(text)):
        problem = f"{name} is {text}; expected a finite number (leave the row out where a sample is missing)"
    else:
        return float(text)
    raise InputError(path, problem, where=where)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _in_order(path: str | Path, table: Floats) -> tuple[Floats, list[Flag], list[str]]:
    """Rows in order of time; equal times keep the order of the file."""
    steps = np.diff(table[:, 0])
    backward = int(np.count_nonzero(steps < 0))
    flags: list[Flag] = []
    notes: list[str] = []
    if backward:
        row = int(np.flatnonzero(steps < 0)[0]) + 2
        where = f"data row {row}"
        back = f"t_s goes back from {table[row - 2, 0]:g} to {table[row - 1, 0]:g}"
        if backward > _MAX_BACKWARD_SHARE * len(table):
            raise InputError(
                path,
                f"{back}, and {backward} times in {len(table)} rows; expected rows in order of time",
                where=where,
            )
        order = np.argsort(table[:, 0], kind="stable")
        if np.count_nonzero(np.diff(order) != 1) > _MAX_SEAM_SHARE * len(table):
            raise InputError(
                path, f"{back} and runs again over the same time; expected one recording a file", where=where
            )
        table = table[order]
        notes.append(f"{backward} backward steps of t_s were sorted")
    equal = int(np.count_nonzero(np.diff(table[:, 0]) == 0))
    if equal:
        notes.append(f"{equal} rows have the same t_s as the row before them")
    if backward or equal:
        flags.append(Flag.TIME_IRREGULAR)
    return table, flags, notes


def _strictly_increasing(t_ns: Times) -> Times:
    """Times with equal ones 1 ns apart: later parts need an order, and 1 ns is far below any clock here."""
    index = np.arange(len(t_ns), dtype=np.int64)
    return np.maximum.accumulate(t_ns - index) + index
