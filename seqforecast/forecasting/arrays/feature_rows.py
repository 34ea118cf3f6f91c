"""What a regressor sees at a cutoff: one row of features, and the errors it shall learn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from seqforecast.forecasting.arrays.baseline import Baseline, seasonal_profile
from seqforecast.forecasting.arrays.lookback import LONG_SEASON, Lookback
from seqforecast.forecasting.arrays.outlook import Outlook, actual_values

Array = NDArray[np.float64]
Rows = NDArray[np.float32]
Cells = NDArray[np.int64]

_LARGEST = 10.0
"""Units of the series beyond which a row says no more: an outlier must not rule a network."""

_BLOCK = 1 << 19
"""Values computed at once: rows are written in float32, what they are made of is larger."""

_A_FEW, _A_LOT = 8, 48
"""Lags without a season, and of one that is too long to hold."""


def lags_beside_memory(horizon: int, seasons: tuple[int, ...]) -> int:
    """Return how many lags a row holds for a network that remembers the rows before.

    A season, or a quarter more than the horizon; of a long horizon two seasons are enough, as in
    the moving windows of H. Hewamalage, C. Bergmeir, K. Bandara, International Journal of
    Forecasting 37, 2021.
    """
    shortest, longest = seasons[0], seasons[-1]
    if longest == 1:
        return max(math.ceil(1.25 * horizon), _A_FEW)
    whole = longest if longest < LONG_SEASON else min(2 * shortest, _A_LOT)
    return max(math.ceil(1.25 * min(horizon, 2 * shortest)), whole)


def feature_rows(outlook: Outlook, baseline: Baseline, cells: Cells, *, flat: bool) -> Rows:
    """Return the rows of cutoffs, in units of their series and relative to their level.

    A row for a network that reads windows holds, side by side: the newest values, oldest first;
    the baseline's forecast of the next steps, or the last season where there is no baseline; 1
    where the value was missing or padded; where in the calendar the cutoff is; past and future
    features of the cutoff; future features of the next steps, step by step; static features. A
    flat row holds past and future features of all its lags, and the share of its lags that are
    missing.

    Parameters
    ----------
    outlook : Outlook
        The padded series.
    baseline : Baseline
        The fitted baseline.
    cells : ndarray of int of shape (n,)
        The cutoffs.
    flat : bool
        Whether a row is all that the regressor sees.

    Returns
    -------
    ndarray of shape (n, n_channels), float32
    """
    rows = np.empty((len(cells), _n_channels(outlook, flat=flat)), np.float32)
    for part in _row_slices(rows.shape, outlook.lookback.horizon):
        base = baseline.forecast(outlook, cells[part])
        _write_rows(rows[part], outlook, baseline, cells[part], base, flat=flat)
    return rows


def feature_windows(
    outlook: Outlook, baseline: Baseline, cells: Cells, window: int, *, flat: bool
) -> Rows:
    """Return the rows up to each cutoff, so many of them: (n, window, n_channels)."""
    seen = cells[:, np.newaxis] + np.arange(1 - window, 1)
    rows = feature_rows(outlook, baseline, seen.reshape(-1), flat=flat)
    return rows.reshape(len(cells), window, -1)


def training_rows(
    outlook: Outlook, baseline: Baseline, cells: Cells, *, flat: bool
) -> tuple[Rows, Rows]:
    """Return the rows of cutoffs as `feature_rows`, and what is to be learnt there.

    These are the errors of the baseline at the next steps (n, horizon), float32, NaN where the
    value is not known.
    """
    horizon = outlook.lookback.horizon
    rows = np.empty((len(cells), _n_channels(outlook, flat=flat)), np.float32)
    targets = np.empty((len(cells), horizon), np.float32)
    for part in _row_slices(rows.shape, horizon):
        base = baseline.forecast(outlook, cells[part])
        _write_rows(rows[part], outlook, baseline, cells[part], base, flat=flat)
        targets[part] = actual_values(outlook, cells[part]) - base
    return rows, targets


def row_names(
    lookback: Lookback,
    past: Sequence[Any],
    future: Sequence[Any],
    static: Sequence[Any],
    phases: Sequence[str] = (),
    *,
    flat: bool,
) -> list[str]:
    """Name the columns of a row: what, and at which lag before or step after the cutoff."""
    lags = range(lookback.n_lags - 1, -1, -1)
    steps = range(1, lookback.horizon + 1)
    return [
        *(f"y@lag{lag}" for lag in lags),
        *(f"baseline@step{step}" for step in steps),
        "missing",
        *phases,
        *(f"{name}@lag{lag}" for lag in (lags if flat else [0]) for name in (*past, *future)),
        *(f"{name}@step{step}" for step in steps for name in future),
        *(str(name) for name in static),
    ]


def _n_channels(outlook: Outlook, *, flat: bool) -> int:
    padded, lookback = outlook.padded, outlook.lookback
    n_changing = outlook.covariates.shape[1] * (lookback.n_lags if flat else 1)
    n_ahead = padded.future.shape[1] * lookback.horizon
    n_fixed = padded.phases.columns.shape[1] + padded.static.shape[1]
    return lookback.n_lags + lookback.horizon + 1 + n_changing + n_ahead + n_fixed


def _write_rows(
    rows: Rows, outlook: Outlook, baseline: Baseline, cells: Cells, base: Array, *, flat: bool
) -> None:
    """Write the rows of some cutoffs, whose baseline is known."""
    padded, lookback = outlook.padded, outlook.lookback
    n, first_lag = len(cells), cells - lookback.n_lags + 1
    lags = sliding_window_view(padded.values, lookback.n_lags)[first_lag]
    lags -= outlook.level[cells, np.newaxis]
    ahead = cells[:, np.newaxis] + np.arange(1, lookback.horizon + 1)
    back = cells[:, np.newaxis] - np.arange(lookback.n_lags - 1 if flat else 0, -1, -1)
    if flat:
        missing = 1.0 - sliding_window_view(padded.known, lookback.n_lags)[first_lag].mean(axis=1)
    else:
        missing = 1.0 - padded.known[cells]
    columns = [
        np.clip(lags, -_LARGEST, _LARGEST, out=lags),
        np.clip(
            base if baseline.informs else seasonal_profile(outlook, cells), -_LARGEST, _LARGEST
        ),
        missing[:, np.newaxis],
        padded.phases_at(cells),
        outlook.covariates[back].reshape(n, -1),
        padded.future[ahead].reshape(n, -1),
        padded.static[padded.series_of(cells)],
    ]
    np.concatenate(columns, axis=1, out=rows, casting="same_kind")


def _row_slices(shape: tuple[int, ...], horizon: int) -> Iterator[slice]:
    """Yield slices of rows of which about `_BLOCK` values are computed at once."""
    step = max(1, _BLOCK // (shape[1] + 8 * horizon))
    for start in range(0, shape[0], step):
        yield slice(start, start + step)
