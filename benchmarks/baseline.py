"""What does the linear baseline give by itself, and what does a network add to it?

    python benchmarks/baseline.py --data ../shared/data

The five sets of `metrics_published.py`, one model a set, forecast once: the baseline alone (a
regressor that says 0), and `recurrent_forecaster` with one seed. Nothing is chosen here: the test
parts are read for information only. The seasons are given, and sets with a 0 take log1p.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from metrics_published import BENCHMARKS, Split
from sklearn.dummy import DummyRegressor
from sklearn.preprocessing import FunctionTransformer

from seqforecast import Forecaster, recurrent_forecaster
from seqforecast.metrics import mase, smape


def long_frame(splits: list[Split]) -> pd.DataFrame:
    """Return what is known of all series, with integers as times: each set has its own."""
    return pd.concat(
        pd.DataFrame({"unique_id": f"{number:04d}", "ds": np.arange(len(past)), "y": past})
        for number, (past, _) in enumerate(splits)
    )


def errors(forecaster: Forecaster, splits: list[Split], season: int) -> tuple[float, float, float]:
    """Return the mean sMAPE and MASE, and the seconds of the fit."""
    start = time.perf_counter()
    forecaster.fit(long_frame(splits))
    seconds = time.perf_counter() - start
    forecasts = np.maximum(forecaster.predict()["y_hat"].to_numpy(), 0).reshape(len(splits), -1)
    pairs = []
    for row, (past, future) in zip(forecasts, splits, strict=True):
        forecast = row[: len(future)]
        scaled = mase(future, forecast, y_train=past, season=season)
        pairs.append((smape(future, forecast), scaled))
    return (*np.nanmean(pairs, axis=0), seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    data = parser.parse_args().data
    print("| set | forecast | sMAPE | MASE | fit, s |\n|---|---|--:|--:|--:|")
    for benchmark in BENCHMARKS:
        splits = list(benchmark.load(data))
        horizon = max(len(future) for _, future in splits)
        positive = all((past > 0).all() for past, _ in splits)
        settings = {
            "season": [24, 168] if benchmark.season == 24 else benchmark.season,
            "transform": "log" if positive else FunctionTransformer(np.log1p, np.expm1),
        }
        nothing = DummyRegressor(strategy="constant", constant=np.zeros(horizon))
        network = recurrent_forecaster(horizon=horizon, random_state=0)
        for name, forecaster in (
            ("baseline alone", Forecaster(nothing, window=24, horizon=horizon)),
            ("recurrent_forecaster", network),
        ):
            found = errors(forecaster.set_params(**settings), splits, benchmark.season)
            print(
                f"| {benchmark.name} | {name} | {found[0]:.2f} | {found[1]:.3f} | {found[2]:.1f} |"
            )


if __name__ == "__main__":
    main()
