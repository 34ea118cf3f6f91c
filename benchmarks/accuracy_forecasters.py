"""Our forecasters on the five sets: what is fitted, and the runs that do it.

`recurrent_forecaster` is taken as it is: a set tells it the horizon, the seasons and whether there
is a 0 under the logarithm, all of which stand in the training part.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from accuracy_peers import by_statsforecast, statsforecast_version
from accuracy_sets import (
    SETS,
    Array,
    Errors,
    SeriesSet,
    Split,
    errors,
    horizon_of,
    long_frame,
    splits_of,
    transform_for,
)
from accuracy_store import Result, Run, fingerprint, hash_of, state_of_the_code
from sklearn.dummy import DummyRegressor

from seqforecast import Forecaster, recurrent_forecaster


class Problem(NamedTuple):
    """A set, and which part of it is forecast: "test" or "validation"."""

    key: str
    data: Path
    part: str = "test"

    @property
    def series_set(self) -> SeriesSet:
        return SETS[self.key]

    @property
    def splits(self) -> list[Split]:
        return splits_of(self.key, self.data, self.part)

    @property
    def frame(self) -> pd.DataFrame:
        return frame_of(self)

    def errors(self, forecasts: Array) -> Errors:
        return errors(self.splits, forecasts, self.series_set.season)


@lru_cache(maxsize=2)
def frame_of(problem: Problem) -> pd.DataFrame:
    return long_frame(problem.series_set, problem.splits)


@cache
def data_word(problem: Problem) -> int:
    return hash_of(problem.frame)


def recipe(problem: Problem, seed: int, **arguments: object) -> Forecaster:
    """Return `recurrent_forecaster` for a set."""
    forecaster = recurrent_forecaster(
        horizon=horizon_of(problem.splits),
        season=problem.series_set.seasons,
        random_state=seed,
        **arguments,
    )
    return forecaster.set_params(transform=transform_for(problem.splits))


def baseline_alone(problem: Problem) -> Forecaster:
    """Return the same, with a regressor that says 0."""
    nothing = DummyRegressor(strategy="constant", constant=np.zeros(horizon_of(problem.splits)))
    return recipe(problem, seed=0).set_params(regressor=nothing, window=24, regressor_weight=0.0)


def run_of(
    problem: Problem,
    name: str,
    forecaster: Forecaster,
    seed: int = 0,
    *,
    level: Sequence[int] | None = None,
) -> Run:
    word = fingerprint(forecaster, data_word(problem))
    return Run(
        (problem.part, problem.key, f"{name}-{word}-{seed}"),
        state_of_the_code(),
        partial(fit_and_predict, problem, forecaster, level),
    )


def fit_and_predict(
    problem: Problem, forecaster: Forecaster, level: Sequence[int] | None
) -> tuple[Array, float]:
    """Return forecasts (n_series, horizon), and the seconds of the fit.

    With levels the forecasts have a third axis: the forecast, then the lower and the upper end of
    each level.
    """
    start = time.process_time()
    forecaster.fit(problem.frame)
    seconds = time.process_time() - start
    columns = forecaster.predict(level=level).drop(columns=["unique_id", "ds"])
    shape = (len(problem.splits), -1) + (() if level is None else (columns.shape[1],))
    return columns.to_numpy(float).reshape(shape), seconds


def run_of_statsforecast(problem: Problem, name: str) -> Run:
    file = name.lower().translate(str.maketrans({" ": "-", "'": "", "(": "-", ")": ""}))
    return Run(
        (problem.part, problem.key, f"{file}-{data_word(problem) & 0xFFFFFFFF:08x}"),
        f"statsforecast {statsforecast_version()}",
        partial(by_statsforecast, name, problem.key, problem.splits),
    )


def median_of(results: Sequence[Result]) -> Array:
    """Return the median forecast of each series and step over the seeds."""
    return np.median([result.forecast for result in results], axis=0)
