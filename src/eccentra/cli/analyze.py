"""``eccentra analyze``: recordings made elsewhere to JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from eccentra.cli.common import say
from eccentra.errors import InputError

if TYPE_CHECKING:
    from eccentra.analysis import Analysis

__all__ = ["analyze", "write_document"]

_BODY_MASS_KG = (20.0, 350.0)
_LEVER_ARM_M = (0.1, 1.0)


def analyze(
    exercise: Annotated[
        str, typer.Option(metavar="ID|FILE", help="Exercise by id (as in pipelines/) or a TOML file.")
    ],
    imu: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACEMENT=FILE",
            help="Motion recording: t_s,acc_x,acc_y,acc_z[,gyr_x,gyr_y,gyr_z] in s, m/s², rad/s. "
            "PLACEMENT: thigh shank pelvis trunk load wrist. May be repeated.",
        ),
    ] = None,
    force: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SIDE=FILE", help="Force recording: t_s,force_n. SIDE: left right both. May be repeated."
        ),
    ] = None,
    body_mass: Annotated[float | None, typer.Option(metavar="KG", help="Body mass, when known.")] = None,
    lever_arm: Annotated[
        float | None,
        typer.Option(metavar="M", help="Knee axis to the centre of the ankle strap, when measured."),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="OUT.json", help="Where results go; - is stdout.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="SESSION", help="Keep the session file, for `eccentra replay`.")
    ] = None,
) -> None:
    """Count and measure repetitions in recordings made elsewhere (CSV)."""
    from eccentra.analysis import analyze as run

    motion = [_pair("--imu", "PLACEMENT", text) for text in imu or []]
    pull = [_pair("--force", "SIDE", text) for text in force or []]
    if body_mass is not None and not _BODY_MASS_KG[0] <= body_mass <= _BODY_MASS_KG[1]:
        raise InputError(f"--body-mass {body_mass:g}", "expected {:g} to {:g} kg".format(*_BODY_MASS_KG))
    if lever_arm is not None and not _LEVER_ARM_M[0] <= lever_arm <= _LEVER_ARM_M[1]:
        raise InputError(f"--lever-arm {lever_arm:g}", "expected {:g} to {:g} m".format(*_LEVER_ARM_M))
    result = run(motion, pull, exercise=exercise, body_mass_kg=body_mass, lever_arm_m=lever_arm)
    if save is not None:
        _save(save, result)
    if json is not None:
        write_document(json, result.document)
    for note in result.notes:
        say(f"note: {note}")
    for line in _summary(result.document):
        typer.echo(line, err=json == "-")


def _pair(option: str, what: str, text: str) -> tuple[str, str]:
    from eccentra.samples import Placement, Side

    known = get_args(Placement if what == "PLACEMENT" else Side)
    place, sign, path = text.partition("=")
    if not sign or place not in known or not path:
        raise InputError(
            f"{option} {text}", f"expected {what}=FILE.csv, {what} being one of {' '.join(known)}"
        )
    return place, path


def _save(path: Path, result: Analysis) -> None:
    from eccentra.recording import Recorder

    with Recorder(path, result.header) as recorder:
        for item in result.inputs:
            recorder.append(item)
        recorder.keep_events(result.events)


def write_document(target: str, document: dict[str, Any]) -> None:
    """Write a JSON document to a file, or to stdout for ``-``."""
    import msgspec

    data = msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
    if target == "-":
        typer.echo(data.decode(), nl=False)
        return
    try:
        Path(target).write_bytes(data)
    except OSError as error:
        raise InputError(target, f"cannot be written: {error.strerror or error}") from None


def _summary(document: dict[str, Any]) -> list[str]:
    """A line for each set: what a person wants to see at once."""
    lines = []
    for number, one in enumerate(document["sets"], 1):
        count, valid, tut = one["reps_counted"], one["reps_valid"], one["tut_s"]
        parts = [f"{count} repetition{'s' * (count != 1)} ({valid} valid)"]
        if tut is not None:
            parts.append(f"time under tension {tut:.1f} s")
        if one["asymmetry_pct"] is not None:
            parts.append(f"side difference {one['asymmetry_pct']:.0f} %")
        if one["rejected"]:
            parts.append(f"{len(one['rejected'])} movements not counted")
        lines.append(f"set {number}: {one['start_s']:.1f} to {one['end_s']:.1f} s, {', '.join(parts)}")
    return lines or ["no repetitions found"]
