"""Forecasts from earlier cutoffs, each made with nothing but what was known there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone

from seqforecast._shared.checks import check_flag, check_integer
from seqforecast._shared.progress import new_bar
from seqforecast.containers.frames import is_frame
from seqforecast.forecasting.cutoffs import checked_cutoffs
from seqforecast.forecasting.data.fold_columns import CUTOFF, STEP, note_columns
from seqforecast.forecasting.data.frames import to_long_form
from seqforecast.forecasting.data.lookalikes import warn_of_spaces
from seqforecast.forecasting.data.own_lags import warn_of_own_lags
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.forecaster import Forecaster
from seqforecast.forecasting.model.folds import fold_columns
from seqforecast.forecasting.model.intervals import (
    Intervals,
    Quantiles,
    checked_levels,
    intervals_of,
)
from seqforecast.forecasting.model.regressor_check import warn_if_one_sided
from seqforecast.forecasting.model.series_model import SeriesModel
from seqforecast.forecasting.model.weighting import fit_with_weight

Array = NDArray[np.float64]


def backtest(
    forecaster: Forecaster,
    data: Any,
    *,
    horizon: int,
    n_folds: int,
    step: int | None = None,
    refit: bool = True,
    level: Any = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Forecast from earlier cutoffs, and put the actual values beside the forecasts.

    Use it to learn how good a forecaster is: on one series or many, at every step ahead. Cutoffs
    are moments in time, the same for all series; a fold sees nothing that is later, of any
    series. Give the result to `evaluate`.

    Parameters
    ----------
    forecaster : Forecaster
        What is tested. It is cloned, not fitted.
    data : Series, DataFrame, array-like or tuple (X, y)
        As for ``forecaster.fit``.
    horizon : int
        Steps to forecast from each cutoff.
    n_folds : int
        Number of cutoffs. The last one lies `horizon` steps before the newest known value.
    step : int, default=None
        Steps from a cutoff to the next; None is `horizon`, so that folds do not overlap.
    refit : bool, default=True
        Whether the forecaster is fitted anew at every cutoff; otherwise once, at the first, and
        then only takes in the values that follow.
    level : float or list of float, default=None
        Coverage of intervals in percent, as for ``forecaster.predict``.
    n_jobs : int, default=None
        Folds that are fitted at the same time, in processes of joblib; None is 1.
    progress : bool, default=False
        Whether a bar over the folds is shown on stderr, in terminals and notebooks.

    Returns
    -------
    DataFrame
        A row a forecast, in long form, sorted by series, cutoff and step; of polars where the
        data are:

        - ``unique_id``, ``cutoff``, ``step`` (from 1), ``ds``: of what, from when, for when
        - ``y``, ``y_hat``, and with `level` ``lo-80``, ``hi-80``: actual value, forecast
        - ``seasonal_naive``: the value of the last season, the forecast to beat
        - ``mase_scale``, ``rmsse_scale``: mean absolute and root mean squared change of the
          known part over a season, by which `evaluate` scales errors; over a step where the known
          part of a series is no longer than a season

        Names of series, time and target are those of ``forecaster.columns``; ``attrs`` holds
        them under ``"seqforecast_columns"``, where `evaluate` finds them. A series that ends
        before a cutoff, or begins after it, has no rows there.

    Raises
    ------
    ValueError
        If the data cannot be used, or are too short for so many folds (`ParameterError`).
    TypeError
        If `forecaster` is no `Forecaster`.

    Warns
    -----
    UserWarning
        If a future feature equals the target, or its value fewer than `horizon` steps before; or
        if names of two series differ in white space at their ends only.

    See Also
    --------
    evaluate : Errors of the result.
    PanelSplit : The same cutoffs for a search of scikit-learn over a long frame.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from seqforecast import Forecaster, backtest
    >>> from seqforecast.datasets import load_airline
    >>> forecaster = Forecaster(Ridge(), window=24, horizon=12)
    >>> folds = backtest(forecaster, load_airline(), horizon=12, n_folds=3)
    >>> folds[["cutoff", "step", "ds", "y"]].head(2)
          cutoff  step         ds      y
    0 1957-12-01     1 1958-01-01  340.0
    1 1957-12-01     2 1958-02-01  318.0
    """
    if not isinstance(forecaster, Forecaster):
        searched = hasattr(forecaster, "best_estimator_")
        raise TypeError(
            f"forecaster is a {type(forecaster).__name__}; a Forecaster is needed, which knows "
            f"how to read series. Pass {'its best_estimator_' if searched else _A_FORECASTER}."
        )
    check_integer("horizon", horizon)
    check_integer("n_folds", n_folds)
    check_integer("step", horizon if step is None else step)
    check_flag("refit", refit)
    check_flag("progress", progress)
    forecaster._check_parameters()
    if isinstance(data, list) and len(data) == 2 and any(map(is_frame, data)):
        raise TypeError(
            "data is a list of two, with a frame among them; features and their target are needed "
            "as a tuple, many series as one frame. Pass tuple(data)."
        )
    is_pair = isinstance(data, tuple) and len(data) == 2
    panel, form = forecaster._read(*data) if is_pair else forecaster._read(data)
    window = forecaster.window
    cutoffs = checked_cutoffs(
        panel,
        horizon=horizon,
        n_folds=n_folds,
        step=horizon if step is None else step,
        needed=(1 if window == "auto" else window) + forecaster.horizon,
        need=f"{window=} and horizon={forecaster.horizon} of the forecaster need",
    )
    warn_if_one_sided(forecaster.regressor, stacklevel=2)
    warn_of_own_lags(panel, max(horizon, forecaster.horizon), stacklevel=2)
    warn_of_spaces(panel.ids, form.place, stacklevel=2)
    levels = checked_levels(level)
    if forecaster.intervals == "quantile":  # what is wrong must be said before the fits
        Quantiles(forecaster.regressor).prepare(levels, horizon)
    task = BacktestTask(forecaster, panel, int(horizon), levels)
    folds: Iterable[Fold | None]
    if refit:
        one_by_one = {"return_as": "generator"} if progress else {}
        folds = Parallel(n_jobs=n_jobs, **one_by_one)(delayed(task.fold)(end) for end in cutoffs)
    else:
        folds = task.folds_of_one_fit(cutoffs)
    if progress:
        folds = _counted(folds, len(cutoffs))
    scored = [fold for fold in folds if fold is not None]
    if not scored:
        raise ValueError(
            f"no series is known before and after any of the {n_folds} cutoffs; at least one that "
            "goes on is needed. Use a smaller horizon or other folds."
        )
    frame = folds_frame(scored, panel, forecaster.columns)
    return to_long_form(form, frame, (forecaster.columns[1], CUTOFF))


_A_FORECASTER = "Forecaster(regressor, ...)"


def _counted(folds: Iterable[Fold | None], n_folds: int) -> Iterator[Fold | None]:
    """Yield folds as they come, and move a bar by each."""
    with new_bar(n_folds, "folds") as bar:
        for fold in folds:
            bar.update()
            yield fold


@dataclass(frozen=True)
class Fold:
    """The forecasts of one cutoff: a value a row in each array."""

    cutoff: int
    series: NDArray[np.int64]  # index into the whole panel
    step: NDArray[np.int64]
    columns: dict[str, Array]


@dataclass(frozen=True)
class BacktestTask:
    """What is the same in all folds."""

    forecaster: Forecaster
    panel: Panel
    horizon: int
    levels: tuple[float, ...]

    def fold(self, cutoff: int) -> Fold | None:
        """Fit at a cutoff and forecast."""
        known = self.panel.until(cutoff)
        model = self._fit(known)
        return self._forecast(cutoff, known, model, self._intervals(model))

    def folds_of_one_fit(self, cutoffs: NDArray[np.int64]) -> Iterator[Fold | None]:
        """Fit at the first cutoff, and forecast from all."""
        model = self._fit(self.panel.until(cutoffs[0]))
        yield from self.folds_of(model, self._intervals(model), cutoffs)

    def folds_of(
        self, model: SeriesModel, intervals: Intervals, cutoffs: NDArray[np.int64]
    ) -> Iterator[Fold | None]:
        """Forecast from all cutoffs with what was learnt up to the first."""
        for cutoff in cutoffs:
            known = self.panel.until(cutoff)
            if known.n_series:  # a part of a panel may begin later
                yield self._forecast(cutoff, known, model.with_panel(known), intervals)

    def _fit(self, known: Panel) -> SeriesModel:
        return fit_with_weight(clone(self.forecaster)._new_model(), known)

    def _intervals(self, model: SeriesModel) -> Intervals:
        return intervals_of(self.forecaster.intervals, model)

    def _forecast(
        self, cutoff: int, known: Panel, model: SeriesModel, intervals: Intervals
    ) -> Fold | None:
        rows = self.panel.rows_after(cutoff, self.horizon, known=known)
        if not len(rows.step):
            return None  # no series goes on
        series = self.panel.ids.get_indexer(known.ids)[rows.series]
        at = self.panel.offsets[series] + cutoff - self.panel.first[series] + rows.step
        columns = fold_columns(model, rows, self.panel.values[at], self.levels, intervals)
        return Fold(cutoff, series, rows.step, columns)


def folds_frame(folds: list[Fold], panel: Panel, columns: tuple[Any, ...]) -> pd.DataFrame:
    """Return all folds as one long frame, sorted by series, cutoff and step."""
    unique_id, ds, y = columns
    series = np.concatenate([fold.series for fold in folds])
    step = np.concatenate([fold.step for fold in folds])
    cutoff = np.concatenate([np.full(len(fold.step), fold.cutoff) for fold in folds])
    order = np.lexsort((step, cutoff, series))
    series, step, cutoff = series[order], step[order], cutoff[order]
    frame = {
        unique_id: panel.ids.take(series),
        CUTOFF: panel.grid.times(cutoff),
        STEP: step,
        ds: panel.grid.times(cutoff + step),
    }
    for name in folds[0].columns:
        values = np.concatenate([fold.columns[name] for fold in folds])[order]
        frame[y if name == "y" else name] = values
    return note_columns(pd.DataFrame(frame), columns)
