"""The five sets of series that forecasters are compared on, and how forecasts of them are scored.

The protocol is that of Hewamalage, Bergmeir and Bandara (2021) and of the Monash archive: every
series is forecast once, over its whole horizon, from the end of its training part, and the headline
is the mean over series. Nothing here knows a forecaster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import FunctionTransformer

from seqforecast.metrics import smape

Array = NDArray[np.float64]
Split = tuple[Array, Array]  # what is known, what is to be forecast

PARTS = ("test", "validation")


class SeriesSet(NamedTuple):
    """A set of series.

    `season` scales MASE, `seasons` are those that a forecaster is told. With the date of its first
    value, `start`, a set has a calendar of days; the others are counted.
    """

    key: str
    title: str
    season: int
    load: Callable[[Path], Iterator[Split]]
    seasons: int | list[int]
    start: str | None = None


class Errors(NamedTuple):
    """Means over series: plain sMAPE and Suilin's, in percent, and MASE."""

    smape: float
    suilin: float
    mase: float


# Reading ------------------------------------------------------------------------------------------


def known(row: Array) -> Array:
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


def monthly(folder: str) -> Callable[[Path], Iterator[Split]]:
    return train_and_test(folder, "monthly_train.csv", "monthly_test.csv")


SETS = {
    one.key: one
    for one in (
        SeriesSet("cif", "CIF 2016", 12, cif, 12),
        SeriesSet("nn5", "NN5 daily", 7, nn5, 7, start="1996-03-18"),
        SeriesSet("tourism", "Tourism monthly", 12, monthly("tourism"), 12),
        SeriesSet("m3", "M3 monthly", 12, monthly("m3"), 12),
        SeriesSet(
            "m4h",
            "M4 hourly",
            24,
            train_and_test("m4", "Hourly-train.csv", "Hourly-test.csv"),
            [24, 168],
        ),
    )
}


@lru_cache(maxsize=2)
def splits_of(key: str, data: Path, part: str = "test") -> list[Split]:
    """Return the series of a set.

    The validation part holds out the last horizon of each training part, and knows no test value.
    """
    splits = list(SETS[key].load(data))
    if part == "test":
        return splits
    return [(past[: -len(future)], past[-len(future) :]) for past, future in splits]


# What a forecaster is given -----------------------------------------------------------------------


def horizon_of(splits: list[Split]) -> int:
    """Return the longest horizon, which one model forecasts for all series."""
    return max(len(future) for _, future in splits)


def long_frame(series_set: SeriesSet, splits: list[Split]) -> pd.DataFrame:
    """Return what is known of all series: with dates, or else counted, each from 0."""

    def times(n: int) -> Any:
        if series_set.start is None:
            return np.arange(n)
        return pd.date_range(series_set.start, periods=n, freq="D")

    return pd.concat(
        pd.DataFrame({"unique_id": f"{number:04d}", "ds": times(len(past)), "y": past})
        for number, (past, _) in enumerate(splits)
    )


def transform_for(splits: list[Split]) -> Any:
    """Return the logarithm; where a training part holds a 0, that of 1 more."""
    if all((past > 0).all() for past, _ in splits):
        return "log"
    return FunctionTransformer(np.log1p, np.expm1)


# Scoring ------------------------------------------------------------------------------------------


def mase_scale(past: Array, season: int) -> float:
    """Return the mean absolute change over a season; a series without one changes by the step."""
    lag = season if len(past) > season else 1
    scale = float(np.mean(np.abs(past[lag:] - past[:-lag])))
    return scale if scale > 0 else np.nan  # left out of the mean


def suilin_smape(future: Array, forecast: Array) -> float:
    """Return sMAPE with a denominator that stays away from 0, in percent.

    As in the scripts of Hewamalage et al. for sets whose values come near 0.
    """
    size = np.maximum(np.abs(future) + np.abs(forecast) + 0.1, 0.6)
    return float(100 * np.mean(2 * np.abs(future - forecast) / size))


def errors(splits: list[Split], forecasts: Array, season: int) -> Errors:
    """Score forecasts (n_series, horizon): below 0 they are 0, what is too long is cut."""
    rows = []
    for (past, future), row in zip(splits, forecasts, strict=True):
        forecast = np.maximum(row[: len(future)], 0)
        scaled = np.mean(np.abs(future - forecast)) / mase_scale(past, season)
        rows.append((smape(future, forecast), suilin_smape(future, forecast), scaled))
    return Errors(*(float(mean) for mean in np.nanmean(rows, axis=0)))
