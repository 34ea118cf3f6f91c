"""Padded series with their levels, and the values that follow a cutoff in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqforecast.forecasting.arrays.lookback import Lookback
from seqforecast.forecasting.arrays.padded_series import PaddedSeries

Array = NDArray[np.float64]
Cells = NDArray[np.int64]


class Outlook:
    """Padded series with their levels: all that a row is made of.

    Parameters
    ----------
    padded : PaddedSeries
        The padded series.
    lookback : Lookback
        How far back a cutoff sees.
    members : ndarray of int of shape (n_series,)
        Which of the series of the fit each one is; -1 for one that the fit has not seen.
    """

    def __init__(self, padded: PaddedSeries, lookback: Lookback, members: Cells) -> None:
        self.padded = padded
        self.lookback = lookback
        self.members = members
        self.season_levels = {season: padded.level(season) for season in lookback.seasons}
        self.level = self.season_levels[lookback.season]
        self.levels = padded.levels(lookback)
        self.drift = padded.drift(lookback.season)
        self.covariates = np.concatenate([padded.past, padded.future], axis=1)


def actual_values(outlook: Outlook, cells: Cells) -> Array:
    """Return the actual values after each cutoff, less its level; NaN where it is not known."""
    padded = outlook.padded
    ahead = cells[:, np.newaxis] + np.arange(1, outlook.lookback.horizon + 1)
    values = np.where(padded.known[ahead], padded.values[ahead], np.nan)
    truth: Array = values - outlook.level[cells, np.newaxis]
    return truth
