"""Panels whose series are of unequal length, and what lays them into partitions."""

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from seqforecast import Forecaster, GRURegressor


@pytest.fixture(scope="session")
def make_frame():
    """Return a function: so many series of some lengths, which end together, to a long frame."""

    def make(n_series, lengths=(60, 95, 33, 81), *, seed=0):
        rng = np.random.default_rng(seed)
        parts = []
        for i in range(n_series):
            n = lengths[i % len(lengths)]
            days = np.arange(max(lengths) - n, max(lengths))
            wave = np.sin(2 * np.pi * days / 7) + 0.1 * rng.standard_normal(n).cumsum()
            times = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D")
            columns = {
                "unique_id": f"s{i:02d}",
                "ds": times,
                "y": 20.0 + 5 * wave + i,
                "heat": rng.standard_normal(n),
                "promo": rng.integers(0, 2, n).astype(float),
                "size": float(i),
            }
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True)

    return make


@pytest.fixture(scope="session")
def frame(make_frame):
    """11 series, without features."""
    return make_frame(11)[["unique_id", "ds", "y"]]


@pytest.fixture(scope="session")
def network():
    """Return a function: parameters, to a small network, which forecasts the same bits anywhere."""

    def make(**given):
        return GRURegressor(hidden_size=4, max_epochs=1, random_state=0, **given)

    return make


@pytest.fixture(scope="session")
def new_forecaster(network):
    """Return a function: parameters, to a forecaster."""

    def make(regressor=None, **given):
        settings = {"window": 7, "horizon": 5, **given}
        return Forecaster(regressor or network(), **settings)

    return make


@pytest.fixture(scope="session")
def forecaster(new_forecaster, frame):
    return new_forecaster().fit(frame)


@pytest.fixture(scope="session")
def partitioned():
    """Return a function: a frame to a Dask frame that knows where its series are."""

    def make(frame, npartitions=3):
        return dd.from_pandas(frame.set_index(frame.columns[0]), npartitions=npartitions)

    return make


@pytest.fixture(scope="session")
def assert_same():
    """Return a function: fail unless two results hold the same rows, bit by bit."""

    def check(distributed, local):
        assert list(distributed.columns) == list(local.columns)
        order = [name for name in ("cutoff", "step", local.columns[1]) if name in local]
        order = [local.columns[0], *order]
        a, b = (one.sort_values(order).reset_index(drop=True) for one in (distributed, local))
        assert len(a) == len(b) > 0
        for name in a.columns:
            assert a[name].tolist() == b[name].tolist() or (
                a[name].to_numpy().tobytes() == b[name].to_numpy().tobytes()
            ), name

    return check
