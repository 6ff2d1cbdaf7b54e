"""Wall-clock text from recorded times; nothing here reads a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["rfc3339"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(wall_ns: int) -> str | None:
    """RFC 3339 UTC text with milliseconds of ``wall_ns`` (ns since 1970); ``None`` beyond year 9999."""
    try:
        moment = _EPOCH + timedelta(milliseconds=wall_ns // 1_000_000)
    except OverflowError:
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
