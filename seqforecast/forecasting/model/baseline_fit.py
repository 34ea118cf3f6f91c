"""The coefficients of the linear baseline: least absolute errors, shrunk to those of all series."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from seqforecast._shared.row_blocks import row_blocks
from seqforecast.forecasting.arrays.baseline import BASELINES, Baseline, Linear, components
from seqforecast.forecasting.arrays.outlook import Outlook, actual_values

Array = NDArray[np.float64]
Cells = NDArray[np.int64]

_ROUNDS = 6
_SMALLEST_ERROR = 0.05
"""Errors below, in units of the series, weigh the same: the absolute error has no curvature."""

_RIDGE = 1e-3
_SHRINKAGE = 0.2
"""Series of average length that pull the coefficients of one series to those of all."""

_ORIGINS_OF_ITS_OWN = 8
"""Cutoffs of a series per step of the horizon from which on a regressor learns the errors that its
own coefficients leave."""

_MOST_ROWS = 1_000_000
_FEWEST_ORIGINS, _MOST_ORIGINS, _ALL_ORIGINS = 4, 40, 4_000
"""Cutoffs of a series that are fitted to, where there are few series that share the last."""

_BLOCK = 1 << 20
"""Values weighted at once."""

_SHORT = 256
"""Rows of a product that a library of linear algebra leaves to one thread."""


def fit_baseline(
    kind: str | None, outlook: Outlook, origins: list[Cells], weight: Array
) -> Baseline:
    """Return a baseline that has learnt from the cutoffs of each series.

    Parameters
    ----------
    kind : {"linear", "seasonal", "last", None}
        One of `BASELINES`. Only the linear one learns.
    outlook : Outlook
        The training part.
    origins : list of ndarray of int
        Cells of the cutoffs that may be learnt from, one array for each series.
    weight : ndarray of shape (n_series,)
        Weight of each series.
    """
    return _fit_linear(outlook, origins, weight) if kind == "linear" else BASELINES[kind]()


def _fit_linear(outlook: Outlook, origins: list[Cells], weight: Array) -> Linear:
    """Fit the coefficients of all series, then of each."""
    horizon = outlook.lookback.horizon
    chosen = _spread(origins, horizon)
    counts = np.array([len(cells) for cells in chosen])
    cells = np.concatenate(chosen)
    X = components(outlook, cells)
    truth = actual_values(outlook, cells)
    known = ~np.isnan(truth)
    truth = np.where(known, truth, 0.0)
    base_weight = known * np.repeat(weight, counts)[:, np.newaxis]
    share = base_weight
    for _ in range(_ROUNDS):
        gram, moment = _normal_equations(X, truth, share)
        coefficients = _non_negative(gram + _ridge(gram), moment)
        error = np.abs(truth - X @ coefficients)
        share = base_weight / np.maximum(error, _SMALLEST_ERROR)
    common = np.repeat(coefficients[np.newaxis], len(origins) + 1, axis=0)
    n_origins = np.array([len(cells) for cells in origins])
    trained = n_origins[n_origins > 0]
    by_series = common.copy()
    if len(trained) > 1:
        _fit_each(by_series, coefficients, X, truth, share, counts)
    learns_own = trained.sum() >= _ORIGINS_OF_ITS_OWN * horizon * len(trained)
    return Linear(coefficients, common, by_series, learns_own)


def _fit_each(
    by_series: Array, together: Array, X: Array, truth: Array, share: Array, counts: Cells
) -> None:
    """Write the coefficients of each series, pulled to those of all together."""
    gram, _ = _normal_equations(X, truth, share)
    prior = gram * _SHRINKAGE / np.count_nonzero(counts)
    prior = prior + _ridge(prior)
    pulled = prior @ together
    for series, rows in enumerate(_slices(counts)):
        if rows.start < rows.stop:
            own, moment = _normal_equations(X[rows], truth[rows], share[rows])
            by_series[series] = _non_negative(own + prior, moment + pulled)


def _spread(origins: list[Cells], horizon: int) -> list[Cells]:
    """Pick cutoffs, spread evenly over each series but for chance: a fixed step has a phase."""
    n_series = max(1, sum(len(cells) > 0 for cells in origins))
    affordable = _MOST_ROWS // (horizon * n_series)
    wanted = max(_MOST_ORIGINS, _ALL_ORIGINS // n_series)
    n_wanted = max(_FEWEST_ORIGINS, min(wanted, affordable))
    turns = (np.arange(n_wanted) + np.random.default_rng(0).random(n_wanted)) / n_wanted
    return [
        cells if len(cells) <= n_wanted else cells[np.unique((turns * len(cells)).astype(int))]
        for cells in origins
    ]


def _normal_equations(X: Array, truth: Array, share: Array) -> tuple[Array, Array]:
    """Return X'WX and X'Wy, a block at a time: the weighted rows need not be held at once."""
    n_parts = X.shape[-1]
    gram, moment = np.zeros((n_parts, n_parts)), np.zeros(n_parts)
    for block in row_blocks(X, _BLOCK):
        rows = X[block].reshape(-1, n_parts)
        weighted = rows * share[block].reshape(-1, 1)
        gram += _product(rows, weighted)
        moment += _product(weighted, truth[block].reshape(-1, 1))[:, 0]
    return gram, moment


def _product(a: Array, b: Array) -> Array:
    """Return a'b of two tall arrays, with the same bits on any number of threads.

    A library of linear algebra splits a long product among its threads, and sums in another order
    on one than on two: in a worker of a search than outside. These are too short to be split.
    """
    whole = len(a) // _SHORT * _SHORT
    left, right = (part[:whole].reshape(-1, _SHORT, part.shape[1]) for part in (a, b))
    stacked: Array = np.matmul(left.transpose(0, 2, 1), right).sum(axis=0)
    return stacked + a[whole:].T @ b[whole:]


def _ridge(gram: Array) -> Array:
    scale = np.trace(gram) / len(gram)
    return np.eye(len(gram)) * max(scale * _RIDGE, np.finfo(float).tiny)


def _non_negative(gram: Array, moment: Array) -> Array:
    """Minimise x'Gx/2 - m'x over x >= 0."""
    factor = cholesky(gram, lower=True)
    solution: Array = nnls(factor.T, solve_triangular(factor, moment, lower=True))[0]
    return solution


def _slices(counts: Cells) -> Iterator[slice]:
    stops = np.cumsum(counts)
    for start, stop in zip(stops - counts, stops, strict=True):
        yield slice(int(start), int(stop))
