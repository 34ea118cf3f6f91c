"""Tables from files and standard input: the columns that are asked for, as they are written."""

from __future__ import annotations

import csv
import gzip
import sys
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from io import BytesIO, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from seqforecast.cli.files.paths import STREAM, shown
from seqforecast.cli.messages import CommandError
from seqforecast.forecasting.data.columns import nearest

_SEPARATORS = (",", ";", "\t", "|")
_MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")


class Table(NamedTuple):
    """A table, what separates the cells of CSV like it, and whether its columns have types."""

    frame: pd.DataFrame
    sep: str
    is_typed: bool


def read_table(path: str, words: Sequence[str], numbers: Sequence[str], sep: str | None) -> Table:
    """Read columns of a table.

    Parameters
    ----------
    path : str
        A path, or ``-`` for CSV on standard input.
    words : sequence of str
        Columns of times and names, which stay the text that they are in CSV.
    numbers : sequence of str
        Columns of numbers; text where one of them cannot be read.
    sep : str or None
        What separates the cells of CSV; None finds it out.
    """
    wanted = list(dict.fromkeys([*words, *numbers]))
    if path.lower().endswith(".parquet"):
        frame = _read_parquet(path)
        _require(wanted, frame.columns, path)
        return Table(frame[wanted], sep or ",", is_typed=True)
    text = _text(path)
    sep = sep or _separator(text, wanted)
    names = _header(text, sep)
    _require(wanted, names, path)
    _require_cells(text, sep, len(names), path)
    try:
        frame = pd.read_csv(
            BytesIO(text),
            sep=sep,
            index_col=False,
            dtype=dict.fromkeys(words, str),
            encoding="utf-8-sig",
            keep_default_na=False,  # a series may be called NA
            na_values={name: list(_MISSING) for name in numbers},
            low_memory=False,
        )
    except pd.errors.ParserError as error:
        raise CommandError(
            f"{shown(path)} is no table with {sep!r} between its cells: {error}. Mend that row, "
            "or pass another --sep."
        ) from error
    return Table(frame[wanted], sep, is_typed=False)


def _read_parquet(path: str) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, TypeError, ValueError) as error:
        raise CommandError(
            f"{path} cannot be read as Parquet: {str(error).rstrip('.')}. Write it anew."
        ) from error
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    return frame


def _text(path: str) -> bytes:
    """Return the bytes of CSV, decompressed."""
    text = sys.stdin.buffer.read() if path == STREAM else Path(path).read_bytes()
    if path.lower().endswith(".gz"):
        try:
            text = gzip.decompress(text)
        except (OSError, EOFError, zlib.error) as error:
            raise CommandError(
                f"{path} cannot be decompressed: {error}. Pass the whole file, or the CSV itself."
            ) from error
    if not text.strip():
        raise CommandError(
            f"{shown(path)} is empty; a header and a row a step are needed. Check what wrote it."
        )
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        kind = "utf-16" if text[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "latin1"
        raise CommandError(
            f"{shown(path)} is not UTF-8 text (byte {error.start}); CSV in UTF-8 is needed. "
            f"Convert it, for example with iconv -f {kind} -t utf-8."
        ) from error
    return text


def _separator(text: bytes, wanted: list[str]) -> str:
    """Return the separator with which the header has the most of the columns."""
    return max(_SEPARATORS, key=lambda sep: len(set(wanted) & set(_header(text, sep))))


def _header(text: bytes, sep: str) -> list[str]:
    return next(_rows(text, sep), [])


def _rows(text: bytes, sep: str) -> Iterator[list[str]]:
    lines = TextIOWrapper(BytesIO(text), "utf-8-sig", newline="")
    return (row for row in csv.reader(lines, delimiter=sep) if row)


def _require_cells(text: bytes, sep: str, n_names: int, path: str) -> None:
    """Refuse a first row that is longer than the header: 1,5 may be one number."""
    first = next(islice(_rows(text, sep), 1, None), None)
    if first is None:
        raise CommandError(
            f"{shown(path)} has a header and no rows; a row a step is needed. Check what wrote it."
        )
    if len(first) > n_names:
        raise CommandError(
            f"{shown(path)} has {len(first)} cells in row 1, its header {n_names}; each cell "
            "needs a name. If a comma is the decimal point, put another character between cells."
        )


def _require(wanted: list[str], names: Sequence[str] | pd.Index, path: str) -> None:
    known = [str(name) for name in names]
    for name in wanted:
        if name not in known:
            advice = nearest(name, known, "columns")
            if len(known) == 1:
                advice += " If these are several, pass what separates them with --sep."
            raise CommandError(f"{shown(path)} has no column {name!r}. {advice}")
        if known.count(name) > 1:
            raise CommandError(
                f"{shown(path)} has {known.count(name)} columns {name!r}; a name of its own is "
                "needed for each. Rename them."
            )
