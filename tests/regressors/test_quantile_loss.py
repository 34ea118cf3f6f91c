"""Quantiles: in order, in the user's order, and the median for `predict`."""

import numpy as np
import pytest

from seqforecast import LSTMRegressor, make_windows

PARAMS = {"hidden_size": 4, "max_epochs": 5, "random_state": 0, "loss": "quantile"}


@pytest.mark.parametrize("scaling", ["standard", "window", None])
def test_predict_quantiles_levels_never_cross(regressor, windows, scaling):
    X, y = windows
    levels = (0.05, 0.2, 0.5, 0.7, 0.95)
    model = regressor(**PARAMS, quantiles=levels, scaling=scaling).fit(X, y)
    far = 50 * np.random.default_rng(0).standard_normal(X.shape)  # also where nothing was learnt
    for windows_ in (X, far):
        quantiles = model.predict_quantiles(windows_)
        assert quantiles.shape == (len(X), 4, 5)
        assert (np.diff(quantiles, axis=-1) >= 0).all()
    assert np.diff(model.predict_quantiles(X), axis=-1).min() > 0


def test_predict_is_the_median_of_predict_quantiles(regressor, one_ahead):
    X, y = one_ahead
    model = regressor(**PARAMS).fit(X, y)
    quantiles = model.predict_quantiles(X)
    assert quantiles.shape == (len(X), 3)
    assert model.predict(X).shape == (len(X),)
    np.testing.assert_array_equal(model.predict(X), quantiles[:, 1])


def test_predict_quantiles_keeps_the_order_given_and_adds_the_median_for_predict(one_ahead):
    X, y = one_ahead
    sorted_ = LSTMRegressor(**PARAMS, quantiles=(0.1, 0.5, 0.9)).fit(X, y)
    model = LSTMRegressor(**PARAMS, quantiles=[0.9, 0.1]).fit(X, y)
    np.testing.assert_array_equal(
        model.predict_quantiles(X), sorted_.predict_quantiles(X)[:, [2, 0]]
    )
    np.testing.assert_array_equal(model.predict(X), sorted_.predict(X))


def test_predict_interval_coverage_names_its_levels(regressor, windows):
    X, y = windows
    model = regressor(**PARAMS, quantiles=(0.05, 0.1, 0.5, 0.9, 0.95)).fit(X, y)
    quantiles = model.predict_quantiles(X)
    np.testing.assert_array_equal(model.predict_interval(X), quantiles[..., [1, 3]])
    np.testing.assert_array_equal(model.predict_interval(X, coverage=0.9), quantiles[..., [0, 4]])
    assert model.predict_interval(X).shape == (len(X), 4, 2)


@pytest.mark.parametrize(("coverage", "level"), [(0.9, "0.05"), (0.5, "0.25")])
def test_predict_interval_level_not_fitted_raises(one_ahead, coverage, level):
    X, y = one_ahead
    model = LSTMRegressor(**PARAMS).fit(X, y)
    with pytest.raises(ValueError, match=rf"{level}.* asked for, but .*0\.1, 0\.5, 0\.9.*[Aa]dd "):
        model.predict_interval(X, coverage=coverage)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
@pytest.mark.parametrize("method", ["predict_quantiles", "predict_interval"])
def test_predict_quantiles_fitted_for_another_loss_raises(regressor, loss, method, one_ahead):
    X, y = one_ahead
    model = regressor(**{**PARAMS, "loss": loss}).fit(X, y)
    with pytest.raises(ValueError, match="fitted to forecast one value; .* Set loss='quantile'"):
        getattr(model, method)(X)


@pytest.mark.parametrize("coverage", [80, 0.0, 1.0, "0.8", None])
def test_predict_interval_coverage_out_of_range_raises(one_ahead, coverage):
    X, y = one_ahead
    model = LSTMRegressor(**PARAMS).fit(X, y)
    with pytest.raises(ValueError, match="coverage=.*; a number above 0 and below 1 is needed"):
        model.predict_interval(X, coverage=coverage)


def test_predict_quantile_parameters_changed_after_fit_do_not_change_forecasts(one_ahead):
    X, y = one_ahead
    model = LSTMRegressor(**PARAMS).fit(X, y)
    expected = model.predict(X)
    model.set_params(quantiles=(0.9,))
    np.testing.assert_array_equal(model.predict(X), expected)
    model.set_params(loss="squared_error")
    np.testing.assert_array_equal(model.predict(X), expected)
    other = LSTMRegressor(**{**PARAMS, "loss": "huber"}).fit(X, y)
    expected = other.predict(X)
    other.set_params(loss="quantile")
    np.testing.assert_array_equal(other.predict(X), expected)
    with pytest.raises(ValueError, match="[Ff]it"):
        other.predict_quantiles(X)


def test_fit_targets_at_every_step_give_quantiles_of_the_last(regressor, series):
    X, y = make_windows(series, window=8, every_step=True)
    model = regressor(**PARAMS).fit(X, y)
    assert model.predict_quantiles(X).shape == (len(X), 1, 3)
    assert model.predict(X).shape == (len(X), 1)


def test_predict_interval_of_noise_covers_its_share():
    # 4,000 windows of white noise: the 0.1 and 0.9 quantiles leave a fifth outside, and with
    # 4,000 draws the share's standard deviation is 0.6 %.
    X, y = make_windows(np.random.default_rng(0).standard_normal(4004), window=4)
    model = LSTMRegressor(**{**PARAMS, "max_epochs": 4, "lr": 0.01, "batch_size": 64}).fit(X, y)
    low, high = model.predict_interval(X, coverage=0.8).T
    inside = np.mean((low <= y) & (y <= high))
    assert 0.75 < inside < 0.85


def test_fit_pinball_loss_in_history_is_that_of_the_forecasts():
    # A net that does not learn: the loss of the first pass is that of the forecasts after it.
    X, y = make_windows(np.random.default_rng(0).standard_normal(30), window=4)
    params = {**PARAMS, "scaling": None, "max_epochs": 1, "optimizer": "sgd", "lr": 1e-12}
    model = LSTMRegressor(**params, quantiles=(0.2, 0.5, 0.7)).fit(X, y)
    error = y[:, None] - model.predict_quantiles(X)
    levels = np.array([0.2, 0.5, 0.7])
    pinball = np.maximum(levels * error, (levels - 1) * error).mean()
    assert model.history_["train_loss"].item() == pytest.approx(pinball, rel=1e-5)  # float32


@pytest.mark.parametrize(
    ("quantiles", "side", "cure"),
    [((0.9,), "above", "(0.5, 0.9)"), (np.array([0.2, 0.05]), "below", "(0.05, 0.2, 0.5)")],
    ids=["above", "below"],
)
def test_fit_quantiles_on_one_side_warns_once_that_predict_is_the_median(
    one_ahead, quantiles, side, cure
):
    X, y = one_ahead
    model = LSTMRegressor(**PARAMS, quantiles=quantiles, warm_start=True)
    with pytest.warns(UserWarning, match=f"lie {side} 0.5, .* the median .*") as record:
        model.fit(X, y).fit(X, y).partial_fit(X, y)
    assert [warning.filename for warning in record] == [__file__]
    assert f"Set quantiles={cure} to say" in str(record[0].message)
    # Followed to the letter it is silent (warnings are errors here), and changes no forecast.
    said = LSTMRegressor(**PARAMS, quantiles=eval(cure), warm_start=True)
    said.fit(X, y).fit(X, y).partial_fit(X, y)
    np.testing.assert_array_equal(said.predict(X), model.predict(X))


def test_partial_fit_quantiles_on_one_side_warns_in_the_first_call_alone(one_ahead):
    X, y = one_ahead
    model = LSTMRegressor(**PARAMS, quantiles=(0.9,))
    with pytest.warns(UserWarning, match="predict_quantiles and sklearn.metrics.mean_pinb") as seen:
        model.partial_fit(X, y).partial_fit(X, y)
    assert [warning.filename for warning in seen] == [__file__]


@pytest.mark.parametrize(
    "params",
    [
        {"quantiles": (0.1, 0.9)},
        {"quantiles": (0.5, 0.9)},
        {"quantiles": (0.9,), "loss": "squared_error"},  # they are not learnt
    ],
    ids=str,
)
def test_fit_quantiles_around_the_median_or_of_another_loss_is_silent(one_ahead, params):
    X, y = one_ahead
    LSTMRegressor(**{**PARAMS, "max_epochs": 1, **params}).fit(X, y)
