"""What all commands share: errors become one line and an exit status; wording that must not differ."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from eccentra.errors import EccentraError, InputError

__all__ = ["BAD_INPUT", "INTENDED_USE", "INTERRUPTED", "checked_id", "guarded", "say", "speed_factor"]

INTENDED_USE = (
    "Eccentra records and summarises exercise execution for training and research; a qualified person makes "
    "all decisions; not intended to diagnose, treat, or monitor a disease or injury; not a medical device."
)

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130

P = ParamSpec("P")


def say(text: str) -> None:
    """A line to a person on stderr: results alone go to stdout."""
    typer.echo(text, err=True)


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Let a command end as a user expects: one line and a status instead of a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except InputError as error:
            say(f"eccentra: {_one_line(error)}")
            raise typer.Exit(BAD_INPUT) from None
        except EccentraError as error:
            say(f"eccentra: {_one_line(error)}")
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            say("stopped")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output (head, less) has seen enough. Python must not complain on exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None

    return run


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def speed_factor(text: str) -> float:
    """Value of ``--speed``: times real time, or ``max`` (infinity).

    Raises
    ------
    InputError
        When it is neither.
    """
    if text == "max":
        return float("inf")
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise InputError(f"--speed {text}", "expected a number above 0 (1 is real time) or max")
    return factor


def checked_id(option: str, value: str | None) -> str:
    """An id of a person given by an option: opaque, never a name.

    Raises
    ------
    InputError
        When it is missing or no id.
    """
    if value is None:
        raise InputError(option, "is needed: every note has an author")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
        raise InputError(
            f"{option} {value[:64]}", "expected an id of small letters, digits, - and _ (no name)"
        )
    return value
