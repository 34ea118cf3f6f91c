"""Errors and warnings in the words of the command line, wrapped to the width of a terminal."""

from __future__ import annotations

import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seqforecast.exceptions import ParameterError

WIDTH = 80

_CURES = {
    "X": "Add these rows with an empty target, or pass --fill-gaps.",
    "columns": "Rename it in the table, and in --id, --time or --target.",
    "ds": "Pass more rows, at times of one frequency; a target may be empty.",
    "horizon": "Pass a smaller --horizon or more data.",
    "level": "Pass a shorter --window or --season, a smaller --horizon, or leave --level out.",
    "n_folds": "Pass fewer --folds or more data.",
    "past": "Fill it, or name it in --past if it is known for the past only.",
    "season": "Pass a shorter --season, --season none, or more data.",
    "static": "Name it in --future or --past instead.",
    "unique_id": "Forecast each by itself.",
    "window": "Pass a shorter --window or --horizon, or more data.",
    "y": "Leave that cell empty if it is unknown.",
}
"""What to do in the shell, by the `parameter` of a `ParameterError`."""


class CommandError(Exception):
    """What was given, what is needed, what to do: for the user of a command."""


def counted(number: int, what: str) -> str:
    """Write how many there are of something."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def filled(text: str) -> str:
    """Wrap text to the width, paragraph by paragraph; long words stay whole."""
    return "\n".join(
        textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


def say_error(error: BaseException | str) -> None:
    """Write an error to stderr."""
    _say(f"seqforecast: error: {_message(error)}")


def say_bug(error: Exception) -> None:
    """Write to stderr that the package failed, and not what it was given."""
    _say(
        f"seqforecast: internal error: {type(error).__name__}: {error}\nThis is a bug in "
        "seqforecast, not in your data. Please report it with what --traceback shows."
    )


def say_note(text: str) -> None:
    """Write to stderr what a result leaves out."""
    _say(f"seqforecast: note: {text}")


@contextmanager
def warnings_in_words() -> Iterator[None]:
    """Write warnings to stderr as a sentence, without the line of code that warned."""
    said: set[tuple[str, int]] = set()

    def show(
        message: Warning | str,
        category: type[Warning],  # noqa: ARG001  (Python passes all of them)
        filename: str,
        lineno: int,
        file: Any = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        if (filename, lineno) not in said:  # each fold of a backtest warns of the same
            said.add((filename, lineno))
            _say(f"seqforecast: warning: {message}")

    with warnings.catch_warnings():  # which puts the old function back
        warnings.showwarning = show
        yield


def _say(text: str) -> None:
    if sys.stderr is not None:
        print(filled(text), file=sys.stderr)


def _message(error: BaseException | str) -> str:
    if isinstance(error, MemoryError) and not str(error):
        return "out of memory. Pass fewer series, or use a machine with more."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    if isinstance(error, ParameterError):
        return f"{error.reason} {_CURES.get(error.parameter, error.cure)}"
    return str(error) or type(error).__name__
