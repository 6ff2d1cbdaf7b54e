"""Exercise files: every one is read, and a mistake in one is said with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from eccentra.errors import ExerciseError
from eccentra.exercises import exercise_ids, load_exercise
from needs import ROOT

GOOD = (ROOT / "pipelines" / "nordic-curl.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", exercise_ids())
def test_every_exercise_is_read(name: str) -> None:
    exercise = load_exercise(name)
    assert exercise.id == name
    assert exercise.needs
    assert exercise.event_stage()


def test_files_in_the_folder_are_the_exercises() -> None:
    assert exercise_ids() == sorted(p.stem for p in (ROOT / "pipelines").glob("*.toml"))


@pytest.mark.parametrize("name", exercise_ids())
def test_the_ladder_leads_to_exercises_that_exist(name: str) -> None:
    exercise = load_exercise(name)
    for other in (*exercise.regress_to, *exercise.progress_to):
        assert load_exercise(other).id == other


def first_stage_parameter() -> str:
    lines = iter(GOOD.splitlines())
    for line in lines:
        if line.strip() == "[stage]":
            break
    return next(
        line.split("=")[0].strip()
        for line in lines
        if "=" in line and not line.lstrip().startswith(("#", "kind", "["))
    )


def with_placement(text: str, line: str) -> str:
    return text.replace("\n[stage]", f"\n{line}\n\n[stage]", 1)


def force_only(text: str, line: str) -> str:
    return f'{text}\n[force_only]\ndefaults = "contraction"\n{line}\n'


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.replace("schema = 1", "schema = 2"), "schema: is 2, this version reads 1"),
        (lambda s: s + "\n[surprise]\nx = 1\n", "unknown field `surprise`"),
        (lambda s: s.replace("[stage]", "[stage]\nsurprise_s = 1"), "stage: Object contains unknown field"),
        (lambda s: s.replace('kind = "nordic"', 'kind = "no_such_stage"'), "stage.kind"),
        (lambda s: s.replace('kind = "nordic"', 'kind = "../evil"'), "stage.kind"),
        (lambda s: s.replace('kind = "nordic"', 'kind = "align"'), "no stage of that name finds repetitions"),
        (lambda s: s.replace("name =", "nom ="), "unknown field `nom`"),
        (lambda s: s.replace(f"{first_stage_parameter()} =", f"{first_stage_parameter()} = 'x' #"), "stage."),
        (lambda s: s.replace("eccentric_sign = -1", "eccentric_sign = 2"), "eccentric_sign"),
        (lambda s: s.replace("typ = 90.0", "typ = 900.0"), "expected_rom_deg: min 60.0, typ 900.0"),
        (lambda s: s.replace("default_dose = {", "default_dose = { x = 1,"), "default_dose: Object contains"),
        (lambda s: s + "\n= = =", "is not TOML"),
        (lambda s: "", "missing required field"),
        (lambda s: s + "\n[cues]\nagain_s = nan\n", "cues.again_s"),
        (lambda s: s + "\n[cues.pace]\nelse_every = 0\n", "cues.pace.else_every"),
        (lambda s: s + "\n[cues.too_fast]\ntempo_share = 0\n", "cues.too_fast.tempo_share"),
        (lambda s: s + "\n[cues.stop]\nfree_falls = 0\n", "cues.stop.free_falls"),
        (lambda s: s + "\n[cues.control]\nsurprise = 1\n", "cues.control"),
        (lambda s: with_placement(s, "slip.axis_deg = 0.0"), "placement.slip.axis_deg"),
        (lambda s: with_placement(s, "slip.strong_turn_deg = 3.0"), "placement.slip"),
        (lambda s: with_placement(s, "segment.cycle_s = [9.0, 2.0]"), "placement.segment"),
        (lambda s: with_placement(s, "strap.wait_s = 0"), "placement.strap.wait_s"),
        (lambda s: force_only(s, "level = { quiet_s = 0.0 }"), "force_only.level.quiet_s"),
        (lambda s: force_only(s, "count = { gap_s = inf }"), "force_only.count.gap_s"),
        (lambda s: force_only(s, 'kind = "contractions"'), "force_only.kind"),
    ],
)
def test_a_mistake_is_said_with_file_and_key(tmp_path: Path, change: object, says: str) -> None:
    file = tmp_path / "nordic-curl.toml"
    file.write_text(change(GOOD), encoding="utf-8")  # type: ignore[operator]
    with pytest.raises(ExerciseError) as caught:
        load_exercise(file)
    assert says in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_binary_and_absent_files(tmp_path: Path) -> None:
    binary = tmp_path / "b.toml"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(ExerciseError, match="is not TOML"):
        load_exercise(binary)
    with pytest.raises(ExerciseError, match="cannot be read"):
        load_exercise(tmp_path / "absent.toml")
    with pytest.raises(ExerciseError, match=r"known are .*generic"):
        load_exercise("nordic-hurl")


def test_the_id_is_the_files_name(tmp_path: Path) -> None:
    file = tmp_path / "other-name.toml"
    file.write_text(GOOD, encoding="utf-8")
    with pytest.raises(ExerciseError, match="expected the file's name 'other-name'"):
        load_exercise(file)
