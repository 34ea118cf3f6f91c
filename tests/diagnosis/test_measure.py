"""`gradient_flow`: whatever ends in a regressor, the numbers of autograd, and no trace."""

import copy
import functools
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, gradient_flow, make_windows
from seqforecast.diagnosis import effective_memory_scorer

SMALL = {"hidden_size": 8, "max_epochs": 2, "random_state": 0}
WINDOW = 7
CELLS = {RNNRegressor: torch.nn.RNNCell, LSTMRegressor: torch.nn.LSTMCell}
CELLS[GRURegressor] = torch.nn.GRUCell


@functools.cache
def data(n_channels=1, horizon=1, flat=True):
    """About 60 windows whose channels have units of their own."""
    steps = np.random.default_rng(0).standard_normal((66 + horizon - 1, n_channels)).cumsum(axis=0)
    series = 50 + steps * [3.0, 40.0][:n_channels]
    X, y = make_windows(series, window=WINDOW, horizon=horizon, target=0, flat=flat)
    return X.copy(), np.array(y)


@functools.cache
def fitted(kind=LSTMRegressor, n_channels=1, horizon=1, flat=True, **params):
    X, y = data(n_channels, horizon, flat)
    return kind(**{**SMALL, "n_channels": n_channels, **params}).fit(X, y)


def same(flow, other):
    """Assert that two records hold the same numbers."""
    for name in ("epochs", "lag_curve", "scale", "spread", "input_sensitivity"):
        np.testing.assert_array_equal(getattr(flow, name), getattr(other, name), err_msg=name)
    assert flow.gates.keys() == other.gates.keys()
    for name, gate in flow.gates.items():
        np.testing.assert_array_equal(gate.mean, other.gates[name].mean)


# Against autograd ---------------------------------------------------------------------------------


def loop(model, X):
    """Run the fitted weights over cells of torch, step by step, in float64.

    Returns the scaled input, the point forecast and, by layer and step, the state that keeps the
    past; all ready for gradients.
    """
    windows = np.reshape(X, (len(X), WINDOW, -1))
    seen = data(model.n_channels_, model.n_outputs_)[0].reshape(-1, *windows.shape[1:])
    level, scale = seen.mean(axis=(0, 1)), seen.std(axis=(0, 1))
    x = torch.tensor((windows - level) / scale, requires_grad=True)
    network = copy.deepcopy(model.net_.module_).double().eval()
    weights = network.recurrent.state_dict()
    inputs, states = list(x.unbind(1)), []
    for k in range(model.num_layers):
        kind, options = CELLS[type(model)], {}
        if kind is torch.nn.RNNCell:
            options = {"nonlinearity": model.nonlinearity}
        cell = kind(inputs[0].shape[1], model.hidden_size, dtype=torch.float64, **options)
        cell.load_state_dict({n: weights[f"{n}_l{k}"] for n in cell.state_dict()})
        state, kept, outputs = None, [], []
        for value in inputs:
            state = cell(value, state)
            kept.append(state[1] if isinstance(state, tuple) else state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
        states.append(kept)
        inputs = outputs
    forecast = network.head(inputs[-1])
    return x, forecast if forecast.ndim == 2 else forecast[..., model.quantiles_.index(0.5)], states


def rows_of(n, n_windows):
    m = min(n, n_windows)
    return [round(k * (n - 1) / max(1, m - 1)) for k in range(m)]


CASES = {
    "RNN": (RNNRegressor, {}),
    "RNN, relu, 2 layers": (RNNRegressor, {"nonlinearity": "relu", "num_layers": 2}),
    "LSTM": (LSTMRegressor, {"n_channels": 2}),
    "LSTM, 2 layers": (LSTMRegressor, {"num_layers": 2, "dropout": 0.5, "forget_bias": None}),
    "GRU": (GRURegressor, {"n_channels": 2, "flat": False}),
    "GRU, quantiles": (GRURegressor, {"loss": "quantile", "quantiles": (0.1, 0.2, 0.5, 0.9)}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n_windows", [1, 16, 1000])
def test_lag_curve_equals_autograd_over_cells(case, n_windows):
    kind, params = CASES[case]
    model = fitted(kind, **params)
    X, _ = data(params.get("n_channels", 1), 1, params.get("flat", True))
    flow = gradient_flow(model, X, n_windows=n_windows)
    rows = rows_of(len(X), n_windows)
    _, forecast, states = loop(model, X[rows])
    of_states = torch.autograd.grad(forecast.sum(), [c for layer in states for c in layer])
    sizes = torch.stack(of_states).norm(dim=2).square().mean(dim=1).sqrt()
    sizes = sizes.unflatten(0, (model.num_layers, WINDOW)).flip(1).numpy()
    scale = sizes.max(axis=1, keepdims=True)
    # float32 against float64
    np.testing.assert_allclose(flow.lag_curve[0], sizes / scale, rtol=2e-4, atol=1e-7)
    np.testing.assert_allclose(flow.scale[0], scale[:, 0], rtol=1e-4)
    spread = torch.stack([torch.stack(layer) for layer in states]).flatten(1, 2)
    if kind is not LSTMRegressor:  # whose spread is that of h
        expected = spread.std(dim=1, correction=0).detach().numpy()
        np.testing.assert_allclose(flow.spread[0], expected, rtol=1e-4, atol=1e-7)
    mass = np.cumsum(sizes, axis=1) / sizes.sum(axis=1, keepdims=True)
    assert flow.effective_memory[0].tolist() == (1 + (mass < 0.95).sum(axis=1)).tolist()
    assert flow.epochs.tolist() == [2]


@pytest.mark.parametrize("case", [*CASES, "three outputs", "three outputs, quantiles"])
def test_input_sensitivity_equals_autograd(case):
    kind, params = CASES.get(case, (LSTMRegressor, {"horizon": 3}))
    if case.endswith("outputs, quantiles"):
        params = {"horizon": 3, "loss": "quantile"}
    model = fitted(kind, **params)
    X, _ = data(model.n_channels_, model.n_outputs_, params.get("flat", True))
    flow = gradient_flow(model, X)
    rows = rows_of(len(X), 16)
    windows = model.net_.inputs(X[rows].reshape(16, WINDOW, -1))
    own = model.net_.point_forecast, windows.clone().requires_grad_()
    x, forecast, _ = loop(model, X[rows])
    np.testing.assert_allclose(windows.numpy(), x.detach().numpy(), rtol=1e-4, atol=1e-6)
    for forecasts, inputs in ((own[0](own[1]), own[1]), (forecast, x)):
        by_output = [
            torch.autograd.grad(forecasts[:, j].sum(), inputs, retain_graph=True)[0]
            for j in range(model.n_outputs_)
        ]
        expected = torch.stack(by_output).abs().mean(dim=1).flip(1).numpy()
        np.testing.assert_allclose(flow.input_sensitivity, expected, rtol=5e-4, atol=1e-7)
    assert flow.input_sensitivity.shape == (model.n_outputs_, WINDOW, model.n_channels_)


def test_lag_curve_of_several_outputs_is_the_root_of_their_squares():
    model = fitted(horizon=3)
    X = np.random.default_rng(1).normal(50, 10, size=(4000, WINDOW))
    flow = gradient_flow(model, X, n_windows=4000)
    _, forecast, states = loop(model, X)
    squares = 0
    for j in range(3):
        found = torch.autograd.grad(forecast[:, j].sum(), states[0], retain_graph=True)
        squares = squares + torch.stack(found).square().sum(dim=2).mean(dim=1)
    expected = squares.sqrt().flip(0).numpy()
    found = flow.lag_curve[0, 0] * flow.scale[0, 0]
    np.testing.assert_allclose(found, expected, rtol=0.05)  # random signs over 4,000 windows


def test_units_are_those_of_the_network():
    X, y = data()
    flow = gradient_flow(fitted(), X)
    other = LSTMRegressor(**SMALL).fit(1000 * X, y / 50)
    np.testing.assert_allclose(
        gradient_flow(other, 1000 * X).input_sensitivity, flow.input_sensitivity, rtol=1e-3
    )


# What ends in a regressor -------------------------------------------------------------------------


def test_pipeline_measures_what_its_last_step_sees():
    X, y = data()
    pipe = make_pipeline(SimpleImputer(), MinMaxScaler(), LSTMRegressor(**SMALL, scaling=None))
    X = np.where(np.quantile(X, 0.9) < X, np.nan, X)  # the imputer fills them
    pipe.fit(X, y)
    flow = gradient_flow(pipe, X)
    same(flow, gradient_flow(pipe[-1], pipe[:-1].transform(X)))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        gradient_flow(pipe[-1], X)


def test_pipeline_of_the_regressor_alone():
    X, y = data()
    same(
        gradient_flow(make_pipeline(LSTMRegressor(**SMALL)).fit(X, y), X),
        gradient_flow(fitted(), X),
    )


def test_search_measures_its_best_estimator():
    X, y = data()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), GRURegressor(**SMALL)),
        {"gruregressor__forget_bias": [None, 3.0]},
        cv=KFold(2),
        error_score="raise",
    ).fit(X, y)
    same(gradient_flow(search, X), gradient_flow(search.best_estimator_, X))
    scaler, model = search.best_estimator_
    same(gradient_flow(search, X), gradient_flow(model, scaler.transform(X)))


def test_transformed_target_measures_its_regressor():
    X, y = data()
    meta = TransformedTargetRegressor(LSTMRegressor(**SMALL), func=np.log, inverse_func=np.exp)
    meta.fit(X, y)
    same(gradient_flow(meta, X), gradient_flow(meta.regressor_, X))
    by_hand = LSTMRegressor(**SMALL).fit(X, np.log(y))
    same(gradient_flow(meta, X), gradient_flow(by_hand, X))


def test_search_over_a_transformed_target_over_a_pipeline():
    X, y = data()
    pipe = make_pipeline(StandardScaler(), LSTMRegressor(**SMALL))
    meta = TransformedTargetRegressor(pipe, func=np.log, inverse_func=np.exp)
    search = GridSearchCV(meta, {"regressor__lstmregressor__lr": [0.01]}, cv=KFold(2)).fit(X, y)
    inner = search.best_estimator_.regressor_
    same(gradient_flow(search, X), gradient_flow(inner[-1], inner[0].transform(X)))


def test_frame_with_names_equals_the_array():
    X, y = data()
    frame = pd.DataFrame(X, columns=[f"price@lag{k}" for k in reversed(range(WINDOW))])
    model = clone(fitted()).fit(frame, y)
    same(gradient_flow(model, frame), gradient_flow(fitted(), X))
    pipe = make_pipeline(StandardScaler(), LSTMRegressor(**SMALL)).set_output(transform="pandas")
    pipe.fit(frame, y)
    assert pipe[-1].feature_names_in_[0] == "price@lag6"
    flow = gradient_flow(pipe, frame)  # without a warning about names
    same(flow, gradient_flow(make_pipeline(StandardScaler(), LSTMRegressor(**SMALL)).fit(X, y), X))


def test_three_dimensions_equal_flat_rows():
    flat, cube = (
        gradient_flow(fitted(n_channels=2), data(2, 1, form)[0]) for form in (True, False)
    )
    same(flat, cube)
    assert flat.input_sensitivity.shape == (1, WINDOW, 2)


def test_n_windows_above_the_rows_looks_at_all_and_one_at_one():
    X, _ = data()
    model = fitted()
    same(gradient_flow(model, X, n_windows=10**6), gradient_flow(model, X, n_windows=len(X)))
    same(gradient_flow(model, X[:1]), gradient_flow(model, X, n_windows=1))
    assert (gradient_flow(model, X).lag_curve != gradient_flow(model, X[::-2]).lag_curve).any()


def test_last_record_of_the_fit_is_the_flow_on_the_training_windows():
    X, _ = data()
    flow, seen = gradient_flow(fitted(), X), fitted().gradient_flow_
    assert flow.epochs[-1] == seen.epochs[-1]
    np.testing.assert_allclose(flow.lag_curve[-1], seen.lag_curve[-1], rtol=1e-5)
    np.testing.assert_allclose(flow.input_sensitivity, seen.input_sensitivity, rtol=1e-5)


# No trace -----------------------------------------------------------------------------------------


def traces(model):
    net = model.net_
    return (
        {name: value.numpy().tobytes() for name, value in net.module_.state_dict().items()},
        [module.training for module in net.module_.modules()],
        [p.requires_grad for p in net.module_.parameters()],
        [None if p.grad is None else p.grad.numpy().tobytes() for p in net.module_.parameters()],
        [len(module._forward_hooks) for module in net.module_.modules()],
        net.generator.get_state().numpy().tobytes(),
        net.module_.dropout.generator.get_state().numpy().tobytes(),
        torch.get_rng_state().numpy().tobytes(),
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.tensor(1e-39).mul(1.0).item(),  # denormals are not flushed
        sorted(vars(model)),
        model.history_.to_csv(),
        id(model.gradient_flow_),
    )


@pytest.mark.parametrize("kind", CELLS)
def test_nothing_changes_and_nothing_is_printed(kind, capsys):
    X, y = data()
    model = kind(**SMALL, num_layers=2, dropout=0.3).fit(X, y)
    model.net_.module_.train()
    model.net_.module_.head.eval()
    given = X.copy()
    torch.set_num_threads(2)
    try:
        before = traces(model)
        flows = [gradient_flow(model, X) for _ in range(2)]
        assert traces(model) == before
        with torch.no_grad():
            same(gradient_flow(model, X), flows[0])
    finally:
        torch.set_num_threads(1)
    same(*flows)
    np.testing.assert_array_equal(X, given)
    assert capsys.readouterr() == ("", "")


def test_measuring_takes_one_thread_and_flushes_denormals():
    model = clone(fitted()).fit(*data())
    seen = []
    model.net_.module_.head.register_forward_pre_hook(
        lambda *_: seen.append((torch.get_num_threads(), torch.tensor(1e-39).mul(1.0).item()))
    )
    torch.set_num_threads(2)
    try:
        gradient_flow(model, data()[0])
    finally:
        torch.set_num_threads(1)
    assert seen == [(1, 0.0)]


# Bad input ----------------------------------------------------------------------------------------


def ridge():
    return Ridge().fit(*data())


UNFITTED = {
    "regressor": LSTMRegressor(),
    "pipeline": make_pipeline(StandardScaler(), LSTMRegressor()),
    "search": GridSearchCV(LSTMRegressor(), {"lr": [0.1]}),
    "transformed target": TransformedTargetRegressor(LSTMRegressor()),
}


@pytest.mark.parametrize("what", UNFITTED)
def test_unfitted_is_told_to_fit(what):
    name = type(UNFITTED[what]).__name__
    with pytest.raises(NotFittedError, match=f"This {name} instance is not fitted yet. Call 'fit'"):
        gradient_flow(UNFITTED[what], data()[0])


NEEDED = r"; an? .*RNNRegressor, LSTMRegressor or GRURegressor is needed, or a Pipeline or search"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (ridge, "Ridge"),
        (lambda: make_pipeline(StandardScaler(), Ridge()).fit(*data()), "Ridge"),
        (lambda: GridSearchCV(Ridge(), {"alpha": [1]}, cv=2).fit(*data()), "Ridge"),
        (lambda: make_pipeline(StandardScaler()).fit(*data()), "StandardScaler"),
        (lambda: fitted().net_, "RecurrentNet"),
    ],
    ids=["Ridge", "pipeline", "search", "no regressor", "net_"],
)
def test_what_is_not_recurrent_is_refused(make, name):
    with pytest.raises(TypeError, match=f"^got a {name}{NEEDED}.*recurrent networks only.$"):
        gradient_flow(make(), data()[0])


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (LSTMRegressor, "class.* LSTMRegressor; .*LSTMRegressor.* is needed"),
        (None, "None.*LSTMRegressor.* is needed"),
        ("lstm", "(lstm|str).*LSTMRegressor.* is needed"),
        (torch.nn.LSTM(1, 4), "LSTM.*LSTMRegressor.* is needed"),
    ],
    ids=["class", "None", "str", "torch"],
)
def test_what_is_no_estimator_is_told_what_is_needed(thing, message):
    with pytest.raises(TypeError, match=message):
        gradient_flow(thing, data()[0])


def test_search_without_refit_is_told_to_refit():
    search = GridSearchCV(LSTMRegressor(**SMALL), {"lr": [0.1]}, cv=KFold(2), refit=False)
    with pytest.raises((TypeError, AttributeError, NotFittedError), match="refit"):
        gradient_flow(search.fit(*data()), data()[0])


def with_value(value):
    X = data()[0].copy()
    X[3, 2] = value
    return X


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (data()[0][:, :5], "X has 5 features, but LSTMRegressor is expecting 7 .* 7 steps of 1"),
        (np.zeros((9, 5, 1)), r"X has 5 features.*shape \(9, 5, 1\); make the windows as for fit"),
        (data()[0][0], r"X has shape \(7,\); .* a single window is np.reshape\(X, \(1, -1\)\)"),
        (data()[0][:0], r"Found array with 0 sample\(s\) .* minimum of 1 is required"),
        (with_value(np.nan), "X contains NaN in row 3, column 2; finite numbers are needed"),
        (with_value(np.inf), "X contains infinity in row 3, column 2; finite numbers are needed"),
        (np.full((4, WINDOW), "one"), "holds text"),
    ],
    ids=["width", "steps", "1-D", "no row", "NaN", "infinity", "strings"],
)
def test_windows_that_do_not_fit_are_refused(X, message):
    with pytest.raises((TypeError, ValueError), match=message):
        gradient_flow(fitted(), X)


def test_wrong_column_names_are_refused():
    X, y = data()
    frame = pd.DataFrame(X, columns=[f"price@lag{k}" for k in reversed(range(WINDOW))])
    model = clone(fitted()).fit(frame, y)
    with pytest.raises(ValueError, match="feature names should match those that were passed"):
        gradient_flow(model, frame[frame.columns[::-1]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        gradient_flow(model, X)


@pytest.mark.parametrize("n_windows", [0, -1, 2.0, True, None, "16"])
def test_n_windows_is_a_positive_integer(n_windows):
    with pytest.raises(ValueError, match="^n_windows=.*; an integer of at least 1 is needed."):
        gradient_flow(fitted(), data()[0], n_windows=n_windows)


# The ends of the scale ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CELLS)
def test_window_of_one_step(kind):
    X, y = data()
    with pytest.warns(UserWarning, match="X has windows of 1 step"):
        model = kind(**SMALL).fit(X[:, -1:], y)
    flow = gradient_flow(model, X[:, -1:])
    assert flow.lag_curve.tolist() == [[[1.0]]]
    assert flow.effective_memory.tolist() == [[1.0]]
    assert np.isnan(flow.half_life).all()
    assert flow.input_sensitivity.shape == (1, 1, 1)


@pytest.mark.parametrize("kind", CELLS)
def test_zero_gradient_everywhere(kind):
    X, y = data(horizon=2)
    model = kind(**SMALL, num_layers=2).fit(X, y)
    with torch.no_grad():
        model.net_.module_.head.linear.weight.zero_()
    flow = gradient_flow(model, X)
    assert not flow.lag_curve.any()
    assert not flow.scale.any()
    assert flow.effective_memory.tolist() == [[0.0, 0.0]]
    assert np.isnan(flow.half_life).all()
    assert not flow.input_sensitivity.any()
    assert (flow.spread > 0).all()
    assert "memory 0 steps" in repr(flow)


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("name", ["recurrent.weight_hh_l0", "head.linear.weight"])
def test_weights_that_are_nan_give_nan_without_a_crash(kind, name):
    X, y = data()
    model = kind(**SMALL).fit(X, y)
    with torch.no_grad():
        model.net_.module_.get_parameter(name)[0, 0] = float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow = gradient_flow(model, X)
        assert np.isnan(flow.lag_curve).all()
        assert np.isnan(flow.effective_memory).all()
        assert np.isnan(flow.half_life).all()
        assert np.isnan(effective_memory_scorer(model, X))
