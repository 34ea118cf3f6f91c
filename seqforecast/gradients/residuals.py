"""What the residuals still know of the past: the evidence that a memory is too short."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]

_LEVEL = 0.05
"""Chance of a false alarm, over all lags, channels and outputs that are looked at."""

_FLOOR = 0.1
"""Smaller correlations explain less than 1 % of the residuals' variance: not worth a finding."""

_FEWEST = 30
"""Windows beyond those that the regression on the near lags uses up."""


@dataclass(frozen=True)
class MissedLag:
    """The lag beyond the memory that residuals follow most.

    Parameters
    ----------
    lag : int
        Steps before the last one of the window.
    channel, output : int
        Which input, and which forecast.
    correlation : float
        Partial correlation of input and residual, given the inputs within the memory.
    chance : float
        What its size reaches by chance in 5 % of all cases, over all that was looked at.
    n_windows : int
        Windows that were looked at.
    """

    lag: int
    channel: int
    output: int
    correlation: float
    chance: float
    n_windows: int

    @property
    def threshold(self) -> float:
        """The size that a correlation needs to count."""
        return max(self.chance, _FLOOR)

    @property
    def is_evidence(self) -> bool:
        """Whether the residuals tell of something missed."""
        return abs(self.correlation) > self.threshold


def missed_lag(windows: Array, residuals: Array, memory: int) -> MissedLag | None:
    r"""Return the lag beyond a memory that the residuals follow most.

    Partial correlations: what a linear use of the inputs within the memory explains is taken out
    of both sides first, so that a lag does not count for being a neighbour of a near one. They are
    correlations of ranks, as normal scores: no outlier decides them.

    Parameters
    ----------
    windows : ndarray of shape (n, window, n_channels)
        The inputs, oldest step first.
    residuals : ndarray of shape (n, n_outputs)
        Actual values less forecasts. Rows must not share targets.
    memory : int
        Steps at the end of the window that the network uses.

    Returns
    -------
    MissedLag or None
        None where nothing lies beyond the memory, or the windows are too few to tell.

    Notes
    -----
    With m partial correlations of n windows, p of whose inputs are taken out, the level is

    .. math:: z_{1 - 0.05 / (2 m)} / \sqrt{n - p - 1}

    (Bonferroni). With fewer than 30 windows beyond p nothing is said.
    """
    n, window, n_channels = windows.shape
    cut = window - memory
    if cut <= 0 or n < fewest_windows(memory, n_channels):
        return None
    degrees = n - memory * n_channels - 1
    near = np.column_stack([np.ones(n), _normal_scores(windows[:, cut:].reshape(n, -1))])
    basis = _orthonormal(near)
    far = _without(basis, _normal_scores(windows[:, :cut].reshape(n, -1)))
    rest = _without(basis, _normal_scores(residuals))
    correlations = _correlations(far, rest)
    where = np.unravel_index(int(np.abs(correlations).argmax()), correlations.shape)
    step, channel = divmod(int(where[0]), n_channels)
    z = NormalDist().inv_cdf(1 - _LEVEL / (2 * correlations.size))
    return MissedLag(
        lag=window - 1 - step,
        channel=channel,
        output=int(where[1]),
        correlation=float(correlations[where]),
        chance=float(z / np.sqrt(degrees)),
        n_windows=n,
    )


def fewest_windows(memory: int, n_channels: int) -> int:
    """Return how many windows that share no target it takes to tell what is missed."""
    return memory * n_channels + 1 + _FEWEST


def _normal_scores(columns: Array) -> Array:
    """Return what each value would be in a normal sample, column by column, by its rank.

    A single outlier would otherwise decide a correlation. Equal values share a score.
    """
    scores = np.empty(columns.shape)
    for k, column in enumerate(columns.T):
        _, position, counts = np.unique(column, return_inverse=True, return_counts=True)
        middle = (np.cumsum(counts) - 0.5 * counts) / len(column)
        scores[:, k] = torch.special.ndtri(torch.from_numpy(middle)).numpy()[position]
    return scores


def _orthonormal(columns: Array) -> Array:
    """Return an orthonormal basis of the columns, which may depend on each other.

    By the eigenvectors of their products, which many columns make much cheaper than singular
    values; what is lost are directions 1e-5 as long as the longest, of which a correlation knows
    nothing.
    """
    sizes, directions = np.linalg.eigh(columns.T @ columns)
    kept = sizes > sizes[-1] * 1e-10
    return np.asarray(columns @ (directions[:, kept] / np.sqrt(sizes[kept])))


def _without(basis: Array, columns: Array) -> Array:
    return np.asarray(columns - basis @ (basis.T @ columns))


def _correlations(left: Array, right: Array) -> Array:
    """Return the correlation of every column with every other; 0 where one has nothing left."""
    sizes = [np.linalg.norm(part, axis=0) for part in (left, right)]
    # Columns were of size sqrt(n) before: what rounding leaves of them is no signal.
    left_size, right_size = (np.where(s > 1e-8 * np.sqrt(len(left)), s, np.inf) for s in sizes)
    return np.asarray((left.T @ right) / left_size[:, None] / right_size)
