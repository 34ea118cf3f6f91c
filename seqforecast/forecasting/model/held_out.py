"""Forecasts of the newest steps by a model that has not seen them, beside the actual values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.model.series_model import SeriesModel

Array = NDArray[np.float64]
Cells = NDArray[np.int64]

_ENOUGH = 200
"""Forecasts of each step that are wanted; of fewer series more cutoffs are looked at."""

_FEWEST_CUTOFFS = 3

_LARGEST_SHARE = 3
"""A third of the longest series at most is held out."""


@dataclass(frozen=True)
class EarlierCutoff:
    """What is known at a cutoff in the past, and the actual values after it.

    Parameters
    ----------
    model : SeriesModel
        It knows the series up to the cutoff, and has learnt from less.
    future : ndarray of shape (n_series, steps, n_future)
        Future features of the next steps.
    truth : ndarray of shape (n_series, steps)
        The actual values, in units of each series; NaN where it is missing.
    """

    model: SeriesModel
    future: Array
    truth: Array

    def forecast(self) -> Array:
        """Forecast these steps, in the same units."""
        return self.model.forecast(self.truth.shape[1], self.future)

    def baseline(self) -> Array:
        """Forecast them without the regressor."""
        return self.model.weighted(0.0).forecast(self.truth.shape[1], self.future)


def held_out_steps(model: SeriesModel, steps: int) -> int | None:
    """Return how many of the newest steps are held out to measure forecasts of `steps` steps.

    None where the longest series is too short for that.
    """
    longest = int(model.panel.lengths.max())
    room = longest - model.fewest_values
    if room < steps:
        return None
    wanted = steps - 1 + max(_n_cutoffs(model.panel), model.lookback.season)
    return min(room, max(steps, min(wanted, longest // _LARGEST_SHARE)))


def earlier_cutoffs(model: SeriesModel, held_out: int, steps: int) -> Iterator[EarlierCutoff]:
    """Yield cutoffs from `held_out` up to `steps` before the end of what a model was fitted to.

    A copy that was fitted without the steps held out forecasts from each of them.
    """
    blind, panel = model.blind(held_out), model.panel
    for known, ahead in _known_and_ahead(model, held_out, steps):
        observed = blind.with_panel(known)
        truth = observed.in_units(panel.values[ahead], np.arange(known.n_series))
        yield EarlierCutoff(observed, panel.future[ahead], truth)


def held_out_values(model: SeriesModel, held_out: int, steps: int) -> Array:
    """Return the actual values after these cutoffs (n, steps); nothing is fitted for them."""
    cutoffs = _known_and_ahead(model, held_out, steps)
    return np.concatenate([model.panel.values[ahead] for _, ahead in cutoffs])


def _known_and_ahead(
    model: SeriesModel, held_out: int, steps: int
) -> Iterator[tuple[Panel, Cells]]:
    """Yield what is known at each cutoff, and the rows (n_series, steps) of the next steps."""
    panel = model.panel
    for end in np.unique(np.linspace(held_out, steps, _n_cutoffs(panel)).round().astype(int)):
        known = panel.before_end(int(end))
        # What has not lasted a season yet has no unit that others could be measured with.
        known = known.take(np.flatnonzero(known.lengths > model.lookback.season))
        begin = panel.offsets[panel.ids.get_indexer(known.ids)] + known.lengths
        yield known, begin[:, np.newaxis] + np.arange(steps)


def _n_cutoffs(panel: Panel) -> int:
    """Return from how many cutoffs of each series is forecast."""
    return max(_FEWEST_CUTOFFS, -(-_ENOUGH // panel.n_series))
