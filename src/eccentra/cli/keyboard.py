"""Lines typed while the screen is drawn: read key by key, so that the picture stays whole."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator

__all__ = ["Keyboard"]

_POLL_S = 0.2
_MOST = 500


class Keyboard:
    """Reads the terminal in a thread of its own.

    Parameters
    ----------
    line
        Called with each finished line, in that thread.

    Attributes
    ----------
    typed
        What has been typed of the next line.
    """

    def __init__(self, line: Callable[[str], None]) -> None:
        self.typed = ""
        self._line = line
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="eccentra-keys", daemon=True)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read while inside."""
        with _by_key():
            self._thread.start()
            try:
                yield
            finally:
                self._stop.set()
                self._thread.join(2 * _POLL_S)

    def key(self, key: str) -> None:
        """Take a key."""
        if key in "\r\n":
            line, self.typed = self.typed.strip(), ""
            if line:
                self._line(line)
        elif key in "\x7f\b":
            self.typed = self.typed[:-1]
        elif key.isprintable():
            self.typed = (self.typed + key)[:_MOST]

    def _read(self) -> None:
        while not self._stop.is_set():
            for key in _keys():
                self.key(key)


if sys.platform == "win32":
    import msvcrt
    import time

    def _keys() -> str:
        if not msvcrt.kbhit():
            time.sleep(_POLL_S)
            return ""
        return msvcrt.getwch()

    @contextlib.contextmanager
    def _by_key() -> Iterator[None]:
        yield

else:
    import termios
    import tty

    def _keys() -> str:
        if not select.select([sys.stdin], [], [], _POLL_S)[0]:
            return ""
        keys = os.read(sys.stdin.fileno(), 64).decode("utf-8", "ignore")
        return "" if keys.startswith("\x1b") else keys  # arrows and the like

    @contextlib.contextmanager
    def _by_key() -> Iterator[None]:
        """Keys at once and without echo; Ctrl-C still interrupts."""
        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        try:
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
