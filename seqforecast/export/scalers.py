"""scikit-learn's scalers as one map per column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.validation import check_is_fitted

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnMap:
    """The map x -> clip((x - level) / scale, low, high) of each column.

    Parameters
    ----------
    level, scale : ndarray of shape (n_columns,)
        The affine part; the scale is above 0.
    low, high : ndarray of shape (n_columns,)
        The limits; infinite without any.
    """

    level: Array
    scale: Array
    low: Array = field(default_factory=lambda: np.array(-np.inf))
    high: Array = field(default_factory=lambda: np.array(np.inf))

    def then(self, after: ColumnMap) -> ColumnMap:
        """Return this map and another one after it, as one."""
        # A scale above 0 keeps the order: what was clipped before can be clipped afterwards.
        low, high = (
            np.clip((limit - after.level) / after.scale, after.low, after.high)
            for limit in (self.low, self.high)
        )
        return ColumnMap(self.level + after.level * self.scale, self.scale * after.scale, low, high)

    @property
    def clips(self) -> bool:
        """Whether there are limits."""
        return bool(np.isfinite(self.low).any())


def scaler_map(transformer: Any) -> ColumnMap | None:
    """Return what a fitted transformer does to each column; None for one that is none of these."""
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return _NOTHING
    known = _MAPS.get(type(transformer))
    if known is None:
        return None
    if type(transformer) is not Pipeline:  # which asks its last step, or none
        check_is_fitted(transformer)
    return known(transformer)


_NOTHING = ColumnMap(np.array(0.0), np.array(1.0))


def _chain(pipeline: Pipeline) -> ColumnMap | None:
    whole = _NOTHING
    for _, step in pipeline.steps:
        part = scaler_map(step)
        if part is None:
            return None
        whole = whole.then(part)
    return whole


def _standard(scaler: StandardScaler) -> ColumnMap:
    # It learns mean_ for scale_ alone, too: what it applies is told by its parameters.
    return ColumnMap(
        scaler.mean_ if scaler.with_mean else np.array(0.0),
        scaler.scale_ if scaler.with_std else np.array(1.0),
    )


def _min_max(scaler: MinMaxScaler) -> ColumnMap:
    low, high = scaler.feature_range
    level = scaler.data_min_ - low / scaler.scale_
    return _limited(scaler, ColumnMap(level, 1.0 / scaler.scale_), low, high)


def _max_abs(scaler: MaxAbsScaler) -> ColumnMap:
    return _limited(scaler, ColumnMap(np.array(0.0), scaler.scale_), -1.0, 1.0)


def _limited(scaler: Any, plain: ColumnMap, low: float, high: float) -> ColumnMap:
    if not getattr(scaler, "clip", False):  # MaxAbsScaler has no such parameter before 1.8
        return plain
    return ColumnMap(plain.level, plain.scale, np.array(float(low)), np.array(float(high)))


def _robust(scaler: RobustScaler) -> ColumnMap:
    return ColumnMap(
        scaler.center_ if scaler.with_centering else np.array(0.0),
        scaler.scale_ if scaler.with_scaling else np.array(1.0),
    )


def _function(transformer: FunctionTransformer) -> ColumnMap | None:
    own = transformer.func is not None or transformer.inverse_func is not None
    return None if own else _NOTHING


_MAPS: dict[type, Callable[[Any], ColumnMap | None]] = {
    StandardScaler: _standard,
    MinMaxScaler: _min_max,
    MaxAbsScaler: _max_abs,
    RobustScaler: _robust,
    FunctionTransformer: _function,
    Pipeline: _chain,
}
"""By the exact class: what a subclass does is not known."""
