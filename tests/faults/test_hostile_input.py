"""Any parameters and any data: it works and is finite, or it is refused in words."""

import datetime
import decimal
import warnings

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from seqforecast import (
    DivergenceError,
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    RNNRegressor,
    last_window,
    make_windows,
)
from tests.properties import examples

SHORTEST = 20  # characters: less says nothing
LENGTH, WINDOW = 24, 4
FEW = settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=examples(1500), suppress_health_check=list(HealthCheck))

SERIES = 10 + np.sin(np.arange(60.0))
X, Y = (np.array(part) for part in make_windows(SERIES[:LENGTH], window=WINDOW))


def survives(function, check=None):
    """Call; a refusal must be of a known kind and say something, a result must be usable."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # but for our own, which say what is wrong with the data
        warnings.filterwarnings("default", module=r"tests.*|hypothesis.*", category=UserWarning)
        try:
            result = function()
        except (ValueError, TypeError, DivergenceError, NotFittedError) as error:
            refusal = error
        else:
            refusal = None
    if refusal is not None:
        assert len(str(refusal)) > SHORTEST, repr(refusal)
        return False
    if check is not None:
        check(result)
    return True


# ---------------------------------------------------------------------------- the regressors

ODD_NUMBERS = [0, -1, 0.0, 0.5, 1, 2, 1.5, True, None, "no", float("nan"), float("inf"), 1e300]
ODD_NUMBERS += [10**9, 10**30, 5e-324, 1j, [], np.float64(2), np.int64(3), decimal.Decimal(1)]

PARAMETERS = {
    "hidden_size": [1, 3, *ODD_NUMBERS],
    "num_layers": [1, 2, *ODD_NUMBERS],
    "dropout": [0.0, 0.5, *ODD_NUMBERS],
    "recurrent_init": ["orthogonal", None, "orthogonel", 3],
    "n_channels": [1, 2, 4, *ODD_NUMBERS],
    "scaling": ["standard", "window", None, "windows", 1],
    "loss": ["squared_error", "absolute_error", "huber", "quantile", "mse", None],
    "quantiles": [(0.1, 0.9), (0.5,), [], (0.1, 0.1), (0, 1), "abc", None, (0.2, "x"), 0.5],
    "optimizer": ["adam", "adamw", "sgd", "rmsprop", "adan", None, 3],
    "lr": [3e-3, *ODD_NUMBERS],
    "weight_decay": [0.0, 0.1, *ODD_NUMBERS],
    "lr_schedule": [None, "cosine", "cos", 0],
    "batch_size": [1, 8, *ODD_NUMBERS],
    "max_steps": [None, 1, 5, *ODD_NUMBERS],
    "gradient_clipping": [None, 1.0, "x", *ODD_NUMBERS],
    "early_stopping": ["auto", True, False, "yes", None, 1],
    "validation_fraction": [0.1, 0.99, *ODD_NUMBERS],
    "n_iter_no_change": [1, *ODD_NUMBERS],
    "observe": ["auto", "off", "epoch", "on", 3],
    "callbacks": [None, [], "x", [3], [None], 5],
    "n_jobs": [None, 1, 2, -1, *ODD_NUMBERS],
    "device": ["auto", "cpu", "gpu", "cuda:99", "meta", None, 3],
    "random_state": [0, None, "x", -1, 10**30, 0.5],
}


@st.composite
def parameters(draw):
    names = draw(st.lists(st.sampled_from(sorted(PARAMETERS)), max_size=4, unique=True))
    chosen = {name: draw(st.sampled_from(PARAMETERS[name])) for name in names}
    return {"max_epochs": 2, "hidden_size": 3, "random_state": 0, **chosen}


VALUES = [0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, 1e300, -1e300, 1e39, 1e-310, 1e30]


@st.composite
def arrays(draw, good):
    """Return windows or targets, mostly good ones with something odd in them."""
    array = np.array(good)
    for _ in range(draw(st.integers(0, 2))):
        place = tuple(draw(st.integers(0, size - 1)) for size in array.shape)
        array[place] = draw(st.sampled_from(VALUES))
    forms = [
        lambda a: a,
        lambda a: a,
        lambda a: a.astype(np.float32),
        lambda a: a.astype(object),
        lambda a: np.asfortranarray(a),
        lambda a: a[::-1],
        lambda a: a.tolist(),
        lambda a: np.full_like(a, a.flat[0]),
        lambda a: a * 1e20,
        lambda a: a.astype(str),
        lambda a: a > 10,
        lambda a: a.astype(complex),
        lambda a: np.ma.masked_array(a, a > 10.5),
        lambda a: np.nan_to_num(a, posinf=0, neginf=0).clip(0, 100).astype(np.uint8),
        lambda a: a.reshape(a.shape[0], -1, 1, 1),
        lambda a: a[..., None],
        lambda a: a[:0],
        lambda a: a[:1],
        lambda a: a[:5],
        lambda a: a.ravel()[0],
        lambda _: None,
        lambda _: "windows",
        lambda _: {"a": 1},
        lambda _: [[1.0], [1.0, 2.0]],
        lambda a: sparse.csr_array(np.nan_to_num(np.atleast_2d(a), posinf=0, neginf=0)),
        lambda a: pd.DataFrame(a),
        lambda a: pd.DataFrame(a, columns=["a"] * np.atleast_2d(a.T).shape[0]),
        lambda a: pd.DataFrame(a).astype("Float64"),
        lambda a: pd.DataFrame(a).astype(str).astype("category"),
        lambda a: np.full(a.shape, np.datetime64("2020-01-01")),
        lambda a: np.full(a.shape, 10**30, dtype=object),
        lambda a: np.full(a.shape, decimal.Decimal(1)),
        lambda a: np.zeros(a.shape, dtype=[("a", float)]),
    ]
    with np.errstate(all="ignore"):
        return draw(st.sampled_from(forms))(array)


KINDS = [LSTMRegressor, GRURegressor, RNNRegressor]


def fits_or_refuses(kind, params, data, target, weight):
    model = kind(max_epochs=1, hidden_size=3, random_state=0).fit(X, Y)
    before = model.predict(X)
    good = model.get_params()

    def fit():
        fresh = kind(**params)
        return fresh.fit(data, target, sample_weight=weight)

    def finite(fitted):
        with np.errstate(all="ignore"):
            forecast = fitted.predict(np.asarray(data, dtype=float)[:3])
        assert np.isfinite(forecast).all()
        assert forecast.dtype == np.float64

    survives(fit, finite)
    # The same on an estimator that is fitted: what is refused changes nothing.
    model.set_params(**params)
    if not survives(lambda: model.fit(data, target, sample_weight=weight)):
        model.set_params(**good)
        if model.history_.shape[0] == 1 and "skipped_steps" in model.history_:
            kept_again = not model.history_["skipped_steps"].any()
            if kept_again:
                np.testing.assert_array_equal(model.predict(X), before)


HOSTILE_FIT = given(
    kind=st.sampled_from(KINDS),
    params=parameters(),
    data=arrays(X),
    target=arrays(Y),
    weight=st.one_of(st.none(), st.none(), arrays(np.ones(len(Y)))),
)


@FEW
@HOSTILE_FIT
def test_fit_works_or_refuses(kind, params, data, target, weight):
    fits_or_refuses(kind, params, data, target, weight)


@pytest.mark.slow
@MANY
@HOSTILE_FIT
def test_fit_works_or_refuses_many(kind, params, data, target, weight):
    fits_or_refuses(kind, params, data, target, weight)


@pytest.fixture(scope="module")
def fitted():
    return {kind: kind(hidden_size=3, max_epochs=2, random_state=0).fit(X, Y) for kind in KINDS}


@settings(FEW, max_examples=examples(150))
@given(kind=st.sampled_from(KINDS), data=arrays(X))
def test_predict_works_or_refuses_and_changes_nothing(fitted, kind, data):
    model = fitted[kind]
    before = model.predict(X)
    survives(lambda: model.predict(data))
    np.testing.assert_array_equal(model.predict(X), before)


# ---------------------------------------------------------------------------- the forecaster


TIMES = [
    pd.RangeIndex(LENGTH),
    pd.date_range("2020", periods=LENGTH, freq="D"),
    pd.date_range("2020-03-28", periods=LENGTH, freq="h", tz="Europe/Berlin"),
    pd.period_range("2020", periods=LENGTH, freq="M"),
    pd.Index(range(0, 3 * LENGTH, 3)),
    pd.date_range("2020", periods=LENGTH, freq="D")[::-1],
    pd.DatetimeIndex(["2020-01-01"] * LENGTH),
    pd.DatetimeIndex([*pd.date_range("2020", periods=LENGTH - 1), pd.NaT]),
    pd.DatetimeIndex([*pd.date_range("2020", periods=LENGTH - 1), pd.Timestamp("2200-01-01")]),
    pd.date_range("2262-03-10", periods=LENGTH, unit="ns"),
    pd.DatetimeIndex(np.arange(LENGTH).astype("M8[s]") + np.timedelta64(2**40, "s")),
    pd.Index([*range(LENGTH - 1), 10**12]),
    pd.Index([f"t{k}" for k in range(LENGTH)]),
    pd.Index([datetime.date(2020, 1, 1) + datetime.timedelta(k) for k in range(LENGTH)]),
    pd.Index([*range(LENGTH // 2), *map(str, range(LENGTH // 2))]),
    pd.Index(np.linspace(0, 1, LENGTH)),
    pd.timedelta_range("1D", periods=LENGTH),
    pd.MultiIndex.from_product([["a"], range(LENGTH)]),
    pd.CategoricalIndex(list("ab") * (LENGTH // 2)),
    pd.Index([None] * LENGTH),
    pd.Index([pd.Timestamp("2020", tz="UTC"), pd.Timestamp("2021")] * (LENGTH // 2), dtype=object),
]
IDS = [
    ["a"] * LENGTH,
    ["a", "b"] * (LENGTH // 2),
    [1, "b"] * (LENGTH // 2),
    [None] * LENGTH,
    ["a", None] * (LENGTH // 2),
    [("a", 1)] * LENGTH,
    [1.5] * LENGTH,
    [np.nan, 1.0] * (LENGTH // 2),
    pd.Categorical(["a", "b"] * (LENGTH // 2), categories=["a", "b", "c"]),
    [pd.Timestamp("2020")] * LENGTH,
    [b"x"] * LENGTH,
    [True, False] * (LENGTH // 2),
    [[1]] * LENGTH,
]


@st.composite
def columns(draw):
    values = 10 + np.sin(np.arange(float(LENGTH)))
    for _ in range(draw(st.integers(0, 3))):
        values[draw(st.integers(0, LENGTH - 1))] = draw(st.sampled_from(VALUES))
    forms = [
        lambda v: v,
        lambda v: v,
        lambda v: v.astype(object),
        lambda v: pd.array(v, dtype="Float64"),
        lambda v: pd.array(np.where(v > 10, 1, 0), dtype="Int64"),
        lambda v: pd.array(v > 10, dtype="boolean"),
        lambda v: v.astype(str),
        lambda v: v.astype(complex),
        lambda v: np.full(len(v), np.nan),
        lambda v: np.zeros(len(v)),
        lambda v: pd.Categorical(v > 10),
        lambda v: np.full(len(v), 10**30, dtype=object),
        lambda v: np.full(len(v), np.datetime64("2020-01-01")),
        lambda v: np.full(len(v), None),
        lambda v: np.nan_to_num(v, posinf=0, neginf=0).clip(0, 9).astype(np.uint8),
    ]
    return draw(st.sampled_from(forms))(values)


@st.composite
def frames(draw):
    """Return data of any form that the Forecaster reads, and of some that it does not."""
    times, values = draw(st.sampled_from(TIMES)), draw(columns())
    kind = draw(st.sampled_from(["series", "wide", "long", "xy", "array", "odd"]))
    if kind == "series":
        return (pd.Series(values, index=times, name=draw(st.sampled_from([None, "y", 3]))),)
    if kind == "array":
        return (np.asarray(values),)
    if kind == "odd":
        odd = [None, 3, "data", {}, [], [[1.0], [1.0, 2.0]], np.zeros((2, 2, 2)), pd.DataFrame()]
        odd += [
            sparse.eye(5).tocsr(),
            np.ma.masked_array(SERIES, SERIES > 10),
            object(),
            SERIES[:1],
        ]
        return (draw(st.sampled_from(odd)),)
    if kind == "wide":
        names = draw(st.sampled_from([["a", "b"], ["a", "a"], [1, "b"], ["unique_id", "ds"]]))
        frame = pd.DataFrame(dict(enumerate([values, draw(columns())])), index=times)
        return (frame.set_axis(names, axis=1),)
    if kind == "xy":
        features = pd.DataFrame({"f": draw(columns())}, index=times)
        return features, pd.Series(values, index=times)
    frame = pd.DataFrame({"ds": times if times.nlevels == 1 else range(LENGTH), "y": values})
    frame["unique_id"] = pd.Series(list(draw(st.sampled_from(IDS))))
    if draw(st.booleans()):
        frame["f"] = pd.Series(draw(columns()))
    if draw(st.booleans()):
        frame = frame.sample(frac=1.0, random_state=0)
    return (frame,)


OPTIONS = {
    "window": [WINDOW, "auto", 0, 10**9, "x", None, 2.5],
    "horizon": [1, 3, 0, 10**9, None],
    "season": ["auto", None, 4, [2, 4], [], 10**9, "x", -1, [4, None]],
    "transform": ["auto", "log", None, "lag", 3],
    "baseline": ["linear", "seasonal", "last", None, "lst"],
    "calendar": ["auto", None, ["week"], ["wek"], 3],
    "regressor_weight": [1.0, 0.5, "auto", 2, None],
    "past": [None, ["f"], ["g"], "f", 3],
    "static": [None, ["f"], []],
    "intervals": [None, "conformal", "quantile", 3],
    "columns": [("unique_id", "ds", "y"), ("a", "b"), "abc", None],
}


@st.composite
def options(draw):
    names = draw(st.lists(st.sampled_from(sorted(OPTIONS)), max_size=3, unique=True))
    return {"window": WINDOW, **{name: draw(st.sampled_from(OPTIONS[name])) for name in names}}


QUESTIONS = [
    None,
    1,
    3,
    0,
    -1,
    2.5,
    10**9,
    10**30,
    "3",
    np.zeros((2, 1)),
    pd.DataFrame({"f": [1.0]}),
]
QUESTIONS += [TIMES[1] + pd.Timedelta("24D"), pd.Index([5, 5]), pd.DatetimeIndex(["2261-01-01"])]


def forecasts_or_refuses(data, chosen, question, level):
    forecaster = Forecaster(Ridge(), window=WINDOW).fit(SERIES)
    before = forecaster.predict(3)

    def finite(found):
        numbers = np.asarray(pd.DataFrame(found).select_dtypes("number"), dtype=float)
        assert np.isfinite(numbers).all()

    fresh = Forecaster(Ridge(), **chosen)
    if survives(lambda: fresh.fit(*data)):
        survives(lambda: fresh.predict(question, level=level), finite)
    forecaster.set_params(**chosen)
    if not survives(lambda: forecaster.fit(*data)):
        np.testing.assert_array_equal(forecaster.predict(3), before)
        survives(lambda: forecaster.update(*data))


HOSTILE_FRAMES = given(
    data=frames(),
    chosen=options(),
    question=st.sampled_from(QUESTIONS),
    level=st.sampled_from([None, None, 50, [50, 80], 0, "x", 100]),
)


# An interval whose upper end, as a logarithm, is beyond all numbers.
OUTLIER = pd.Series(np.where(np.arange(24) == 16, 1e39, 10 + np.sin(np.arange(24.0))))


@settings(FEW, max_examples=examples(120))
@HOSTILE_FRAMES
@hypothesis.example(data=(OUTLIER,), chosen={"window": 4}, question=None, level=50)
def test_forecaster_works_or_refuses(data, chosen, question, level):
    forecasts_or_refuses(data, chosen, question, level)


@pytest.mark.slow
@MANY
@HOSTILE_FRAMES
def test_forecaster_works_or_refuses_many(data, chosen, question, level):
    forecasts_or_refuses(data, chosen, question, level)


@settings(FEW, max_examples=examples(100))
@given(data=frames(), window=st.sampled_from([1, 3, 0, 10**9, 10**30, 2.5, None, True]))
def test_windows_are_made_or_refused(data, window):
    survives(lambda: make_windows(data[0], window))
    survives(lambda: last_window(data[0], window))
