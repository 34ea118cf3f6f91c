"""What fit says of the names of columns: of X, and of X_val beside it."""

import calendar

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler

from seqforecast import LSTMRegressor, OldestFirst, RNNRegressor, make_windows

N = 40
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.standard_normal((N, 3)), columns=["y", "promo", "heat"])
FUTURE = r"Forecaster\(future=\[...\]\)"


def small(**params):
    return RNNRegressor(**{"hidden_size": 2, "max_epochs": 1, "random_state": 0, **params})


def windows(*channels, window=6, horizon=1):
    return make_windows(FRAME[list(channels)], window, horizon)


def named(names, n=30):
    """Rows of noise under these names, and targets."""
    rows = np.random.default_rng(1).standard_normal((n, len(names)))
    return pd.DataFrame(rows, columns=list(names)), rows[:, 0] + 1


def refuses(X, y, message, **params):
    """Assert that fit and a first partial_fit refuse, and that an earlier fit stays."""
    for method in ("fit", "partial_fit"):
        model = small(**params)
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(X, y)
        assert not hasattr(model, "n_features_in_")
    model = small().fit(*windows("y"))
    kept = model.net_
    with pytest.raises(ValueError, match=message):
        model.set_params(**params).fit(X, y)
    assert model.net_ is kept
    assert model.n_features_in_ == 6


# Names of make_windows -------------------------------------------------------------------------


@pytest.mark.parametrize("n_channels", [1, 3])
def test_targets_among_windows_are_refused_and_the_cure_works(n_channels):
    X, y = windows("y", horizon=3)
    both = X.join(y)
    message = rf"X has the columns y@step1, y@step2, y@step3, named as the targets.*{FUTURE}"
    refuses(both, y["y@step1"], message, n_channels=n_channels)
    small().fit(both.filter(like="@lag"), y["y@step1"])


@pytest.mark.parametrize(
    ("channels", "n_channels", "reading"),
    [
        (["y", "promo"], 1, "12 steps of 1 channel;"),
        (["y", "promo", "heat"], 2, "9 steps of 2 channels;"),
        (["y"], 2, "3 steps of 2 channels;"),
        (["y"], 4, "1.5 steps of 4 channels;"),
    ],
)
def test_names_of_other_channels_than_n_channels_are_refused(channels, n_channels, reading):
    X, y = windows(*channels)
    message = rf"name {len(channels)} channels \({', '.join(channels)}\), but .*{reading}"
    refuses(X, y, f"{message}.* Set n_channels={len(channels)}.", n_channels=n_channels)
    small(n_channels=len(channels)).fit(X, y)


@pytest.mark.parametrize("n_channels", [1, 2, 7])
def test_a_channel_of_fewer_lags_is_refused(n_channels):
    X, y = windows("y", "promo")
    X = X[[f"y@lag{k}" for k in range(5, -1, -1)] + ["promo@lag0"]]
    message = rf"different numbers of lags \(y: 6, promo: 1\), but n_channels={n_channels} reads"
    refuses(X, y, f"{message}.* or drop the columns of a channel", n_channels=n_channels)


@pytest.mark.parametrize(("n_channels", "steps"), [(1, "7"), (2, "3.5")])
def test_a_column_of_no_lag_beside_a_window_is_refused_and_the_cure_works(n_channels, steps):
    X, y = windows("y")
    X["holiday"] = 1.0
    message = (
        rf"X has the columns holiday beside .* {steps} steps of {n_channels} channel.*{FUTURE}"
    )
    refuses(X, y, message, n_channels=n_channels)
    small().fit(X.filter(like="@lag"), y)


@pytest.mark.parametrize(
    ("names", "n_channels"),
    [
        (["scale__y@lag1", "rest__y@lag0"], 1),
        (["a__scale__y@lag2", "a__rest__y@lag1", "b__y@lag0"], 1),
        (["y@lag1", "hour", "y@lag0", "hour now"], 2),
        (["scale__a__y@lag1", "scale__b__y@lag1", "rest__a__y@lag0", "rest__b__y@lag0"], 2),
        (["shop__1@lag1", "shop__2@lag1", "shop__1@lag0", "shop__2@lag0"], 2),
        (["y__@lag1", "y__@lag0"], 1),
        (["y@lag9", "y@lag4", "y@lag0"], 1),
        (["y@lag1", "promo@lag2", "y@lag0", "promo@lag1"], 2),
        (["y@step1@lag1", "y@step1@lag0"], 1),
    ],
)
def test_names_that_fit_the_reading_are_silent(names, n_channels):
    X, y = named(names)
    small(n_channels=n_channels).fit(X, y)


def test_a_column_transformer_of_each_half_of_a_window_is_silent_and_one_in_reverse_warns():
    X, y = windows("y")
    halves = [
        ("scale", StandardScaler(), list(X.columns[:3])),
        ("rest", "passthrough", X.columns[3:]),
    ]
    for parts in (halves, halves[::-1]):
        pipe = make_pipeline(ColumnTransformer(parts).set_output(transform="pandas"), small())
        if parts is halves:
            pipe.fit(X, y)
        else:
            with pytest.warns(UserWarning, match="not in the order of time") as caught:
                pipe.fit(X, y)
            assert len(caught) == 1


def test_oldest_first_that_names_its_columns_tells_of_a_forgotten_n_channels():
    rows = pd.DataFrame(RNG.standard_normal((30, 3)), columns=["lag_1", "lag_2", "promo"])
    pipe = make_pipeline(OldestFirst(1), small()).set_output(transform="pandas")
    with pytest.raises(ValueError, match=r"2 channels \(y, promo\).* Set n_channels=2"):
        pipe.fit(rows, rows["lag_1"])


# A row of features -----------------------------------------------------------------------------

WEATHER = ["temp", "hum", "wind", "workday", "holiday", "PM10"]
FEATURES = r"make_windows\(frame, window, target=...\).*names such as lag_1 or pass an array"


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("n", "n_channels", "reading"), [(5, 1, "5 steps of 1 channel,"), (6, 2, "3 steps of 2 chan")]
)
def test_features_of_one_moment_warn_once(n, n_channels, reading, method):
    X, y = named(WEATHER[:n])
    model = small(n_channels=n_channels, warm_start=True)
    match = rf"columns of X \(temp, hum, wind, workday, holiday.*{reading}.*{FEATURES}"
    with pytest.warns(UserWarning, match=match) as caught:
        getattr(model, method)(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    model.fit(X, y)  # goes on: warnings are errors here
    model.partial_fit(X, y)
    small(n_channels=n_channels).fit(X.to_numpy(), y)
    small(n_channels=n_channels).fit(X.set_axis([f"lag_{k}" for k in range(n)], axis=1), y)


def out(transformer, names=None):
    rows = RNG.standard_normal((20, 3))
    return transformer.fit(rows).get_feature_names_out(names)


@pytest.mark.parametrize(
    "names",
    [
        [f"lag_{k}" for k in range(1, 5)],
        ["lag1", "lag2", "promo", "month"],
        ["t-3", "t-2", "t-1", "t"],
        [str(hour) for hour in range(24)],
        ["00:00", "00:30", "01:00"],
        ["2024-01", "2024-02", "2024-03"],
        list(calendar.month_abbr[1:]),
        [name.upper() for name in calendar.month_name[1:]],
        ["mon", "tue", "wed", "thu"],
        list(calendar.day_name),
        ["sales_Jan", "sales_Feb", "sales_Mar"],
        ["t", "u"],
        ["a__lag1", "b__lag2", "b__promo"],
        [f"feature{k}" for k in range(4)],
        out(PCA()),
        out(PolynomialFeatures()),
        out(SplineTransformer(), ["temp", "wind", "hum"]),
        range(5),
    ],
    ids=lambda names: str(list(names)[:2]),
)
def test_names_of_steps_and_names_that_tell_nothing_are_silent(names):
    small().fit(*named(names))


def test_one_month_among_features_is_no_sequence():
    with pytest.warns(UserWarning, match="make_windows"):
        small().fit(*named(["temp", "sun", "wind", "maybe", "marble"]))


# X_val -----------------------------------------------------------------------------------------


def refuses_validation(X_val, message, y_val=None):
    X, y = windows("y", "promo")
    y_val = y[-9:] if y_val is None else y_val
    model = small(n_channels=2)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, X_val=X_val, y_val=y_val)
    assert not hasattr(model, "net_")
    return X, y, model


def test_x_val_with_its_columns_in_another_order_is_refused_and_the_cure_works():
    X, y = windows("y", "promo")
    X_val = X[-9:][X.columns[::-1]]
    message = "X_val has the columns of X in another order: column 0 is 'promo@lag0', in X 'y@lag5'"
    _, _, model = refuses_validation(X_val, rf"{message}.* Pass X_val\[list\(X.columns\)\]")
    model.fit(X, y, X_val=X_val[X.columns], y_val=y[-9:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.drop(columns="y@lag3"), "lacks the columns y@lag3; .* Make X_val as X was"),
        (
            lambda X: X.assign(w=1),
            r"has the columns w, which are not in X; .* Pass X_val\[list",
        ),
        (
            lambda X: X.rename(columns={"y@lag3": "z@lag3"}),
            "lacks the columns y@lag3 and has the columns z@lag3, which are not in X;",
        ),
        (lambda X: X[X.max().max() - 1e-9 < X], "Input X_val contains NaN in row 0, column 'y@l"),
        (lambda X: X.rename(columns={"y@lag0": 0}), "X_val has column names that are not all str"),
    ],
    ids=["fewer", "more", "others", "NaN", "a number"],
)
def test_x_val_of_other_columns_is_refused(change, message):
    X, _ = windows("y", "promo")
    refuses_validation(change(X[-9:]), message)


def test_y_val_is_named():
    X, y = windows("y", "promo")
    refuses_validation(
        X[-9:], "Input y_val contains NaN in row 2", y[-9:].where(y.index[-9:] != 32)
    )
    refuses_validation(X[-9:], "X_val has 9 windows, but y_val has 8 targets; one for", y[-8:])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (True, "X_val does not have valid feature names, but LSTMRegressor was fitted with"),
        (False, "X_val has feature names, but LSTMRegressor was fitted without feature names"),
    ],
)
def test_names_of_x_or_of_x_val_alone_warn(names, message):
    X, y = windows("y")
    frame, array = X[-9:], X[-9:].to_numpy()
    X, X_val = (X, array) if names else (X.to_numpy(), frame)
    model = LSTMRegressor(hidden_size=2, max_epochs=1)
    with pytest.warns(UserWarning, match=rf"{message}.* Pass X and X_val of one kind") as caught:
        model.fit(X, y, X_val=X_val, y_val=y[-9:])
    assert [warning.filename for warning in caught] == [__file__]
    model.fit(frame if names else array, y[-9:], X_val=frame if names else array, y_val=y[-9:])


def test_y_val_with_its_columns_in_another_order_is_refused():
    series = pd.Series(np.random.default_rng(0).normal(size=80), name="y")
    X, y = make_windows(series, 5, 3)
    model = LSTMRegressor(hidden_size=2, max_epochs=1)
    for y_val in (y[y.columns[::-1]], y.rename(columns={"y@step1": "z"})):
        with pytest.raises(ValueError, match=r"^y_val .* columns of y in"):
            model.fit(X, y, X_val=X, y_val=y_val)
    model.fit(X, y, X_val=X, y_val=y)
