"""The CSV files of ``analyze``: what is read, what is repaired and said, what is refused and how."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eccentra.csvfile import Signal, read_force, read_imu
from eccentra.errors import InputError
from eccentra.events import Flag

IMU = "t_s,acc_x,acc_y,acc_z,gyr_x,gyr_y,gyr_z"
ACC = "t_s,acc_x,acc_y,acc_z"
G = 9.80665


def rocking(seconds: float = 20.0, rate_hz: float = 50.0) -> np.ndarray:
    """Rows of a sensor that tilts to and fro by 40° about its x axis every 4 s; exact, SI."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    angle = np.radians(20) * (1 - np.cos(2 * np.pi * t / 4))
    rate = np.radians(20) * 2 * np.pi / 4 * np.sin(2 * np.pi * t / 4)
    zero = np.zeros_like(t)
    # a turn by +angle about x turns gravity by -angle in the sensor
    return np.column_stack([t, zero, G * np.sin(angle), G * np.cos(angle), rate, zero, zero])


def text(rows: np.ndarray, header: str = IMU, sep: str = ",", end: str = "\n") -> str:
    lines = [header, *(sep.join(f"{v:.9g}" for v in row) for row in rows)]
    return end.join(lines) + end


def write(folder: Path, content: str | bytes, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(folder: Path, content: str | bytes, *words: str, read=read_imu) -> None:
    path = write(folder, content)
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_plain_file(tmp_path: Path) -> None:
    rows = rocking()
    signal = read_imu(write(tmp_path, text(rows)))
    assert signal.channels == ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
    assert signal.t_ns.dtype == np.int64
    assert np.array_equal(signal.t_ns, np.arange(1000) * 20_000_000)
    np.testing.assert_allclose(signal.x, rows[:, 1:], rtol=1e-8)
    assert signal.rate_hz == pytest.approx(50)
    assert signal.flags == ()
    assert signal.notes == ()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda s: s.encode("utf-8-sig"), id="byte order mark"),
        pytest.param(lambda s: s.replace("\n", "\r\n"), id="crlf"),
        pytest.param(lambda s: s.replace("\n", "\r"), id="cr"),
        pytest.param(lambda s: s.replace("\n", "\r\r\n"), id="crcrlf"),
        pytest.param(lambda s: s.replace("\n", "\n\n"), id="blank line after every row"),
        pytest.param(lambda s: "\n" + s, id="blank first line"),
        pytest.param(lambda s: s.rstrip("\n"), id="no last line end"),
        pytest.param(lambda s: s + ",,,,,,\n" * 3, id="empty spreadsheet rows"),
        pytest.param(lambda s: s.replace(",", ", "), id="spaces"),
        pytest.param(lambda s: s.replace(IMU, '"' + IMU.replace(",", '","') + '"'), id="quoted header"),
        pytest.param(
            lambda s: "\n".join(f'"{line.replace(",", chr(34) + "," + chr(34))}"' for line in s.splitlines()),
            id="quoted cells",
        ),
    ],
)
def test_same_numbers_however_written(tmp_path: Path, change) -> None:
    plain = read_imu(write(tmp_path, text(rocking())))
    other = read_imu(write(tmp_path, change(text(rocking()))))
    assert np.array_equal(other.t_ns, plain.t_ns)
    assert np.array_equal(other.x, plain.x)
    assert other.notes == ()


def test_columns_in_any_order_and_unknown_ones_are_left_out_and_said(tmp_path: Path) -> None:
    rows = rocking()
    lines = ["label,gyr_z,acc_x,t_s,acc_y,acc_z,gyr_x,gyr_y"]
    lines += [f"rest,{r[6]},{r[1]},{r[0]},{r[2]},{r[3]},{r[4]},{r[5]}" for r in rows.tolist()]
    signal = read_imu(write(tmp_path, "\n".join(lines)))
    np.testing.assert_allclose(signal.x, rows[:, 1:], rtol=1e-12)
    assert signal.notes == ("columns not used: label",)


def test_accelerometer_only_and_force(tmp_path: Path) -> None:
    signal = read_imu(write(tmp_path, text(rocking()[:, :4], ACC)))
    assert signal.channels == ("acc_x", "acc_y", "acc_z")
    force = read_force(write(tmp_path, text(rocking()[:, :2] + [0, 120], "t_s,force_n")))
    assert (force.kind, force.channels, force.x.shape) == ("force", ("force_n",), (1000, 1))


@pytest.mark.parametrize("start", [0.0, -100.0, 1.7e9])
def test_times_may_start_anywhere(tmp_path: Path, start: float) -> None:
    rows = rocking()
    lines = [IMU, *(",".join(f"{v!r}" for v in [start + r[0], *r[1:]]) for r in rows.tolist())]
    signal = read_imu(write(tmp_path, "\n".join(lines)))
    np.testing.assert_allclose(signal.t_ns - round(start * 1e9), rows[:, 0] * 1e9, atol=500)


class TestTimes:
    def test_equal_times_keep_file_order(self, tmp_path: Path) -> None:
        rows = rocking()
        rows[11, 0] = rows[12, 0] = rows[10, 0]
        signal = read_imu(write(tmp_path, text(rows)))
        np.testing.assert_allclose(signal.x, rows[:, 1:], rtol=1e-8)
        assert signal.flags == (Flag.TIME_IRREGULAR,)
        assert signal.t_ns[10:13].tolist() == [200_000_000, 200_000_001, 200_000_002]
        assert "2 rows have the same t_s" in signal.notes[0]

    def test_few_backward_steps_are_sorted(self, tmp_path: Path) -> None:
        rows = rocking()
        swapped = rows.copy()
        for i in range(50, 1000, 100):
            swapped[[i, i + 1]] = swapped[[i + 1, i]]
        signal = read_imu(write(tmp_path, text(swapped)))
        np.testing.assert_allclose(signal.x, rows[:, 1:], rtol=1e-8)
        assert signal.flags == (Flag.TIME_IRREGULAR,)
        assert signal.notes == ("10 backward steps of t_s were sorted",)

    def test_more_are_refused(self, tmp_path: Path) -> None:
        rows = rocking()
        for i in range(50, 1000, 80):
            rows[[i, i + 1]] = rows[[i + 1, i]]
        refused(tmp_path, text(rows), "data row 52", "goes back from 1.02 to 1", "12 times in 1000 rows")

    def test_shuffled_rows_are_refused_as_such(self, tmp_path: Path) -> None:
        rows = np.random.default_rng(1).permutation(rocking())
        refused(tmp_path, text(rows), "order of time")

    def test_two_recordings_in_one_file_are_not_mixed(self, tmp_path: Path) -> None:
        rows = rocking()
        refused(tmp_path, text(np.vstack([rows, rows])), "data row 1001", "one recording a file")

    @pytest.mark.parametrize(
        ("factor", "words"),
        [
            (50, ["row number"]),
            (1e3, ["looks like milliseconds", "divide by 1000"]),
            (1e6, ["looks like microseconds", "divide by 1000000"]),
            (1e9, ["looks like nanoseconds"]),
        ],
    )
    def test_other_units(self, tmp_path: Path, factor: float, words: list[str]) -> None:
        refused(tmp_path, text(rocking() * [factor, 1, 1, 1, 1, 1, 1]), "t_s grows by", *words)

    def test_too_coarse(self, tmp_path: Path) -> None:
        rows = rocking()
        rows[:, 0] = np.floor(rows[:, 0])
        refused(tmp_path, text(rows), "about 50 rows share each t_s", "decimals")

    def test_constant(self, tmp_path: Path) -> None:
        refused(tmp_path, text(rocking() * [0, 1, 1, 1, 1, 1, 1]), "same t_s")

    def test_too_slow(self, tmp_path: Path) -> None:
        refused(tmp_path, text(rocking(rate_hz=3)), "3 Hz", "at least 4 rows a second")

    def test_slow_is_said(self, tmp_path: Path) -> None:
        signal = read_imu(write(tmp_path, text(rocking(rate_hz=6))))
        assert "only 6.0 rows a second" in signal.notes[0]

    def test_days(self, tmp_path: Path) -> None:
        rows = rocking()
        rows[0, 0] = -1.7e9
        refused(tmp_path, text(rows), "at most 48 h")

    def test_gaps_do_not_change_the_rate(self, tmp_path: Path) -> None:
        rows = rocking()
        signal = read_imu(write(tmp_path, text(np.delete(rows, slice(200, 700), axis=0))))
        assert signal.rate_hz == pytest.approx(50)

    def test_bursts_give_the_mean_rate(self, tmp_path: Path) -> None:
        rows = rocking()
        # five rows a notification, 1 ms apart, stamped on arrival
        index = np.arange(len(rows))
        rows[:, 0] = (index // 5) * 0.1 + (index % 5) * 0.001
        signal = read_imu(write(tmp_path, text(rows)))
        assert signal.rate_hz == pytest.approx(50, rel=0.02)
        assert "unevenly" in signal.notes[0]


class TestUnits:
    def test_g(self, tmp_path: Path) -> None:
        refused(tmp_path, text(rocking() / [1, G, G, G, 1, 1, 1]), "looks like g", "multiply by 9.80665")

    def test_milli_g(self, tmp_path: Path) -> None:
        refused(tmp_path, text(rocking() / [1, *[G / 1000] * 3, 1, 1, 1]), "looks like mg", "by 0.00980665")

    def test_raw_counts(self, tmp_path: Path) -> None:
        refused(tmp_path, text(rocking() / [1, *[G / 16384] * 3, 1, 1, 1]), "raw counts")

    def test_gravity_removed(self, tmp_path: Path) -> None:
        refused(tmp_path, text(rocking() * [1, 0.01, 0.01, 0.01, 1, 1, 1]), "gravity is not in it")

    @pytest.mark.parametrize("slower", [1, 3])
    def test_degrees_a_second(self, tmp_path: Path, slower: float) -> None:
        """Also slow movement, whose °/s would be possible as rad/s."""
        rows = rocking(60.0) * [1, 1, 1, 1, *[np.degrees(1)] * 3]
        rows = rows[:, :] * [slower, 1, 1, 1, *[1 / slower] * 3]
        assert np.percentile(rows[:, 4], 99) < 50
        refused(tmp_path, text(rows), "looks like °/s", "multiply by 0.0174533")

    def test_impossible_rates(self, tmp_path: Path) -> None:
        rows = rocking()
        rows[:, 4] = 300 * np.sin(rows[:, 0])
        refused(tmp_path, text(rows), "looks like °/s")

    def test_opposite_sense_is_said(self, tmp_path: Path) -> None:
        signal = read_imu(write(tmp_path, text(rocking() * [1, 1, 1, 1, -1, 1, 1])))
        assert "opposite senses" in signal.notes[0]

    def test_impossible_force(self, tmp_path: Path) -> None:
        refused(tmp_path, text(rocking()[:, :2] + [0, 5e4], "t_s,force_n"), "expected N", read=read_force)


LINES = text(rocking()).splitlines()


def with_line(number: int, line: str) -> str:
    return "\n".join([*LINES[: number - 1], line, *LINES[number:]])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["is empty"]),
        (b"\n\n  \n", ["is empty"]),
        (IMU, ["no rows"]),
        (IMU + "\n\n\n", ["no rows"]),
        (IMU + "\n,,,,,,\n", ["no rows"]),
        ("\n".join(LINES[:2]), ["one row only"]),
        (bytes(range(256)) * 10, ["binary"]),
        (LINES[0].encode() + b"\n0.0,\x00\x01", ["binary"]),
        (LINES[0].encode() + b"\n0.0,\xff\xfe", ["line 2", "not UTF-8"]),
        ("\n".join(LINES).encode("utf-16"), ["UTF-16"]),
        (b"\x1f\x8b\x08\x00aaaa", ["gzip", "unpack"]),
        (b"PK\x03\x04aaaa", ["Excel"]),
        (b"SQLite format 3\x00aaaa", ["eccentra replay"]),
        ("\n".join(LINES[1:]), ["line 1", "starts with numbers", ACC + "[,gyr_x,gyr_y,gyr_z]"]),
        ("\n".join(LINES).replace(",", ";"), ["semicolons", "expected commas"]),
        ("\n".join(LINES).replace(",", "\t"), ["tabs"]),
        ("\n".join(LINES).replace("acc_y", "ay"), ["column acc_y missing", "'ay'"]),
        ("\n".join(LINES).replace("gyr_y", "wy"), ["gyr_y is missing", "all three or none"]),
        ("\n".join(LINES).replace("acc_y", "ACC_Y"), ["'ACC_Y' must be written 'acc_y'"]),
        ("\n".join(LINES).replace("acc_y", "acc_x"), ["acc_y missing"]),
        (
            "\n".join(f"{line},0" for line in LINES).replace("gyr_z,0", "gyr_z,acc_x"),
            ["acc_x is there 2 times"],
        ),
        ("t_s,force_n\n0,1\n0.1,1\n", ["force recording", "--force"]),
        (with_line(7, "0.1,0,0,,0,0,0"), ["line 7 (data row 6)", "acc_z is empty"]),
        (with_line(7, "0.1,0,0,nan,0,0,0"), ["line 7 (data row 6)", "acc_z is nan", "finite"]),
        (with_line(7, "0.1,0,0,0,-inf,0,0"), ["line 7", "gyr_x is -inf"]),
        (with_line(7, "0.1,0,0,1e300,0,0,0"), ["data row 6", "acc_z is 1e+300"]),
        (with_line(7, "0.1,0,abc,0,0,0,0"), ["line 7", "acc_y is 'abc'", "a number"]),
        (with_line(7, "1_0.1,0,0,0,0,0,0"), ["line 7", "t_s is '1_0.1'"]),
        (with_line(7, "0.1,0,0,0"), ["line 7", "4 columns; the header has 7", "cut off"]),
        (with_line(7, "0.1,0,0,0,0,0,0,0.12,0,0,0,0,0,0"), ["line 7", "14 columns"]),
        (with_line(7, "0,1;0,0;0,0;0,0"), ["line 7", "commas"]),
        (with_line(7, '0.1,"0,0,0,0,0,0'), ["line"]),
    ],
)
def test_bad_files(tmp_path: Path, content: str | bytes, words: list[str]) -> None:
    refused(tmp_path, content, *words)


def test_motion_given_as_force(tmp_path: Path) -> None:
    refused(tmp_path, "\n".join(LINES), "force_n missing", "--imu PLACEMENT=FILE", read=read_force)


def test_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_imu(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_imu(tmp_path)


@given(cut=st.integers(0, len("\n".join(LINES[:40])) - 1))
@settings(max_examples=60, deadline=None)
def test_cut_anywhere_is_read_or_refused(tmp_path_factory, cut: int) -> None:
    """A file cut off at any byte: either whole rows, or one clear line."""
    path = write(tmp_path_factory.getbasetemp(), "\n".join(LINES[:40])[:cut])
    problem = ""
    signal: Signal | None = None
    try:
        signal = read_imu(path)
    except InputError as error:
        problem = str(error)
    assert "\n" not in problem
    if signal is None:
        assert problem.startswith(f"{path}: ")
    else:
        assert 2 <= len(signal.t_ns) <= 39


def test_speed(tmp_path: Path) -> None:
    """A minute at 100 Hz: 15 ms on the development machine; the bound is for busy ones."""
    path = write(tmp_path, text(rocking(60.0, 100.0)))
    read_imu(path)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        read_imu(path)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.060
