"""Paths on the command line, and which endings are known."""

from __future__ import annotations

from argparse import ArgumentTypeError

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


def shown(path: str) -> str:
    """Return what a table is called in messages."""
    return "standard input" if path == STREAM else path
