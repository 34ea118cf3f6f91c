"""Actual values and their forecasts, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast.containers.arrays import as_array
from seqforecast.containers.frames import as_pandas
from seqforecast.forecasting.data.reading import check_same_times

Floats = NDArray[np.float64]


def paired(X: Any, y: Any, forecast: Any) -> tuple[Floats, Floats]:
    """Return actual values and forecasts, both of shape (n, n_columns).

    Parameters
    ----------
    X, y : Series, DataFrame or array-like
        The actual values are `y`, or `X` where that is None: row by row as the forecasts, NaN
        where one is missing. The columns of two frames are matched by name. Of targets at every
        step the last one is taken, which is what is forecast.
    forecast : Series, DataFrame or array-like
        What an estimator predicts.
    """
    if y is not None:
        check_same_times(X, y)
    name, actual = ("X", X) if y is None else ("y", y)
    actual, forecast = as_pandas(actual, name), as_pandas(forecast, "the forecast")
    if isinstance(actual, pd.DataFrame) and isinstance(forecast, pd.DataFrame):
        lacking = [column for column in forecast.columns if column not in actual.columns]
        if lacking:
            raise ValueError(
                f"{name} lacks the columns {lacking!r}, which were forecast; actual values of each "
                "are needed. Pass all series of the fit, with NaN for what is missing."
            )
        actual = actual[forecast.columns]
    truth, values = _columns(actual, name), _columns(forecast, "the forecast")
    if truth.shape != values.shape:
        raise ValueError(
            f"{name} has shape {truth.shape}, the forecast {values.shape}; the same is needed. "
            "Pass one actual value for each forecast."
        )
    return truth, values


def _columns(values: Any, what: str) -> Floats:
    """Return numbers of shape (n, n_columns), missing ones as NaN."""
    array = as_array(values, what).astype(np.float64)
    newest = array[:, -1] if array.ndim == 3 else array
    return newest.reshape(len(newest), -1)
