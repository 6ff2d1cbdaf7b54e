"""How fast: one table, every floor beside what was measured on this machine.

``python benchmarks/speed.py`` prints it; ``--quick`` leaves out the hour-long recording.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eccentra.exercises import load_exercise
from eccentra.inputs import Input, Packet, Tick
from eccentra.profiles import SensorSetup, load_profile
from eccentra.recording import Recorder, Recording
from eccentra.samples import Floats
from eccentra.session import Header, Session, Settings
from eccentra.simulate import nordic_session, simulate

IMU = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
Row = tuple[str, str, str]


def signals(seed: int, seconds: float) -> dict[str, tuple[Floats, Floats]]:
    """Time (s) and values of each sensor of a simulated session, repeated until it is ``seconds`` long."""
    made = simulate(nordic_session(seed, kit="thigh+shank+force"), seed=seed)
    out = {}
    for setup in made.setups:
        signal = made.signals[setup.sensor]
        rate = 100.0 if setup.profile.kind == "imu" else 80.0
        length = float(signal.t_s[-1])
        grid = np.arange(0.0, length, 1.0 / rate)
        x = np.column_stack([np.interp(grid, signal.t_s, column) for column in signal.x.T])
        times = -(-int(seconds * rate) // len(grid))
        x = np.ascontiguousarray(np.tile(x, (times, 1))[: int(seconds * rate)])
        out[setup.sensor] = (np.arange(len(x)) / rate, x)
    return out


def recorded_header(seed: int) -> Header:
    """The session that the signals are fed to."""
    made = simulate(nordic_session(seed, kit="thigh+shank+force"), seed=seed)
    profile = load_profile("recorded-csv")
    sensors = tuple(
        SensorSetup(
            sensor=setup.sensor,
            profile=profile,
            placement=setup.placement,
            side=setup.side,
            rate_hz=100.0 if setup.profile.kind == "imu" else 80.0,
            channels=IMU if setup.profile.kind == "imu" else ("force",),
        )
        for setup in made.setups
    )
    return Header(
        session="bench",
        exercise=load_exercise("nordic-curl"),
        sensors=sensors,
        software="benchmark",
        settings=Settings(idle_end_s=None),
    )


def packets(header: Header, data: dict[str, tuple[Floats, Floats]], rows: int) -> list[Packet]:
    """Packets of ``rows`` rows of every sensor, in order of arrival."""
    out: list[Packet] = []
    for setup in header.sensors:
        t, x = data[setup.sensor]
        encoder = setup.start_encoder()
        ns = np.round(t * 1e9).astype(np.int64)
        for i in range(0, len(t), rows):
            part = slice(i, i + rows)
            out += [
                Packet(int(ns[part][-1]), setup.sensor, channel, payload)
                for channel, payload in encoder.encode(ns[part], x[part])
            ]
    return sorted(out, key=lambda p: (p.arrival_ns, p.sensor))


def with_ticks(items: list[Packet]) -> Iterator[Input]:
    """The packets with a tick every second."""
    tick = 1_000_000_000
    for item in items:
        while item.arrival_ns >= tick:
            yield Tick(tick)
            tick += 1_000_000_000
        yield item


def per_packet() -> list[Row]:
    """Live, one packet at a time."""
    header = recorded_header(1)
    imus = tuple(s for s in header.sensors if s.profile.id == "recorded-csv" and s.placement == "thigh")
    header = Header(
        session="bench",
        exercise=header.exercise,
        sensors=imus,
        software="benchmark",
        settings=header.settings,
    )
    data = signals(1, 300.0)
    items = packets(header, data, 10)
    runs = []
    for _ in range(5):
        session = Session(header)
        costs = []
        for item in items:
            start = time.perf_counter_ns()
            session.feed(item)
            costs.append((time.perf_counter_ns() - start) / 1000)
        runs.append((statistics.fmean(costs), statistics.median(costs)))
    mean, median = min(runs)
    return [
        (
            "10-sample IMU packet, bytes to repetition state",
            "<= 60 us",
            f"{mean:.0f} us mean, {median:.0f} median",
        )
    ]


def hour_replay(folder: Path) -> list[Row]:
    """One hour of two IMUs and two force sensors from the session file."""
    header = recorded_header(2)
    items = packets(header, signals(2, 3600.0), 10)
    path = folder / "hour.eccn"
    start = time.perf_counter()
    with Recorder(path, header) as recorder:
        for item in with_ticks(items):
            recorder.append(item)
    written = time.perf_counter() - start
    times = []
    for _ in range(3):
        start = time.perf_counter()
        with Recording(path) as recording:
            session = Session(recording.header)
            events = session.feed_many(recording.inputs())
            events += session.finish()
        times.append(time.perf_counter() - start)
    reps = sum(type(e.event).__name__ == "RepCompleted" for e in events)
    return [
        (
            "replay of 1 h, 2 IMUs + 2 force sensors",
            "<= 6 s",
            f"{min(times):.1f} s best of 3 ({reps} repetitions)",
        ),
        ("  the same: times real time", "", f"{3600 / min(times):.0f}x"),
        (
            "recording 1 h, per input",
            "",
            f"{written / len(items) * 1e6:.0f} us, {path.stat().st_size / 1e6:.0f} MB",
        ),
    ]


def analyze_minute(folder: Path) -> list[Row]:
    """The whole command, process start included."""
    t, x = signals(3, 60.0)[next(s.sensor for s in recorded_header(3).sensors if s.placement == "thigh")]
    file = folder / "thigh.csv"
    np.savetxt(
        file, np.column_stack([t, x]), delimiter=",", header="t_s," + ",".join(IMU), comments="", fmt="%.6f"
    )
    out = folder / "out.json"
    program = str(Path(sys.executable).parent / "eccentra")
    command = [program, "analyze", "--exercise", "nordic-curl", "--imu", f"thigh={file}", "--json", str(out)]
    return [
        ("analyze, 60 s at 100 Hz, whole command", "<= 2 s", f"{timed(command):.2f} s median of 5"),
        ("eccentra --help", "<= 0.3 s", f"{timed([program, '--help']):.2f} s median of 5"),
    ]


def timed(command: list[str]) -> float:
    """Median wall time of five runs after one that warms the disk."""
    times = []
    for _ in range(6):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the hour-long recording")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows += per_packet()
        rows += analyze_minute(folder)
        if not arguments.quick:
            rows += hour_replay(folder)
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    width = max(len(row[0]) for row in rows)
    for what, floor, found in rows:
        print(f"{what:{width}}  {floor:9}  {found}")


if __name__ == "__main__":
    main()
