"""Kinds of scikit-learn's estimators: those that are their parameters and what they learnt."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from seqforecast.lag_order import OldestFirst
from seqforecast.persistence.format.codec import Kind, Parts
from seqforecast.persistence.format.fields import Each, Numbers, Table, holds, shown

_PRIVATE = {
    "_scaler": StandardScaler,  # of PowerTransformer
    "_sklearn_output_config": Table(str, (str, None)),  # what `set_output` was told
    "_training_dim": int,  # of TransformedTargetRegressor
}
_FLOATS = Numbers("f", 1)
_LEARNT = {
    **_PRIVATE,
    "n_features_in_": Integral,
    "feature_names_in_": Numbers("O", 1),
    "n_samples_seen_": (Real, Numbers("iuf", 1)),
    **dict.fromkeys(("mean_", "var_", "scale_", "center_"), (None, _FLOATS)),
    **dict.fromkeys(("min_", "data_min_", "data_max_", "data_range_", "max_abs_"), _FLOATS),
    **dict.fromkeys(("lambdas_", "references_"), _FLOATS),
    "quantiles_": Numbers("f", 2),
    "n_quantiles_": Integral,
    "columns_": Numbers("i", 1),  # of OldestFirst
    "coef_": (_FLOATS, Numbers("f", 2)),
    "intercept_": (Real, _FLOATS),
    "regressor_": BaseEstimator,
    "transformer_": BaseEstimator,
}
"""What fitted attributes hold; of those that are not here, anything that can be saved."""

_SWITCHES: dict[type, dict[str, str]] = {
    StandardScaler: {"mean_": "with_mean", "scale_": "with_std"},
    RobustScaler: {"center_": "with_centering", "scale_": "with_scaling"},
    PowerTransformer: {"_scaler": "standardize"},
}
"""The parameters without which a fitted attribute is not used."""

_NEEDED: dict[type, tuple[str, ...]] = {
    MinMaxScaler: ("min_", "scale_", "data_min_", "data_max_"),
    MaxAbsScaler: ("scale_",),
    PowerTransformer: ("lambdas_",),
    OldestFirst: ("columns_", "n_features_in_"),
    QuantileTransformer: ("quantiles_", "references_", "n_quantiles_"),
    TransformedTargetRegressor: ("regressor_", "transformer_", "_training_dim"),
    **dict.fromkeys((ElasticNet, Lasso, LinearRegression, Ridge), ("coef_", "intercept_")),
}
"""Without which a fitted estimator can do nothing."""

_NOT_SAVED = {"_metadata_request", "_sklearn_version"}

_STEP = (BaseEstimator, str, None)


def _is_learnt(cls: type, name: str) -> bool:
    """Tell whether a name is that of a fitted attribute, rather than of what the class can do."""
    own = name in _PRIVATE or (name.endswith("_") and not name.startswith("_"))
    return own and not hasattr(cls, name)


def _estimator(cls: type) -> Kind:
    """Return the kind of an estimator whose attributes are parameters and what it learnt."""

    def apart(estimator: Any) -> Parts:
        params = estimator.get_params(deep=False)
        made = (*vars(cls(**params)), *_NOT_SAVED)  # some set more than their parameters
        others = {name: value for name, value in vars(estimator).items() if name not in made}
        for name in others:
            if not _is_learnt(cls, name):
                raise ValueError(f"{cls.__name__}.{name} is no parameter and nothing learnt")
        return {"params": params, "learnt": others}

    def together(parts: Parts) -> Any:
        learnt = parts["learnt"]
        estimator = cls(**parts["params"])
        for name in learnt:
            if not _is_learnt(cls, name):
                raise ValueError(f"a {cls.__name__} learns no {shown(name)}")
            if not holds(_LEARNT.get(name, object), learnt[name]):
                raise ValueError(f"{name} of a {cls.__name__} is {shown(learnt[name])}")
        if set(learnt) - {"_sklearn_output_config"}:
            _check_fitted(estimator, learnt)
        vars(estimator).update(learnt)
        return estimator

    return Kind(f"sklearn.{cls.__name__}", cls, apart, together)


def _check_fitted(estimator: Any, learnt: Parts) -> None:
    """Raise if something is missing without which the estimator would fail later."""
    switches = _SWITCHES.get(type(estimator), {})
    used = {name for name, switch in switches.items() if getattr(estimator, switch)}
    needed = used.union(_NEEDED.get(type(estimator), ()))
    lacking = sorted(name for name in needed if learnt.get(name) is None)
    if lacking:
        raise ValueError(f"a fitted {type(estimator).__name__} lacks {lacking}")


def _pipeline() -> Kind:
    kind = _estimator(Pipeline)

    def apart(pipeline: Any) -> Parts:
        if pipeline.memory is not None:
            raise ValueError("Pipeline.memory is set, which names a folder of this machine")
        return kind.apart(pipeline)

    def together(parts: Parts) -> Any:
        pipeline = kind.together(parts)
        if pipeline.memory is not None:
            raise ValueError("a Pipeline has memory=, which would read pickles from a folder")
        steps = pipeline.steps
        if not holds((Each(list, tuple), Each(tuple, tuple)), steps) or not all(
            len(step) == 2 and holds(str, step[0]) and holds(_STEP, step[1]) for step in steps
        ):
            raise ValueError("the steps of a Pipeline are no list of names and estimators")
        return pipeline

    return Kind(kind.name, Pipeline, apart, together)


ESTIMATORS = (
    *(
        _estimator(cls)
        for cls in (
            *(FunctionTransformer, MaxAbsScaler, MinMaxScaler, PowerTransformer),
            *(QuantileTransformer, RobustScaler, StandardScaler),
            OldestFirst,
            *(ElasticNet, Lasso, LinearRegression, Ridge),
            TransformedTargetRegressor,
        )
    ),
    _pipeline(),
)
"""Each was looked at: nothing in its attributes is executed. Adding one is a security review."""
