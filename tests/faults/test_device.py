"""The same on the processor and on a GPU, and from one to the other."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, RNNRegressor, gradient_flow

KINDS = [
    partial(LSTMRegressor, hidden_size=6),
    partial(GRURegressor, hidden_size=5, num_layers=2, dropout=0.2, lr_schedule="cosine"),
    partial(RNNRegressor, hidden_size=6, loss="quantile", scaling="window"),
]


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    return request.param


@pytest.fixture(params=KINDS, ids=lambda kind: kind.func.__name__)
def new(request, device):
    def new(**options):
        return request.param(**{"max_epochs": 3, "random_state": 0, "device": device, **options})

    return new


def assert_same(found, expected, device):
    """Bits on the processor; cuDNN may add up in any order."""
    if device == "cpu":
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def places(model):
    """Collect where everything lies that training goes on with."""
    net = model.net_
    tensors = [*net.module_.state_dict().values(), *net.criterion_.state_dict().values()]
    for state in net.optimizer_.state.values():
        tensors += [value for name, value in state.items() if name != "step"]
    return {tensor.device.type for tensor in tensors}


def test_fit_and_predict_on_the_device(new, device, windows):
    X, y = windows
    model = new().fit(X, y)
    assert places(model) == {device}
    forecast = model.predict(X)
    assert forecast.dtype == np.float64
    assert_same(new().fit(X, y).predict(X), forecast, device)
    # The same network on the processor: sums are taken in another order there.
    there = new(device="cpu").fit(X, y)
    np.testing.assert_allclose(forecast, there.predict(X), rtol=2e-2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_input_of_any_type_is_the_same_on_the_device(new, windows, dtype):
    X, y = (np.round(part).astype(dtype) for part in windows)
    forecast = new(max_epochs=1).fit(X, y).predict(X)
    twin = new(max_epochs=1).fit(X.astype(np.float64), y.astype(np.float64))
    assert forecast.dtype == np.float64
    np.testing.assert_allclose(forecast, twin.predict(X.astype(np.float64)), rtol=1e-4)


def test_partial_fit_goes_on_on_the_device(new, device, windows):
    X, y = windows
    model = new().fit(X, y)
    before = model.predict(X)
    model.partial_fit(X, y)
    assert places(model) == {device}
    assert not np.array_equal(model.predict(X), before)


def test_pickle_keeps_the_bits_and_trains_on_from_the_same_state(new, device, windows):
    X, y = windows
    model = new().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert places(again) == {device}
    assert_same(again.predict(X), model.predict(X), device)
    assert_same(again.partial_fit(X, y).predict(X), model.partial_fit(X, y).predict(X), device)
    assert_same(clone(model).fit(X, y).predict(X), new().fit(X, y).predict(X), device)


def test_gradient_is_observed_on_the_device(new, windows):
    X, y = windows
    model = new(observe="epoch").fit(X, y)
    curve = gradient_flow(model, X).lag_curve
    assert np.isfinite(curve).all()
    assert curve.max() == 1.0
    assert np.isfinite(model.gradient_flow_.lag_curve).all()


def test_forecaster_on_the_device(new, device):
    series = 10 + np.sin(np.arange(60))
    forecaster = Forecaster(new(max_epochs=1), window=8, horizon=3).fit(series)
    forecast = forecaster.predict(6)
    assert np.isfinite(forecast).all()
    assert_same(pickle.loads(pickle.dumps(forecaster)).predict(6), forecast, device)


SCRIPT = """
import pickle, sys
import numpy as np
import torch

assert not torch.cuda.is_available()
with open(sys.argv[1], "rb") as file:
    models, X, y, forecasts = pickle.load(file)
for model, expected in zip(models, forecasts, strict=True):
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4)
    model.partial_fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    assert {p.device.type for p in model.net_.module_.parameters()} == {"cpu"}
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
"""


def test_fitted_here_and_unpickled_where_there_is_no_gpu(device, windows, start, tmp_path):
    X, y = windows
    given = {"max_epochs": 3, "random_state": 0, "device": "auto" if device == "cuda" else "cpu"}
    models = [kind(**given).fit(X, y) for kind in KINDS]
    forecasts = [model.predict(X) for model in models]
    path = tmp_path / "models.pickle"
    path.write_bytes(pickle.dumps((models, X, y, forecasts)))
    with start(SCRIPT, str(path), CUDA_VISIBLE_DEVICES="") as process:
        _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors


def test_gpu_that_is_not_there_is_refused_in_words(windows):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    X, y = windows
    with pytest.raises(ValueError, match="device='cuda'; a GPU .* Set device='auto'"):
        LSTMRegressor(device="cuda").fit(X, y)
