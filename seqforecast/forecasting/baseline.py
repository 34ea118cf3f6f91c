"""A first forecast, made without learning much, whose error the regressor learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

from seqforecast._blocks import row_blocks
from seqforecast.forecasting.history import History, Lookback

__all__ = ["BASELINES", "Baseline", "Outlook", "seasonal_profile", "what_came"]

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


class Outlook:
    """A history with its levels: all that a row is made of.

    Parameters
    ----------
    history : History
        The padded series.
    lookback : Lookback
        How far back a cutoff sees.
    members : ndarray of int of shape (n_series,)
        Which of the series of the fit each one is; -1 for one that the fit has not seen.
    """

    def __init__(self, history: History, lookback: Lookback, members: Cells) -> None:
        self.history = history
        self.lookback = lookback
        self.members = members
        self.season_levels = {season: history.level(season) for season in lookback.seasons}
        self.level = self.season_levels[lookback.season]
        self.levels = history.levels(lookback)
        self.drift = history.drift(lookback.season)
        self.covariates = np.concatenate([history.past, history.future], axis=1)


class Baseline(ABC):
    """A forecast relative to the level, from the history alone."""

    informs = True
    """Whether the forecast says more of the next steps than one number could."""

    @abstractmethod
    def fit(self, outlook: Outlook, origins: list[Cells], weight: Array) -> None:
        """Learn from the cutoffs of each series.

        Parameters
        ----------
        outlook : Outlook
            The training part.
        origins : list of ndarray of int
            Cells of the cutoffs that may be learnt from, an array a series.
        weight : ndarray of shape (n_series,)
            Weight of each series.
        """

    @abstractmethod
    def forecast(self, outlook: Outlook, cells: Cells) -> Array:
        """Return what comes after each cutoff, less its level: (n, horizon).

        Its error is what the regressor learns.
        """

    def alone(self, outlook: Outlook, cells: Cells) -> Array:
        """Return the same as well as can be said without a regressor."""
        return self.forecast(outlook, cells)


class Level(Baseline):
    """The level stays: the regressor learns the series itself."""

    informs = False

    def fit(self, outlook: Outlook, origins: list[Cells], weight: Array) -> None:
        """Learn nothing."""

    def forecast(self, outlook: Outlook, cells: Cells) -> Array:
        """Return zeros."""
        return np.zeros((len(cells), outlook.lookback.horizon))


class Last(Level):
    """The last value stays."""

    def forecast(self, outlook: Outlook, cells: Cells) -> Array:
        """Return the last value."""
        last = outlook.history.values[cells] - outlook.level[cells]
        return np.repeat(last[:, np.newaxis], outlook.lookback.horizon, axis=1)


class Seasonal(Level):
    """The last season comes again."""

    informs = True

    def forecast(self, outlook: Outlook, cells: Cells) -> Array:
        """Return the values of the last season, the longest one."""
        season = outlook.lookback.season
        values = outlook.history.values[_seasonal_cells(cells, season, outlook.lookback.horizon)]
        return values - outlook.level[cells, np.newaxis]


class Linear(Baseline):
    r"""A non-negative combination of seasonal profiles and levels.

    Notes
    -----
    With z in units of the series, :math:`L_t` the mean of the last season of m steps,

    .. math::

        \hat z_{t+j} - L_t = \sum_k a_k p_k(j) + \sum_q b_q g_q(t) + c\,(j + \tfrac{m-1}{2})\,d_t,
        \qquad a, b, c \ge 0,

    where :math:`p_k(j) = z_{t+j-m\lceil j/m\rceil-mk} - L_{t-mk}` is the season k seasons ago,
    :math:`g_q` are other levels: the seasonal difference and the seasonally adjusted values, both
    exponentially smoothed, the mean of four seasons and of all, and the trend
    :math:`L_t - L_{t-m}`; and :math:`d_t` is the drift, the mean change of L a step since the
    first season. The coefficients minimise the absolute error, by least squares with weights
    1/error; those of one series are pulled to those of all.

    Where series are short, their own coefficients fit the past too well for a regressor to learn
    from the errors that are left: it is given those of the common ones. Alone, a series does
    better with its own.
    """

    def fit(self, outlook: Outlook, origins: list[Cells], weight: Array) -> None:
        """Fit the coefficients of all series, then of each."""
        horizon = outlook.lookback.horizon
        chosen = _spread(origins, horizon)
        counts = np.array([len(cells) for cells in chosen])
        cells = np.concatenate(chosen)
        X = components(outlook, cells)
        truth = what_came(outlook, cells)
        known = ~np.isnan(truth)
        truth = np.where(known, truth, 0.0)
        base_weight = known * np.repeat(weight, counts)[:, np.newaxis]
        share = base_weight
        for _ in range(_ROUNDS):
            gram, moment = _normal_equations(X, truth, share)
            self.coefficients = _non_negative(gram + _ridge(gram), moment)
            error = np.abs(truth - X @ self.coefficients)
            share = base_weight / np.maximum(error, _SMALLEST_ERROR)
        # One more row than series: the last, of index -1, is for those that join after the fit.
        self.common = np.repeat(self.coefficients[np.newaxis], len(origins) + 1, axis=0)
        self.by_series = self.common.copy()
        n_origins = np.array([len(cells) for cells in origins])
        trained = n_origins[n_origins > 0]
        if len(trained) > 1:
            self._fit_each(X, truth, share, counts)
        self.learns_own = trained.sum() >= _ORIGINS_OF_ITS_OWN * horizon * len(trained)

    def forecast(self, outlook: Outlook, cells: Cells) -> Array:
        """Return the combination, with coefficients of each series where they are long."""
        coefficients = self.by_series if self.learns_own else self.common
        return _combined(outlook, cells, coefficients)

    def alone(self, outlook: Outlook, cells: Cells) -> Array:
        """Return the combination with coefficients of each series."""
        return _combined(outlook, cells, self.by_series)

    def _fit_each(self, X: Array, truth: Array, share: Array, counts: Cells) -> None:
        gram, _ = _normal_equations(X, truth, share)
        prior = gram * _SHRINKAGE / np.count_nonzero(counts)
        prior = prior + _ridge(prior)
        pulled = prior @ self.coefficients
        for series, rows in enumerate(_slices(counts)):
            if rows.start < rows.stop:
                own, moment = _normal_equations(X[rows], truth[rows], share[rows])
                self.by_series[series] = _non_negative(own + prior, moment + pulled)


BASELINES: dict[str | None, type[Baseline]] = {
    "linear": Linear,
    "seasonal": Seasonal,
    "last": Last,
    None: Level,
}
"""The values of the parameter `baseline`."""


def seasonal_profile(outlook: Outlook, cells: Cells) -> Array:
    """Return the last season, laid over the next steps, relative to the level: (n, horizon)."""
    return _profile(outlook, cells, outlook.lookback.season, 0)


def components(outlook: Outlook, cells: Cells) -> Array:
    """Return what the linear baseline combines, relative to the level: (n, horizon, n_parts)."""
    seasonal = _seasonal_parts(outlook.lookback)
    n_parts = len(seasonal) + outlook.levels.shape[1] + 1
    parts = np.empty((len(cells), outlook.lookback.horizon, n_parts))
    for column, (season, k) in enumerate(seasonal):
        parts[..., column] = _profile(outlook, cells, season, k)
    parts[..., len(seasonal) : -1] = outlook.levels[cells, np.newaxis]
    parts[..., -1] = outlook.drift[cells, np.newaxis] * _steps_from_level(outlook.lookback)
    return parts


def _combined(outlook: Outlook, cells: Cells, coefficients: Array) -> Array:
    """Return the components, weighted by the coefficients of their series."""
    weights = coefficients[outlook.members[outlook.history.series_of(cells)]]
    seasonal = _seasonal_parts(outlook.lookback)
    levels = (outlook.levels[cells] * weights[:, len(seasonal) : -1]).sum(axis=1)
    drift = outlook.drift[cells] * weights[:, -1]
    result: Array = levels[:, np.newaxis] + drift[:, np.newaxis] * _steps_from_level(
        outlook.lookback
    )
    for column, (season, k) in enumerate(seasonal):
        result += weights[:, column, np.newaxis] * _profile(outlook, cells, season, k)
    return result


def _steps_from_level(lookback: Lookback) -> Array:
    """Return how far the next steps are from the middle of the season whose mean is the level."""
    return np.arange(1.0, lookback.horizon + 1) + (lookback.season - 1) / 2


def _seasonal_parts(lookback: Lookback) -> list[tuple[int, int]]:
    """List the profiles: of which season, and of how many seasons ago."""
    seasons = [season for season in lookback.seasons if season > 1]
    return [(season, k) for season in seasons for k in range(lookback.n_profiles)]


def _profile(outlook: Outlook, cells: Cells, season: int, k: int) -> Array:
    values = outlook.history.values
    back = k * season
    at = _seasonal_cells(cells, season, outlook.lookback.horizon) - back
    profile: Array = values[at] - outlook.season_levels[season][cells - back, np.newaxis]
    return profile


def _seasonal_cells(cells: Cells, season: int, horizon: int) -> Cells:
    """Return the newest known cells of the same phase as each of the next steps."""
    step = np.arange(1, horizon + 1)
    return cells[:, np.newaxis] + step - season * -(-step // season)


def what_came(outlook: Outlook, cells: Cells) -> Array:
    """Return what came after each cutoff, less its level; NaN where it is not known."""
    history = outlook.history
    ahead = cells[:, np.newaxis] + np.arange(1, outlook.lookback.horizon + 1)
    values = np.where(history.known[ahead], history.values[ahead], np.nan)
    truth: Array = values - outlook.level[cells, np.newaxis]
    return truth


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
        gram += rows.T @ weighted
        moment += weighted.T @ truth[block].reshape(-1)
    return gram, moment


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
