"""The default on series that nobody tuned on: three bundled ones, and ETTh1 at 96 steps.

The bundled series are forecast from rolling cutoffs with a refit at each, as `backtest` does it and
with what the calendar says of the season. ETTh1 follows the protocol of the long-horizon papers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from accuracy_etth1 import show_etth1
from accuracy_sets import Array
from accuracy_store import Run, Store, fingerprint, hash_of, results_of, state_of_the_code

from seqforecast import Forecaster, backtest, recurrent_forecaster
from seqforecast.datasets import load_airline, load_co2, load_sunspots

COLUMNS = ["y", "y_hat", "seasonal_naive", "mase_scale"]


class Untuned(NamedTuple):
    """A series, how far it is forecast, and from how many cutoffs."""

    name: str
    load: Callable[[], pd.Series]
    horizon: int
    n_folds: int


# A year for all of them. Sunspots have a cycle of 11 years that no calendar tells: a second line
# asks for one.
SERIES = (
    Untuned("co2", load_co2, 12, 10),
    Untuned("sunspots", load_sunspots, 12, 10),
    Untuned("sunspots, a cycle", load_sunspots, 132, 5),
    Untuned("airline", load_airline, 12, 5),
)


def show(args: argparse.Namespace, store: Store) -> None:
    print(f"Rolling cutoffs with a refit at each, {args.cell}, {args.seeds} seeds\n")
    print("| series | horizon | cutoffs | forecast | MAE | MASE | MAE, relative | fit, s |")
    print("|---|--:|--:|---|--:|--:|--:|--:|")
    for one in SERIES:
        show_series(one, args, store)
    print(
        "\nRelative to the seasonal naive forecast, whose season is the 12 months of the calendar."
        "\nMASE is scaled by its error before each cutoff; ± is the standard deviation over seeds."
        "\n"
    )
    show_etth1(args, store)


def show_series(one: Untuned, args: argparse.Namespace, store: Store) -> None:
    series = one.load()
    runs = []
    for seed in range(args.seeds):
        forecaster = recurrent_forecaster(horizon=one.horizon, cell=args.cell, random_state=seed)
        runs.append(run_of(one, forecaster, hash_of(series.reset_index()), seed))
    results = results_of(runs, store, args.jobs)
    truth, _, naive, scale = results[0].forecast.T
    forecasts = np.array([result.forecast[:, COLUMNS.index("y_hat")] for result in results])
    single = np.array([errors(truth, forecast, scale) for forecast in forecasts])
    worst = errors(truth, naive, scale)
    print_line(one, "seasonal naive", [worst], worst)
    seconds = float(np.mean([result.seconds for result in results])) / one.n_folds
    print_line(one, "recurrent_forecaster, single", single, worst, f"{seconds:.1f}")
    if len(forecasts) > 1:
        middle = errors(truth, np.median(forecasts, axis=0), scale)
        print_line(one, f"**recurrent_forecaster, median of {len(forecasts)}**", [middle], worst)


def run_of(one: Untuned, forecaster: Forecaster, data: int, seed: int) -> Run:
    name = f"{one.name.replace(', ', '-').replace(' ', '-')}-{one.n_folds}"
    return Run(
        ("untuned", name, f"{fingerprint(forecaster, data)}-{seed}"),
        state_of_the_code(),
        partial(rolling, one, forecaster),
    )


def rolling(one: Untuned, forecaster: Forecaster) -> tuple[Array, float]:
    """Return the columns of a backtest, and its seconds."""
    start = time.process_time()
    folds = backtest(forecaster, one.load(), horizon=one.horizon, n_folds=one.n_folds)
    return folds[COLUMNS].to_numpy(float), time.process_time() - start


def errors(truth: Array, forecast: Array, scale: Array) -> tuple[float, float]:
    """Return MAE and MASE over all cutoffs."""
    error = np.abs(truth - forecast)
    return float(error.mean()), float((error / scale).mean())


def print_line(
    one: Untuned,
    name: str,
    found: Sequence[tuple[float, float]] | Array,
    naive: tuple[float, float],
    seconds: str = "",
) -> None:
    cells = [written(column) for column in np.array(found).T]
    relative = written(np.array(found)[:, 0] / naive[0])
    print(
        f"| {one.name} | {one.horizon} | {one.n_folds} | {name} | {' | '.join(cells)} "
        f"| {relative} | {seconds} |",
        flush=True,
    )


def written(seeds: Array) -> str:
    mean = f"{seeds.mean():.3f}"
    return f"{mean} ± {seeds.std(ddof=1):.3f}" if len(seeds) > 1 else mean
