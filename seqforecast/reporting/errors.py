"""Errors beside those of the seasonal naive forecast, and what exactly was measured, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from seqforecast._shared.numbers import number, percent
from seqforecast._shared.time_index import show_time
from seqforecast.displays.forecast_frames import index_of
from seqforecast.displays.style import BLUE, VERMILLION, clean, integer_ticks, legend_above
from seqforecast.forecasting import Forecaster, evaluate
from seqforecast.reporting.backtest_errors import Measured
from seqforecast.reporting.blocks import Block, Figure, Grid, Number, Paragraph, Table
from seqforecast.reporting.svg import Pictures
from seqforecast.reporting.verdict import against_naive, naive_title
from seqforecast.reporting.windows import WindowErrors

_MEANING = {
    "mae": "MAE: mean absolute error, in the unit of the values",
    "rmse": "RMSE: root of the mean squared error, which counts large errors more",
    "smape": "SMAPE: symmetric percentage error, 0 to 200",
    "mase": "MASE: mean absolute error in units of that of the naive forecast in the known past",
    "r2": "R2: 1 is perfect, 0 is the mean of the actual values",
}

_EACH_END = 10

_TELLING = 20
"""Forecasts of each step, below which the errors say little."""


def error_part(forecaster: Forecaster, measured: Measured | str, draw: Pictures) -> list[Block]:
    """Return the errors of a forecaster: what was measured, a table, and the error by step."""
    if isinstance(measured, str):
        return [Paragraph(f"No error could be measured: {measured}.")]
    season = forecaster.season_[0]
    content: list[Block] = [
        Paragraph(_what(forecaster, measured)),
        Paragraph(_mae(*measured.mae, season)),
    ]
    n_each = len(measured.folds) / max(measured.steps, 1)
    if n_each < _TELLING:
        content.append(
            Paragraph(
                f"Each step was forecast only {number(n_each)} times: with so few forecasts the "
                "comparison is uncertain.",
                style="soft",
            )
        )
    whole = _error_table(measured, season)
    by_step = _by_step(measured, season, draw)
    content.append(Grid([whole, by_step]) if by_step else whole)
    series = measured.by_series
    if len(series) > 1:
        content.append(_by_series(measured, series, season))
    return content


def _what(forecaster: Forecaster, measured: Measured) -> str:
    """Say exactly what was measured, and whether it had been seen."""
    n, steps = measured.n_cutoffs, measured.steps
    moments = "one cutoff" if n == 1 else f"{n} cutoffs"
    ahead = "1 step" if steps == 1 else f"{steps} steps"
    each = f"{len(measured.folds):,} forecasts, up to {ahead} ahead of {moments}"
    times = measured.folds["ds"]
    span = f"from {show_time(times.min())} to {show_time(times.max())}"
    if measured.kind == "new":
        said = (
            f"Measured on new data: {each}, {span}. These are {_share(measured)} that came after "
            "those that the forecaster knew; it had not seen them, and was not fitted again. From "
            "the second cutoff on it is given the actual values before it."
        )
    elif measured.kind == "held out":
        said = (
            "Measured on steps not seen in training: a copy of the forecaster was fitted without "
            f"the newest {measured.held_out} steps, and made {each}, {span}, each knowing all "
            f"values up to its cutoff. These are {_share(measured)} that it went without. The last "
            "column flatters: these are the errors of the forecaster itself, which was fitted to "
            "these steps, too (unless they came by update)."
        )
        if forecaster.regressor_weight == "auto":
            said += " The weight of the regressor was chosen on all steps; that flatters both."
    else:
        said = (
            f"Measured on TRAINING data: {each}, {span}, by the forecaster that was fitted to "
            f"these very steps, {_share(measured)} that it knows. The series are too short to hold "
            "any out. Errors on new steps are larger, often much larger."
        )
    return said


def _share(measured: Measured) -> str:
    """Say how many of how many steps were measured."""
    n, of = measured.n_measured, measured.n_available
    if n < of:
        return f"the newest {n:,} of {of:,} steps"
    return "the only step" if n == 1 else f"all {n:,} steps"


def _mae(ours: float, naive: float, season: int) -> str:
    said = number(ours)
    if np.isfinite(naive):
        said = f"{against_naive(ours, naive, season)}, {number(naive)}"
    return f"The mean absolute error is {said}."


def _error_table(measured: Measured, season: int) -> Table:
    head = ["error", "forecaster", naive_title(season), "ratio"]
    if measured.kind == "seen":
        head[1] = "forecaster, on TRAINING data"
    if measured.as_fitted is not None:
        head.append("as fitted: had seen these")
    has_seen = measured.as_fitted is not None
    rows = [_error_row(row, has_seen) for row in measured.errors.to_dict("records")]
    caption = "Errors over all of these forecasts. " + _meaning(measured.errors["metric"])
    return Table(caption, head, rows, name="errors-table")


def _error_row(row: dict[Any, Any], has_seen: bool) -> list[Any]:
    metric, ours, naive = str(row["metric"]), row["y_hat"], row["seasonal_naive"]
    cells: list[Any]
    if metric.startswith("coverage-"):
        cells = [f"in {metric[9:]}\N{NO-BREAK SPACE}% interval", Number(percent(ours)), "", ""]
    else:
        cells = [metric.upper(), ours, naive, _ratio(ours, naive)]
    seen = row.get("as_fitted", np.nan)
    return [*cells, "" if pd.isna(seen) else seen] if has_seen else cells


def _meaning(metrics: Iterable[str]) -> str:
    return "; ".join(_MEANING[name] for name in metrics if name in _MEANING) + "."


def _by_step(measured: Measured, season: int, draw: Pictures) -> Figure | None:
    if measured.steps < 2:
        return None
    errors = evaluate(measured.folds, "mae", by="step")
    step, ours, naive = (
        errors[name].to_numpy(float) for name in ("step", "y_hat", "seasonal_naive")
    )

    def picture(ax: Any) -> None:
        ax.plot(step, naive, color=VERMILLION, linestyle="--", label=naive_title(season))
        ax.plot(step, ours, color=BLUE, marker="o", markersize=4, label="forecaster")
        ax.set(xlabel="steps ahead", ylabel="mean absolute error", ylim=(0, None))
        integer_ticks(ax.xaxis)
        clean(ax)
        legend_above(ax, n_columns=2)

    said = (
        f"One step ahead the mean absolute error is {number(ours[0])} ({naive_title(season)} "
        f"{number(naive[0])}), {measured.steps} steps ahead {number(ours[-1])} "
        f"({number(naive[-1])}). It is the smaller one at {int((ours < naive).sum())} of "
        f"{len(ours)} steps."
    )
    return draw.figure("error-by-step", "Error by step ahead", said, picture)


def _by_series(measured: Measured, series: pd.Series, season: int) -> Table:
    """Return the errors of the series, of many of them those that err most and least."""
    metric = str(series.name)
    every = evaluate(measured.folds, metric, by="series")
    errors = every.set_index(index_of(every["unique_id"]))
    errors = errors.loc[series.index, ["y_hat", "seasonal_naive"]]
    few = errors if len(errors) <= 2 * _EACH_END else pd.concat(
        [errors[:_EACH_END], errors[-_EACH_END:]]
    )  # fmt: skip
    rows = [[str(name), *row] for name, row in zip(few.index, few.to_numpy(float), strict=True)]
    better = int((errors["y_hat"] < errors["seasonal_naive"]).sum())
    caption = (
        f"{metric.upper()} by series, the worst first"
        + ("" if len(few) == len(errors) else f"; the {_EACH_END} worst and the {_EACH_END} best")
        + f". The forecaster beats the {naive_title(season)} forecast in {better:,} of "
        f"{len(errors):,} series; its median is {number(errors['y_hat'].median())}."
    )
    head = ["series", "forecaster", naive_title(season)]
    return Table(caption, head, rows, name="errors-by-series", tall=True)


def window_part(errors: WindowErrors | str) -> list[Block]:
    """Return the errors of a regressor on windows."""
    if isinstance(errors, str):
        return [Paragraph(errors)]
    content: list[Block] = [
        Paragraph(
            f"Measured on the {errors.n_windows:,} windows that were passed to report. Whether the "
            "fit had seen them a report cannot know: if they are those of the fit, these are "
            "errors on TRAINING data and flatter. Pass windows that came later."
        )
    ]
    _, ours, naive = errors.rows[0]
    if naive is None:
        content.append(Paragraph(errors.why_no_naive))
    else:
        content.append(Paragraph(_mae(ours, naive, errors.season)))
    head = ["error", "regressor"]
    rows: list[list[Any]] = [[name.upper(), ours] for name, ours, _ in errors.rows]
    rows.append(["R2", errors.r2])
    if naive is not None:
        head += [naive_title(errors.season), "ratio"]
        for row, (_, ours, theirs) in zip(rows, errors.rows, strict=False):
            row += [theirs, _ratio(ours, theirs)]
        rows[-1] += ["", ""]
    caption = "Errors on these windows. " + _meaning([*(row[0] for row in errors.rows), "r2"])
    return [*content, Table(caption, head, rows, name="errors-table")]


def _ratio(ours: float, naive: float | None) -> float:
    return ours / naive if naive else np.nan
