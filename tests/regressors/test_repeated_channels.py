"""Channels that OldestFirst repeats at every step, and an n_channels that does not count them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from seqforecast import OldestFirst, RNNRegressor, make_windows
from seqforecast.regressors.repeated_channels import check_repeated_channels

RNG = np.random.default_rng(0)
N = 1_000
SERIES = RNG.standard_normal(N + 24).cumsum()
EXOG = np.column_stack(
    [np.arange(N) % 12, RNG.integers(0, 2, N), 2020 + np.arange(N) // 300, np.ones(N)]
).astype(float)


def small(**params):
    return RNNRegressor(**{"hidden_size": 2, "max_epochs": 1, "random_state": 0, **params})


def rows(n, n_lags, exog):
    """Lags, newest first, and exogenous columns behind; and the target."""
    lags = np.column_stack([SERIES[n_lags - k : n_lags - k + n] for k in range(1, n_lags + 1)])
    return np.column_stack([lags, EXOG[:n, exog]]), SERIES[n_lags : n_lags + n]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_forgotten_n_channels_is_refused_and_the_cure_works(method):
    X, y = rows(60, 12, [0])
    message = (
        r"columns 1, 3, 5, ... of X hold the same value in each row, .*OldestFirst\(n_exog=1\).* "
        r"n_channels=1 reads a row as 24 steps of 1; 12 steps of 2 channels .* Set n_channels=2\."
    )
    model = small()
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(OldestFirst(1).fit_transform(X), y)
    assert not hasattr(model, "n_features_in_")
    make_pipeline(OldestFirst(1), small(n_channels=2)).fit(X, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scaler", [None, StandardScaler(), MinMaxScaler(), RobustScaler()])
@pytest.mark.parametrize(
    ("n", "n_lags", "exog"),
    [(12, 2, [1]), (60, 24, [0, 1]), (N, 12, [2]), (N, 6, [3, 0, 2]), (60, 12, [1, 0, 1])],
)
def test_it_is_found_through_a_scaler(n, n_lags, exog, scaler, dtype):
    X = OldestFirst(len(exog)).fit_transform(rows(n, n_lags, exog)[0].astype(dtype))
    X = X if scaler is None else scaler.fit_transform(X)
    with pytest.raises(ValueError, match=rf"Set n_channels={1 + len(exog)}\."):
        check_repeated_channels(X, 1)
    check_repeated_channels(X, 1 + len(exog))


def test_it_is_found_where_values_differ_by_rounding():
    X = OldestFirst(1).fit_transform(rows(60, 12, [0])[0])
    X *= 1 + 1e-8 * RNG.standard_normal(X.shape)
    with pytest.raises(ValueError, match=r"Set n_channels=2\."):
        check_repeated_channels(X, 1)


@pytest.mark.parametrize(
    ("n", "exog"), [(9, [0]), (60, [3])], ids=["few rows", "a constant channel"]
)
def test_what_can_be_chance_is_silent(n, exog):
    check_repeated_channels(OldestFirst(1).fit_transform(rows(n, 12, exog)[0]), 1)


# No false alarm --------------------------------------------------------------------------------

VALUES = st.one_of(
    st.lists(st.integers(0, 1), min_size=60, max_size=90),
    st.lists(st.integers(-2, 2), min_size=60, max_size=90),
    st.lists(st.integers(-9, 9), min_size=1, max_size=24).map(lambda season: (season * 90)[:90]),
    # Levels that stand still, and seasons that most of the time are closed.
    st.lists(st.integers(0, 9), min_size=3, max_size=9).map(lambda levels: np.repeat(levels, 10)),
    st.integers(0, 99).map(lambda s: np.random.default_rng(s).poisson(0.2, 80)),
    st.integers(0, 99).map(
        lambda s: np.where(np.arange(80) % 4, 0, np.random.default_rng(s).poisson(5.0, 80))
    ),
)


@given(VALUES, st.sampled_from([4, 6, 12]), st.booleans(), st.integers(0, 99))
def test_windows_of_one_series_in_any_order_are_silent(values, window, scaled, seed):
    X, _ = make_windows(np.asarray(values, dtype=float), window)
    X = StandardScaler().fit_transform(X) if scaled else X
    check_repeated_channels(np.random.default_rng(seed).permutation(X), 1)


@given(VALUES, st.sampled_from([4, 6, 12]), st.sampled_from([2, 4, 6]))
def test_windows_cut_a_season_apart_are_silent(values, window, step):
    check_repeated_channels(make_windows(np.asarray(values, dtype=float), window, step=step)[0], 1)


@given(VALUES, st.integers(0, 9))
def test_panels_with_static_features_as_channels_are_silent(values, static):
    series = np.asarray(values, dtype=float)
    frames = [np.column_stack([series, np.full(len(series), k)]) for k in (static, static + 1)]
    X = np.concatenate([make_windows(frame, 6)[0] for frame in frames])
    check_repeated_channels(X, 2)


@pytest.mark.parametrize(
    "series",
    [np.zeros(99), np.arange(99) % 2, np.ones(99) * 1e308, RNG.choice([1e308, -1e308], 99)],
    ids=["zeros", "period 2", "huge", "huge, both signs"],
)
def test_series_at_the_edge_are_silent(series):
    check_repeated_channels(make_windows(series, 8)[0], 1)


def test_short_alternating_series_with_an_odd_start_are_silent():
    starts, highs, lows = RNG.standard_normal((3, 20))
    series = np.column_stack([starts, highs, lows, highs, lows])
    windows = np.concatenate([series[:, :4], series[:, 1:]])
    check_repeated_channels(windows, 1)  # the first channel moves in half of the rows


def test_long_windows_are_views_that_stay_views():
    X, _ = make_windows(np.random.default_rng(0).standard_normal(200_000), 100_000)
    check_repeated_channels(X, 1)  # as an array they would take 80 GB


def test_a_search_and_folds_in_any_order_are_silent():
    X, y = make_windows(pd.Series(RNG.poisson(0.5, 120).astype(float)), 6)
    folds = KFold(4, shuffle=True, random_state=0)
    assert np.isfinite(cross_val_score(small(), X.to_numpy(), y, cv=folds)).all()
