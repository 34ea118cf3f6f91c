"""Errors of quantiles and of intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from seqforecast._shared.checks import check_number
from seqforecast.metrics.arrays import check_level, check_order, same_shape
from seqforecast.metrics.losses import interval_score, is_inside, quantile_loss


def pinball(y_true: ArrayLike, y_pred: ArrayLike, *, quantile: float) -> float:
    r"""Compute the pinball loss, the error of the forecast of one quantile.

    Use it to compare forecasts of the same quantile: the true quantile has the smallest
    expected loss. At the median it is half of the mean absolute error.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, horizon)
        The values that came, in the unit of the series.
    y_pred : array-like of the shape of `y_true`
        The forecasts of the quantile, row by row; labels of a Series or DataFrame are not
        aligned.
    quantile : float
        The share of values that should be below the forecast, between 0 and 1: 0.9 for the
        upper end of an 80 % interval.

    Returns
    -------
    float
        The loss, in the unit of the series, 0 or more; 0 is a perfect forecast.

    Raises
    ------
    ValueError
        If the shapes differ or are not as above, a value is NaN or infinite, or `quantile` is
        not between 0 and 1.
    TypeError
        If the values are not real numbers.

    Notes
    -----
    With the quantile q [1]_:

    .. math:: \mathrm{mean} \max(q\,(y - \hat y),\ (1 - q)\,(\hat y - y))

    Some sources, the M5 and GluonTS among them, print twice this value or scale it.

    References
    ----------
    .. [1] R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46(1), 1978, 33-50.

    Examples
    --------
    A value 2 above the forecast of its 0.9 quantile costs 1.8, one 2 below it costs 0.2:

    >>> from seqforecast.metrics import pinball
    >>> pinball([12.0, 8.0], [10.0, 10.0], quantile=0.9)
    1.0
    """
    check_number("quantile", quantile, low=0, high=1, open_low=True)
    truth, forecast = same_shape(y_true=y_true, y_pred=y_pred)
    return float(np.mean(quantile_loss(truth, forecast, quantile)))


def coverage(y_true: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    r"""Compute the share of values within their intervals.

    Use it to see whether intervals keep their promise: 80 % intervals should hold 0.8 of the
    values. Wide intervals hold every value: look at `winkler`, too.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, horizon)
        The values that came, in the unit of the series.
    lower : array-like of the shape of `y_true`
        The lower ends of the intervals, row by row; labels of a Series or DataFrame are not
        aligned.
    upper : array-like of the shape of `y_true`
        The upper ends of the intervals, none below its lower end.

    Returns
    -------
    float
        The share, from 0 to 1, of values inside; the ends belong to the interval.

    Raises
    ------
    ValueError
        If the shapes differ or are not as above, a value is NaN or infinite, or `lower` is
        above `upper`.
    TypeError
        If the values are not real numbers.

    See Also
    --------
    winkler : The width of intervals, and what values outside cost.

    Notes
    -----
    With intervals from l to u [1]_:

    .. math:: \mathrm{mean}\ 1[l \le y \le u]

    References
    ----------
    .. [1] P. F. Christoffersen, "Evaluating interval forecasts", International Economic Review
       39(4), 1998, 841-862.

    Examples
    --------
    The first value lies on the end of its interval, the second outside:

    >>> from seqforecast.metrics import coverage
    >>> coverage([10.0, 12.0], lower=[8.0, 8.0], upper=[10.0, 11.0])
    0.5
    """
    truth, low, high = same_shape(y_true=y_true, lower=lower, upper=upper)
    check_order(low, high)
    return float(np.mean(is_inside(truth, low, high)))


def winkler(y_true: ArrayLike, lower: ArrayLike, upper: ArrayLike, *, level: float) -> float:
    r"""Compute the Winkler score, also called interval score: width, and what lies outside.

    Use it to compare intervals of the same level: narrow ones win, unless values lie outside.
    The true quantiles have the smallest expected score.

    Parameters
    ----------
    y_true : array-like of shape (n,) or (n, horizon)
        The values that came, in the unit of the series.
    lower : array-like of the shape of `y_true`
        The lower ends of the intervals, row by row; labels of a Series or DataFrame are not
        aligned.
    upper : array-like of the shape of `y_true`
        The upper ends of the intervals, none below its lower end.
    level : float
        The share of values that the intervals are meant to hold, in percent, at least 1 and
        below 100: 80 for 80 %.

    Returns
    -------
    float
        The score, in the unit of the series, 0 or more; the less the better.

    Raises
    ------
    ValueError
        If the shapes differ or are not as above, a value is NaN or infinite, `lower` is above
        `upper`, or `level` is not in percent.
    TypeError
        If the values are not real numbers.

    See Also
    --------
    coverage : The share of values within their intervals.
    pinball : The error of one end; the score is 2 / alpha times the losses of both.

    Notes
    -----
    With intervals from l to u and alpha = 1 - level / 100 [1]_ [2]_:

    .. math:: \mathrm{mean} \left( u - l + \frac{2}{\alpha} \max(l - y, 0)
              + \frac{2}{\alpha} \max(y - u, 0) \right)

    References
    ----------
    .. [1] R. L. Winkler, "A decision-theoretic approach to interval estimation", Journal of the
       American Statistical Association 67(337), 1972, 187-191.
    .. [2] T. Gneiting and A. E. Raftery, "Strictly proper scoring rules, prediction, and
       estimation", Journal of the American Statistical Association 102(477), 2007, 359-378.

    Examples
    --------
    Two intervals of width 4; the second value lies 1 above its own, which costs 2 / 0.2:

    >>> from seqforecast.metrics import winkler
    >>> winkler([10.0, 13.0], lower=[8.0, 8.0], upper=[12.0, 12.0], level=80)
    9.0
    """
    check_level(level)
    truth, low, high = same_shape(y_true=y_true, lower=lower, upper=upper)
    check_order(low, high)
    return float(np.mean(interval_score(truth, low, high, level)))
