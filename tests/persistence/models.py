"""Small fitted estimators of every kind, and what each is asked: for golden and damaged files."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from seqforecast.clipping import AutoClip
from seqforecast.containers.frames import as_pandas

MONTHS = pd.date_range("2001-01-01", periods=40, freq="MS")


def wave(n=34, seed=0):
    noise = np.random.default_rng(seed).standard_normal(n)
    return np.round(20.0 + 5.0 * np.sin(np.arange(n) * np.pi / 3) + noise, 3)


def network(cls, **given):
    return cls(**{"hidden_size": 2, "max_epochs": 2, "random_state": 0, **given})


def rnn():
    model = network(RNNRegressor, scaling="window", nonlinearity="relu", optimizer="sgd")
    return model.fit(*make_windows(wave(), window=4, horizon=2))


def lstm():
    given = {"num_layers": 2, "dropout": 0.2, "gradient_clipping": AutoClip(), "observe": "off"}
    return network(LSTMRegressor, **given).fit(*make_windows(wave(), window=4))


def gru():
    frame = pd.DataFrame({"load": wave(), "heat": wave(seed=1)})
    model = network(
        GRURegressor, loss="quantile", n_channels=2, random_state=np.random.RandomState(3)
    )
    return model.fit(*make_windows(frame, window=2, target="load"))


def pipeline():
    scalers = [
        FunctionTransformer(np.log1p, np.expm1),
        make_pipeline(StandardScaler(), "passthrough", RobustScaler()),
        MinMaxScaler(),
        QuantileTransformer(n_quantiles=5),
        PowerTransformer(),
        MaxAbsScaler(),
    ]
    model = make_pipeline(*scalers, network(GRURegressor, scaling=None))
    return model.fit(*make_windows(pd.Series(wave(), name="load"), window=4))


def transformed_target():
    model = TransformedTargetRegressor(network(RNNRegressor), transformer=PowerTransformer())
    return model.fit(*make_windows(wave(), window=4))


def forecaster_lstm():
    series = pd.Series(wave(40), index=MONTHS, name="load")
    series.iloc[[7, 20, 39]] = np.nan
    given = {"window": 4, "horizon": 2, "season": 6, "intervals": "conformal"}
    return Forecaster(network(LSTMRegressor, observe="off"), **given).fit(series)


def forecaster_ridge():
    days = pd.date_range("2021-01-01", periods=40, freq="B", tz="Europe/Berlin", name="day")
    frame = pd.DataFrame({"a": wave(40), "b": 3.0 * wave(40, seed=1)}, index=days)
    frame.iloc[3::7, 0] = frame.iloc[5::8, 1] = np.nan  # so that each step has its regressor
    given = {"window": 4, "horizon": 2, "baseline": "seasonal", "transform": PowerTransformer()}
    return Forecaster(make_pipeline(StandardScaler(), Ridge()), **given).fit(frame)


def forecaster_linear():
    model = Forecaster(LinearRegression(), window=3, horizon=2, regressor_weight=0.5)
    return model.fit(wave(40)).update(wave(44)[40:])


def forecaster_quantile():
    parts = [
        pd.DataFrame(
            {
                "shop": name,
                "month": MONTHS[: 40 - 3 * seed],
                "sales": wave(40 - 3 * seed, seed),
                "promo": np.arange(40 - 3 * seed) % 4 == 0,
                "weather": wave(40 - 3 * seed, seed + 5),
                "size": float(seed),
            }
        )
        for seed, name in enumerate(["north", "south"])
    ]
    regressor = network(GRURegressor, loss="quantile", observe="off")
    model = Forecaster(
        regressor,
        window=4,
        horizon=2,
        season=6,
        calendar=["year"],
        intervals="quantile",
        columns=("shop", "month", "sales"),
        past=["weather"],
        static=["size"],
    )
    return model.fit(pd.concat(parts, ignore_index=True))


def forecaster_polars():
    days = pl.date_range(pl.date(2021, 1, 1), pl.date(2021, 2, 9), eager=True)
    parts = [
        pl.DataFrame({"unique_id": [name] * 40, "ds": days, "y": wave(40, seed)})
        for seed, name in enumerate(["north", "south"])
    ]
    frame = pl.concat(parts).with_columns(pl.col("unique_id").cast(pl.Enum(["south", "north"])))
    return Forecaster(Ridge(), window=4, horizon=2).fit(frame)


def stream():
    X, y = make_windows(wave(), window=4, horizon=2)
    model = network(LSTMRegressor, scaling="window", loss="quantile", observe="off").fit(X, y)
    stream = model.stream(X[-2:])
    stream.update([21.0, 24.0])
    return stream


def forecast_stream():
    frame = pd.DataFrame({"a": wave(40), "b": 3.0 * wave(40, seed=1)}, index=MONTHS)
    given = {"window": 4, "horizon": 2, "season": 6}
    forecaster = Forecaster(network(GRURegressor, observe="off"), **given).fit(frame)
    stream = forecaster.stream(level=80)
    stream.update([21.0, np.nan])
    return stream


REGRESSORS = {
    "rnn": (rnn, 4),
    "lstm": (lstm, 4),
    "gru": (gru, 4),
    "pipeline": (pipeline, 4),
    "transformed_target": (transformed_target, 4),
}
FORECASTERS = {
    "forecaster_lstm": (forecaster_lstm, 3),
    "forecaster_ridge": (forecaster_ridge, 3),
    "forecaster_linear": (forecaster_linear, 3),
    "forecaster_polars": (forecaster_polars, 3),
    "forecaster_quantile": (
        forecaster_quantile,
        {
            "shop": ["north"] * 2,
            "month": ["2004-05-01", "2004-06-01"],
            "promo": [1.0, 0.0],
        },
    ),
}
STREAMS = {
    "stream": (stream, [[22.0, 25.0], [18.5, 27.0]]),
    "forecast_stream": (forecast_stream, [[22.0, 60.0], [19.0, 66.0]]),
}
EVERY = REGRESSORS | FORECASTERS | STREAMS
NAMES = [*EVERY]


def build(name):
    """Return a fitted estimator."""
    make, _ = EVERY[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # columns without names beside a pipeline that saw some
        return make()


def question(name):
    """Return what an estimator is asked, as JSON has it."""
    _, asked = EVERY[name]
    return wave(16, seed=9).reshape(-1, asked).tolist() if name in REGRESSORS else asked


def answer(name, estimator, asked):
    """Ask an estimator; return its forecasts as an array."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # arrays without names, short histories
        if name in REGRESSORS:
            X = np.array(asked)
            forecasts = [estimator.predict(X)]
            if name == "gru":
                forecasts.append(estimator.predict_quantiles(X))
            return np.column_stack(forecasts)
        if name in STREAMS:
            return np.concatenate([np.asarray(estimator.update(step)) for step in asked])
        if isinstance(asked, dict):
            asked = pd.DataFrame(asked).assign(month=pd.to_datetime(asked["month"]))
        table = as_pandas(estimator.predict(asked, level=80), "the forecast")
        return table.select_dtypes("number").to_numpy(dtype=float)
