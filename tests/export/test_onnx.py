"""What an ONNX file tells, and how it behaves where no Python of ours runs."""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch

import seqforecast
from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, export_onnx, make_windows

SERIES = pd.DataFrame(
    np.random.default_rng(0).normal(size=(50, 2)).cumsum(axis=0), columns=["load", "wind"]
)


@pytest.fixture(scope="module")
def windows():
    return make_windows(SERIES, window=5, horizon=2)


@pytest.fixture(scope="module")
def model(windows):
    regressor = GRURegressor(
        hidden_size=4, num_layers=2, n_channels=2, loss="quantile", max_epochs=2, random_state=0
    )
    return regressor.fit(*windows)


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "model.onnx"
    export_onnx(model, path)
    return path


@pytest.fixture(scope="module")
def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_inputs_and_outputs_have_names_types_and_shapes(session):
    found = [(x.name, x.type, x.shape) for x in (*session.get_inputs(), *session.get_outputs())]
    assert found == [
        ("X", "tensor(double)", ["batch", 10]),
        ("y", "tensor(double)", ["batch", 2]),
        ("quantiles", "tensor(double)", ["batch", 2, 3]),
    ]


def test_texts_tell_how_a_row_is_read(path):
    proto = onnx.load(path)
    assert proto.doc_string == "A GRURegressor of seqforecast."
    assert proto.graph.input[0].doc_string.startswith(
        "Windows of 5 steps of 2 channel(s), flat: oldest step first"
    )
    assert [output.doc_string for output in proto.graph.output] == [
        "The median of what follows each window, in the units of the targets.",
        "The quantiles [0.1, 0.5, 0.9].",
    ]
    assert (proto.producer_name, proto.producer_version) == (
        "seqforecast",
        seqforecast.__version__,
    )


def test_metadata_tell_what_serving_needs(session, windows):
    found = session.get_modelmeta().custom_metadata_map
    assert {name: json.loads(text) for name, text in found.items()} == {
        "window": 5,
        "n_channels": 2,
        "n_outputs": 2,
        "quantiles": [0.1, 0.5, 0.9],
        "feature_names": windows[0].columns.to_list(),
        "versions": {"seqforecast": seqforecast.__version__, "onnx": onnx.__version__},
    }


def test_only_standard_operators_of_an_old_opset(path):
    proto = onnx.load(path)
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 17)]
    assert proto.ir_version == 8
    operators = [node.op_type for node in proto.graph.node]
    assert operators.count("GRU") == 2


@pytest.mark.parametrize("n", [1, 2, 46, 1_000])
def test_any_number_of_rows(session, model, windows, n):
    X = np.tile(windows[0].to_numpy(), (22, 1))[:n]
    (forecast,) = session.run(["y"], {"X": X})
    frame = pd.DataFrame(X, columns=windows[0].columns)
    np.testing.assert_allclose(forecast, model.predict(frame), rtol=0, atol=1e-5)


@pytest.mark.parametrize("cls", [RNNRegressor, LSTMRegressor, GRURegressor])
@pytest.mark.parametrize("scaling", ["standard", "window"])
def test_no_row_gives_no_forecast(tmp_path, cls, scaling):
    X = np.random.default_rng(0).normal(size=(30, 4))
    model = cls(hidden_size=3, max_epochs=1, scaling=scaling).fit(X, X[:, :2])
    export_onnx(model, tmp_path / "model")
    code = (
        "import numpy, onnxruntime\n"
        "session = onnxruntime.InferenceSession('model', providers=['CPUExecutionProvider'])\n"
        "print(session.run(None, {'X': numpy.empty((0, 4))})[0].shape)"
    )
    # In a process of its own: onnxruntime aborts it where its operators see an empty batch.
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stdout == "(0, 2)\n", done.stderr


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_missing_value_spoils_its_own_row_alone(session, windows, value):
    X = windows[0].to_numpy()[:3].copy()
    X[1, 4] = value
    for forecast in session.run(None, {"X": X}):
        assert np.isnan(forecast).reshape(3, -1).all(axis=1).tolist() == [False, True, False]
        assert np.isfinite(forecast[[0, 2]]).all()


def test_model_without_quantiles_has_one_output(tmp_path, windows):
    model = LSTMRegressor(hidden_size=3, n_channels=2, max_epochs=1, random_state=0)
    export_onnx(model.fit(windows[0], windows[1].to_numpy()[:, 0]), tmp_path / "model")
    session = onnxruntime.InferenceSession(tmp_path / "model", providers=["CPUExecutionProvider"])
    assert [(x.name, x.shape) for x in session.get_outputs()] == [("y", ["batch"])]
    assert json.loads(session.get_modelmeta().custom_metadata_map["quantiles"]) is None


def test_fitted_model_is_left_as_it_was(tmp_path, model):
    before = {name: value.clone() for name, value in model.net_.module_.state_dict().items()}
    attributes = set(vars(model))
    export_onnx(model, tmp_path / "model")
    after = model.net_.module_.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert set(vars(model)) == attributes


def test_without_onnx_the_error_tells_what_to_install(tmp_path, monkeypatch, model):
    monkeypatch.setitem(sys.modules, "onnx", None)  # what an import finds that is not installed
    with pytest.raises(ImportError, match=r'pip install "seqforecast\[onnx\]", or use'):
        export_onnx(model, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
