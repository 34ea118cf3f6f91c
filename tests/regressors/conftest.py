import numpy as np
import pytest

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows


@pytest.fixture(params=[RNNRegressor, LSTMRegressor, GRURegressor], ids=lambda kind: kind.__name__)
def regressor(request):
    """Each of the three classes in turn."""
    return request.param


@pytest.fixture(scope="session")
def series():
    """A noisy season of twelve steps around 100."""
    noise = np.random.default_rng(0).standard_normal(80)
    return 100.0 + 10.0 * np.sin(np.arange(80) * 2 * np.pi / 12) + noise


@pytest.fixture(scope="session")
def windows(series):
    """69 flat windows of 8 steps, and the next 4 values of each."""
    return make_windows(series, window=8, horizon=4)


@pytest.fixture(scope="session")
def one_ahead(series):
    """72 flat windows of 8 steps, and the next value of each."""
    return make_windows(series, window=8)


@pytest.fixture(scope="session")
def two_channels(series):
    """72 flat windows of 8 steps and 2 channels, and the next value of the first channel."""
    return make_windows(np.column_stack([series, np.roll(series, 3) / 50]), window=8)
