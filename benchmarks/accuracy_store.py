"""Forecasts, stored as soon as they are made, so that a broken-off table goes on where it stopped.

A file a run. Its name holds a fingerprint of the forecaster's parameters and of the series that it
was given, so that a changed recipe never meets old results. What the name cannot tell is the code
itself: each file says which state of the package made it, and `Store.states` counts them.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import seqforecast


class Result(NamedTuple):
    """What a run made: any array, the seconds of its fit on one core, and what made it."""

    forecast: NDArray[np.float64]
    seconds: float
    made_by: str


class Run(NamedTuple):
    """One fit: where its result is stored, and the work, which returns values and seconds."""

    place: tuple[str, ...]
    made_by: str
    work: Callable[[], tuple[NDArray[np.float64], float]]

    def __str__(self) -> str:
        return " ".join(self.place)


class Store:
    """A folder of results."""

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        self.folder = folder
        self.fresh = fresh  # results of earlier calls do not count
        self.states: set[str] = set()
        self._made: set[Path] = set()

    def read(self, run: Run) -> Result | None:
        path = self._path(run)
        if not path.exists() or (self.fresh and path not in self._made):
            return None
        with np.load(path) as file:
            result = Result(file["values"], float(file["seconds"]), str(file["made_by"]))
        self.states.add(result.made_by)
        return result

    def write(self, run: Run, values: NDArray[np.float64], seconds: float) -> None:
        path = self._path(run)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as file:  # a file is whole, or is not there
            np.savez(file, values=values, seconds=seconds, made_by=run.made_by)
        part.replace(path)
        self._made.add(path)

    def _path(self, run: Run) -> Path:
        *folders, name = run.place
        return self.folder.joinpath(*folders, f"{name}.npz")


def results_of(runs: Sequence[Run], store: Store, jobs: int) -> list[Result]:
    """Return the results of all runs; what is not in the store is made, each on one thread."""
    missing = [run for run in runs if store.read(run) is None]
    made = Parallel(jobs, return_as="generator_unordered")(
        delayed(_numbered)(number, run) for number, run in enumerate(missing)
    )
    for done, (number, values, seconds) in enumerate(made, start=1):
        store.write(missing[number], values, seconds)
        print(
            f"{done} of {len(missing)}: {missing[number]} ({seconds:.1f} s)",
            file=sys.stderr,
            flush=True,
        )
    results = [store.read(run) for run in runs]
    return [result for result in results if result is not None]


def _numbered(number: int, run: Run) -> tuple[int, NDArray[np.float64], float]:
    with threadpool_limits(1):
        return number, *run.work()


# What tells one run from another ------------------------------------------------------------------


def fingerprint(forecaster: Any, data: int) -> str:
    """Return a short word for the parameters of a forecaster, but its seed, and for its data."""
    told = (seqforecast.__version__, *_settings(forecaster), data)
    return hashlib.sha1(repr(told).encode()).hexdigest()[:10]


def _settings(forecaster: Any) -> Iterator[tuple[str, str]]:
    for name, value in sorted(forecaster.get_params(deep=True).items()):
        if not name.endswith("random_state"):
            yield name, _word(value)


def _word(value: Any) -> str:
    """Write a value; an estimator by its class, for its parameters are told beside it."""
    if hasattr(value, "get_params"):
        return type(value).__qualname__
    if isinstance(value, np.ndarray):
        return repr(value.tolist())
    return repr(value)


def hash_of(data: pd.DataFrame) -> int:
    """Return a number that changes with any value or time of the columns."""
    dates = data.select_dtypes("datetime").columns
    # Versions of pandas count dates in different units.
    same = data.astype(dict.fromkeys(dates, "datetime64[s]"))
    return int(pd.util.hash_pandas_object(same, index=False).sum())


@cache
def state_of_the_code() -> str:
    """Return a short word for the source of the package."""
    package = Path(seqforecast.__file__).parent
    digest = hashlib.sha1()
    for path in sorted(package.rglob("*")):
        if path.suffix in {".py", ".cpp", ".h", ".hpp"}:
            digest.update(path.read_bytes())
    return f"seqforecast {seqforecast.__version__}, source {digest.hexdigest()[:8]}"
