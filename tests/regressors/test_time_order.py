"""What fit says of rows that do not run through time, oldest step first."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from seqforecast import OldestFirst, RNNRegressor, make_windows
from seqforecast.regressors.time_order import shows_newest_first

NEWEST_FIRST = r"show the newest step first.* needs the oldest.*make_pipeline\(OldestFirst\(\)"
RNG = np.random.default_rng(0)
HOURS = np.arange(300)
SERIES = {
    "walk": RNG.standard_normal(300).cumsum(),
    "noise": RNG.standard_normal(300),
    "season": 100 + 10 * np.sin(HOURS * 2 * np.pi / 24) + RNG.standard_normal(300),
    "trend": 5.0 * HOURS + RNG.standard_normal(300),
    "counts": RNG.poisson(3.0, 300).astype(float),
    "sine": np.sin(HOURS * 2 * np.pi / 24),
}


def small(**params):
    return RNNRegressor(**{"hidden_size": 2, "max_epochs": 1, "random_state": 0, **params})


def lags(series, n_lags, pattern="lag_{}"):
    """Frame of lags, newest first, written out by shifting; and the target."""
    series = pd.Series(series)
    frame = pd.DataFrame({pattern.format(k): series.shift(k) for k in range(1, n_lags + 1)})
    return frame.dropna(), series[n_lags:]


def as_windows(rows, n_channels=1):
    return np.asarray(rows).reshape(len(rows), -1, n_channels)


# Newest first ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scaler", [None, StandardScaler(), MinMaxScaler(), RobustScaler()])
@pytest.mark.parametrize("series", SERIES.values(), ids=SERIES)
def test_lags_newest_first_are_seen_after_a_scaler_too(series, scaler):
    X = lags(series, 24)[0].to_numpy()
    X = X if scaler is None else scaler.fit_transform(X)
    assert shows_newest_first(as_windows(X))
    assert not shows_newest_first(as_windows(X[:, ::-1]))


@pytest.mark.parametrize("make", [np.asarray, lambda X: as_windows(X)], ids=["flat", "cube"])
def test_fit_lags_newest_first_warns_once(regressor, make):
    X, y = lags(SERIES["season"], 24)
    with pytest.warns(UserWarning, match=NEWEST_FIRST) as caught:
        regressor(hidden_size=2, max_epochs=1, random_state=0).fit(make(X), y)
    assert [warning.filename for warning in caught] == [__file__]


def test_fit_names_of_make_windows_in_reverse_warn_once():
    X, y = make_windows(pd.Series(SERIES["season"], name="y"), 24)
    with pytest.warns(UserWarning, match="not in the order of time") as caught:
        small().fit(X[X.columns[::-1]], y)
    assert len(caught) == 1


def test_a_scaler_that_drops_names_does_not_hide_the_order():
    X, y = make_windows(pd.Series(SERIES["season"], name="y"), 24)
    with pytest.warns(UserWarning, match=NEWEST_FIRST):
        make_pipeline(StandardScaler(), small()).fit(X[X.columns[::-1]], y)


@pytest.mark.parametrize(("n_lags", "n_exog"), [(2, 1), (24, 1), (24, 9)])
def test_exogenous_columns_do_not_hide_the_order(n_lags, n_exog):
    X, y = lags(SERIES["season"], n_lags)
    for k in range(n_exog):
        X[f"temp{k}"] = 50 * RNG.standard_normal(len(X))
    with pytest.warns(UserWarning, match=NEWEST_FIRST):
        small().fit(X, y)
    make_pipeline(OldestFirst(n_exog), small(n_channels=1 + n_exog)).fit(X, y)
    small().fit(X[X.columns[:n_lags][::-1].append(X.columns[n_lags:])], y)


def test_two_channels_newest_first_are_seen():
    values = np.column_stack([SERIES["walk"], 1e6 * SERIES["noise"]])
    windows, _ = make_windows(values, 12, flat=False)
    assert not shows_newest_first(windows)
    assert shows_newest_first(windows[:, ::-1])
    assert shows_newest_first(windows[:, ::-1, ::-1])


@pytest.mark.parametrize("flat", [True, False])
def test_of_long_windows_the_first_steps_tell(flat):
    values = np.column_stack([SERIES["walk"], 1e6 * SERIES["noise"]])
    window = len(values) - 40
    assert window > 200
    windows, y = make_windows(values, window, flat=False)
    backwards = np.ascontiguousarray(windows[:, ::-1])
    X = backwards.reshape(len(backwards), -1) if flat else backwards
    with pytest.warns(UserWarning, match=NEWEST_FIRST):
        small(n_channels=2).fit(X, y)


def test_windows_of_weight_zero_do_not_hide_the_order():
    X, y = lags(SERIES["season"], 24)
    weight = np.arange(len(X)) % 2
    with pytest.warns(UserWarning, match=NEWEST_FIRST):
        small().fit(X, y, sample_weight=weight)


def test_oldest_first_whose_rows_run_back_are_seen():
    X, y = make_windows(SERIES["season"], 24)
    with pytest.warns(UserWarning, match="if the newest row comes first, sort the rows"):
        small().fit(X[::-1], y[::-1])


# No false alarm --------------------------------------------------------------------------------

VALUES = st.one_of(
    st.lists(st.integers(-2, 2), min_size=60, max_size=90),
    st.lists(st.floats(-1e3, 1e3, width=16), min_size=60, max_size=90),
    # Seasons without noise, of which a shift by some steps is none.
    st.lists(st.integers(-9, 9), min_size=1, max_size=6).map(lambda season: season * 60),
    st.tuples(st.floats(-9, 9), st.floats(-9, 9)).map(lambda ab: list(ab[0] + ab[1] * HOURS[:80])),
    st.integers(0, 99).map(lambda s: list(np.random.default_rng(s).standard_normal(80).cumsum())),
)
WIDTHS = st.integers(1, 8)


@given(VALUES, WIDTHS, st.integers(1, 2))
def test_windows_oldest_first_are_never_taken_for_newest_first(values, window, n_channels):
    series = np.column_stack([values, np.roll(values, 3)])[:, :n_channels]
    windows, _ = make_windows(series.astype(float), window, flat=False)
    assert not shows_newest_first(windows)


@given(VALUES, WIDTHS, st.sampled_from([StandardScaler, MinMaxScaler, RobustScaler]))
def test_windows_oldest_first_after_a_scaler_neither(values, window, scaler):
    X, _ = make_windows(np.array(values, dtype=float), window)
    assert not shows_newest_first(as_windows(scaler().fit_transform(X)))


@given(VALUES, WIDTHS, st.integers(0, 2**32 - 1), st.booleans())
def test_shuffled_rows_show_nothing(values, window, seed, newest_first):
    X, _ = make_windows(np.array(values, dtype=float), window)
    X = np.random.default_rng(seed).permutation(X)
    assert not shows_newest_first(as_windows(X[:, ::-1] if newest_first else X))


@pytest.mark.parametrize(
    "rows",
    [
        lags(SERIES["walk"][:40], 12)[0],
        lags(SERIES["walk"], 1)[0],
        lags(np.ones(300), 12)[0],
        lags(HOURS % 2, 12)[0],
        RNG.standard_normal((60, 5)),
        np.full((60, 5), 1e308) * RNG.choice([-1, 1], (60, 5)),
        np.eye(7)[HOURS % 7],
        np.column_stack([lags(SERIES["walk"], 2)[0][:60], RNG.standard_normal((60, 9))]),
        lags(SERIES["noise"], 12)[0] + 0.3 * RNG.standard_normal((288, 12)),
        lags(1 + 1e-9 * SERIES["noise"], 12)[0],
    ],
    ids=[
        "few rows",
        "one column",
        "constant",
        "period 2",
        "no lags",
        "huge",
        "days of a week",
        "few lags",
        "about the same",
        "rounding",
    ],
)
def test_rows_that_show_no_order_are_taken_as_given(rows):
    assert not shows_newest_first(as_windows(rows))


def test_targets_at_every_step_with_nan_are_no_reason_to_warn():
    X, y = make_windows(SERIES["season"], 24, horizon=2, every_step=True, flat=False)
    y = np.where(np.arange(24)[:, None] < 3, np.nan, y)
    small().fit(X, y)
    with pytest.warns(UserWarning, match=NEWEST_FIRST):
        small().fit(X[:, ::-1], y)


@pytest.mark.parametrize("cv", [KFold(3, shuffle=True, random_state=0), TimeSeriesSplit(3)])
def test_a_search_over_windows_in_order_is_silent(cv):
    X, y = make_windows(pd.Series(SERIES["season"], name="y"), 24)
    GridSearchCV(small(), {"hidden_size": [2, 3]}, cv=cv).fit(X, y)
    scaled = ColumnTransformer([("all", StandardScaler(), list(X.columns))])
    assert np.isfinite(cross_val_score(make_pipeline(scaled, small()), X, y, cv=cv)).all()


# Rows that are not in order --------------------------------------------------------------------

UNSORTED = (
    r"index of X is not in the order of time, but early stopping.*Sort X and y.*or pass X_val"
)


def dated(n=60, index=None):
    index = pd.date_range("2020", periods=n + 8, freq="h") if index is None else index
    return make_windows(pd.Series(SERIES["season"][: n + 8], index=index), 8)


@pytest.mark.parametrize("period", [False, True])
def test_shuffled_rows_warn_where_the_last_are_to_validate(period):
    index = pd.period_range("2020", periods=68, freq="h") if period else None
    X, y = dated(index=index)
    shuffled = X.sample(frac=1, random_state=0)
    with pytest.warns(UserWarning, match=UNSORTED) as caught:
        small(early_stopping=True).fit(shuffled, y[shuffled.index])
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    ("early_stopping", "change", "validation"),
    [
        (True, lambda X: X, False),
        (True, lambda X: X.sample(frac=1, random_state=0), True),
        (False, lambda X: X.sample(frac=1, random_state=0), False),
        ("auto", lambda X: X.sample(frac=1, random_state=0), False),
        (True, lambda X: X.sample(frac=1, random_state=0).reset_index(drop=True), False),
        (True, lambda X: X.sample(frac=1, random_state=0).to_numpy(), False),
        (True, lambda X: pd.concat([X, X]).sort_index(), False),
    ],
    ids=["sorted", "X_val", "none", "few", "no dates", "array", "two series by time"],
)
def test_no_warning_of_the_index_where_nothing_depends_on_it(early_stopping, change, validation):
    X = change(dated()[0])
    y = np.arange(len(X), dtype=float)
    given_ = {"X_val": X[-5:], "y_val": y[-5:]} if validation else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(early_stopping=early_stopping).fit(X, y, **given_)
