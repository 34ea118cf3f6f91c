"""The columns of the frame of a backtest: what they are called, and which there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from seqforecast.forecasting.data.columns import COLUMNS, check_three

NOTED = "seqforecast_columns"
"""The key of ``DataFrame.attrs``: pandas carries it along when rows or columns are selected."""

CURE = (
    "Pass what backtest returned; name its columns of series, time and target in columns= where a "
    "merge or a CSV file lost what backtest noted."
)
"""What to do about a frame that lacks something."""


def note_columns(frame: pd.DataFrame, columns: Sequence[Any]) -> pd.DataFrame:
    """Write the names of series, time and target into the attrs of a frame, and return it.

    A list of plain names, since pandas writes attrs into Parquet as JSON, and fails if it cannot.
    """
    if all(isinstance(name, str | int) for name in columns):
        frame.attrs[NOTED] = list(columns)
    return frame


def columns_of(frame: pd.DataFrame, columns: Any) -> tuple[Any, Any, Any]:
    """Return `columns`, or if that is None the names that the frame notes, or the default ones.

    What was renamed to the default since the frame was made is found: attrs do not follow.
    """
    require_columns(frame, (), "frame", CURE)
    if columns is not None:
        return check_three(columns)
    noted = frame.attrs.get(NOTED, COLUMNS)
    return check_three(
        default if default in frame and name not in frame else name
        for name, default in zip(noted, COLUMNS, strict=True)
    )


def level_text(level: Any) -> str:
    """Write the level of an interval, in percent, so that no two levels are written alike."""
    number = float(level)
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def levels_of(frame: pd.DataFrame) -> list[str]:
    """List the levels of a frame's intervals as they are written, the narrowest first."""
    names = [name for name in frame.columns if isinstance(name, str)]
    levels = [name[3:] for name in names if name.startswith("lo-") and f"hi-{name[3:]}" in names]
    return sorted(filter(re.compile(r"\d+(\.\d+)?").fullmatch, levels), key=float)


def require_columns(frame: Any, needed: Iterable[Any], what: str, cure: str) -> None:
    """Refuse what is no frame, or lacks columns."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"{what} is a {type(frame).__name__}; a DataFrame is needed. {cure}")
    lacking = [name for name in needed if name not in frame.columns]
    if lacking:
        raise ValueError(
            f"{what} has the columns {list(frame.columns)!r}, but not "
            f"{', '.join(map(repr, lacking))}. {cure}"
        )
