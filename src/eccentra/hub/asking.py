"""Looks after questions: schedules, strikes off what was answered, asks, and says what is missing."""

from __future__ import annotations

import logging
from collections import Counter

from eccentra.store.database import Store
from eccentra.store.questions import ask_due, close_questions, schedule

__all__ = ["ask"]

log = logging.getLogger("eccentra.hub")


def ask(store: Store, *, now_us: int) -> Counter[str]:
    """To be called now and then; gives what was counted.

    In this order: what was answered meanwhile is never asked again.

    Parameters
    ----------
    now_us
        The clock, µs since 1970.
    """
    with store.write() as connection:
        schedule(connection, now_us)
        answered, missing = close_questions(connection, now_us)
        asked = ask_due(connection, now_us)
    if missing:
        log.warning(
            "%d questions about the next morning were not answered in time: they stay missing", missing
        )
    return Counter(asked=asked, answered=answered, missing=missing)
