"""What cannot be used is refused in words: what was given, what is needed, what to do."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, ParameterError

DAYS = pd.date_range("2024-01-01", periods=40, freq="D")
SERIES = pd.Series(50 + np.random.default_rng(0).random(40), index=DAYS, name="sales")
FEATURES = pd.DataFrame({"promo": np.arange(40) % 3, "heat": np.arange(40.0)}, index=DAYS)


def forecaster(**params):
    return Forecaster(**{"regressor": Ridge(), "window": 5, "horizon": 2} | params)


def panel(**lengths):
    parts = [
        pd.DataFrame({"unique_id": name, "ds": DAYS[:n], "y": SERIES[:n].to_numpy()})
        for name, n in (lengths or {"a": 40, "b": 40}).items()
    ]
    return pd.concat(parts, ignore_index=True)


def with_promo(frame):
    return frame.assign(promo=np.arange(len(frame)) % 3)


def state(model):
    """Everything that is fitted, to the bit."""
    parameters = model.get_params(deep=False)
    return {k: pickle.dumps(v) for k, v in vars(model).items() if k not in parameters}


def refuses(call, model, message, error=ValueError):
    """Assert that a call is refused in a message of sentences, and changes nothing fitted."""
    before = state(model)
    with pytest.raises(error, match=message) as caught:
        call(model)
    assert type(caught.value) in (error, ParameterError)
    text = str(caught.value)
    assert re.search(r"[;.,] .*[.?]$", text, re.DOTALL), text
    assert state(model) == before


def refuses_fit(data, message, error=ValueError, **params):
    """Assert that fit refuses, fitted before or not, and that what was fitted stays."""
    arguments = data if isinstance(data, tuple) else (data,)
    fresh = forecaster(**params)
    refuses(lambda model: model.fit(*arguments), fresh, message, error)
    assert not hasattr(fresh, "regressor_")
    fitted = forecaster().fit(SERIES)
    expected = fitted.predict(3, level=80)
    fitted.set_params(**params)
    refuses(lambda model: model.fit(*arguments), fitted, message, error)
    pd.testing.assert_frame_equal(fitted.predict(3, level=80), expected, check_exact=True)


# ---------------------------------------------------------------------------------- the data of fit


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pd.concat([SERIES, SERIES[-1:]]), "has 2024-02-09 twice.*duplicated"),
        (SERIES[::-1], r"not sorted: .* at row 1 comes after .*sort_index\(\)"),
        (SERIES.drop(DAYS[[7, 9]]), r"'sales' has gaps: 2024-01-08.* first of 2 .*asfreq\('D'\)"),
        (SERIES.to_frame().drop(DAYS[7]), r"'sales' has gaps: 2024-01-08.*asfreq\('D'\)"),
        (panel(a=40, b=3).drop(7), r"'a' has gaps: 2024-01-08.*groupby\('unique_id'\).*resample"),
        (pd.concat([panel(), panel()[3:4]]), "'a' has the time 2024-01-04.* twice.*Aggregate"),
        (
            SERIES[:6],
            "window=5 and horizon=2 need at least 7 values; the series 'sales' has 6. Use",
        ),
        (panel(a=4, shop=6), "need at least 7 values; the longest series 'shop' has 6. Use"),
        (SERIES[:0], "is empty: 0 rows.*at least one value is needed. Check"),
        (pd.DataFrame(), "is empty: 0 rows, 0 columns"),
        (panel()[:0], "is empty: 0 rows"),
        (SERIES * np.nan, "Series without any value: 'sales'.*Drop"),
        (SERIES.replace(SERIES.iloc[3], np.inf), "infinite in series 'sales' at 2024-01-04"),
        (
            pd.concat(
                [panel(a=40), panel(b=40).assign(ds=lambda f: DAYS[0] + 7 * (f["ds"] - DAYS[0]))]
            ),
            "Mixed frequencies: series '[ab]' is .*, series '[ab]' is .*Resample",
        ),
        (
            panel().drop(columns="unique_id"),
            "no 'unique_id'; a long panel needs all three. If .* Else add",
        ),
        (panel().assign(unique_id=None), "'unique_id' has no value in 80 row.*dropna"),
        (panel().assign(ds=pd.NaT), "."),
        (np.zeros((3, 4, 5)), r"3 dimensions, shape \(3, 4, 5\); one or two are needed. Pass"),
        ((FEATURES, SERIES[:-1]), r"shape \(40, 2\) and y has shape \(39,\);.* Pass one row"),
        ((panel()[["unique_id", "ds"]], panel()["y"]), r"one frame.*PanelSplit"),
    ],
)
def test_fit_refuses_data(data, message):
    refuses_fit(data, message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            SERIES.astype(str),
            "has dtype (str|object).*; real numbers are needed. Convert it: pd.to_numeric",
        ),
        (SERIES.astype(object), "has dtype object; real numbers are needed"),
        (panel().assign(y="3"), "target 'y' has dtype .*to_numeric"),
        (SERIES.to_frame().assign(shop="a"), "Column 'shop' has dtype .*drop"),
        (with_promo(panel()).assign(promo="yes"), "Feature 'promo' has dtype .*Encode"),
        (SERIES.set_axis(DAYS.astype(str)), "to_datetime"),
        (SERIES.set_axis(np.arange(40) / 2), "float64"),
        (None, "The data is a NoneType; a Series, .* pd.read_csv"),
        ("sales.csv", "The data is a str; a Series"),
        ({"a": [1.0]}, "The data is a dict; a Series"),
        (SERIES.to_frame().set_index([np.arange(40), np.arange(40)]), "2 levels; one level"),
    ],
)
def test_fit_refuses_types(data, message):
    refuses_fit(data, message, error=TypeError)


@pytest.mark.parametrize("data", [SERIES - 50.5, SERIES * 0], ids=["negative", "zero"])
def test_fit_refuses_the_logarithm_of_what_is_not_positive(data):
    message = r"transform is 'log', given or .* the target falls to .*; only positive .* Pass trans"
    refuses_fit(data, message, transform="log")


# ------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"regressor_weight": -0.1}, "weight=-0.1; a number of at least 0 and at most 1 is needed"),
        ({"regressor_weight": 1.001}, "regressor_weight=1.001; .* at most 1 is needed. Set regr"),
        ({"regressor_weight": np.nan}, "regressor_weight=nan; a number .* is needed. Set"),
        ({"regressor_weight": None}, "regressor_weight=None; a number .* is needed. Set"),
        ({"regressor_weight": True}, "regressor_weight=True; a number .* is needed. Set"),
        (
            {"regressor_weight": "Auto"},
            "regressor_weight='Auto'; .* or 0 to 1 .* Did you mean",
        ),
        ({"horizon": 0}, "horizon=0; an integer of at least 1 is needed. Set horizon"),
        ({"horizon": 2.0}, "horizon=2.0; an integer"),
        ({"window": 0}, "window=0; an integer of at least 1 is needed"),
        ({"window": True}, "window=True; an integer"),
        ({"window": "automatic"}, "window='automatic'; an integer"),
        ({"season": "auot"}, "season='auot'; one of 'auto', None .* Did you mean 'auto'"),
        ({"season": 0}, "season=0; an integer of at least 1"),
        ({"season": []}, r"season=\[\] is empty.*Pass None"),
        ({"season": 40}, "season=40 needs more than 40 values; the longest series has 40. Use"),
        ({"transform": "lgo"}, "transform='lgo'; one of 'auto', 'log', None .* Did you mean 'log'"),
        ({"baseline": "linaer"}, "baseline='linaer'; .*Did you mean 'linear'?"),
        ({"baseline": 3}, "baseline=3; one of"),
        ({"intervals": "conformial"}, "intervals='conformial'; .*Did you mean 'conformal'?"),
        ({"columns": ("a", "b")}, r"columns=\('a', 'b'\); .*three.* needed.* Pass"),
        ({"columns": "abc"}, "columns='abc'; .*three.* needed"),
        (
            {"past": ["promo"]},
            r"past=\['promo'\], but the data is one series, which has no features",
        ),
    ],
    ids=str,
)
def test_parameter_that_cannot_be_used_is_refused(params, message):
    refuses_fit(SERIES, message, **params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"season": 2.5}, "season=2.5; an integer of at least 1"),
        ({"season": [12, "24"]}, "season='24'; an integer of at least 1"),
        ({"transform": 3}, "transform=3 .*transform and inverse_transform.*Pass"),
        ({"transform": StandardScaler}, "transform=.*is no object with transform"),
        ({"regressor": None}, "regressor=None is no regressor; .* Pass"),
        ({"regressor": LogisticRegression()}, "is a classifier, LogisticRegression; .* Pass for"),
        (
            {"regressor": make_pipeline(StandardScaler(), GRURegressor())},
            r"a Pipeline around GRURegressor, which .* flat rows; .* Pass regressor=GRURegressor",
        ),
        ({"regressor": Ridge}, "is no regressor; an object with fit and predict"),
        ({"past": "promo"}, r"past='promo' is a str; a list .* Pass past=\['promo'\]"),
        ({"columns": None}, "columns=None; the names of three columns are needed"),
    ],
    ids=str,
)
def test_parameter_of_a_wrong_type_is_refused(params, message):
    model = forecaster(**params)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(SERIES)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"past": ["haet"]}, r"past=\['haet'\] names 'haet'.*Did you mean 'heat'\?"),
        ({"past": ["heat"], "future": ["heat"]}, "'heat' is named twice, in past= and in future="),
        ({"static": ["heat"]}, "static feature 'heat' changes within series 'sales'.*Name it"),
    ],
)
def test_features_that_cannot_be_used_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        forecaster(**params).fit(FEATURES, SERIES)


def test_a_missing_future_feature_is_refused_and_one_of_the_past_is_not():
    holes = FEATURES.assign(heat=FEATURES["heat"].where(FEATURES.index != DAYS[4]))
    message = "future feature 'heat' is .* in series 'sales' at 2024-01-05.*past=."
    refuses_fit((holes, SERIES), message)
    forecaster(past=["heat", "promo"]).fit(holes, SERIES).predict(3)


# ---------------------------------------------------------------------------------------- predict


def to_nan(values):
    return values * np.nan


def test_forecasts_that_a_transformer_cannot_undo_are_refused():
    transform = FunctionTransformer(np.log, to_nan, check_inverse=False)
    model = forecaster(transform=transform).fit(SERIES)
    refuses(lambda model: model.predict(2), model, "NaN or infinite. Use 'log', None or another")


def test_nothing_works_before_fit():
    for call in (
        lambda model: model.predict(3),
        lambda model: model.update(SERIES),
        lambda model: model.score(SERIES),
    ):
        with pytest.raises(NotFittedError, match="not fitted yet. Call 'fit'"):
            call(forecaster())


@pytest.mark.parametrize("steps", [0, -1, 2.0, True, np.nan])
def test_predict_refuses_a_number_of_steps(steps):
    message = "number of steps=.*; an integer of at least 1 is needed"
    refuses(lambda model: model.predict(steps), forecaster().fit(SERIES), message)


@pytest.mark.parametrize("level", [0, 100, -5, [80, 101], "80", [True], np.nan, [None]])
def test_predict_refuses_a_level(level):
    message = "level=.*; numbers .* 100.*, in percent, are needed. Pass"
    refuses(lambda model: model.predict(2, level=level), forecaster().fit(SERIES), message)


def test_level_that_needs_more_values_than_there_are_is_refused_at_predict_or_fit():
    message = "level needs forecasts of .* the longest series has 8. Use "
    short = forecaster().fit(SERIES[:8])
    refuses(lambda model: model.predict(2, level=80), short, message)
    refuses_fit(SERIES[:8], message, intervals="conformal")
    holes = SERIES.copy()
    holes.iloc[-20:] = np.nan
    one_cutoff = SERIES[:9].copy()  # of whose two steps one is known
    one_cutoff.iloc[-1] = np.nan
    for series in (holes, one_cutoff):
        model = forecaster().fit(series)
        refuses(lambda model: model.predict(2, level=80), model, "newest .* are missing. Pass a")


def test_the_window_that_a_level_leaves_room_for_is_named():
    values = pd.Series(np.sin(np.arange(12.0)))
    long = Forecaster(Ridge(), window=9, horizon=2).fit(values)
    refuses(lambda model: model.predict(2, level=50), long, "Use window=8 or less, forecast")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Forecaster(Ridge(), window=8, horizon=2).fit(values).predict(2, level=30)
    seasonal = Forecaster(Ridge(), window=2, horizon=2, season=8).fit(values)
    refuses(lambda model: model.predict(2, level=50), seasonal, "Use a smaller horizon or season")


AHEAD = pd.date_range("2024-02-10", periods=4, freq="D")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (SERIES[-2:], "2 of 2 rows to predict overlap .*'sales' at 2024-02-08.*KFold.*TimeSeriesS"),
        (pd.Series(1.0, index=AHEAD[::-1]), "not sorted"),
        (pd.Series(1.0, index=AHEAD[[0, 0]]), "twice"),
        (pd.Series(1.0, index=AHEAD + pd.Timedelta("1h")), "not on the grid of the series"),
        (pd.Series(dtype=float), "is empty"),
    ],
)
def test_predict_refuses_rows(rows, message):
    refuses(lambda model: model.predict(rows), forecaster().fit(SERIES), message)
    if isinstance(rows, pd.Series):  # an index of the same times
        refuses(lambda model: model.predict(rows.index), forecaster().fit(SERIES), message)


def test_predict_refuses_a_list_of_texts():
    model = forecaster().fit(SERIES)
    with pytest.raises(TypeError, match="X holds text .* times with pd.to_datetime"):
        model.predict(["2024-02-10"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(unique_id="bb"), "1 series that fit has not seen, .*Did you mean 'b'"),
        (lambda f: f.drop(columns="promo"), r"future features \['promo'\] are missing.*past="),
        (
            lambda f: f.assign(promo=[1.0, np.nan, 2.0, 1.0]),
            "'promo' is .* in series 'a' at 2024-02-11",
        ),
        (lambda f: f[1:], r"leave out series 'a' at 2024-02-10.*\['promo'\] are needed"),
        (lambda f: f.drop(columns="ds"), "without 'unique_id' and 'ds'"),
        (lambda f: f.assign(ds=f["ds"].dt.tz_localize("UTC")), "dtype|time zone"),
        (lambda f: pd.concat([f, f[:1]]), "'a' at 2024-02-10.* twice"),
        (lambda f: f.assign(ds=f["ds"] - pd.Timedelta("2D")), "overlap the training time"),
        (lambda _: 3, "A number of steps was given, but fit saw the future feature.* 'promo'"),
        (
            lambda f: f[:3],
            "3 step.s. of series 'a' .* horizon=2 .* 4 are needed. Append rows .* 2024.*, or leave "
            r"the last 1 out. In a cross-validation.*PanelSplit\(..., horizon=2\), or a m",
        ),
        (lambda f: f[:1], "1 step.s. .* 2 are needed. Append rows .*, or fit with a horizon of 1"),
        (lambda f: f.assign(promo=["1", "2", "3", "4"]), "'promo' has dtype"),
    ],
)
def test_predict_refuses_rows_of_a_panel(change, message):
    model = forecaster().fit(with_promo(panel()))
    rows = pd.DataFrame({"unique_id": "a", "ds": AHEAD, "promo": 1.0})
    model.predict(rows)
    before = state(model)
    with pytest.raises((ValueError, TypeError), match=message):
        model.predict(change(rows))
    assert state(model) == before


# ----------------------------------------------------------------------------------------- update


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (SERIES[-2:], "overlap of 2 step.*'sales' ends at 2024-02-09.*Pass the rows after"),
        (pd.Series(1.0, index=AHEAD[1:]), "a gap of 1 step.*must begin at 2024-02-10"),
        (
            pd.Series([-1.0], index=AHEAD[:1]),
            "transform is 'log', given or chosen by 'auto', but the target falls",
        ),
        (pd.Series([np.inf], index=AHEAD[:1]), "infinite"),
        (pd.DataFrame({"a": 1.0}, index=AHEAD), "are a wide frame.*fit saw one series; .* Pass"),
        (pd.Series(dtype=float), "empty"),
    ],
)
def test_update_refuses_rows_and_stays_as_it_was(new, message):
    model = forecaster().fit(SERIES)
    refuses(lambda model: model.update(new), model, message)
    lstm = LSTMRegressor(hidden_size=2, max_epochs=1, observe="off", random_state=0)
    model = forecaster(regressor=lstm).fit(SERIES)
    expected = model.predict(4)
    with pytest.raises(ValueError, match=message):
        model.update(new, passes=2)
    pd.testing.assert_series_equal(model.predict(4), expected, check_exact=True)


def test_update_refuses_to_train_what_cannot_be_trained_on_or_on_nothing():
    model = forecaster().fit(SERIES)
    new = pd.Series([1.0], index=AHEAD[:1])
    message = "passes=1, but Ridge has no partial_fit; .* Pass passes=0"
    refuses(lambda model: model.update(new, passes=1), model, message)
    for passes in (-1, 1.5, None):
        refuses(lambda model, p=passes: model.update(new, passes=p), model, "passes=.*an integer")
    lstm = LSTMRegressor(hidden_size=2, max_epochs=1, observe="off", random_state=0)
    model = forecaster(regressor=lstm).fit(SERIES)
    expected = model.predict(4)
    with pytest.raises(ValueError, match="no value that is known.* Pass passes=0"):
        model.update(pd.Series([np.nan], index=AHEAD[:1]), passes=1)
    pd.testing.assert_series_equal(model.predict(4), expected, check_exact=True)


def test_update_refuses_other_features_and_a_wide_frame_that_lacks_series():
    known = with_promo(panel())
    new = pd.DataFrame({"unique_id": "a", "ds": AHEAD, "y": 50.0, "promo": 1.0})
    model = forecaster().fit(known)
    for rows, message in (
        (new.drop(columns="promo"), r"lack the features \['promo'\], which fit saw; .* Pass"),
        (new.assign(promo=np.nan), "'promo' is "),
    ):
        refuses(lambda model, rows=rows: model.update(rows), model, message)
    wide = forecaster().fit(SERIES.to_frame("a").assign(b=1.0))
    lacking = pd.DataFrame({"a": 1.0}, index=AHEAD)
    refuses(lambda model: model.update(lacking), wide, "lack 1 of 2 series, the first is 'b'")
