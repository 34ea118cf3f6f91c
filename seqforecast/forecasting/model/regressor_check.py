"""What a Forecaster cannot use for its regressor, and what to pass instead."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from sklearn.base import is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from seqforecast._shared.checks import check_quantiles, side_of_median
from seqforecast.forecasting.data.fold_columns import level_text
from seqforecast.forecasting.model.regressor_adapter import reads_windows


def check_regressor(regressor: Any, forecaster: type[Any]) -> None:
    """Raise if a regressor is none, or if it hides what flat rows are nothing for.

    Parameters
    ----------
    regressor : object
        The parameter of that name.
    forecaster : type
        The class of what is to use it, which reads series, and cannot be within another one.
    """
    # Some, as StackingRegressor, have no predict before they are fitted.
    if isinstance(regressor, type) or not (
        hasattr(regressor, "fit") and (hasattr(regressor, "predict") or is_regressor(regressor))
    ):
        raise TypeError(
            f"{regressor=} is no regressor; an object with fit and predict is needed. Pass "
            "for example regressor=LSTMRegressor()."
        )
    if is_classifier(regressor):
        raise TypeError(
            f"regressor is a classifier, {type(regressor).__name__}; a regressor is needed, "
            "which forecasts numbers. Pass for example regressor=Ridge()."
        )
    if isinstance(regressor, FrozenEstimator):
        name = type(regressor.estimator).__name__
        raise ValueError(
            f"regressor is a FrozenEstimator around {name}, which fit leaves as it is; one that "
            f"learns from the rows of the Forecaster is needed. Pass regressor={name}(...) itself."
        )
    if reads_windows(regressor):
        return
    for inner in estimators_within(regressor):
        if isinstance(inner, forecaster):
            _refuse(regressor, inner, "series", forecaster)
        if hasattr(inner, "__sklearn_tags__") and reads_windows(inner):
            _refuse(regressor, inner, "windows", forecaster)


def warn_if_one_sided(regressor: Any, *, stacklevel: int) -> None:
    """Warn of a network's quantiles that all lie on one side of the median, which is forecast.

    The network itself does so where a user fits it; here it would not point at the user's line,
    and would repeat itself with every fit within a fit.
    """
    if not (reads_windows(regressor) and getattr(regressor, "loss", None) == "quantile"):
        return
    check_quantiles(regressor.quantiles)
    levels = [float(level) for level in regressor.quantiles]
    side = side_of_median(levels)
    if side:
        both = {0.5, *levels, *(round(1.0 - level, 12) for level in levels)}
        widest = round(200 * max(both) - 100, 9)
        warnings.warn(
            f"quantiles={tuple(levels)} of the regressor lie {side} 0.5, but the forecast is the "
            "median whatever they are; quantiles are the ends of intervals, which need both. Set "
            f"regressor__quantiles={tuple(sorted(both))} and intervals='quantile': "
            f"predict(level={level_text(widest)}) then has them beside the median.",
            stacklevel=stacklevel + 1,
        )


def estimators_within(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and all others among its parameters, lists and grids included."""
    left, seen = deque([estimator]), {}
    while left:
        value = left.popleft()
        if isinstance(value, type) or id(value) in seen:
            continue
        seen[id(value)] = value  # kept: what is gone leaves its id to another object
        if isinstance(value, Mapping):
            left.extend(value.values())
        elif isinstance(value, list | tuple):
            left.extend(value)
        elif hasattr(value, "get_params"):
            yield value
            left.append(value.get_params(deep=False))


def _refuse(regressor: Any, inner: Any, needed: str, forecaster: type[Any]) -> None:
    """Say which estimator within a regressor needs something else than flat rows."""
    outer, name = type(regressor).__name__, type(inner).__name__
    given = outer if inner is regressor else f"{outer} around {name}"
    while isinstance(inner, forecaster):
        inner = inner.regressor
    raise ValueError(
        f"regressor is a {given}, which would be given flat rows; {needed} are needed. "
        f"{_cure(regressor, inner)}"
    )


def _cure(regressor: Any, inner: Any) -> str:
    """Say where the regressor that was found belongs."""
    name, params = type(inner).__name__, regressor.get_params(deep=False)
    if "cv" in params and {"param_grid", "param_distributions"} & set(params):
        searched = "regressor__hidden_size" if hasattr(inner, "hidden_size") else "window"
        return (
            f"Put the search around the Forecaster: GridSearchCV(Forecaster({name}(...)), "
            f"{{{searched!r}: [6, 12]}}, cv=TimeSeriesSplit())."
        )
    itself = f"Pass regressor={name}(...) itself"
    if isinstance(regressor, Pipeline | TransformedTargetRegressor):
        return f"{itself}: rows and targets are scaled already."
    return f"{itself}."
