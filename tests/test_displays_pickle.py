import pickle

import matplotlib
import pytest

from seqforecast import GradientFlowDisplay, GradientNormDisplay, LSTMRegressor, make_windows
from seqforecast.datasets import load_airline

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def model():
    X, y = make_windows(load_airline(), window=12)
    return LSTMRegressor(hidden_size=4, max_epochs=2, random_state=0).fit(X, y)


@pytest.mark.parametrize("kind", ["heatmap", "lag", "timescales", "gates", "input", "norms"])
def test_drawn_display_pickles(model, kind):
    from matplotlib import pyplot

    if kind == "norms":
        display = GradientNormDisplay.from_estimator(model)
    else:
        display = GradientFlowDisplay.from_estimator(model, kind=kind)
    assert type(pickle.loads(pickle.dumps(display))) is type(display)
    pyplot.close("all")
