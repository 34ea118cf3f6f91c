"""``seqforecast forecast``: fit, forecast, and print, write or draw it."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any

import pandas as pd

from seqforecast.cli.commands.forecaster import described, forecaster_of, progress, seconds
from seqforecast.cli.files.checks import check_files
from seqforecast.cli.files.paths import STREAM
from seqforecast.cli.files.series import SeriesTable, read_series
from seqforecast.cli.files.writing import write_figure, write_table
from seqforecast.cli.messages import filled, say_note
from seqforecast.cli.tables import shown_rows, table
from seqforecast.displays import ForecastDisplay
from seqforecast.forecasting import Forecaster
from seqforecast.forecasting.data.columns import show

_NAMED = 5
"""Series that a note names; of more it says how many."""


def run(arguments: Namespace) -> None:
    """Run the command."""
    a = arguments
    check_files(a.data, a.out, a.plot)
    data = read_series(a)
    forecaster = forecaster_of(a, data)
    steps: Any = data.next_rows(a.horizon) if a.future else a.horizon
    ended = data.ended() if a.future else data.panel.ids[:0]
    if len(ended):
        say_note(_left_out(ended, data.panel.n_series))
    start = time.perf_counter()
    with progress(forecaster, fits=2):
        forecaster.fit(data.known)
        forecast = forecaster.predict(steps, level=a.level or None)
    took = seconds(start)
    result = data.without_id(forecast)
    write_table(result, a.out, sep=data.sep, decimal=data.decimal)
    level = a.level or None
    write_figure(a.plot, lambda: ForecastDisplay.from_estimator(forecaster, steps, level=level))
    if a.out != STREAM:
        _report(a, data, forecaster, result, took)


def _report(
    a: Namespace, data: SeriesTable, forecaster: Forecaster, result: pd.DataFrame, took: str
) -> None:
    print(filled(f"{described(a, data, forecaster)} Fitted in {took}.\n{_cutoff(data, result)}"))
    if a.out is None:
        shown = shown_rows(result)
        text, hidden = table(shown)
        print(f"\n{text}")
        if shown.left_out or hidden:
            what = [f"all {len(result)} rows"] if shown.left_out else []
            what += [f"the columns {', '.join(hidden)}"] if hidden else []
            print(filled(f"\n--out forecast.csv writes {' and '.join(what)}."))
    else:
        print(f"{len(result)} rows are in {a.out}.")
    if a.plot is not None:
        print(f"The picture is in {a.plot}.")


def _left_out(ended: pd.Index, n_series: int) -> str:
    """Say which series are not forecast, and why."""
    names = ", ".join(show(name) for name in ended[:_NAMED])
    more = f" and {len(ended) - _NAMED} more" if len(ended) > _NAMED else ""
    return (
        f"{len(ended)} of {n_series} series not forecast, as they end before the newest target and "
        f"have no rows after their own: {names}{more}. The network learns from them all the same."
    )


def _cutoff(data: SeriesTable, result: pd.DataFrame) -> str:
    """Say what is the last time that was known, of what is forecast."""
    panel = data.panel
    names = result[data.columns[0]] if data.named else panel.ids
    last_of = panel.last[panel.ids.isin(names)]
    first, last = (panel.grid.label(int(edge)) for edge in (last_of.min(), last_of.max()))
    if first == last:
        return f"The last known time is {last}."
    return f"The last known times are {first} to {last}; each series goes on from its own."
