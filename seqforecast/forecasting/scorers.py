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
from seqforecast.forecasting.evaluation import POINT_ERRORS, PointError, evaluate
from seqforecast.forecasting.forecaster import Forecaster


class forecast_scorer:
    """Score a fitted estimator by the error of its forecasts.

    Use it as `scoring` of `GridSearchCV` or `cross_val_score` where the scorers of scikit-learn
    give NaN or fail: on a long frame of many series, cut by `PanelSplit`; on a series with missing
    values; on a wide frame of several series; and on windows with targets at every step. It takes
    a `Forecaster`, and any regressor, Pipeline or `TransformedTargetRegressor`.

    Parameters
    ----------
    metric : {"mae", "rmse", "smape", "mase", "rmsse"}
        The error, as in `evaluate`. The last two are divided by the error of the seasonal naive
        forecast in the known part, which a `Forecaster` knows, alone or at the end of a Pipeline.

    See Also
    --------
    PanelSplit : Folds of a long frame.
    evaluate : Errors of a backtest, by series, step or cutoff.

    Notes
    -----
    The scorer is called with a fitted estimator, `X` and `y`, and returns the negative error, so
    that greater is better. Where `y` is None, `X` holds the actual values, as in
    ``Forecaster.score``. A step without an actual value does not count. The error is computed for
    each series, or each output, and averaged over those that have a known value, each counting
    once: of a `Forecaster` it is what ``evaluate(backtest(..., n_folds=1))`` gives, bit for bit.
    Of targets at every step the last one counts, which is what ``predict`` forecasts. It raises a
    `ValueError` if no actual value is known, if a forecast of a known one is NaN or infinite, if
    no series has a scaled error, or if the rows do not follow the fit.

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
        check_word("metric", metric, POINT_ERRORS)
        self.metric = metric

    def __repr__(self) -> str:
        return f"forecast_scorer({self.metric!r})"

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Return the negative error of the forecasts of `X`."""
        searched = getattr(estimator, "best_estimator_", estimator)
        last = searched[-1] if isinstance(searched, Pipeline) else searched
        if not isinstance(last, Forecaster):
            error = self._error_of_windows(estimator, X, y)
        else:
            if y is not None:  # a transformer may drop the times
                check_same_times(X, y)
            error = self._error_of_fold(last, _transformed(searched, X), y)
        if np.isnan(error):
            zeros = "the known part never changes" if self._error.scale else "values are 0, as told"
            raise ValueError(
                f"{self.metric} is 0 divided by 0 for each series, where {zeros}; another error "
                "is needed. Pass forecast_scorer('mae')."
            )
        return -error

    def _error_of_fold(self, forecaster: Forecaster, X: Any, y: Any) -> float:
        """Return the mean over series of the error of a forecaster."""
        fold = forecaster._scored_fold(X, y, stacklevel=3)
        places = {COLUMNS[0]: fold.rows.series, CUTOFF: 0, STEP: fold.rows.step}
        frame = pd.DataFrame(places | fold.columns)
        return float(evaluate(frame, self.metric, columns=COLUMNS)[Y_HAT].item())

    def _error_of_windows(self, estimator: Any, X: Any, y: Any) -> float:
        """Return the mean over outputs of the error of a regressor."""
        kind = type(getattr(estimator, "best_estimator_", estimator)).__name__
        if y is None:
            raise ValueError(
                f"y is None, but the estimator is a {kind}; the actual values are needed, which X "
                "holds for a Forecaster alone. Pass y."
            )
        if self._error.scale is not None:
            raise ValueError(
                f"metric={self.metric!r} is in units of the known series, but the estimator is a "
                f"{kind}, which knows windows only; a Forecaster is needed. Pass 'mae', 'rmse' or "
                "'smape'."
            )
        actual, forecast = paired(X, y, estimator.predict(X))
        require_numbers(actual, forecast)
        errors = _means(self._error.loss(actual, forecast))
        return float(_means(np.sqrt(errors) if self._error.root else errors))

    @property
    def _error(self) -> PointError:
        return POINT_ERRORS[self.metric]


def _transformed(searched: Any, X: Any) -> Any:
    """Return what the last step of a Pipeline is given; of any other estimator X."""
    steps = searched.steps[:-1] if isinstance(searched, Pipeline) else []
    for _, step in steps:
        if step not in (None, "passthrough"):
            X = step.transform(X)
    return X


def _means(values: Floats) -> Any:
    """Return the mean along the first axis, NaN left out; NaN where none is left."""
    known = ~np.isnan(values)
    sums = np.where(known, values, 0.0).sum(axis=0)
    counts = known.sum(axis=0)
    return np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=counts > 0)
