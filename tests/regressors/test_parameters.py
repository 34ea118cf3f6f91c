"""Every parameter of the constructors does something, and only what it says."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from seqforecast.clipping import AutoClip, ClipNorm, ClipValue

REGRESSORS = [RNNRegressor, LSTMRegressor, GRURegressor]

BASE = {"hidden_size": 4, "max_epochs": 4, "early_stopping": False, "random_state": 0}

# (parameter, values of which each must give other forecasts than every other one, what else is
# set).
CHANGES = [
    ("hidden_size", [2, 4, 7], {}),
    ("num_layers", [1, 2, 3], {}),
    ("dropout", [0.0, 0.2, 0.6], {}),
    ("dropout", [0.0, 0.2, 0.6], {"num_layers": 2}),
    ("forget_bias", [None, "chrono", 0.0, 2], {}),
    ("nonlinearity", ["tanh", "relu"], {}),
    ("recurrent_init", ["orthogonal", None], {}),
    ("n_channels", [1, 2, 4], {}),
    ("scaling", ["standard", "window", None], {}),
    ("loss", ["squared_error", "absolute_error", "huber", "quantile"], {}),
    ("quantiles", [(0.5,), (0.1, 0.9), (0.3, 0.5, 0.6)], {"loss": "quantile"}),
    (
        "optimizer",
        ["adam", "sgd", "rmsprop", torch.optim.NAdam, partial(torch.optim.SGD, momentum=0.5)],
        {},
    ),
    ("optimizer", ["adam", "adamw"], {"weight_decay": 0.1}),  # without decay they are one
    ("lr", [1e-3, 1e-2, 1e-1], {}),
    ("weight_decay", [0.0, 0.1, 1], {}),
    ("lr_schedule", [None, "cosine"], {}),
    ("batch_size", [8, 16, 60], {}),
    ("max_epochs", [1, 2, 5], {}),
    ("max_steps", [None, 1, 2, 5], {}),
    (
        "gradient_clipping",
        [None, 0.01, 0.1, ClipNorm(0.05), ClipValue(0.001), AutoClip(percentile=50)],
        {"optimizer": "sgd", "lr": 0.1, "batch_size": 8},  # noise: AutoClip needs ups and downs
    ),
    ("early_stopping", [True, False], {}),  # a tenth validates
    ("validation_fraction", [0.1, 0.3, 0.5], {"early_stopping": True}),
    ("random_state", [0, 1, 2], {}),
]

SHOWN_ELSEWHERE = {
    "callbacks": "test_training_course.py: copied, heard, and able to end a training",
    "device": "below: 'auto' is 'cpu' without a GPU, words that name no device are refused",
    "n_iter_no_change": "test_validation.py: so many epochs after the best one, training ends",
    "n_jobs": "test_training_course.py: the number of threads inside fit",
    "observe": "test_observe.py: what is recorded, without a change to anything else",
    "verbose": "test_training_course.py: what is printed",
    "warm_start": "test_training_course.py: two fits equal one twice as long",
}


@pytest.fixture(scope="module")
def noisy():
    """60 windows of 8 values that lead to one more, far too many to be learnt in 4 epochs."""
    values = np.random.default_rng(0).standard_normal(68).cumsum()
    X, y = make_windows(values, window=8)
    return X, y


CASES = [
    pytest.param(regressor, *change, id="-".join([regressor.__name__, change[0], *change[2]]))
    for regressor in REGRESSORS
    for change in CHANGES
    if change[0] in regressor().get_params()
]


@pytest.mark.parametrize(("regressor", "name", "values", "beside"), CASES)
def test_parameter_changed_changes_the_forecasts(regressor, noisy, name, values, beside):
    X, y = noisy
    forecasts = []
    for value in values:
        model = regressor(**{**BASE, **beside, name: value}).fit(X, y)
        forecasts.append(model.predict(X))
    assert np.isfinite(forecasts).all()
    assert len(np.unique(forecasts, axis=0)) == len(values)


def test_parameters_all_are_in_the_table_or_shown_elsewhere():
    tested = {name for name, _, _ in CHANGES} | set(SHOWN_ELSEWHERE)
    names = {regressor: set(regressor().get_params()) for regressor in REGRESSORS}
    assert set().union(*names.values()) == tested
    shared = set.intersection(*names.values())
    assert names[RNNRegressor] - shared == {"nonlinearity"}
    assert names[LSTMRegressor] - shared == names[GRURegressor] - shared == {"forget_bias"}


def test_parameters_defaults_are_those_of_the_design(regressor):
    params = regressor().get_params()
    own = {"nonlinearity": "tanh"} if regressor is RNNRegressor else {"forget_bias": "chrono"}
    assert params == own | {
        "hidden_size": 32,
        "num_layers": 1,
        "dropout": 0.0,
        "recurrent_init": "orthogonal",
        "n_channels": 1,
        "scaling": "standard",
        "loss": "squared_error",
        "quantiles": (0.1, 0.5, 0.9),
        "optimizer": "adam",
        "lr": 3e-3,
        "weight_decay": 0.0,
        "lr_schedule": None,
        "batch_size": 32,
        "max_epochs": 100,
        "max_steps": None,
        "gradient_clipping": 1.0,
        "early_stopping": "auto",
        "validation_fraction": 0.1,
        "n_iter_no_change": 10,
        "observe": "auto",
        "callbacks": None,
        "verbose": 0,
        "warm_start": False,
        "n_jobs": None,
        "device": "auto",
        "random_state": None,
    }


def test_parameters_by_position_are_refused(regressor):
    with pytest.raises(TypeError, match="positional"):
        regressor(32)


def test_parameters_are_never_changed_by_fit(regressor, noisy):
    X, y = noisy
    given = {
        "gradient_clipping": AutoClip(),
        "quantiles": [0.9, 0.1],
        "callbacks": [],
        "max_epochs": 2,
    }
    model = regressor(**given, loss="quantile")
    model.fit(X, y)
    for name, value in given.items():
        assert getattr(model, name) is value
    assert vars(given["gradient_clipping"]) == vars(AutoClip())
    assert given["quantiles"] == [0.9, 0.1]
    assert given["callbacks"] == []


@pytest.mark.parametrize(
    ("params", "same_as"),
    [
        ({"hidden_size": np.int64(4)}, {"hidden_size": 4}),
        ({"lr": np.float32(0.25)}, {"lr": 0.25}),
        ({"lr": 1}, {"lr": 1.0}),
        ({"early_stopping": np.True_}, {"early_stopping": True}),
        ({"quantiles": np.array([0.1, 0.9])}, {"quantiles": (0.1, 0.9)}),
        ({"gradient_clipping": 1}, {"gradient_clipping": ClipNorm(1.0)}),
        ({"max_steps": np.int32(3)}, {"max_steps": 3}),
        ({"random_state": np.int64(3)}, {"random_state": 3}),
        ({"batch_size": np.int64(7)}, {"batch_size": 7}),
    ],
    ids=lambda params: repr(params),
)
def test_parameters_of_numpy_types_equal_python_ones(noisy, params, same_as):
    X, y = noisy
    loss = {"loss": "quantile"} if "quantiles" in params else {}
    forecasts = [
        LSTMRegressor(**{**BASE, **loss, **given}).fit(X, y).predict(X)
        for given in (params, same_as)
    ]
    np.testing.assert_array_equal(*forecasts)


@pytest.mark.parametrize("kind", [LSTMRegressor, GRURegressor])
def test_forget_bias_is_the_sum_of_both_biases_of_the_gate_that_keeps(kind, noisy):
    X, y = noisy
    model = kind(**{**BASE, "max_steps": 1, "lr": 1e-30}, forget_bias=2.5).fit(X, y)
    weights = model.net_.module_.state_dict()
    biases = [weights[f"recurrent.bias_{side}_l0"].numpy().reshape(-1, 4) for side in ("ih", "hh")]
    np.testing.assert_array_equal((biases[0] + biases[1])[1], 2.5)  # i, f, g, o and r, z, n


def test_device_auto_is_the_cpu_without_a_gpu(noisy):
    X, y = noisy
    model = LSTMRegressor(**BASE, device="cpu").fit(X, y)
    assert next(model.net_.module_.parameters()).device.type == "cpu"
    if not torch.cuda.is_available():
        auto = clone(model).set_params(device="auto").fit(X, y)
        np.testing.assert_array_equal(auto.predict(X), model.predict(X))
