from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from eccentra.events import Metric, Reported, SetCompleted
from eccentra.export.fhir import fhir_files, session_bundle
from eccentra.export.record import Moment, Report, record_of
from eccentra.ids import Flag, RedFlag
from needs import need_module
from results import EVENTS, metric

START_US = 1_774_000_000_000_000
# what section 14 of the conventions confirms; anything else would be invented
CONFIRMED = {"73985-4", "55411-3", "72514-3"}
UCUM = {"s", "min", "deg", "deg/s", "N", "N.s", "N.m", "N/s", "N/kg", "%", "1", "{reps}", "{score}"}


def bundle(timed: bool = True, ended: bool = True) -> dict[str, Any]:
    metrics = {
        "tut_s": metric(8.0),
        "peak_n": Metric(
            value=None, unit="N", method="peak_20hz", quality="missing", reason=Flag.FORCE_MISSING
        ),
        "break_lean_deg": Metric(
            value=None, unit="deg", method="bta", quality="missing", reason=Flag.NOT_BROKEN
        ),
        "rom_deg": Metric(
            value=80.0, unit="deg", method="knee_flexion", quality="flagged", reason=Flag.GAP_INSIDE
        ),
    }
    events = [
        msgspec.structs.replace(one, metrics=metrics) if isinstance(one, SetCompleted) else one
        for one in EVENTS[: None if ended else -1]
    ]
    red = Reported(t_us=62_000_000, request="r2", rpe=7.5, red_flag=RedFlag.POP, note="felt odd")
    moments = [Moment(k, START_US + e.t_us if timed else None, e) for k, e in enumerate([*events, red], 1)]
    morning = Report(
        id="q1", kind="next_morning", at_us=START_US, session="s1", said={"pain": 1.5, "analgesic": False}
    )
    prom = Report(
        id="q2", kind="prom", at_us=None, said={"prom": "visa-h", "version": "1", "scores": {"total": 61.0}}
    )
    return session_bundle(record_of("s1", moments, reports=[morning, prom]), "for training")


def of_type(made: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [e["resource"] for e in made["entry"] if e["resource"]["resourceType"] == kind]


def walk(node: Any) -> Any:
    """All tables inside."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from walk(part)


@pytest.mark.parametrize("timed", [True, False])
def test_a_bundle_is_valid(timed: bool) -> None:
    need_module("fhir", "pip install fhir.resources")
    # R4B: for these resources the same as R4
    from fhir.resources.R4B.bundle import Bundle

    made = bundle(timed)
    read = Bundle.model_validate_json(json.dumps(made))
    assert len(read.entry) == len(made["entry"])


@pytest.mark.parametrize("timed", [True, False])
def test_codes_units_and_references(timed: bool) -> None:
    made = bundle(timed)
    urls = [entry["fullUrl"] for entry in made["entry"]]
    assert len(set(urls)) == len(urls)
    loinc = set()
    for table in walk(made):
        if "reference" in table:
            assert table["reference"] in urls
        if table.get("system") == "http://loinc.org":
            loinc.add(table["code"])
        elif "code" in table and isinstance(table.get("code"), str) and "system" in table:
            known = ("urn:eccentra:", "http://unitsofmeasure.org", "http://terminology.hl7.org/CodeSystem/")
            assert table["system"].startswith(known)
        if "value" in table and "unit" in table:
            assert table["system"] == "http://unitsofmeasure.org"
            assert table["code"] in UCUM
        assert None not in table.values(), "FHIR has no null"
    assert loinc == CONFIRMED - (set() if timed else {"55411-3"})


def test_a_set_has_a_component_for_each_number() -> None:
    (one,) = (o for o in of_type(bundle(), "Observation") if o["identifier"][0]["value"] == "s1/1")
    parts = {part["code"]["coding"][0]["code"]: part for part in one["component"]}
    assert parts["reps_counted"]["valueQuantity"]["value"] == 2
    assert parts["tut_s"]["valueQuantity"] == {
        "value": 8.0,
        "unit": "s",
        "system": "http://unitsofmeasure.org",
        "code": "s",
    }
    assert parts["peak_n"]["dataAbsentReason"]["text"] == "force_missing"
    assert parts["break_lean_deg"]["dataAbsentReason"]["coding"][0]["code"] == "not-applicable"
    assert "valueQuantity" not in parts["peak_n"]
    assert "rom_deg: gap_inside" in one["note"][0]["text"]
    assert one["method"]["text"].startswith("eccentra 0.1.0: ")
    assert "rom_deg = knee_flexion" in one["method"]["text"]
    assert one["effectivePeriod"]["start"] == "2026-03-20T09:46:50.000Z"


def test_what_was_said_is_performed_by_the_person() -> None:
    made = bundle()
    person = next(e["fullUrl"] for e in made["entry"] if e["resource"]["resourceType"] == "Patient")
    said = [o for o in of_type(made, "Observation") if o["category"][0]["coding"][0]["code"] == "survey"]
    assert sorted(one["code"]["text"] for one in said) == [
        "Effort (RPE) 0 to 10",
        "Pain 0 to 10",
        "Pain 0 to 10, the next morning",
        "Painkiller within 24 h",
        "Remark",
        "Reported sign",
        "visa-h 1",
    ]
    assert all(one["performer"] == [{"reference": person}] for one in said)
    pains = [one for one in said if one["code"]["text"].startswith("Pain 0")]
    assert all("72514-3" in [c["code"] for c in one["code"]["coding"]] for one in pains)
    measured = [o for o in of_type(made, "Observation") if o not in said]
    assert measured
    assert not any("performer" in one for one in measured)


def test_the_version_is_named_and_nothing_identifies_but_the_pseudonym() -> None:
    made = bundle()
    (provenance,) = of_type(made, "Provenance")
    assert provenance["activity"]["text"].endswith("eccentra 0.1.0")
    assert len(provenance["target"]) == 2
    (person,) = of_type(made, "Patient")
    assert set(person) == {"resourceType", "identifier"}
    software = of_type(made, "Device")[0]
    assert software["version"][0]["value"] == "0.1.0"
    assert software["note"] == [{"text": "for training"}]


def test_a_session_without_an_end_is_preliminary() -> None:
    states = {o["status"] for o in of_type(bundle(ended=False), "Observation") if "performer" not in o}
    assert states == {"preliminary"}


def test_the_same_session_gives_the_same_bytes_and_lone_reports_a_file() -> None:
    lone = Report(id="q9", kind="before", at_us=START_US, said={"pain": 0.0})
    record = record_of("s1", [Moment(1, START_US, EVENTS[0])])
    made = fhir_files([record], [("p1", lone)], intended_use="x")
    assert made == fhir_files([record], [("p1", lone)], intended_use="x")
    assert set(made) == {"s1.fhir.json", "reported-p1.fhir.json"}
    (pain,) = of_type(json.loads(made["reported-p1.fhir.json"]), "Observation")
    assert pain["valueQuantity"]["value"] == 0.0
