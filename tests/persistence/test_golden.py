"""Files that earlier versions wrote: they load, and forecast as they did."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from seqforecast import GRURegressor, load, save
from tests.persistence import models

FOLDER = Path(__file__).parent / "golden"
ANSWERS = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ANSWERS)
def test_forecasts_as_on_the_day_it_was_saved(name):
    estimator, (asked, answer) = load(FOLDER / f"{name}.safetensors"), ANSWERS[name].values()
    # Other processors and libraries round differently.
    forecast = models.answer(name, estimator, asked)
    np.testing.assert_allclose(forecast, answer, rtol=1e-6)


@pytest.mark.parametrize("name", ANSWERS)
def test_is_of_format_1(name, tmp_path):
    path = FOLDER / f"{name}.safetensors"
    assert path.stat().st_size < 80_000
    with safe_open(path, framework="np") as file:
        document = json.loads(file.metadata()["seqforecast"])
    assert (document["format"], document["kind"]) == (1, "estimator")
    save(load(path), tmp_path / "again")  # what was loaded is whole: it can be saved


@pytest.mark.parametrize(("name", "channels"), [("gru", 2), ("lstm", 1)])
def test_goes_on_with_its_channels_and_no_others(name, channels):
    # Until 0.1.0 a file did not say with which n_channels its network had been built.
    model, rng = load(FOLDER / f"{name}.safetensors"), np.random.default_rng(0)
    X, y = rng.normal(size=(6, model.n_features_in_)), rng.normal(size=6)
    if hasattr(model, "feature_names_in_"):
        X = pd.DataFrame(X, columns=model.feature_names_in_)
    assert model.set_params(n_channels=channels).partial_fit(X, y).n_iter_ == 3
    with pytest.raises(ValueError, match=f"n_channels=4, but .* was built with {channels}; the"):
        model.set_params(n_channels=4).partial_fit(X, y)


def test_windows_of_three_dimensions_go_on_without_n_channels(tmp_path):
    X = np.random.default_rng(0).normal(size=(9, 4, 2))
    model = models.network(GRURegressor).fit(X, X[:, 0, 0])
    model._built_with.pop("n_channels")  # as files were written until 0.1.0
    save(model, tmp_path / "m")
    assert load(tmp_path / "m").partial_fit(X, X[:, 0, 0]).n_iter_ == 3


def test_there_is_one_of_each_kind():
    assert set(ANSWERS) == set(models.NAMES)
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == set(ANSWERS)
