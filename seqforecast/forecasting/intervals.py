"""How wide an interval must be: the errors of forecasts made from held-out cutoffs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqforecast.forecasting.model import SeriesModel
from seqforecast.forecasting.panel import FutureRows, Panel

__all__ = ["ConformalScores", "conformal_scores", "forecast_columns"]

Array = NDArray[np.float64]

_ENOUGH = 200
"""Errors of each step that are wanted; of fewer series more cutoffs are looked at."""

_FEWEST_CUTOFFS = 3

_LARGEST_SHARE = 3
"""A third of the longest series at most is held out."""


@dataclass(frozen=True)
class ConformalScores:
    """Absolute errors of held-out forecasts, in units of each series.

    Parameters
    ----------
    errors : list of ndarray
        Of each step ahead, sorted.
    """

    errors: list[Array]

    @property
    def highest_level(self) -> float:
        """The widest level that the errors of every step can tell, in percent."""
        fewest = min(len(errors) for errors in self.errors)
        return 100.0 * fewest / (fewest + 1)

    def half_width(self, level: float) -> Array:
        """Return half the width of intervals that hold `level` percent, by step.

        The rank is that of split conformal prediction, ceil((n + 1) level) of n errors; the
        largest where there are too few.
        """
        widths = np.empty(len(self.errors))
        for step, errors in enumerate(self.errors):
            rank = int(np.ceil((len(errors) + 1) * level / 100.0))
            widths[step] = errors[min(rank, len(errors)) - 1]
        return widths


def conformal_scores(model: SeriesModel, steps: int) -> ConformalScores:
    """Return the errors of a model like this one, that has not seen the newest steps.

    Parameters
    ----------
    model : SeriesModel
        Fitted; what it was fitted to is known to it.
    steps : int
        Steps ahead.

    References
    ----------
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, Distribution-free predictive
    inference for regression, Journal of the American Statistical Association 113, 2018.
    """
    panel = model.panel
    held_out = _held_out(model, steps)
    blind = model.unfitted().fit(panel.before_end(held_out))
    spread = np.linspace(held_out, steps, _n_cutoffs(panel))
    ends = np.unique(spread.round().astype(int))
    parts = [_errors(blind, panel, int(end), steps) for end in ends]
    errors = np.concatenate(parts)
    known = [column[~np.isnan(column)] for column in errors.T]
    if not all(len(column) for column in known):
        raise ValueError(
            f"level needs values to compare forecasts with; the newest {held_out} are missing. "
            "Pass a series whose newest values are known, or leave level out."
        )
    return ConformalScores([np.sort(column) for column in known])


def forecast_columns(
    model: SeriesModel, rows: FutureRows, levels: Sequence[float], scores: ConformalScores | None
) -> dict[str, Array]:
    """Return the forecasts asked for, and the ends of their intervals, by column name.

    Parameters
    ----------
    model : SeriesModel
        Fitted.
    rows : FutureRows
        What is asked.
    levels : sequence of float
        Coverage of the intervals in percent.
    scores : ConformalScores or None
        Of as many steps at least, where there are levels.
    """
    series, position = np.unique(rows.series, return_inverse=True)
    every = len(series) == model.panel.n_series
    features = rows.table(model.panel.n_series)[series]
    units = model.forecast(rows.horizon, features, None if every else series)

    def values(units: Array) -> Array:
        return model.in_values(units, series)[position, rows.step - 1]

    columns = {"y_hat": values(units)}
    for level in levels:
        assert scores is not None
        width = scores.half_width(level)
        # Behind missing values a step is further ahead than it says.
        ahead = model.missing_at_end(series)[:, np.newaxis] + np.arange(rows.horizon)
        half = width[np.minimum(ahead, len(width) - 1)]
        ends = values(units - half), values(units + half)
        columns[f"lo-{level:g}"] = np.minimum(*ends)  # a transformer may turn the order round
        columns[f"hi-{level:g}"] = np.maximum(*ends)
    return columns


def _n_cutoffs(panel: Panel) -> int:
    """Return from how many cutoffs of each series is forecast, to have errors enough."""
    return max(_FEWEST_CUTOFFS, -(-_ENOUGH // panel.n_series))


def _held_out(model: SeriesModel, steps: int) -> int:
    """Return how many of the newest steps the blind model must not see."""
    longest = int(model.panel.lengths.max())
    needed = model.window + model.horizon
    room = longest - needed
    if room < steps:
        raise ValueError(
            f"level needs forecasts of {steps} held-out step(s): {needed + steps} values with "
            f"window={model.window} and horizon={model.horizon}; the longest series has "
            f"{longest}. Use a shorter window, forecast fewer steps, or leave level out."
        )
    wanted = steps - 1 + max(_n_cutoffs(model.panel), model.lookback.season)
    return min(room, max(steps, min(wanted, longest // _LARGEST_SHARE)))


def _errors(blind: SeriesModel, panel: Panel, end: int, steps: int) -> Array:
    """Return the errors (n_series, steps) of forecasts from `end` steps before the end."""
    known = panel.before_end(end)
    here = panel.ids.get_indexer(known.ids)
    forecaster = blind.observe(known)
    begin = panel.offsets[here] + known.lengths
    ahead = np.arange(steps)
    future = panel.future[begin[:, np.newaxis] + ahead]
    forecast = forecaster.forecast(steps, future)
    series = np.arange(known.n_series)
    truth = forecaster.in_units(panel.values[begin[:, np.newaxis] + ahead], series)
    return np.abs(truth - forecast)
