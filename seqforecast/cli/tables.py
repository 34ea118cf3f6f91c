"""Tables for a terminal: numbers below each other, within the width."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import pandas as pd

from seqforecast._shared.numbers import same_decimals
from seqforecast._shared.time_index import show_time
from seqforecast.cli.messages import WIDTH

_LONGEST_NAME = 24
_MOST_ROWS, _HEAD, _TAIL = 26, 12, 6
_DIGITS = 5
_GAP = "  "


class Shown(NamedTuple):
    """Rows that are shown of a table, and how many are left out behind which one."""

    frame: pd.DataFrame
    left_out: int
    after: int


def shown_rows(frame: pd.DataFrame) -> Shown:
    """Return the first and the last rows of a long table, or all of a short one."""
    if len(frame) <= _MOST_ROWS:
        return Shown(frame, 0, len(frame))
    ends = pd.concat([frame.iloc[:_HEAD], frame.iloc[-_TAIL:]])
    return Shown(ends, len(frame) - _HEAD - _TAIL, _HEAD)


def table(shown: Shown) -> tuple[str, list[str]]:
    """Write a table; also return the columns for which there is no room."""
    columns = [_cells(shown.frame.iloc[:, k]) for k in range(shown.frame.shape[1])]
    ends = accumulate(max(map(len, cells)) + len(_GAP) for cells in columns)
    fitting = sum(end - len(_GAP) <= WIDTH for end in ends)
    lines = aligned([list(row) for row in zip(*columns[:fitting], strict=True)]).splitlines()
    if shown.left_out:
        lines.insert(1 + shown.after, f"... {shown.left_out} more rows ...")
    return "\n".join(lines), [str(name) for name in shown.frame.columns[fitting:]]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Put cells below each other: words of the first column to the left, all else to the right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    left = not all(row[0].lstrip("-").isdigit() for row in rows[1:])
    return "\n".join(
        _GAP.join(
            cell.ljust(width) if left and k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def short_numbers(values: Iterable[float]) -> list[str]:
    """Write numbers with as many decimals as four digits of the largest need."""
    return _numbers(list(values), 4, max)


def short_name(text: str) -> str:
    """Cut a name that would take too much of a line."""
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 3] + "..."


def _cells(column: pd.Series) -> list[str]:
    """Return the name of a column and its cells as text."""
    if pd.api.types.is_float_dtype(column.dtype):
        cells = _numbers(column.tolist(), _DIGITS, statistics.median)
    elif isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        cells = _times(column)
    else:
        cells = [short_name(str(value)) for value in column]
    return [short_name(str(column.name)), *cells]


def _numbers(values: Sequence[float], digits: int, of: Callable[[Any], Any]) -> list[str]:
    """Write numbers with as many decimals as so many digits of a typical one need."""
    known = [abs(value) for value in values if value and math.isfinite(value)]
    return same_decimals(values, of(known) if known else 0.0, digits)


def _times(column: pd.Series) -> list[str]:
    """Write times; without the time of the day where it is midnight throughout."""
    texts = [show_time(value) for value in column]
    days = all(len(text) <= 10 for text in texts)
    return texts if days else [str(value) for value in column]
