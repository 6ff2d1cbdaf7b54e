"""Keeps the checks of the calendar as they become due, so that they are published and nobody has to look."""

from __future__ import annotations

from collections import Counter

from eccentra.hub.locks import lock_people
from eccentra.store.database import Store
from eccentra.store.reviews import keep_reviews, who_has_new

__all__ = ["keep_checks"]

# A check reads all that a person did: the others have their turn the next time.
_MOST = 20


def keep_checks(store: Store, *, now_us: int) -> Counter[str]:
    """Keep what has become due; gives how many checks are new.

    Parameters
    ----------
    now_us
        The clock, µs since 1970.
    """
    with store.read() as connection:
        people = who_has_new(connection, now_us)
    new = 0
    for name in people[:_MOST]:
        with store.write() as connection:
            lock_people(connection, [name])
            new += len(keep_reviews(connection, name, now_us))
    return Counter(checks=new)
