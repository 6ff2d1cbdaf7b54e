"""FHIR R4: one Bundle a session, a file each; no server is needed.

A Bundle holds the person by pseudonym, the sensors, one Observation a set with a component for each number,
and one for each thing the person said, whose performer is the person. Units are UCUM codes. LOINC stands only
where its code is published for this meaning; all else has codes of Eccentra's own (``urn:eccentra:...``) and
text. Every number's definition is in ``method``, the version that computed it in ``method`` and Provenance.
Decisions are not part of it: they are proposals to a therapist, no findings.

Sources: FHIR R4 (4.0.1); HL7 Physical Activity guide 1.0.0 for 73985-4 and 55411-3 with minutes.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from eccentra.export.record import Report, Sensor, SessionRecord, SetRecord, exercise_name
from eccentra.ids import Flag
from eccentra.walltime import rfc3339

__all__ = ["fhir_files", "session_bundle"]

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_TERMS = "http://terminology.hl7.org/CodeSystem"
_LOCAL = "urn:eccentra"
_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, _LOCAL)
_EXERCISE_ACTIVITY = ("73985-4", "Exercise activity")
_EXERCISE_DURATION = ("55411-3", "Exercise duration")
_PAIN = ("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported")
# what was said as a number: text, unit
_SCORES = {
    "pain": ("Pain 0 to 10", "{score}"),
    "soreness": ("Soreness 0 to 10", "{score}"),
    "rpe": ("Effort (RPE) 0 to 10", "{score}"),
    "rir": ("Repetitions left", "{reps}"),
    "confidence": ("Confidence 0 to 10", "{score}"),
}
_YES_OR_NO = {"analgesic": "Painkiller within 24 h", "warm_up": "Warm-up before the first set"}
_WHEN = {
    "before": ", before the session",
    "during": ", worst in the session",
    "after": ", after the session",
    "next_morning": ", the next morning",
}

_Resource = dict[str, Any]


def fhir_files(
    sessions: Sequence[SessionRecord],
    reports: Sequence[tuple[str | None, Report]] = (),
    *,
    intended_use: str,
) -> dict[str, bytes]:
    """Bundles by file name.

    Parameters
    ----------
    sessions
        One file each.
    reports
        What was said outside of all sessions, each with who said it: one more file a person.
    intended_use
        Stands as a note beside the software.
    """
    out = {f"{one.id}.fhir.json": _encoded(session_bundle(one, intended_use)) for one in sessions}
    for who in dict.fromkeys(who for who, _ in reports):
        bundle = _Bundle(f"reported/{who}", who)
        for person, report in reports:
            if person == who:
                bundle.said(report)
        moments = [report.at_us for person, report in reports if person == who and report.at_us is not None]
        out[f"reported-{who or 'unknown'}.fhir.json"] = _encoded(bundle.finish(max(moments, default=None)))
    return out


def session_bundle(one: SessionRecord, intended_use: str) -> _Resource:
    """The Bundle of a session; the same session gives the same bytes."""
    bundle = _Bundle(f"session/{one.id}", one.person)
    status = "final" if one.why_ended is not None else "preliminary"
    software = bundle.add("device/eccentra", _software(one.software, intended_use))
    for sensor in one.sensors:
        bundle.add(f"device/{sensor.id}", _sensor(sensor, software))
    members = []
    for each in one.sets:
        resource = _set(one, each, status, bundle.person, software)
        members.append(bundle.add(f"set/{each.index}", resource))
    whole = bundle.add("session", _whole(one, status, bundle.person, software, members))
    for report in one.reports:
        bundle.said(report)
    moment = (
        one.ended_us
        if one.ended_us is not None
        else max((each.ended_us for each in one.sets if each.ended_us is not None), default=one.began_us)
    )
    if moment is not None:
        bundle.add("provenance", _provenance([whole, *members], moment, software, one.software))
    return bundle.finish(moment)


class _Bundle:
    """Collects resources; their addresses follow from what they are, so that a second export has the same."""

    def __init__(self, name: str, person: str | None) -> None:
        self._name = name
        self._entries: list[_Resource] = []
        who: _Resource = {"resourceType": "Patient"}
        if person is not None:
            who["identifier"] = [{"system": f"{_LOCAL}:athlete", "value": person}]
        # the same person in all bundles; somebody unknown is another one in each
        self.person = self.add("patient", who, None if person is None else f"athlete/{person}")

    def add(self, part: str, resource: _Resource, name: str | None = None) -> _Resource:
        """Put a resource in; gives a reference to it."""
        url = f"urn:uuid:{uuid.uuid5(_SPACE, name or f'{self._name}/{part}')}"
        self._entries.append({"fullUrl": url, "resource": resource})
        return {"reference": url}

    def said(self, report: Report) -> None:
        for name in report.said:
            resource = _said(report, name, self.person)
            if resource is not None:
                self.add(f"said/{report.id}/{name}", resource)

    def finish(self, moment_us: int | None) -> _Resource:
        out: _Resource = {
            "resourceType": "Bundle",
            "identifier": {"system": f"{_LOCAL}:bundle", "value": self._name},
            "type": "collection",
        }
        if moment_us is not None:
            out["timestamp"] = _time(moment_us)
        return out | {"entry": self._entries}


# -- resources ----------------------------------------------------------------------------------------------


def _software(version: str, intended_use: str) -> _Resource:
    return {
        "resourceType": "Device",
        "deviceName": [{"name": "Eccentra", "type": "user-friendly-name"}],
        "type": {"text": "software"},
        "version": [{"type": {"text": "software"}, "value": version}],
        "note": [{"text": intended_use}],
    }


def _sensor(sensor: Sensor, software: _Resource) -> _Resource:
    out: _Resource = {
        "resourceType": "Device",
        "identifier": [{"system": f"{_LOCAL}:sensor", "value": sensor.id}],
        "type": {"text": "sensor"},
        "modelNumber": sensor.device,
        "parent": software,
    }
    if sensor.maker is not None:
        out["manufacturer"] = sensor.maker
    if sensor.model is not None:
        out["deviceName"] = [{"name": sensor.model, "type": "model-name"}]
    notes = []
    if sensor.place is not None:
        notes.append(f"worn: {sensor.place}")
    if sensor.zeroed_us is not None:
        notes.append(f"last calibrated: {_time(sensor.zeroed_us)}")
    return out | ({"note": [{"text": text} for text in notes]} if notes else {})


def _set(
    one: SessionRecord, each: SetRecord, status: str, person: _Resource, software: _Resource
) -> _Resource:
    result = each.result
    metrics = {name: metric for name, metric in result["metrics"].items() if name != "tut_s"}
    sure = {"quality": "ok", "reason": None}
    counts = {
        "reps_counted": {"value": result["reps_counted"], "unit": "{reps}", "method": "counted", **sure},
        "reps_valid": {"value": result["reps_valid"], "unit": "{reps}", "method": "valid", **sure},
        # over the repetitions that stand, also when a correction came late
        "tut_s": {"value": result["tut_s"], "unit": "s", "method": "tut_sum", **sure},
    }
    metrics = {**counts, **metrics}
    doubts = [f"{name}: {m['reason'] or 'missing'}" for name, m in metrics.items() if m["quality"] != "ok"]
    notes = [f"flags: {', '.join(result['flags'])}"] if result["flags"] else []
    notes += [f"doubtful: {', '.join(doubts)}"] if doubts else []
    methods = "; ".join(f"{name} = {metric['method']}" for name, metric in metrics.items())
    out: _Resource = {
        "resourceType": "Observation",
        "identifier": [{"system": f"{_LOCAL}:set", "value": f"{one.id}/{each.index}"}],
        "status": status,
        "category": _category("activity"),
        "code": _exercise(each.exercise),
        "subject": person,
        "device": software,
        "method": {"text": f"eccentra {one.software}: {methods}"},
        "component": [_component(name, metric) for name, metric in metrics.items()],
    }
    if each.began_us is not None and each.ended_us is not None:
        out["effectivePeriod"] = {"start": _time(each.began_us), "end": _time(each.ended_us)}
    return out | ({"note": [{"text": text} for text in notes]} if notes else {})


def _whole(
    one: SessionRecord, status: str, person: _Resource, software: _Resource, members: list[_Resource]
) -> _Resource:
    """The session: which exercise, how long, and its sets."""
    out: _Resource = {
        "resourceType": "Observation",
        "identifier": [{"system": f"{_LOCAL}:session", "value": one.id}],
        "status": status,
        "category": _category("activity"),
        "code": _loinc(*_EXERCISE_ACTIVITY),
        "subject": person,
        "device": software,
        "method": {"text": f"eccentra {one.software}"},
        "valueCodeableConcept": _exercise(one.exercise),
    }
    if members:
        out["hasMember"] = members
    if one.began_us is not None and one.ended_us is not None:
        out["effectivePeriod"] = {"start": _time(one.began_us), "end": _time(one.ended_us)}
        minutes = _quantity((one.ended_us - one.began_us) / 60e6, "min")
        out["component"] = [{"code": _loinc(*_EXERCISE_DURATION), "valueQuantity": minutes}]
    elif one.began_us is not None:
        out["effectiveDateTime"] = _time(one.began_us)
    return out | ({"note": [{"text": f"flags: {', '.join(one.flags)}"}]} if one.flags else {})


def _said(report: Report, name: str, person: _Resource) -> _Resource | None:
    """What a person said; ``None`` for what only says more of something else."""
    value, when = report.said[name], _WHEN.get(report.kind, "")
    out: _Resource = {
        "resourceType": "Observation",
        "identifier": [{"system": f"{_LOCAL}:report", "value": f"{report.id}/{name}"}],
        "status": "final",
        "category": _category("survey"),
    }
    who: _Resource = {"subject": person, "performer": [person]}
    if report.at_us is not None:
        who["effectiveDateTime"] = _time(report.at_us)
    if name in _SCORES:
        text, unit = _SCORES[name]
        code = _code("report", name, text)
        if name == "pain":
            code["coding"] += _loinc(*_PAIN)["coding"]
        return out | {"code": code | {"text": text + when}} | who | {"valueQuantity": _quantity(value, unit)}
    if name in _YES_OR_NO:
        return out | {"code": _code("report", name, _YES_OR_NO[name])} | who | {"valueBoolean": value}
    if name == "red_flag":
        told = _code("red-flag", str(value), str(value).replace("_", " "))
        return out | {"code": _code("report", name, "Reported sign")} | who | {"valueCodeableConcept": told}
    if name == "note":
        return out | {"code": _code("report", name, "Remark")} | who | {"valueString": value}
    if name == "scores":
        prom = str(report.said.get("prom", "questionnaire"))
        parts = [
            {"code": _code("prom", f"{prom}/{part}", part), "valueQuantity": _quantity(score, "{score}")}
            for part, score in value.items()
        ]
        version = report.said.get("version")
        text = f"{prom} {version}" if version else prom
        return out | {"code": _code("prom", prom, text)} | who | {"component": parts}
    return None


def _provenance(targets: list[_Resource], moment_us: int, software: _Resource, version: str) -> _Resource:
    role = {"coding": [{"system": f"{_TERMS}/provenance-participant-type", "code": "assembler"}]}
    return {
        "resourceType": "Provenance",
        "target": targets,
        "recorded": _time(moment_us),
        "activity": {"text": f"computed from sensor signals by eccentra {version}"},
        "agent": [{"type": role, "who": software}],
    }


# -- parts --------------------------------------------------------------------------------------------------


def _component(name: str, metric: dict[str, Any]) -> _Resource:
    out: _Resource = {"code": _code("metric", name, name.replace("_", " "))}
    if metric["value"] is not None:
        return out | {"valueQuantity": _quantity(metric["value"], metric["unit"])}
    reason = metric["reason"]
    code = "not-applicable" if reason == Flag.NOT_BROKEN else "unknown"
    absent: _Resource = {"coding": [{"system": f"{_TERMS}/data-absent-reason", "code": code}]}
    return out | {"dataAbsentReason": absent | ({"text": str(reason)} if reason else {})}


def _quantity(value: float, unit: str) -> _Resource:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def _category(code: str) -> list[_Resource]:
    return [{"coding": [{"system": f"{_TERMS}/observation-category", "code": code}]}]


def _loinc(code: str, display: str) -> _Resource:
    return {"coding": [{"system": LOINC, "code": code, "display": display}], "text": display}


def _code(kind: str, code: str, text: str) -> _Resource:
    return {"coding": [{"system": f"{_LOCAL}:{kind}", "code": code, "display": text}], "text": text}


def _exercise(name: str) -> _Resource:
    return _code("exercise", name, exercise_name(name))


def _time(at_us: int) -> str | None:
    return rfc3339(at_us * 1000)


def _encoded(bundle: _Resource) -> bytes:
    return msgspec.json.format(msgspec.json.encode(bundle), indent=1)
