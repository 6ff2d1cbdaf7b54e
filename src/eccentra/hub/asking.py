"""Looks after questions: schedules, strikes off what was answered, asks, and says what is missing."""

from __future__ import annotations

import logging
from collections import Counter

from eccentra.hub.locks import lock_people
from eccentra.hub.take import FUTURE_US, Outcome, decide_about
from eccentra.store.database import Store
from eccentra.store.questions import ask_due, close_questions, schedule

__all__ = ["ask"]

log = logging.getLogger("eccentra.hub")


def ask(store: Store, *, now_us: int) -> Outcome:
    """To be called now and then; gives what was counted, and decisions that follow from answers.

    In this order: what was answered meanwhile, in a session for instance, is never asked again.

    Parameters
    ----------
    now_us
        The clock, µs since 1970.
    """
    with store.write() as connection:
        schedule(connection, now_us)
        answered, missing = close_questions(connection, now_us)
        asked = ask_due(connection, now_us)
    for name in missing:
        log.warning("%s did not say how the next morning was: the answer stays missing", name)
    counts = Counter(asked=asked, answered=len(answered), missing=len(missing))
    decisions: list[str] = []
    for name in dict.fromkeys(answered):
        with store.write() as connection:
            lock_people(connection, [name])
            kept, failed = decide_about(connection, name, until_us=now_us + FUTURE_US)
        decisions += kept
        counts.update(decisions=len(kept), undecided=failed)
    return Outcome(counts=counts, decisions=tuple(decisions))
