"""What a notebook shows of a regressor: scikit-learn's diagram, and notes below a fitted one."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from seqforecast import LSTMRegressor, RNNRegressor, diagnose
from seqforecast._shared.html_repr import LagCurve
from seqforecast.clipping import ClipNorm

NOTES = '<div class="seqforecast-notes"'


def notes_of(estimator):
    """Return the notes as XML: what is not well formed or not escaped is an error."""
    html = estimator._repr_mimebundle_()["text/html"]
    assert html.count(NOTES) == 1
    return ET.fromstring(html[html.index(NOTES) :])


def text_of(element):
    return " ".join(" ".join(element.itertext()).split())


def without_counters(html):
    """Leave out the numbers that scikit-learn counts its diagrams with."""
    return re.sub(r"sk-(container|estimator)-id-\d+", "", html)


@pytest.fixture(scope="module")
def fitted(one_ahead):
    params = {"hidden_size": 4, "max_epochs": 3, "random_state": 0, "gradient_clipping": 1e-6}
    return LSTMRegressor(early_stopping=True, **params).fit(*one_ahead)


def test_fitted_regressor_tells_memory_losses_and_what_diagnose_says(regressor, one_ahead):
    model = regressor(
        hidden_size=4, max_epochs=3, gradient_clipping=1e-6, early_stopping=True, random_state=0
    ).fit(*one_ahead)
    notes = text_of(notes_of(model))
    said = diagnose(model)
    # Of what records cannot tell each names its own remedy.
    assert said.summary.partition(" was not tested")[0] in notes
    assert [finding.code for finding in said] == ["GF05"]
    assert "GF05 info: clipping saturated." in notes
    assert said[0].message in notes
    assert f"Try {said[0].parameter}." in notes
    last, flow = model.history_.iloc[-1], model.gradient_flow_
    assert f"memory {flow.effective_memory[-1, 0]:g} of 8 steps" in notes
    assert f"half-life {flow.half_life[-1, 0]:.1f} steps" in notes
    assert "epochs 3" in notes
    assert f"training loss {last['train_loss']:.3g}" in notes
    assert f"validation loss {last['valid_loss']:.3g}" in notes
    assert f"gradient norm {last['grad_norm']:.3g}" in notes


def test_diagram_above_the_notes_is_that_of_scikit_learn(fitted):
    html = fitted._repr_mimebundle_()["text/html"]
    diagram = html[: html.index(NOTES)]
    assert without_counters(diagram) == without_counters(estimator_html_repr(fitted))


def test_both_ways_in_which_notebooks_ask_show_the_same(fitted):
    bundle = fitted._repr_mimebundle_()
    assert bundle["text/plain"] == repr(fitted)
    assert without_counters(fitted._repr_html_()) == without_counters(bundle["text/html"])


def test_display_as_text_is_respected(fitted):
    with sklearn.config_context(display="text"):
        assert fitted._repr_mimebundle_() == {"text/plain": repr(fitted)}
        assert not hasattr(fitted, "_repr_html_")


def test_regressor_that_is_not_fitted_shows_the_plain_diagram(regressor):
    html = regressor()._repr_mimebundle_()["text/html"]
    assert NOTES not in html
    assert without_counters(html) == without_counters(estimator_html_repr(regressor()))


def test_curve_shows_the_last_record_with_a_text_of_its_own(fitted):
    svg = next(notes_of(fitted).iter("svg"))
    curve = fitted.gradient_flow_.lag_curve[-1, 0]
    points = np.array([p.split(",") for p in svg.find("polyline").get("points").split()], float)
    assert len(points) == len(curve) == 8
    top, bottom = 2, 43  # where 1 and 0 are drawn
    np.testing.assert_allclose((bottom - points[:, 1]) / (bottom - top), curve, atol=0.01)
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == svg.find("title").text
    assert f"Lag 0: {curve[0]:.2g}; lag 4: {curve[4]:.2g}; lag 7: {curve[7]:.2g}." in svg.get(
        "aria-label"
    )
    edge = float(re.match(r"M([\d.]+) ", svg.findall("path")[1].get("d"))[1])
    assert edge == pytest.approx(160 * fitted.gradient_flow_.effective_memory[-1, 0] / 8, abs=0.1)


def test_long_window_is_drawn_in_few_points_that_keep_its_peak():
    curve = np.full(5_000, 0.1)
    curve[3_333] = 1.0
    x, height = np.transpose(LagCurve(curve, 4_000.0).points)
    assert len(x) == 160
    assert height.argmax() == 3_333 * 160 // 5_000
    assert height.max() == 1.0
    assert x[height.argmax()] == pytest.approx(3_333 / 5_000, abs=1 / 160)


def test_notes_run_nothing_and_name_nothing(fitted):
    """No script, no id that another output may have, no style sheet, no colour of their own."""
    notes = notes_of(fitted)
    assert {element.tag for element in notes.iter()} <= {
        *("b", "div", "li", "p", "path", "polygon", "polyline", "span", "svg", "text", "title"),
        "ul",
    }
    names = {name for element in notes.iter() for name in element.attrib}
    assert not names & {"id", "href", "onclick", "onload"}
    styles = " ".join(element.get("style", "") for element in notes.iter())
    assert "color" not in styles
    paints = {element.get(name) for element in notes.iter() for name in ("fill", "stroke")}
    assert paints <= {None, "none", "currentColor"}


@pytest.mark.parametrize("observe", ["auto", "off"])
def test_without_records_what_is_known_is_told(one_ahead, observe):
    model = RNNRegressor(hidden_size=4, max_epochs=2, observe=observe, random_state=0)
    notes = notes_of(model.fit(*one_ahead))
    assert (next(notes.iter("svg"), None) is None) == (observe == "off")
    assert ("memory" in text_of(notes)) == (observe == "auto")
    assert "epochs 2" in text_of(notes)


def test_what_users_write_is_escaped(one_ahead):
    class Hostile(LSTMRegressor):
        __slots__ = ()

    Hostile.__name__ = "<script>alert(1)</script>"
    model = Hostile(hidden_size=4, max_epochs=1, random_state=0).fit(*one_ahead)
    html = model._repr_mimebundle_()["text/html"]
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html[html.index(NOTES) :]


@pytest.mark.parametrize("lost", ["history_", "gradient_flow_", "net_", "n_iter_", "window_"])
def test_strange_state_never_raises(one_ahead, lost):
    model = LSTMRegressor(hidden_size=4, max_epochs=1, random_state=0).fit(*one_ahead)
    setattr(model, lost, "strange")
    html = model._repr_mimebundle_()["text/html"]
    assert "LSTMRegressor" in html
    delattr(model, lost)
    assert "LSTMRegressor" in model._repr_html_()


def test_pipelines_and_searches_show_memory_in_the_box_of_the_network(one_ahead):
    X, y = one_ahead
    params = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
    pipeline = make_pipeline(StandardScaler(), LSTMRegressor(**params)).fit(X, y)
    search = GridSearchCV(LSTMRegressor(**params), {"lr": [0.01]}, cv=KFold(2)).fit(X, y)
    for outer, inner in ((pipeline, pipeline[-1]), (search, search.best_estimator_)):
        html = outer._repr_mimebundle_()["text/html"]
        assert NOTES not in html
        assert "StandardScaler" in html or outer is search
        memory = f"{inner.gradient_flow_.effective_memory[-1, 0]:g}"
        reach = f"95 % of the gradient is within the last {memory} of 8 steps"
        assert reach in html or "the whole window of 8 steps" in html
        unfitted = sklearn.clone(outer)._repr_mimebundle_()["text/html"]
        assert "of the gradient" not in unfitted
        assert "whole window" not in unfitted


def test_memory_of_a_clipping_strategy_is_told_as_of_a_number(one_ahead):
    model = LSTMRegressor(
        hidden_size=4, max_epochs=2, gradient_clipping=ClipNorm(1e4), random_state=0
    ).fit(*one_ahead)
    assert "GF06 info: clipping idle." in text_of(notes_of(model))
