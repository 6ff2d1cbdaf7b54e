"""Tidy tables: one row an observation, one file a table, and a dictionary of all columns.

UTF-8, comma, dot; units in the names of columns; times are RFC 3339 in UTC; unknown is an empty cell, never
0. Several values in one cell are separated by ``;``. What was measured but is not sure stands in ``doubtful``
as ``column=reason``; what is missing stands there too, with why.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from eccentra.export.record import SAID, Report, SessionRecord, SetRecord
from eccentra.export.stored import DecisionRecord
from eccentra.walltime import rfc3339

__all__ = ["csv_files"]

_Row = dict[str, Any]
# column -> (unit as UCUM code, meaning); of all tables, a name means the same everywhere
_MEANING: dict[str, tuple[str, str]] = {
    "session": ("", "id of the session"),
    "athlete": ("", "pseudonym of the person"),
    "exercise": ("", "id of the exercise"),
    "began": ("", "start, UTC"),
    "ended": ("", "end, UTC"),
    "why_ended": ("", "stop by command, idle, interrupted, or end of the input"),
    "software": ("", "version of Eccentra that computed the numbers"),
    "load": ("", "load as it was typed in, in words"),
    "sensors": ("", "sensor:device of each sensor"),
    "sets": ("1", "sets with at least one counted repetition"),
    "set_index": ("1", "number of the set in its session"),
    "rep_index": ("1", "number of the repetition in its set, from 1"),
    "start_s": ("s", "start on the session's time line"),
    "end_s": ("s", "end on the session's time line"),
    "reps_counted": ("1", "counted repetitions"),
    "reps_valid": ("1", "counted repetitions that are valid"),
    "reps_refused": ("1", "movements that were looked at and not counted"),
    "valid": ("", "meets the rules of the exercise"),
    "reasons": ("", "why it is not valid"),
    "confidence": ("1", "of the count, 0 to 1"),
    "flags": ("", "what a reader of these numbers should know"),
    "faults": ("", "fault rules that were broken"),
    "doubtful": ("", "column=reason of numbers that are missing or not sure"),
    "break_lean_deg": ("deg", "lean of the thigh where control was lost; empty when it was not"),
    "break_knee_flexion_deg": ("deg", "knee flexion where control was lost"),
    "report": ("", "id of the report"),
    "kind": ("", "when it was said: before, during, after, next_morning, session, prom, note"),
    "time": ("", "moment, UTC"),
    "pain": ("{score}", "pain 0 to 10, as the person said"),
    "soreness": ("{score}", "soreness 0 to 10, as the person said"),
    "rpe": ("{score}", "effort 0 to 10, as the person said"),
    "rir": ("{score}", "repetitions left, as the person said"),
    "self_confidence": ("{score}", "confidence 0 to 10, as the person said"),
    "analgesic": ("", "a painkiller within 24 h"),
    "warm_up": ("", "a warm-up came before the first set"),
    "red_flag": ("", "sign after which somebody qualified has to look first"),
    "prom": ("", "questionnaire"),
    "version": ("", "version of the questionnaire, or of the rules of a decision"),
    "scores": ("", "scores of the questionnaire, JSON"),
    "note": ("", "remark"),
    "decision": ("", "id of the decision"),
    "row": ("1", "row of the decision table"),
    "action": ("", "REFER, STOP, REGRESS, HOLD or PROGRESS"),
    "steps": ("1", "steps up or down"),
    "axis": ("", "what is changed"),
    "status": ("", "open, accepted, edited, refused or superseded"),
    "provisional": ("", "until the next morning's answers"),
    "locked": ("", "until a therapist unlocks it"),
    "needs_approval": ("", "a therapist has to agree"),
    "modifiers": ("", "modifiers that applied"),
    "limits": ("", "limits that applied"),
    "evidence": ("", "what the rule rests on"),
    "reason": ("", "why, in plain words"),
    "next_prescription": ("", "what is proposed, JSON"),
    "answer": ("", "what was answered"),
    "answered_by": ("", "who answered"),
    "answered_as": ("", "therapist or athlete"),
    "answered": ("", "when, UTC"),
    "answer_reason": ("", "reason that was given"),
}
# the confidence of a person is not that of a count
_SAID = ["self_confidence" if name == "confidence" else name for name in SAID]
_PLAIN: dict[str, list[str]] = {
    name: columns.split()
    for name, columns in {
        "sessions": "session athlete exercise began ended why_ended software load sensors sets reps_counted "
        "reps_valid flags",
        "sets": "session athlete set_index exercise began ended start_s end_s reps_counted reps_valid "
        "reps_refused flags doubtful",
        "repetitions": "session athlete set_index rep_index exercise began ended start_s end_s valid reasons "
        "confidence break_lean_deg break_knee_flexion_deg flags faults doubtful",
        "reported": "report athlete session set_index exercise kind time " + " ".join(_SAID),
        "decisions": "decision athlete exercise session time row action steps axis status provisional locked "
        "needs_approval modifiers limits evidence reason next_prescription version answer answered_by "
        "answered_as answered answer_reason",
    }.items()
}


def csv_files(
    sessions: Sequence[SessionRecord],
    reports: Sequence[tuple[str | None, Report]] = (),
    decisions: Sequence[tuple[str, DecisionRecord]] = (),
) -> dict[str, bytes]:
    """All tables and their dictionary, by file name.

    Parameters
    ----------
    sessions
        Sessions, each with its reports.
    reports
        Reports that belong to none of them, each with who said it.
    decisions
        Decisions, each with whom it is about.
    """
    said = [(one.person, report) for one in sessions for report in one.reports]
    rows: dict[str, list[_Row]] = {
        "sessions": [_session(one) for one in sessions],
        "sets": [_set(one, each) for one in sessions for each in one.sets],
        "repetitions": [
            _rep(one, each, rep) for one in sessions for each in one.sets for rep in each.result["reps"]
        ],
        "reported": [_report(who, report) for who, report in [*said, *reports]],
        "decisions": [_decision(who, one) for who, one in decisions],
    }
    out, dictionary = {}, []
    metrics = _metrics(sessions)
    for name, lines in rows.items():
        extra = sorted({column for line in lines for column in line} - set(_PLAIN[name]))
        columns = [*_PLAIN[name], *extra]
        out[f"{name}.csv"] = _text(columns, lines)
        for column in columns:
            unit, meaning = _MEANING.get(column) or metrics.get(column, ("", ""))
            dictionary.append({"table": name, "column": column, "unit": unit, "meaning": meaning})
    out["dictionary.csv"] = _text(["table", "column", "unit", "meaning"], dictionary)
    return out


def _metrics(sessions: Iterable[SessionRecord]) -> dict[str, tuple[str, str]]:
    """Unit of each metric, and by which definitions it was computed."""
    units: dict[str, str] = {}
    methods: dict[str, dict[str, None]] = {}
    for one in sessions:
        for each in one.sets:
            for found in (each.result["metrics"], *(rep["metrics"] for rep in each.result["reps"])):
                for name, metric in found.items():
                    units[name] = metric["unit"]
                    methods.setdefault(name, {})[metric["method"]] = None
    return {name: (unit, f"method {', '.join(methods[name])}") for name, unit in units.items()}


# -- rows ---------------------------------------------------------------------------------------------------


def _session(one: SessionRecord) -> _Row:
    return {
        "session": one.id,
        "athlete": one.person,
        "exercise": one.exercise,
        "began": _time(one.began_us),
        "ended": _time(one.ended_us),
        "why_ended": one.why_ended,
        "software": one.software,
        "load": _free(one.load),
        "sensors": _joined(f"{each.id}:{each.device}" for each in one.sensors),
        "sets": len(one.sets),
        "reps_counted": sum(each.result["reps_counted"] for each in one.sets),
        "reps_valid": sum(each.result["reps_valid"] for each in one.sets),
        "flags": _joined(one.flags),
    }


def _set(one: SessionRecord, each: SetRecord) -> _Row:
    result = each.result
    return {
        "session": one.id,
        "athlete": one.person,
        "set_index": each.index,
        "exercise": each.exercise,
        "began": _time(each.began_us),
        "ended": _time(each.ended_us),
        "start_s": result["start_s"],
        "end_s": result["end_s"],
        "reps_counted": result["reps_counted"],
        "reps_valid": result["reps_valid"],
        "reps_refused": len(result["rejected"]),
        "flags": _joined(result["flags"]),
        **_values(result["metrics"]),
        # over the repetitions that stand, also when a correction came late
        "tut_s": result["tut_s"],
    }


def _rep(one: SessionRecord, each: SetRecord, rep: dict[str, Any]) -> _Row:
    point = rep["break_point"] or {}
    return {
        "session": one.id,
        "athlete": one.person,
        "set_index": each.index,
        "rep_index": rep["index"],
        "exercise": each.exercise,
        "began": _time(each.at_us(rep["start_s"])),
        "ended": _time(each.at_us(rep["end_s"])),
        "start_s": rep["start_s"],
        "end_s": rep["end_s"],
        "valid": rep["valid"],
        "reasons": _joined(rep["reasons"]),
        "confidence": rep["confidence"],
        "break_lean_deg": point.get("lean_deg"),
        "break_knee_flexion_deg": point.get("knee_flexion_deg"),
        "flags": _joined(rep["flags"]),
        "faults": _joined(fault["id"] for fault in rep["faults"]),
        **_values(rep["metrics"]),
    }


def _values(metrics: dict[str, dict[str, Any]]) -> _Row:
    unsure = (
        f"{name}={one['reason'] or 'missing'}" for name, one in metrics.items() if one["quality"] != "ok"
    )
    return {"doubtful": _joined(unsure)} | {name: one["value"] for name, one in metrics.items()}


def _report(who: str | None, report: Report) -> _Row:
    said = report.said
    return {
        "report": report.id,
        "athlete": who,
        "session": report.session,
        "set_index": report.set_index,
        "exercise": report.exercise,
        "kind": report.kind,
        "time": _time(report.at_us),
        **{column: said.get(name) for column, name in zip(_SAID, SAID, strict=True)},
        "note": _free(said.get("note")),
        "scores": _json(said.get("scores")),
    }


def _decision(who: str, one: DecisionRecord) -> _Row:
    output, answer = one.output, one.answer
    plain = (
        "row",
        "action",
        "steps",
        "axis",
        "provisional",
        "locked",
        "needs_approval",
        "evidence",
        "reason",
    )
    return {
        "decision": one.id,
        "athlete": who,
        "exercise": one.exercise,
        "session": one.session,
        "time": _time(one.at_us),
        **{name: output.get(name) for name in plain},
        "status": one.status,
        "modifiers": _joined(output.get("modifiers", ())),
        "limits": _joined(output.get("limits", ())),
        "next_prescription": _json(output.get("next_prescription")),
        "version": one.version,
        "answer": None if answer is None else answer.verdict,
        "answered_by": None if answer is None else answer.who,
        "answered_as": None if answer is None else answer.role,
        "answered": None if answer is None else _time(answer.at_us),
        "answer_reason": None if answer is None else _free(answer.reason),
    }


# -- cells --------------------------------------------------------------------------------------------------


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us * 1000)


def _joined(parts: Iterable[str]) -> str:
    return ";".join(parts)


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value, order="deterministic").decode()


def _free(text: str | None) -> str | None:
    """Text that a person typed: a table program must not take it for a formula."""
    return f"'{text}" if text and text[0] in "=+-@\t\r" else text


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _text(columns: Sequence[str], rows: Iterable[_Row]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return out.getvalue().encode()
