"""Scorers of forecasts, for the parameter `scoring` of a search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from seqforecast._shared.checks import check_word
from seqforecast.forecasting.data.actual_values import Floats, paired, require_numbers
from seqforecast.forecasting.data.columns import COLUMNS
from seqforecast.forecasting.data.fold_columns import CUTOFF, STEP, Y_HAT
from seqforecast.forecasting.data.reading import check_same_times
from seqforecast.forecasting.evaluation import POINT_METRICS, Metric, evaluate
from seqforecast.forecasting.forecaster import Forecaster


class forecast_scorer:
    """Score a fitted estimator by the error of its forecasts.

    Use it as `scoring` of `GridSearchCV` or `cross_val_score` where the scorers of scikit-learn
    give NaN or fail: on a long frame of many series, cut by `PanelSplit`; on a series with missing
    values; on a wide frame of several series; and on windows with targets at every step. It takes
    a `Forecaster`, and any regressor, Pipeline or `TransformedTargetRegressor`.

    Parameters
    ----------
    metric : {"mae", "rmse", "smape", "mase", "rmsse"} or callable
        The error, as in `evaluate`; of a function ``f(y_true, y_pred)`` lower is better, too.
        "mase" and "rmsse" are scaled by the in-sample error of the seasonal naive forecast, and
        need a `Forecaster`, alone or as the last step of a Pipeline.

    See Also
    --------
    PanelSplit : Folds of a long frame.
    evaluate : Errors of a backtest, by series, step or cutoff.

    Notes
    -----
    The scorer is called with a fitted estimator, `X` and `y`, and returns the negative error, so
    that greater is better. Where `y` is None, `X` holds the actual values, as in
    ``Forecaster.score``. A step without an actual value does not count. The error is computed for
    each series, or each output, and averaged over those that have one, each counting once: of a
    `Forecaster` it is what ``evaluate(backtest(..., n_folds=1))`` gives, bit for bit. A series
    whose known part never changes has no scaled error. Of targets at every step the last one
    counts, which is what ``predict`` forecasts. It raises a `ValueError` if no actual value is
    known, if a forecast of a known one is NaN or infinite, if no series has the error, if the rows
    do not follow the fit, or if a step of a Pipeline changes the target within `X`.

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

    def __init__(self, metric: Metric) -> None:
        if not callable(metric):
            check_word("metric", metric, POINT_METRICS, other="a function")
        self.metric = metric

    def __repr__(self) -> str:
        name = self._name if callable(self.metric) else repr(self.metric)
        return f"forecast_scorer({name})"

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Return the negative error of the forecasts of `X`."""
        layers = _layers(estimator)
        last = layers[-1]
        if not isinstance(last, Forecaster):
            return self._negative(self._error_of_windows(estimator, type(last).__name__, X, y))
        X_last = _transformed(layers, X)
        if X_last is not X:
            _check_transformed(last, X, X_last, y)
        return self._negative(self._error_of_fold(last, X_last, y))

    def _negative(self, error: float) -> float:
        if np.isnan(error):
            raise ValueError(
                f"{self._name} has no value for any series: mase and rmsse need a known part that "
                "changes, smape an actual value or a forecast other than 0. Pass "
                "forecast_scorer('mae')."
            )
        return -error

    def _error_of_fold(self, forecaster: Forecaster, X: Any, y: Any) -> float:
        """Return the mean over series of the error of a forecaster."""
        fold = forecaster._scored_fold(X, y, stacklevel=3)
        places = {COLUMNS[0]: fold.rows.series, CUTOFF: 0, STEP: fold.rows.step}
        frame = pd.DataFrame(places | fold.columns)
        return float(evaluate(frame, self.metric, columns=COLUMNS)[Y_HAT].item())

    def _error_of_windows(self, estimator: Any, kind: str, X: Any, y: Any) -> float:
        """Return the mean over outputs of the error of a regressor."""
        if y is None:
            raise ValueError(
                f"y is None, but the estimator is a {kind}; the actual values are needed, which X "
                "holds for a Forecaster alone. Pass y."
            )
        error = None if callable(self.metric) else POINT_METRICS[self.metric]
        if error is not None and error.scale is not None:
            raise ValueError(
                f"metric={self.metric!r} is in units of the known series, but the estimator is a "
                f"{kind}, which knows windows only; a Forecaster is needed. Pass 'mae', 'rmse' or "
                "'smape'."
            )
        actual, forecast = paired(X, y, estimator.predict(X))
        require_numbers(actual, forecast)
        if error is None:
            errors = _of_columns(self.metric, actual, forecast)
        else:
            errors = _means(error.loss(actual, forecast))
            errors = np.sqrt(errors) if error.root else errors
        return float(_means(errors))

    @property
    def _name(self) -> str:
        return getattr(self.metric, "__name__", str(self.metric))


def _of_columns(metric: Any, actual: Floats, forecast: Floats) -> Floats:
    """Return what a function makes of the known values of each column that has any."""
    known = ~np.isnan(actual)
    columns = np.flatnonzero(known.any(axis=0))
    return np.array([metric(actual[known[:, k], k], forecast[known[:, k], k]) for k in columns])


def _layers(estimator: Any) -> list[Any]:
    """Return an estimator, and what searches and Pipelines hold last, from the outside in."""
    if hasattr(estimator, "best_estimator_"):
        return [estimator, *_layers(estimator.best_estimator_)]
    if isinstance(estimator, Pipeline):
        return [estimator, *_layers(estimator[-1])]
    return [estimator]


def _transformed(layers: list[Any], X: Any) -> Any:
    """Return what the last of some layers is given for X."""
    for pipeline in layers:
        for _, step in pipeline.steps[:-1] if isinstance(pipeline, Pipeline) else ():
            if step not in (None, "passthrough"):
                X = step.transform(X)
    return X


def _check_transformed(forecaster: Forecaster, X: Any, X_last: Any, y: Any) -> None:
    """Refuse steps of a Pipeline that change the target: the error would be in other units."""
    if y is not None:  # what they return may have no times to compare
        check_same_times(X, y)
        return
    before, after = (forecaster._actual_values(rows) for rows in (X, X_last))
    if not np.array_equal(before, after, equal_nan=True):
        raise ValueError(
            "A step of the Pipeline changes the target, or drops rows; forecasts and errors would "
            "be in its units. Let it leave the target and the rows alone, and pass transform= to "
            "the Forecaster."
        )


def _means(values: Floats) -> Any:
    """Return the mean along the first axis, NaN left out; NaN where none is left."""
    known = ~np.isnan(values)
    sums = np.where(known, values, 0.0).sum(axis=0)
    counts = known.sum(axis=0)
    return np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=counts > 0)
