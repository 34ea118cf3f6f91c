"""The same random_state gives the same bits everywhere, and nothing outside is moved."""

import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from skorch.callbacks import Callback

from seqforecast import DivergenceError, GRURegressor, LSTMRegressor
from tests.covering import covering

# Two layers and dropout: first weights, order and masks are all drawn.
PARAMS = {"hidden_size": 5, "num_layers": 2, "dropout": 0.3, "max_epochs": 3}


def bits(model, X):
    """Return forecasts and weights as bytes."""
    weights = model.net_.module_.state_dict()
    values = [model.predict(X), *(weights[name].numpy() for name in sorted(weights))]
    return [value.tobytes() for value in values]


def fit_and_tell(model, X, y):
    return bits(model.fit(X, y), X)


# ------------------------------------------------------------------------------ same bits


def test_random_state_same_process_gives_the_same_bits(regressor, windows):
    X, y = windows
    first = fit_and_tell(regressor(**PARAMS, random_state=7), X, y)
    torch.manual_seed(123)  # the global generators are not asked
    np.random.seed(123)  # noqa: NPY002
    assert fit_and_tell(regressor(**PARAMS, random_state=7), X, y) == first
    assert fit_and_tell(regressor(**PARAMS, random_state=8), X, y) != first


def test_random_state_refit_of_one_estimator_gives_the_same_bits(regressor, windows):
    X, y = windows
    model = regressor(**PARAMS, random_state=7)
    assert fit_and_tell(model, X, y) == fit_and_tell(model, X, y)


def test_random_state_clone_and_pickle_give_the_same_bits(regressor, windows):
    X, y = windows
    model = regressor(**PARAMS, random_state=7)
    unfitted = pickle.loads(pickle.dumps(model))
    first = fit_and_tell(model, X, y)
    assert bits(pickle.loads(pickle.dumps(model)), X) == first
    assert fit_and_tell(unfitted, X, y) == first
    assert fit_and_tell(clone(model), X, y) == first
    assert fit_and_tell(pickle.loads(pickle.dumps(model)), X, y) == first


def test_random_state_worker_process_gives_the_same_bits(regressor, windows):
    X, y = windows
    model = regressor(**PARAMS, random_state=7)
    there = Parallel(n_jobs=2, backend="loky")(
        delayed(fit_and_tell)(clone(model), X, y) for _ in range(3)
    )
    assert there == [fit_and_tell(model, X, y)] * 3


def test_random_state_four_threads_at_once_give_the_same_bits(regressor, windows):
    X, y = windows
    seeds = [0, 1, 2, 3] * 4
    alone = {seed: fit_and_tell(regressor(**PARAMS, random_state=seed), X, y) for seed in range(4)}
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # let the threads interrupt each other often
    try:
        with ThreadPoolExecutor(4) as pool:
            models = [regressor(**PARAMS, random_state=seed) for seed in seeds]
            together = list(pool.map(lambda model: fit_and_tell(model, X, y), models))
    finally:
        sys.setswitchinterval(switch)
    assert together == [alone[seed] for seed in seeds]


def test_predict_of_one_estimator_in_four_threads_gives_the_same_bits(regressor, windows):
    X, y = windows
    model = regressor(**PARAMS, random_state=0).fit(X, y)
    expected = model.predict(X)
    with ThreadPoolExecutor(4) as pool:
        for forecast in pool.map(lambda _: model.predict(X), range(40)):
            np.testing.assert_array_equal(forecast, expected)


def test_random_state_none_differs_between_fits(regressor, windows):
    X, y = windows
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    first = fit_and_tell(regressor(**PARAMS), X, y)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    assert fit_and_tell(regressor(**PARAMS), X, y) != first


def test_random_state_instance_advances(windows):
    X, y = windows
    model = LSTMRegressor(**PARAMS, random_state=np.random.RandomState(5))
    first, second = (fit_and_tell(model, X, y) for _ in range(2))
    assert first != second
    again = LSTMRegressor(**PARAMS, random_state=np.random.RandomState(5))
    assert fit_and_tell(again, X, y) == first
    assert fit_and_tell(again, X, y) == second
    # An int is the RandomState that it seeds.
    assert fit_and_tell(LSTMRegressor(**PARAMS, random_state=5), X, y) == first


# ----------------------------------------------------------------------- nothing is moved


class Breaks(Callback):
    """Fail in the middle of training."""

    def on_batch_end(self, net, training=None, **kwargs):
        if len(net.history) == 2:
            raise RuntimeError("broken on purpose")


def flushes_denormals():
    smallest = torch.tensor(1e-39)
    return bool((smallest * 1.0).item() == 0.0)


def state_of_the_world():
    kind, keys, position, *rest = np.random.get_state()  # noqa: NPY002
    return {
        "numpy": (kind, keys.tobytes(), position, *rest),
        "torch": torch.get_rng_state().numpy().tobytes(),
        "threads": torch.get_num_threads(),
        "threads between": torch.get_num_interop_threads(),
        "denormals": flushes_denormals(),
        "filters": list(warnings.filters),
        "default type": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "errors": np.geterr(),
    }


def use(model, X, y):
    model.fit(X, y)
    model.partial_fit(X, y)
    model.predict(X)
    model.score(X, y)


def fit_that_breaks(model, X, y):
    with pytest.raises(RuntimeError, match="broken on purpose"):
        model.set_params(callbacks=[Breaks()]).fit(X, y)


def fit_that_diverges(model, X, y):
    model.set_params(optimizer="sgd", lr=1e30, gradient_clipping=None)
    with pytest.raises(DivergenceError):
        model.fit(X, y)


def fit_bad_input(model, X, y):
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X * np.nan, y)


def predict_bad_input(model, X, y):
    model.fit(X, y)
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, 1:])


@pytest.fixture
def ambient(request):
    """Set thread count and denormal mode as a user may have; put them back."""
    before = torch.get_num_threads(), flushes_denormals()
    torch.set_num_threads(request.param[0])
    torch.set_flush_denormal(request.param[1])
    yield request.param
    torch.set_num_threads(before[0])
    torch.set_flush_denormal(before[1])


@pytest.mark.parametrize(
    ("ambient", "what", "given"),
    covering(
        [(1, False), (2, True)],
        [use, fit_that_breaks, fit_that_diverges, fit_bad_input, predict_bad_input],
        [
            {"n_jobs": None, "random_state": 0},
            {"n_jobs": 2, "random_state": None, "observe": "off"},
        ],
    ),
    indirect=["ambient"],
)
def test_globals_after_any_call_are_as_before(one_ahead, ambient, what, given):
    X, y = one_ahead
    before = state_of_the_world()
    assert (before["threads"], before["denormals"]) == ambient
    what(LSTMRegressor(**PARAMS, **given), X, y)
    assert state_of_the_world() == before


def test_globals_of_other_threads_are_as_before(one_ahead):
    X, y = one_ahead
    before = state_of_the_world()
    with ThreadPoolExecutor(3) as pool:

        def visit(seed):
            here = torch.get_num_threads(), flushes_denormals()
            use(GRURegressor(**PARAMS, random_state=seed), X, y)
            return here == (torch.get_num_threads(), flushes_denormals())

        assert all(pool.map(visit, range(9)))
    assert state_of_the_world() == before


def test_fit_and_predict_print_nothing_and_write_no_file(
    regressor, windows, capfd, tmp_path, monkeypatch
):
    X, y = windows
    monkeypatch.chdir(tmp_path)
    use(regressor(**PARAMS, random_state=0), X, y)
    pickle.dumps(regressor(**PARAMS).fit(X, y))
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.rglob("*")) == []


def test_number_of_threads_of_torch_changes_no_first_weight(one_ahead):
    X, y = one_ahead
    before = torch.get_num_threads()
    first = []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            model = LSTMRegressor(hidden_size=64, max_steps=1, lr=1e-30, random_state=0).fit(X, y)
            first.append([p.detach().clone() for p in model.net_.module_.parameters()])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*first, strict=True))
