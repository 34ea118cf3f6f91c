"""What a regressor, or a pipeline around one, is after it was saved and loaded: the same."""

import copy
import pickle
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from skorch.callbacks import EarlyStopping

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, load, make_windows, save
from seqforecast.callbacks import Checkpoint, GradientClipping, GradientFlowRecorder, GradientNorms
from seqforecast.clipping import AutoClip, ClipNorm, ClipValue
from tests.covering import covering

CELLS = [RNNRegressor, LSTMRegressor, GRURegressor]
LOSSES = ["squared_error", "absolute_error", "huber", "quantile"]
LEARNT = [
    "n_features_in_",
    "window_",
    "n_channels_",
    "n_outputs_",
    "n_validation_",
    "n_iter_",
    "quantiles_",
    "history_",
]


def small(cls=LSTMRegressor, **given):
    parameters = {"hidden_size": 3, "max_epochs": 2, "random_state": 0, **given}
    return cls(**parameters)


def check_same(model, again, X, same):
    """Compare all that a fitted regressor shows."""
    same(model.get_params(), again.get_params())
    for name in LEARNT:
        same(getattr(model, name), getattr(again, name), name)
    for name in ("feature_names_in_", "gradient_flow_"):
        assert hasattr(model, name) == hasattr(again, name), name
        if hasattr(model, name):
            same(getattr(model, name), getattr(again, name), name)
    same(model.predict(X), again.predict(X))
    if model.quantiles_ is not None:
        same(model.predict_quantiles(X), again.predict_quantiles(X))


def check_continues(model, again, X, y, same, **given):
    """Compare two of the same after both were trained on."""
    copied = copy.deepcopy(model)
    for one in (copied, again):
        one.partial_fit(X[:20], y[:20], **given)
        one.partial_fit(X, y)
    same(copied.predict(X), again.predict(X))
    same(copied.history_, again.history_)


@pytest.mark.parametrize(
    ("cls", "loss", "scaling", "frame"),
    covering(CELLS, LOSSES, ["standard", "window", None], [False, True]),
)
def test_every_cell_loss_and_scaling(cls, loss, scaling, frame, wave, reloaded, same, tmp_path):
    series = pd.Series(wave, name="load") if frame else wave
    X, y = make_windows(series, window=6, horizon=2)
    model = small(cls, loss=loss, scaling=scaling, observe="off").fit(X, y)
    forecast, again = model.predict(X), reloaded(model)
    check_same(model, again, X, same)
    same(forecast, pickle.loads(pickle.dumps(again)).predict(X))
    joblib.dump(model, tmp_path / "model.joblib")
    same(forecast, joblib.load(tmp_path / "model.joblib").predict(X))
    same(forecast, copy.deepcopy(again).predict(X))
    same(forecast, clone(again).fit(X, y).predict(X))
    same(model.partial_fit(X, y).predict(X), again.partial_fit(X, y).predict(X))


VARIANTS = {
    "layers and dropout": {"num_layers": 2, "dropout": 0.3},
    "no forget bias": {"forget_bias": None},
    "forget bias of a number": {"forget_bias": np.float32(1.5)},
    "torch's own first weights": {"recurrent_init": None},
    "relu": {"cls": RNNRegressor, "nonlinearity": "relu"},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.01},
    "sgd": {"optimizer": "sgd"},
    "rmsprop": {"optimizer": "rmsprop"},
    "a class of torch": {"optimizer": torch.optim.NAdam},
    "a partial": {"optimizer": partial(torch.optim.SGD, momentum=0.9, nesterov=True)},
    "adafactor": {"optimizer": torch.optim.Adafactor},
    "adagrad": {"optimizer": torch.optim.Adagrad, "weight_decay": 0.1},
    "cosine": {"lr_schedule": "cosine", "max_steps": 3},
    "clipping by norm": {"gradient_clipping": ClipNorm(0.5)},
    "clipping by value": {"gradient_clipping": ClipValue(0.5)},
    "clipping by itself": {"gradient_clipping": AutoClip(50)},
    "no clipping": {"gradient_clipping": None},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 1, "validation_fraction": 0.2},
    "observed at every epoch": {"observe": "epoch"},
    "not observed": {"observe": "off"},
    "warm start": {"warm_start": True},
    "odd numbers": {"hidden_size": np.int64(3), "lr": np.float64(0.01), "batch_size": np.int32(8)},
    "threads": {"n_jobs": 2},
    "levels": {"loss": "quantile", "quantiles": [0.9, 0.2]},
    "levels in an array": {"loss": "quantile", "quantiles": np.array([0.1, 0.5])},
    "callbacks": {"callbacks": [GradientNorms(), ("flow", GradientFlowRecorder())]},
    "a callback that clips": {"callbacks": [GradientClipping(ClipNorm(0.1))]},
    "a callback that stops": {
        "callbacks": [EarlyStopping(monitor="train_loss", patience=1, threshold=10.0)],
        "max_epochs": 4,
    },
}


@pytest.mark.parametrize("given", VARIANTS.values(), ids=VARIANTS)
def test_every_parameter(given, windows, reloaded, same):
    model = small(**given)
    X, y = windows
    check_params = reloaded(model).get_params()
    same(model.get_params(), check_params)
    model.fit(X, y)
    again = reloaded(model)
    check_same(model, again, X, same)
    check_continues(model, again, X, y, same)


def test_forms_of_input(wave, reloaded, same):
    two = np.column_stack([wave, np.roll(wave, 3) / 50])
    flat, y = make_windows(two, window=6)
    cubes, _ = make_windows(two, window=6, flat=False)
    every_step = np.stack([wave[k + 1 : k + 7, None] for k in range(len(flat))])
    every_step[3, :2] = np.nan
    for X, target, given in (
        (flat, y, {"n_channels": 2}),
        (cubes, y, {}),
        (flat, y[:, None], {"n_channels": 2}),
        (cubes, every_step, {}),
        (cubes, every_step, {"loss": "quantile", "num_layers": 2}),
    ):
        model = small(GRURegressor, **given).fit(X, target)
        again = reloaded(model)
        check_same(model, again, X, same)
        check_continues(model, again, X, target, same)


def test_weights_of_windows(windows, reloaded, same):
    X, y = windows
    weight = np.linspace(0, 2, len(y))
    model = small().fit(X, y, sample_weight=weight)
    again = reloaded(model)
    check_same(model, again, X, same)
    check_continues(model, again, X, y, same, sample_weight=weight[:20])


@pytest.mark.parametrize("state", [None, 3, np.random.RandomState(5)], ids=["none", "int", "state"])
def test_random_state(state, windows, reloaded, same):
    X, y = windows
    model = small(random_state=state, dropout=0.2, num_layers=2).fit(X, y)
    again = reloaded(model)
    check_same(model, again, X, same)
    check_continues(model, again, X, y, same)
    if state is not None:  # as it stands now: a RandomState moves with every fit
        same(clone(model).fit(X, y).predict(X), clone(again).fit(X, y).predict(X))


def test_after_partial_fit_alone_and_warm_start(windows, reloaded, same):
    X, y = windows
    model = small(warm_start=True).partial_fit(X, y)
    again = reloaded(model)
    check_same(model, again, X, same)
    same(model.fit(X, y).predict(X), again.fit(X, y).predict(X))
    same(model.history_, again.history_)
    check_same(again, reloaded(again), X, same)


def test_parameters_set_after_the_fit(windows, reloaded, same):
    X, y = windows
    model = small(loss="quantile").fit(X, y)
    forecast = model.predict(X)
    model.set_params(hidden_size=64, num_layers=3, quantiles=(0.4,), scaling=None, loss="huber")
    again = reloaded(model)
    assert again.hidden_size == 64
    same(forecast, again.predict(X))


def test_not_fitted(reloaded):
    for model in (small(), Pipeline([("a", StandardScaler()), ("b", small(GRURegressor))])):
        again = reloaded(model)
        assert repr(again) == repr(model)
        assert not hasattr(again, "net_")


def test_checkpoints_stay_behind(windows, reloaded, same, tmp_path):
    X, y = windows
    given = [Checkpoint(tmp_path / "a"), GradientNorms(), ("mine", Checkpoint(tmp_path / "b"))]
    model = small(callbacks=given, max_epochs=3).fit(X, y)
    again = reloaded(model)
    assert [type(one) for one in again.callbacks] == [GradientNorms]
    same(model.predict(X), again.predict(X))
    same(model.partial_fit(X, y).history_, again.partial_fit(X, y).history_)
    assert reloaded(small(callbacks=given[:1])).callbacks is None


def test_twice_is_the_same_file(windows, tmp_path):
    model = small(dropout=0.1).fit(*windows)
    save(model, tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_network_of_another_device_goes_to_the_cpu(windows, reloaded, same):
    X, y = windows
    model = small().fit(X, y)
    forecast = model.predict(X)
    model.set_params(device="cuda:7")  # as a file from a larger machine says
    again = reloaded(model)
    assert again.device == "cuda:7"
    same(forecast, again.predict(X))
    assert not any(value.is_cuda for value in again.net_.module_.parameters())


# Pipelines -------------------------------------------------------------------------------------

SCALERS = [
    StandardScaler(),
    StandardScaler(with_std=False),
    MinMaxScaler((-1, 1), clip=True),
    MaxAbsScaler(),
    RobustScaler(quantile_range=(10, 90)),
    PowerTransformer(),
    PowerTransformer(method="box-cox", standardize=False),
    QuantileTransformer(n_quantiles=10, output_distribution="normal", random_state=0),
    FunctionTransformer(np.log1p, np.expm1),
    FunctionTransformer(),
    "passthrough",
]


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_pipelines_of_every_scaler(scaler, windows, reloaded, same):
    X, y = windows
    model = make_pipeline(scaler, small(GRURegressor)).fit(X, y)
    again = reloaded(model)
    same(model.predict(X), again.predict(X))
    assert repr(model) == repr(again)
    same(clone(model).fit(X, y).predict(X), clone(again).fit(X, y).predict(X))
    if scaler != "passthrough":
        same(model[0].transform(X), again[0].transform(X))
        alone = reloaded(model[0])
        same(model[0].inverse_transform(X[:2] / 50), alone.inverse_transform(X[:2] / 50))


@pytest.mark.parametrize(
    "linear", [Ridge(), LinearRegression(), Lasso(0.1), ElasticNet(0.1)], ids=lambda r: str(r)[:5]
)
def test_linear_models(linear, windows, reloaded, same):
    X, y = windows
    model = linear.fit(X, y)
    same(model.predict(X), reloaded(model).predict(X))


def test_pipelines_within_pipelines(wave, reloaded, same):
    X, y = make_windows(pd.Series(wave, name="load"), window=6)
    inner = make_pipeline(RobustScaler(), MinMaxScaler())
    model = make_pipeline(inner, None, StandardScaler(), small()).set_output(transform="pandas")
    model.fit(X, y)
    again = reloaded(model)
    same(model.predict(X), again.predict(X))
    same(model[:-1].transform(X), again[:-1].transform(X))
    same(model.feature_names_in_, again.feature_names_in_)
    assert isinstance(again[:-1].transform(X), pd.DataFrame)


@pytest.mark.parametrize("transformer", [StandardScaler(), PowerTransformer(), None], ids=str)
def test_a_transformed_target(transformer, windows, reloaded, same):
    X, y = windows
    functions = {} if transformer else {"func": np.log1p, "inverse_func": np.expm1}
    for target in (y, y[:, 0]):
        model = TransformedTargetRegressor(small(), transformer=transformer, **functions)
        again = reloaded(model.fit(X, target))
        same(model.predict(X), again.predict(X))
        same(clone(model).fit(X, target).predict(X), clone(again).fit(X, target).predict(X))


def test_one_object_in_two_places_stays_one(reloaded):
    scaler = StandardScaler()
    again = reloaded(Pipeline([("a", scaler), ("b", scaler), ("c", small())]))
    assert again.steps[0][1] is again.steps[1][1]


def test_what_routing_was_told_is_left_out(reloaded):
    with config_context(enable_metadata_routing=True):
        model = small().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=True)
    again = reloaded(make_pipeline(scaler, model))
    assert not any(hasattr(step, "_metadata_request") for step in again)
