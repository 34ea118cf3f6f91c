"""The rows that a fitted forecaster is scored on: a fold of a backtest, and its R2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast.containers.arrays import as_array
from seqforecast.forecasting.data.actual_values import (
    actual_values,
    require_numbers,
    require_other_values,
    require_rows,
)
from seqforecast.forecasting.data.fold_columns import Y_HAT
from seqforecast.forecasting.data.future_rows import rows_to_score
from seqforecast.forecasting.data.own_lags import warn_of_own_lags
from seqforecast.forecasting.data.panel import FutureRows
from seqforecast.forecasting.data.reading import Form
from seqforecast.forecasting.model.folds import fold_columns
from seqforecast.forecasting.model.intervals import Intervals, require_few_blocks
from seqforecast.forecasting.model.series_model import SeriesModel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ScoredFold:
    """Forecasts beside their actual values, sorted by series and step."""

    rows: FutureRows
    columns: dict[str, Array]  # what `evaluate` reads, (n_rows,) each
    order: NDArray[np.intp]  # the place of each row in what was given

    def r2(self, sample_weight: Array | None = None) -> float:
        """Return the mean over series of R2, of those with two known values or more.

        Parameters
        ----------
        sample_weight : ndarray of shape (n_rows,), default=None
            Weight of each row, in the order given.
        """
        y, forecast = self.columns["y"], self.columns[Y_HAT]
        weight = np.ones_like(y) if sample_weight is None else sample_weight[self.order]
        counts = ~np.isnan(y) & (weight > 0)
        _, series = np.unique(self.rows.series[counts], return_inverse=True)
        y, forecast, weight = y[counts], forecast[counts], weight[counts]
        usable = np.bincount(series) > 1
        if not usable.any():
            weighed = "" if sample_weight is None else " with a weight above 0"
            raise ValueError(
                "R2 needs two known values of a series, or more; the rows to score hold fewer"
                f"{weighed}. Take longer test parts, or pass scoring=forecast_scorer('mae') to the "
                "search."
            )
        mean = np.bincount(series, weight * y) / np.bincount(series, weight)
        residual = np.bincount(series, weight * (y - forecast) ** 2)[usable]
        spread = np.bincount(series, weight * (y - mean[series]) ** 2)[usable]
        # Of a constant: 1 where the forecast is that constant, else 0, as in scikit-learn. Its mean
        # is rounded, so that its spread may be above 0.
        first = np.flatnonzero(np.diff(series, prepend=-1))
        varies = np.bincount(series, y != y[first][series])[usable] > 0
        missed = np.where(residual > 0, 1.0, 0.0)
        return float(np.mean(1.0 - np.divide(residual, spread, out=missed, where=varies)))


def scored_fold(
    form: Form, model: SeriesModel, intervals: Intervals, X: Any, y: Any, *, stacklevel: int
) -> ScoredFold:
    """Forecast the rows of ``score(X, y)``, which follow the fit.

    Parameters
    ----------
    form, model, intervals
        The parts of a fitted forecaster.
    X, y : Series, DataFrame or array-like
        The rows; the actual values are `y`, or in `X` where that is None.
    stacklevel : int
        Frames between the caller of this function and the line that a warning is to show; 1 is the
        caller's own.
    """
    require_rows(form, X, y)
    rows = rows_to_score(form, model.panel, model.horizon, X)
    actual = actual_values(form, model.panel.ids, X, y)
    if not form.labelled and form.kind != "xy":  # scikit-learn's checks score X, y of the fit
        require_other_values(model.panel.values, actual)
    if len(actual) != len(rows.step):
        raise ValueError(
            f"y holds {len(actual)} actual values, the rows to score are {len(rows.step)}; one "
            "for each is needed. Pass the values of the same rows."
        )
    require_few_blocks(model, rows)
    if rows.horizon > model.horizon:  # within the horizon, fit has looked for them
        warn_of_own_lags(model.panel, rows.horizon, stacklevel=stacklevel + 1)
    order = np.lexsort((rows.step, rows.series))
    rows, actual = rows.take(order), actual[order]
    columns = fold_columns(model, rows, actual, (), intervals)
    require_numbers(actual, columns[Y_HAT])
    return ScoredFold(rows, columns, order)


def weight_of_rows(form: Form, fold: ScoredFold, sample_weight: Any) -> Array | None:
    """Return the weight of each row that was given; of a wide frame a step has one for all."""
    if sample_weight is None:
        return None
    weight = as_array(sample_weight, "sample_weight").astype(np.float64).ravel()
    n_rows = len(fold.order)
    n_copies = int(fold.rows.series.max()) + 1 if form.kind == "wide" else 1
    if len(weight) * n_copies != n_rows:
        raise ValueError(
            f"sample_weight has {len(weight)} values, and {n_rows // n_copies} rows are scored; "
            "one for each row is needed. Pass an array of shape (n_rows,)."
        )
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"sample_weight is {weight[row]:g} in row {row} ({int(bad.sum())} row(s) are NaN, "
            "infinite or negative); a number of at least 0 is needed for each row. Give rows that "
            "should not count the weight 0."
        )
    return np.tile(weight, n_copies)
