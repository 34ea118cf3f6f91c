"""Whether flat rows hold channels that nobody told of, as OldestFirst repeats them at each step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_BLOCKS, _BLOCK = 20, 10
"""Blocks of rows that follow each other which are looked at, and the rows of each."""
_COLUMNS = 2_000
"""Columns that are: windows may be views of a series as long as the memory."""
_FEW = 10
"""Fewer different rows than these may look so by chance."""
_ROUNDING = 1e-6
"""Differences, relative to the values, that may come from a scaler computing with float32."""


def check_repeated_channels(X: Array, n_channels: int) -> None:
    """Raise if the values of flat rows show another number of channels than n_channels."""
    if X.ndim != 2:
        return
    rows, n_columns = _some_rows(X), X.shape[1]
    with np.errstate(over="ignore"):  # values near the largest are far apart
        # Nearly all sizes are ruled out by the second channel of the first row.
        first, rounding = rows[0], _ROUNDING * np.abs(rows).max()
        sizes = [
            size
            for size in range(2, rows.shape[1] // 2 + 1)
            if n_columns % size == 0 and abs(first[1] - first[1 + size]) <= rounding
        ]
        if not sizes or _holds(rows, n_channels):
            return
        sizes = [size for size in sizes if _holds(rows, size)]
    if not sizes or len(np.unique(rows, axis=0)) < _FEW:
        return
    size = sizes[-1]  # equal channels look like fewer
    column = next(j for j in range(1, size) if _varies(rows[:, j]))
    places = [str(place) for place in range(column, n_columns, size)]
    shown = ", ".join(places[:3]) + (", ..." if len(places) > 3 else "")
    raise ValueError(
        f"the columns {shown} of X hold the same value in each row, as a channel that OldestFirst("
        f"n_exog={size - 1}) repeats at every step, but n_channels={n_channels} reads a row as "
        f"{n_columns // n_channels} steps of {n_channels}; {n_columns // size} steps of {size} "
        f"channels are needed. Set n_channels={size}."
    )


def _some_rows(X: Array) -> Array:
    """Return all rows, or blocks of rows that follow each other, spread over all."""
    X = X[:, :_COLUMNS]
    if len(X) <= _BLOCKS * _BLOCK:
        return X.astype(np.float64)
    starts = np.linspace(0, len(X) - _BLOCK, _BLOCKS).astype(int)
    return X[(starts[:, None] + np.arange(_BLOCK)).ravel()].astype(np.float64)


def _holds(rows: Array, size: int) -> bool:
    """Tell whether every channel but the first holds one value in each row.

    Windows of one series never look so: what stands in the first place of a step stood in the
    second a row before. So the first channel would move in a row only where the one before is not
    looked at, and it must do so in most. One of the others must differ between rows: windows that
    are cut a season apart have the same hours at the same places, always closed ones among them.
    """
    if size < 2 or rows.shape[1] < 2 * size:
        return False
    whole = rows.shape[1] // size * size
    steps = rows[:, :whole].reshape(len(rows), -1, size)
    moves = np.ptp(steps, axis=1) > _rounding(steps)
    if moves[:, 1:].any() or 2 * np.count_nonzero(moves[:, 0]) <= len(rows):
        return False
    return any(_varies(rows[:, column]) for column in range(1, size))


def _varies(column: Array) -> bool:
    return bool(np.ptp(column) > _ROUNDING * np.abs(column).max())


def _rounding(steps: Array) -> Array:
    """Return what may come from rounding, of each channel."""
    return _ROUNDING * np.abs(steps).max(axis=(0, 1))
