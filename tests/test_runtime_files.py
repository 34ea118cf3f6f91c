"""Files that `load_numpy` is given: damaged, hostile, of another kind."""

import tracemalloc

import numpy as np
import pytest

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, export_numpy
from seqforecast.persistence.format import to_bytes
from seqforecast.runtime import load_numpy
from tests.damaged_files import closed, damaged, hostile, opened, resigned

ROWS = np.random.default_rng(0).normal(size=(40, 6))


@pytest.fixture(scope="module", params=["lstm", "gru", "rnn"])
def data(request, tmp_path_factory):
    """A whole file: windows of 3 steps of 2 channels; every optional part is in one of them."""
    fixed = {"n_channels": 2, "max_epochs": 1, "random_state": 0}
    model = {
        "lstm": LSTMRegressor(hidden_size=3, num_layers=2, **fixed),
        "gru": GRURegressor(hidden_size=3, loss="quantile", **fixed),
        "rnn": RNNRegressor(hidden_size=3, scaling="window", **fixed),
    }[request.param]
    path = tmp_path_factory.mktemp("served") / "model"
    export_numpy(model.fit(ROWS, ROWS[:, :2]), path)
    return path.read_bytes()


@pytest.fixture
def load(tmp_path):
    """Load a model from bytes."""

    def loaded(data):
        path = tmp_path / "served.safetensors"
        path.write_bytes(data)
        return load_numpy(path)

    return loaded


def refusal(load, data):
    """Return what is said of a file that cannot be used."""
    with pytest.raises(ValueError, match=r"served.safetensors") as caught:
        load(data)
    assert type(caught.value) is ValueError  # no UnicodeDecodeError, no JSONDecodeError
    return str(caught.value)


def changed(data, **values):
    """Return a signed file whose content has other values; Ellipsis leaves one out."""
    header, document, body = opened(data)
    content = {**document["content"], **values}
    kept = {name: value for name, value in content.items() if value is not ...}
    return closed(header, {**document, "content": kept}, body)


def test_helpers_of_this_test_sign_as_the_writer_does(data):
    assert closed(*opened(data)) == data


def test_damaged_files_are_refused(data, load):
    count = 0
    for description, bad in damaged(data, np.random.default_rng(0), 300):
        message = refusal(load, bad)
        assert "needed" in message, description
        count += 1
    assert count >= 290


def test_resigned_files_are_refused_or_work(data, load):
    refused = 0
    for description, edited in resigned(data, np.random.default_rng(1), 300):
        model, error = outcome(load, edited)
        if model is not None:  # other numbers can be a model, too
            forecast, error = outcome(model.predict, ROWS)
            assert forecast is None or forecast.dtype == np.float64, description
            assert error is None or str(error).startswith("X has shape"), description
            continue
        assert type(error) is ValueError, description
        assert len(str(error)) < 1_000, description
        refused += 1
    assert refused > 150


def outcome(function, argument):
    """Return what a function returns and None, or None and its ValueError."""
    try:
        return function(argument), None
    except ValueError as error:
        return None, error


def test_hostile_files_are_refused_without_the_memory_that_they_ask_for(data, load):
    for description, bad in hostile(data):
        tracemalloc.start()
        try:
            refusal(load, bad)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 30 * len(bad) + 1_000_000, description


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_size": 2},
        {"hidden_size": 2**40},
        {"hidden_size": 0},
        {"hidden_size": True},
        {"hidden_size": 3.0},
        {"num_layers": 3},
        {"num_layers": 2**60},
        {"n_channels": 1},
        {"n_channels": 3},
        {"n_outputs": 1},
        {"n_outputs": -2},
        {"window": None},
        {"window": "3"},
        {"one_dimension": True},
        {"one_dimension": 1},
        {"cell": "sru"},
        {"cell": ["lstm"]},
        {"cell": ...},
        {"input_by_step": True},
        {"input_clipped": True},
        {"scaled_by_window": None},
        {"feature_names": ["a"]},
        {"feature_names": [1, 2, 3, 4, 5, 6]},
        {"levels": [0.5]},
        {"levels": [0.1, 0.5, 0.9], "quantiles": [0.3]},
        {"levels": [0.1, 0.5, 0.9], "quantiles": []},
        {"levels": [0.9, 0.5, 0.1], "quantiles": [0.5]},
        {"levels": [0.1, float("nan"), 0.9], "quantiles": [0.1]},
        {"levels": [float("nan"), 0.5, 0.9], "quantiles": [0.5]},
        {"levels": [0.1, 0.2, 0.9], "quantiles": [0.1]},
        {"levels": [-0.1, 0.5, 0.9], "quantiles": [0.5]},
        {"levels": [0.1, 0.5, 1.0], "quantiles": [0.5]},
        {"levels": "abc", "quantiles": ["a"]},
    ],
    ids=str,
)
def test_content_that_does_not_fit_is_refused(data, load, values):
    quantile = opened(data)[1]["content"]["levels"] is not None
    if "levels" in values and not quantile:
        assert "do not fit together" in refusal(load, changed(data, **values))
    else:
        assert "Export the model again" in refusal(load, changed(data, **values))


@pytest.mark.parametrize("cell", ["tanh", "relu", "lstm", "gru"])
def test_weights_of_another_cell_are_refused(data, load, cell):
    own = opened(data)[1]["content"]["cell"]
    if cell != own and {cell, own} != {"tanh", "relu"}:
        assert "weight_ih_l0" in refusal(load, changed(data, cell=cell))


def test_each_array_is_needed_whole_finite_and_of_its_type(data, load):
    header, document, body = opened(data)
    names = [name for name in header if name != "__metadata__"]
    arrays = {
        name: np.frombuffer(
            body[slice(*header[name]["data_offsets"])],
            {"F32": np.float32, "F64": np.float64}[header[name]["dtype"]],
        ).reshape(header[name]["shape"])
        for name in names
    }
    content = document["content"]
    assert load(to_bytes("numpy", content, arrays)).predict(ROWS).shape == (40, 2)
    for name in names:
        others = {other: array for other, array in arrays.items() if other != name}
        array = arrays[name]
        broken = [{}, {name: array.astype(np.int32)}, {name: array[..., None]}, {name: array[:0]}]
        for value in (np.nan, np.inf):
            poisoned = array.copy()
            poisoned.flat[-1] = value
            broken.append({name: poisoned})
        if "scale" in name:
            broken += [{name: array * 0.0}, {name: -array}]
        for part in broken:
            assert name in refusal(load, to_bytes("numpy", content, others | part))


def test_arrays_that_share_their_bytes_are_refused(data, load):
    # A small file of very many layers, all of them one array, would take all the memory.
    header, document, body = opened(data)
    last = document["content"]["num_layers"] - 1
    names = [name for name in header if name.endswith(f"_l{last}")]
    shared = {f"{name[:-1]}{last + 1}": header[name] for name in names}
    content = {**document["content"], "num_layers": last + 2}
    bad = closed(header | shared, {**document, "content": content}, body)
    assert "the places of the arrays" in refusal(load, bad)


def test_weights_of_any_size_are_read_without_a_warning(data, load):
    header, document, body = opened(data)
    largest = bytearray(body)
    for name in ("bias_ih_l0", "bias_hh_l0"):
        first, last = header[name]["data_offsets"]
        largest[first:last] = np.full((last - first) // 4, 3e38, np.float32).tobytes()
    assert load(closed(header, document, bytes(largest))).predict(ROWS).shape == (40, 2)


def test_newer_format_is_refused_by_its_number(data, load):
    header, document, body = opened(data)
    message = refusal(load, closed(header, {**document, "format": 2}, body))
    assert "has format 2; this reader knows formats up to 1. Take runtime.py from" in message


@pytest.mark.parametrize("kind", ["estimator", "checkpoint"])
def test_file_of_another_kind_is_refused_by_its_kind(load, kind):
    message = refusal(load, to_bytes(kind, {}, {"a": np.zeros(3)}))
    assert f"is a file of kind '{kind}'; one of kind 'numpy' is needed. Load" in message


def test_foreign_file_is_refused(load):
    from safetensors.numpy import save

    message = refusal(load, save({"a": np.zeros(3)}, {"format": "pt"}))
    assert "is no whole file of seqforecast" in message


def test_cut_file_is_refused_with_both_sizes(data, load):
    message = refusal(load, data[:-5])
    assert f"is cut short: it has {len(data) - 5} bytes of {len(data)}; a whole file" in message


def test_altered_file_is_refused(data, load):
    bad = data[:-1] + bytes([data[-1] ^ 1])
    assert "was altered since it was written: its checksum differs" in refusal(load, bad)


def test_file_that_is_not_there_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_numpy(tmp_path / "none")
    with pytest.raises(OSError, match="directory|denied"):
        load_numpy(tmp_path)
