"""Future features that are the target itself, or one of its lags: they tell the answer."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast.forecasting.data.columns import show
from seqforecast.forecasting.data.panel import Panel

Array = NDArray[np.float64]

_ROWS = 500
_FEWEST_ROWS = 40
_CELLS = 400_000
"""Compared at most, rows times lags times features, where that leaves the fewest rows: some ms."""

_COMPARABLE = 10
_DISTINCT = 3
_NEARLY_ALL = 0.95
_SHOWN = 5


def warn_of_own_lags(panel: Panel, horizon: int, *, stacklevel: int) -> None:
    """Warn of future features that equal the target fewer than `horizon` steps before.

    Parameters
    ----------
    panel : Panel
        What is fitted to, or backtested on.
    horizon : int
        How many steps ahead future features are read.
    stacklevel : int
        Frames between the caller of this function and the line that is to be shown; 1 is the
        caller's own.
    """
    found = _own_lags(panel, horizon)
    if not found:
        return
    names = list(found)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    what = ", ".join(f"{show(name)} is the target {_when(found[name])}" for name in names[:_SHOWN])
    which = ", ".join(map(show, names[:_SHOWN])) + (", ..." if more else "")
    warnings.warn(
        f"{what}{more}, and a future feature: it is read up to {horizon} step(s) after the cutoff, "
        f"where it tells what is to be forecast. A future feature must be known {horizon} step(s) "
        f"ahead. Drop it, since the Forecaster makes lags itself, or pass past=[{which}].",
        stacklevel=stacklevel + 1,
    )


def _when(lag: int) -> str:
    return f"{lag} step(s) before" if lag else "of the same step"


def _own_lags(panel: Panel, horizon: int) -> dict[Any, int]:
    """Return the lag that a future feature equals, by name, of those that equal one."""
    names = panel.future_names
    if not names:
        return {}
    n_lags = min(horizon, int(panel.lengths.max()), _CELLS // _FEWEST_ROWS)
    rows = _some_rows(panel, _CELLS // (len(names) * n_lags))
    target = _target_before(panel, rows, n_lags + 1)
    lags = {name: _lag(panel.future[:, k], rows, target) for k, name in enumerate(names)}
    return {name: lag for name, lag in lags.items() if lag is not None}


def _some_rows(panel: Panel, most: int) -> NDArray[np.int64]:
    """Return rows spread over all series, none of them the first of its series."""
    n_rows, most = len(panel.values), int(np.clip(most, _FEWEST_ROWS, _ROWS))
    # By chance, not at equal distances: those of a multiple of a week would see Sundays alone.
    rows = np.random.default_rng(0).choice(n_rows, min(n_rows, most), replace=False, shuffle=False)
    return rows[panel.offsets[np.searchsorted(panel.offsets, rows)] != rows]


def _target_before(panel: Panel, rows: NDArray[np.int64], n_lags: int) -> Array:
    """Return the target 0, 1, ... steps before some rows; NaN before the series begins."""
    begin = panel.offsets[np.searchsorted(panel.offsets, rows, side="right") - 1]
    at = rows[:, np.newaxis] - np.arange(n_lags)
    known = at >= begin[:, np.newaxis]
    return np.where(known, panel.values[np.where(known, at, 0)], np.nan)


def _lag(feature: Array, rows: NDArray[np.int64], target: Array) -> int | None:
    """Return the smallest lag of the target that a feature equals, None where there is none.

    Only steps at which one of the two changes are compared: most values of a constant, of zeros
    between few sales or of a price that is rarely changed equal those of a neighbour by chance.
    """
    value, before = feature[rows, np.newaxis], feature[rows - 1, np.newaxis]
    lagged, still_before = target[:, :-1], target[:, 1:]
    comparable = ~np.isnan(lagged) & ~np.isnan(still_before)
    comparable &= (lagged != still_before) | (value != before)
    equal = comparable & (value == lagged)
    n_comparable = comparable.sum(axis=0)
    enough = n_comparable >= _COMPARABLE
    for lag in np.flatnonzero(enough & (equal.sum(axis=0) >= _NEARLY_ALL * n_comparable)):
        if len(np.unique(value[equal[:, lag]])) >= _DISTINCT:
            return int(lag)
    return None
