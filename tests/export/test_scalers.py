"""Scalers around an exported regressor, against scikit-learn's own."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from seqforecast import GRURegressor, make_windows
from seqforecast.export.scalers import scaler_map

SCALERS = {
    "standard": StandardScaler(),
    "mean only": StandardScaler(with_std=False),
    "spread only": StandardScaler(with_mean=False),
    "neither": StandardScaler(with_mean=False, with_std=False),
    "min-max": MinMaxScaler(),
    "min-max, clipped": MinMaxScaler((-2, 3), clip=True),
    "max-abs": MaxAbsScaler(),
    "robust": RobustScaler(quantile_range=(10.0, 80.0), unit_variance=True),
    "robust, centred only": RobustScaler(with_scaling=False),
    "robust, scaled only": RobustScaler(with_centering=False),
    "nothing": "passthrough",
    "identity": FunctionTransformer(),
}
if "clip" in MaxAbsScaler().get_params():
    SCALERS["max-abs, clipped"] = MaxAbsScaler(clip=True)
CHAINS = {
    "clip, then shift": [MinMaxScaler(clip=True), StandardScaler()],
    "shift, then clip": [RobustScaler(), MinMaxScaler((-1, 1), clip=True)],
    "clip, then clip less": [MinMaxScaler(clip=True), StandardScaler(), MinMaxScaler((0, 0.5))],
    "clip twice": [
        MinMaxScaler((0, 1), clip=True),
        StandardScaler(with_std=False),
        MinMaxScaler((5, 6), clip=True),
    ],
    "a pipeline within": [make_pipeline(StandardScaler(), "passthrough"), MaxAbsScaler()],
    "four": [StandardScaler(), "passthrough", RobustScaler(), MinMaxScaler()],
}


def regressor(**params):
    fixed = {"hidden_size": 5, "max_epochs": 4, "lr": 0.03, "random_state": 0}
    return GRURegressor(**{**fixed, "early_stopping": False, **params})


@pytest.fixture(scope="module")
def data():
    """Windows of two channels, of which each column has another level, and their targets."""
    rng = np.random.default_rng(0)
    trend = np.arange(60)[:, None] * [0.5, -2.0] + [1e4, -3.0]
    return make_windows(trend + rng.normal(size=(60, 2)), window=6)


def beyond(X):
    """Windows that leave the range of the training data, so that clipping shows."""
    return np.concatenate([X, X + 30.0, X - 30.0])


def assert_same(serve, model, X, spread):
    expected = model.predict(X)
    assert expected.std() > 0.01 * spread  # a constant would be easy
    for forecast in serve(model).predict(X):
        assert forecast.shape == expected.shape
        np.testing.assert_allclose(forecast, expected, rtol=0, atol=1e-5 * spread)


@pytest.mark.parametrize("scaling", ["standard", None])
@pytest.mark.parametrize("name", SCALERS)
def test_pipeline_forecasts_what_it_did(serve, data, name, scaling):
    X, y = data
    if scaling is None:  # the network sees the scaler's units alone: bring X near to them
        X, y = X - X.mean(axis=0), y - y.mean()
    model = Pipeline([("scale", SCALERS[name]), ("gru", regressor(n_channels=2, scaling=scaling))])
    assert_same(serve, model.fit(X, y), beyond(X), y.std())


@pytest.mark.parametrize("name", CHAINS)
def test_chain_of_scalers_forecasts_what_it_did(serve, data, name):
    X, y = data
    model = make_pipeline(*CHAINS[name], regressor(n_channels=2)).fit(X, y)
    assert_same(serve, model, beyond(X), y.std())


@pytest.mark.parametrize("name", CHAINS)
def test_map_of_a_chain_equals_its_transform(data, name):
    X, _ = data
    chain = make_pipeline(*CHAINS[name]).fit(X)
    found = scaler_map(chain)
    mapped = np.clip((beyond(X) - found.level) / found.scale, found.low, found.high)
    # Offsets of 1e4 leave 1e-12 of a unit.
    np.testing.assert_allclose(mapped, chain.transform(beyond(X)), rtol=0, atol=1e-10)


def test_pipeline_before_scaling_by_window(serve, data):
    X, y = data
    X = X[:, ::2]
    model = make_pipeline(MinMaxScaler((0, 100), clip=True), regressor(scaling="window"))
    targets = (y - X.min()) / np.ptp(X) * 100.0  # nearly the units that the windows have then
    assert_same(serve, model.fit(X, targets), beyond(X), targets.std())


@pytest.mark.parametrize("name", [*SCALERS, "a pipeline"])
def test_transformed_target_forecasts_what_it_did(serve, data, name):
    X, y = data
    y = y / 100.0 if name in ("neither", "nothing") else y
    scaler = (
        make_pipeline(RobustScaler(), MinMaxScaler()) if name == "a pipeline" else SCALERS[name]
    )
    if scaler == "passthrough":
        scaler = None
    model = TransformedTargetRegressor(regressor(n_channels=2), transformer=scaler)
    assert_same(serve, model.fit(X, y), X, y.std())


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (-1, 2)])
def test_transformed_target_keeps_the_form_of_the_targets(serve, data, shape):
    X, y = data
    y = np.column_stack([y, y**2]).ravel()[: len(y) * abs(shape[-1])].reshape(shape)
    inner = make_pipeline(StandardScaler(), regressor(n_channels=2))
    model = TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(X, y)
    expected = model.predict(X)
    for forecast in serve(model).predict(X):
        assert forecast.shape == expected.shape
        np.testing.assert_allclose(forecast, expected, rtol=1e-5, atol=1e-5 * y.std())


def test_transformed_target_within_a_pipeline(serve, data):
    X, y = data
    inner = TransformedTargetRegressor(regressor(n_channels=2), transformer=RobustScaler())
    assert_same(serve, make_pipeline(MaxAbsScaler(), inner).fit(X, y), X, y.std())


def test_transformed_target_with_scaling_by_window(serve, data):
    X, y = data
    X = X[:, ::2] / 2.0
    model = TransformedTargetRegressor(
        regressor(scaling="window"), transformer=FunctionTransformer()
    ).fit(X, y / 2.0)
    model.transformer_ = StandardScaler().fit(y[:, None])  # units that only the targets have
    assert_same(serve, model, X, y.std())


def test_transformed_target_serves_quantiles_in_its_units(serve, data):
    X, y = data
    inner = regressor(n_channels=2, loss="quantile", quantiles=(0.1, 0.9))
    model = TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(X, y)
    expected = model.regressor_.predict_quantiles(X) * y.std() + y.mean()
    for quantiles in serve(model).predict_quantiles(X):
        np.testing.assert_allclose(quantiles, expected, rtol=0, atol=1e-5 * y.std())
