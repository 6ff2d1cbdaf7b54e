"""What a yes to a decision means: the prescription that follows, and how far the plan has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eccentra.errors import PlanError
from eccentra.plan.prescription import Prescription

__all__ = ["accepted", "level_change"]


def accepted(output: Mapping[str, Any], held: Prescription, *, approved_by: str) -> Prescription | None:
    """The prescription after a decision was accepted; ``None`` when nothing changes.

    Parameters
    ----------
    output
        ``eccentra.decision/1``.
    held
        What is in force.

    Raises
    ------
    PlanError
        The decision names no prescription, or one that is not whole (another variant needs its own load).
    """
    if output["action"] == "HOLD":
        return None
    part = output["next_prescription"]
    if part is None:
        raise PlanError("accept", "the decision names no prescription: edit it with a whole one")
    return held.changed(part, author="plan", approved_by=approved_by)


def level_change(output: Mapping[str, Any], level: int) -> int:
    """Steps of the plan's level that an accepted decision makes: up, down, or back to the first week."""
    steps = int(output["steps"])
    if output["action"] == "PROGRESS":
        return steps
    if output["action"] not in ("REGRESS", "STOP"):
        return 0
    back = level if output["inputs_used"]["template"] is not None and steps >= 2 else steps
    return -min(back, level)
