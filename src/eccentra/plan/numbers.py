"""Numbers of decoded JSON, before they are given a type: none is NaN, infinite or beyond all sense."""

from __future__ import annotations

import math
from collections.abc import Set
from itertools import chain
from typing import Any

from eccentra.errors import PlanError

__all__ = ["check_finite", "sensible", "whole_numbers"]

_HUGE = 1e9


def whole_numbers(value: Any) -> Any:
    """JSON has one kind of number: 24.0 repetitions are 24."""
    if isinstance(value, dict):
        return {key: whole_numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [whole_numbers(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def sensible(raw: dict[str, Any], table: str, fields: Set[str]) -> bool:
    """Whether no number can be NaN or beyond all sense; what is not plain is left to :func:`check_finite`.

    Known ``fields`` of the rows of ``table`` have ranges, which only NaN passes, and NaN alone differs from
    itself: so rows need no look at each number in turn. This runs before every decision.
    """
    rows = raw.get(table)
    if type(rows) is not list or any(type(one) is not dict for one in rows):
        return False
    if any(not one.keys() <= fields for one in rows):
        return False
    if [one for one in chain.from_iterable(map(dict.values, rows)) if one != one]:
        return False
    return _finite([value for key, value in raw.items() if key != table])


def _finite(value: list[Any]) -> bool:
    waiting: list[Any] = [value]
    for one in waiting:
        for each in one.values() if type(one) is dict else one:
            kind = type(each)
            if kind is float or kind is int:
                if not -_HUGE <= each <= _HUGE:
                    return False
            elif kind is dict or kind is list:
                waiting.append(each)
            elif kind is not str and kind is not bool and each is not None:
                return False
    return True


def check_finite(value: Any, path: str, source: str) -> None:
    """JSON knows no NaN and no infinity, Python's reader does; numbers beyond all sense are refused here."""
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        if not (math.isfinite(value) if isinstance(value, float) else abs(value) < 10**15):
            raise PlanError(source, f"is {str(value)[:20]}, expected a finite number", where=path)
        if abs(value) > _HUGE:
            raise PlanError(source, f"is {value:g}, expected a sensible number", where=path)
    elif isinstance(value, dict):
        for key, one in value.items():
            check_finite(one, f"{path}.{key}" if path else str(key), source)
    elif isinstance(value, list):
        for k, one in enumerate(value):
            check_finite(one, f"{path}[{k}]", source)
