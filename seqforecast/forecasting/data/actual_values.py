"""Actual values, in the order of the forecasts that they are compared with."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast.containers.arrays import as_array, float_values
from seqforecast.containers.frames import as_pandas
from seqforecast.forecasting.data.reading import Form, check_same_times

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
    name, actual = _given(X, y)
    forecast = as_pandas(forecast, "the forecast")
    if isinstance(actual, pd.DataFrame) and isinstance(forecast, pd.DataFrame):
        actual = _by_name(actual, forecast.columns, name)
    truth, values = _columns(actual, name), _columns(forecast, "the forecast")
    _require_shape(truth, values.shape, name)
    return truth, values


def actual_values(form: Form, ids: pd.Index, X: Any, y: Any) -> Floats:
    """Return the actual values of the rows that `rows_to_score` reads of `X`, in their order.

    Parameters
    ----------
    form : Form
        How the data of fit came in.
    ids : Index
        The series of the fit.
    X, y : Series, DataFrame or array-like
        As for `paired`; a long frame holds the actual values in its column of the target.
    """
    name, actual = _given(X, y)
    if form.kind == "long" and y is None:
        return _target(actual, form.columns[2])
    named = form.kind == "wide" and (form.labelled or form.library is not None)
    if named and y is not None:
        actual = _named_as(actual, as_pandas(X, "X"))
    if named and isinstance(actual, pd.DataFrame):
        actual = _by_name(actual, ids, name)
    truth = _columns(actual, name)
    _require_shape(truth, (len(truth), 1 if form.kind == "long" else len(ids)), name)
    return truth.T.ravel()


def _target(frame: pd.DataFrame, name: Hashable) -> Floats:
    """Return the actual values in a long frame."""
    if name not in frame:
        raise ValueError(
            f"The rows to score have no column {name!r}; the actual values are needed. Pass a "
            "frame with all columns of the fit."
        )
    return float_values(frame[name], f"The target {name!r}")


def require_rows(form: Form, X: Any, y: Any) -> None:
    """Refuse what holds no actual values."""
    if (X is None or isinstance(X, Number)) and (y is None or form.kind == "long"):
        raise ValueError(
            f"X is {X!r}; the rows that follow the fit are needed, with their actual values. Pass "
            "them in the form of the fit."
        )
    if y is None and form.kind == "xy":
        raise ValueError("y is None, and X holds features; the actual values are needed. Pass y.")


def require_other_values(known: Floats, actual: Floats) -> None:
    """Refuse the values of the fit where no times tell that they are those."""
    if np.array_equal(known, actual, equal_nan=True):
        raise ValueError(
            "The rows to score hold the values that the fit has seen; a score needs those that "
            "follow. In a search, pass return_train_score=False."
        )


def require_numbers(actual: Floats, forecast: Floats) -> None:
    """Raise if no actual value is known, or a known one is infinite or lacks a finite forecast."""
    known = ~np.isnan(actual)
    if not known.any():
        raise ValueError(
            "no actual value is known in the rows to score; at least one is needed. Take longer "
            "test parts (test_size of TimeSeriesSplit, horizon of PanelSplit), or drop the rows."
        )
    bad = np.count_nonzero(known & ~(np.isfinite(actual) & np.isfinite(forecast)))
    if bad:
        raise ValueError(
            f"{bad} of {np.count_nonzero(known)} known values are infinite, or their forecasts NaN "
            "or infinite; finite numbers are needed. Look at estimator.predict(X): a mean over "
            "the others would flatter the forecast."
        )


def _given(X: Any, y: Any) -> tuple[str, Any]:
    """Return the name of what holds the actual values, and these."""
    if y is not None:
        check_same_times(X, y)
        return "y", as_pandas(y, "y")
    return "X", as_pandas(X, "X")


def _named_as(y: Any, X: Any) -> Any:
    """Give an array of actual values the columns of X, whose order it has."""
    if isinstance(y, pd.DataFrame) or not isinstance(X, pd.DataFrame) or np.shape(y) != X.shape:
        return y
    return pd.DataFrame(np.asarray(y), columns=X.columns)


def _by_name(actual: pd.DataFrame, series: pd.Index, name: str) -> pd.DataFrame:
    """Return the columns of some series, in their order."""
    lacking = [column for column in series if column not in actual.columns]
    if lacking:
        raise ValueError(
            f"{name} lacks the columns {lacking!r}, which were forecast; actual values of each "
            "are needed. Pass all series of the fit, with NaN for what is missing."
        )
    return actual[series]


def _require_shape(truth: Floats, shape: tuple[int, ...], name: str) -> None:
    """Refuse actual values that are not one for each forecast."""
    if truth.shape != shape:
        raise ValueError(
            f"{name} has shape {truth.shape}, the forecast {shape}; the same is needed. Pass one "
            "actual value for each forecast."
        )


def _columns(values: Any, what: str) -> Floats:
    """Return numbers of shape (n, n_columns), missing ones as NaN."""
    array = np.atleast_1d(as_array(values, what).astype(np.float64))
    newest = array[:, -1] if array.ndim == 3 else array
    return newest.reshape(len(newest), -1)
