"""Looking into the regressor of a forecaster: what it was given, and its gradients."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, GRURegressor, diagnose, gradient_flow

WIDE = pd.DataFrame(
    {name: 10 + np.sin(np.arange(60) * 2 * np.pi / 4 + k) for k, name in enumerate("ab")},
    index=pd.date_range("2024-01-01", periods=60, freq="D"),
)


class Recorder(RegressorMixin, BaseEstimator):
    """Remembers what it was given, in windows or flat."""

    def __init__(self, windows=True):
        self.windows = windows

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = self.windows
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        return self

    def predict(self, X):
        return np.zeros((len(X), self.y_.shape[-1]))


@pytest.mark.parametrize("windows", [True, False])
def test_training_data_is_what_the_regressor_was_given(windows):
    model = Forecaster(Recorder(windows), window=5, horizon=3, season=4).fit(WIDE)
    X, y = model.training_data()
    np.testing.assert_array_equal(X, model.regressor_.X_)
    np.testing.assert_array_equal(y, model.regressor_.y_)
    assert X.shape[-1] == len(model.row_names_)


def test_training_data_holds_the_validation_too():
    network = GRURegressor(hidden_size=2, max_epochs=1, early_stopping=True, random_state=0)
    model = Forecaster(network, window=5, horizon=3, season=4).fit(WIDE)
    assert model.regressor_.n_validation_ > 0
    X, y = model.training_data()
    every, _ = Forecaster(Recorder(), window=5, horizon=3, season=4).fit(WIDE).training_data()
    np.testing.assert_array_equal(X, every)
    assert y.shape == (len(X), 5, 3)


def test_gradients_of_the_network_inside():
    network = GRURegressor(hidden_size=2, max_epochs=1, random_state=0)
    model = Forecaster(network, window=5, horizon=3, season=4).fit(WIDE)
    assert str(diagnose(model)) == str(diagnose(model.regressor_))
    X, y = model.training_data()
    assert gradient_flow(model.regressor_, X).lag_curve.shape[-1] == 5
    diagnose(model.regressor_, X, y)
    with pytest.raises(TypeError, match="Forecaster and X; .* Pass the Forecaster alone"):
        gradient_flow(model, X)


@pytest.mark.parametrize("regressor", [Ridge(), HistGradientBoostingRegressor(max_iter=2)])
def test_gradients_of_what_has_none_are_refused(regressor):
    model = Forecaster(regressor, window=5, horizon=3, season=4).fit(WIDE)
    with pytest.raises(TypeError, match="or a Forecaster of one. Gradients through time exist"):
        diagnose(model)
