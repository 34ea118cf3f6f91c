"""How far back a cutoff sees, in steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LONG_SEASON = 100
"""Steps from which on two seasons back must do: three would ask for a very long history."""

SMOOTHING = (1.0, 0.5, 0.3, 0.1)
"""Weights of the newest step in exponentially smoothed levels."""

NEGLIGIBLE = 1e-12
"""Weight below which an exponentially smoothed mean has forgotten."""


@dataclass(frozen=True)
class Lookback:
    """How far back a cutoff sees.

    Parameters
    ----------
    seasons : tuple of int
        Lengths of the seasons, increasing; (1,) where there is none.
    n_lags : int
        Newest values that a row holds.
    window : int
        Rows that a regressor reads at once; 1 for one that reads flat rows.
    horizon : int
        Steps forecast at once.
    """

    seasons: tuple[int, ...]
    n_lags: int
    window: int
    horizon: int

    @property
    def season(self) -> int:
        """The longest season, whose mean is the level."""
        return self.seasons[-1]

    @property
    def n_profiles(self) -> int:
        """Number of past seasons that are laid over one another."""
        return 3 if self.season < LONG_SEASON else 2

    @property
    def reach(self) -> int:
        """Steps before a cutoff that its row needs."""
        return max(self.n_lags, (self.n_profiles + 1) * self.season)

    @property
    def padding(self) -> int:
        """Steps that are laid out before the first one of a series."""
        return self.reach + self.window - 1

    @property
    def memory(self) -> int:
        """Steps before a cutoff from which on nothing changes its forecast, but the mean of all."""
        forgotten = int(np.ceil(np.log(NEGLIGIBLE) / np.log(1.0 - min(SMOOTHING))))
        return self.reach + self.window + forgotten + self.season
