"""Mistakes of the link itself, or in what a library calls: said and logged, and the set goes on."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable, Iterator

from eccentra.events import StationNoted, StationReason
from eccentra.link.addresses import without_addresses
from eccentra.link.advice import Step, Trouble, advice_for, explain
from eccentra.link.machine import Said
from eccentra.samples import NS_PER_S

__all__ = ["Mistakes"]

# The same mistake is said once a minute.
_AGAIN_NS = 60 * NS_PER_S

log = logging.getLogger("eccentra.link")


class Mistakes:
    """Turns errors into what is said of them.

    Parameters
    ----------
    put
        Takes what is said.
    now
        Host's monotonic clock, ns.
    platform
        ``sys.platform``, for advice.
    """

    def __init__(self, put: Callable[[StationNoted], None], now: Callable[[], int], platform: str) -> None:
        self._put = put
        self._now = now
        self._platform = platform
        self._said = Said(_AGAIN_NS)

    @contextlib.contextmanager
    def said(self) -> Iterator[None]:
        """A mistake in here must not end the set."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  said, with its trace in the log
            self._say(error)

    def explain(self, error: Exception, step: Step) -> Trouble:
        """What an error means; said at once when nobody thought of it."""
        trouble = explain(error, step, self._platform)
        if trouble.reason is StationReason.INTERNAL:
            self._say(error)
        return trouble

    def _say(self, error: Exception) -> None:
        """Say that something happened which nobody thought of. Its text may hold addresses, its trace not."""
        reason, detail = StationReason.INTERNAL, f"unexpected {type(error).__name__} in the Bluetooth link"
        count = self._said.due(reason, detail, self._now())
        if not count:
            return
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("%s: %s\n%s", detail, without_addresses(str(error)), where)
        advice = advice_for(reason, self._platform)
        self._put(StationNoted(reason=reason, level="error", detail=detail, advice=advice, count=count))
