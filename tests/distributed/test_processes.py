"""Worker processes: the numbers of one process, also where a worker is killed on the way."""

import os
import signal
import threading
import time
from contextlib import contextmanager
from itertools import chain

import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import Pipeline

from seqforecast import (
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    PanelSplit,
    distributed,
    forecast_scorer,
    make_windows,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Two workers of one thread each."""
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",  # any free port
        local_directory=str(tmp_path_factory.mktemp("dask")),
    )
    with cluster, Client(cluster) as connected:
        yield connected


class Gate:
    """Where both workers wait until one was killed at its work: no kill depends on the clock."""

    def __init__(self, folder, client):
        self.folder, self.client = folder, client

    def wait_in_worker(self):
        """Return a function that says who waits, and waits until the gate is open."""
        folder = self.folder

        def wait():
            (folder / f"{os.getpid()}.waits").touch()
            while not (folder / "open").exists():
                time.sleep(0.01)

        return wait

    def kill_one_that_waits(self):
        """Kill the process of a worker within its task, and let the other go on.

        It is one that alone holds something, if there is such a worker: the hardest case.
        """
        while len(list(self.folder.glob("*.waits"))) < 2:
            time.sleep(0.01)
        processes = self.client.run(os.getpid)
        alone = [names[0] for names in self.client.who_has().values() if len(names) == 1]
        os.kill(processes[(alone or list(processes))[0]], signal.SIGKILL)
        (self.folder / "open").touch()

    @contextmanager
    def killing(self):
        """Kill a worker while something else is done here."""
        killer = threading.Thread(target=self.kill_one_that_waits, daemon=True)
        killer.start()
        yield
        killer.join()


@pytest.fixture
def gate(tmp_path, client):
    (tmp_path / "gate").mkdir()
    return Gate(tmp_path / "gate", client)


def worker_processes(client):
    return set(client.run(os.getpid).values())


def scores(search):
    return np.stack([search.cv_results_[f"split{k}_test_score"] for k in range(search.n_splits_)])


def assert_same_search(ours, local):
    assert scores(ours).tobytes() == scores(local).tobytes()
    assert ours.best_params_ == local.best_params_


# -------------------------------------------------------------------------------------- forecasts


def test_processes_forecast_the_same_bits(client, forecaster, frame, partitioned, assert_same):
    lazy = distributed.predict(forecaster, partitioned(frame, 4), 8, level=80)
    assert_same(client.compute(lazy).result(), forecaster.predict(8, level=80))


def test_processes_refuse_a_series_that_is_cut(client, forecaster, frame):
    early = frame["ds"] < frame["ds"].max() - pd.Timedelta(days=20)
    parts = [frame[early], frame[~early]]
    ddf = dd.from_map(lambda k: parts[k], range(2), meta=frame.iloc[:0])
    with pytest.raises(ValueError, match="stands in more than one partition"):
        client.compute(distributed.predict(forecaster, ddf)).result()


def test_a_worker_killed_in_a_forecast_changes_nothing(
    client, frame, partitioned, assert_same, gate
):
    wait = gate.wait_in_worker()

    class Gated(GRURegressor):  # a class of a function: workers cannot import what a test defines
        def predict(self, X):
            wait()
            return super().predict(X)

    network = Gated(hidden_size=4, max_epochs=1, random_state=0)
    forecaster = Forecaster(network, window=7, horizon=5).fit(frame)
    before = worker_processes(client)
    forecasts = client.compute(distributed.predict(forecaster, partitioned(frame, 4), 8))
    gate.kill_one_that_waits()
    assert_same(forecasts.result(), forecaster.predict(8))
    client.wait_for_workers(2)
    assert len(worker_processes(client) & before) == 1


# ----------------------------------------------------------------------------------------- search


@pytest.fixture(scope="module")
def windows():
    t = np.arange(640.0)  # so many that joblib scatters the indices of the folds, too
    return make_windows(np.sin(t / 3) + 0.1 * np.cos(t * t), window=6)


def search_of_networks(first_step="passthrough"):
    network = LSTMRegressor(max_epochs=1, random_state=0)
    pipeline = Pipeline([("first", first_step), ("network", network)])
    return pipeline, {"network__hidden_size": [2, 4], "network__lr": [0.01, 0.001]}


@pytest.mark.slow
@pytest.mark.usefixtures("client")
def test_search_of_networks_over_processes_is_the_local_one(windows):
    search = GridSearchCV(*search_of_networks(), cv=TimeSeriesSplit(2))
    local = GridSearchCV(*search_of_networks(), cv=TimeSeriesSplit(2)).fit(*windows)
    with joblib.parallel_config(backend="dask"):
        search.fit(*windows)
    assert_same_search(search, local)
    assert search.predict(windows[0]).tobytes() == local.predict(windows[0]).tobytes()


@pytest.mark.usefixtures("client")
def test_search_of_a_forecaster_over_processes_is_the_local_one(frame):
    series = frame[frame["unique_id"] == "s01"].set_index("ds")["y"].asfreq("D")
    times = pd.DataFrame(index=series.index)
    grid = {"window": [5, 7], "regressor": [Ridge(), GRURegressor(max_epochs=1, random_state=0)]}
    folds = TimeSeriesSplit(2, test_size=5)
    local = GridSearchCV(Forecaster(Ridge(), horizon=5), grid, cv=folds).fit(times, series)
    search = GridSearchCV(Forecaster(Ridge(), horizon=5), grid, cv=folds)
    with joblib.parallel_config(backend="dask"):
        search.fit(times, series)
    assert_same_search(search, local)


@pytest.mark.usefixtures("client")
def test_search_over_a_panel_in_processes_is_the_local_one(frame):
    def new_search():
        return GridSearchCV(
            Forecaster(GRURegressor(max_epochs=1, random_state=0), horizon=5),
            {"window": [5, 7]},
            cv=PanelSplit(2, 5),
            scoring=forecast_scorer("mase"),
            error_score="raise",
        )

    with joblib.parallel_config(backend="dask"):
        search = new_search().fit(frame)
    assert_same_search(search, new_search().fit(frame))


@pytest.mark.slow
def test_a_worker_killed_in_a_search_changes_nothing(client, windows, gate):
    wait = gate.wait_in_worker()

    class Waits(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            wait()
            return self

        def transform(self, X):
            return X

    X, y = windows
    splits = list(TimeSeriesSplit(3).split(X))
    local = GridSearchCV(*search_of_networks(), cv=splits).fit(X, y)
    search = GridSearchCV(*search_of_networks(Waits()), cv=splits)
    before = worker_processes(client)
    # The recipe of the guide: every array on every worker, and nobody who takes copies away.
    client.amm.stop()
    try:
        everything = [X, y, *chain.from_iterable(splits)]
        with gate.killing(), joblib.parallel_config(backend="dask", scatter=everything):
            search.fit(X, y)
    finally:
        client.amm.start()
    assert_same_search(search, local)
    client.wait_for_workers(2)
    assert len(worker_processes(client) & before) == 1
