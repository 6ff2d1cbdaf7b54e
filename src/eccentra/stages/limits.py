"""Ranges of parameters that come from a file: what is outside is refused with its key path.

TOML knows ``nan`` and ``inf``; no parameter may be either, and nothing that is divided by may be 0.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

__all__ = ["Count", "Factor", "NotNegative", "Number", "Positive", "Share"]

_MOST = 1e6

Number = Annotated[float, Meta(ge=-_MOST, le=_MOST)]
"""Any finite number."""

NotNegative = Annotated[float, Meta(ge=0, le=_MOST)]
"""0 or more."""

Positive = Annotated[float, Meta(gt=0, le=_MOST)]
"""More than 0."""

Share = Annotated[float, Meta(gt=0, le=1)]
"""Of a whole: more than 0, at most 1."""

Factor = Annotated[float, Meta(ge=1, le=1000)]
"""How much larger: 1 or more."""

Count = Annotated[int, Meta(ge=1, le=10_000)]
"""How many: 1 or more."""
