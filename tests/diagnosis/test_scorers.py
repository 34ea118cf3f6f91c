"""The scorers, inside searches: finite columns that equal what is measured on the fold."""

import functools
import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from seqforecast import (
    GRURegressor,
    LSTMRegressor,
    RNNRegressor,
    clip_fraction_scorer,
    effective_memory_scorer,
    gradient_flow,
    half_life_scorer,
    lag_sensitivity_scorer,
    make_windows,
)

SMALL = {"hidden_size": 8, "max_epochs": 2, "random_state": 0}
WINDOW = 16
SCORERS = {
    "memory": effective_memory_scorer,
    "half_life": half_life_scorer,
    "clipped": clip_fraction_scorer,
    "of_lag_3": lag_sensitivity_scorer(3),
}
SCORING = {"mse": "neg_mean_squared_error", **SCORERS}
GRID = {"forget_bias": [None, "chrono"], "gradient_clipping": [0.1, 10.0]}


@functools.cache
def data(n_channels=1, horizon=1, n=150):
    series = 20 + np.random.default_rng(0).standard_normal((n, n_channels)).cumsum(axis=0)
    X, y = make_windows(series, window=WINDOW, horizon=horizon, target=0)
    return X.copy(), np.array(y)


@functools.cache
def fitted(kind=LSTMRegressor, n_channels=1, horizon=1, **params):
    X, y = data(n_channels, horizon)
    return kind(**SMALL, n_channels=n_channels, **params).fit(X, y)


def measured(estimator, X):
    """Measure without the scorers."""
    model = estimator[-1] if hasattr(estimator, "steps") else estimator
    flow = gradient_flow(model, X if model is estimator else estimator[:-1].transform(X))
    return {
        "memory": flow.effective_memory[-1, 0],
        "half_life": flow.half_life[-1, 0],
        "clipped": np.mean(model.history_["clip_fraction"]),
        "of_lag_3": flow.input_sensitivity[:, 3].sum(axis=1).mean(),
    }


# In searches --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pipe", "n_jobs"), [(False, None), (True, 2)])
def test_grid_search_holds_what_is_measured_on_every_fold(pipe, n_jobs):
    X, y = data()
    model, grid = LSTMRegressor(**SMALL), GRID
    if pipe:
        model = make_pipeline(MinMaxScaler(), model)
        grid = {f"lstmregressor__{name}": values for name, values in grid.items()}
    search = GridSearchCV(
        model, grid, cv=KFold(2), scoring=SCORING, refit="mse", n_jobs=n_jobs, error_score="raise"
    ).fit(X, y)
    results = search.cv_results_
    for k, (train, test) in enumerate(KFold(2).split(X)):
        for i, params in enumerate(results["params"]):
            alone = clone(model).set_params(**params).fit(X[train], y[train])
            for name, value in measured(alone, X[test]).items():
                assert results[f"split{k}_test_{name}"][i] == value, name
    for name in SCORERS:
        columns = [results[f"split{k}_test_{name}"] for k in range(2)]
        assert np.isfinite(columns).all()
        np.testing.assert_allclose(results[f"mean_test_{name}"], np.mean(columns, axis=0))
    order = [(p.popitem()[1], p.popitem()[1]) for p in map(dict, results["params"])]
    by = {name: dict(zip(order, results[f"mean_test_{name}"], strict=True)) for name in SCORERS}
    for bias in (None, "chrono"):
        assert by["clipped"][0.1, bias] > by["clipped"][10.0, bias]
    for limit in (0.1, 10.0):
        assert by["memory"][limit, "chrono"] > by["memory"][limit, None]
        assert by["half_life"][limit, "chrono"] > by["half_life"][limit, None]
    assert search.best_index_ == results["mean_test_mse"].argmax()
    assert effective_memory_scorer(search, X) == measured(search.best_estimator_, X)["memory"]


def test_cross_validate_returns_estimators_that_score_the_same():
    X, y = data()
    result = cross_validate(
        GRURegressor(**SMALL), X, y, cv=KFold(2), scoring=SCORERS, return_estimator=True
    )
    for k, (_, test) in enumerate(KFold(2).split(X)):
        for name, value in measured(result["estimator"][k], X[test]).items():
            assert result[f"test_{name}"][k] == value


def test_a_single_scorer_scores_a_cross_validation():
    X, y = data()
    scores = cross_val_score(RNNRegressor(**SMALL), X, y, cv=KFold(2), scoring=half_life_scorer)
    assert scores.shape == (2,)
    assert (scores > 0).all()


# Each by itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RNNRegressor, LSTMRegressor, GRURegressor])
@pytest.mark.parametrize("params", [{}, {"num_layers": 2}, {"n_channels": 2, "horizon": 3}])
def test_scores_are_plain_floats_of_the_first_layer(kind, params):
    model = fitted(kind, **params)
    X, y = data(params.get("n_channels", 1), params.get("horizon", 1))
    expected = measured(model, X)
    for name, scorer in SCORERS.items():
        score = scorer(model, X, y)
        assert type(score) is float
        assert score == scorer(model, X) == expected[name]


def test_clip_fraction_is_the_mean_over_epochs_and_needs_no_windows():
    model = clone(fitted()).set_params(max_epochs=5, gradient_clipping=0.5, batch_size=16, lr=0.02)
    shares = model.fit(*data()).history_["clip_fraction"]
    assert shares.nunique() > 2
    assert clip_fraction_scorer(model) == pytest.approx(sum(shares) / 5)
    assert clip_fraction_scorer(fitted(gradient_clipping=None)) == 0
    assert clip_fraction_scorer(fitted(gradient_clipping=1e-6, observe="off")) == 1


def test_transformed_target_is_scored_by_its_regressor():
    X, y = data()
    meta = TransformedTargetRegressor(LSTMRegressor(**SMALL), func=np.log, inverse_func=np.exp)
    meta.fit(X, y)
    for scorer in SCORERS.values():
        assert scorer(meta, X, y) == scorer(meta.regressor_, X, y)


def test_lag_sensitivity_adds_channels_and_averages_outputs():
    model, (X, _) = fitted(n_channels=2, horizon=3), data(2, 3)
    sensitivity = gradient_flow(model, X).input_sensitivity
    assert sensitivity.shape == (3, WINDOW, 2)
    scores = [lag_sensitivity_scorer(lag)(model, X) for lag in range(WINDOW)]
    expected = [sensitivity[:, lag, :].sum() / 3 for lag in range(WINDOW)]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    assert len(set(scores)) == WINDOW


def test_lag_sensitivity_pickles_and_shows_its_lag():
    scorer = lag_sensitivity_scorer(np.int64(3))
    again = pickle.loads(pickle.dumps(scorer))
    assert again.lag == 3
    assert again(fitted(), data()[0]) == scorer(fitted(), data()[0])
    assert repr(lag_sensitivity_scorer(3)) == "lag_sensitivity_scorer(3)"


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [-1, 1.5, True, None, "3"])
def test_lag_is_an_integer_from_zero_on(lag):
    message = f"^lag={re.escape(repr(lag))}; an integer of at least 0 is needed. Set lag to such"
    with pytest.raises(ValueError, match=message):
        lag_sensitivity_scorer(lag)


@pytest.mark.parametrize("lag", [WINDOW, 100])
def test_lag_beyond_the_window_is_refused(lag):
    message = rf"^lag={lag}, but the windows have 16 steps; a lag from 0 to 15 is needed. Lengthen"
    with pytest.raises(ValueError, match=message):
        lag_sensitivity_scorer(lag)(fitted(), data()[0])
    assert lag_sensitivity_scorer(WINDOW - 1)(fitted(), data()[0]) > 0


@pytest.mark.parametrize("name", SCORERS)
def test_what_cannot_be_scored_is_refused(name):
    X, y = data()
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        SCORERS[name](LSTMRegressor(), X, y)
    with pytest.raises(TypeError, match="^got a Ridge; .*RNNRegressor, LSTM.* is needed"):
        SCORERS[name](Ridge().fit(X, y), X, y)
    if name != "clipped":  # which looks at no windows
        with pytest.raises(ValueError, match="X has 5 features, but LSTMRegressor is expecting 16"):
            SCORERS[name](fitted(), X[:, :5])
