"""Validation windows and weights that reach `fit` through a Pipeline and a search."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from seqforecast import LSTMRegressor, make_windows

N = 40


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def parts(series):
    """40 training windows and 20 later validation windows, with their targets."""
    X, y = make_windows(series, window=8)
    return X[:N], y[:N], X[N : N + 20], y[N : N + 20]


def small(**params):
    params = {"hidden_size": 4, "max_epochs": 6, "n_iter_no_change": 2, **params}
    return LSTMRegressor(**params, random_state=0)


def pipeline():
    # transform_input: the scaler sees the validation windows on their way too.
    regressor = small().set_fit_request(X_val=True, y_val=True)
    steps = [("scale", StandardScaler()), ("lstm", regressor)]
    return Pipeline(steps, transform_input=["X_val"])


@pytest.mark.usefixtures("routing")
def test_x_val_through_a_pipeline_equals_by_hand(parts):
    X, y, X_val, y_val = parts
    pipe = pipeline().fit(X, y, X_val=X_val, y_val=y_val)
    scaler = StandardScaler().fit(X)
    by_hand = small().fit(scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val)
    assert pipe[-1].n_validation_ == len(X_val)
    np.testing.assert_array_equal(pipe.predict(X), by_hand.predict(scaler.transform(X)))
    np.testing.assert_array_equal(pipe[-1].history_["valid_loss"], by_hand.history_["valid_loss"])
    # What happens without transform_input: validation in other units.
    untold = small().fit(scaler.transform(X), y, X_val=X_val, y_val=y_val)
    assert untold.history_["valid_loss"].iloc[0] != by_hand.history_["valid_loss"].iloc[0]


@pytest.mark.usefixtures("routing")
def test_x_val_through_a_search_in_a_pipeline_reaches_every_fit(parts):
    X, y, X_val, y_val = parts
    grid = {"lstm__hidden_size": [2, 4]}
    search = GridSearchCV(pipeline(), grid, cv=KFold(2), error_score="raise")
    search.fit(X, y, X_val=X_val, y_val=y_val)
    assert search.best_estimator_[-1].n_validation_ == len(X_val)


@pytest.mark.usefixtures("routing")
def test_x_val_not_requested_raises(parts):
    X, y, X_val, y_val = parts
    pipe = Pipeline([("scale", StandardScaler()), ("lstm", small())])
    with pytest.raises(UnsetMetadataPassedError, match="X_val"):
        pipe.fit(X, y, X_val=X_val, y_val=y_val)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize(("n_val", "arrive"), [(20, 20), (N, N * 3 // 4)])
def test_x_val_as_long_as_x_in_cross_validation_is_cut_by_the_fold(series, n_val, arrive):
    # The trap that the documentation names: scikit-learn takes metadata of the length of X for
    # one value a row, and gives each fold its rows. Any other length arrives whole.
    X, y = make_windows(series, window=8)
    model = small().set_fit_request(X_val=True, y_val=True)
    validation = {"X_val": X[-n_val:], "y_val": y[-n_val:]}
    result = cross_validate(
        model,
        X[:N],
        y[:N],
        cv=KFold(4),
        params=validation,
        return_estimator=True,
        error_score="raise",
    )
    assert [fold.n_validation_ for fold in result["estimator"]] == [arrive] * 4


@pytest.mark.usefixtures("routing")
def test_sample_weight_through_a_search_is_cut_by_the_fold(parts):
    X, y, *_ = parts
    weight = np.random.default_rng(0).uniform(0.1, 2, N)
    model = small().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    params = {"sample_weight": weight}
    scores = cross_val_score(model, X, y, cv=KFold(2), params=params, error_score="raise")
    half = N // 2
    first = clone(model).fit(X[half:], y[half:], sample_weight=weight[half:])
    assert scores[0] == first.score(X[:half], y[:half], sample_weight=weight[:half])


def test_sample_weight_without_routing_by_step_name_equals_by_hand(parts):
    X, y, *_ = parts
    weight = np.arange(N, dtype=float)
    pipe = Pipeline([("scale", StandardScaler()), ("lstm", small())])
    pipe.fit(X, y, lstm__sample_weight=weight)
    scaled = StandardScaler().fit_transform(X)
    by_hand = small().fit(scaled, y, sample_weight=weight)
    np.testing.assert_array_equal(pipe.predict(X), by_hand.predict(scaled))
