"""Files that earlier versions wrote: they load, and forecast as they did."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from seqforecast import load, save
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


def test_there_is_one_of_each_kind():
    assert set(ANSWERS) == set(models.NAMES)
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == set(ANSWERS)
