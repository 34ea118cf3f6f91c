"""How much a regressor is trusted, and how much the baseline is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.model.held_out import earlier_cutoffs, held_out_steps
from seqforecast.forecasting.model.series_model import SeriesModel

Array = NDArray[np.float64]

_LEAST = 0.5
"""Weight that a regressor has at least, and where nothing can be held out that would tell.

The mean of two forecasts is hard to beat, and what is tested has learnt from less than what is
used: held-out steps say too little of a regressor's worth, most of all where series are short."""


def fit_with_weight(model: SeriesModel, panel: Panel) -> SeriesModel:
    """Fit a model to a panel; where the weight of its regressor is "auto", decide it."""
    model.fit(panel)
    return model.weighted(_best_weight(model)) if model.regressor_weight == "auto" else model


def _best_weight(model: SeriesModel) -> float:
    """Return the weight half-way between full trust and what held-out steps say.

    A forecast is :math:`b + w (f - b)` with the baseline b and the regressor's f; the w that
    minimises the sum of v |y - b - w (f - b)| is the median of (y - b) / (f - b) with weights
    v |f - b|.
    """
    steps = model.horizon
    held_out = held_out_steps(model, steps)
    if held_out is None:
        return _LEAST
    ratios, weights = [], []
    for cutoff in earlier_cutoffs(model.weighted(1.0), held_out, steps):
        full = cutoff.forecast()
        alone = cutoff.baseline()
        change = full - alone
        known = ~np.isnan(cutoff.truth) & (change != 0)
        counts = cutoff.model.series_weight[:, np.newaxis] * np.abs(change)
        ratios.append((cutoff.truth - alone)[known] / change[known])
        weights.append(counts[known])
    best = _weighted_median(np.concatenate(ratios), np.concatenate(weights))
    return _LEAST + (1.0 - _LEAST) * float(np.clip(best, 0.0, 1.0))


def _weighted_median(values: Array, weights: Array) -> float:
    """Return the weighted median of values; 0 where there is none."""
    if not len(values):
        return 0.0
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    median: float = values[order][np.searchsorted(reached, reached[-1] / 2.0)]
    return median
