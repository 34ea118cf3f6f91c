"""A fold: forecasts from one cutoff, the actual values and the seasonal naive beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqforecast.forecasting.arrays.ragged import fill_missing
from seqforecast.forecasting.arrays.series_scaling import mean_change
from seqforecast.forecasting.data.fold_columns import MASE_SCALE, NAIVE, RMSSE_SCALE
from seqforecast.forecasting.data.panel import FutureRows, Panel
from seqforecast.forecasting.model.intervals import Intervals, forecast_columns
from seqforecast.forecasting.model.series_model import SeriesModel

Array = NDArray[np.float64]


def fold_columns(
    model: SeriesModel,
    rows: FutureRows,
    actual: Array,
    levels: Sequence[float],
    intervals: Intervals,
) -> dict[str, Array]:
    """Return what `evaluate` reads, one value for each row, by the name of its column.

    Parameters
    ----------
    model : SeriesModel
        Fitted; it knows the series up to the cutoff.
    rows : FutureRows
        What is forecast.
    actual : ndarray of shape (n_rows,)
        The actual values; NaN where they are missing.
    levels : sequence of float
        Coverage of the intervals in percent.
    intervals : Intervals
        How their ends are found.
    """
    forecasts = forecast_columns(model, rows, levels, intervals)
    return {"y": actual, **forecasts, **_naive(model.panel, rows, model.lookback.seasons[0])}


def _naive(known: Panel, rows: FutureRows, season: int) -> dict[str, Array]:
    """Return the seasonal naive forecast, and the errors that it makes in the known part."""
    filled = fill_missing(known.values, known.offsets, season)
    length = known.lengths[rows.series]
    back = np.where(length >= season, season, 1)
    newest = known.offsets[rows.series] + length
    return {
        NAIVE: filled[newest - back + (rows.step - 1) % back],
        MASE_SCALE: _scale(known, season, 1)[rows.series],
        RMSSE_SCALE: np.sqrt(_scale(known, season, 2))[rows.series],
    }


def _scale(known: Panel, season: int, power: int) -> Array:
    seasonal = mean_change(known.values, known.offsets, season, power=power)
    stepwise = mean_change(known.values, known.offsets, 1, power=power)
    return np.where(known.lengths > season, seasonal, stepwise)
