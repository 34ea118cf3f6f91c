"""Do our metrics reproduce the published errors of the seasonal naive forecast?

    python benchmarks/metrics_published.py --data ../shared/data

Five sets of the forecasting literature, each series forecast once, over its whole horizon, by its
last season. The errors are computed in two ways: a series at a time with `seqforecast.metrics`, and
for all at once with `evaluate`, as after a backtest. Beside them stand the means to be met: M4
hourly is the competition's own row; the MASE of Tourism monthly is in Chronos' tables (1.63094), as
is that of M3 monthly (1.1462: its data differ a little). Nobody prints the others: they follow the
protocol of the Monash archive and of Hewamalage, Bergmeir and Bandara (2021), which was checked
with the rows that they do print. The script fails where a number differs in its last digit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seqforecast.forecasting.evaluation import evaluate
from seqforecast.metrics import mase, smape

Split = tuple[np.ndarray, np.ndarray]  # what is known, what is to be forecast


class Benchmark(NamedTuple):
    """A set of series, and the mean errors to be met by the seasonal naive forecast."""

    name: str
    season: int
    load: Callable[[Path], Iterator[Split]]
    smape: float
    mase: float


def known(row: np.ndarray) -> np.ndarray:
    """Return a row of a table without the empty cells behind its end."""
    return row[~np.isnan(row)]


def train_and_test(folder: str, train: str, test: str) -> Callable[[Path], Iterator[Split]]:
    """Read two tables, a series a row, whose rows belong together."""

    def load(data: Path) -> Iterator[Split]:
        past, future = (pd.read_csv(data / folder / name, index_col=0) for name in (train, test))
        future = future.loc[past.index]
        for row, target in zip(past.to_numpy(float), future.to_numpy(float), strict=True):
            yield known(row), known(target)

    return load


def cif(data: Path) -> Iterator[Split]:
    """Read CIF 2016: each series says how many of its last values are to be forecast."""
    table = pd.read_csv(data / "cif2016" / "cif2016.csv", index_col="id")
    horizons = table.pop("horizon")
    for row, horizon in zip(table.to_numpy(float), horizons, strict=True):
        yield known(row)[:-horizon], known(row)[-horizon:]


def nn5(data: Path, horizon: int = 56) -> Iterator[Split]:
    """Read NN5; a gap takes the median of its weekday over all series, train and test apart."""
    table = pd.read_csv(data / "nn5_daily" / "nn5_daily.csv", index_col="id").to_numpy(float)
    parts = table[:, :-horizon], table[:, -horizon:]
    for part in parts:
        for day in range(7):
            values = part[:, day::7]  # a view: filled in place
            values[np.isnan(values)] = np.nanmedian(values)
    yield from zip(*parts, strict=True)


BENCHMARKS = (
    Benchmark("CIF 2016", 12, cif, 19.053, 1.2905),
    Benchmark("NN5 daily", 7, nn5, 26.485, 1.0113),
    Benchmark(
        "Tourism monthly",
        12,
        train_and_test("tourism", "monthly_train.csv", "monthly_test.csv"),
        21.670,
        1.6309,
    ),
    Benchmark(
        "M3 monthly",
        12,
        train_and_test("m3", "monthly_train.csv", "monthly_test.csv"),
        17.234,
        1.1461,
    ),
    Benchmark(
        "M4 hourly", 24, train_and_test("m4", "Hourly-train.csv", "Hourly-test.csv"), 13.912, 1.1932
    ),
)


def by_series(splits: list[Split], season: int) -> tuple[float, float]:
    """Return the mean sMAPE and MASE with the functions of `seqforecast.metrics`."""
    errors = []
    for past, future in splits:
        forecast = np.resize(past[-season:], len(future))
        errors.append(
            (smape(future, forecast), mase(future, forecast, y_train=past, season=season))
        )
    return tuple(np.nanmean(errors, axis=0))


def at_once(splits: list[Split], season: int) -> tuple[float, float]:
    """Return the same from `evaluate`, over a frame such as a backtest gives."""
    frame = pd.concat(
        pd.DataFrame(
            {
                "unique_id": number,
                "y": future,
                "y_hat": np.resize(past[-season:], len(future)),
                "mase_scale": np.mean(np.abs(past[season:] - past[:-season])),
            }
        )
        for number, (past, future) in enumerate(splits)
    )
    table = evaluate(frame.assign(seasonal_naive=frame["y_hat"]), ("smape", "mase"))
    return tuple(table["y_hat"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    data = parser.parse_args().data

    failed = 0
    print(
        f"{'seasonal naive':16} {'series':>6} {'error':6} {'published':>9} {'metrics':>10} "
        f"{'evaluate':>10}  agree"
    )
    for benchmark in BENCHMARKS:
        splits = list(benchmark.load(data))
        rows = zip(
            ("sMAPE", "MASE"),
            (benchmark.smape, benchmark.mase),
            (3, 4),
            by_series(splits, benchmark.season),
            at_once(splits, benchmark.season),
            strict=True,
        )
        for error, published, digits, ours, table in rows:
            agree = round(ours, digits) == published and np.isclose(ours, table, rtol=1e-12, atol=0)
            failed += not agree
            print(
                f"{benchmark.name:16} {len(splits):6} {error:6} {published:9.{digits}f} "
                f"{ours:10.6f} {table:10.6f}  {'yes' if agree else 'NO'}"
            )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
