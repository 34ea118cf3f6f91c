"""``seqforecast backtest``: forecast the past, and say whether that is worth it."""

from __future__ import annotations

import time
from argparse import Namespace

import numpy as np
import pandas as pd

from seqforecast._shared.time_index import show_time
from seqforecast.cli.commands.forecaster import (
    NAMES,
    forecaster_of,
    progress,
    season_of,
    seconds,
)
from seqforecast.cli.files.checks import check_files
from seqforecast.cli.files.paths import STREAM
from seqforecast.cli.files.series import SeriesTable, read_series
from seqforecast.cli.files.writing import write_figure, write_table
from seqforecast.cli.messages import counted, filled
from seqforecast.cli.tables import aligned, short_name, short_numbers
from seqforecast.displays import ForecastDisplay
from seqforecast.forecasting import backtest, evaluate
from seqforecast.forecasting.model.seasons import season_lengths
from seqforecast.reporting.verdict import verdict

_ERRORS = {"mae": "MAE", "smape": "sMAPE", "mase": "MASE"}
_MOST_STEPS, _WORST = 8, 5


def run(arguments: Namespace) -> None:
    """Run the command."""
    a = arguments
    check_files(a.data, a.out, a.plot)
    data = read_series(a)
    forecaster = forecaster_of(a, data)
    start = time.perf_counter()
    with progress(forecaster, fits=2 * a.folds if a.refit else 2):
        folds = backtest(
            forecaster,
            data.known,
            horizon=a.horizon,
            n_folds=a.folds,
            refit=a.refit,
            level=a.level or None,
        )
    took = seconds(start)
    write_table(data.without_id(folds), a.out, sep=data.sep, decimal=data.decimal)
    history = data.known[list(data.columns)]
    write_figure(a.plot, lambda: ForecastDisplay.from_backtest(folds, history=history))
    if a.out != STREAM:
        _report(a, data, folds, took)


def _report(a: Namespace, data: SeriesTable, folds: pd.DataFrame, took: str) -> None:
    model, n_series = NAMES[a.model], folds[data.columns[0]].nunique()
    cutoffs = folds["cutoff"].drop_duplicates().sort_values()
    of = f"{a.target} of {n_series} series" if data.named else a.target
    fitted = "fitted anew at each" if a.refit else "fitted at the first"
    print(
        filled(
            f"{model} backtest of {of}: {counted(len(cutoffs), 'cutoff')} from "
            f"{show_time(cutoffs.iloc[0])} to {show_time(cutoffs.iloc[-1])}, "
            f"{counted(a.horizon, 'step')} ahead of each, {fitted}, in {took}."
        )
    )
    print(f"\n{_errors(folds, model)}")
    if a.level:
        print(f"\n{_coverage(folds)}")
    part = _by_series(folds, data, model) if n_series > 1 else _by_step(folds, model)
    print(f"\n{part}\n\n{filled(verdict(folds, _season(a, data)))}")
    for path, what in ((a.out, f"All {len(folds)} forecasts are"), (a.plot, "The picture is")):
        if path is not None:
            print(f"{what} in {path}.")


def _season(a: Namespace, data: SeriesTable) -> int:
    """Return the season that the naive forecast repeats."""
    panel = data.panel
    longest = int(panel.lengths.max()) - a.horizon
    asked = season_of(a.season)
    return season_lengths(asked, panel.grid.offset, longest=longest, horizon=a.horizon)[0]


def _errors(folds: pd.DataFrame, model: str) -> str:
    """Write the errors of all forecasts, a row each."""
    errors = evaluate(folds, list(_ERRORS))
    cells = [
        [_ERRORS[metric], *short_numbers((ours, naive))]
        for metric, ours, naive in zip(
            errors["metric"], errors["y_hat"], errors["seasonal_naive"], strict=True
        )
    ]
    return aligned([["error", model, "naive"], *cells])


def _coverage(folds: pd.DataFrame) -> str:
    """Say how often intervals held the actual values."""
    shares = evaluate(folds, "coverage")
    lines = [
        f"{metric.removeprefix('coverage-')} % intervals held {100 * share:.0f} % of the actual "
        "values."
        for metric, share in zip(shares["metric"], shares["y_hat"], strict=True)
    ]
    return "\n".join(lines)


def _by_step(folds: pd.DataFrame, model: str) -> str:
    """Write the error at some steps ahead, from the first to the last."""
    errors = evaluate(folds, "mae", by="step")
    some = np.unique(np.linspace(0, len(errors) - 1, min(_MOST_STEPS, len(errors))).round())
    errors = errors.iloc[some.astype(int)]
    head = ["step", f"{model} MAE", "naive MAE"]
    steps = [str(step) for step in errors["step"]]
    values = (short_numbers(errors[name]) for name in ("y_hat", "seasonal_naive"))
    return aligned([head, *map(list, zip(steps, *values, strict=True))])


def _by_series(folds: pd.DataFrame, data: SeriesTable, model: str) -> str:
    """Write the errors of the series that are hardest."""
    by = evaluate(folds, ["mae", "mase"], by="series")
    unique_id = data.columns[0]
    mae, mase = (by[by["metric"] == metric].set_index(unique_id) for metric in ("mae", "mase"))
    worst = mase["y_hat"].sort_values(ascending=False, na_position="first").index[:_WORST]
    names = [short_name(str(name)) for name in worst]
    errors = [
        short_numbers(of[column].reindex(worst))  # names may be True and False
        for of in (mae, mase)
        for column in ("y_hat", "seasonal_naive")
    ]
    header = [short_name(unique_id), f"{model} MAE", "naive MAE", f"{model} MASE", "naive MASE"]
    rows = aligned([header, *map(list, zip(names, *errors, strict=True))])
    head = f"The {len(worst)} series with the largest MASE:" if len(mase) > _WORST else "By series:"
    return f"{head}\n{rows}"
