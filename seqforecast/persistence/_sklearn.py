"""Kinds of scikit-learn's estimators: those that are their parameters and what they learnt."""

from __future__ import annotations

from typing import Any

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

from seqforecast.serialization.codec import Kind, Parts

__all__ = ["ESTIMATORS"]

_PRIVATE = {"_scaler", "_sklearn_output_config", "_training_dim"}
"""Of PowerTransformer, what `set_output` was told, and of TransformedTargetRegressor."""

_NOT_SAVED = {"_metadata_request", "_sklearn_version"}


def _is_learnt(cls: type, name: str) -> bool:
    """Tell whether a name is that of a fitted attribute, rather than of what the class can do."""
    own = name in _PRIVATE or (name.endswith("_") and not name.startswith("_"))
    return own and not hasattr(cls, name)


def _estimator(cls: type) -> Kind:
    """Return the kind of an estimator whose attributes are parameters and what it learnt."""

    def apart(estimator: Any) -> Parts:
        params = estimator.get_params(deep=False)
        others = {k: v for k, v in vars(estimator).items() if k not in (*params, *_NOT_SAVED)}
        for name in others:
            if not _is_learnt(cls, name):
                raise ValueError(f"{cls.__name__}.{name} is no parameter and nothing learnt")
        return {"params": params, "learnt": others}

    def together(parts: Parts) -> Any:
        learnt = parts["learnt"]
        estimator = cls(**parts["params"])
        for name in learnt:
            if not _is_learnt(cls, name):
                raise ValueError(f"{cls.__name__} learns no {name!r}")
        vars(estimator).update(learnt)
        if isinstance(estimator, Pipeline) and estimator.memory is not None:
            raise ValueError("a Pipeline has memory=, which would read pickles from a folder")
        return estimator

    return Kind(f"sklearn.{cls.__name__}", cls, apart, together)


def _pipeline_apart(pipeline: Any) -> Parts:
    if pipeline.memory is not None:
        raise ValueError("Pipeline.memory is set, which names a folder of this machine")
    return _estimator(Pipeline).apart(pipeline)


ESTIMATORS = (
    *(
        _estimator(cls)
        for cls in (
            *(FunctionTransformer, MaxAbsScaler, MinMaxScaler, PowerTransformer),
            *(QuantileTransformer, RobustScaler, StandardScaler),
            *(ElasticNet, Lasso, LinearRegression, Ridge),
            TransformedTargetRegressor,
        )
    ),
    Kind(f"sklearn.{Pipeline.__name__}", Pipeline, _pipeline_apart, _estimator(Pipeline).together),
)
"""Each was looked at: nothing in its attributes is executed. Adding one is a security review."""
