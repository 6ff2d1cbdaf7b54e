"""What a check found."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Finding", "failed", "ok", "warning"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check.

    Attributes
    ----------
    check
        Stable id: part and check, as ``broker.login``.
    state
        ``failed``: a station will not work. ``warning``: it will, but not as well as it could.
    found
        What was found, in words.
    advice
        What to do, when it is not ``ok``.
    """

    check: str
    state: Literal["ok", "warning", "failed"]
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """A check that went well."""
    return Finding(check=check, state="ok", found=found)


def warning(check: str, found: str, advice: str) -> Finding:
    """A check that found something to improve."""
    return Finding(check=check, state="warning", found=found, advice=advice)


def failed(check: str, found: str, advice: str) -> Finding:
    """A check that found why a station would not work."""
    return Finding(check=check, state="failed", found=found, advice=advice)
