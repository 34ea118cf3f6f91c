"""Settings that go well together."""

from __future__ import annotations

from typing import Any

from seqforecast._shared.checks import check_integer, check_word
from seqforecast.forecasting import Forecaster
from seqforecast.forecasting.model.intervals import INTERVALS
from seqforecast.regressors import GRURegressor, LSTMRegressor, RNNRegressor

__all__ = ["recurrent_forecaster"]

_CELLS: dict[str, Any] = {"lstm": LSTMRegressor, "gru": GRURegressor, "rnn": RNNRegressor}

_QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
"""The median and the ends of the intervals of 80 and 95 %; for loss="quantile" alone."""

_STEPS_A_STEP_AHEAD, _STEPS = 25, (400, 1_600)
"""Training steps for each step of the horizon, and the fewest and most of them."""

_PASSES = 10
"""Passes over the windows at most: one short series is learnt by heart in more."""


def recurrent_forecaster(
    *,
    horizon: int,
    season: Any = "auto",
    window: Any = "auto",
    cell: str = "lstm",
    hidden_size: int = 128,
    calendar: Any = "auto",
    past: list[Any] | None = None,
    future: list[Any] | None = None,
    static: list[Any] | None = None,
    intervals: str | None = None,
    random_state: Any = None,
) -> Forecaster:
    """Return a forecaster with a recurrent network and settings that suit it.

    Use it first, on one series or many: a network learns what a linear baseline leaves, and
    held-out steps say how much it counts. All its settings are parameters of the result, which
    ``set_params(regressor__...)`` and `GridSearchCV` change.

    Parameters
    ----------
    horizon : int
        Steps to forecast at once.
    season : {"auto"}, int, list of int or None, default="auto"
        Steps in a season, as in `Forecaster`.
    window : {"auto"} or int, default="auto"
        Rows of features that the network reads, as in `Forecaster`. Each holds the values of a
        season or more, so that the network sees further back than that.
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Kind of network.
    hidden_size : int, default=128
        Units of the network.
    calendar : {"auto"}, list of {"year", "month", "week", "day"} or None, default="auto"
        Calendar periods that the network is given, as in `Forecaster`.
    past : list of column names, default=None
        Features that are known up to the cutoff only.
    future : list of column names, default=None
        Features that are known for the steps to come; None takes every column that the other lists
        do not name.
    static : list of column names, default=None
        Features that stay the same within a series.
    intervals : {"conformal", "quantile"} or None, default=None
        What intervals are made of, as in `Forecaster`. "quantile" lets the network learn the
        quantiles 0.025, 0.1, 0.5, 0.9 and 0.975, for ``level=[80, 95]``, in place of the median
        alone: intervals that are wider where a series is uncertain, and of few series too narrow.
    random_state : int, RandomState instance or None, default=None
        Source of the first weights, the order of the windows and the dropout masks.

    Returns
    -------
    Forecaster
        Not fitted.

    Raises
    ------
    ValueError
        If an argument cannot be used.

    See Also
    --------
    Forecaster : What it is made of.

    Notes
    -----
    The network reads windows of feature rows and learns from the error at every one of them
    (absolute, AdamW, cosine schedule with a warm-up). It takes 25 steps of 64 windows for each step
    of `horizon`, 400 at least and 1,600 at most, but passes no more than ten times over them.
    ``regressor_weight="auto"`` takes a second fit, without the newest steps; conformal intervals
    share it. What each part brings, and how accurate the whole is beside published forecasters,
    stands in the user guide under Accuracy.

    Examples
    --------
    >>> from seqforecast import recurrent_forecaster
    >>> from seqforecast.datasets import load_airline
    >>> forecaster = recurrent_forecaster(horizon=12, random_state=0)
    >>> len(forecaster.set_params(regressor__max_steps=50).fit(load_airline()).predict())
    12
    """
    check_integer("horizon", horizon)
    check_word("cell", cell, _CELLS)
    check_integer("hidden_size", hidden_size)
    check_word("intervals", intervals, INTERVALS)
    if not (isinstance(window, str) and window == "auto"):
        check_integer("window", window)
    regressor = _CELLS[cell](
        hidden_size=hidden_size,
        scaling=None,
        loss="quantile" if intervals == "quantile" else "absolute_error",
        quantiles=_QUANTILES,
        optimizer="adamw",
        weight_decay=0.01,
        lr_schedule="cosine",
        batch_size=64,
        max_epochs=_PASSES,
        max_steps=_steps(horizon),
        early_stopping=False,
        random_state=random_state,
    )
    return Forecaster(
        regressor,
        window=window,
        horizon=horizon,
        season=season,
        calendar=calendar,
        regressor_weight="auto",
        past=past,
        future=future,
        static=static,
        intervals=intervals,
    )


def _steps(horizon: int) -> int:
    """Return how long to train: a longer horizon has more to learn, and no more to learn from."""
    fewest, most = _STEPS
    return max(fewest, min(_STEPS_A_STEP_AHEAD * horizon, most))
