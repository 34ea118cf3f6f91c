"""ETTh1 at 96 steps, as the long-horizon papers score it.

Seven channels, one panel of seven series: 8,640 hours to learn from, 2,880 to validate on, which
are not used here, and 2,880 to forecast, from every hour. Values are standardised with the training
rows; errors are means over cutoffs, steps and channels. There is one fit: `update` then hands over
the values before each cutoff. The papers leave out the last cutoff (an incomplete batch): Repeat
then has an MSE of 1.2946, here 1.2944.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from accuracy_sets import Array
from accuracy_store import Run, Store, fingerprint, hash_of, results_of, state_of_the_code
from sklearn.preprocessing import StandardScaler

from seqforecast import Forecaster, recurrent_forecaster

HORIZON = 96
SEASONS = [24, 168]
TRAIN, VALIDATION, TEST = 8_640, 2_880, 2_880
CUTOFFS = np.arange(TRAIN + VALIDATION, TRAIN + VALIDATION + TEST - HORIZON + 1)  # rows known

PUBLISHED = {
    "Repeat": "Repeat, the last value",
    "GRU_L720": "GRU, 720 hours",
    "DeepAR_L720": "DeepAR, 720 hours",
    "DLinear_L96": "DLinear, 96 hours",
    "SegRNN_L96": "SegRNN, 96 hours",
    "SegRNN_L720": "SegRNN, 720 hours",
}


def show_etth1(args: argparse.Namespace, store: Store) -> None:
    values = standardised(args.data)
    print(
        f"**ETTh1**, horizon {HORIZON}, seasons {SEASONS}, {len(CUTOFFS):,} cutoffs, one fit, "
        f"{args.seeds} seeds\n"
    )
    print("| forecast | by | MSE | MAE | MASE | fit, s |\n|---|---|--:|--:|--:|--:|")
    table = pd.read_csv(args.data / "tables" / "ltsf_rnn_rows.csv").set_index(["dataset", "H"])
    row = table.loc[("ETTh1", HORIZON)]
    for name, text in PUBLISHED.items():
        mse, mae = row[f"{name}_mse"], row[f"{name}_mae"]
        print(f"| {text} | published | {mse:.3f} | {mae:.3f} | | |")
    print_line("Repeat", values, seasonal_naive(values, 1))
    for season in SEASONS:
        print_line(f"seasonal naive, {season}", values, seasonal_naive(values, season))
    runs = [run_of(args.data, values, args.cell, seed) for seed in range(args.seeds)]
    results = results_of(runs, store, args.jobs)
    forecasts = np.array([result.forecast for result in results])
    seconds = f"{np.mean([result.seconds for result in results]):.1f}"
    print_line("recurrent_forecaster, single", values, *forecasts, seconds=seconds)
    if len(forecasts) > 1:
        name = f"**recurrent_forecaster, median of {len(forecasts)}**"
        print_line(name, values, np.median(forecasts, axis=0))
    print("\nThe season of MASE is 24; its scale is that of the training part.")


def standardised(data: Path) -> Array:
    """Return the hours of the protocol (n_hours, 7), in units of the training rows."""
    table = pd.read_csv(data / "ett" / "ETTh1.csv", index_col="date").to_numpy(float)
    scaler = StandardScaler().fit(table[:TRAIN])
    return scaler.transform(table[: TRAIN + VALIDATION + TEST])


def long_frame(data: Path, values: Array) -> pd.DataFrame:
    """Return the channels as series, one below the other, with their dates."""
    source = pd.read_csv(data / "ett" / "ETTh1.csv", index_col="date", parse_dates=True)
    wide = pd.DataFrame(values, index=source.index[: len(values)], columns=source.columns)
    return wide.rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")


def run_of(data: Path, values: Array, cell: str, seed: int) -> Run:
    forecaster = recurrent_forecaster(horizon=HORIZON, season=SEASONS, cell=cell, random_state=seed)
    frame = long_frame(data, values)
    return Run(
        ("untuned", "etth1", f"{fingerprint(forecaster, hash_of(frame))}-{seed}"),
        state_of_the_code(),
        partial(rolling, forecaster, frame),
    )


def rolling(forecaster: Forecaster, frame: pd.DataFrame) -> tuple[Array, float]:
    """Return forecasts (n_cutoffs, horizon, n_channels), and the seconds of the fit."""
    hours = frame.groupby("unique_id", sort=False).cumcount().to_numpy()
    start = time.process_time()
    forecaster.fit(frame[hours < TRAIN])
    seconds = time.process_time() - start
    ids, known, forecasts = list(frame["unique_id"].unique()), TRAIN, []
    for cutoff in CUTOFFS:
        forecaster.update(frame[(hours >= known) & (hours < cutoff)])
        known = cutoff
        wide = forecaster.predict().pivot_table(index="ds", columns="unique_id", values="y_hat")
        forecasts.append(wide[ids].to_numpy())
    return np.array(forecasts), seconds


def seasonal_naive(values: Array, season: int) -> Array:
    ahead = np.arange(HORIZON) % season - season
    return values[CUTOFFS[:, np.newaxis] + ahead]


def print_line(name: str, values: Array, *forecasts: Array, seconds: str = "") -> None:
    """Print the mean errors of forecasts (n_cutoffs, horizon, n_channels), with their spread."""
    truth = values[CUTOFFS[:, np.newaxis] + np.arange(HORIZON)]
    scale = np.abs(values[24:TRAIN] - values[: TRAIN - 24]).mean(axis=0)
    found = []
    for forecast in forecasts:
        error = truth - forecast
        mase = (np.abs(error) / scale).mean()
        found.append((np.mean(error**2), np.abs(error).mean(), mase))
    mean = [f"{value:.3f}" for value in np.mean(found, axis=0)]
    if len(found) > 1:
        deviation = np.std(found, axis=0, ddof=1)
        mean = [f"{m} ± {sd:.3f}" for m, sd in zip(mean, deviation, strict=True)]
    print(f"| {name} | here | {' | '.join(mean)} | {seconds} |", flush=True)
