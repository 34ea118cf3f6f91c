"""What a cluster brings: seconds by workers, milliseconds and bytes a series, time of a search.

    python benchmarks/clusters.py
    python benchmarks/clusters.py --series 20000 --workers 1 2 4

Synthetic daily series of two years with a weekly season, written to parquet by series, 250 a
partition. A network of 32 units is fitted to 200 of them in this process; then Dask forecasts all,
28 steps ahead in one block with intervals, on local clusters of processes with one thread each.
'in this process' is the same without a cluster (the "sync" scheduler). The search fits 8 small
networks on 3 folds. Seconds are the best of three: the first also imports the package in every
worker. `--malloc dask` leaves Dask's own setting of malloc to the workers, which makes them give
memory back at once, and ask for it again.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import cloudpickle
import dask
import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from seqforecast import Forecaster, LSTMRegressor, distributed, make_windows
from seqforecast.distributed.partitions import shipped

DAYS, HORIZON, A_PARTITION, SAMPLE = 730, 28, 250, 200


ONE_THREAD = {"OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1, "OPENBLAS_NUM_THREADS": 1}
"""What Dask sets for workers, but for MALLOC_TRIM_THRESHOLD_."""


def series(first: int, n: int) -> pd.DataFrame:
    """Make some of the series."""
    days = np.arange(DAYS)
    parts = []
    for i in range(first, first + n):
        rng = np.random.default_rng(i)
        wave = np.sin(2 * np.pi * (days + i) / 7) + 0.05 * rng.standard_normal(DAYS).cumsum()
        parts.append(50 + 10 * wave + rng.standard_normal(DAYS))
    times = pd.date_range("2023-01-01", periods=DAYS, freq="D", unit="us")
    ids = [f"series_{i:07d}" for i in range(first, first + n)]
    return pd.DataFrame(
        {
            "unique_id": np.repeat(ids, DAYS),
            "ds": np.tile(times.to_numpy(), n),
            "y": np.concatenate(parts),
        }
    )


def best_of(n: int, work: Callable[[], Any]) -> float:
    """Return the seconds of the fastest of some runs."""
    taken = []
    for _ in range(n):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def search() -> tuple[GridSearchCV, tuple[Any, Any], list[Any]]:
    """Return a search, its data, and the arrays that every worker needs."""
    X, y = make_windows(series(0, 1)["y"].to_numpy(), window=28)
    splits = list(TimeSeriesSplit(3).split(X))
    grid = {"hidden_size": [8, 16, 32, 64], "lr": [0.001, 0.01]}
    network = LSTMRegressor(max_epochs=20, early_stopping=False, observe="off", random_state=0)
    arrays = [X, y, *chain.from_iterable(splits)]
    return GridSearchCV(network, grid, cv=splits, refit=False), (X, y), arrays


def write_series(n: int, path: Path) -> int:
    """Write the series, some to a file; return how many bytes they take."""
    path.mkdir()
    for first in range(0, n, A_PARTITION):
        part = series(first, min(A_PARTITION, n - first))
        part.to_parquet(path / f"{first:07d}.parquet", index=False)
    return sum(file.stat().st_size for file in path.iterdir())


def forecast_all(forecaster: Forecaster, folder: str) -> None:
    """Forecast from parquet to parquet, on whatever computes."""
    ddf = dd.read_parquet(f"{folder}/series")
    forecasts = distributed.predict(forecaster, ddf, level=80)
    forecasts.to_parquet(f"{folder}/forecasts", write_index=False)


def in_this_process(forecaster: Forecaster, folder: str) -> tuple[float, float]:
    """Return the seconds of a forecast and of a search without a cluster."""
    with dask.config.set(scheduler="sync"):
        forecast = best_of(3, lambda: forecast_all(forecaster, folder))
    candidates, data, _ = search()
    return forecast, best_of(3, lambda: candidates.fit(*data))


def on_cluster(n_workers: int, forecaster: Forecaster, folder: str) -> tuple[float, float]:
    """Return the seconds of a forecast and of a search on so many workers."""
    cluster = LocalCluster(
        n_workers=n_workers, threads_per_worker=1, dashboard_address=":0", local_directory=folder
    )
    with cluster, Client(cluster) as client:
        client.amm.stop()
        forecast = best_of(3, lambda: forecast_all(forecaster, folder))
        candidates, data, arrays = search()
        with joblib.parallel_config(backend="dask", scatter=arrays):
            searched = best_of(3, lambda: candidates.fit(*data))
    return forecast, searched


def row(name: str, n_workers: int, n_series: int, forecast: float, searched: float) -> str:
    each = 1e3 * n_workers * forecast / n_series
    return f"| {name} | {forecast:.1f} | {each:.2f} | {searched:.1f} |"


def peak_mb() -> float:
    """Largest resident memory of this process so far (macOS counts bytes, Linux KiB)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--series", type=int, default=4000)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--malloc", choices=["glibc", "dask"], default="glibc")
    args = parser.parse_args()
    if args.malloc == "glibc":
        dask.config.set({"distributed.nanny.pre-spawn-environ": ONE_THREAD})

    regressor = LSTMRegressor(hidden_size=32, max_epochs=3, random_state=0)
    forecaster = Forecaster(regressor, window=28, horizon=HORIZON).fit(series(0, SAMPLE))
    forecaster.predict(level=80)  # computes the errors that intervals are made of
    whole = len(cloudpickle.dumps(forecaster))
    light = len(cloudpickle.dumps(shipped(forecaster, (80.0,), HORIZON)))
    network = len(cloudpickle.dumps(forecaster.regressor_))
    print(f"fitted to {SAMPLE} series of {DAYS} steps, the forecaster has {whole / 1e6:.2f} MB")
    print(f"sent to a worker, once: {light / 1e6:.3f} MB; the network alone: {network / 1e6:.3f}\n")

    with tempfile.TemporaryDirectory() as folder:
        size = write_series(args.series, Path(folder) / "series")
        print(f"{args.series} series: {size / args.series / 1e3:.1f} kB of parquet each")
        alone = in_this_process(forecaster, folder)
        print(f"peak memory of this process: {peak_mb():.0f} MB\n")
        print("| workers | forecast, s | a series, ms of a worker | search, s |")
        print("|---|--:|--:|--:|")
        print(row("none, in this process", 1, args.series, *alone))
        for n in args.workers:
            print(row(str(n), n, args.series, *on_cluster(n, forecaster, folder)))


if __name__ == "__main__":
    main()
