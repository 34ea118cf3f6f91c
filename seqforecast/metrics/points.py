"""Errors of point forecasts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from seqforecast.metrics.arrays import Floats, check_season, same_shape, series
from seqforecast.metrics.losses import absolute_error, percentage_error, squared_error


def mae(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    r"""Compute the mean absolute error.

    Use it for forecasts of one series, or of series in the same unit and of the same size. The
    median of what may come has the smallest expected error.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, horizon)
        The values that came, in the unit of the series.
    y_pred : array-like of the shape of `y_true`
        Their forecasts, row by row; labels of a Series or DataFrame are not aligned.

    Returns
    -------
    float
        The error, in the unit of the series, 0 or more; 0 is a perfect forecast.

    Raises
    ------
    ValueError
        If the shapes differ or are not as above, or a value is NaN or infinite.
    TypeError
        If the values are not real numbers.

    See Also
    --------
    mase : The same relative to a naive forecast, to compare series of different size.

    Notes
    -----
    .. math:: \mathrm{mean} |y - \hat y|

    Notation and properties as in [1]_.

    References
    ----------
    .. [1] R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy",
       International Journal of Forecasting 22(4), 2006, 679-688.

    Examples
    --------
    The forecast is wrong by 1 and by 2:

    >>> from seqforecast.metrics import mae
    >>> mae([10.0, 12.0], [11.0, 10.0])
    1.5
    """
    truth, forecast = same_shape(y_true=y_true, y_pred=y_pred)
    return float(np.mean(absolute_error(truth, forecast)))


def rmse(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    r"""Compute the root mean squared error.

    Use it where a large error is worse than many small ones. The mean of what may come has the
    smallest expected error.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, horizon)
        The values that came, in the unit of the series.
    y_pred : array-like of the shape of `y_true`
        Their forecasts, row by row; labels of a Series or DataFrame are not aligned.

    Returns
    -------
    float
        The error, in the unit of the series, 0 or more; 0 is a perfect forecast.

    Raises
    ------
    ValueError
        If the shapes differ or are not as above, or a value is NaN or infinite.
    TypeError
        If the values are not real numbers.

    See Also
    --------
    rmsse : The same relative to a naive forecast, to compare series of different size.

    Notes
    -----
    .. math:: \sqrt{\mathrm{mean} (y - \hat y)^2}

    One root over all values: with y of shape (n, horizon) this is not the mean of the errors
    of the rows. Notation and properties as in [1]_.

    References
    ----------
    .. [1] R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy",
       International Journal of Forecasting 22(4), 2006, 679-688.

    Examples
    --------
    The forecast is right once and wrong by 2 once, 2 squared on average:

    >>> from seqforecast.metrics import rmse
    >>> rmse([10.0, 12.0], [10.0, 10.0])
    1.4142
    """
    truth, forecast = same_shape(y_true=y_true, y_pred=y_pred)
    return float(np.sqrt(np.mean(squared_error(truth, forecast))))


def smape(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    r"""Compute the symmetric mean absolute percentage error, from 0 to 200 percent.

    Use it to stand beside the published results of the M3, M4, CIF and NN5 competitions. It
    says little about values near 0: any forecast but 0 itself is wrong by 200 % there.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, horizon)
        The values that came, in the unit of the series.
    y_pred : array-like of the shape of `y_true`
        Their forecasts, row by row; labels of a Series or DataFrame are not aligned.

    Returns
    -------
    float
        The error in percent, from 0, a perfect forecast, to 200. NaN if every value and its
        forecast are 0: then there is nothing to average.

    Raises
    ------
    ValueError
        If the shapes differ or are not as above, or a value is NaN or infinite.
    TypeError
        If the values are not real numbers.

    Notes
    -----
    As in the M4 competition [1]_ and the Monash archive [2]_; other sources leave out the
    factor 2, and some the factor 100:

    .. math:: 100\,\mathrm{mean} \frac{2\,|y - \hat y|}{|y| + |\hat y|}

    Steps where value and forecast are both 0 are left out of the mean, as in the archive. The
    published number of a set of series is the mean of their errors.

    References
    ----------
    .. [1] S. Makridakis, E. Spiliotis and V. Assimakopoulos, "The M4 Competition: 100,000 time
       series and 61 forecasting methods", International Journal of Forecasting 36(1), 2020,
       54-74.
    .. [2] R. Godahewa, C. Bergmeir, G. I. Webb, R. J. Hyndman and P. Montero-Manso, "Monash
       time series forecasting archive", NeurIPS Datasets and Benchmarks, 2021.

    Examples
    --------
    Half of the value is forecast, then all of it: errors of 2/3 and of 0.

    >>> from seqforecast.metrics import smape
    >>> smape([10.0, 10.0], [5.0, 10.0])
    33.3333
    """
    truth, forecast = same_shape(y_true=y_true, y_pred=y_pred)
    errors = percentage_error(truth, forecast)
    known = ~np.isnan(errors)
    return float(np.mean(errors[known])) if known.any() else float("nan")


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
    truth, forecast = same_shape(y_true=y_true, y_pred=y_pred)
    error = np.mean(absolute_error(truth, forecast))
    return float(error / _naive_error(absolute_error, y_train, season))


def rmsse(y_true: ArrayLike, y_pred: ArrayLike, *, y_train: ArrayLike, season: int = 1) -> float:
    r"""Compute the root mean squared scaled error: as `mase`, with squared errors.

    Use it to compare forecasts of series of different scale where a large error is worse than
    many small ones, or where the values are mostly 0. Below 1 the forecast is better than
    repeating the value of one season ago was, one step ahead, over the training series.

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
    With training values :math:`x_1, ..., x_T` and season m:

    .. math::

        \sqrt{\frac{\mathrm{mean} (y - \hat y)^2}{\mathrm{mean}_{t=m+1}^{T} (x_t - x_{t-m})^2}}

    The M5 competition [1]_ took m = 1 and began each series at its first sale.

    References
    ----------
    .. [1] S. Makridakis, E. Spiliotis and V. Assimakopoulos, "M5 accuracy competition: Results,
       findings, and conclusions", International Journal of Forecasting 38(4), 2022, 1346-1364.

    Examples
    --------
    The forecast is wrong by 3 twice, a naive one was by 2 twice:

    >>> from seqforecast.metrics import rmsse
    >>> rmsse([10.0, 12.0], [13.0, 9.0], y_train=[2.0, 4.0, 6.0])
    1.5
    """
    truth, forecast = same_shape(y_true=y_true, y_pred=y_pred)
    error = np.mean(squared_error(truth, forecast))
    return float(np.sqrt(error / _naive_error(squared_error, y_train, season)))


def _naive_error(
    loss: Callable[[Floats, Floats], Floats], y_train: ArrayLike, season: int
) -> float:
    """Return the mean loss of repeating the value of one season ago."""
    train, season = series("y_train", y_train), check_season(season)
    if len(train) <= season:
        raise ValueError(
            f"{season=} needs at least {season + 1} training values; y_train has {len(train)}. "
            "Pass more of the series, or a shorter season."
        )
    error = float(np.mean(loss(train[season:], train[:-season])))
    if error == 0:
        raise ValueError(
            f"y_train repeats itself exactly with {season=}; its naive forecast makes no error to "
            "compare with. Pass another season or part of the series, or use an error that is "
            "not scaled."
        )
    return error
