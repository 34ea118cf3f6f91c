"""Exported networks against `predict` and against plain loops."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from tests.covering import covering
from tests.properties import examples
from tests.twins import forecast_twin

CELLS = {
    "tanh": RNNRegressor(),
    "relu": RNNRegressor(nonlinearity="relu"),
    "lstm": LSTMRegressor(),
    "gru": GRURegressor(),
}
CLOSE = 1e-5
"""Of the spread of the targets: float32 has 6e-8, and a network adds many roundings up."""


def series(n_channels, n=70):
    rng = np.random.default_rng(0)
    season = 3.0 * np.sin(np.arange(n)[:, None] * [0.5, 0.2, 0.3][:n_channels])
    return season + rng.normal(0, 0.3, (n, n_channels))


def fitted(cell, windows, targets, **params):
    fixed = {"hidden_size": 6, "max_epochs": 4, "lr": 0.03, "random_state": 0}
    return (
        CELLS[cell]
        .__class__(**{**CELLS[cell].get_params(), **fixed, "early_stopping": False, **params})
        .fit(windows, targets)
    )


@pytest.mark.parametrize(
    ("cell", "num_layers", "scaling", "loss", "horizon", "n_channels"),
    covering(
        CELLS,
        [1, 2],
        ["standard", "window", None],
        ["squared_error", "quantile"],
        [None, 3],
        [1, 2],
        strength=3,
    ),
)
def test_export_forecasts_what_predict_does(
    serve, cell, num_layers, scaling, loss, horizon, n_channels
):
    X, y = make_windows(series(n_channels), window=9, horizon=horizon or 1)
    y = y if horizon else y.ravel()
    params = {"num_layers": num_layers, "scaling": scaling, "loss": loss, "n_channels": n_channels}
    model = fitted(cell, X, y, **params, quantiles=(0.9, 0.2, 0.1, 0.7))
    expected, close = model.predict(X), CLOSE * y.std()
    served = serve(model)
    for forecast in (*served.predict(X), served.numpy.predict(X.reshape(-1, 9, n_channels))):
        assert forecast.dtype == expected.dtype
        assert forecast.shape == expected.shape
        np.testing.assert_allclose(forecast, expected, rtol=0, atol=close)
    if loss == "quantile":
        expected = model.predict_quantiles(X)
        for forecast in served.predict_quantiles(X):
            assert forecast.shape == expected.shape
            np.testing.assert_allclose(forecast, expected, rtol=0, atol=close)


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_export_other_losses_have_the_same_head(serve, loss):
    X, y = make_windows(series(1), window=9)
    model = fitted("lstm", X, y, loss=loss)
    for forecast in serve(model).predict(X):
        np.testing.assert_allclose(forecast, model.predict(X), rtol=0, atol=CLOSE * y.std())


@pytest.mark.parametrize("targets", ["(n, 1)", "(n, window, 2)"])
def test_export_form_of_targets(serve, targets):
    X, y = make_windows(series(1), window=9, horizon=2, every_step=True, flat=False)
    y = y[:, -1, :1] if targets == "(n, 1)" else y
    model = fitted("gru", X, y)
    for forecast in serve(model).predict(X):
        assert forecast.shape == (len(X), y.shape[-1])
        np.testing.assert_allclose(forecast, model.predict(X), rtol=0, atol=CLOSE * 3)


def effect_of_rounding(model, X, exact, rng):
    """Return how far forecasts move with the last bit of the weights: by some networks a lot."""
    weights = list(model.net_.module_.parameters())
    before = [weight.clone() for weight in weights]
    moved = [abs(model._forecast(X) - exact).max()]
    with torch.no_grad():
        for _ in range(8):
            for weight, old in zip(weights, before, strict=True):
                last_bit = rng.uniform(-(2**-23), 2**-23, old.shape)
                weight.copy_(old * (1 + torch.from_numpy(last_bit)))
            moved.append(abs(model._forecast(X) - exact).max())
        for weight, old in zip(weights, before, strict=True):
            weight.copy_(old)
    return max(moved)


@example(  # all forecasts are alike
    cell="gru", seed=0, window=2, n_channels=1, hidden_size=2, num_layers=3, n_outputs=1,
    scaling="standard", levels=None, size=30.0, offset=0.0,
)  # fmt: skip
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cell=st.sampled_from(list(CELLS)),
    seed=st.integers(0, 10_000),
    window=st.integers(2, 12),
    n_channels=st.integers(1, 3),
    hidden_size=st.integers(1, 9),
    num_layers=st.integers(1, 3),
    n_outputs=st.integers(1, 4),
    scaling=st.sampled_from(["standard", "window", None]),
    levels=st.sampled_from([None, (0.5,), (0.1, 0.9), (0.3, 0.7, 0.99), (0.01, 0.2, 0.6)]),
    size=st.sampled_from([0.1, 1.0, 30.0]),
    offset=st.sampled_from([0.0, -1e3, 1e6]),
)
def test_export_random_weights_equal_predict_and_plain_loops(
    serve, cell, seed, window, n_channels, hidden_size, num_layers, n_outputs, scaling, levels,
    size, offset,
):  # fmt: skip
    rng = np.random.default_rng(seed)
    offset = 0.0 if scaling is None else offset  # which is for data of about unit size
    X = offset + rng.normal(size=(8, window, n_channels))
    y = offset + rng.normal(size=(8, n_outputs))
    quantile = {} if levels is None else {"loss": "quantile", "quantiles": levels}
    model = fitted(
        cell, X, y, hidden_size=hidden_size, num_layers=num_layers, scaling=scaling, max_epochs=1,
        **quantile,
    )  # fmt: skip
    with torch.no_grad():  # gates that are saturated at size 30
        for name, weight in model.net_.module_.named_parameters():
            spread = 1.0 / np.sqrt(hidden_size) if "weight_hh" in name else size
            weight.copy_(torch.from_numpy(rng.normal(0, spread, weight.shape)))
    exact, predicted = forecast_twin(model, X), model._forecast(X)
    served = serve(model)
    size = abs(exact - offset).max()
    assert abs(predicted - exact).max() < 1e-2 * max(exact.std(), 1e-3 * size) + 1e-6
    # All forecasts may be alike: their size counts beside their spread.
    close = CLOSE * exact.std() + 1e-6 * size + 8 * effect_of_rounding(model, X, exact, rng)
    wanted = exact if levels is None else exact[..., model.quantiles_.index(0.5)]
    for forecast in served.predict(X):
        np.testing.assert_allclose(forecast, wanted, rtol=0, atol=close)
        np.testing.assert_allclose(forecast, model.predict(X), rtol=0, atol=close)
    if levels is not None:
        columns = [model.quantiles_.index(level) for level in levels]
        for forecast in served.predict_quantiles(X):
            np.testing.assert_allclose(forecast, exact[..., columns], rtol=0, atol=close)


@pytest.mark.parametrize("scaling", ["standard", "window"])
def test_export_large_offset_keeps_every_digit_of_the_noise(serve, scaling):
    values = 1e6 + series(1)
    X, y = make_windows(values, window=9)
    model = fitted("lstm", X, y, scaling=scaling)
    assert model.predict(X).std() > 0.1 * y.std()  # it forecasts the noise, not the offset
    for forecast in serve(model).predict(X):
        np.testing.assert_allclose(forecast, model.predict(X), rtol=0, atol=CLOSE * y.std())


def test_export_constant_window_takes_the_overall_spread(serve):
    X, y = make_windows(series(2), window=9)
    model = fitted("gru", X, y, scaling="window", n_channels=2)
    flat = X[:3].copy()
    flat[0] = 7.1  # both channels
    flat[1, ::2] = 7.1  # the target's
    flat[2, 1::2] = 0.0
    assert np.isfinite(model.predict(flat)).all()
    for forecast in serve(model).predict(flat):
        np.testing.assert_allclose(forecast, model.predict(flat), rtol=0, atol=CLOSE * y.std())
