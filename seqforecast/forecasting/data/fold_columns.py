"""What series, time and target are called in the frame of a backtest: the frame says it itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from seqforecast.forecasting.data.columns import COLUMNS

NOTED = "seqforecast_columns"
"""The key of ``DataFrame.attrs``: pandas carries it along when rows or columns are selected."""


def note_columns(frame: pd.DataFrame, columns: Sequence[Any]) -> pd.DataFrame:
    """Write the names of series, time and target into the attrs of a frame, and return it.

    A list of plain names, since pandas writes attrs into Parquet as JSON, and fails if it cannot.
    """
    if all(isinstance(name, str | int) for name in columns):
        frame.attrs[NOTED] = list(columns)
    return frame


def columns_of(frame: pd.DataFrame, columns: Any) -> Any:
    """Return `columns`, or if that is None the names that the frame notes, or the default ones.

    What was renamed to the default since the frame was made is found: attrs do not follow.
    """
    if columns is not None:
        return columns
    noted = frame.attrs.get(NOTED, COLUMNS)
    return tuple(
        default if default in frame and name not in frame else name
        for name, default in zip(noted, COLUMNS, strict=True)
    )
