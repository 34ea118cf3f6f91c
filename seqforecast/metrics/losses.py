"""The loss of each single value: what the metrics and the table of a backtest both average."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def absolute_error(y_true: Floats, y_pred: Floats) -> Floats:
    """Return |y - f|."""
    return np.abs(y_true - y_pred)


def squared_error(y_true: Floats, y_pred: Floats) -> Floats:
    """Return (y - f)^2."""
    return np.square(y_true - y_pred)


def percentage_error(y_true: Floats, y_pred: Floats) -> Floats:
    """Return 200 |y - f| / (|y| + |f|), in percent; NaN where both are 0."""
    size = np.abs(y_true) + np.abs(y_pred)
    share = np.full(size.shape, np.nan)
    np.divide(np.abs(y_true - y_pred), size, out=share, where=size > 0)
    return 200 * share


def quantile_loss(y_true: Floats, y_pred: Floats, quantile: float) -> Floats:
    """Return q (y - f) where the value is above its forecast, (1 - q) (f - y) where below."""
    error = y_true - y_pred
    return np.maximum(quantile * error, (quantile - 1) * error)


def is_inside(y_true: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return 1 where the value is within its interval, ends included, and 0 elsewhere."""
    return ((lower <= y_true) & (y_true <= upper)).astype(np.float64)


def interval_score(y_true: Floats, lower: Floats, upper: Floats, level: float) -> Floats:
    """Return the width, and what the value lies outside times 2 / alpha, alpha = 1 - level/100."""
    outside = np.maximum(lower - y_true, 0) + np.maximum(y_true - upper, 0)
    return upper - lower + 200 / (100 - level) * outside
