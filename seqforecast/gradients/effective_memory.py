"""Say in numbers how far back a gradient reaches.

Everything here reads a *lag curve*: index ``[..., k]`` is the size of the gradient k steps before
the last step of the window. The last axis is the lag; any axes before it (records, layers) are
kept, each curve by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_EPS = float(np.finfo(np.float64).eps)

_FEWEST_LAGS = 3
"""A line through two points always fits: it takes a third to say anything."""

_MOST_LAGS = 512
"""The most lags of a curve that are paired; the pairs grow with their square."""


@dataclass(frozen=True, eq=False)
class DecayFit:
    """How fast lag curves decay: the answer of `decay_fit`.

    Every field has the leading shape of the curves, or is one number for a single curve.

    Parameters
    ----------
    rate : float or ndarray of shape (...,)
        What remains of the gradient one step further back; below 1 it decays, above 1 it grows.
    half_life : float or ndarray of shape (...,)
        Steps back until half of the gradient is left; inf where it does not decay.
    r_squared : float or ndarray of shape (...,)
        Share of the variation of ln g that a straight line over the lags explains, in [0, 1].
        Near 1 the decay is exponential, and `rate` and `half_life` describe the whole curve.
    power_law : bool or ndarray of shape (...,)
        Whether a straight line over the logarithm of the lag fits better.

    Examples
    --------
    >>> from seqforecast.gradients import decay_fit
    >>> decay_fit([[1.0, 0.5, 0.25, 0.125], [1.0, 1.0, 1.0, 1.0]]).half_life
    array([ 1., inf])
    """

    rate: float | NDArray[np.float64]
    half_life: float | NDArray[np.float64]
    r_squared: float | NDArray[np.float64]
    power_law: bool | NDArray[np.bool_]


def effective_memory(curve: ArrayLike, *, share: float = 0.95) -> float | NDArray[np.float64]:
    r"""Count the last steps of the window that hold most of the gradient.

    Use it to compare how far back models reach: it needs no shape of the curve, never exceeds
    the window, and stays sound where the gradient at lag 0 is small.

    Parameters
    ----------
    curve : array-like of shape (..., window)
        Size of the gradient at each lag, 0 or more, in any unit; lag 0 first.
    share : float, default=0.95
        The share of the sum of the curve that the steps must hold, above 0 and at most 1.

    Returns
    -------
    float or ndarray of shape (...,)
        Whole numbers of steps, from 1 to the window; 0 where the curve is zero everywhere, NaN
        where it holds NaN or Inf.

    Raises
    ------
    ValueError
        If `curve` has no axis, no values, negative values or values that are not real numbers,
        or `share` is not a number above 0 and at most 1.

    Notes
    -----
    .. math::

        K = \min \Big\{ K : \sum_{k=0}^{K-1} g(k) \ge \mathrm{share} \sum_{k=0}^{W-1} g(k) \Big\}

    For :math:`g(k) = \rho^k` in a long window, :math:`K = \lceil \ln(1 - \mathrm{share}) / \ln
    \rho \rceil`; for a share of 0.95 that is about three times :math:`1 / (1 - \rho)`, the sum of
    the curve and the forgetting time of a gate that keeps :math:`\rho` [1]_.

    Rounding alone never costs a step: 19 of 20 equal steps hold 0.95 of them.

    References
    ----------
    .. [1] C. Tallec, Y. Ollivier, Can recurrent neural networks warp time?, ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from seqforecast.gradients import effective_memory
    >>> effective_memory(0.9 ** np.arange(200))
    29.0
    >>> effective_memory([[4.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    array([1., 3.])
    """
    _require_share(share)
    sizes = _over_maximum(_lag_curve(curve))
    # beyond[..., k] is the mass at lag k and further back. Summed from the far end, where curves
    # are small, it keeps what a sum from lag 0 would round away.
    beyond = np.cumsum(sizes[..., ::-1], axis=-1)[..., ::-1]
    mass = beyond[..., 0]
    left_out = (1.0 - share) * mass
    if share < 1:  # all of the mass is the mass of all steps: nothing is at a boundary there
        left_out = left_out + sizes.shape[-1] * _EPS * mass
    steps = np.count_nonzero(beyond > left_out[..., np.newaxis], axis=-1).astype(np.float64)
    first = np.argmax(sizes > 0, axis=-1) + 1.0  # a share near 0 still takes this one
    steps = np.where(mass > 0, np.maximum(steps, first), 0.0)
    return _plain(np.where(np.isnan(mass), np.nan, steps))


def decay_fit(curve: ArrayLike) -> DecayFit:
    r"""Fit an exponential decay to lag curves, and say how well it fits.

    Use it to put one rate on a curve, and to see from `r_squared` and `power_law` whether one
    rate describes it. The slope is the median over all pairs of lags: up to about 29 % of the
    lags can be far off without moving it much.

    Parameters
    ----------
    curve : array-like of shape (..., window)
        Size of the gradient at each lag, 0 or more, in any unit; lag 0 first.

    Returns
    -------
    DecayFit
        The rate (a factor per step), the half-life (in steps), the share of the variation
        explained (without unit), and whether a power law fits better. NaN and False where fewer
        than 3 lags can be used, or the curve holds NaN or Inf.

    Raises
    ------
    ValueError
        If `curve` has no axis, no values, negative values or values that are not real numbers.

    Notes
    -----
    The slope is that of Theil [1]_ and Sen [2]_:

    .. math::

        s = \mathrm{median}_{1 \le i < j} \frac{\ln g(j) - \ln g(i)}{j - i}, \qquad
        \rho = e^s, \qquad \mathrm{half\ life} = -\ln 2 / s

    Lag 0 is left out, where the gradient has not yet passed through time, and so are lags where
    it is 0 (a dead relu). Where more than 512 lags remain, as in windows above 513 steps, they are
    first thinned evenly to 512.

    `r_squared` and `power_law` compare the least squares lines of :math:`\ln g` on :math:`k` and
    on :math:`\ln k` over the same lags. The better line has the smaller sum of squared residuals;
    a tie, as on a flat curve, is no power law. Where :math:`\ln g` does not vary, the line is
    exact and `r_squared` is 1.

    For :math:`g(k) = \rho^k` the sum of the curve, :math:`1 / (1 - \rho)`, is the forgetting time
    of Tallec and Ollivier [3]_.

    References
    ----------
    .. [1] H. Theil, A rank-invariant method of linear and polynomial regression analysis,
       Proceedings of the Royal Netherlands Academy of Sciences 53, 1950.
    .. [2] P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, Journal of
       the American Statistical Association 63, 1968, 1379-1389.
    .. [3] C. Tallec, Y. Ollivier, Can recurrent neural networks warp time?, ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from seqforecast.gradients import decay_fit
    >>> fit = decay_fit(0.9 ** np.arange(48))
    >>> print(f"{fit.rate:.3f} a step, half after {fit.half_life:.2f} steps")
    0.900 a step, half after 6.58 steps
    >>> fit.power_law
    False
    """
    sizes = _lag_curve(curve)
    fits = np.array([_fit(one) for one in sizes.reshape(-1, sizes.shape[-1])])
    slope, r_squared, power_law = fits.T.reshape(3, *sizes.shape[:-1])
    with np.errstate(over="ignore", divide="ignore"):
        rate = np.exp(slope)
        steps = np.where(slope >= 0, np.inf, -math.log(2) / slope)
    return DecayFit(
        rate=_plain(rate),
        half_life=_plain(steps),
        r_squared=_plain(r_squared),
        power_law=power_law.astype(bool) if power_law.ndim else bool(power_law),
    )


def half_life(curve: ArrayLike) -> float | NDArray[np.float64]:
    r"""Compute the number of steps back after which half of the gradient is left.

    Use it where one number per curve is wanted, for example as a score; `decay_fit` also tells
    how well an exponential decay fits.

    Parameters
    ----------
    curve : array-like of shape (..., window)
        Size of the gradient at each lag, 0 or more, in any unit; lag 0 first.

    Returns
    -------
    float or ndarray of shape (...,)
        The half-life in steps; inf where the curve does not decay, NaN where fewer than 3 lags
        from lag 1 on are above 0, or the curve holds NaN or Inf.

    Raises
    ------
    ValueError
        If `curve` has no axis, no values, negative values or values that are not real numbers.

    Notes
    -----
    With the slope s of ln g on the lag by Theil [1]_ and Sen [2]_, as `decay_fit` fits it:

    .. math:: \mathrm{half\ life} = -\ln 2 / s

    References
    ----------
    .. [1] H. Theil, A rank-invariant method of linear and polynomial regression analysis,
       Proceedings of the Royal Netherlands Academy of Sciences 53, 1950.
    .. [2] P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, Journal of
       the American Statistical Association 63, 1968, 1379-1389.

    Examples
    --------
    >>> from seqforecast.gradients import half_life
    >>> half_life([8.0, 4.0, 2.0, 1.0])
    1.0
    """
    return decay_fit(curve).half_life


def omega(curve: ArrayLike) -> float | NDArray[np.float64]:
    r"""Measure how much the gradient changes from one step to the step before it.

    Use it to see at a glance whether the gradient passes through time unchanged. It is the
    regulariser of Pascanu, Mikolov and Bengio, used as a meter.

    Parameters
    ----------
    curve : array-like of shape (..., window)
        Size of the gradient at each lag, 0 or more, in any unit; lag 0 first.

    Returns
    -------
    float or ndarray of shape (...,)
        The mean squared relative change per step, without unit; 0 where the gradient passes
        unchanged, up to 1 where it vanishes, any size where it explodes. NaN where no step can be
        compared, or the curve holds NaN or Inf.

    Raises
    ------
    ValueError
        If `curve` has no axis, no values, negative values or values that are not real numbers.

    Notes
    -----
    .. math::

        \Omega = \mathrm{mean}_{k \ge 1,\, g(k-1) > 0} \Big( \frac{g(k)}{g(k-1)} - 1 \Big)^2

    In [1]_ it is the sum over the steps; the mean compares windows of any length.
    For :math:`g(k) = \rho^k` it is :math:`(1 - \rho)^2`, the inverse square of the forgetting time
    of Tallec and Ollivier [2]_.

    References
    ----------
    .. [1] R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural
       networks, ICML 2013.
    .. [2] C. Tallec, Y. Ollivier, Can recurrent neural networks warp time?, ICLR 2018.

    Examples
    --------
    >>> from seqforecast.gradients import omega
    >>> omega([8.0, 4.0, 2.0, 1.0])
    0.25
    >>> omega([3.0, 3.0, 3.0])
    0.0
    """
    sizes = _lag_curve(curve)
    later, earlier = sizes[..., :-1], sizes[..., 1:]
    usable = later > 0
    with np.errstate(over="ignore"):  # from almost nothing to something: a change of inf
        change = np.where(usable, earlier / np.where(usable, later, 1.0) - 1.0, 0.0) ** 2
        total = change.sum(axis=-1)
    count = usable.sum(axis=-1)
    return _plain(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def normalised(curve: ArrayLike) -> NDArray[np.float64]:
    r"""Divide lag curves by their maximum.

    Use it to draw or compare curves of different scale, such as the layers of a network or the
    epochs of a training. The maximum, unlike lag 0, is never small against the rest.

    Parameters
    ----------
    curve : array-like of shape (..., window)
        Size of the gradient at each lag, 0 or more, in any unit; lag 0 first.

    Returns
    -------
    ndarray of shape (..., window)
        The curves without unit, from 0 to 1. A curve that is zero everywhere stays so; one that
        holds NaN or Inf, whose maximum is not known, is NaN at every lag.

    Raises
    ------
    ValueError
        If `curve` has no axis, no values, negative values or values that are not real numbers.

    Notes
    -----
    .. math:: g(k) / \max_j g(j)

    Examples
    --------
    >>> from seqforecast.gradients import normalised
    >>> normalised([2.0, 8.0, 4.0])
    array([0.25, 1.  , 0.5 ])
    """
    return _over_maximum(_lag_curve(curve))


def _over_maximum(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    peak = sizes.max(axis=-1, keepdims=True)
    return sizes / np.where(peak == 0, 1.0, peak)


def _fit(sizes: NDArray[np.float64]) -> tuple[float, float, bool]:
    """Return slope of ln g, R squared, and whether a power law fits better, for one curve."""
    lags = np.flatnonzero(sizes[1:] > 0) + 1
    if len(lags) < _FEWEST_LAGS:
        return math.nan, math.nan, False
    lags = lags[np.linspace(0, len(lags) - 1, min(len(lags), _MOST_LAGS)).round().astype(int)]
    logs = np.log(sizes[lags])
    first, second = np.triu_indices(len(lags), 1)
    slope = np.median((logs[second] - logs[first]) / (lags[second] - lags[first]))
    # What rounding leaves: a size is a product of as many factors as its lag.
    floor = len(lags) * (len(lags) * _EPS * (1.0 + np.abs(logs).max())) ** 2
    straight, power = (_residual(x, logs, floor) for x in (lags.astype(float), np.log(lags)))
    total = ((logs - logs.mean()) ** 2).sum()
    r_squared = 1.0 if straight == 0 else max(0.0, 1.0 - straight / total)
    return float(slope), float(r_squared), power < straight


def _residual(x: NDArray[np.float64], y: NDArray[np.float64], floor: float) -> float:
    """Return the squared residuals of the least squares line of y on x; 0 up to `floor`."""
    x, y = x - x.mean(), y - y.mean()
    residual = float(((y - (x @ y) / (x @ x) * x) ** 2).sum())
    return residual if residual > floor else 0.0


def _plain(values: NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Return a float in place of an array without axes."""
    return values if values.ndim else float(values)


def _lag_curve(curve: ArrayLike) -> NDArray[np.float64]:
    """Return curves as float64, NaN throughout where one holds NaN or Inf; or say what is wrong."""
    try:
        array = np.asarray(curve)
    except ValueError as error:
        raise ValueError(
            "curve has rows of different lengths; an array of shape (..., window) is needed. Pass "
            "curves of one window."
        ) from error
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"curve has dtype {array.dtype}; its values must be real numbers. Convert them, for "
            "example with np.asarray(curve, dtype=float)."
        )
    if array.ndim == 0:
        raise ValueError(
            f"curve is the single number {array}; an array of shape (..., window) is needed, one "
            "value for each lag. Pass the whole curve."
        )
    if array.size == 0:
        raise ValueError(
            f"curve is empty, with shape {array.shape}; a curve needs at least one lag. Pass the "
            "size of the gradient at each step of the window."
        )
    sizes = array.astype(np.float64)
    if (sizes < 0).any():
        raise ValueError(
            f"curve has negative values down to {np.nanmin(sizes):g}; the size of a gradient is 0 "
            "or more. Pass norms, for example np.linalg.norm(gradients, axis=-1)."
        )
    sizes[~np.isfinite(sizes).all(axis=-1)] = np.nan
    return sizes


def _require_share(share: Any) -> None:
    real = isinstance(share, Real) and not isinstance(share, bool | np.bool_)
    if not real or not 0 < share <= 1:
        raise ValueError(
            f"{share=}; a number above 0 and at most 1 is needed. The usual choice is 0.95."
        )
