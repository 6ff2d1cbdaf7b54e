"""What a person can say about how it was."""

from __future__ import annotations

from typing import Annotated

import msgspec

from eccentra.commands import Scores
from eccentra.ids import SaidWhen

__all__ = ["Said", "SaidWhen", "possible"]

Score = Annotated[float, msgspec.Meta(ge=0.0, le=10.0)]


def possible(value: float | None) -> float | None:
    """A score from 0 to 10; ``None`` for what cannot be one: it says nothing, and is no 10 either."""
    return value if value is not None and 0.0 <= value <= 10.0 else None


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something a person said.

    Attributes
    ----------
    pain
        NRS 0 to 10, at the time of ``kind``: before, worst during, after, the next morning.
    rpe, rir
        Effort, or repetitions left.
    analgesic
        A painkiller within 24 h.
    confidence
        0 to 10.
    warm_up
        Whether one came before the first set.
    prom, version, scores
        A questionnaire by name and version with its subscales' scores; no item texts.
    """

    pain: Score | None = None
    soreness: Score | None = None
    rpe: Score | None = None
    rir: Score | None = None
    confidence: Score | None = None
    analgesic: bool | None = None
    warm_up: bool | None = None
    red_flag: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    note: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)] | None = None
    prom: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | None = None
    version: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    scores: Scores | None = None

    def __post_init__(self) -> None:
        if all(getattr(self, name) is None for name in Said.__struct_fields__):
            raise ValueError("nothing was said: expected pain, soreness, rpe, rir, red_flag, note ...")
        if (self.prom is None) != (self.scores is None):
            raise ValueError("prom and scores go together")
