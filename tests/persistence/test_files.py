"""Saving over a file: a kill leaves one of the two models, an error leaves the old one."""

import os

import numpy as np
import pytest
import torch

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, load, make_windows, save
from seqforecast.persistence.format import atomic
from seqforecast.regressors import saved
from tests.persistence import models
from tests.persistence.kills import killed_before_each_line


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill and fork are of POSIX")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # beside threads of other tests
def test_a_kill_in_the_middle_of_save_leaves_one_of_the_two(tmp_path):
    path, (first, second) = tmp_path / "model", (models.lstm(), models.gru())
    save(first, path)
    left = [
        type(load(path)).__name__
        for _ in killed_before_each_line(lambda: save(second, path), atomic.__file__)
    ]
    assert set(left) == {"LSTMRegressor", "GRURegressor"}
    assert left == sorted(left, reverse=True)  # the old model, and from some line on the new one
    assert all(file.name.endswith((".tmp", "model")) for file in tmp_path.iterdir())


def test_what_cannot_be_written_leaves_the_old_model(tmp_path):
    X, _ = make_windows(models.wave(), window=4)
    path = tmp_path / "model"
    save(models.lstm(), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="holds what cannot be saved"):
        save(GRURegressor(callbacks=[print]), path)
    assert path.read_bytes() == before
    with pytest.raises(OSError, match="is a folder; the path of a file is needed"):
        save(GRURegressor(), tmp_path)
    np.testing.assert_array_equal(load(path).predict(X), models.lstm().predict(X))


def test_a_path_may_be_a_text_or_a_path(tmp_path):
    save(LSTMRegressor(hidden_size=5), str(tmp_path / "a"))
    assert load(str(tmp_path / "a")).hidden_size == load(tmp_path / "a").hidden_size == 5


def break_a_weight(regressor):
    with torch.no_grad():
        regressor.net_.module_.recurrent.bias_hh_l0[1] = np.inf


def break_the_units(regressor):
    regressor.net_.scaling._units.target_scale[0, 0] = np.nan


def of_a_regressor():
    model = GRURegressor(hidden_size=3, max_epochs=1).fit(*make_windows(models.wave(), window=4))
    return model, model


def of_a_forecaster():
    regressor = GRURegressor(hidden_size=3, max_epochs=1)
    model = Forecaster(regressor, window=4, season=None).fit(models.wave())
    return model, model.regressor_


def of_a_stream():
    model, _ = of_a_regressor()
    stream = model.stream(models.wave()[-4:].reshape(1, -1))
    return stream, model


@pytest.mark.parametrize("holder", [of_a_regressor, of_a_forecaster, of_a_stream])
@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (break_a_weight, "parameter 'recurrent.bias_hh_l0'"),
        (break_the_units, "target_scale of the scaling"),
    ],
)
def test_what_cannot_forecast_is_neither_saved_nor_loaded(
    tmp_path, monkeypatch, holder, fault, name
):
    path, (model, regressor) = tmp_path / "model", holder()
    save(model, path)
    before = path.read_bytes()
    fault(regressor)
    with pytest.raises(ValueError, match=f"cannot be saved: infinity or NaN is in {name}; .* Fit"):
        save(model, path)
    assert path.read_bytes() == before
    with monkeypatch.context() as patch:
        patch.setattr(saved, "require_finite", lambda _: None)
        save(model, path)  # as earlier versions did
    with pytest.raises(ValueError, match=f"does not fit together: infinity or NaN is in {name};"):
        load(path)
