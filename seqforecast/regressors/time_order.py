"""Whether rows run through time as a recurrent network and early stopping take it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast.regressors.inputs import InputForm

Array = NDArray[Any]

_ROWS = 50
"""Rows that are looked at."""
_STEPS = 200
"""Steps of them that are: windows may be views of a series as long as the memory."""
_FEW = 30
"""Rows of which, in any order, coincidences can be expected."""
_SHARE = 0.9
"""The share of rows that a shift must hold in: where two series meet, it does not."""
_CLOSER = 20
"""How much closer the rows must be in the one direction than in the other."""
_ROUNDING = 1e-6
"""Differences, relative to the values, that may come from computing with float32."""


def warn_if_newest_first(X: Array, form: InputForm, *, stacklevel: int) -> None:
    """Warn if the values of windows, flat or not, show them to run back in time."""
    n_channels, n_steps = form.n_channels, min(form.window, _STEPS)
    some = X[:_ROWS, : n_steps if X.ndim == 3 else n_steps * n_channels]
    if shows_newest_first(some.reshape(-1, n_steps, n_channels)):
        warnings.warn(
            "the rows of X show the newest step first: what is in a column stands one step further "
            "right in the next row. A recurrent network needs the oldest step first, and rows in "
            "time order. Turn the lags around by make_pipeline(OldestFirst(), ...), n_exog=1 if "
            "one column is no lag, before any scaler; if the newest row comes first, sort the "
            "rows.",
            stacklevel=stacklevel + 1,
        )


def warn_if_unsorted(X: Any, *, stacklevel: int) -> None:
    """Warn if the newest rows are to validate, but the index of X says that they are not last."""
    index = X.index if isinstance(X, pd.DataFrame) else None
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex) and not index.is_monotonic_increasing:
        warnings.warn(
            "the index of X is not in the order of time, but early stopping validates on the last "
            "rows and needs them to be the newest. Sort X and y by time (X.sort_index()), or pass "
            "X_val and y_val.",
            stacklevel=stacklevel + 1,
        )


def shows_newest_first(windows: Array) -> bool:
    """Tell whether windows of shape (n, window, n_channels) look like lags, newest first.

    Of each two neighbouring columns, what stands in the left one is in the right one a row later.
    Columns that are no lags break that at their edges only, so most columns decide, not all. A
    scaler gives each column units of its own; the spread of its values takes them out again.
    """
    rows = windows[:_ROWS].astype(np.float64)
    if len(rows) < _FEW or rows.shape[1] < 2:
        return False
    with np.errstate(over="ignore", invalid="ignore"):  # values near the largest say nothing
        forward = _distances(rows[1:, :-1], rows[:-1, 1:])
        backward = _distances(rows[1:, 1:], rows[:-1, :-1])
    near, far = (np.quantile(backward, share, axis=0) for share in (_SHARE, 0.5))
    shown = int((near < np.median(forward, axis=0) / _CLOSER).sum())
    against = int((np.quantile(forward, _SHARE, axis=0) < far / _CLOSER).sum())
    telling = int(((far > 0) | (np.median(forward, axis=0) > 0)).sum())
    return shown > against and 2 * shown >= telling


def _distances(later: Array, earlier: Array) -> Array:
    """Return how far values lie apart, each in units of its column; 0 where it is by rounding."""
    (a, error_a), (b, error_b) = _in_own_units(later), _in_own_units(earlier)
    distances = np.abs(a - b)
    return np.where(distances > error_a + error_b, distances, 0.0)


def _in_own_units(columns: Array) -> tuple[Array, Array]:
    """Return values less their median, over their interquartile range, and what rounding adds."""
    low, middle, high = np.quantile(columns, (0.25, 0.5, 0.75), axis=0)
    spread = np.where(high > low, high - low, np.inf)  # a column that stands still tells nothing
    return (columns - middle) / spread, _ROUNDING * np.abs(columns).max(axis=0) / spread
