"""Whether the parameters of a Forecaster can be used."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from seqforecast._checks import check_integer, check_number, check_word
from seqforecast.forecasting.baseline import BASELINES
from seqforecast.forecasting.intervals import INTERVALS, require_quantiles
from seqforecast.forecasting.regression import reads_windows

__all__ = ["check_parameters", "most_fits"]


def check_parameters(forecaster: Any) -> None:
    """Raise if a parameter of a Forecaster cannot be used."""
    regressor = forecaster.regressor
    if isinstance(regressor, type) or not (
        hasattr(regressor, "fit") and hasattr(regressor, "predict")
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
    last = regressor[-1] if isinstance(regressor, Pipeline) else regressor
    if reads_windows(last) and not reads_windows(regressor):
        raise ValueError(
            f"regressor is a Pipeline around {type(last).__name__}, which would be given flat "
            f"rows; windows are needed. Pass regressor={type(last).__name__}(...) itself: the "
            "rows are scaled already."
        )
    if not (isinstance(forecaster.window, str) and forecaster.window == "auto"):
        check_integer("window", forecaster.window)
    check_integer("horizon", forecaster.horizon)
    check_word("baseline", forecaster.baseline, BASELINES)
    check_word("intervals", forecaster.intervals, INTERVALS)
    if isinstance(forecaster.regressor_weight, str):
        check_word("regressor_weight", forecaster.regressor_weight, ["auto"], other="0 to 1")
    else:
        check_number(
            "regressor_weight", forecaster.regressor_weight, low=0, high=1, closed_high=True
        )
    if forecaster.intervals == "quantile":
        require_quantiles(regressor)


def most_fits(forecaster: Any) -> int | None:
    """Return how often a fit fits the regressor at most, before any data are known.

    None where it may need a copy for each step of the horizon.
    """
    if not reads_windows(forecaster.regressor):
        return None
    without_newest = forecaster.regressor_weight == "auto" or forecaster.intervals == "conformal"
    return 2 if without_newest else 1
