"""Plays cues live, in a thread of its own: a session never waits for a loudspeaker."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from eccentra.events import CueGiven, Numbered
from eccentra.sound.outputs import Output, OutputError, find_output
from eccentra.sound.render import clip
from eccentra.sound.speech import Speaker, advice, find_speaker
from eccentra.sound.turns import Turns, Utterance

__all__ = ["SoundPlayer"]

# Far more than can be said before it is stale; the oldest that ends no set is dropped first.
_MOST_QUEUED = 32
_LONGEST_WAIT_S = 0.5
_RETRY_S = 10.0
# Made before the first cue: what is said every second has to be there at once.
_USUAL = (
    *("one two three four five six seven eight nine ten hold up down".split()),  # noqa: SIM905
    *("One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten.".split()),  # noqa: SIM905
    "Slower.",
    "Hips forward.",
    "Control lost.",
    "Target reached.",
    "Range reached.",
    "Stop the set. Control was lost twice in a row.",
    "Stop the set. Pain is above your limit.",
)


class SoundPlayer:
    """Takes events, plays their cues.

    Parameters
    ----------
    note
        Takes what is wrong, in words, from the player's thread: the same trouble once.
    find
        Gives the output; it is tried again when it failed.
    speaker
        Who speaks; ``None`` for tones alone.
    monotonic
        The clock, in s.

    Attributes
    ----------
    latencies_s
        From being told of a cue to handing its sound to the output, of the last cues.
    """

    def __init__(
        self,
        note: Callable[[str], None],
        *,
        find: Callable[[], Output] = find_output,
        speaker: Speaker | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.latencies_s: deque[float] = deque(maxlen=1000)
        self._note = note
        self._find = find
        self._speaker = speaker
        self._monotonic = monotonic
        self._queue: deque[tuple[CueGiven, float]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._output: Output | None = None
        self._try_at = -1e9
        self._told = ""
        self._turns = Turns()
        self._thread = threading.Thread(target=self._run, name="eccentra-sound", daemon=True)

    @classmethod
    def of_this_computer(cls, note: Callable[[str], None]) -> SoundPlayer:
        """With what is installed here; notes what is missing."""
        speaker = find_speaker()
        if speaker is None:
            note(f"cues are tones only; {advice()}")
        return cls(note, speaker=speaker)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._speaker is not None:
            self._speaker.close()
        self._thread.join(timeout=5.0)

    def handle(self, events: Sequence[Numbered]) -> None:
        """Take events; returns at once."""
        cues = [one.event for one in events if isinstance(one.event, CueGiven)]
        if not cues:
            return
        now = self._monotonic()
        with self._changed:
            # what comes at once after a pause of the program is old: only what is still true is said
            newest = cues[-1].decided_us
            for cue in cues:
                if cue.severity == "stop" or newest - cue.decided_us < 1_000_000:
                    self._queue.append((cue, now))
            while len(self._queue) > _MOST_QUEUED:
                mild = next((k for k, (cue, _) in enumerate(self._queue) if cue.severity != "stop"), 0)
                del self._queue[mild]
            self._changed.notify()

    # -- the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        self._open()
        for text in _USUAL if self._speaker is not None else ():
            if self._closing or self._queue:
                break
            if self._speaker is not None:
                self._speaker.speak(text)
        while not self._closing:
            self._wait()
            self._take()
            now = self._monotonic()
            one = self._turns.next(now)
            if one is not None:
                self._play(one)
        if self._output is not None:
            self._output.close()

    def _wait(self) -> None:
        due = self._turns.due_s
        seconds = _LONGEST_WAIT_S if due is None else max(0.0, due - self._monotonic())
        with self._changed:
            if not self._queue and not self._closing:
                self._changed.wait(min(seconds, _LONGEST_WAIT_S))

    def _take(self) -> None:
        with self._changed:
            new = list(self._queue)
            self._queue.clear()
        # whatever ends the set first: its words are not to wait for those of others
        for cue, at in sorted(new, key=lambda pair: pair[0].severity != "stop"):
            self._turns.put(Utterance(cue, clip(cue, self._speaker), at), self._monotonic())
            if cue.severity == "stop":
                one = self._turns.next(self._monotonic())
                if one is not None:
                    self._play(one)

    def _play(self, one: Utterance) -> None:
        if self._output is None:
            self._open()
        if self._output is None:
            return
        try:
            self._output.play(one.sound)
        except OutputError as error:
            self._output.close()
            self._output = None
            self._tell(str(error))
        else:
            self.latencies_s.append(self._monotonic() - one.wanted_s)

    def _open(self) -> None:
        now = self._monotonic()
        if now - self._try_at < _RETRY_S:
            return
        self._try_at = now
        try:
            self._output = self._find()
        except OutputError as error:
            self._tell(str(error))

    def _tell(self, trouble: str) -> None:
        if trouble != self._told:
            self._told = trouble
            self._note(f"no sound: {trouble}")
