"""scikit-learn's callbacks on a Forecaster: they hear of its fits, and of the epochs within."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from seqforecast import Forecaster, LSTMRegressor
from seqforecast.forecasting.model import fit_tasks

pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")

EPOCHS = 2


class Recorder:
    """Writes down what it is told, by the estimators that it is handed down to."""

    max_propagation_depth = None

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append(("setup", type(estimator).__name__))

    def on_fit_task_begin(self, estimator, context, **kwargs):
        self.events.append(("begin", context.estimator_name, context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, **kwargs):
        self.events.append(("end", context.estimator_name, context.task_name, context.task_id))

    def teardown(self, estimator, context):
        self.events.append(("teardown", type(estimator).__name__))


def series(n=60):
    noise = np.random.default_rng(0).standard_normal(n)
    index = pd.date_range("2000-01", periods=n, freq="MS")
    return pd.Series(20 + 5 * np.sin(np.arange(n) * np.pi / 6) + noise, index)


def network(**params):
    return LSTMRegressor(**{"hidden_size": 4, "max_epochs": EPOCHS, "random_state": 0, **params})


def epochs(task_id):
    """Return the events of a fit of the network, the task_id-th of its Forecaster."""
    each = [(k, "LSTMRegressor", "epoch", n) for n in range(EPOCHS) for k in ("begin", "end")]
    fit = "LSTMRegressor", "fit", task_id
    return [("begin", *fit), *each, ("end", *fit)]


def heard(forecaster, *data):
    recorder = Recorder()
    forecaster.set_callbacks(recorder).fit(*data)
    return recorder.events


@pytest.mark.parametrize(
    ("params", "n_fits"),
    [
        ({}, 1),
        ({"regressor_weight": "auto"}, 2),
        ({"intervals": "conformal"}, 2),
        ({"regressor_weight": "auto", "intervals": "conformal"}, 2),  # which share the second one
    ],
)
def test_every_fit_of_the_network_is_heard_with_its_epochs(params, n_fits):
    events = heard(Forecaster(network(), window=8, horizon=3, **params), series())
    fit = "Forecaster", "fit", 0
    assert events == [
        ("setup", "Forecaster"),
        ("begin", *fit),
        *[event for task in range(n_fits) for event in epochs(task)],
        ("end", *fit),
        ("teardown", "Forecaster"),
    ]


def test_number_of_fits_that_is_announced_is_that_of_the_parameters():
    sizes = []

    class Sizes(Recorder):
        def on_fit_task_begin(self, estimator, context, **kwargs):
            if (context.estimator_name, context.task_name) == ("Forecaster", "fit"):
                sizes.append(context.max_subtasks)

    for regressor, params in (
        (network(), {}),
        (network(), {"regressor_weight": "auto"}),
        (network(), {"intervals": "conformal"}),
        (Ridge(), {}),  # perhaps one for each step
    ):
        forecaster = Forecaster(regressor, window=8, horizon=3, **params)
        forecaster.set_callbacks(Sizes()).fit(series())
    assert sizes == [1, 2, 2, None]


def test_regressor_without_callbacks_is_fitted_without_a_warning():
    events = heard(Forecaster(Ridge(), window=8, horizon=3), series())
    assert ("begin", "Forecaster", "fit-regressor", 0) in events
    assert events[-1] == ("teardown", "Forecaster")


def test_search_hands_callbacks_down_to_the_epochs():
    y = series()
    recorder = Recorder()
    search = GridSearchCV(
        Forecaster(network(), window=8, horizon=3),
        {"window": [8]},
        cv=TimeSeriesSplit(2, test_size=6),
        error_score="raise",
    )
    search.set_callbacks(recorder).fit(pd.DataFrame(index=y.index), y)
    assert recorder.events.count(("end", "LSTMRegressor", "epoch", EPOCHS - 1)) == 3
    assert [e for e in recorder.events if e[0] == "setup"] == [("setup", "GridSearchCV")]
    assert recorder.events[-1] == ("teardown", "GridSearchCV")


def test_watched_fit_is_the_same_and_holds_nothing_of_the_watching():
    y = series()
    forecaster = Forecaster(network(), window=8, horizon=3, regressor_weight="auto")
    silent = clone(forecaster).fit(y)
    watched = clone(forecaster).set_callbacks(Recorder()).fit(y)
    pd.testing.assert_series_equal(watched.predict(), silent.predict())
    assert set(vars(watched)) - set(vars(silent)) == {"_skl_callbacks"}
    for one in (watched.regressor_, watched._model.regressor):
        assert not {"_skl_callbacks", "_parent_callback_ctx", "_callback_fit_ctx"} & set(vars(one))


def test_error_within_the_fit_is_torn_down_and_told_no_end():
    recorder = Recorder()
    forecaster = Forecaster(network(hidden_size=-1), window=8, horizon=3).set_callbacks(recorder)
    with pytest.raises(ValueError, match="hidden_size"):
        forecaster.fit(series())
    assert recorder.events[-1] == ("teardown", "Forecaster")
    assert ("end", "Forecaster", "fit", 0) not in recorder.events
    assert fit_tasks._CONTEXT.get() is None
    assert len(heard(forecaster.set_params(regressor__hidden_size=4), series())) > 4


def test_fit_that_a_predict_pays_for_is_not_told():
    forecaster = Forecaster(network(), window=8, horizon=3)
    recorder = Recorder()
    forecaster.set_callbacks(recorder).fit(series())
    n_events = len(recorder.events)
    forecaster.predict(3, level=80)
    assert len(recorder.events) == n_events
