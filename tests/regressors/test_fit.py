"""What goes into `fit` and `predict`, what comes out, and that something is learnt."""

import math
import pickle
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from seqforecast.datasets import make_delayed_echo
from tests.covering import covering

SMALL = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}

SCALINGS = pytest.mark.parametrize("scaling", ["standard", "window", None])


def assert_same_bits(a, b):
    np.testing.assert_array_equal(a, b, strict=True)


@pytest.fixture(scope="module")
def every_step(series):
    """Windows of 8 steps with the next two values of every step."""
    return make_windows(series, window=8, horizon=2, every_step=True)


# ---------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("shape_of_y", "shape_of_forecast"),
    [
        ((60,), (5,)),
        ((60, 1), (5, 1)),
        ((60, 3), (5, 3)),
        ((60, 8, 1), (5, 1)),
        ((60, 8, 3), (5, 3)),
    ],
)
def test_predict_rank_of_y_is_mirrored(regressor, shape_of_y, shape_of_forecast):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 8)), rng.standard_normal(shape_of_y)
    model = regressor(**SMALL).fit(X, y)
    assert model.predict(X[:5]).shape == shape_of_forecast
    assert model.predict(X[:5]).dtype == np.float64
    assert model.n_outputs_ == (1 if len(shape_of_y) == 1 else shape_of_y[-1])


def test_fit_one_column_of_y_equals_no_column(regressor, one_ahead):
    X, y = one_ahead
    column = regressor(**SMALL).fit(X, y[:, None]).predict(X)
    assert_same_bits(column[:, 0], regressor(**SMALL).fit(X, y).predict(X))


@SCALINGS
def test_fit_flat_windows_equal_three_dimensional_ones_bit_for_bit(
    regressor, two_channels, scaling
):
    X, y = two_channels
    cubes = X.reshape(len(X), 8, 2)
    flat = regressor(**SMALL, n_channels=2, scaling=scaling).fit(X, y)
    cube = regressor(**SMALL, scaling=scaling).fit(cubes, y)
    assert (flat.window_, flat.n_channels_, flat.n_features_in_) == (8, 2, 16)
    assert (cube.window_, cube.n_channels_, cube.n_features_in_) == (8, 2, 16)
    assert_same_bits(flat.predict(X), cube.predict(cubes))
    assert_same_bits(flat.predict(cubes), cube.predict(X))
    # n_channels decides how a row is read: without it the newest step is one of the other channel.
    warned = pytest.warns(UserWarning, match="the newest step of channel 0 of X one of 0.1")
    with warned if scaling == "window" else nullcontext():
        other = regressor(**SMALL, scaling=scaling).fit(X, y)
    assert (other.window_, other.n_channels_) == (16, 1)
    assert np.abs(other.predict(X) - flat.predict(X)).max() > 0


def strided(X):
    return np.repeat(X, 2, axis=1)[:, ::2]


@pytest.mark.parametrize(
    ("regressor", "scaling", "layout"),
    covering(
        [RNNRegressor, LSTMRegressor, GRURegressor],
        ["standard", "window", None],
        [np.ascontiguousarray, np.asfortranarray, strided],
    ),
)
def test_fit_memory_layout_changes_no_bit(regressor, scaling, layout):
    # A frame's values come in Fortran order; windows are long enough for numpy to sum them in
    # blocks, whose order follows the layout.
    values = 1e4 + np.random.default_rng(0).standard_normal(180).cumsum()
    X, y = make_windows(values, window=100)
    params = {**SMALL, "max_epochs": 1, "scaling": scaling}
    view = regressor(**params).fit(X, y).predict(X)
    other = regressor(**params).fit(layout(X), y).predict(layout(X))
    assert_same_bits(other, view)


@pytest.mark.parametrize(
    "as_input",
    [
        lambda values: values.astype(int),
        lambda values: values.astype(np.float32),
        lambda values: values.tolist(),
        lambda values: pd.DataFrame(values) if values.ndim == 2 else pd.Series(values),
        lambda values: values.astype(object),
    ],
    ids=["int", "float32", "list", "pandas", "object"],
)
@SCALINGS
def test_fit_whole_numbers_of_any_type_equal_float64(one_ahead, as_input, scaling):
    X, y = (np.round(values) for values in one_ahead)
    expected = LSTMRegressor(**SMALL, scaling=scaling).fit(X, y).predict(X)
    model = LSTMRegressor(**SMALL, scaling=scaling).fit(as_input(X), as_input(y))
    # Whole numbers up to 2**24 are exact in float32; a mean over a window in float32 is not.
    np.testing.assert_allclose(model.predict(as_input(X)), expected, rtol=1e-6)


def test_fit_arguments_are_left_alone(regressor, two_channels):
    X, y = (np.array(values) for values in two_channels)
    weight = np.arange(len(X), dtype=float)
    before = [values.copy() for values in (X, y, weight)]
    for values in (X, y, weight):
        values.setflags(write=False)
    regressor(**SMALL).fit(X, y, sample_weight=weight).predict(X)
    for values, copy in zip((X, y, weight), before, strict=True):
        assert_same_bits(values, copy)


# ------------------------------------------------------------------- targets at every step


@SCALINGS
def test_fit_targets_masked_but_at_the_last_step_equal_targets_without_steps(
    regressor, series, scaling
):
    series = (series - 100) / 10
    X, y = make_windows(series, window=8, every_step=True)
    only_last = np.full_like(y, np.nan)
    only_last[:, -1] = y[:, -1]
    masked = regressor(**SMALL, scaling=scaling).fit(X, only_last)
    at_the_end = regressor(**SMALL, scaling=scaling).fit(X, y[:, -1])
    # Two kernels' sums in float32, some steps long.
    scale = 1e-4 * np.std(series)
    np.testing.assert_allclose(masked.predict(X), at_the_end.predict(X), rtol=0, atol=scale)
    everywhere = regressor(**SMALL, scaling=scaling).fit(X, y)
    assert np.abs(everywhere.predict(X) - masked.predict(X)).max() > 10 * scale


def test_fit_windows_with_nothing_but_masked_targets_teach_nothing(every_step):
    X, y = every_step
    masked = y.copy()
    masked[::2] = np.nan
    moved = X.copy()
    moved[::2] += np.random.default_rng(0).standard_normal(X[::2].shape)
    model, other = (LSTMRegressor(**SMALL, scaling=None, batch_size=256, lr=1e-2) for _ in range(2))
    with pytest.warns(UserWarning, match="batch_size"):
        model.fit(X, masked)
    with pytest.warns(UserWarning, match="batch_size"):
        other.fit(moved, masked)
    assert_same_bits(model.predict(X), other.predict(X))


def test_score_of_targets_at_every_step_is_r2_of_the_last_known(every_step):
    X, y = every_step
    model = RNNRegressor(**SMALL).fit(X, y)
    last = y[:, -1].copy()
    by_hand = r2_score(last, model.predict(X))
    assert model.score(X, y) == by_hand
    y = y.copy()
    y[:, :-1] = 1e9  # the other steps do not count
    y[3, -1, 0] = np.nan  # nor does a window whose last target is unknown
    weight = np.arange(1.0, len(X) + 1)
    known = np.arange(len(X)) != 3
    by_hand = r2_score(last[known], model.predict(X)[known], sample_weight=weight[known])
    assert model.score(X, y, sample_weight=weight) == by_hand


# ---------------------------------------------------------------------------- units, subsets


@pytest.mark.parametrize("scaling", ["standard", "window"])
@pytest.mark.parametrize("shift", [0, 1000])
def test_fit_data_in_other_units_gives_forecasts_in_those_units(
    regressor, one_ahead, scaling, shift
):
    X, y = one_ahead
    model = regressor(**SMALL, scaling=scaling).fit(X, y)
    moved = regressor(**SMALL, scaling=scaling).fit(1000 * X + shift, 1000 * y + shift)
    expected = 1000 * model.predict(X) + shift
    # The scaled values differ by float64 rounding, and so do a few of them in float32.
    tolerance = 1e-4 * 1000 * np.std(y)
    np.testing.assert_allclose(moved.predict(1000 * X + shift), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("scaling", ["standard", "window"])
def test_fit_data_times_a_power_of_two_scales_forecasts_bit_for_bit(regressor, one_ahead, scaling):
    X, y = one_ahead
    model = regressor(**SMALL, scaling=scaling).fit(X, y)
    scaled = regressor(**SMALL, scaling=scaling).fit(1024 * X, 1024 * y)
    assert_same_bits(scaled.predict(1024 * X), 1024 * model.predict(X))


def test_fit_without_scaling_depends_on_the_units(regressor, one_ahead):
    X, y = one_ahead
    model = regressor(**SMALL, scaling=None).fit(X, y)
    scaled = regressor(**SMALL, scaling=None).fit(1024 * X, 1024 * y)
    assert np.abs(scaled.predict(1024 * X) - 1024 * model.predict(X)).max() > 1


@SCALINGS
def test_fit_constant_channel_is_divided_by_nothing(regressor, one_ahead, scaling):
    X, y = one_ahead
    cubes = np.stack([X, np.full_like(X, 7.0)], axis=2)
    forecast = regressor(**SMALL, scaling=scaling).fit(cubes, y).predict(cubes)
    assert np.isfinite(forecast).all()
    assert np.ptp(forecast) > 0


@SCALINGS
def test_predict_subset_equals_the_full_predict_bit_for_bit(regressor, scaling):
    values = 1e3 + np.random.default_rng(0).standard_normal(350).cumsum()
    X, y = make_windows(values, window=48)
    model = regressor(max_epochs=1, random_state=0, scaling=scaling).fit(X, y)
    full = model.predict(X)
    order = np.random.default_rng(1).permutation(len(X))
    parts = [slice(0, 1), slice(63, 65), slice(7, 300), slice(None, None, -3), order, [5, 5, 5]]
    for part in parts:
        assert_same_bits(model.predict(X[part]), full[part])
    for row in (0, 100, len(X) - 1):
        assert_same_bits(model.predict(X[row : row + 1]), full[row : row + 1])


# ----------------------------------------------------------------------------------- learns


def test_fit_seasonal_series_beats_the_mean_on_later_windows(regressor):
    t = np.arange(300)
    noise = 0.1 * np.random.default_rng(0).standard_normal(300)
    X, y = make_windows(50 + 5 * np.sin(t * 2 * np.pi / 12) + noise, window=12, horizon=3)
    model = regressor(hidden_size=8, max_epochs=30, lr=0.01, random_state=0)
    model.fit(X[:200], y[:200])
    # Noise alone leaves 1 - 0.1**2 / 12.5, more than 0.999; the mean scores 0.
    assert model.score(X[220:], y[220:]) > 0.9


@pytest.mark.parametrize("kind", [LSTMRegressor, GRURegressor])
def test_fit_delayed_echo_is_recalled_from_twelve_steps_back(kind):
    X, y = make_delayed_echo(1200, window=16, delay=12, random_state=0)
    model = kind(hidden_size=16, max_epochs=40, lr=0.01, early_stopping=False, random_state=0)
    model.fit(X[:1000], y[:1000])
    # The echo is exact: the best possible score is 1, the mean's is 0.
    assert model.score(X[1000:], y[1000:]) > 0.8


# ------------------------------------------------------------------------------------ pickle


def test_pickle_predicts_the_same_bits_and_trains_on_the_same_way(regressor, one_ahead):
    X, y = one_ahead
    model = regressor(**SMALL, dropout=0.3, num_layers=2)
    for _ in range(2):
        model.partial_fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_same_bits(copy.predict(X), model.predict(X))
    for _ in range(2):
        model.partial_fit(X, y)
        copy.partial_fit(X, y)
    assert_same_bits(copy.predict(X), model.predict(X))
    pd.testing.assert_frame_equal(copy.history_, model.history_)


def test_pickle_size_does_not_grow_with_the_data(regressor, series):
    sizes = []
    for n in (1, 20):
        X, y = make_windows(np.tile(series, n), window=8)
        params = {"hidden_size": 4, "max_epochs": 1, "early_stopping": False, "random_state": 0}
        sizes.append(len(pickle.dumps(regressor(**params).fit(X, y))))
    # A row of the history may print another number of digits.
    assert math.isclose(*sizes, rel_tol=0.01)


def test_checked_windows_are_those_that_the_network_is_given(two_channels):
    X, y = two_channels
    model = LSTMRegressor(n_channels=2, hidden_size=4, max_epochs=1)
    with pytest.raises(NotFittedError):
        model.checked_windows(X)
    model.fit(X, y)
    windows = model.checked_windows(X[:5])
    assert windows.shape == (5, 8, 2)
    np.testing.assert_array_equal(windows, X[:5].reshape(5, 8, 2))
    assert np.shares_memory(windows, X)
    with pytest.raises(ValueError, match="X has 14 features, but LSTMRegressor is expecting 16"):
        model.checked_windows(X[:, 2:])
    broken = X[:5].copy()
    broken[3, 4] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN in row 3, column 4"):
        model.checked_windows(broken)
