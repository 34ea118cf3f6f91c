"""Forecasts without learning across series: seasonal naive, SES and statsforecast's models.

SES is solved exactly, without a dependency: given alpha the best first level is a least squares
problem, and alpha is found on a line. statsforecast (extra `bench`) has two of its own, which stop
elsewhere, and AutoETS; where it is not installed, they are left out.
"""

from __future__ import annotations

import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from accuracy_sets import SETS, Array, Split, horizon_of, long_frame
from scipy.optimize import minimize_scalar
from scipy.signal import lfilter

ALPHA = 1e-4, 0.9999  # the bounds of R's ets

STATSFORECAST = {
    "AutoETS": ("AutoETS", {}),
    "SES by AutoETS('ANN')": ("AutoETS", {"model": "ANN"}),
    "SES by SimpleExponentialSmoothingOptimized": ("SimpleExponentialSmoothingOptimized", None),
}


def seasonal_naive(splits: list[Split], season: int) -> Array:
    horizon = horizon_of(splits)
    return np.stack(
        [np.resize(past[-(season if len(past) >= season else 1) :], horizon) for past, _ in splits]
    )


def ses(splits: list[Split]) -> Array:
    levels = np.array([last_level(past) for past, _ in splits])
    return np.repeat(levels[:, np.newaxis], horizon_of(splits), axis=1)


def last_level(values: Array) -> float:
    """Return the level after exponential smoothing with the least squared one-step error."""

    def loss(alpha: float) -> float:
        return smoothed(values, alpha)[0]

    # There may be several minima: the best of a grid first, then the valley around it.
    grid = np.concatenate([ALPHA[:1], np.linspace(0.01, 0.99, 50), ALPHA[1:]])
    losses = [loss(alpha) for alpha in grid]
    best = int(np.argmin(losses))
    around = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    found = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-6})
    alpha = found.x if found.fun < losses[best] else grid[best]
    return smoothed(values, alpha)[1]


def smoothed(values: Array, alpha: float) -> tuple[float, float]:
    """Return the squared error and the last level, with the first level that fits best."""
    n = len(values)
    from_zero = lfilter([alpha], [1.0, alpha - 1.0], values)  # with a first level of 0
    weight = (1.0 - alpha) ** np.arange(n + 1)  # of the first level, in that before each value
    error = values - np.concatenate([[0.0], from_zero[:-1]])
    first = error @ weight[:n] / (weight[:n] @ weight[:n])
    left = error - weight[:n] * first
    return float(left @ left), float(from_zero[-1] + weight[n] * first)


def statsforecast_version() -> str | None:
    """Return the version of statsforecast, None where it is not installed."""
    try:
        return version("statsforecast")
    except PackageNotFoundError:
        return None


def by_statsforecast(name: str, key: str, splits: list[Split]) -> tuple[Array, float]:
    """Return the forecasts of one of `STATSFORECAST`, and how many seconds they took."""
    model_name, arguments = STATSFORECAST[name]
    model: Any = getattr(import_module("statsforecast.models"), model_name)
    season = 1 if "SES" in name else SETS[key].season
    model = model() if arguments is None else model(season_length=season, **arguments)
    frame = long_frame(SETS[key]._replace(start=None), splits)
    engine = import_module("statsforecast").StatsForecast(models=[model], freq=1)
    start = time.process_time()
    forecasts = engine.forecast(df=frame, h=horizon_of(splits))
    seconds = time.process_time() - start
    return forecasts.iloc[:, -1].to_numpy(float).reshape(len(splits), -1), seconds
