"""Errors of a forecaster on steps that it had not seen, or, where that cannot be, on seen ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast.forecasting import Forecaster, evaluate
from seqforecast.forecasting.backtest import BacktestTask, Fold, folds_frame
from seqforecast.forecasting.cutoffs import cutoffs_before
from seqforecast.forecasting.data.columns import COLUMNS
from seqforecast.forecasting.data.fold_columns import levels_of
from seqforecast.forecasting.data.frames import read_new
from seqforecast.forecasting.data.lookalikes import known_ids
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.model.held_out import held_out_steps
from seqforecast.forecasting.model.intervals import Conformal, Quantiles, checked_levels
from seqforecast.forecasting.model.series_model import SeriesModel
from seqforecast.forecasting.parts import parts_of, read_as_fit

_FEWEST_FOLDS = 50
"""Cutoffs that are measured however long they take, where there are so many."""

_WORK = 50_000_000
"""Values that may be looked at, of all cutoffs together: half a minute of a slow machine."""

_OF_A_FOLD = 20_000
"""Values that take as long as what a cutoff costs however short the series are."""

_LEVELS = (80, 95)
_SAME = 1e-6


@dataclass(frozen=True)
class Measured:
    """A backtest, and what it was.

    Parameters
    ----------
    folds : DataFrame
        As `backtest` returns it.
    kind : {"new", "held out", "seen"}
        Whether the steps came after the fit, were held out from a second fit, or had been seen.
    panel : Panel
        The series, up to the newest step.
    n_available : int
        Steps that there were to be measured; of too many the newest are.
    held_out : int
        Steps that the second fit went without.
    as_fitted : DataFrame or None
        The same steps, forecast by the forecaster as it was fitted, which had seen them.
    """

    folds: pd.DataFrame
    kind: str
    panel: Panel
    n_available: int
    held_out: int = 0
    as_fitted: pd.DataFrame | None = None

    @property
    def n_cutoffs(self) -> int:
        """From how many cutoffs was forecast."""
        return int(self.folds["cutoff"].nunique())

    @property
    def n_measured(self) -> int:
        """How many steps were forecast, however many series have them."""
        return int(self.folds["ds"].nunique())

    @property
    def steps(self) -> int:
        """How far ahead."""
        return int(self.folds["step"].max())

    @cached_property
    def errors(self) -> pd.DataFrame:
        """The errors over all series, a row a metric."""
        coverage = [f"coverage-{level}" for level in levels_of(self.folds)]
        metrics = ["mae", "rmse", "smape", "mase", *coverage]
        table = evaluate(self.folds, metrics)
        if self.as_fitted is not None:
            points = evaluate(self.as_fitted, metrics[:4])
            table["as_fitted"] = points["y_hat"].reindex(table.index)
        return table

    @property
    def mae(self) -> tuple[float, float]:
        """The mean absolute error, and that of the naive forecast."""
        first = self.errors.iloc[0]
        return float(first["y_hat"]), float(first["seasonal_naive"])

    @cached_property
    def by_series(self) -> pd.Series:
        """MASE by series, the mean absolute error where no series has one; worst first."""
        for metric in ("mase", "mae"):
            table = evaluate(self.folds, metric, by="series").set_index("unique_id")["y_hat"]
            if table.notna().any():
                break
        return table.dropna().sort_values(ascending=False, kind="stable").rename(metric)


def measure(forecaster: Forecaster, later: Panel | None) -> Measured:
    """Measure the errors of a fitted forecaster.

    Parameters
    ----------
    forecaster : Forecaster
        Fitted.
    later : Panel or None
        What it knows and the later values, if there are any.

    Raises
    ------
    ValueError
        If there is no forecast whose target is known.
    """
    parts, horizon = parts_of(forecaster), int(forecaster.horizon)
    model = parts.model
    if later is not None:
        task = BacktestTask(forecaster, later, horizon, shown_levels(forecaster))
        n_later = int(later.last.max()) - int(model.panel.last.max())
        cutoffs = _cutoffs(later, n_later, horizon)
        return Measured(_folds(task, model, forecaster, cutoffs), "new", later, n_later)
    panel = model.panel
    newest = int(panel.last.max())
    held_out = held_out_steps(model, horizon)
    if held_out is None:
        room = max(1, (int(panel.lengths.max()) - model.lookback.season - 1) // horizon)
        cutoffs = cutoffs_before(newest, horizon, min(room, 3), horizon)
        task = BacktestTask(forecaster, panel, horizon, ())
        folds = _folds(task, model, forecaster, cutoffs)
        return Measured(folds, "seen", panel, int(panel.lengths.max()))
    cutoffs = _cutoffs(panel, held_out, horizon)
    # Conformal intervals were made of these very errors: how often they hold them says nothing.
    of_model = isinstance(parts.intervals, Quantiles)
    task = BacktestTask(forecaster, panel, horizon, shown_levels(forecaster) if of_model else ())
    folds = _folds(task, model.blind(held_out), forecaster, cutoffs)
    as_fitted = _folds(task, model, forecaster, cutoffs)
    return Measured(folds, "held out", panel, held_out, held_out, as_fitted)


def shown_levels(forecaster: Forecaster) -> tuple[float, ...]:
    """Return the levels of intervals that a forecaster can tell."""
    intervals, horizon = parts_of(forecaster).intervals, int(forecaster.horizon)
    if isinstance(intervals, Quantiles):
        levels = [round(100 * (1 - 2 * q), 9) for q in intervals.known if 0.005 <= q < 0.495]
        return checked_levels(sorted(level for level in levels if _has(intervals, level, horizon)))
    assert isinstance(intervals, Conformal)
    try:
        highest = intervals.scores(horizon).highest_level
    except ValueError:  # the series are too short; the errors of the report say so, too
        return ()
    return tuple(level for level in _LEVELS if level <= highest)


def _has(intervals: Quantiles, level: float, horizon: int) -> bool:
    try:
        intervals.prepare((level,), horizon)
    except ValueError:
        return False
    return True


def later_steps(forecaster: Forecaster, X: Any, y: Any) -> Panel | None:
    """Return what a forecaster knows and what data hold beyond it; None where they hold nothing.

    Rows behind the last value, which tell what is planned, are part of it.

    Raises
    ------
    ValueError
        If the data differ from those of the fit where they overlap, or cannot be read.
    """
    form, known = parts_of(forecaster).form, parts_of(forecaster).panel
    try:
        given, read = read_as_fit(forecaster, X, y)
    except ValueError:  # a few rows that follow have no frequency of their own
        return known.append(read_new(form, known, X, y))
    if form.kind in ("series", "xy") or (form.kind == "wide" and not form.labelled):
        if given.n_series != known.n_series:
            raise ValueError(
                f"X holds {given.n_series} series, but fit saw {known.n_series}; the same are "
                "needed. Pass the data of fit, and the later values."
            )
        given = replace(given, ids=known.ids)
    given = replace(given, ids=known_ids(known.ids, given.ids, "The rows of X", read.place))
    origin = int(known.grid.positions(given.grid.times(np.array([0])))[0])
    given = replace(given, first=given.first + origin, grid=known.grid)
    found = known.ids.get_indexer(given.ids)
    _require_same(known, given, found)
    end = np.where(found >= 0, known.last[found] + 1, given.first)
    later = given.after(np.clip(end - given.first, 0, given.lengths))
    return known.append(later) if later.n_series else None


def _require_same(known: Panel, given: Panel, found: NDArray[np.intp]) -> None:
    """Refuse values that differ from what was fitted: they were another series."""
    for series in np.flatnonzero(found >= 0):
        one = int(found[series])
        begin = max(int(known.first[one]), int(given.first[series]))
        end = min(int(known.last[one]), int(given.last[series])) + 1
        if end <= begin:
            continue
        a, b = _values(known, one, begin, end), _values(given, int(series), begin, end)
        differ = ~np.isclose(a, b, rtol=_SAME, atol=0.0, equal_nan=True)
        if differ.any():
            at = int(np.argmax(differ))
            raise ValueError(
                f"X holds {b[at]:g} for series {known.ids[one]!r} at "
                f"{known.grid.label(begin + at)}, but fit saw {a[at]:g}; the data of the fit "
                "are needed, and perhaps later values. Pass these, or leave X out."
            )


def _values(panel: Panel, series: int, begin: int, end: int) -> NDArray[np.float64]:
    start = int(panel.offsets[series] - panel.first[series])
    return panel.values[start + begin : start + end]  # noqa: PD011  (an array)


def _cutoffs(panel: Panel, n_steps: int, horizon: int) -> NDArray[np.int64]:
    """Return cutoffs a horizon apart, after which come the newest steps; all, or those affordable.

    Fewer steps than a horizon are forecast from the one cutoff before them.
    """
    newest = int(panel.last.max())
    if n_steps < horizon:
        return np.array([newest - n_steps])
    most = max(_FEWEST_FOLDS, _WORK // (int(panel.lengths.sum()) + _OF_A_FOLD))
    return cutoffs_before(newest, horizon, min(n_steps // horizon, most), horizon)


def _folds(
    task: BacktestTask, model: SeriesModel, forecaster: Forecaster, cutoffs: NDArray[np.int64]
) -> pd.DataFrame:
    """Forecast from some cutoffs with a model that is fitted already."""
    intervals = parts_of(forecaster).intervals
    folds: list[Fold] = [
        fold for fold in task.folds_of(model, intervals, cutoffs) if fold is not None
    ]
    if not folds:
        raise ValueError("no series is known before and after any cutoff")
    return folds_frame(folds, task.panel, COLUMNS)
