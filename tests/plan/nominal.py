"""A nominal decision input: two good sessions; tests change what they are about."""

from __future__ import annotations

import datetime as dt
from typing import Any

from eccentra.plan.decide import Decision, decide
from eccentra.plan.decision_input import SCHEMA, DecisionInput, parse_decision_input

TODAY = dt.date(2026, 3, 20)


def session(days_ago: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "date": (TODAY - dt.timedelta(days=days_ago)).isoformat(),
        "level": None,
        "ecc_reps": None,
        "pain_during": 1,
        "pain_24h_change": 0,
        "hours_since": 24.0 * days_ago,
        "soreness": 1,
        "reps_ratio": 1.0,
        "dose_ratio": 0.97,
        "quality": 84,
        "rom_ratio": 0.98,
        "asymmetry_pct": 4,
        "asymmetry_side": "left",
        "rpe": 7,
        "force_loss": 0.05,
        "early_break_drift": False,
        "tempo_adherence": 0.95,
        "confidence": "ok",
        "valid_reps": 24,
        "severe_fault_share": 0.0,
        "red_flags": [],
        "analgesic_24h": False,
        **changes,
    }


def both(**changes: Any) -> list[dict[str, Any]]:
    """Two sessions alike, four days apart."""
    return [session(5, **changes), session(1, **changes)]


def raw(sessions: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "mode": "clinic",
        "profile": "prevention",
        "stage": 3,
        "exercise": "leg-curl",
        "template": None,
        "template_week": None,
        "template_week_done": None,
        "programme_week": 6,
        "days_since_last": 1,
        "adherence_2w": 0.9,
        "prescription": {"sets": 4, "reps": 6, "load_kg": 40.0, "rpe": 7, "frequency_per_week": 2},
        "target": {"rpe": 7},
        "requested": None,
        "load_steps_7d": 0,
        "plate_step_kg": None,
        "weekly_pain_medians": None,
        "sessions": both() if sessions is None else sessions,
        **changes,
    }


def given(sessions: list[dict[str, Any]] | None = None, **changes: Any) -> DecisionInput:
    return parse_decision_input(raw(sessions, **changes), "test")


def decided(sessions: list[dict[str, Any]] | None = None, **changes: Any) -> Decision:
    return decide(given(sessions, **changes))
