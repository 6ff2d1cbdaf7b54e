"""How many events a second the hub takes into the database, decisions included.

Sessions of people who train twice a week, the streams of eight stations interleaved, in batches of 20: what
Mosquitto hands out unacknowledged by default. Every message becomes a row of its own and of what is derived
from it; each session's end is decided about in the same transaction. Floors: 500 events a second on SQLite,
300 on PostgreSQL.

``python benchmarks/hub.py [--postgresql URL] [--people N] [--sessions N] [--batch N]`` prints a table;
``URL`` is that of an empty database.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from trained import START, session

from eccentra.commands import Request, parse_arguments
from eccentra.hub.carry_out import carry_out
from eccentra.hub.take import take
from eccentra.mqtt.hubverbs import HUB_VERBS
from eccentra.plan.starting import programme_prescription
from eccentra.store.database import Store, open_store

FLOORS = {"sqlite": 500.0, "postgresql": 300.0}
_STATIONS = 8
_DAY_US = 86_400_000_000


def enrol(store: Store, people: list[str]) -> None:
    first = programme_prescription(
        "mjolsnes-2004", "nordic-curl", 1, {"added_pct_bm": 0.0}, author="t1", approved_by="t1", stage=3
    )
    day = START.date().isoformat()
    for person in people:
        run = {"id": f"run-{person}", "started": day, "weeks": 10, "template": "mjolsnes-2004"}
        enrolled = {
            "athlete": person,
            "who": "t1",
            "mode": "prevention",
            "profile": "prevention",
            "stage": 3,
            "since": day,
            "programme": run,
        }
        whole = {"athlete": person, "who": "t1", "prescription": msgspec.to_builtins(first)}
        for verb, arguments in (("enrol", enrolled), ("prescribe", whole)):
            do = parse_arguments(verb, arguments, HUB_VERBS)
            before = round(START.timestamp() * 1e6) - _DAY_US
            answer = carry_out(
                store, Request(id=f"{verb}-{person}", do=do), now_us=before, therapists=("t1",)
            )
            assert answer.status == "done", answer


def stream(people: list[str], sessions: int, reps: int) -> list[bytes]:
    """Events of all sessions as they would come: eight people at a time."""
    out = []
    for number in range(sessions):
        for k in range(0, len(people), _STATIONS):
            running: list[Iterator[tuple[str, bytes]]] = [
                iter(session(f"{person}-{number}", person, 3.5 * number, reps=reps))
                for person in people[k : k + _STATIONS]
            ]
            while running:
                for one in list(running):
                    message = next(one, None)
                    if message is None:
                        running.remove(one)
                    else:
                        out.append(message[1])
    return out


def measure(
    url: str, *, people: int, sessions: int, reps: int, batch: int
) -> tuple[str, int, int, float, float]:
    """Dialect, events, decisions, and events a second by the clock and by our own processor time."""
    names = [f"p{k}" for k in range(people)]
    messages = stream(names, sessions, reps)
    now_us = round(START.timestamp() * 1e6) + 365 * _DAY_US
    store = open_store(url)
    try:
        enrol(store, names)
        decisions = 0
        wall, cpu = time.perf_counter(), time.process_time()
        for k in range(0, len(messages), batch):
            decisions += len(take(store, messages[k : k + batch], now_us=now_us).decisions)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return store.dialect, len(messages), decisions, len(messages) / wall, len(messages) / cpu
    finally:
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--postgresql", metavar="URL", help="an empty database")
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--sessions", type=int, default=12)
    parser.add_argument("--reps", type=int, default=24)
    parser.add_argument("--batch", type=int, default=20)
    given = parser.parse_args()
    sizes = {name: getattr(given, name) for name in ("people", "sessions", "reps", "batch")}
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{Path(folder) / 'results.sqlite'}"]
        urls += [given.postgresql] if given.postgresql else []
        print(
            f"{'database':12} {'events':>8} {'decisions':>10} {'events/s':>9} {'floor':>6}  by own CPU time"
        )
        for url in urls:
            dialect, events, decisions, rate, cpu_rate = measure(url, **sizes)
            floor = FLOORS[dialect]
            verdict = "" if rate >= floor else "  BELOW THE FLOOR"
            print(
                f"{dialect:12} {events:8d} {decisions:10d} {rate:9.0f} {floor:6.0f}  {cpu_rate:8.0f}{verdict}"
            )
    if not given.postgresql:
        print("PostgreSQL was not measured: give --postgresql URL")


if __name__ == "__main__":
    main()
