"""Paths on the command line: which endings are known, and whether a result can be written."""

from __future__ import annotations

import os
import tempfile
from argparse import ArgumentTypeError
from pathlib import Path

from seqforecast.cli.messages import CommandError

STREAM = "-"
"""Standard input, or standard output."""

_TABLES = (".csv", ".csv.gz", ".parquet")
_FIGURES = (".png", ".svg", ".pdf")
_PAGES = (".html", ".htm")


def table_path(text: str, *, stream: str) -> str:
    """Return the path of a table, or ``-``; refuse endings that are not known."""
    return text if text == STREAM else _with_ending(text, _TABLES, f", or - for {stream}")


def figure_path(text: str) -> str:
    """Return the path of a picture."""
    return _with_ending(text, _FIGURES)


def html_path(text: str) -> str:
    """Return the path of a page."""
    return _with_ending(text, _PAGES)


def _with_ending(text: str, endings: tuple[str, ...], other: str = "") -> str:
    if not text.lower().endswith(endings):
        raise ArgumentTypeError(
            f"{text!r} ends in none of {', '.join(endings)}; its ending tells what it is. Give it "
            f"one of them{other}"
        )
    return text


def check_writable(path: str | None, *, data: str) -> None:
    """Refuse what could not be written, before anybody waits for it."""
    if path is None or path == STREAM:
        return
    folder = Path(path).parent
    if not folder.is_dir():
        raise CommandError(
            f"{path} cannot be written: there is no folder {folder}. Make it (mkdir -p {folder}), "
            "or choose another path."
        )
    if Path(path).is_dir():
        raise CommandError(f"{path} is a folder; the path of a file is needed. Choose another.")
    if Path(path).exists() and data != STREAM and os.path.samefile(path, data):
        raise CommandError(
            f"{path} is the data itself, which the result would replace. Choose another path."
        )
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: the folder {folder} takes no file ({error.strerror}). "
            "Choose another path."
        ) from error
