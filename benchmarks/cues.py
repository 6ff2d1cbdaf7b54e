"""How late live cues are, and how often they are right: simulated sessions, and the way to the loudspeaker.

Run ``python benchmarks/cues.py [--sessions N] [--seed S]``. Every session is prescribed a tempo, repetitions
and a range. Three tables:

- decision delay of each cue: from when it happened to the sample that showed it (median, 95 %, longest; s);
- Nordic curls, by true repetition, with stop rules off (after a stop nothing is said): control really lost,
  and really faster than the range in 60 % of the prescribed time, against what was said about it; also
  warnings outside true repetitions;
- from being told of a cue to its first sample being handed to the output, tones alone and with words (ms).

All results are on simulated people. Output devices add their own delay (some ms to some tens of ms).
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from typing import Any

import msgspec
import numpy as np

from eccentra.events import CueGiven, CueId, Event, Numbered
from eccentra.exercises import load_exercise
from eccentra.inputs import Input, Prescribed
from eccentra.session import Header, Session
from eccentra.simulate import (
    JOINT_EXERCISES,
    Simulation,
    hold_session,
    joint_session,
    nordic_session,
    simulate,
)
from eccentra.sound.player import SoundPlayer
from eccentra.sound.speech import Speaker, find_speaker
from eccentra.sound.tones import Pcm
from eccentra.stages.cue_rules import StopRule

TEMPO_S = 8.0  # many of the simulated strokes are too fast then
_FULL_DEG = 88.0
# A stroke that was a little too fast may be called so or not.
_MARGIN = 0.25


def events_of(
    made: Simulation, name: str, prescription: dict[str, Any], *, stops: bool = True
) -> list[Event]:
    exercise = load_exercise(name)
    if not stops and exercise.cues is not None:
        never = StopRule(pain=10.0, free_falls=1000, force_loss=2.0, same_fault=1000)
        exercise = msgspec.structs.replace(exercise, cues=msgspec.structs.replace(exercise.cues, stop=never))
    session = Session(Header(session="cues", exercise=exercise, sensors=made.setups, software="benchmark"))
    items: list[Input] = list(made.inputs())
    items.insert(1, Prescribed(items[0].arrival_ns, prescription))
    return [one.event for one in (*session.feed_many(items), *session.finish())]


class Right:
    """Said and true, said and not true, true and not said."""

    def __init__(self) -> None:
        self.hit = self.wrong = self.missed = 0

    def add(self, true: bool, said: bool) -> None:
        """One movement."""
        self.hit += true and said
        self.wrong += said and not true
        self.missed += true and not said

    def __str__(self) -> str:
        return f"{self.hit:6d} {self.missed:8d} {self.wrong:8d}"


def nordic(seeds: range, delays: dict[CueId, list[float]]) -> None:
    lost, fast, outside = Right(), Right(), 0
    prescription = {"tempo_s": {"eccentric": TEMPO_S}, "reps": 5, "rom_target_deg": 80.0}
    for seed in seeds:
        made = simulate(nordic_session(seed, kit="thigh+shank+force"), seed=seed)
        if seed % 4 == 1:
            found = events_of(made, "nordic-curl", prescription)
            note([c for c in found if isinstance(c, CueGiven) and c.severity == "stop"], delays)
        found = events_of(made, "nordic-curl", prescription, stops=False)
        cues = [c for c in found if isinstance(c, CueGiven)]
        note(cues, delays)
        for true_set in made.truth.sets:
            for rep in true_set.reps:
                mine = {c.cue for c in cues if rep.start_s <= c.t_us / 1e6 <= rep.end_s}
                point = rep.break_point
                if point is None or point.lean_deg < 55.0:
                    lost.add(point is not None, CueId.CONTROL_LOST in mine)
                speed = (rep.rom_deg or 0.0) / rep.total_s("eccentric") * 0.6 * TEMPO_S / _FULL_DEG
                if point is None and not 1.0 <= speed <= 1.0 + _MARGIN:
                    fast.add(speed > 1.0, bool(mine & {CueId.TOO_FAST, CueId.CONTROL_LOST}))
        outside += sum(
            c.severity == "warning" and not any(inside(c, one.reps) for one in made.truth.sets) for c in cues
        )
    print(f"\nNordic curls, {len(seeds)} sessions   said  missed  not true")
    print(f"control lost (lean < 55)        {lost}")
    print(f"too fast                        {fast}")
    print(f"warnings outside repetitions    {outside}")


def inside(cue: CueGiven, reps: Any) -> bool:
    return any(rep.start_s - 0.5 <= cue.t_us / 1e6 <= rep.end_s + 0.5 for rep in reps)


def others(seeds: range, delays: dict[CueId, list[float]]) -> None:
    for name in JOINT_EXERCISES:
        tempo = {"eccentric": 3.0, "isometric": 1.0, "concentric": 2.0}
        for seed in seeds:
            made = simulate(joint_session(seed, exercise=name), seed=seed)
            found = events_of(made, name, {"tempo_s": tempo, "reps": 6, "rom_target_deg": 40.0})
            note([c for c in found if isinstance(c, CueGiven)], delays)
    for seed in seeds:
        made = simulate(hold_session(seed, "plank"), seed=seed)
        found = events_of(made, "plank", {"tempo_s": {"isometric": 10.0}})
        note([c for c in found if isinstance(c, CueGiven)], delays)


def note(cues: list[CueGiven], delays: dict[CueId, list[float]]) -> None:
    for cue in cues:
        delays[cue.cue].append((cue.decided_us - cue.t_us) / 1e6)


class _Silent:
    """An output that takes the sound and does nothing."""

    name = "silent"

    def play(self, sound: Pcm) -> None:
        pass

    def close(self) -> None:
        pass


def to_the_output(speaker: Speaker | None) -> str:
    player = SoundPlayer(print, find=_Silent, speaker=speaker)
    with player:
        if speaker is not None:
            speaker.speak("Slower.")
        time.sleep(1.0)
        for k in range(30):
            us = k * 2_000_000
            cue = CueGiven(t_us=us, decided_us=us, cue=CueId.TOO_FAST, severity="warning", text="Slower.")
            player.handle([Numbered(session="b", seq=k + 1, time=None, event=cue)])
            time.sleep(1.0)  # until it has been heard
    ms = 1e3 * np.array(player.latencies_s)
    return f"{np.median(ms):6.1f} {np.percentile(ms, 95):6.1f} {ms.max():6.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    delays: dict[CueId, list[float]] = defaultdict(list)
    seeds = range(options.seed, options.seed + options.sessions)
    nordic(seeds, delays)
    others(seeds[: max(len(seeds) // 10, 1)], delays)
    print("\ndecision delay, s          cues  median    95 %  longest")
    for cue in CueId:
        if delays[cue]:
            x = np.array(delays[cue])
            print(f"{cue:24s} {len(x):6d} {np.median(x):7.2f} {np.percentile(x, 95):7.2f} {x.max():8.2f}")
    print("\nto the output, ms       median   95 %  longest")
    print(f"tones alone             {to_the_output(None)}")
    speaker = find_speaker()
    if speaker is not None:
        print(f"with words              {to_the_output(speaker)}")


if __name__ == "__main__":
    main()
