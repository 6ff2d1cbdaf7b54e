"""The error sheet of simulated athletes as Markdown: worst first, what misses its limit in bold."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from matching import TEMPO_BINS, Errors, Sheet

__all__ = ["simulated_section", "table"]

_FEWEST_EXACT, _LEAST_F1, _LEAST_BREAKS = 0.98, 0.995, 0.97
_LEAST_WITHIN, _FEWEST_STATED = 0.95, 5

# name in the sheet, title, unit, decimals
_NUMBERS = (
    ("ecc", "Eccentric duration", "s", 3),
    ("con", "Concentric duration", "s", 3),
    ("hold", "Hold time", "s", 3),
    ("tut", "Time under tension of a repetition", "s", 3),
    ("set tut", "Time under tension of a set", "%", 2),
    ("rom", "Range of motion", "degrees", 2),
    ("lean", "Lean at the break", "degrees", 2),
    ("peak", "Peak force", "N", 2),
    ("asymmetry", "Side difference", "points", 2),
)


def simulated_section(sheets: list[Sheet]) -> str:
    """All tables of the simulated part."""
    parts = ["## Simulated athletes (synthetic)", _counts(sheets)]
    for name, title, unit, digits in _NUMBERS:
        held = [(sheet, sheet.errors[name]) for sheet in sheets if sheet.errors.get(name)]
        if held:
            parts.append(f"### {title}, {unit}\n\n{_errors(held, digits)}")
    parts += [_tempo(sheets), _stated(sheets), _breaks(sheets), _peers(sheets)]
    return "\n\n".join(part for part in parts if part)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _mark(text: str, missed: bool) -> str:
    return f"**{text}**" if missed else text


def _counts(sheets: list[Sheet]) -> str:
    rows = []
    for s in sorted(sheets, key=lambda s: (s.exact_share, s.f1, -s.ghosts - s.idle_ghosts)):
        late = np.array(s.late_s) if s.late_s else np.array([np.nan])
        rows.append(
            [
                f"{s.exercise}, {s.kit}",
                str(s.sets),
                _mark(f"{100 * s.exact_share:.1f}", s.exact_share < _FEWEST_EXACT),
                _mark(f"{s.f1:.4f}", s.f1 < _LEAST_F1),
                _mark(str(s.ghosts), s.ghosts > 0),
                _mark(f"{s.idle_ghosts} in {s.idle_minutes:.0f}", s.idle_ghosts > 0)
                if s.idle_minutes
                else "",
                str(s.walks) if s.walks else "",
                f"{s.disturbed_exact} of {s.disturbed}",
                f"{100 * s.partial_right / max(s.matched, 1):.1f}",
                f"{np.percentile(late, 50):.2f}, {np.percentile(late, 95):.2f}, {late.max():.2f}",
            ]
        )
    head = (
        "exercise, kit",
        "sets",
        "exact %",
        "F1",
        "ghosts",
        "ghosts in minutes of everyday movement",
        "told as `unidentified_cyclic`",
        "exact with a sensor away",
        "partial told %",
        "decided after s: median, 95 %, most",
    )
    wrong = [case for s in sheets for case in s.miscounted]
    listed = "\n".join(f"- {case}" for case in wrong[:40])
    more = f"\n- and {len(wrong) - 40} more" if len(wrong) > 40 else ""
    tail = f"\n\nSets not counted exactly:\n\n{listed}{more}" if wrong else ""
    return f"### Counting\n\n{table(head, rows)}{tail}"


def _row(title: str, e: Errors, digits: int) -> list[str]:
    low, high = e.limits_of_agreement
    worst, case = e.worst
    return [
        title,
        str(len(e.values)),
        _mark(f"{e.mae:.{digits}f}", e.share > 1.0),
        f"{e.share:.2f}",
        _mark(f"{e.bias:+.{digits}f}", e.bias_share > 1.0),
        f"{low:+.{digits}f} to {high:+.{digits}f}",
        f"{worst:+.{digits}f}: {case}",
    ]


_ERROR_HEAD = ("exercise, kit", "n", "MAE", "of its limit", "bias", "95 % limits", "worst case")


def _errors(held: list[tuple[Sheet, Errors]], digits: int) -> str:
    worst: Callable[[tuple[Sheet, Errors]], float] = lambda pair: (  # noqa: E731
        -max(pair[1].share, pair[1].bias_share)
    )
    rows = [_row(f"{sheet.exercise}, {sheet.kit}", e, digits) for sheet, e in sorted(held, key=worst)]
    return table(_ERROR_HEAD, rows)


def _tempo(sheets: list[Sheet]) -> str:
    rows = []
    for name, title in (("ecc", "eccentric"), ("con", "concentric")):
        for group in TEMPO_BINS:
            held = [(s, s.errors[f"{name} {group}"]) for s in sheets if s.errors.get(f"{name} {group}")]
            if not held:
                continue
            every = Errors()
            for _, e in held:
                every.take(e)
            sheet, worst = max(held, key=lambda pair: pair[1].share)
            biased = max(held, key=lambda pair: pair[1].bias_share)
            rows.append(
                [
                    f"{title} {group}",
                    str(len(every.values)),
                    f"{every.mae:.3f}",
                    f"{every.bias:+.3f}",
                    _mark(f"{worst.mae:.3f} ({sheet.exercise}, {sheet.kit})", worst.share > 1.0),
                    _mark(
                        f"{biased[1].bias:+.3f} ({biased[0].exercise}, {biased[0].kit})",
                        biased[1].bias_share > 1.0,
                    ),
                ]
            )
    if not rows:
        return ""
    head = ("stroke", "n", "MAE s", "bias s", "worst exercise and kit: MAE s", "most biased: s")
    return f"### Durations by tempo\n\n{table(head, rows)}"


def _stated(sheets: list[Sheet]) -> str:
    """Whether numbers are as wrong as they say they may be."""
    rows = []
    for name, title, unit, _ in _NUMBERS:
        held = [(s, s.errors[name].held) for s in sheets if s.errors.get(name)]
        held = [pair for pair in held if pair[1][0]]
        known = sum(n for _, (n, _) in held)
        if not known:
            continue
        within = sum(n * share for _, (n, share) in held) / known
        many = [pair for pair in held if pair[1][0] >= _FEWEST_STATED] or held
        sheet, (n, least) = min(many, key=lambda pair: pair[1][1])
        rows.append(
            (
                within,
                [
                    f"{title}, {unit}",
                    str(known),
                    _mark(f"{100 * within:.1f}", within < _LEAST_WITHIN),
                    f"{100 * least:.0f} of {n} ({sheet.exercise}, {sheet.kit})",
                ],
            )
        )
    if not rows:
        return ""
    rows.sort(key=lambda row: row[0])
    head = ("number", "with an uncertainty", "within twice of it %", "least: % by exercise and kit")
    return (
        "### Stated uncertainties\n\nOf a standard uncertainty that is right, twice its size holds 95 % of "
        f"errors.\n\n{table(head, [row for _, row in rows])}"
    )


def _breaks(sheets: list[Sheet]) -> str:
    rows = []
    for s in sheets:
        hit, false, missed = s.breaks
        if hit + false + missed == 0:
            continue
        precision, recall = hit / max(hit + false, 1), hit / max(hit + missed, 1)
        rows.append(
            (
                recall + precision,
                [
                    f"{s.exercise}, {s.kit}",
                    str(hit + missed),
                    _mark(f"{precision:.3f}", precision < _LEAST_BREAKS),
                    _mark(f"{recall:.3f}", recall < _LEAST_BREAKS),
                ],
            )
        )
    if not rows:
        return ""
    rows.sort(key=lambda row: row[0])
    head = ("exercise, kit", "breaks", "precision", "recall")
    return f"### Loss of control found\n\n{table(head, [row for _, row in rows])}"


def _peers(sheets: list[Sheet]) -> str:
    names = list(dict.fromkeys(name for s in sheets for name in s.peers))
    if not names:
        return ""
    rows = []
    for s in sorted(sheets, key=lambda s: s.exact_share):
        if s.peers:
            cells = [f"{100 * np.mean(np.array(s.peers[name]) == 0):.0f}" for name in names]
            rows.append([f"{s.exercise}, {s.kit}", f"{100 * s.exact_share:.0f}", *cells])
    head = ("exercise, kit", "Eccentra", *names)
    return (
        "### Other ways of counting on the same sets: exact %\n\nThey were given the span of each set; "
        f"Eccentra finds it by itself.\n\n{table(head, rows)}"
    )
