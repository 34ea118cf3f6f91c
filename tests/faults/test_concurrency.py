"""Eight threads fit and predict at once: the bits are those of one after the other."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, RNNRegressor, gradient_flow

THREADS = 8
SERIES = 10 + np.sin(np.arange(90)) + 0.1 * np.random.default_rng(0).standard_normal(90)
MODELS = [
    LSTMRegressor(hidden_size=5, max_epochs=3, random_state=0),
    GRURegressor(hidden_size=4, num_layers=2, dropout=0.3, max_epochs=3, random_state=1),
    RNNRegressor(hidden_size=6, loss="quantile", max_epochs=3, random_state=2),
    LSTMRegressor(hidden_size=5, gradient_clipping=None, max_epochs=3, random_state=3, n_jobs=2),
]


@pytest.fixture(autouse=True)
def interrupt_often():
    """Let the threads take turns every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def at_once(function, items):
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, items))


def test_eight_threads_fit_and_predict_the_same_bits(windows):
    X, y = windows
    states = torch.get_num_threads(), torch.is_grad_enabled()

    def bits(model):
        copy = type(model)(**model.get_params())
        return copy.fit(X, y).predict(X).tobytes(), copy.history_.to_csv()

    alone = [bits(model) for model in MODELS]
    assert at_once(bits, MODELS * 2) == alone * 2
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == states


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_one_estimator_is_asked_by_eight_threads(model, windows):
    X, y = windows
    fitted = type(model)(**model.get_params()).fit(X, y)
    expected = fitted.predict(X)
    for forecast in at_once(lambda n: fitted.predict(X[: n + 1]), range(16)):
        np.testing.assert_array_equal(forecast, expected[: len(forecast)])


def test_looking_at_one_estimator_from_eight_threads_disturbs_no_forecast(windows):
    X, y = windows
    fitted = LSTMRegressor(hidden_size=5, max_epochs=3, random_state=0).fit(X, y)
    expected, curve = fitted.predict(X), gradient_flow(fitted, X).lag_curve

    def use(number):
        return fitted.predict(X) if number % 2 else gradient_flow(fitted, X).lag_curve

    for number, found in enumerate(at_once(use, range(16))):
        np.testing.assert_array_equal(found, expected if number % 2 else curve)


@pytest.mark.parametrize(
    "regressor", [Ridge(), LSTMRegressor(hidden_size=4, max_epochs=2, random_state=0)]
)
def test_one_forecaster_is_asked_by_eight_threads(regressor):
    def fit():
        return Forecaster(regressor, window=8, horizon=2).fit(SERIES)

    # One after the other: the errors of held-out forecasts are computed when first asked for.
    alone = fit()
    steps = [1, 2, 3, 4, 5, 6, 7, 8] * 2
    expected = {n: alone.predict(n, level=[50]) for n in steps}
    together = fit()

    def ask(n):
        return together.predict(n, level=[50])

    for n, found in zip(steps, at_once(ask, steps), strict=True):
        np.testing.assert_array_equal(found, expected[n])
