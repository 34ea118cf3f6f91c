"""Scorers that carry what the gradient does into the table of a search."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqforecast._shared.checks import check_integer
from seqforecast.diagnosis.measure import gradient_flow, recurrent_part


def effective_memory_scorer(estimator: Any, X: Any, y: Any = None) -> float:  # noqa: ARG001
    """Score a fitted estimator by how far back its gradient reaches, in steps.

    Use it beside a score of the forecasts, ``scoring={"mse": ..., "memory":
    effective_memory_scorer}, refit="mse"``: the table of the search then tells which candidate
    remembers, and whether that helped.

    Parameters
    ----------
    estimator : RNNRegressor, LSTMRegressor, GRURegressor, Pipeline or fitted search
        A fitted recurrent regressor, or what ends in one.
    X : array-like of shape (n_windows, window * n_channels) or (n_windows, window, n_channels)
        Windows to measure on.
    y : object, default=None
        Not looked at; a search passes it.

    Returns
    -------
    float
        Steps that hold 95 % of the gradient, in the first layer.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
    >>> from seqforecast import LSTMRegressor, effective_memory_scorer, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=24)
    >>> search = GridSearchCV(
    ...     LSTMRegressor(max_epochs=5, random_state=0),
    ...     {"forget_bias": [None, "chrono"]},
    ...     cv=TimeSeriesSplit(n_splits=2),
    ...     scoring={"mse": "neg_mean_squared_error", "memory": effective_memory_scorer},
    ...     refit="mse",
    ... ).fit(X, y)
    >>> short, long = search.cv_results_["mean_test_memory"]
    >>> bool(short < long)
    True
    """
    return float(gradient_flow(estimator, X).effective_memory[-1, 0])


def half_life_scorer(estimator: Any, X: Any, y: Any = None) -> float:  # noqa: ARG001
    """Score a fitted estimator by the steps over which its gradient halves.

    Use it where the decay is exponential; `effective_memory_scorer` holds for any curve.

    Parameters
    ----------
    estimator : RNNRegressor, LSTMRegressor, GRURegressor, Pipeline or fitted search
        A fitted recurrent regressor, or what ends in one.
    X : array-like of shape (n_windows, window * n_channels) or (n_windows, window, n_channels)
        Windows to measure on.
    y : object, default=None
        Not looked at; a search passes it.

    Returns
    -------
    float
        Steps, of the first layer; inf where the gradient does not decay.

    Examples
    --------
    >>> from seqforecast import LSTMRegressor, half_life_scorer, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=24)
    >>> model = LSTMRegressor(forget_bias=None, max_epochs=2, random_state=0).fit(X, y)
    >>> half_life_scorer(model, X) < 24
    True
    """
    return float(gradient_flow(estimator, X).half_life[-1, 0])


def clip_fraction_scorer(estimator: Any, X: Any = None, y: Any = None) -> float:  # noqa: ARG001
    """Score a fitted estimator by the share of its training steps that were clipped.

    Use it in a search over `gradient_clipping`.

    Parameters
    ----------
    estimator : RNNRegressor, LSTMRegressor, GRURegressor, Pipeline or fitted search
        A fitted recurrent regressor, or what ends in one.
    X : object, default=None
        Not looked at; a search passes it.
    y : object, default=None
        Not looked at; a search passes it.

    Returns
    -------
    float
        Mean of ``history_["clip_fraction"]`` over the epochs, in [0, 1].

    Examples
    --------
    >>> from seqforecast import LSTMRegressor, clip_fraction_scorer, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=24)
    >>> model = LSTMRegressor(gradient_clipping=1e-6, max_epochs=2, random_state=0).fit(X, y)
    >>> clip_fraction_scorer(model)
    1.0
    """
    regressor, _ = recurrent_part(estimator)
    return float(regressor.history_["clip_fraction"].mean())


class lag_sensitivity_scorer:
    """Score a fitted estimator by how much its forecast moves with one past step.

    Use it to see which candidate of a search uses, say, the value one season back.

    Parameters
    ----------
    lag : int
        Steps before the last one of the window; the value one season before the forecast of the
        next step has lag season - 1.

    Examples
    --------
    >>> from seqforecast import LSTMRegressor, lag_sensitivity_scorer, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=24)
    >>> model = LSTMRegressor(max_epochs=20, random_state=0).fit(X, y)
    >>> lag_sensitivity_scorer(0)(model, X) > lag_sensitivity_scorer(20)(model, X)
    True
    """

    def __init__(self, lag: int) -> None:
        check_integer("lag", lag, minimum=0)
        self.lag = lag

    def __repr__(self) -> str:
        return f"lag_sensitivity_scorer({self.lag})"

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Return the mean absolute derivative by the inputs at the lag, summed over channels."""
        by_lag = gradient_flow(estimator, X).input_sensitivity.sum(axis=2).mean(axis=0)
        if self.lag >= len(by_lag):
            raise ValueError(
                f"lag={self.lag}, but the windows have {len(by_lag)} steps; a lag from 0 to "
                f"{len(by_lag) - 1} is needed. Lengthen the windows or lower lag."
            )
        return float(np.asarray(by_lag)[self.lag])
