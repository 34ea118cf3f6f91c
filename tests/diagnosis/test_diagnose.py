"""`diagnose` on real fits: what each finding needs to be seen, and what it is given."""

import copy
import dataclasses
import functools
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, clipping, diagnose, make_windows
from seqforecast.datasets import make_seasonal_ar
from seqforecast.diagnosis import gradient_flow

SMALL = {"hidden_size": 8, "max_epochs": 2, "random_state": 0, "early_stopping": False}
TORCH = {"forget_bias": None, "recurrent_init": None}


def autoregression(*coefficients, n=600, seed=0):
    series = np.random.default_rng(seed).standard_normal(n + 100)
    for t in range(len(coefficients), len(series)):
        series[t] += sum(a * series[t - 1 - k] for k, a in enumerate(coefficients))
    return series[100:]


@functools.cache
def data(horizon=1, window=6, n=200):
    X, y = make_windows(autoregression(0.7, n=n), window=window, horizon=horizon)
    return X.copy(), np.array(y)


@functools.cache
def seasonal(period=12, window=16):
    X, y = make_windows(make_seasonal_ar(1200, period=period, phi=0.9, random_state=0), window)
    return X.copy(), np.array(y)


@functools.cache
def fitted(kind=LSTMRegressor, **params):
    return kind(**{**SMALL, **params}).fit(*data())


@functools.cache
def forgetful(kind=LSTMRegressor):
    """A model that has not learnt the season of 12 steps."""
    params = {"recurrent_init": None} if kind is RNNRegressor else TORCH
    return kind(**SMALL, **params).fit(*seasonal())


def codes(found):
    return [finding.code for finding in found]


@pytest.fixture
def seen(monkeypatch):
    """What `missed_lag` is asked about."""
    calls = []

    def spy(windows, residuals, memory):
        calls.append((windows, residuals, memory))

    monkeypatch.setattr(sys.modules[diagnose.__module__], "missed_lag", spy)
    return calls


# GF01 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (LSTMRegressor, 'forget_bias="chrono"'),
        (GRURegressor, 'forget_bias="chrono"'),
        (RNNRegressor, 'recurrent_init="orthogonal"'),
    ],
)
def test_gf01_from_residuals_of_a_season_that_is_missed(kind, advice):
    model, (X, y) = forgetful(kind), seasonal()
    found = diagnose(model, X, y)
    assert codes(found) == ["GF01"]
    assert "at lag 11 " in found[0].message
    assert ", 12 steps before what is forecast" in found[0].message
    assert 0.6 < found[0].value < 1
    assert found[0].threshold == 0.1
    assert found[0].parameter == advice
    memory = int(gradient_flow(model, X).effective_memory[-1, 0])
    assert memory < 11
    reach = f"95 % of the gradient is within the last {memory} of 16 steps"
    assert found[0].message.endswith(f"{reach}.")
    assert reach in found.summary
    assert found.summary.startswith(f"{kind.__name__} after 2 epochs: ")


def test_gf01_is_gone_once_the_season_is_learnt():
    X, y = seasonal(period=6, window=8)
    short = GRURegressor(**{**SMALL, **TORCH, "max_epochs": 1, "lr": 1e-3}).fit(X, y)
    found = diagnose(short, X, y)
    assert codes(found) == ["GF01"]
    assert "at lag 5 " in found[0].message
    assert found[0].parameter == 'forget_bias="chrono"'
    long = GRURegressor(**{**SMALL, "max_epochs": 12, "lr": 0.02}).fit(X, y)
    assert long.score(X, y) > 0.7
    assert diagnose(long, X, y, season=6) == []


def test_gf01_from_residuals_needs_y():
    X, _ = seasonal()
    assert codes(diagnose(forgetful(), X)) == codes(diagnose(forgetful())) == []


@pytest.mark.parametrize("with_windows", [True, False])
def test_gf01_from_the_season_named(with_windows):
    X, _ = seasonal()
    model = forgetful(RNNRegressor)
    flow = gradient_flow(model, X) if with_windows else model.gradient_flow_
    found = diagnose(model, X if with_windows else None, season=12)
    assert codes(found) == ["GF01"]
    assert found[0].value == flow.lag_curve[-1, 0, 11:].max() < 0.01
    assert found[0].message.startswith("The value 12 steps before the forecast is not used")
    assert diagnose(model, season=2) == []


def test_gf01_season_beyond_the_window():
    for model in (fitted(), fitted(observe="off")):
        found = diagnose(model, season=np.int64(12))
        assert codes(found) == ["GF01"]
        assert (found[0].value, found[0].threshold) == (6, 12)
        assert found[0].parameter == "window=15"
    assert diagnose(fitted(), season=6) == []


@pytest.mark.parametrize("coefficients", [(0.0,), (0.8,), (1.2, -0.4)], ids=["noise", "1", "2"])
@pytest.mark.parametrize("kind", [LSTMRegressor, GRURegressor])
def test_gf01_is_silent_where_nothing_old_matters(kind, coefficients):
    X, y = make_windows(autoregression(*coefficients), 20)
    model = kind(**{**SMALL, **TORCH, "max_epochs": 8}).fit(X, y)
    assert gradient_flow(model, X).effective_memory[0, 0] < 12  # it would see it
    assert "GF01" not in codes(diagnose(model, X, y))


# The training's own findings ----------------------------------------------------------------------


def test_gf03_of_a_target_that_bursts():
    X, y = data(n=600)
    y = y.copy()
    y[100] = 3000
    for limit, severity in ((None, "warning"), (1.0, "info")):
        params = {"gradient_clipping": limit, "batch_size": 16}
        model = LSTMRegressor(**SMALL, **params).fit(X, y)
        found = diagnose(model)
        assert codes(found) == ["GF03"]
        assert found[0].severity == severity
        ratio = model.history_["grad_norm_max"] / model.history_["grad_norm"]
        assert found[0].value == ratio.max() > 10


@pytest.mark.parametrize("where", ["X", "y"])
def test_gf04_of_a_batch_beyond_float32(where):
    X, y = (part.copy() for part in data())
    (X if where == "X" else y)[100] = 1e38
    model = RNNRegressor(**SMALL, nonlinearity="relu", scaling=None).fit(X, y)
    found = diagnose(model, X, y) if where == "y" else diagnose(model)
    assert codes(found)[0] == "GF04"
    assert found[0].severity == "error"
    assert found[0].value == model.history_["skipped_steps"].sum() == 2
    assert found[0].parameter == 'scaling="standard"'


def test_gf05_of_a_limit_far_below_the_gradient():
    found = diagnose(fitted(gradient_clipping=1e-6))
    assert codes(found) == ["GF05"]
    assert found[0].value == 1
    mean = fitted(gradient_clipping=1e-6).history_["grad_norm"].mean()
    assert found[0].parameter.startswith(f"gradient_clipping={np.sqrt(5) * mean:.2g} if")


@pytest.mark.parametrize("limit", [500.0, clipping.ClipNorm(500.0)], ids=["number", "strategy"])
def test_gf06_of_a_limit_far_above_the_gradient(limit):
    model = LSTMRegressor(**SMALL, gradient_clipping=limit).fit(*data())
    found = diagnose(model)
    assert codes(found) == ["GF06"]
    assert found[0].value == pytest.approx(500 / model.history_["grad_norm"].mean())
    assert codes(diagnose(model.set_params(gradient_clipping=1e9)))[0] == "GF06"
    assert diagnose(model)[0].value == found[0].value  # the limit of the training counts


@pytest.mark.parametrize("strategy", [None, clipping.ClipValue(500.0), clipping.AutoClip(100)])
def test_gf06_is_of_a_fixed_norm_only(strategy):
    assert diagnose(LSTMRegressor(**SMALL, gradient_clipping=strategy).fit(*data())) == []


@pytest.mark.parametrize("kind", [RNNRegressor, LSTMRegressor, GRURegressor])
def test_gf08_of_a_head_that_hears_nothing(kind):
    X, y = data()
    model = clone(fitted(kind)).fit(X, y)
    with torch.no_grad():
        model.net_.module_.head.linear.weight.zero_()
    found = diagnose(model, X, y, season=3)
    assert codes(found)[0] == "GF08"
    assert found[0].severity == "error"
    assert "the forecast does not depend on X" in found[0].message
    assert "last 0 of" not in str(found)
    assert "moves most" not in found.summary  # it does not move


def test_gf08_of_a_relu_whose_units_died():
    X, y = data()
    model = RNNRegressor(**SMALL, nonlinearity="relu", gradient_clipping=None).fit(X, y)
    with torch.no_grad():
        model.net_.module_.recurrent.bias_ih_l0[:3].fill_(-1e3)
    found = diagnose(model, X, y)
    assert codes(found) == ["GF08"]
    assert (found[0].value, found[0].severity) == (3 / 8, "warning")
    assert found[0].parameter == 'nonlinearity="tanh"'
    with torch.no_grad():
        model.net_.module_.recurrent.bias_ih_l0.fill_(-1e3)
    found = diagnose(model, X, y)
    assert codes(found) == ["GF08"]
    assert found[0].value == 1
    assert "moves most" not in found.summary


@pytest.mark.parametrize("name", ["recurrent.weight_hh_l0", "head.linear.weight"])
def test_weights_that_are_nan_are_no_clean_bill(name):
    X, y = data()
    model = clone(fitted()).fit(X, y)
    with torch.no_grad():
        model.net_.module_.get_parameter(name)[0, 0] = float("nan")
    for found in (diagnose(model, X), diagnose(model, X, y, season=3)):
        assert codes(found)[0] == "GF04"
        assert found[0].severity == "error"
        assert "nan" not in str(found).lower().replace("not a number", "")


# What it is given ---------------------------------------------------------------------------------


def test_without_windows_the_record_of_the_fit_is_looked_at():
    model = clone(fitted()).fit(*data())
    with torch.no_grad():
        model.net_.module_.head.linear.weight.zero_()
    assert diagnose(model) == []
    assert codes(diagnose(model, data()[0])) == ["GF08"]


def test_unobserved_fit_without_windows_says_so():
    model = fitted(observe="off")
    found = diagnose(model)
    assert found == []
    assert found.summary == (
        "LSTMRegressor after 2 epochs: its gradient was not observed. Pass X, or set "
        "observe='auto'."
    )
    assert str(diagnose(model, *data())) == str(diagnose(fitted(), *data()))
    assert "after 1 epoch:" in diagnose(fitted(max_epochs=1)).summary


def test_summary_names_the_lag_that_moves_the_forecast_most():
    X, _ = data()
    by_lag = gradient_flow(fitted(), X).input_sensitivity.sum(axis=(0, 2))
    expected = f"the forecast moves most with the input at lag {by_lag.argmax()}."
    assert diagnose(fitted(), X).summary.endswith(expected)


def test_summary_adds_up_all_outputs():
    model = LSTMRegressor(**SMALL).fit(*data(horizon=2))
    sensitivity = np.zeros((2, 6, 1))
    sensitivity[0, 1], sensitivity[1, 4] = 1.0, 2.0
    model.gradient_flow_ = dataclasses.replace(model.gradient_flow_, input_sensitivity=sensitivity)
    assert "moves most with the input at lag 4." in diagnose(model).summary


def test_residuals_are_those_of_the_forecasts(seen):
    X, y = data()
    diagnose(fitted(), X, y)
    windows, residuals, memory = seen[0]
    np.testing.assert_array_equal(windows[:, :, 0], X)
    np.testing.assert_array_equal(residuals[:, 0], y - fitted().predict(X))
    assert memory == gradient_flow(fitted(), X).effective_memory[-1, 0]


def test_rows_that_share_targets_are_thinned(seen):
    X, y = data(horizon=3)
    model = LSTMRegressor(**SMALL).fit(X, y)
    diagnose(model, X, y)
    windows, residuals, _ = seen[0]
    np.testing.assert_array_equal(windows[:, :, 0], X[::3])
    np.testing.assert_array_equal(residuals, (y - model.predict(X))[::3])


@pytest.mark.parametrize(("n", "step"), [(4000, 1), (4001, 2), (9001, 3)])
def test_at_most_four_thousand_windows_are_looked_at(n, step, seen):
    X = np.random.default_rng(0).normal(size=(n, 6))
    diagnose(fitted(), X, X[:, 0])
    np.testing.assert_array_equal(seen[0][0][:, :, 0], X[::step])


def test_every_step_targets_count_where_the_last_one_is_known(seen):
    X, y = data()
    steps = np.repeat(y[:, None, None], 6, axis=1)
    steps[:, -1, 0] += 1000.0
    steps[1::3, -1] = np.nan
    steps[0, 0] = np.nan
    model = LSTMRegressor(**SMALL).fit(X, steps)
    diagnose(model, X, steps)
    known = np.arange(len(X)) % 3 != 1
    np.testing.assert_array_equal(seen[0][0][:, :, 0], X[known])
    expected = y[known] + 1000 - model.predict(X[known])[:, 0]
    np.testing.assert_allclose(seen[0][1][:, 0], expected, rtol=1e-12)


def test_every_step_targets_unknown_at_the_last_step_tell_nothing():
    X, y = data()
    steps = np.repeat(y[:, None, None], 6, axis=1)
    model = LSTMRegressor(**SMALL).fit(X, steps)
    steps[:, -1] = np.nan
    assert diagnose(model, X, steps) == []


def test_too_few_windows_for_the_residuals_tell_nothing():
    X, y = seasonal()
    assert diagnose(forgetful(), X[:20], y[:20]) == []
    assert diagnose(forgetful(), X[:1], y[:1]) == []


def test_pipeline_is_diagnosed_on_what_its_last_step_sees(seen):
    X, y = data()
    pipe = make_pipeline(MinMaxScaler(), LSTMRegressor(**SMALL)).fit(X, y)
    found = diagnose(pipe, X, y)
    np.testing.assert_array_equal(seen[0][0][:, :, 0], pipe[0].transform(X))
    np.testing.assert_array_equal(seen[0][1][:, 0], y - pipe.predict(X))
    assert str(found) == str(diagnose(pipe[-1], pipe[0].transform(X), y))
    assert str(diagnose(pipe)) == str(diagnose(pipe[-1]))


def test_search_is_diagnosed_by_its_best_estimator():
    X, y = seasonal()
    pipe = make_pipeline(StandardScaler(), GRURegressor(**SMALL, **TORCH))
    search = GridSearchCV(pipe, {"gruregressor__lr": [3e-3]}, cv=KFold(2)).fit(X, y)
    found = diagnose(search, X, y)
    assert codes(found) == ["GF01"]
    assert str(found) == str(diagnose(search.best_estimator_, X, y))
    assert found.summary.startswith("GRURegressor after 2 epochs")


@pytest.mark.parametrize("horizon", [1, 3])
def test_transformed_target_has_residuals_in_the_units_of_y(horizon, seen):
    X, y = data(horizon=horizon)
    y = np.exp(y / 10)
    meta = TransformedTargetRegressor(LSTMRegressor(**SMALL), func=np.log, inverse_func=np.exp)
    meta.fit(X, y)
    diagnose(meta, X, y)
    expected = (y - meta.predict(X)).reshape(len(X), -1)[::horizon]
    np.testing.assert_array_equal(seen[0][1], expected)


def test_frame_list_and_three_dimensions_equal_the_array():
    X, y = seasonal()
    expected = str(diagnose(forgetful(), X, y))
    assert str(diagnose(forgetful(), X[:, :, None], y)) == expected
    assert str(diagnose(forgetful(), X, y[:, None])) == expected
    assert str(diagnose(forgetful(), X.tolist(), y.tolist())) == expected
    names = [f"price@lag{k}" for k in reversed(range(16))]
    index = pd.date_range("2024-01-01", periods=len(X))
    frame, target = pd.DataFrame(X, index, names), pd.Series(y, index)
    model = clone(forgetful()).fit(frame, target)
    assert str(diagnose(model, frame, target)) == expected


# Bad input ----------------------------------------------------------------------------------------

X, Y = data()
NAN = np.where(np.arange(len(Y)) == 3, np.nan, Y)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y": Y}, "^X is None, but y was given; both are needed. Pass the windows of y, too.$"),
        ({"X": X, "y": Y[:-1]}, "X has 194 windows, but y has 193 rows; the same number is needed"),
        ({"X": X[:-1], "y": Y}, "X has 193 windows, but y has 194 rows"),
        ({"X": X[:, :4], "y": Y}, "X has 4 features, but LSTMRegressor is expecting 6"),
        ({"X": np.where(X > 1, np.nan, X), "y": Y}, "X contains NaN in row .*finite numbers"),
        ({"X": X, "y": np.column_stack([Y, Y])}, r"y has shape \(194, 2\)"),
        ({"X": X, "y": np.zeros((194, 4, 1))}, r"y has shape \(194, 4, 1\)"),
        ({"X": X, "y": np.zeros((194, 6, 2))}, r"y has shape \(194, 6, 2\)"),
        ({"X": X, "y": np.zeros((194, 1, 1, 1))}, r"y has shape \(194, 1, 1, 1\); "),
        ({"X": X, "y": ["one"] * 194}, "y holds text"),
        ({"X": X, "y": np.where(np.isnan(NAN), np.inf, Y)}, "y contains infinity in row 3; finite"),
        ({"X": X, "y": NAN}, "y contains NaN in row 3; finite numbers are needed"),
        ({"X": X, "y": Y * np.nan}, "y contains NaN in row 0; finite numbers are needed"),
    ],
)
def test_windows_and_targets_that_do_not_fit_are_refused(given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        diagnose(fitted(), **given)


def test_targets_of_another_number_of_outputs_are_refused():
    X, y = data(horizon=3)
    model = LSTMRegressor(**SMALL).fit(X, y)
    for bad in (y[:, :2], y[:, 0], y[:, :1]):
        with pytest.raises(ValueError, match="y has shape .*3"):
            diagnose(model, X, bad)


@pytest.mark.parametrize("season", [0, -1, 2.5, True, "12"])
def test_season_is_a_positive_integer(season):
    with pytest.raises(ValueError, match="^season=.*; an integer of at least 1 is needed."):
        diagnose(fitted(), season=season)


@pytest.mark.parametrize("windows", [(), data()])
def test_what_cannot_be_diagnosed_is_refused(windows):
    for model in (GRURegressor(), make_pipeline(StandardScaler(), GRURegressor())):
        with pytest.raises(NotFittedError, match="is not fitted yet. Call 'fit'"):
            diagnose(model, *windows)
    with pytest.raises(TypeError, match="^got a Ridge; .*RNNRegressor, LSTM.* is needed"):
        diagnose(Ridge().fit(*data()), *windows)


@pytest.mark.parametrize("kind", [RNNRegressor, LSTMRegressor, GRURegressor])
def test_window_of_one_step(kind):
    X, y = data()
    with pytest.warns(UserWarning, match="X has windows of 1 step"):
        model = kind(**SMALL).fit(X[:, -1:], y)
    assert diagnose(model, X[:, -1:], y, season=1) == []
    assert codes(diagnose(model, X[:, -1:], y, season=12)) == ["GF01"]


# No trace -----------------------------------------------------------------------------------------


def test_nothing_changes_nothing_is_printed_and_every_call_says_the_same(capsys):
    X, y = seasonal()
    model = clone(forgetful()).fit(X, y)
    given = X.copy(), y.copy()
    before = pickle.dumps((model.net_.module_.state_dict(), model.history_, model.gradient_flow_))
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    flow = model.gradient_flow_
    first = diagnose(model, X, y, season=12)
    assert str(diagnose(model, X, y, season=12)) == str(first)
    assert diagnose(copy.deepcopy(model), X, y, season=12) == first
    after = pickle.dumps((model.net_.module_.state_dict(), model.history_, model.gradient_flow_))
    assert after == before
    assert model.gradient_flow_ is flow
    assert not any(module.training for module in model.net_.module_.modules())
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    np.testing.assert_array_equal(X, given[0])
    np.testing.assert_array_equal(y, given[1])
    assert capsys.readouterr() == ("", "")
    assert pickle.loads(pickle.dumps(first)).summary == first.summary


@pytest.mark.parametrize("given", ["nothing", "windows", "targets", "season"])
def test_summary_says_where_nothing_was_tested(given):
    X, y = seasonal()
    model = forgetful()
    assert model.gradient_flow_.effective_memory[-1, 0] < X.shape[1]
    arguments = {
        "nothing": ((model,), {}),
        "windows": ((model, X), {}),
        "targets": ((model, X, y), {}),
        "season": ((model,), {"season": 12}),
    }
    args, kwargs = arguments[given]
    said = "Whether it misses something was not tested" in diagnose(*args, **kwargs).summary
    assert said == (given in ("nothing", "windows"))
