"""What all events of a session have in common."""

from __future__ import annotations

import msgspec

__all__ = ["SessionEvent"]


class SessionEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event_type"):
    """Base: ``t_us`` is when it happened on the session's time line."""

    t_us: int
