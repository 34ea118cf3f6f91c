"""How wide an interval must be: by the errors of held-out forecasts, or by forecast quantiles."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast.exceptions import ParameterError
from seqforecast.forecasting.data.fold_columns import Y_HAT, level_text
from seqforecast.forecasting.data.panel import FutureRows
from seqforecast.forecasting.model.held_out import (
    EarlierCutoff,
    earlier_cutoffs,
    held_out_steps,
    held_out_values,
)
from seqforecast.forecasting.model.series_model import SeriesModel

Array = NDArray[np.float64]
Cells = NDArray[np.int64]

INTERVALS = ("conformal", "quantile", None)
"""The values of the parameter `intervals`."""

_PANEL_COUNTS = 20
"""Cutoffs of a series that weigh as much as what all series say of how hard it is."""

_MOST_BLOCKS = 10_000
"""Of the horizon: a minute or so, and four times as long for twice as many."""

_SAME = 1e-9
"""Quantiles that differ by less are the same: (1 - 0.8) / 2 is not quite 0.1."""


class Intervals(ABC):
    """How the ends of intervals are found: one of the values of the parameter `intervals`."""

    @abstractmethod
    def prepare(self, levels: Sequence[float], steps: int) -> None:
        """Compute what some levels need so many steps ahead; raise if they cannot be had."""

    def without_data(self, levels: Sequence[float], steps: int) -> Intervals:
        """Return intervals of some levels, so many steps ahead, that need no data any more."""
        if levels:
            self.prepare(levels, steps)
        return self

    @abstractmethod
    def forecast(
        self,
        model: SeriesModel,
        steps: int,
        levels: Sequence[float],
        future: Array,
        series: Cells | None,
    ) -> tuple[Array, Array]:
        """Return forecasts (n, steps) and ends (n, steps, n_levels, 2), in units of each series."""

    @abstractmethod
    def warn_if_too_narrow(
        self, model: SeriesModel, rows: FutureRows, levels: Sequence[float]
    ) -> None:
        """Warn of intervals that hold less than they say, on behalf of the caller's caller."""


class Conformal(Intervals):
    """Split conformal prediction.

    Parameters
    ----------
    fitted : SeriesModel
        The model as it was fitted: the scores are the same whatever it takes in later, and
        whatever was asked before.
    """

    def __init__(self, fitted: SeriesModel) -> None:
        self.fitted = fitted
        self._scores: dict[int, ConformalScores] = {}

    def prepare(self, levels: Sequence[float], steps: int) -> None:
        """Compute the scores, which serve any level; raise if there is too little data."""
        self.scores(steps)

    def without_data(self, levels: Sequence[float], steps: int) -> Intervals:
        """Return the same with the scores alone, without the series that gave them."""
        n_blocks = -(-steps // self.fitted.horizon)
        scores = self.scores(steps) if levels else None
        return MeasuredConformal(scores, n_blocks * self.fitted.horizon)

    def scores(self, steps: int) -> ConformalScores:
        """Return the scores of the blocks that so many steps reach into."""
        n_blocks = -(-steps // self.fitted.horizon)
        if n_blocks not in self._scores:
            scores = conformal_scores(self.fitted, n_blocks * self.fitted.horizon)
            self._scores = {**self._scores, n_blocks: scores}
        return self._scores[n_blocks]

    def forecast(
        self,
        model: SeriesModel,
        steps: int,
        levels: Sequence[float],
        future: Array,
        series: Cells | None,
    ) -> tuple[Array, Array]:
        """Return the forecasts, and as much to either side as held-out errors were."""
        forecast = model.forecast(steps, future, series)
        ends = np.empty((*forecast.shape, len(levels), 2))
        if not levels:
            return forecast, ends
        scores = self.scores(steps)
        series = np.arange(model.panel.n_series) if series is None else series
        # Behind missing values a step is further ahead than it says.
        ahead = model.missing_at_end(series)[:, np.newaxis] + np.arange(steps)
        difficulty = _of_members(scores.difficulty, model)[series, np.newaxis]
        for k, level in enumerate(levels):
            width = scores.half_width(level)
            half = difficulty * width[np.minimum(ahead, len(width) - 1)]
            ends[:, :, k, 0], ends[:, :, k, 1] = forecast - half, forecast + half
        return forecast, ends

    def warn_if_too_narrow(
        self, model: SeriesModel, rows: FutureRows, levels: Sequence[float]
    ) -> None:
        """Warn of levels for which there are too few errors."""
        if not levels:
            return
        highest = self.scores(rows.horizon).highest_level
        if max(levels) > highest:
            warnings.warn(
                f"level={level_text(max(levels))} needs more errors of held-out forecasts than "
                f"this history gives: up to {level_text(np.floor(10 * highest) / 10)} % can be "
                "told. The largest error stands in, so that such intervals are too narrow.",
                stacklevel=3,
            )


class MeasuredConformal(Conformal):
    """Conformal intervals whose errors were measured before: they need no data any more.

    Parameters
    ----------
    measured : ConformalScores or None
        The errors; None where no intervals will be asked for.
    steps : int
        How far ahead they were asked for.
    """

    def __init__(self, measured: ConformalScores | None, steps: int) -> None:
        self.measured = measured
        self.steps = steps

    def scores(self, steps: int) -> ConformalScores:
        """Return the scores; raise if more steps are asked for than were measured."""
        if self.measured is None or steps > self.steps:
            raise ValueError(
                f"level was prepared for {self.steps} step(s) ahead, {steps} are asked for; there "
                "are no data here to measure more. Begin with as many: "
                "forecaster.stream(X, level=...)."
            )
        return self.measured


class Quantiles(Intervals):
    """The quantiles that the regressor forecasts.

    Parameters
    ----------
    regressor : scikit-learn regressor
        With `predict_quantiles` and a parameter `quantiles`.
    """

    def __init__(self, regressor: Any) -> None:
        self.known = tuple(float(quantile) for quantile in regressor.quantiles)

    def prepare(self, levels: Sequence[float], steps: int) -> None:
        """Raise if the regressor does not forecast the quantiles of a level."""
        for level in levels:
            lacking = [q for q in _quantiles_of(level) if not self._knows(q)]
            if not lacking:
                continue
            wanted = tuple(sorted({*self.known, *lacking}))
            raise ValueError(
                f"level={level_text(level)} needs the quantile(s) "
                f"{' and '.join(map(level_text, lacking))}, but the regressor forecasts "
                f"quantiles={self.known}. Set quantiles={wanted} in the regressor and fit again, "
                "or use intervals='conformal'."
            )

    def _knows(self, quantile: float) -> bool:
        return any(abs(known - quantile) < _SAME for known in self.known)

    def forecast(
        self,
        model: SeriesModel,
        steps: int,
        levels: Sequence[float],
        future: Array,
        series: Cells | None,
    ) -> tuple[Array, Array]:
        """Return the forecasts, and the quantiles that stand for each level."""
        wanted = [quantile for level in levels for quantile in _quantiles_of(level)]
        forecast, ends = model.forecast_quantiles(steps, wanted, future, series)
        return forecast, ends.reshape(*forecast.shape, len(levels), 2)

    def warn_if_too_narrow(
        self, model: SeriesModel, rows: FutureRows, levels: Sequence[float]
    ) -> None:
        """Warn of steps behind the first block, whose quantiles take forecasts for known."""
        furthest = int((rows.step + model.missing_at_end(rows.series)).max(initial=0))
        if levels and furthest > model.horizon:
            warnings.warn(
                f"step {furthest} behind the last known value is asked for, but quantiles are "
                f"learnt of horizon={model.horizon} steps; those of later ones take forecasts for "
                "known values, so that such intervals are too narrow. Use a longer horizon or "
                "intervals='conformal'.",
                stacklevel=3,
            )


def intervals_of(kind: str | None, model: SeriesModel) -> Intervals:
    """Return how the ends of intervals around the forecasts of a fitted model are found."""
    return Quantiles(model.regressor) if kind == "quantile" else Conformal(model)


def require_quantiles(regressor: Any) -> None:
    """Raise if a regressor cannot forecast quantiles."""
    name = type(regressor).__name__
    if not (hasattr(regressor, "predict_quantiles") and hasattr(regressor, "quantiles")):
        raise ValueError(
            f"intervals='quantile', but {name} forecasts no quantiles; a regressor with "
            "predict_quantiles and a parameter quantiles is needed. Pass for example "
            "regressor=LSTMRegressor(loss='quantile'), or use intervals='conformal'."
        )
    loss = getattr(regressor, "loss", "quantile")
    if loss != "quantile":
        raise ValueError(
            f"intervals='quantile', but the regressor has {loss=}; a loss that learns quantiles "
            "is needed. Set loss='quantile' in it (set_params(regressor__loss='quantile')), or use "
            "intervals='conformal'."
        )


def checked_levels(level: Any) -> tuple[float, ...]:
    """Return the levels of intervals as numbers, or say what is wrong with them."""
    if level is None:
        return ()
    given = tuple(level) if isinstance(level, Iterable) else (level,)
    for one in given:
        if isinstance(one, bool) or not isinstance(one, Real) or not 1 <= float(one) < 100:
            raise ValueError(
                f"{level=}; numbers from 1 to below 100, in percent, are needed. Pass for example "
                "level=[80, 95]."
            )
    return tuple(dict.fromkeys(int(o) if isinstance(o, Integral) else float(o) for o in given))


def requested_forecasts(
    model: SeriesModel, intervals: Intervals, rows: FutureRows, level: Any
) -> dict[str, Array]:
    """Return the forecasts asked for and the ends of their intervals, by column name."""
    levels = checked_levels(level)
    require_few_blocks(model, rows)
    if levels:
        intervals.prepare(levels, rows.horizon)
    return forecast_columns(model, rows, levels, intervals)


def require_few_blocks(model: SeriesModel, rows: FutureRows) -> None:
    """Refuse what would take hours: each block is forecast from all those before."""
    horizon, steps = model.horizon, rows.horizon
    if steps > _MOST_BLOCKS * horizon:
        raise ValueError(
            f"{steps} steps ahead were asked for, {-(-steps // horizon)} blocks of {horizon=}, "
            f"each made of the forecasts before it; at most {_MOST_BLOCKS} blocks are possible. "
            f"Fit with a horizon of {-(-steps // _MOST_BLOCKS)} or more, or ask for fewer steps."
        )


def forecast_columns(
    model: SeriesModel, rows: FutureRows, levels: Sequence[float], intervals: Intervals
) -> dict[str, Array]:
    """Return forecasts and the ends of their intervals, by column name.

    Parameters
    ----------
    model : SeriesModel
        Fitted.
    rows : FutureRows
        What is forecast.
    levels : sequence of float
        Coverage of the intervals in percent.
    intervals : Intervals
        How their ends are found.
    """
    series, position = np.unique(rows.series, return_inverse=True)
    every = len(series) == model.panel.n_series
    features = rows.table(model.panel.n_series)[series]
    units, ends = intervals.forecast(
        model, rows.horizon, levels, features, None if every else series
    )

    def values(units: Array) -> Array:
        return model.in_values(units, series)[position, rows.step - 1]

    columns = {Y_HAT: values(units)}
    for k, level in enumerate(levels):
        pair = values(ends[:, :, k, 0]), values(ends[:, :, k, 1])
        text = level_text(level)
        columns[f"lo-{text}"] = np.minimum(*pair)  # a transformer may turn the order round
        columns[f"hi-{text}"] = np.maximum(*pair)
    return columns


def _quantiles_of(level: float) -> tuple[float, float]:
    """Return the probabilities of the ends of an interval, without the noise of subtraction."""
    below = round(0.5 - level / 200.0, 12)
    return below, round(1.0 - below, 12)


@dataclass(frozen=True)
class ConformalScores:
    """Absolute errors of held-out forecasts, in units of each series.

    Parameters
    ----------
    errors : list of ndarray
        Of each step ahead, sorted; relative to how hard each series is to forecast.
    difficulty : ndarray of shape (n_series,)
        How hard each series of the fit is to forecast; 1 is the mean.
    """

    errors: list[Array]
    difficulty: Array

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
    r"""Return the errors of a model like this one, that has not seen the newest steps.

    Parameters
    ----------
    model : SeriesModel
        Fitted; what it was fitted to is known to it.
    steps : int
        Steps ahead.

    Notes
    -----
    The score of a held-out value is :math:`|y - \hat y| / (s_i d_i)`, with the unit s of its series
    i and its difficulty

    .. math:: d_i = \frac{n_i r_i / \bar r + 20}{n_i + 20},

    where r is the mean absolute error of the baseline over the n cutoffs of the training part, in
    units of the series, and :math:`\bar r` the mean of r over the series: locally weighted
    conformal prediction (section 5.2 of the reference), shrunk to what all series say. r is
    measured in the training part of the model that is held to the scores, so that held-out and new
    values are treated alike.

    References
    ----------
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, Distribution-free predictive
    inference for regression, Journal of the American Statistical Association 113, 2018.
    """
    held_out = held_out_steps(model, steps)
    if held_out is None:
        longest, season = int(model.panel.lengths.max()), model.lookback.season
        widest = longest - steps - model.horizon
        helps = 0 < widest < model.window  # it may be the season that asks for so many
        shorter = f"window={widest} or less" if helps else "a smaller horizon or season"
        raise ParameterError(
            f"level needs forecasts of {steps} held-out step(s): {model.fewest_values + steps} "
            f"values with window={model.window}, horizon={model.horizon} and a season of {season}; "
            f"the longest series has {longest}.",
            parameter="level",
            cure=f"Use {shorter}, forecast fewer steps, or leave level out.",
        )
    if np.isnan(held_out_values(model, held_out, steps)).all(axis=0).any():
        raise ValueError(
            f"level needs values to compare forecasts with; the newest {held_out} are missing. "
            "Pass a series whose newest values are known, or leave level out."
        )
    difficulty = _difficulty(model.blind(held_out))
    parts = [_errors(cutoff, difficulty) for cutoff in earlier_cutoffs(model, held_out, steps)]
    known = [column[~np.isnan(column)] for column in np.concatenate(parts).T]
    return ConformalScores([np.sort(column) for column in known], _difficulty(model))


def _errors(cutoff: EarlierCutoff, difficulty: Array) -> Array:
    """Return the scores (n_series, steps) of the forecasts from a held-out cutoff."""
    error = np.abs(cutoff.truth - cutoff.forecast())
    return error / _of_members(difficulty, cutoff.model)[:, np.newaxis]


def _difficulty(model: SeriesModel) -> Array:
    """Return how hard each series of a fitted model is to forecast; 1 is the mean."""
    if not model.baseline_.informs:
        return np.ones(model.panel.n_series)
    errors, n_cutoffs = model.baseline_errors()
    mean = errors[n_cutoffs > 0].mean()
    relative = np.where(n_cutoffs > 0, errors / mean, 1.0) if mean > 0 else np.ones_like(errors)
    difficulty: Array = (n_cutoffs * relative + _PANEL_COUNTS) / (n_cutoffs + _PANEL_COUNTS)
    return difficulty


def _of_members(difficulty: Array, model: SeriesModel) -> Array:
    """Return the difficulty of the series that a model knows now; 1 of those new to it."""
    return np.append(difficulty, 1.0)[model.members]
