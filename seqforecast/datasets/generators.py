"""A series and windows with one useful lag, whose best possible error is known."""

import numpy as np
from numpy.typing import NDArray

from seqforecast._shared.checks import check_integer, check_number
from seqforecast.datasets.randomness import RandomState, generator_from

FloatArray = NDArray[np.float64]

# A weight below this cannot change a float64 of size one, so the recursion may stop there.
_INVISIBLE = 1e-20


def make_seasonal_ar(
    n_steps: int = 2000,
    *,
    period: int = 24,
    phi: float = 0.9,
    random_state: RandomState = None,
) -> FloatArray:
    """Draw a series whose only memory lies exactly one season back.

    Use it to test whether a forecaster reaches back `period` steps: every lag in between is
    useless, and the best possible error is known. The window must be at least `period` long.

    Parameters
    ----------
    n_steps : int, default=2000
        Length of the series in steps, at least 1.
    period : int, default=24
        The one lag, in steps, on which a value depends; at least 1.
    phi : float, default=0.9
        Weight of the value one period back, strictly between -1 and 1. With 0 the series is
        white noise.
    random_state : int, RandomState instance or None, default=None
        An int gives the same series in every call (with the same version of NumPy); None draws
        fresh entropy from the operating system. NumPy's global generator is never used.

    Returns
    -------
    ndarray of shape (n_steps,), float64
        The series, oldest step first, without unit, with mean 0 and variance 1 at every step.

    Raises
    ------
    ValueError
        If `n_steps` or `period` is below 1, or `phi` is not between -1 and 1.

    See Also
    --------
    make_delayed_echo : The same question, asked with windows instead of a series.

    Notes
    -----
    With independent normal innovations e of variance 1 - phi^2::

        y[t] = phi * y[t - period] + e[t]

    which is a first-order autoregression [1]_ run separately in each phase of the season. The
    first period is drawn with variance 1, so the series is stationary from its first step on.
    For a forecast one to `period` steps ahead the best mean squared error is 1 - phi^2 (0.19 at
    the default), reached by ``phi * y[t - period]``; predicting the mean has 1. The
    autocorrelation is phi^k at lag k * period and 0 at every other lag.

    References
    ----------
    .. [1] G. E. P. Box and G. M. Jenkins (1976), "Time Series Analysis: Forecasting and
       Control", revised edition, Holden-Day.

    Examples
    --------
    >>> from seqforecast.datasets import make_seasonal_ar
    >>> y = make_seasonal_ar(100_000, period=24, phi=0.9, random_state=0)
    >>> error = y[24:] - 0.9 * y[:-24]
    >>> print(f"best {(error**2).mean():.2f}, mean {y.var():.1f}")
    best 0.19, mean 1.0
    """
    check_integer("n_steps", n_steps)
    check_integer("period", period)
    check_number("phi", phi, low=-1, high=1, open_low=True)
    innovations = generator_from(random_state).standard_normal(n_steps)
    innovations[period:] *= np.sqrt(1 - phi**2)
    return _filter_seasonal(innovations, period, phi)


def make_delayed_echo(
    n_windows: int,
    *,
    window: int,
    delay: int,
    noise: float = 0.0,
    random_state: RandomState = None,
) -> tuple[FloatArray, FloatArray]:
    """Draw windows of white noise whose target is the value at one known lag.

    Use it to check a lag curve: only the step at lag `delay` carries a signal, so the gradient
    of a trained network must peak there and nowhere else.

    Parameters
    ----------
    n_windows : int
        Number of windows, at least 1.
    window : int
        Steps in a window; at least `delay` + 1.
    delay : int
        Lag of the value to remember, in steps before the last one; 0 is the last step.
    noise : float, default=0.0
        Standard deviation of the normal noise added to the target; 0 or more.
    random_state : int, RandomState instance or None, default=None
        An int gives the same windows in every call (with the same version of NumPy); None draws
        fresh entropy from the operating system. NumPy's global generator is never used.

    Returns
    -------
    X : ndarray of shape (n_windows, window), float64
        Flat windows of one channel, oldest step first; independent standard normal values.
    y : ndarray of shape (n_windows,), float64
        The value at lag `delay`, plus the noise.

    Raises
    ------
    ValueError
        If a size is too small, `noise` is negative, or the window is too short for the delay.

    See Also
    --------
    make_seasonal_ar : A series with one useful lag.
    make_adding_problem : Two values to remember, at places that change.

    Notes
    -----
    ``y = X[:, window - 1 - delay] + noise * e`` with standard normal e. The best mean squared
    error is noise^2; predicting the mean has 1 + noise^2. The task is the discrete form of the
    delay task with which the memory of linear networks is measured [1]_.

    References
    ----------
    .. [1] H. Jaeger (2001), "Short term memory in echo state networks", GMD Report 152.

    Examples
    --------
    >>> from seqforecast.datasets import make_delayed_echo
    >>> X, y = make_delayed_echo(100, window=30, delay=20, random_state=0)
    >>> X.shape, y.shape, bool((y == X[:, 9]).all())
    ((100, 30), (100,), True)
    """
    check_integer("n_windows", n_windows)
    check_integer("window", window)
    check_integer("delay", delay, minimum=0)
    check_number("noise", noise, low=0)
    if delay >= window:
        raise ValueError(
            f"window={window} and delay={delay} put the echo before the window; the window must "
            f"hold at least delay + 1 = {delay + 1} steps. Use a longer window or a smaller delay."
        )
    rng = generator_from(random_state)
    X = rng.standard_normal((n_windows, window))
    y = X[:, window - 1 - delay] + noise * rng.standard_normal(n_windows)
    return X, y


def _filter_seasonal(series: FloatArray, period: int, phi: float) -> FloatArray:
    """Run ``y[t] = phi * y[t - period] + series[t]`` in place, without a loop over the steps.

    1 / (1 - phi B) is the product of (1 + w B) over w = phi, phi^2, phi^4, ..., where the shift B
    doubles along: a dozen passes over the whole array, whatever the period.
    """
    shift, weight = period, phi
    while shift < len(series) and abs(weight) > _INVISIBLE:
        series[shift:] += weight * series[:-shift]
        shift, weight = 2 * shift, weight * weight
    return series
