"""Fitted estimators that reports are made of, and what reads a report."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, make_windows, report
from seqforecast.datasets import load_airline, make_seasonal_ar
from tests.reporting.reading import Page

KINDS = ("lstm", "panel", "regressor", "ridge")
HOSTILE = "<script>alert('x')</script> & \"$\\frac$\""


def panel_frame(n_series=10, n_steps=90):
    """Series of days with a weekly season, one of them with a name that attacks the page."""
    rng = np.random.default_rng(0)
    steps = np.arange(n_steps)
    frames = []
    for k in range(n_series):
        name = HOSTILE if k == 3 else f"store_{k}"
        y = 50 + 8 * np.sin(2 * np.pi * steps / 7 + k) + rng.normal(0, 1 + k / 3, n_steps)
        ds = pd.date_range("2024-01-01", periods=n_steps, freq="D")
        frames.append(pd.DataFrame({"unique_id": name, "ds": ds, "y": y}))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="session")
def passengers():
    return load_airline()


@pytest.fixture(scope="session")
def lstm_forecaster(passengers):
    regressor = LSTMRegressor(hidden_size=8, max_epochs=6, random_state=0)
    return Forecaster(regressor, window=24, horizon=12).fit(passengers)


@pytest.fixture(scope="session")
def ridge_forecaster(passengers):
    return Forecaster(Ridge(), window=24, horizon=12).fit(passengers)


@pytest.fixture(scope="session")
def panel_forecaster():
    regressor = GRURegressor(hidden_size=8, max_epochs=4, random_state=0)
    return Forecaster(regressor, window=14, horizon=7).fit(panel_frame())


@pytest.fixture(scope="session")
def windows():
    return make_windows(make_seasonal_ar(2000, period=24, random_state=0), window=30)


@pytest.fixture(scope="session")
def forgetful(windows):
    """A regressor whose gradient vanishes before the season that its series has."""
    X, y = windows
    return LSTMRegressor(
        hidden_size=8,
        forget_bias=None,
        recurrent_init=None,
        max_epochs=3,
        gradient_clipping=None,
        random_state=0,
    ).fit(X[:1500], y[:1500])


@pytest.fixture(scope="session")
def pages(
    lstm_forecaster, panel_forecaster, forgetful, windows, ridge_forecaster, tmp_path_factory
):
    """A report of each kind; write others only of what differs."""
    folder = tmp_path_factory.mktemp("reports")
    X, y = windows
    return {
        "lstm": Page(report(lstm_forecaster, folder / "lstm.html")),
        "panel": Page(report(panel_forecaster, folder / "panel.html")),
        "regressor": Page(report(forgetful, folder / "r.html", X[1500:], y[1500:], season=24)),
        "ridge": Page(report(ridge_forecaster, folder / "ridge.html")),
    }


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the pictures empty, which take most of the time, where a test reads words only."""
    empty = b'<svg viewBox="0 0 1 1" />'
    monkeypatch.setattr("seqforecast.reporting.svg._drawn", lambda *_: empty)
