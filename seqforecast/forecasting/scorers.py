"""Scorers of forecasts, for the parameter `scoring` of a search."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from seqforecast._shared.checks import check_word
from seqforecast.forecasting.data.pairs import Floats, paired
from seqforecast.forecasting.forecaster import Forecaster
from seqforecast.metrics.losses import absolute_error, percentage_error, squared_error

_LOSSES = {"mae": absolute_error, "rmse": squared_error, "smape": percentage_error}


class forecast_scorer:
    """Score a fitted estimator by the error of its forecasts, where some values are missing.

    Use it as `scoring` of `GridSearchCV` or `cross_val_score` where the scorers of scikit-learn
    give NaN or fail: on a series with missing values, on a wide frame of several series, and on
    windows with targets at every step. It takes a `Forecaster`, and any regressor, Pipeline or
    `TransformedTargetRegressor`.

    Parameters
    ----------
    metric : {"mae", "rmse", "smape"}
        The error, as in `seqforecast.metrics`.

    See Also
    --------
    evaluate : Errors of a backtest, for many series in a long frame.

    Notes
    -----
    The scorer is called with a fitted estimator, `X` and `y`, and returns the negative error, so
    that greater is better. Where `y` is None, `X` holds the actual values, as in
    ``Forecaster.score``. A step without an actual value does not count. The error is computed for
    each column, that is for each series of a wide frame or each output, and averaged over the
    columns that have a known value, each counting once. Of targets at every step the last one
    counts, which is what ``predict`` forecasts. It raises a `ValueError` if no actual value is
    known, if a forecast of a known one is NaN or infinite, or if the frame is long.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import TimeSeriesSplit, cross_val_score
    >>> from seqforecast import Forecaster, forecast_scorer
    >>> from seqforecast.datasets import load_airline
    >>> passengers = load_airline()
    >>> passengers.iloc[::9] = np.nan
    >>> scores = cross_val_score(
    ...     Forecaster(Ridge(), window=12, horizon=12),
    ...     passengers,
    ...     cv=TimeSeriesSplit(n_splits=2, test_size=12),
    ...     scoring=forecast_scorer("mae"),
    ... )
    >>> bool((-50 < scores).all() and (scores < 0).all())
    True
    """

    def __init__(self, metric: str) -> None:
        check_word("metric", metric, _LOSSES)
        self.metric = metric

    def __repr__(self) -> str:
        return f"forecast_scorer({self.metric!r})"

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Return the negative error of the forecasts of `X`."""
        _check_form(estimator, y)
        actual, forecast = paired(X, y, estimator.predict(X))
        known = ~np.isnan(actual)
        _require_numbers(actual[known], forecast[known])
        losses = _LOSSES[self.metric](actual, forecast)
        errors = _means(losses)
        return -float(_means(np.sqrt(errors) if self.metric == "rmse" else errors))


def _check_form(estimator: Any, y: Any) -> None:
    """Raise if the actual values are not where they are looked for."""
    searched = getattr(estimator, "best_estimator_", estimator)
    if y is None and not isinstance(searched, Forecaster):
        raise ValueError(
            f"y is None, but the estimator is a {type(searched).__name__}; the actual values are "
            "needed, which X holds for a Forecaster alone. Pass y."
        )
    last = searched[-1] if isinstance(searched, Pipeline) else searched
    if isinstance(last, Forecaster):
        last._refuse_long()


def _require_numbers(actual: Floats, forecast: Floats) -> None:
    """Raise if there is no known value, or one without a finite forecast."""
    if not len(actual):
        raise ValueError(
            "no actual value is known in the rows to score; at least one is needed. Take longer "
            "test parts, for example TimeSeriesSplit(test_size=24), or drop the rows."
        )
    bad = np.count_nonzero(~np.isfinite(actual) | ~np.isfinite(forecast))
    if bad:
        raise ValueError(
            f"{bad} of {len(actual)} known values are infinite, or their forecasts NaN or "
            "infinite; finite numbers are needed. Look at estimator.predict(X): a mean over the "
            "others would flatter the forecast."
        )


def _means(values: Floats) -> Any:
    """Return the mean along the first axis, NaN left out; NaN where none is left."""
    known = ~np.isnan(values)
    sums = np.where(known, values, 0.0).sum(axis=0)
    counts = known.sum(axis=0)
    return np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=counts > 0)
