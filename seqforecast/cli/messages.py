"""Errors and warnings in the words of the command line, wrapped to the width of a terminal."""

from __future__ import annotations

import re
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WIDTH = 80

_ADVICE = (
    (r"Fill the gaps: .*", "Add these rows with an empty target, or pass --fill-gaps."),
    (r"Fill it, or pass past=\['(.+?)'\]", r"Fill it, or pass --past '\1'"),
    (r"whose value may be NaN", "whose target may be empty"),
    (r"Use a shorter season or None", "Pass a shorter --season or --season none"),
    (r"Use a shorter window or horizon", "Pass a shorter --window or --horizon"),
    (
        r"Use a shorter season, None, or pass more data",
        "Pass a shorter --season, --season none, or more data",
    ),
    (r"Pass more of them, or an index with a frequency, .*", "Pass more rows."),
    (r"Pass more of them, or number the steps with pd.RangeIndex.", "Pass more rows."),
    (r"Use fewer folds, a smaller step, or pass more data", "Pass fewer --folds or more data"),
    (r"Resample them, or fit a Forecaster for each frequency", "Forecast each by itself"),
    (r"\bn_folds=(\d+), step=\d+ and horizon=(\d+)", r"--folds \1 and --horizon \2"),
    (r"\bwindow='auto' and horizon=\d+ of the forecaster need", "the model needs"),
    (r"\b(window|season|horizon|level)=(\[?[\d', .]+\]?|None)", r"--\1 \2"),
)
"""What the package advises in Python, and how the command line says it."""


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


def in_words(text: str) -> str:
    """Say with options of the command line what the package says with parameters."""
    for python, command in _ADVICE:
        text = re.sub(python, command, text)
    return text


def say_error(error: BaseException | str) -> None:
    """Write an error to stderr."""
    _say(f"seqforecast: error: {_message(error)}")


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
            _say(f"seqforecast: warning: {in_words(str(message))}")

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
    return in_words(str(error) or type(error).__name__)
