"""The doors of the package: each is given plain values in some container, and answers numbers."""

import re
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from seqforecast import (
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    OldestFirst,
    backtest,
    diagnose,
    export_numpy,
    forecast_scorer,
    gradient_flow,
    last_window,
    make_windows,
    metrics,
    report,
    runtime,
)

N, WINDOW = 24, 4
SERIES = np.random.default_rng(0).integers(40, 200, N + WINDOW).astype(np.float64)
X, Y = (np.ascontiguousarray(part) for part in make_windows(SERIES, WINDOW))
X3 = np.ascontiguousarray(X.reshape(N, WINDOW, 1))
WEIGHT = np.random.default_rng(1).integers(1, 9, N).astype(np.float64)
WIDE = np.column_stack([SERIES, SERIES[::-1]])
FEATURES = np.random.default_rng(2).integers(0, 9, (N + WINDOW, 2)).astype(np.float64)
SMALL = {"hidden_size": 2, "max_epochs": 1, "observe": "off", "random_state": 0}


@dataclass(frozen=True)
class Entry:
    """One argument of one public function.

    Parameters
    ----------
    name : str
        The function and its argument.
    plain : ndarray
        The plain values.
    call : callable
        Calls the function with a container of these values; returns an array, or several.
    """

    name: str
    plain: np.ndarray
    call: object
    has_names: bool = True  # whether frames, whose columns have names, fit what was given before
    stands_alone: bool = False  # knows numpy only

    def __repr__(self):
        return self.name


def network(**params):
    return LSTMRegressor(**SMALL, **params)


@cache
def fitted(y_ndim=1):
    return network().fit(X, Y if y_ndim == 1 else Y[:, None])


@cache
def with_quantiles():
    return network(loss="quantile").fit(X, Y)


@cache
def served():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.npz")
        export_numpy(fitted(), path)
        return runtime.load_numpy(path)


def forecaster():
    return Forecaster(Ridge(), window=3, horizon=2, season=4)


def forecasts(fitted_forecaster):
    """Return the forecasts of any form as an array."""
    return np.asarray(fitted_forecaster.predict(), dtype=np.float64)


def streamed(stream, values):
    """Return what a stream forecasts of new values, in any form."""
    return np.asarray(stream.update(values), dtype=np.float64)


def errors(frame):
    if not isinstance(frame, pd.DataFrame):
        frame = pd.DataFrame(nw.from_native(frame).to_dict(as_series=False))
    return frame[["y", "y_hat", "seasonal_naive"]].to_numpy(dtype=np.float64)


def written(*args):
    with tempfile.TemporaryDirectory() as folder:
        page = report(fitted(), Path(folder, "report.html"), *args).read_text(encoding="utf-8")
    return re.sub("<time.*?</time>", "", page)


def flow(X):
    return gradient_flow(fitted(), X).input_sensitivity


def below(wide):
    """Return a wide array as a long frame."""
    n_steps, n_series = wide.shape
    ids, ds = np.repeat(np.arange(n_series), n_steps), np.tile(np.arange(n_steps), n_series)
    return pd.DataFrame({"unique_id": ids, "ds": ds, "y": wide.T.ravel()})


def scored_beside(scorer, y):
    """Score two series of a long frame, whose actual values stand beside it."""
    frame = below(WIDE)
    is_new = frame["ds"] >= len(WIDE) - 4
    rows = frame[is_new].drop(columns="y").reset_index(drop=True)
    return scorer(forecaster().fit(frame[~is_new]), rows, y)


def later(rows):
    """Fit to features and a target of the plain kind, and forecast two rows of the other kind."""
    return forecaster().fit(FEATURES, SERIES).predict(rows)


ENTRIES = (
    Entry("fit(X)", X, lambda v: network().fit(v, Y).predict(X)),
    Entry("fit(X) of three dimensions", X3, lambda v: network().fit(v, Y).predict(X)),
    Entry("fit(y)", Y, lambda v: network().fit(X, v).predict(X)),
    Entry("fit(y) of two dimensions", X, lambda v: network().fit(X, v).predict(X)),
    Entry("fit(sample_weight)", WEIGHT, lambda v: network().fit(X, Y, v).predict(X)),
    Entry("fit(X_val)", X, lambda v: network().fit(X, Y, X_val=v, y_val=Y).history_),
    Entry("fit(y_val)", Y, lambda v: network().fit(X, Y, X_val=X, y_val=v).history_),
    Entry(
        "fit(X), scaled by window",
        X,
        lambda v: GRURegressor(**SMALL, scaling="window").fit(v, Y).predict(X),
    ),
    Entry("fit(X), not scaled", X, lambda v: network(scaling=None).fit(v, Y).predict(X)),
    Entry("partial_fit(X)", X, lambda v: network().partial_fit(v, Y).predict(X)),
    Entry("partial_fit(y)", Y, lambda v: network().partial_fit(X, v).predict(X)),
    Entry("predict(X)", X, lambda v: fitted().predict(v)),
    Entry("predict(X) of three dimensions", X3, lambda v: fitted().predict(v)),
    Entry("predict_quantiles(X)", X, lambda v: with_quantiles().predict_quantiles(v)),
    Entry("predict_interval(X)", X, lambda v: with_quantiles().predict_interval(v)),
    Entry("score(X)", X, lambda v: fitted().score(v, Y)),
    Entry("score(y)", Y, lambda v: fitted().score(X, v)),
    Entry("score(sample_weight)", WEIGHT, lambda v: fitted().score(X, Y, v)),
    Entry("stream(X)", X, lambda v: fitted().stream(v).forecast),
    Entry("stream.update(observation)", X[0], lambda v: fitted().stream(X[:4]).update(v)),
    Entry("make_windows(series)", SERIES, lambda v: make_windows(v, WINDOW)),
    Entry("make_windows(series) of two channels", WIDE, lambda v: make_windows(v, WINDOW)),
    Entry("last_window(series)", SERIES, lambda v: last_window(v, WINDOW)),
    Entry(
        "OldestFirst.fit_transform(X)",
        np.ascontiguousarray(X[::3, ::-1]),
        lambda v: OldestFirst().fit_transform(v),
        has_names=False,
    ),
    Entry("gradient_flow(X)", X, flow),
    Entry("diagnose(X)", X, lambda v: str(diagnose(fitted(), v, Y))),
    Entry("diagnose(y)", Y, lambda v: str(diagnose(fitted(), X, v))),
    Entry("report(X)", X, lambda v: written(v, Y)),
    Entry("report(y)", Y, lambda v: written(X, v)),
    Entry("runtime.predict(X)", X, lambda v: served().predict(v), stands_alone=True),
    Entry("Forecaster.fit(X), one series", SERIES, lambda v: forecasts(forecaster().fit(v))),
    Entry("Forecaster.fit(X), several", WIDE, lambda v: forecasts(forecaster().fit(v))),
    Entry(
        "Forecaster.fit(X, y)(X)",
        FEATURES,
        lambda v: np.asarray(forecaster().fit(v, SERIES).predict(FEATURES[:2])),
    ),
    Entry(
        "Forecaster.fit(X, y)(y)",
        SERIES,
        lambda v: np.asarray(forecaster().fit(FEATURES, v).predict(FEATURES[:2])),
    ),
    Entry("Forecaster.predict(X)", FEATURES[:2], later),
    Entry(
        "Forecaster.update(X), one series",
        SERIES[:3],
        lambda v: forecasts(forecaster().fit(SERIES).update(v)),
    ),
    Entry(
        "Forecaster.update(X), several",
        WIDE[:3],
        lambda v: forecasts(forecaster().fit(WIDE).update(v)),
        has_names=False,
    ),
    Entry(
        "Forecaster.stream().update(X)",
        SERIES[:3],
        lambda v: streamed(forecaster().fit(SERIES).stream(), v),
    ),
    Entry("Forecaster.score(X)", SERIES[:4], lambda v: forecaster().fit(SERIES).score(v)),
    Entry(
        "Forecaster.score(y)",
        SERIES[:4],
        lambda v: forecaster().fit(FEATURES, SERIES).score(FEATURES[:4], v),
    ),
    Entry("Forecaster.score(X), several", WIDE[:4], lambda v: forecaster().fit(WIDE).score(v)),
    Entry(
        "Forecaster.score(long frame, y)(y)",
        Y[:8],
        lambda v: scored_beside(Forecaster.score, v),
    ),
    Entry(
        "Forecaster.score(sample_weight)",
        WEIGHT[:4],
        lambda v: forecaster().fit(SERIES).score(SERIES[:4], sample_weight=v),
    ),
    Entry(
        "forecast_scorer(...)(forecaster, X)",
        SERIES[:4],
        lambda v: forecast_scorer("mase")(forecaster().fit(SERIES), v),
    ),
    Entry(
        "forecast_scorer(...)(forecaster, X), several",
        WIDE[:4],
        lambda v: forecast_scorer("mase")(forecaster().fit(WIDE), v),
    ),
    Entry(
        "forecast_scorer(...)(forecaster, X, y)(y)",
        SERIES[:4],
        lambda v: forecast_scorer("mase")(forecaster().fit(FEATURES, SERIES), FEATURES[:4], v),
    ),
    Entry(
        "forecast_scorer(...)(forecaster, long frame, y)(y)",
        Y[:8],
        lambda v: scored_beside(forecast_scorer("rmse"), v),
    ),
    Entry(
        "forecast_scorer(...)(network, X, y)(X)",
        X,
        lambda v: forecast_scorer("mae")(fitted(), v, Y),
    ),
    Entry(
        "forecast_scorer(...)(network, X, y)(y)",
        Y,
        lambda v: forecast_scorer("mae")(fitted(), X, v),
    ),
    Entry(
        "backtest(data)",
        SERIES,
        lambda v: errors(backtest(forecaster(), v, horizon=2, n_folds=2)),
    ),
    Entry(
        "backtest((X, y))(y)",
        SERIES,
        lambda v: errors(backtest(forecaster(), (FEATURES, v), horizon=2, n_folds=2)),
    ),
    Entry("mae(y_true)", Y, lambda v: metrics.mae(v, Y[::-1])),
    Entry("smape(y_pred)", Y, lambda v: metrics.smape(Y[::-1], v)),
    Entry("mase(y_train)", SERIES, lambda v: metrics.mase(Y, Y[::-1], y_train=v, season=1)),
    Entry("coverage(lower)", Y, lambda v: metrics.coverage(Y, v, Y + 200.0)),
)
