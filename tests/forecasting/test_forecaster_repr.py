"""What a notebook shows of a Forecaster: its diagram, what it knows, and what its network says."""

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, LSTMRegressor, diagnose, recurrent_forecaster

NOTES = '<div class="seqforecast-notes"'


def panel(n=60):
    noise = np.random.default_rng(0).standard_normal(n)
    index = pd.date_range("2000-01", periods=n, freq="MS")
    values = 20 + 5 * np.sin(np.arange(n) * np.pi / 6) + noise
    return pd.DataFrame({"a <b>": values, "b": values[::-1]}, index)


def notes_of(forecaster):
    html = forecaster._repr_mimebundle_()["text/html"]
    assert html.count(NOTES) == 1
    return " ".join(" ".join(ET.fromstring(html[html.index(NOTES) :]).itertext()).split())


def test_notes_tell_what_is_known_and_what_the_network_says():
    network = LSTMRegressor(hidden_size=4, max_epochs=2, random_state=0)
    forecaster = Forecaster(network, window=8, horizon=3, regressor_weight=0.75).fit(panel())
    notes = notes_of(forecaster)
    assert notes.startswith(
        "Forecaster of 2 series, 120 values up to 2004-12-01, season 12. It reads 8 steps and "
        "forecasts 3 at once: the linear baseline, and what LSTMRegressor says of its error, which "
        "counts 75 %."
    )
    assert diagnose(forecaster).summary in notes
    assert "epochs 2" in notes


def test_notes_of_any_other_regressor_tell_what_is_known():
    forecaster = Forecaster(Ridge(), window=8, baseline=None, season=None).fit(panel()["b"])
    assert notes_of(forecaster) == (
        "Forecaster of 1 series, 60 values up to 2004-12-01, no season. It reads 8 steps and "
        "forecasts 1 at once: the mean of the last season, and what Ridge says of its error, which "
        "counts 100 %."
    )


def test_recipe_tells_the_weight_that_it_found():
    recipe = recurrent_forecaster(horizon=3, random_state=0)
    recipe.set_params(regressor__hidden_size=4, regressor__max_steps=3).fit(panel()["b"])
    assert f"counts {100 * recipe.regressor_weight_:.0f} %" in notes_of(recipe)


def test_forecaster_that_is_not_fitted_shows_the_plain_diagram():
    html = Forecaster(Ridge())._repr_mimebundle_()["text/html"]
    assert "Ridge" in html
    assert NOTES not in html


def test_display_as_text_is_respected():
    forecaster = Forecaster(Ridge(), window=8).fit(panel())
    with sklearn.config_context(display="text"):
        assert set(forecaster._repr_mimebundle_()) == {"text/plain"}


@pytest.mark.parametrize("lost", ["_model", "regressor_", "season_", "regressor_weight_"])
def test_strange_state_never_raises(lost):
    forecaster = Forecaster(Ridge(), window=8).fit(panel())
    setattr(forecaster, lost, None)
    assert "Ridge" in forecaster._repr_mimebundle_()["text/html"]
    delattr(forecaster, lost)
    assert "Ridge" in forecaster._repr_html_()
