"""A forecaster served with numpy alone: what it needs, what it takes, what it refuses."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from seqforecast import (
    GRURegressor,
    LSTMRegressor,
    RNNRegressor,
    export_numpy,
    make_windows,
    runtime,
)
from seqforecast.runtime import load_numpy
from tests.persistence import models

HEAVY = {"torch", "sklearn", "pandas", "scipy", "skorch", "safetensors", "joblib"}


def fitted(cls=LSTMRegressor, horizon=3, **params):
    rng = np.random.default_rng(0)
    series = pd.DataFrame(
        np.sin(np.arange(60)[:, None] * [0.4, 0.3]) + rng.normal(0, 0.2, (60, 1)),
        columns=["load", "wind"],
    )
    X, y = make_windows(series, window=8, horizon=horizon)
    fixed = {"hidden_size": 6, "max_epochs": 3, "n_channels": 2, "random_state": 0}
    return cls(**{**fixed, "early_stopping": False, **params}).fit(X, y), X


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The file of an LSTM: 8 steps of 2 channels in, quantiles of 3 values out."""
    model, _ = fitted(loss="quantile")
    path = tmp_path_factory.mktemp("served") / "model.safetensors"
    export_numpy(model, path)
    return path


@pytest.fixture(scope="module")
def served(path):
    return load_numpy(path)


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(1).normal(size=(20, 16))


# What it needs ------------------------------------------------------------------------------------


def test_import_needs_neither_torch_nor_scikit_learn_nor_pandas(path):
    code = (
        "import sys; from seqforecast.runtime import load_numpy; import numpy as np;"
        f"print(load_numpy({str(path)!r}).predict(np.ones((1, 16))).shape, *sys.modules)"
    )
    done = run([sys.executable, "-c", code], cwd=Path(runtime.__file__).parents[1])
    assert done.startswith("(1, 3)")
    assert not HEAVY & set(done.split())


def test_file_copied_by_itself_serves_alone(path, served, rows, tmp_path):
    shutil.copy(runtime.__file__, tmp_path / "runtime.py")
    shutil.copy(path, tmp_path / "model")
    np.save(tmp_path / "rows.npy", rows)
    (tmp_path / "serve.py").write_text(
        "import sys\n"
        f"sys.path[:] = [p for p in sys.path if 'packages' not in p] + {['.', site_of(np)]!r}\n"
        "import runtime, numpy as np\n"
        "served = runtime.load_numpy('model')\n"
        "np.save('forecast.npy', served.predict_quantiles(np.load('rows.npy')))\n"
        "print(*sys.modules)\n"
    )
    modules = run([sys.executable, "-S", "-I", "serve.py"], cwd=tmp_path).split()
    assert not (HEAVY | {"seqforecast"}) & set(modules)
    assert np.array_equal(np.load(tmp_path / "forecast.npy"), served.predict_quantiles(rows))


def site_of(package):
    return str(Path(package.__file__).parents[1])


def run(command, cwd):
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


# What it tells ------------------------------------------------------------------------------------


def test_attributes_describe_the_model(served):
    assert (served.window, served.n_channels, served.n_outputs) == (8, 2, 3)
    assert served.quantiles == (0.1, 0.5, 0.9)
    assert served.feature_names[:3] == ["load@lag7", "wind@lag7", "load@lag6"]


def test_attributes_of_a_plain_model(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 4))
    model = RNNRegressor(hidden_size=2, max_epochs=1).fit(X, X[:, 0])
    export_numpy(model, tmp_path / "model")
    served = load_numpy(tmp_path / "model")
    assert (served.quantiles, served.feature_names, served.n_outputs) == (None, None, 1)
    assert served.predict(X).shape == (30,)
    with pytest.raises(ValueError, match="forecasts no quantiles.*loss='quantile'"):
        served.predict_quantiles(X)


def test_quantiles_in_the_order_that_was_asked_for(tmp_path):
    model, X = fitted(loss="quantile", quantiles=(0.9, 0.1), horizon=1)
    export_numpy(model, tmp_path / "model")
    served = load_numpy(tmp_path / "model")
    assert served.quantiles == (0.9, 0.1)
    quantiles = served.predict_quantiles(X)
    assert quantiles.shape == model.predict_quantiles(X).shape == (len(X), 2)
    assert (quantiles[..., 0] > quantiles[..., 1]).all()


# What it takes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.reshape(-1, 8, 2),
        lambda x: x.tolist(),
        lambda x: pd.DataFrame(x),
        lambda x: pd.DataFrame(x).astype("Float64"),
        lambda x: pd.DataFrame(x).astype(object),
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x.astype(np.longdouble),
    ],
    ids=["3-D", "lists", "frame", "nullable", "objects", "Fortran", "strided", "long double"],
)
def test_form_of_the_windows_does_not_matter(path, rows, form):
    served = load_numpy(path)
    served.feature_names = None  # these frames number their columns
    assert np.array_equal(served.predict(form(rows)), served.predict(rows))


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.float32, bool])
def test_type_of_the_windows_does_not_matter(served, rows, dtype):
    windows = (rows > 0).astype(dtype)
    assert np.array_equal(served.predict(windows), served.predict(windows.astype(np.float64)))


def test_input_is_left_as_it_was(served, rows):
    before = rows.copy()
    served.predict(rows)
    assert np.array_equal(rows, before)


@pytest.mark.parametrize("cls", [RNNRegressor, LSTMRegressor, GRURegressor])
def test_many_windows_pass_in_blocks(tmp_path, monkeypatch, cls):
    X = np.random.default_rng(1).normal(size=(40, 16))
    model = cls(hidden_size=6, max_epochs=3, n_channels=2, random_state=0).fit(X, X[:, :3])
    export_numpy(model, tmp_path / "model")
    served = load_numpy(tmp_path / "model")
    windows = sliding_window_view(np.random.default_rng(0).normal(size=(1007, 2)), 8, axis=0)
    windows = windows.swapaxes(1, 2)  # 1000 overlapping windows, not copied
    whole = served.predict(windows)
    assert whole.shape == (1000, 3)
    np.testing.assert_allclose(whole, model.predict(windows), rtol=0, atol=1e-5)
    # A matrix product adds in an order that depends on its size: the last bit may differ.
    one_by_one = np.concatenate([served.predict(windows[k : k + 1]) for k in range(0, 1000, 50)])
    np.testing.assert_allclose(whole[::50], one_by_one, rtol=0, atol=1e-5)
    monkeypatch.setattr(runtime, "_BLOCK", 1)  # a block holds one window at least
    np.testing.assert_allclose(served.predict(windows[:9]), whole[:9], rtol=0, atol=1e-5)


def test_threads_do_not_disturb_each_other(served):
    batches = np.random.default_rng(2).normal(size=(64, 5, 16))
    alone = [served.predict(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(served.predict, np.concatenate([batches] * 4)))
    assert np.array_equal(together, alone * 4)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_overflow_is_as_in_predict_and_without_a_warning(tmp_path, size):
    model, X = fitted(RNNRegressor, nonlinearity="relu", scaling=None)
    with torch.no_grad():
        for weight in model.net_.module_.recurrent.parameters():
            weight.mul_(size)
    export_numpy(model, tmp_path / "model")
    served, expected = load_numpy(tmp_path / "model").predict(X), model.predict(X)
    assert np.abs(expected[np.isfinite(expected)]).max(initial=1e30) > 1e20
    assert np.array_equal(np.isfinite(served), np.isfinite(expected))
    finite = np.isfinite(expected)
    np.testing.assert_allclose(served[finite], expected[finite], rtol=1e-4)


# What it refuses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones(16), r"X has shape \(16,\); \(n_windows, 16\) or .*X.reshape\(1, -1\)"),
        (np.ones((2, 15)), r"X has shape \(2, 15\)"),
        (np.ones((2, 2, 8)), r"X has shape \(2, 2, 8\)"),
        (np.ones((0, 16)), r"at least one window"),
        (7.0, r"X has shape \(\)"),
        (np.full((1, 16), np.nan), "X contains NaN or infinity.*Fill or drop"),
        (np.full((1, 16), -np.inf), "X contains NaN or infinity"),
        ([[None] * 16], "X contains NaN|no array of real numbers"),
        ([["a"] * 16], "X is no array of real numbers"),
        (np.ones((1, 16)) * 1j, "X is no array of real numbers"),
        (np.zeros((1, 16), dtype="datetime64[s]"), "X is no array of real numbers"),
        ([[1.0], [1.0, 2.0]], "X is no array of real numbers"),
        ({"load": 1.0}, "X is no array of real numbers"),
        (None, r"X has shape \(\)|no array of real numbers"),
    ],
)
@pytest.mark.parametrize("method", ["predict", "predict_quantiles"])
def test_windows_that_cannot_be_used_are_refused(served, method, X, message):
    with pytest.raises(ValueError, match=message):
        getattr(served, method)(X)


def test_missing_value_in_a_later_block_is_refused(served):
    windows = np.ones((600, 16))
    windows[599, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        served.predict(windows)


def test_columns_in_another_order_are_refused(served):
    frame = pd.DataFrame(np.ones((1, 16)), columns=served.feature_names)
    assert served.predict(frame).shape == (1, 3)
    with pytest.raises(ValueError, match=r"\['load@lag7', 'wind@lag7'\].*Pass X\[model.feature"):
        served.predict(frame.iloc[:, ::-1])


def test_it_says_what_it_forecasts(tmp_path):
    export_numpy(models.gru(), tmp_path / "model")
    served = load_numpy(tmp_path / "model")
    assert repr(served) == (
        "NumpyRegressor(window=2, n_channels=2, n_outputs=1, quantiles=(0.1, 0.5, 0.9))"
    )
