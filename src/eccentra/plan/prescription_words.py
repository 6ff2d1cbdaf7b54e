"""A prescription in a few words, for screens and lists."""

from __future__ import annotations

from eccentra.plan.prescription import Prescription

__all__ = ["dose_words", "load_words"]

_UNITS = {
    "load_kg": "{:g} kg", "load_n": "{:g} N", "load_rm": "load of {:g} RM", "band": "band {}",
    "added_pct_bm": "{:g} % of body mass added", "assistance_pct_bm": "{:g} % of body mass carried",
    "slope_deg": "slope {:g} degrees",
}  # fmt: skip


def load_words(one: Prescription) -> str:
    """The load."""
    name = next(name for name in _UNITS if getattr(one, name) is not None)
    return _UNITS[name].format(getattr(one, name))


def dose_words(one: Prescription) -> str:
    """Sets, repetitions, tempo."""
    reps = f"{one.sets} x {one.reps}" if isinstance(one.reps, int) else " + ".join(map(str, one.reps))
    return f"{reps}, tempo {'-'.join(f'{phase:g}' for phase in one.tempo_s)} s"
