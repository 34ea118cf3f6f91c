"""forecast_scorer, against errors worked out beside it, inside and outside of searches."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import max_error
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqforecast import Forecaster, GRURegressor, forecast_scorer, make_windows, metrics

METRICS = ("mae", "rmse", "smape")
NAN = np.nan
DAYS = pd.date_range("2024-01-01", periods=60, freq="D")
NO_FEATURES = pd.DataFrame(index=DAYS)


def forecaster(**params):
    return Forecaster(Ridge(), window=5, horizon=3, season=None, **params)


def wide(seed=0):
    values = 20 + np.random.default_rng(seed).standard_normal((60, 3)).cumsum(axis=0)
    return pd.DataFrame(values, index=DAYS, columns=["a", "b", "c"])


class Says(RegressorMixin, BaseEstimator):
    """Forecasts what it was told."""

    def __init__(self, forecast):
        self.forecast = forecast

    def predict(self, X):
        return np.asarray(self.forecast)


def twin(metric, actual, forecast):
    """Average over columns the error of their known values, with the public metric."""
    pairs = ((a[~np.isnan(a)], f[~np.isnan(a)]) for a, f in zip(actual.T, forecast.T, strict=True))
    errors = [getattr(metrics, metric)(a, f) for a, f in pairs if len(a)]
    return -np.mean(errors)


def test_known_answers():
    y, forecast = [10.0, NAN, 30.0], [12.0, 99.0, 26.0]
    scores = [forecast_scorer(metric)(Says(forecast), None, y) for metric in METRICS]
    expected = [-3.0, -np.sqrt(10.0), -100 * (2 / 22 * 2 + 4 / 56 * 2) / 2]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_columns_count_once_each_and_those_without_a_value_not_at_all(metric):
    rng = np.random.default_rng(0)
    actual, forecast = rng.uniform(1, 9, (2, 20, 4))
    actual[:15, 1], actual[:, 2] = NAN, NAN
    score = forecast_scorer(metric)(Says(forecast), None, actual)
    assert score == pytest.approx(twin(metric, actual, forecast), rel=1e-12)


def test_a_function_is_given_the_known_values_of_each_column():
    actual = np.array([[1.0, NAN], [5.0, NAN], [NAN, NAN], [9.0, 3.0]])
    score = forecast_scorer(max_error)(Says(np.zeros((4, 2))), None, actual[:, [0, 1]])
    assert score == -(9.0 + 3.0) / 2


def test_of_targets_at_every_step_the_last_counts():
    actual = np.array([[[1.0], [4.0]], [[2.0], [NAN]], [[3.0], [7.0]]])
    assert forecast_scorer("mae")(Says([5.0, 0.0, 9.0]), None, actual) == -1.5


@pytest.mark.parametrize("metric", METRICS)
def test_a_wide_frame_is_its_own_truth_whatever_the_order_of_its_columns(metric):
    frame = wide()
    model, test = forecaster().fit(frame[:54]), frame[54:].copy()
    test.iloc[1, 0], test["b"] = NAN, NAN
    expected = twin(metric, test.to_numpy(), model.predict(test).to_numpy())
    for order in (["a", "b", "c"], ["c", "b", "a"]):
        score = forecast_scorer(metric)(model, test[order])
        assert score == pytest.approx(expected, rel=1e-12)
    assert forecast_scorer(metric)(model, test.astype("Float64")) == score


def test_the_score_of_a_forecaster_matches_columns_by_name_too():
    frame = wide()
    model = forecaster().fit(frame[:54])
    assert model.score(frame.loc[DAYS[54:], ["c", "a", "b"]]) == model.score(frame[54:])
    with pytest.raises(
        ValueError, match=r"X lacks the columns \['a', 'c'\], .* Pass all series of"
    ):
        model.score(frame.loc[DAYS[54:], ["b"]])


def test_a_search_over_a_series_with_missing_values_finds_the_best_candidate():
    y = wide()["a"].where(np.arange(60) % 7 != 3)
    search = GridSearchCV(
        forecaster(),
        {"window": [2, 5, 12], "regressor__alpha": [1e-3, 1e3]},
        cv=TimeSeriesSplit(3, test_size=6),
        scoring=forecast_scorer("mae"),
    ).fit(NO_FEATURES, y)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 6
    assert search.best_score_ == scores.max()
    folds = []
    for train, test in search.cv.split(y):
        model = clone(search.best_estimator_).fit(NO_FEATURES.iloc[train], y.iloc[train])
        errors = (y.iloc[test] - model.predict(NO_FEATURES.iloc[test])).abs()
        folds.append(-errors.mean())  # pandas leaves NaN out
    assert search.best_score_ == pytest.approx(np.mean(folds), rel=1e-12)


def test_a_series_or_a_wide_frame_without_y_in_cross_val_score():
    cv, score = TimeSeriesSplit(2, test_size=6), forecast_scorer("rmse")
    holes = wide().where(np.arange(60)[:, None] % 7 != np.array([3, 4, 5]))
    scores = cross_val_score(forecaster(), holes, cv=cv, scoring=score, error_score="raise")
    assert (scores < 0).all()
    one = cross_val_score(forecaster(), holes["a"], cv=cv, scoring=score, error_score="raise")
    with_y = cross_val_score(forecaster(), NO_FEATURES, holes["a"], cv=cv, scoring=score)
    np.testing.assert_array_equal(one, with_y)


def test_regressors_of_windows_pipelines_and_transformed_targets():
    series, score = wide()["a"].to_numpy(), forecast_scorer("mae")
    X, y = make_windows(series, window=4, horizon=2)
    network = GRURegressor(hidden_size=2, max_epochs=1, observe="off", random_state=0)
    for model in (
        make_pipeline(StandardScaler(), network),
        TransformedTargetRegressor(network, transformer=StandardScaler()),
        Ridge(),
    ):
        scores = cross_val_score(model, X, y, cv=KFold(2), scoring=score, error_score="raise")
        twins = cross_val_score(model, X, y, cv=KFold(2), scoring="neg_mean_absolute_error")
        np.testing.assert_allclose(scores, twins, rtol=1e-12)
    X, y = make_windows(series, window=4, every_step=True, flat=False)
    y = np.where(np.arange(len(y))[:, None, None] % 5 == 0, NAN, y)
    search = GridSearchCV(network, {"lr": [1e-3, 1e-1]}, cv=KFold(2), scoring=score).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    errors = np.abs(y[:, -1] - search.predict(X))
    assert score(search, X, y) == pytest.approx(-np.nanmean(errors), rel=1e-12)


def test_it_pickles_and_shows_its_metric():
    scorer = pickle.loads(pickle.dumps(forecast_scorer("smape")))
    assert repr(scorer) == "forecast_scorer('smape')"
    assert repr(clone(scorer, safe=False)) == repr(scorer)
    assert scorer(Says([1.0]), None, [3.0]) == -100.0


# Bad input ----------------------------------------------------------------------------------------


def test_an_unknown_metric_is_answered_with_the_word():
    with pytest.raises(ValueError, match="metric='rsme'; one of 'mae', 'rmse', .*mean 'rmse'"):
        forecast_scorer("rsme")


@pytest.mark.parametrize(
    ("actual", "forecast", "message"),
    [
        ([NAN, NAN], [1.0, 2.0], "no actual value is known .* at least one .* Take longer test"),
        ([1.0, NAN, 2.0], [NAN, 1.0, 2.0], "1 of 2 known values are infinite, or their forecasts"),
        ([1.0, np.inf], [1.0, 2.0], "1 of 2 known values are infinite, .* Look at"),
        ([1.0, 2.0], [1.0], r"y has shape \(2, 1\), the forecast \(1, 1\); the same is needed"),
        (["1", "2"], [1.0, 2.0], "y holds text .*; real numbers are needed. Convert"),
    ],
    ids=["unknown", "no_forecast", "infinite", "shapes", "text"],
)
def test_what_cannot_be_scored_is_refused(actual, forecast, message):
    with pytest.raises((TypeError, ValueError), match=message):
        forecast_scorer("mae")(Says(forecast), None, actual)


def test_without_y_only_a_forecaster_is_scored():
    X, y = make_windows(wide()["a"].to_numpy(), window=1)
    for model in (DummyRegressor(), make_pipeline(StandardScaler(), DummyRegressor())):
        with pytest.raises(ValueError, match=r"y is None, but the estimator is a .* Pass y\."):
            forecast_scorer("mae")(model.fit(X, y), X)
