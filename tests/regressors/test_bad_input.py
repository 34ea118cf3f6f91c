"""What cannot be used is refused in words, and what was fitted before stays."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from seqforecast import (
    DivergenceError,
    GRURegressor,
    LSTMRegressor,
    RNNRegressor,
    make_windows,
)
from tests.covering import covering

N, WINDOW = 40, 6
NAMES = [f"price@lag{k}" for k in reversed(range(WINDOW))]


def good(n_outputs=1):
    values = 10 + np.random.default_rng(0).standard_normal(N + WINDOW + n_outputs - 1)
    X, y = make_windows(values, window=WINDOW, horizon=n_outputs)
    return X.copy(), np.array(y)


def small(kind=LSTMRegressor, **params):
    return kind(**{"hidden_size": 4, "max_epochs": 2, "random_state": 0, **params})


def fitted(**params):
    """A fitted estimator that knows its columns' names."""
    X, y = good()
    return small(**params).fit(pd.DataFrame(X, columns=NAMES), y)


def snapshot(model):
    """Everything that fit left behind, and what it forecasts."""
    X, _ = good()
    state = {k: v for k, v in vars(model).items() if k not in model.get_params(deep=False)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # X has no names here
        forecast = model.predict(X).tobytes()
    return forecast, sorted(state), list(model.feature_names_in_), model.history_.to_csv()


def with_value(array, value, *place):
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array[place] = value
    return array


def refuses(X, y, message, *, error=ValueError, method="fit", **params):
    """Assert that fit refuses, whether something was fitted before or not, and changes nothing."""
    model = small()
    with pytest.raises(error, match=message):
        getattr(model.set_params(**params), method)(X, y)
    assert not hasattr(model, "net_")
    assert not hasattr(model, "n_features_in_")
    model = fitted()
    before = snapshot(model)
    with pytest.raises(error, match=message):
        model.set_params(**params).fit(X, y)
    model.set_params(**{name: getattr(small(), name) for name in params})
    assert snapshot(model) == before


# ------------------------------------------------------------------------------- the arrays

X, Y = good()
CUBE = X[:, :, None]
STEPS = np.repeat(Y[:, None, None], WINDOW, axis=1)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            with_value(X, np.nan, 3, 2),
            r"X contains NaN in row 3, column 2; finite numbers are need",
        ),
        (with_value(X, np.inf, 3, 2), "X contains infinity in row 3, column 2; .* Fill or drop"),
        (with_value(CUBE, np.nan, 3, 2, 0), "X contains NaN in row 3, step 2, channel 0"),
        (with_value(CUBE, -np.inf, 0, 5, 0), "X contains infinity in row 0, step 5, channel 0"),
        (np.full(X.shape, "one"), "holds text"),
        (np.empty((0, WINDOW)), r"Found array with 0 sample\(s\) .*minimum of 1 is required"),
        (np.empty((N, 0)), r"0 feature\(s\) \(shape=\(40, 0\)\) while a minimum of 1 is required"),
        (
            np.empty((N, 0, 1)),
            r"X has shape \(40, 0, 1\); at least 1 step and 1 channel are needed",
        ),
        (
            X[0],
            r"X has shape \(6,\); \(n_windows, window \* n_channels\) or .*np.reshape\(X, \(1",
        ),
        (X[:, :, None, None], r"X has shape \(40, 6, 1, 1\); .* is needed. Reshape your data"),
        (np.float64(3), "Expected 2D|is needed|Singleton|got scalar"),
        (X + 1j, "Complex data not supported"),
        (X[:-1], "X has 39 windows, but y has 40 targets; one for each .* Take both from"),
        (None, "NoneType|None|X has shape"),
    ],
    ids=[
        "NaN",
        "infinity",
        "NaN, 3-D",
        "infinity, 3-D",
        "strings",
        "no window",
        "no column",
        "no step",
        "1-D",
        "4-D",
        "a number",
        "complex",
        "one row short",
        "None",
    ],
)
def test_fit_unusable_x_raises_and_keeps_the_fit(bad, message):
    refuses(bad, Y, message, error=(ValueError, TypeError))


def test_fit_nan_in_a_frame_names_its_column():
    frame = pd.DataFrame(with_value(X, np.nan, 3, 2), columns=NAMES)
    refuses(frame, Y, "X contains NaN in row 3, column 'price@lag3'; .*series.interpolate")


def test_fit_sparse_x_raises_type_error():
    refuses(sparse.csr_array(X), Y, "[Ss]parse", error=TypeError)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (with_value(Y, np.nan, 3), "Input y contains NaN in row 3; finite numbers are needed"),
        (with_value(Y, np.inf, 3), "Input y contains infinity in row 3; .* replace infinities"),
        (with_value(good(3)[1], np.nan, 3, 1), "Input y contains NaN in row 3, column 1"),
        (with_value(good(3)[1], np.inf, 3, 1), "Input y contains infinity in row 3, column 1"),
        (
            with_value(STEPS, np.inf, 3, 2, 0),
            "Input y contains infinity in row 3, step 2, output 0",
        ),
        (np.full_like(STEPS, np.nan), "y is NaN at every step; at least one target is needed"),
        (np.full(N, "one"), "holds text"),
        (None, "requires y to be passed, but the target y is None. Pass the values that follow"),
        (Y[:-1], "X has 40 windows, but y has 39 targets; one for each .* Take both from"),
        (np.empty((N, 0)), r"0 feature\(s\)|y has shape \(40, 0\)"),
        (STEPS[:, 1:], r"y has shape \(40, 5, 1\); \(n_windows, 6, 1\) is needed .* Reshape y"),
        (STEPS[..., None], r"y has shape \(40, 6, 1, 1\); .* is needed"),
        (Y + 1j, "Complex data not supported"),
    ],
    ids=[
        "NaN",
        "infinity",
        "NaN, 2-D",
        "infinity, 2-D",
        "infinity, 3-D",
        "all NaN",
        "strings",
        "None",
        "one row short",
        "no output",
        "a step short",
        "4-D",
        "complex",
    ],
)
def test_fit_unusable_y_raises_and_keeps_the_fit(bad, message):
    refuses(X, bad, message, error=(ValueError, TypeError))


def test_fit_one_window_raises():
    refuses(X[:1], Y[:1], "X has 1 window .*; at least 2 are needed to learn from. Use a longer")


def test_partial_fit_one_window_raises():
    refuses(X[:1], Y[:1], "X has 1 window .*; at least 2 are needed", method="partial_fit")


def test_partial_fit_one_window_after_fit_goes_on():
    model = small().fit(X, Y)
    before = model.predict(X)
    model.partial_fit(X[-1:], Y[-1:])
    assert model.n_iter_ == 3
    assert not np.array_equal(model.predict(X), before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_size", 5),
        ("num_layers", 2),
        ("n_channels", 2),
        ("dropout", 0.5),
        ("forget_bias", 1.0),
        ("recurrent_init", None),
        ("scaling", "window"),
        ("loss", "huber"),
        ("quantiles", (0.2, 0.8)),
        ("optimizer", "sgd"),
        ("weight_decay", 0.1),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_going_on_with_a_parameter_of_the_network_changed_raises(method, name, value):
    model = fitted(warm_start=True)
    before = snapshot(model)
    frame = pd.DataFrame(X, columns=NAMES)
    message = f"{name}=.*, but the network that is to go on was built with .*warm_start=False"
    with pytest.raises(ValueError, match=message):
        getattr(model.set_params(**{name: value}), method)(frame, Y)
    assert snapshot(model) == before


@pytest.mark.parametrize("same", [[0.1, 0.5, 0.9], np.array([0.1, 0.5, 0.9])])
def test_going_on_with_the_same_quantiles_in_another_form_goes_on(same):
    model = small(loss="quantile", warm_start=True).fit(X, Y)
    assert model.set_params(quantiles=same).fit(X, Y).n_iter_ == 4


@pytest.mark.parametrize(
    "callbacks", [[1], ["EarlyStopping"], [("name", 1)], [type("ProgressBar", (), {})()]]
)
def test_fit_callbacks_that_are_none_raises(callbacks):
    refuses(X, Y, "callbacks holds .*skorch callbacks.* set_callbacks instead", callbacks=callbacks)


def test_fit_columns_not_divisible_by_n_channels_raises():
    refuses(X, Y, "X has 6 columns, but n_channels=4; .* Set n_channels to the num", n_channels=4)


def test_fit_three_dimensions_of_other_channels_raises():
    refuses(CUBE, Y, "X has 1 channels, but n_channels=2; .* Leave n_channels out", n_channels=2)


@pytest.mark.parametrize(
    "other",
    [X[:, 1:], np.hstack([X, X]), CUBE[:, 1:], CUBE.reshape(N, 3, 2), np.zeros((3, 0))],
    ids=["narrower", "wider", "3-D, shorter", "3-D, steps for channels", "none"],
)
@pytest.mark.parametrize("method", ["predict", "score", "partial_fit", "fit warm"])
def test_another_width_than_in_fit_raises(other, method):
    model = fitted(warm_start=True)
    before = snapshot(model)
    y = Y[: len(other)]
    call = {
        "predict": lambda: model.predict(other),
        "score": lambda: model.score(other, y),
        "partial_fit": lambda: model.partial_fit(other, y),
        "fit warm": lambda: model.fit(other, y),
    }[method]
    message = r"is expecting 6 features as input|a minimum of 1 is required|Swap the axes"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these have no names
        with pytest.raises(ValueError, match=message):
            call()
    assert snapshot(model) == before


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("y", "needed"), [(good(2)[1], r"\(n_windows,\)"), (STEPS, r"\(n_windows,\)")]
)
def test_going_on_with_y_of_another_shape_raises(method, y, needed):
    model = fitted(warm_start=True)
    before = snapshot(model)
    frame = pd.DataFrame(X, columns=NAMES)
    message = rf"y has shape .*; {needed} is needed .* the first fit. Reshape y"
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(frame, y)
    assert snapshot(model) == before


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "contains NaN in row 3"), (np.inf, "contains infinity in row 3")],
)
def test_predict_not_finite_raises(value, message):
    model = small().fit(X, Y)
    with pytest.raises(ValueError, match=message):
        model.predict(with_value(X, value, 3, 2))


@pytest.mark.parametrize("name", ["predict", "score", "predict_quantiles", "predict_interval"])
def test_predict_before_fit_raises(regressor, name):
    model = regressor(loss="quantile")
    arguments = (X, Y) if name == "score" else (X,)
    with pytest.raises(NotFittedError, match=f"{regressor.__name__} instance is not fitted yet"):
        getattr(model, name)(*arguments)


# -------------------------------------------------------------------------------- warnings


@pytest.mark.parametrize(
    ("regressor", "scaling", "rank"),
    covering([RNNRegressor, LSTMRegressor, GRURegressor], ["standard", "window", None], [1, 2, 3]),
)
def test_fit_y_constant_warns_and_forecasts_it(regressor, scaling, rank):
    y = {1: np.full(N, 7.5), 2: np.full((N, 2), 7.5), 3: np.full_like(STEPS, 7.5)}[rank]
    values = 7.5 + np.random.default_rng(0).standard_normal((N, WINDOW))
    model = small(regressor, scaling=scaling, max_epochs=60, lr=0.05, loss="absolute_error")
    message = r"y is constant: 7.5 in all 40 windows. There is nothing to learn, .* Check the targ"
    with pytest.warns(UserWarning, match=message) as record:
        model.fit(values, y)
    assert len(record) == 1
    assert record[0].filename == __file__
    # 'close to it': a target of spread 0 is scaled by nothing, so what remains is what the
    # network has not learnt yet; with scaling="window" the level must be found in each window.
    assert np.abs(model.predict(values) - 7.5).mean() < 0.6


def test_fit_window_of_one_step_warns(regressor):
    message = "X has windows of 1 step: .* nothing to remember there. Use longer windows"
    with pytest.warns(UserWarning, match=message) as record:
        model = small(regressor, n_channels=WINDOW).fit(X, Y)
    assert record[0].filename == __file__
    assert np.isfinite(model.predict(X)).all()


def test_fit_batch_size_above_the_windows_warns_and_uses_them_all(regressor):
    with pytest.warns(UserWarning, match="batch_size=64, but there are 40 training windows; every"):
        model = small(regressor, batch_size=64).fit(X, Y)
    whole = small(regressor, batch_size=N).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), whole.predict(X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(regressor).fit(X[:5], Y[:5])  # the default is nobody's wish


# -------------------------------------------------------------------------- large numbers


@pytest.mark.parametrize("scaling", ["standard", "window"])
def test_fit_values_beyond_float32_are_scaled_first(regressor, scaling):
    X, y = good()
    model = small(regressor, scaling=scaling).fit(X * 1e100, y * 1e100)
    expected = small(regressor, scaling=scaling).fit(X, y).predict(X) * 1e100
    np.testing.assert_allclose(model.predict(X * 1e100), expected, rtol=1e-4)  # as any factor


@pytest.mark.parametrize("where", ["X", "y"])
def test_fit_values_beyond_float32_without_scaling_name_the_culprit(where):
    X, y = good()
    frame = pd.DataFrame(X, columns=NAMES)
    culprit = {"X": "input column 'price@lag2'", "y": "target 0"}[where]
    if where == "X":
        frame["price@lag2"] *= 1e100
    else:
        y = y * 1e100
    model = small(scaling=None, batch_size=8, optimizer="sgd")
    with (
        np.errstate(over="ignore"),
        pytest.raises(
            DivergenceError, match=f"not finite in 3 steps in a row, .*{culprit}"
        ) as error,
    ):
        model.fit(frame, y)
    assert error.value.step == 1
    assert error.value.culprit.startswith(culprit)
    assert np.isfinite(model.predict(pd.DataFrame(good()[0], columns=NAMES))).all()


@pytest.mark.parametrize("scaling", ["standard", "window"])
def test_fit_values_whose_square_overflows_raise(scaling):
    huge = X * 1e200
    refuses(huge, Y, "numbers whose square fits into float64 are needed. Divide", scaling=scaling)


def test_windows_with_their_axes_swapped_are_told_how_to_turn_and_the_cure_works():
    windows = np.random.default_rng(0).normal(size=(N, 6, 1))
    model = LSTMRegressor(hidden_size=2, max_epochs=1, random_state=0).fit(windows, Y)
    swapped = windows.transpose(0, 2, 1)
    with pytest.raises(ValueError, match=r"fitted to 6 steps and 1 channels.*transpose\(0, 2, 1\)"):
        model.predict(swapped)
    np.testing.assert_array_equal(model.predict(swapped.transpose(0, 2, 1)), model.predict(windows))
    with pytest.warns(UserWarning, match=r"windows of 1 step: .* or X.transpose\(0, 2, 1\) if"):
        LSTMRegressor(hidden_size=2, max_epochs=1).fit(swapped, Y)
