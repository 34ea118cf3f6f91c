"""Errors of a regressor on windows, beside the value one season before, read from the windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import r2_score

from seqforecast.containers.arrays import as_array
from seqforecast.containers.windows import targets_array
from seqforecast.regressors.base import RecurrentRegressor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WindowErrors:
    """Errors on windows.

    Parameters
    ----------
    n_windows : int
        How many have a target.
    rows : list of (name, error, naive error or None)
        The mean absolute error first.
    r2 : float
        Coefficient of determination, the mean over the outputs.
    season : int
        Of the naive forecast; 1 repeats the last value.
    why_no_naive : str
        Why there is none; empty where there is one.
    """

    n_windows: int
    rows: list[tuple[str, float, float | None]]
    r2: float
    season: int
    why_no_naive: str


def window_errors(
    estimator: Any, network: RecurrentRegressor, X: Any, y: Any, season: int | None
) -> WindowErrors:
    """Compare forecasts of windows with the actual values."""
    forecast = np.asarray(estimator.predict(X), dtype=float)
    forecast = forecast.reshape(len(forecast), -1)
    target = targets_array(y, owner=type(network).__name__)
    target = np.asarray(target[:, -1] if target.ndim == 3 else target, dtype=float)
    target = target.reshape(len(target), -1)
    if target.shape != forecast.shape:
        raise ValueError(
            f"y has the shape {target.shape}, but {len(forecast)} windows have {forecast.shape[1]} "
            "output(s) each; a target for each is needed. Pass X and y as for fit."
        )
    known = np.isfinite(target).all(axis=1)
    if not known.any():
        raise ValueError(
            "y holds no window whose targets are all known; at least one is needed. Pass windows "
            "whose future is known, or leave X and y out."
        )
    past, why = _past(network, X, target, season)
    target, forecast = target[known], forecast[known]
    naive = None if past is None else _repeated(past[known], target.shape[1], season or 1)
    rows = [
        (name, error(target - forecast), None if naive is None else error(target - naive))
        for name, error in (("mae", _mae), ("rmse", _rmse))
    ]
    r2 = float(r2_score(target, forecast)) if len(target) > 1 else float("nan")
    return WindowErrors(len(target), rows, r2, season or 1, why)


def _past(
    network: RecurrentRegressor, X: Any, target: Array, season: int | None
) -> tuple[Array | None, str]:
    """Return the past of the target (n_windows, window), if it stands in the windows."""
    window, n_channels = network.window_, network.n_channels_
    if season is not None and season > window:
        return None, (
            f"There is no seasonal naive forecast beside them: a season of {season} steps does not "
            f"fit into windows of {window}."
        )
    values = np.asarray(as_array(X, "X"), dtype=float)
    unknown = (
        "There is no naive forecast beside them: no column of the windows is the past of what is "
        "forecast, as make_windows puts it there, or the rows do not follow one another."
    )
    if values.size != len(target) * window * n_channels:
        return None, unknown
    values = values.reshape(len(target), window, n_channels)
    for channel in range(n_channels):
        # The target of one window is the newest value of the next one.
        pairs = np.stack([values[1:, -1, channel], target[:-1, 0]])
        pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
        if pairs.shape[1] and np.allclose(pairs[0], pairs[1], rtol=1e-5, atol=1e-8):
            return values[:, :, channel], ""
    return None, unknown


def _repeated(past: Array, n_outputs: int, season: int) -> Array:
    """Repeat the newest season of each window."""
    return past[:, past.shape[1] - season + np.arange(n_outputs) % season]


def _mae(errors: Array) -> float:
    return float(np.abs(errors).mean())


def _rmse(errors: Array) -> float:
    return float(np.sqrt((errors**2).mean()))
