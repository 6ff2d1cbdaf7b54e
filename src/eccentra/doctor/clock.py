"""Whether the clocks run as they should: results carry wall clock times, durations never depend on it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from eccentra.doctor.finding import Finding, failed, ok, warning

__all__ = ["check_clock"]

# No earlier than this program can have been installed, no later than its certificates can be valid.
_EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_WATCH_S = 1.0
# Slewing by NTP is at most 0.5 ms a second; more than this within one second was a step.
_STEP_MS = 20.0


def check_clock(
    *,
    wall: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    synchronised: Callable[[], str | None] | None = None,
) -> Iterator[Finding]:
    """Check that the wall clock is plausible, not being moved, and synchronised.

    Parameters
    ----------
    wall, monotonic, sleep
        The clocks, s.
    synchronised
        Says ``yes`` or ``no``, or ``None`` when it cannot be told.
    """
    now = datetime.fromtimestamp(wall(), UTC)
    advice = "set date and time; results would carry wrong times, and TLS would refuse certificates"
    if not _EARLIEST <= now < _LATEST:
        yield failed("clock.date", f"it is {now:%Y-%m-%d %H:%M} UTC, which cannot be", advice)
    else:
        yield ok("clock.date", f"{now:%Y-%m-%d %H:%M} UTC")
    yield _watch(wall, monotonic, sleep)
    match (synchronised or _ask_system)():
        case "yes":
            yield ok("clock.sync", "synchronised with a time server")
        case "no":
            yield warning(
                "clock.sync",
                "not synchronised with a time server",
                "switch it on: `sudo timedatectl set-ntp true`",
            )


def _watch(
    wall: Callable[[], float], monotonic: Callable[[], float], sleep: Callable[[float], None]
) -> Finding:
    wall_0, steady_0 = wall(), monotonic()
    sleep(_WATCH_S)
    drift_ms = ((wall() - wall_0) - (monotonic() - steady_0)) * 1e3
    if abs(drift_ms) > _STEP_MS:
        found = f"the wall clock moved {drift_ms:+.0f} ms against the steady clock within {_WATCH_S:g} s"
        return warning("clock.steady", found, "let one program alone set the clock, then start the station")
    return ok("clock.steady", f"wall clock and steady clock agree ({drift_ms:+.1f} ms in {_WATCH_S:g} s)")


def _ask_system() -> str | None:
    program = shutil.which("timedatectl")
    if program is None:
        return None
    command = [program, "show", "--property=NTPSynchronized", "--value"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=3, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    answer = done.stdout.strip()
    return answer if answer in ("yes", "no") else None
