"""Saving over a file: a kill leaves one of the two models, an error leaves the old one."""

import os

import numpy as np
import pytest

from seqforecast import GRURegressor, LSTMRegressor, load, make_windows, save
from seqforecast.persistence.format import atomic
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
