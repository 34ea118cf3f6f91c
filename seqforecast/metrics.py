"""Measure the errors of forecasts: arrays in, a float out."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["mase"]


def mase(y_true: ArrayLike, y_pred: ArrayLike, *, y_train: ArrayLike, season: int = 1) -> float:
    r"""Compute the mean absolute scaled error: the error relative to a naive forecast.

    Use it to compare forecasts of series of different scale. Below 1 the forecast is better
    than repeating the value of one season ago was, one step ahead, over the training series.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, horizon)
        The values that came, in the unit of the series.
    y_pred : array-like of the shape of `y_true`
        Their forecasts, row by row; labels of a Series or DataFrame are not aligned.
    y_train : array-like of shape (n_train,)
        The series before the forecasts, oldest value first, longer than `season`.
    season : int, default=1
        The number of steps in a season; 1 compares with the last value.

    Returns
    -------
    float
        The error, without unit, 0 or more; 0 is a perfect forecast.

    Raises
    ------
    ValueError
        If the shapes differ or are not as above, a value is NaN or infinite, `season` is
        below 1, or `y_train` is too short or repeats itself every season, so that its naive
        forecast makes no error to compare with.
    TypeError
        If the values are not real numbers, or `season` is not an integer.

    Notes
    -----
    With training values :math:`x_1, ..., x_T` and season m [1]_:

    .. math:: \frac{\mathrm{mean} |y - \hat y|}{\mathrm{mean}_{t=m+1}^{T} |x_t - x_{t-m}|}

    References
    ----------
    .. [1] R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy",
       International Journal of Forecasting 22(4), 2006, 679-688.

    Examples
    --------
    The forecast is wrong by 1 and by 2, a naive one was by 3 on average:

    >>> from seqforecast.metrics import mase
    >>> mase([10.0, 12.0], [11.0, 10.0], y_train=[2.0, 4.0, 8.0])
    0.5
    """
    truth, forecast = _numbers("y_true", y_true), _numbers("y_pred", y_pred)
    train = _numbers("y_train", y_train)
    if truth.shape != forecast.shape:
        raise ValueError(
            f"y_true has shape {truth.shape} and y_pred {forecast.shape}; they must be the same. "
            "Pass one forecast a value; np.ravel turns (n, 1) into (n,)."
        )
    if truth.ndim not in (1, 2):
        raise ValueError(
            f"y_true and y_pred have {truth.ndim} dimensions; they must have one (n,) or two "
            "(n, horizon). Reshape them."
        )
    return float(np.mean(np.abs(truth - forecast)) / _naive_error(train, season))


def _naive_error(train: NDArray[np.float64], season: Any) -> float:
    """Return the mean absolute error of repeating the value of one season ago."""
    if isinstance(season, bool) or not isinstance(season, Integral):
        raise TypeError(
            f"{season=} is a {type(season).__name__}; it must be a positive integer, the steps "
            "in a season. Pass for example season=12."
        )
    if season < 1:
        raise ValueError(
            f"{season=} is below 1; it must be a positive integer, the steps in a season. "
            "Pass for example season=12."
        )
    season = int(season)  # an unsigned numpy integer has no negative for the slice below
    if train.ndim != 1:
        raise ValueError(
            f"y_train has {train.ndim} dimensions; it must have one (n_train,). Pass one series "
            "at a time."
        )
    if len(train) <= season:
        raise ValueError(
            f"{season=} needs at least {season + 1} training values; y_train has {len(train)}. "
            "Pass more of the series, or a shorter season."
        )
    error = float(np.mean(np.abs(train[season:] - train[:-season])))
    if error == 0:
        raise ValueError(
            f"y_train repeats itself exactly with {season=}; its naive forecast makes no error to "
            "compare with. Pass another season or part of the series, or use an error that is "
            "not scaled."
        )
    return error


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return finite float64 values, or say what is wrong with them."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} has dtype {array.dtype}; its values must be real numbers. Convert them, for "
            "example with np.asarray(values, dtype=float)."
        )
    if array.size == 0:
        raise ValueError(f"{name} is empty; it needs at least one value. Pass its values.")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} has NaN or infinite values; every value must be known. Drop those steps from "
            "y_true and y_pred alike, or fill the gaps of y_train."
        )
    return array
