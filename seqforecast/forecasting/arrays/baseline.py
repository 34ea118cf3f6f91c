"""A first forecast, made without learning much, whose error the regressor learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqforecast.forecasting.arrays.lookback import Lookback
from seqforecast.forecasting.arrays.outlook import Outlook

Array = NDArray[np.float64]
Cells = NDArray[np.int64]


class Baseline(ABC):
    """A forecast relative to the level, from the history alone."""

    informs = True
    """Whether the forecast says more of the next steps than one number could."""

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

    def forecast(self, outlook: Outlook, cells: Cells) -> Array:
        """Return zeros."""
        return np.zeros((len(cells), outlook.lookback.horizon))


class Last(Level):
    """The last value stays."""

    def forecast(self, outlook: Outlook, cells: Cells) -> Array:
        """Return the last value."""
        last = outlook.padded.values[cells] - outlook.level[cells]
        return np.repeat(last[:, np.newaxis], outlook.lookback.horizon, axis=1)


class Seasonal(Level):
    """The last season comes again."""

    informs = True

    def forecast(self, outlook: Outlook, cells: Cells) -> Array:
        """Return the values of the last season, the longest one."""
        season = outlook.lookback.season
        values = outlook.padded.values[_seasonal_cells(cells, season, outlook.lookback.horizon)]
        return values - outlook.level[cells, np.newaxis]


@dataclass
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

    Parameters
    ----------
    coefficients : ndarray of shape (n_parts,)
        Those of all series together.
    common, by_series : ndarray of shape (n_series + 1, n_parts)
        The same repeated, and those of each series. One more row than series: the last, of index
        -1, is for those that join after the fit.
    learns_own : bool
        Whether a regressor learns the errors that the coefficients of each series leave.
    """

    coefficients: Array
    common: Array
    by_series: Array
    learns_own: bool

    def forecast(self, outlook: Outlook, cells: Cells) -> Array:
        """Return the combination, with coefficients of each series where they are long."""
        coefficients = self.by_series if self.learns_own else self.common
        return _combined(outlook, cells, coefficients)

    def alone(self, outlook: Outlook, cells: Cells) -> Array:
        """Return the combination with coefficients of each series."""
        return _combined(outlook, cells, self.by_series)


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
    weights = coefficients[outlook.members[outlook.padded.series_of(cells)]]
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
    values = outlook.padded.values
    back = k * season
    at = _seasonal_cells(cells, season, outlook.lookback.horizon) - back
    profile: Array = values[at] - outlook.season_levels[season][cells - back, np.newaxis]
    return profile


def _seasonal_cells(cells: Cells, season: int, horizon: int) -> Cells:
    """Return the newest known cells of the same phase as each of the next steps."""
    step = np.arange(1, horizon + 1)
    return cells[:, np.newaxis] + step - season * -(-step // season)
