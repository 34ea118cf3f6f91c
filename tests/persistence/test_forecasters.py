"""What a Forecaster is after it was saved and loaded: whatever is done to it gives the same."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, StandardScaler

from seqforecast import (
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    RNNRegressor,
    recurrent_forecaster,
)

SHOWN = [
    "regressor_weight_",
    "season_",
    "transform_",
    "calendar_",
    "ids_",
    "padded_",
    "row_names_",
    "n_features_in_",
    "feature_names_in_",
]


def values(n, seed=0):
    rng = np.random.default_rng(seed)
    return 20.0 + 5.0 * np.sin(np.arange(n) * np.pi / 3) + rng.standard_normal(n)


def network(cls=GRURegressor, **given):
    return cls(**{"hidden_size": 3, "max_epochs": 2, "random_state": 0, "observe": "off", **given})


def small(regressor=None, **given):
    regressor = Ridge() if regressor is None else regressor
    return Forecaster(regressor, **{"window": 6, "horizon": 2, "season": 6, **given})


def check_same(model, again, same, X=3, level=None):
    same(model.get_params(), again.get_params())
    for name in SHOWN:
        assert hasattr(model, name) == hasattr(again, name), name
        if hasattr(model, name):
            same(getattr(model, name), getattr(again, name), name)
    same(model.predict(X), again.predict(X))
    if level is not None:
        same(model.predict(X, level=level), again.predict(X, level=level))
    adapter = again._model.adapter
    assert again.regressor_ is (adapter.by_step or adapter.fitted)
    same(model.training_data(), again.training_data())


def check_life(model, reloaded, same, new, *, passes=0, X=3, level=None):
    """Load, forecast, go on, forecast; and load what went on."""
    again = reloaded(model)
    model = copy.deepcopy(model)
    if level is not None:  # asked before anything else
        same(model.predict(X, level=level), reloaded(model).predict(X, level=level))
    check_same(model, again, same, X, level)
    for one in (model, again):
        one.update(*new, passes=passes)
    return model, again


CALENDARS = {
    "months": pd.date_range("2001-01-01", periods=40, freq="MS"),
    "ends of months": pd.date_range("2001-01-31", periods=40, freq="ME", unit="s"),
    "business days": pd.date_range("2021-01-01", periods=40, freq="B"),
    "hours": pd.date_range("2021-01-01", periods=40, freq="h"),
    "days of a zone": pd.date_range("2021-03-10", periods=40, freq="D", tz="Europe/Berlin"),
    "hours of a zone": pd.date_range("2021-03-27", periods=40, freq="h", tz="America/New_York"),
    "far from Greenwich": pd.date_range("2021-03-27", periods=40, freq="D", tz="UTC+05:30"),
    "weeks": pd.date_range("2021-01-03", periods=40, freq="W-SUN"),
    "quarters": pd.date_range("2001-03-31", periods=40, freq="QE-DEC"),
    "quarters of an hour": pd.date_range("2021-01-01", periods=40, freq="15min", unit="ms"),
    "second Tuesdays": pd.date_range("2001-01-01", periods=40, freq="WOM-2TUE"),
    "every third month": pd.date_range("2001-01-01", periods=40, freq="3MS"),
    "periods": pd.period_range("2001-01", periods=40, freq="M"),
    "quarters as periods": pd.period_range("2001Q1", periods=40, freq="Q-NOV"),
    "integers": pd.Index(np.arange(5, 205, 5), dtype="int32"),
    "nullable integers": pd.Index(np.arange(40), dtype="Int64"),
    "a range": pd.RangeIndex(10, 90, 2, name="step"),
}


@pytest.mark.parametrize("index", CALENDARS.values(), ids=CALENDARS)
def test_every_calendar(index, reloaded, same):
    series = pd.Series(values(40), index=index, name="load")
    model = small(calendar=None).fit(series[:36])
    model, again = check_life(model, reloaded, same, [series[36:]])
    check_same(model, again, same, level=80)
    check_same(again, reloaded(again), same)


def test_the_calendar_as_features(reloaded, same):
    series = pd.Series(values(800), index=pd.date_range("2020-01-01", periods=800, freq="D"))
    model = small(calendar=["year", "month", "week"]).fit(series[:780])
    model, again = check_life(model, reloaded, same, [series[780:]])
    check_same(model, again, same)


def wide(names, n=40):
    index = pd.date_range("2021-01-04", periods=n, freq="W-MON")
    columns = {name: values(n, seed) for seed, name in enumerate(names)}
    return pd.DataFrame(columns, index=index).set_axis(names, axis=1)


NAMES = {
    "texts": pd.Index(["a", "b", "c"], name="store"),
    "objects": pd.Index(["a", 2, ("b", 3)], dtype=object, tupleize_cols=False),
    "integers": pd.Index([7, 8, 9], dtype="int16"),
    "floats": pd.Index([0.5, 1.5, 2.5]),
    "categories": pd.CategoricalIndex(["b", "a", "c"], categories=["c", "b", "a"], ordered=True),
    "times": pd.DatetimeIndex(["2020-01-01", "2020-01-02", "2020-01-03"], freq="D"),
    "times of a zone": pd.date_range("2020", periods=3, freq="h", tz="Asia/Tokyo", name="begin"),
    "mixed times": pd.Index([pd.Timestamp("2020", tz="UTC"), "b", pd.Timestamp(2020, 1, 1)]),
    "periods": pd.period_range("2020", periods=3, freq="Q"),
    "nullable": pd.Index(["a", "b", "c"], dtype="string"),
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_every_kind_of_name(names, reloaded, same):
    frame = wide(names)
    model = small().fit(frame[:36])
    model, again = check_life(model, reloaded, same, [frame[36:]])
    check_same(model, again, same)


def long(ids, n=40, features=True):
    frames = []
    for seed, (name, length) in enumerate(zip(ids, (n, n - 3, n - 5), strict=True)):
        index = pd.date_range("2001-01-01", periods=length, freq="MS")
        frame = pd.DataFrame(
            {"shop": [name] * length, "month": index, "sales": values(length, seed)}
        )
        if features:
            frame["promo"] = np.arange(length) % 4 == 0
            frame["weather"] = np.cos(np.arange(length) + seed)
            frame["size"] = float(seed)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def columns(**given):
    return {"columns": ("shop", "month", "sales"), **given}


@pytest.mark.parametrize("kind", ["object", "int64", "category", "datetime64[s]"])
def test_long_frames_and_their_ids(kind, reloaded, same):
    ids, others = (["x", "y", "z"], ["u", "v", "w"]) if kind == "object" else ([1, 2, 3], [4, 5, 6])
    frame = long(ids, features=False).astype({"shop": kind})
    start = frame["month"] < "2004-01-01"
    model = small(**columns()).fit(frame[start])
    # Some of the new rows belong to a series that is new.
    known = frame[~start & (frame["shop"] == frame["shop"].iloc[0])]
    other = long(others, features=False)[:40].astype({"shop": kind})
    new = pd.concat([part.astype({"shop": object}) for part in (known, other)])
    model, again = check_life(model, reloaded, same, [new])
    check_same(model, again, same, level=80)
    check_same(again, reloaded(again), same, level=[80])


@pytest.mark.parametrize("by", ["network", "flat"])
def test_features_of_every_role(by, reloaded, same):
    frame = long(["x", "y", "z"])
    frame.loc[5, "weather"] = np.nan
    known = frame["month"] < "2003-09-01"
    regressor = network(LSTMRegressor) if by == "network" else Ridge()
    model = small(regressor, **columns(past=["weather"], static=["size"], future=["promo"]))
    model.fit(frame[known])
    months = pd.date_range("2003-09-01", periods=4, freq="MS")
    ahead = pd.concat(
        pd.DataFrame({"shop": name, "month": months, "promo": True}) for name in ("x", "y")
    )
    again = reloaded(model)
    check_same(model, again, same, ahead, level=80)
    new = frame[(frame["month"] == "2003-09-01")]
    for one in (model, again):
        one.update(new, passes=1 if by == "network" else 0)
    check_same(model, again, same, ahead[ahead["month"] > "2003-09-01"].iloc[[0, 1, 3, 4]])


@pytest.mark.parametrize("labelled", [True, False], ids=["pandas", "numpy"])
def test_features_beside_a_target(labelled, reloaded, same):
    index = pd.date_range("2001-01-01", periods=40, freq="MS")
    X = pd.DataFrame({"promo": np.arange(40) % 3, "trend": np.arange(40.0)}, index=index)
    y = pd.Series(values(40), index=index, name="sales")
    if not labelled:
        X, y = X.to_numpy(dtype=float), y.to_numpy()
    model = small().fit(X[:36], y[:36])
    model, again = check_life(model, reloaded, same, [X[36:38], y[36:38]], X=X[36:38])
    check_same(model, again, same, X[38:], level=80)


@pytest.mark.parametrize("data", [values(40), wide(["a", "b"]).to_numpy()], ids=["one", "two"])
def test_arrays(data, reloaded, same):
    model, again = check_life(small().fit(data[:36]), reloaded, same, [data[36:]])
    check_same(model, again, same, level=80)


SQUARE_ROOT = make_pipeline(FunctionTransformer(np.sqrt, np.square), StandardScaler())


@pytest.mark.parametrize(
    ("transform", "baseline"),
    [
        ("log", "linear"),
        (None, "seasonal"),
        (PowerTransformer(), "last"),
        (FunctionTransformer(np.log1p, np.expm1), None),
        (SQUARE_ROOT, "linear"),
    ],
    ids=["log", "none", "power", "function", "pipeline"],
)
def test_every_transform_and_baseline(transform, baseline, reloaded, same):
    series = pd.Series(values(40))
    series[[5, 17, 35]] = np.nan
    model = small(transform=transform, baseline=baseline).fit(series[:36])
    model, again = check_life(model, reloaded, same, [series[36:]], level=[80, 50])
    check_same(model, again, same, level=80)


@pytest.mark.parametrize("cls", [RNNRegressor, LSTMRegressor, GRURegressor])
@pytest.mark.parametrize("intervals", ["conformal", "quantile", None])
def test_networks_and_intervals(cls, intervals, reloaded, same):
    frame = wide(["a", "b"])
    loss = "quantile" if intervals == "quantile" else "squared_error"
    regressor = network(cls, loss=loss, quantiles=(0.1, 0.25, 0.75, 0.9))
    model = small(regressor, intervals=intervals, regressor_weight=0.5).fit(frame[:36])
    X = 2 if intervals == "quantile" else 3
    model, again = check_life(model, reloaded, same, [frame[36:]], passes=1, X=X, level=80)
    check_same(model, again, same, X, level=80)
    for one in (model, again):
        one._model.adapter.fitted.partial_fit(*one.training_data())
    check_same(model, again, same, X, level=80)


@pytest.mark.parametrize("intervals", ["conformal", None])
def test_a_weight_that_is_chosen(intervals, reloaded, same):
    series = pd.Series(values(60))
    model = small(regressor_weight="auto", intervals=intervals).fit(series[:50])
    model, again = check_life(model, reloaded, same, [series[50:]], level=80)
    check_same(model, again, same, level=80)
    check_same(model, reloaded(again), same, 5, level=[80, 90])


@pytest.mark.parametrize(
    "regressor",
    [LinearRegression(), make_pipeline(StandardScaler(), Ridge())],
    ids=["one", "pipeline"],
)
def test_a_regressor_for_each_step(regressor, reloaded, same):
    # Scattered gaps cost a regressor of several outputs too many cutoffs.
    series = pd.Series(values(60))
    series[3::7] = np.nan
    model = small(regressor, horizon=3).fit(series[:50])
    assert len(model.regressor_) == 3
    model, again = check_life(model, reloaded, same, [series[50:]])
    check_same(model, again, same, level=80)


def test_the_default_recipe(reloaded, same):
    frame = wide(["a", "b", "c"], n=80)
    model = recurrent_forecaster(horizon=2).set_params(
        regressor__max_epochs=2,
        regressor__max_steps=4,
        regressor__hidden_size=3,
        regressor__random_state=0,
    )
    again = reloaded(model)
    assert repr(again) == repr(model)
    same(model.fit(frame).predict(), again.fit(frame).predict())
    check_same(model, reloaded(model), same)


def test_what_is_shared_stays_shared(reloaded):
    model = small(intervals="conformal").fit(pd.Series(values(40)))
    again = reloaded(model)
    assert again._intervals.fitted is again._model
    assert again.ids_ is again._model.panel.ids
    assert again._model.adapter.regressor is again._model.regressor
    again.update(np.array([20.0, 21.0, 22.0]))
    assert again._intervals.fitted is not again._model
    assert reloaded(again)._intervals.fitted.panel is not reloaded(again)._model.panel


def test_not_fitted(reloaded):
    model = small(network(), columns=("a", "b", "c"), season=[6, 12], static=["s"])
    again = reloaded(model)
    assert repr(again) == repr(model)
    assert not hasattr(again, "ids_")
