"""What a report is about: the forecaster and the recurrent regressor within an estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from seqforecast.diagnosis.measure import recurrent_part
from seqforecast.forecasting import Forecaster
from seqforecast.regressors.base import RecurrentRegressor


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Parameters
    ----------
    whole : estimator
        As it was given.
    forecaster : Forecaster or None
        The fitted forecaster in it; None where it ends in a regressor.
    network : RecurrentRegressor or None
        The fitted recurrent regressor.
    X : object
        Data as the forecaster, or the whole of a regressor, takes them.
    y : object
        Targets.
    """

    whole: Any
    forecaster: Forecaster | None
    network: RecurrentRegressor | None
    X: Any
    y: Any

    @property
    def core(self) -> Any:
        """The estimator whose parameters matter: the forecaster, or the best one of a search."""
        return self.forecaster if self.forecaster is not None else _best(self.whole)

    @property
    def name(self) -> str:
        """What it is called."""
        if self.forecaster is None:
            return type(self.network).__name__
        return f"Forecaster of {type(_innermost(self.forecaster.regressor)).__name__}"


def subject_of(estimator: Any, X: Any, y: Any) -> Subject:
    """Find what a report is about; raise if it is not fitted, or nothing of this package."""
    found, X_inner = estimator, X
    while not isinstance(found, Forecaster):
        inner, X_inner = _inner(found, X_inner)
        if inner is None:
            network, _ = recurrent_part(estimator)
            return Subject(estimator, None, network, X, y)
        found = inner
    check_is_fitted(found)
    return Subject(estimator, found, _network_of(found), X_inner, y)


def _inner(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return what a fitted search or a Pipeline ends in; None where it is neither."""
    if isinstance(estimator, type):
        return None, X
    if isinstance(estimator, Pipeline) and len(estimator):
        last = estimator[-1]
        if X is not None and len(estimator) > 1 and _holds_forecaster(last):
            check_is_fitted(estimator)
            X = estimator[:-1].transform(X)
        return last, X
    return getattr(estimator, "best_estimator_", None), X


def _holds_forecaster(estimator: Any) -> bool:
    return isinstance(estimator, Forecaster) or isinstance(
        getattr(estimator, "best_estimator_", None), Forecaster
    )


def _network_of(forecaster: Forecaster) -> RecurrentRegressor | None:
    try:
        return recurrent_part(forecaster)[0]
    except TypeError:  # any other regressor: there is no gradient through time
        return None


def _best(estimator: Any) -> Any:
    return getattr(estimator, "best_estimator_", estimator)


def _innermost(regressor: Any) -> Any:
    """Return the regressor in a Pipeline or in what wraps one."""
    while True:
        if isinstance(regressor, Pipeline):
            regressor = regressor[-1]
        elif getattr(regressor, "regressor", None) is not None:
            regressor = regressor.regressor
        elif getattr(regressor, "estimator", None) is not None:
            regressor = regressor.estimator
        else:
            return regressor
