"""Actual values and their forecasts, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast.containers.arrays import as_array
from seqforecast.containers.frames import as_pandas

Floats = NDArray[np.float64]


def paired(actual: Any, forecast: Any) -> tuple[Floats, Floats]:
    """Return actual values and forecasts, both of shape (n, n_columns).

    Parameters
    ----------
    actual : Series, DataFrame or array-like
        Row by row as the forecasts; the columns of two frames are matched by name. Of targets at
        every step the last one is taken, which is what is forecast. NaN where it is missing.
    forecast : Series, DataFrame or array-like
        What an estimator predicts.
    """
    actual, forecast = as_pandas(actual, "y"), as_pandas(forecast, "the forecast")
    if isinstance(actual, pd.DataFrame) and isinstance(forecast, pd.DataFrame):
        lacking = [name for name in forecast.columns if name not in actual.columns]
        if lacking:
            raise ValueError(
                f"the actual values lack the columns {lacking!r}, which were forecast; a column "
                "each is needed. Pass all series of the fit, with NaN for what is missing."
            )
        actual = actual[forecast.columns]
    truth, values = _columns(actual, "the actual values"), _columns(forecast, "the forecast")
    if truth.shape != values.shape:
        raise ValueError(
            f"the actual values have shape {truth.shape}, their forecasts {values.shape}; the same "
            "is needed. Pass one actual value for each forecast."
        )
    return truth, values


def _columns(values: Any, what: str) -> Floats:
    """Return numbers of shape (n, n_columns), missing ones as NaN."""
    array = as_array(values, what).astype(np.float64)
    newest = array[:, -1] if array.ndim == 3 else array
    return newest.reshape(len(newest), -1)
