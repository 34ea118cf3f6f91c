"""How many sound fits see a warning or an error of this package?

    python benchmarks/false_alarms.py                           # what the package brings
    python benchmarks/false_alarms.py --data ../shared/data     # and series of the literature

Every fit here is sound: nothing needs to be said. Each is a call of `fit` and one of `predict`, on
one thread, with small networks and one epoch. All warnings are counted, whatever they say: by what
the first words are, with numbers as #, and by whose code raised them. An error counts like a
warning. The command ends with 1 if more than 1 % of the fits see any of this package.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, cycle, islice, product
from pathlib import Path
from traceback import walk_tb
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from accuracy_sets import SETS, known
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, RobustScaler, StandardScaler
from threadpoolctl import threadpool_limits

from seqforecast import (
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    OldestFirst,
    RNNRegressor,
    make_windows,
    recurrent_forecaster,
)
from seqforecast.datasets import (
    load_airline,
    load_co2,
    load_sunspots,
    make_delayed_echo,
    make_seasonal_ar,
)

CELLS = (LSTMRegressor, GRURegressor, RNNRegressor)
SCALINGS = ("standard", "window", None)
PACKAGE = "seqforecast"
WORDS = 8
ALLOWED = 0.01
"""Share of sound fits that may see anything."""
SEASON = 24


class Fit(NamedTuple):
    """A sound fit: an estimator and what its `fit` and its `predict` are given."""

    kind: str
    estimator: Any
    given: dict[str, Any]
    new: Any = None


def network(turn: int, **params: Any) -> Any:
    """Return a small network; cells and seeds rotate."""
    return CELLS[turn % 3](**{"hidden_size": 4, "max_epochs": 1, "random_state": turn, **params})


# Series -------------------------------------------------------------------------------------------


def dated(values: np.ndarray, freq: str = "D") -> pd.Series:
    index = pd.date_range("2020-01-01", periods=len(values), freq=freq)
    return pd.Series(np.asarray(values, dtype=float), index=index, name="sales")


def all_series() -> dict[str, pd.Series]:
    """Return series of every kind that the package brings or that is drawn in a line."""
    rng = np.random.default_rng(0)
    step = np.arange(400)
    season = np.sin(2 * np.pi * step / SEASON)
    return {
        "airline": load_airline().astype(float),
        "co2": load_co2(),
        "sunspots": load_sunspots(),
        "seasonal AR": dated(make_seasonal_ar(400, period=SEASON, phi=0.8, random_state=0), "h"),
        "white noise": dated(rng.standard_normal(400)),
        "random walk": dated(rng.standard_normal(400).cumsum()),
        "trend": dated(5.0 * step + rng.standard_normal(400)),
        "season": dated(100 + 10 * season + rng.standard_normal(400), "h"),
        "season without noise": dated(season, "h"),
        "growing season": dated(np.exp(step / 200) * (3 + season) * rng.lognormal(0, 0.1, 400)),
        "counts": dated(rng.poisson(3.0, 400)),
        "intermittent": dated(rng.poisson(2.0, 400) * (rng.random(400) < 0.2)),
        "closed on Sundays": dated(np.where(step % 7 == 6, 0, rng.poisson(20.0, 400))),
        "0 and 1": dated(rng.random(400) < 0.4),
        "prices that seldom change": dated(np.repeat(rng.lognormal(2, 0.3, 80), 5)),
        "around 1e6": dated(1e6 + rng.standard_normal(400).cumsum()),
    }


def with_channels(series: pd.Series) -> pd.DataFrame:
    """Put the calendar and a promotion beside a series."""
    rng = np.random.default_rng(1)
    return series.to_frame().assign(
        month=series.index.month, promotion=(rng.random(len(series)) < 0.2).astype(float)
    )


def shops(n_series: int = 4, n_steps: int = 150) -> pd.DataFrame:
    """Draw a panel: sales, a promotion known ahead, visitors known afterwards, a size."""
    rng = np.random.default_rng(2)
    frames = []
    for k in range(n_series):
        promotion = (rng.random(n_steps) < 0.2).astype(float)
        size = 50.0 * (k + 1)
        sold = size * 1.5**promotion * rng.lognormal(0, 0.1, n_steps)
        frames.append(
            pd.DataFrame(
                {
                    "unique_id": f"shop {k}",
                    "ds": pd.date_range("2024-01-01", periods=n_steps),
                    "y": sold,
                    "promotion": promotion,
                    "visitors": 3 * sold * rng.lognormal(0, 0.1, n_steps),
                    "size": size,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


# Fits of the regressors ---------------------------------------------------------------------------


def in_form(X: Any, form: str, n_channels: int) -> Any:
    """Return windows as a frame, as an array or with three dimensions."""
    if form == "names":
        return X
    array = np.asarray(X)
    return array if form == "array" else array.reshape(len(X), -1, n_channels)


FORMS = ("names", "array", "3-D")


def single() -> Iterator[Fit]:
    """Fit windows of one series."""
    lengths = cycle([(12, 1), (SEASON, 12), (48, 1), (6, 3), (8, 1)])
    cases = product(all_series().values(), FORMS, SCALINGS)
    for turn, (series, form, scaling) in enumerate(cases):
        window, horizon = next(lengths)
        X, y = make_windows(series, window, horizon)
        X = in_form(X, form, 1)
        given = {"X": X, "y": y if form == "names" else np.asarray(y)}
        yield Fit(f"windows, scaling={scaling!r}", network(turn, scaling=scaling), given)


def several_channels() -> Iterator[Fit]:
    """Fit windows of several channels."""
    for turn, (series, form) in enumerate(product(all_series().values(), FORMS)):
        frame = with_channels(series)
        X, y = make_windows(frame, 12, 1 + turn % 3, target=series.name)
        scaling = SCALINGS[turn % 2]
        model = network(turn, n_channels=3, scaling=scaling)
        yield Fit("several channels", model, {"X": in_form(X, form, 3), "y": y})


def every_step() -> Iterator[Fit]:
    """Fit windows with a target at every step, some of which are missing."""
    for turn, series in enumerate(all_series().values()):
        X, y = make_windows(series, 24, 1 + turn % 4, every_step=True, flat=False)
        if turn % 2:
            y = np.where(np.arange(24)[:, None] < 3, np.nan, y)
        model = network(turn, scaling=SCALINGS[turn // 2 % 3])
        yield Fit("a target at every step", model, {"X": X, "y": y})


def quantiles() -> Iterator[Fit]:
    """Fit quantiles."""
    levels = cycle([(0.1, 0.5, 0.9), (0.1, 0.9), (0.5,), (0.025, 0.5, 0.975)])
    for turn, series in enumerate(all_series().values()):
        X, y = make_windows(series, 12, 1 + turn % 2)
        model = network(turn, loss="quantile", quantiles=next(levels), scaling=SCALINGS[turn % 3])
        yield Fit("quantiles", model, {"X": X, "y": y})


def validated() -> Iterator[Fit]:
    """Fit with early stopping, on validation windows of one's own or on the newest."""
    for turn, (series, form) in enumerate(product(list(all_series().values())[:6], FORMS)):
        X, y = make_windows(series, 12)
        X = in_form(X, form, 1)
        cut = len(X) - 30
        if turn % 4 == 3:
            yield Fit("early stopping", network(turn, early_stopping=True), {"X": X, "y": y})
        else:
            given = {"X": X[:cut], "y": y[:cut], "X_val": X[cut:], "y_val": y[cut:]}
            yield Fit("X_val", network(turn), given)


def pipelines() -> Iterator[Fit]:
    """Fit behind scalers, column transformers and in searches."""
    rng = np.random.default_rng(3)
    for turn, series in enumerate(all_series().values()):
        X, y = make_windows(series, 12)
        given = {"X": X, "y": y}
        scaler = (StandardScaler(), MinMaxScaler(), RobustScaler())[turn % 3]
        yield Fit("a scaler before", make_pipeline(scaler, network(turn)), given)
        named = make_pipeline(clone(scaler), network(turn)).set_output(transform="pandas")
        yield Fit('set_output("pandas")', named, given)
        roots = FunctionTransformer(np.cbrt, feature_names_out="one-to-one")
        parts = [("old", roots, list(X.columns[:6])), ("new", "passthrough", list(X.columns[6:]))]
        by_column = ColumnTransformer(parts).set_output(transform="pandas")
        yield Fit("ColumnTransformer", make_pipeline(by_column, network(turn)), given)
        cv = (TimeSeriesSplit(2), KFold(2, shuffle=True, random_state=0))[turn % 2]
        yield Fit(
            "a search",
            GridSearchCV(network(turn), {"lr": [1e-3, 1e-2]}, cv=cv, error_score="raise"),
            given,
        )
        rows = rng.permutation(len(X))
        yield Fit("shuffled rows", network(turn), {"X": np.asarray(X)[rows], "y": y.iloc[rows]})


def lags(series: pd.Series, pattern: str, n_lags: int = 12) -> tuple[pd.DataFrame, pd.Series]:
    """Return rows of lags as other libraries make them, newest first."""
    frame = pd.DataFrame({pattern.format(k): series.shift(k) for k in range(1, n_lags + 1)})
    return frame.dropna(), series[n_lags:]


def oldest_first() -> Iterator[Fit]:
    """Fit as within skforecast (arrays) and mlforecast (names), with exogenous columns."""
    exogenous = cycle([[], ["month"], ["month", "promotion"], ["promotion"]])
    for turn, series in enumerate(all_series().values()):
        frame = with_channels(series)
        for pattern in ("lag_{}", "lag{}", "array"):
            X, y = lags(series, "lag_{}" if pattern == "array" else pattern)
            exog = next(exogenous)
            X = X.join(frame[exog])
            X = X.to_numpy() if pattern == "array" else X
            scaling = "window" if turn % 4 == 0 else "standard"
            model = network(turn, n_channels=1 + len(exog), scaling=scaling)
            steps = [OldestFirst(len(exog)), model]
            if turn % 2:
                steps.insert(1, StandardScaler())
            yield Fit("OldestFirst", make_pipeline(*steps), {"X": X, "y": y})


def how_to_pages() -> Iterator[Fit]:
    """Fit what the how-to pages and textbooks show: windows stacked by hand, scaled before."""
    for turn, series in enumerate(all_series().values()):
        values = ((series - series.mean()) / series.std()).to_numpy()
        starts = range(len(values) - 24 - 12 + 1)
        X = np.stack([values[i : i + 24] for i in starts])[..., np.newaxis]
        y = np.stack([values[i + 24 : i + 36] for i in starts])
        yield Fit("windows by hand", network(turn), {"X": X.astype(np.float32), "y": y})
        shifted = pd.DataFrame({f"t-{k}": series.shift(k) for k in range(12, 0, -1)}).dropna()
        yield Fit("shifted columns", network(turn), {"X": shifted, "y": series[shifted.index]})
    for turn in range(9):
        X, y = make_delayed_echo(300, window=40, delay=30, noise=1.0, random_state=turn)
        yield Fit("echo", network(turn), {"X": X, "y": y})


# Fits of a Forecaster -----------------------------------------------------------------------------


def regressors(turn: int) -> list[Any]:
    """Return one network, whose class rotates, and two regressors of scikit-learn."""
    boosting = HistGradientBoostingRegressor(max_iter=5, random_state=0)
    return [network(turn, observe="off"), Ridge(), boosting]


def forecasters_of_series() -> Iterator[Fit]:
    """Fit series, frames that are wide, and features with a series."""
    for turn, series in enumerate(all_series().values()):
        series = series[-300:]
        wide = pd.DataFrame({"a": series, "b": series.shift(1).bfill() * 2 + 1})
        features = with_channels(series)[["promotion"]]
        for regressor in regressors(turn):
            model = Forecaster(regressor, window=12, horizon=3)
            yield Fit("Forecaster, Series", model, {"X": series})
            yield Fit("Forecaster, wide", clone(model), {"X": wide})
            given = {"X": features[:-3], "y": series[:-3]}
            yield Fit("Forecaster, X and y", clone(model), given, features[-3:])


def forecasters_of_panels() -> Iterator[Fit]:
    """Fit panels with features of every kind."""
    frame = shops()
    lists = [{}, {"past": ["visitors"]}, {"past": ["visitors"], "static": ["size"]}]
    later = frame["ds"] > frame["ds"].max() - pd.Timedelta(days=7)
    for turn, (features, season) in enumerate(product(lists, ("auto", 7, None))):
        used = ["unique_id", "ds", "y", "promotion", *chain(*features.values())]
        coming = frame.loc[later, ["unique_id", "ds", "promotion"]]
        for regressor in regressors(turn):
            model = Forecaster(regressor, window=14, horizon=7, season=season, **features)
            yield Fit("Forecaster, long", model, {"X": frame.loc[~later, used]}, coming)


def of_the_literature(data: Path) -> Iterator[Fit]:
    """Fit series of five sets that forecasters are compared on, and of two sets of counts."""
    for key, one in SETS.items():
        pasts = [past for past, _ in islice(one.load(data), 0, 60, 5)]
        for turn, past in enumerate(pasts):
            window = min(24, len(past) // 3)
            X, y = make_windows(past, window, 1 + turn % 3)
            model = network(turn, scaling=SCALINGS[turn % 3])
            yield Fit(f"{key}, windows", model, {"X": X, "y": y})
        ids = np.repeat(np.arange(len(pasts)), [len(past) for past in pasts])
        times = np.concatenate([np.arange(len(past)) for past in pasts])
        frame = pd.DataFrame({"unique_id": ids, "ds": times, "y": np.concatenate(pasts)})
        for regressor in regressors(0):
            model = Forecaster(regressor, window=6, horizon=2, season=one.season)
            yield Fit(f"{key}, Forecaster", model, {"X": frame})
    for name in ("carparts", "hospital"):
        table = pd.read_csv(data / name / f"{name}.csv", index_col=0).to_numpy(float)
        for turn, row in enumerate(table[:60:5]):
            X, y = make_windows(known(row), 12)
            yield Fit(f"{name}, windows", network(turn), {"X": X, "y": y})


def recipes() -> Iterator[Fit]:
    """Fit the recurrent forecaster as it comes, but for a small network and few steps."""
    for series in (load_airline().astype(float), load_co2()[-120:], dated(np.arange(90) % 7)):
        for intervals in (None, "conformal", "quantile"):
            model = recurrent_forecaster(
                horizon=6, hidden_size=8, intervals=intervals, random_state=0
            )
            model.set_params(regressor__max_steps=5)
            yield Fit("recurrent_forecaster", model, {"X": series})


KINDS: tuple[Callable[[], Iterator[Fit]], ...] = (
    single,
    several_channels,
    every_step,
    quantiles,
    validated,
    pipelines,
    oldest_first,
    how_to_pages,
    forecasters_of_series,
    forecasters_of_panels,
    recipes,
)


# Counting -----------------------------------------------------------------------------------------


class Alarm(NamedTuple):
    """What was raised: by which package, of which class, with which first words."""

    package: str
    category: str
    words: str


def alarm_of(raised: Warning | Exception, module: str) -> Alarm:
    text = " ".join(re.sub(r"[-+]?\d[\d.,e+-]*", "#", str(raised)).split()[:WORDS])
    return Alarm(module.split(".")[0], type(raised).__name__, text)


def module_that_warns() -> str:
    """Return the module that called warnings.warn: the nearest one that is not of warnings."""
    frame = sys._getframe(1)
    own = (__name__, "warnings", "_py_warnings")
    while frame.f_back is not None and frame.f_globals.get("__name__") in own:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__"))


def alarms_of(fit: Fit) -> set[Alarm]:
    """Fit and predict; return what was raised, each thing once."""
    seen: set[Alarm] = set()

    def show(message: Warning, *_: object, **__: object) -> None:
        seen.add(alarm_of(message, module_that_warns()))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show  # catch_warnings puts it back
        try:
            fitted = fit.estimator.fit(**fit.given)
            forecaster = isinstance(fitted, Forecaster)
            new = fit.new if forecaster else fit.given["X"]
            fitted.predict() if new is None else fitted.predict(new)
        except Exception as error:  # as much of an alarm as a warning
            modules = [frame.f_globals["__name__"] for frame, _ in walk_tb(error.__traceback__)]
            seen.add(alarm_of(error, max(modules, key=lambda name: name.startswith(PACKAGE))))
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the series of the literature")
    args = parser.parse_args()
    kinds = list(KINDS)
    if args.data and args.data.is_dir():
        kinds.append(partial(of_the_literature, args.data))
    else:
        print(f"Without series of the literature: --data is {args.data or 'not given'}\n")

    fits, alarmed, raised = Counter(), Counter(), Counter()
    with threadpool_limits(1):
        for fit in chain.from_iterable(kind() for kind in kinds):
            seen = alarms_of(fit)
            fits[fit.kind] += 1
            alarmed[fit.kind] += any(alarm.package == PACKAGE for alarm in seen)
            raised.update(seen)

    n, n_alarmed = fits.total(), alarmed.total()
    print("| sound fits | fits | that see anything of this package |\n|---|--:|--:|")
    for kind, number in fits.items():
        print(f"| {kind} | {number} | {alarmed[kind]} |")
    print(f"| all | {n} | **{n_alarmed} ({100 * n_alarmed / n:.2f} %)** |")
    if raised:
        print("\n| raised by | class | first words | fits | share |\n|---|---|---|--:|--:|")
    for alarm, number in raised.most_common():
        words = alarm.words.replace("|", "\\|")
        share = f"{100 * number / n:.2f} %"
        print(f"| {alarm.package} | {alarm.category} | {words} ... | {number} | {share} |")
    if n_alarmed > ALLOWED * n:
        sys.exit(f"\nMore than {100 * ALLOWED:g} % of sound fits see a warning or an error.")


if __name__ == "__main__":
    main()
