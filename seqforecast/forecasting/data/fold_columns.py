"""The columns of results: what they are called, and which there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from seqforecast.containers.frames import column_names
from seqforecast.exceptions import ParameterError
from seqforecast.forecasting.data.columns import COLUMNS, check_three

CUTOFF, STEP, Y_HAT, NAIVE = "cutoff", "step", "y_hat", "seasonal_naive"
MASE_SCALE, RMSSE_SCALE, METRIC = "mase_scale", "rmsse_scale", "metric"

_RESULTS = {CUTOFF, STEP, Y_HAT, NAIVE, MASE_SCALE, RMSSE_SCALE, METRIC}
_ENDS = re.compile(r"(lo|hi)-\d[\d.e+-]*")

NOTED = "seqforecast_columns"
"""The key of ``DataFrame.attrs``: pandas carries it along when rows or columns are selected."""

CURE = (
    "Pass what backtest returned; name its columns of series, time and target in columns= where a "
    "merge or a CSV file lost what backtest noted."
)
"""What to do about a frame that lacks something."""


def is_forecast_column(name: Any) -> bool:
    """Tell whether forecasts, or ends of intervals, are called so."""
    return isinstance(name, str) and (name == Y_HAT or _ENDS.fullmatch(name) is not None)


def require_own_names(columns: Sequence[Any], frame: Any, cure: str | None = None) -> None:
    """Refuse names of series, time and target that a column of some result has.

    Parameters
    ----------
    columns : sequence of three names
        What series, time and target are called.
    frame : object
        What was given; of a DataFrame the columns can be renamed.
    cure : str, default=None
        What to do; None says how to rename the columns.
    """
    taken = [name for name in columns if name in _RESULTS or is_forecast_column(name)]
    if not taken:
        return
    many = len(taken) > 1
    raise ParameterError(
        f"Column{'s' * many} {' and '.join(map(repr, taken))} "
        f"{'are' if many else 'is'} called like {'columns' if many else 'a column'} of results; "
        "series, time and target need other names.",
        parameter="columns",
        cure=cure or _renaming(columns, taken, frame),
    )


def _renaming(columns: Sequence[Any], taken: list[Any], frame: Any) -> str:
    """Say how to rename columns: to the default names, or what comes next."""
    there = column_names(frame)
    new: dict[Any, str] = {}
    for name, default in zip(columns, COLUMNS, strict=True):
        if name in taken:
            others = {*columns, *there, *new.values()}
            numbered = (f"{default}_{k}" for k in range(2, len(others) + 3))
            new[name] = next(one for one in (default, *numbered) if one not in others)
    names = tuple(new.get(name, name) for name in columns)
    if set(taken) <= set(there):
        of_pandas = isinstance(frame, pd.DataFrame)
        call = f"frame.rename({'columns=' if of_pandas else ''}{new!r})"
        return f"Rename: {call}, and pass columns={names!r}."
    return f"Pass other names, for example columns={names!r}."


def note_columns(frame: pd.DataFrame, columns: Sequence[Any]) -> pd.DataFrame:
    """Write the names of series, time and target into the attrs of a frame, and return it.

    A list of plain names, since pandas writes attrs into Parquet as JSON, and fails if it cannot.
    """
    if all(isinstance(name, str | int) for name in columns):
        frame.attrs[NOTED] = list(columns)
    return frame


def columns_of(frame: pd.DataFrame, columns: Any) -> tuple[Any, Any, Any]:
    """Return `columns`, or if that is None the names that the frame notes, or has by place.

    What was renamed to the default since the frame was made is found: attrs do not follow.
    """
    require_columns(frame, (), "frame", CURE)
    if columns is None:
        noted = frame.attrs.get(NOTED) or _by_place(frame)
        columns = [
            default if default in frame and name not in frame else name
            for name, default in zip(noted, COLUMNS, strict=True)
        ]
    names = check_three(columns)
    require_own_names(names, frame, CURE)
    return names


def _by_place(frame: pd.DataFrame) -> tuple[Any, ...]:
    """Return the names by the order of columns that `backtest` gives; the default ones without it.

    Frames of polars carry no notes.
    """
    names = list(frame.columns)
    if names[1:3] == [CUTOFF, STEP] and names[5:6] == [Y_HAT] and not set(COLUMNS) & set(names):
        return names[0], *names[3:5]
    return COLUMNS


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
