"""The forecaster among scikit-learn's tools: searches, clones, pickles and its estimator checks."""

import io
import pickle
from functools import partial
from unittest import SkipTest

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_regressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import TransformerTags, get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator

from seqforecast import Forecaster, LSTMRegressor
from tests.covering import covering

MONTHS = pd.date_range("2015-01-31", periods=72, freq="ME")


def wave(index=MONTHS, seed=0):
    t = np.arange(len(index))
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return pd.Series(100 + 20 * np.sin(t * np.pi / 6) + noise, index=index, name="sales")


SERIES = wave()
NO_FEATURES = pd.DataFrame(index=MONTHS)
PANEL = pd.DataFrame({"b": SERIES, "a": wave(seed=1)})
LONG = PANEL.rename_axis(index="ds", columns="unique_id")
LONG = LONG.melt(value_name="y", ignore_index=False).reset_index()


def forecaster(regressor=None, **params):
    return Forecaster(regressor or Ridge(), **{"window": 6, "horizon": 4, "season": 12} | params)


def lstm(**params):
    settings = {"hidden_size": 4, "max_epochs": 1, "observe": "off", "random_state": 0}
    return LSTMRegressor(**settings | params)


# ------------------------------------------------------------------------------------- searches


def test_grid_search_over_window_and_parameters_of_the_network():
    grid = {
        "window": [4, 6],
        "regressor__hidden_size": [2, 3],
        "regressor__forget_bias": [1.0, "chrono"],
    }
    search = GridSearchCV(
        forecaster(lstm()),
        grid,
        cv=TimeSeriesSplit(2, test_size=4),
        scoring="neg_mean_absolute_error",
        error_score="raise",
    )
    search.fit(NO_FEATURES, SERIES)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 8  # every parameter changes the forecasts
    assert (scores > -25).all()
    best = search.best_estimator_
    assert best.window == search.best_params_["window"]
    assert best.regressor_.hidden_size == search.best_params_["regressor__hidden_size"]
    ahead = pd.DataFrame(index=MONTHS[-1] + MONTHS.freq * np.arange(1, 4))
    assert search.predict(ahead).index.equals(ahead.index)
    train, test = list(TimeSeriesSplit(2, test_size=4).split(NO_FEATURES))[1]
    alone = clone(forecaster(lstm())).set_params(**search.cv_results_["params"][0])
    forecast = alone.fit(NO_FEATURES.iloc[train], SERIES.iloc[train]).predict(
        NO_FEATURES.iloc[test]
    )
    error = -np.abs(forecast - SERIES.iloc[test]).mean()
    assert search.cv_results_["split1_test_score"][0] == pytest.approx(error, rel=1e-12)


@pytest.mark.parametrize("gap", [0, 1, 5])
def test_grid_search_scores_what_predict_gives_with_a_gap(gap):
    cv = TimeSeriesSplit(3, test_size=4, gap=gap)
    scores = cross_val_score(forecaster(), NO_FEATURES, SERIES, cv=cv, error_score="raise")
    assert (scores > 0.8).all()
    train, test = list(cv.split(NO_FEATURES))[-1]
    forecast = forecaster().fit(SERIES.iloc[train]).predict(4 + gap)[gap:]
    truth = SERIES.iloc[test]
    r2 = 1 - ((forecast - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    assert scores[-1] == pytest.approx(r2, rel=1e-9)


@pytest.mark.parametrize("data", [SERIES, PANEL, SERIES.to_numpy()], ids=["series", "wide", "1-D"])
def test_grid_search_without_y_scores_the_series_themselves(data):
    search = GridSearchCV(
        forecaster(), {"window": [4, 6]}, cv=TimeSeriesSplit(2, test_size=4), error_score="raise"
    ).fit(data)
    assert (search.cv_results_["mean_test_score"] > 0.8).all()
    known = data.iloc[:-4] if hasattr(data, "iloc") else data[:-4]
    ahead = data.iloc[-4:] if hasattr(data, "iloc") else data[-4:]
    r2 = forecaster(window=4).fit(known).score(ahead)
    assert search.cv_results_["split1_test_score"][0] == pytest.approx(r2)


def test_score_of_a_wide_frame_is_the_mean_over_series_and_skips_missing_values():
    model = forecaster().fit(PANEL[:-6])
    forecast, truth = model.predict(6), PANEL[-6:]
    r2 = 1 - ((forecast - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    assert model.score(truth) == pytest.approx(r2.mean())
    holes = truth.copy()
    holes.iloc[2, 0] = np.nan
    known = truth["b"].drop(index=truth.index[2])
    b = 1 - ((forecast["b"] - known) ** 2).sum() / ((known - known.mean()) ** 2).sum()
    assert model.score(holes) == pytest.approx((b + r2["a"]) / 2)
    weight = np.array([0, 0, 1, 2, 1, 1.0])
    assert model.score(truth, sample_weight=weight) != model.score(truth)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (KFold(3), "overlap the training time.*KFold.*TimeSeriesSplit"),
        (KFold(3, shuffle=True, random_state=0), "overlap the training time|has gaps|fewer than"),
    ],
)
def test_splitters_that_do_not_respect_time_are_refused(cv, message):
    search = GridSearchCV(forecaster(), {"window": [4]}, cv=cv, error_score="raise")
    with pytest.raises(ValueError, match=message):
        search.fit(NO_FEATURES, SERIES)


def test_a_pipeline_that_sets_the_output_of_its_scaler_forecasts_the_same():
    """It takes what has an attribute `transform`, here a parameter, for a transformer."""
    features = pd.DataFrame({"heat": wave(seed=2)})
    plain = make_pipeline(StandardScaler(), forecaster(Ridge(), future=["x0"]))
    framed = make_pipeline(StandardScaler(), forecaster(Ridge(), future=["heat"]))
    assert framed.set_output(transform="pandas") is framed
    assert framed[-1].get_params()["transform"] == "auto"
    for pipeline in (plain, framed):
        pipeline.fit(features[:-4], SERIES[:-4])
    assert framed[-1].feature_names_in_.tolist() == ["heat"]
    forecast = framed.predict(features[-4:])
    np.testing.assert_array_equal(forecast, plain.predict(features[-4:]))
    assert forecast.index.equals(MONTHS[-4:])
    cv = TimeSeriesSplit(2, test_size=4)
    scores = cross_val_score(framed, features, SERIES, cv=cv, error_score="raise")
    assert (scores > 0.8).all()
    for choice in (None, "default", "pandas"):
        assert framed[-1].set_output(transform=choice) is framed[-1]
    pd.testing.assert_series_equal(framed.predict(features[-4:]), forecast)


# --------------------------------------------------------------------------------- clone, pickle


def test_clone_keeps_parameters_and_nested_ones_can_be_set():
    model = forecaster(
        lstm(hidden_size=7), transform=StandardScaler(), past=["x"], columns=("i", "t", "v")
    )
    copy = clone(model)
    assert copy.get_params()["regressor__hidden_size"] == 7
    for name, value in model.get_params(deep=False).items():
        other = copy.get_params(deep=False)[name]
        assert (other is not value) if name in ("regressor", "transform") else (other == value)
    copy.set_params(regressor__hidden_size=3, transform__with_mean=False, window=9)
    assert (copy.regressor.hidden_size, copy.window) == (3, 9)
    assert not copy.transform.with_mean
    assert model.regressor.hidden_size == 7
    assert model.transform.with_mean


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_joblib(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


@pytest.mark.parametrize(
    ("through", "data", "regressor"),
    covering([through_pickle, through_joblib], [SERIES, PANEL, LONG], [Ridge(), lstm()]),
)
def test_round_trip_forecasts_the_same_bits(regressor, data, through):
    model = forecaster(regressor, transform=StandardScaler()).fit(data)
    copy = through(model)
    equal = pd.testing.assert_frame_equal
    equal(copy.predict(9, level=80), model.predict(9, level=80), check_exact=True)
    equal(through(model).predict(9, level=80), model.predict(9, level=80), check_exact=True)
    if data is not LONG:
        newest = data[-1:].set_axis(data.index[-1:] + data.index.freq)
        a, b = copy.update(newest), model.update(newest)
        equal(a.predict(9, level=80), b.predict(9, level=80), check_exact=True)


def test_refit_with_the_same_random_state_gives_the_same_bits():
    model = forecaster(lstm())
    first = model.fit(LONG).predict()
    np.random.seed(123)  # noqa: NPY002
    pd.testing.assert_frame_equal(model.fit(LONG).predict(), first, check_exact=True)
    other = clone(model).set_params(regressor__random_state=1).fit(LONG).predict()
    assert (other["y_hat"] != first["y_hat"]).all()


def test_set_params_after_fit_does_not_change_what_is_forecast():
    model = forecaster().fit(LONG)
    before = model.predict(6, level=80)
    model.set_params(
        window=2, horizon=1, baseline=None, transform=None, season=None, columns=("a", "b", "c")
    )
    model.set_params(regressor=None, future=["nothing"], intervals="conformal")
    pd.testing.assert_frame_equal(model.predict(6, level=80), before, check_exact=True)


def test_a_later_fit_forgets_the_one_before():
    features = pd.DataFrame({"x": np.arange(72.0)}, index=MONTHS)
    model = forecaster().fit(features, SERIES)
    assert model.n_features_in_ == 1
    assert model.feature_names_in_.tolist() == ["x"]
    model.fit(PANEL)
    fresh = forecaster().fit(PANEL)
    assert sorted(vars(model)) == sorted(vars(fresh))
    pd.testing.assert_frame_equal(model.predict(), fresh.predict(), check_exact=True)


# ------------------------------------------------------------------------------ estimator checks


class WithTags(Forecaster):
    """Says it is a transformer: scikit-learn takes all that have an attribute transform for one."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags = TransformerTags()
        return tags


class WithoutTransform(Forecaster):
    """Without the attribute `transform`, so that all the other checks run."""

    def __init__(self, regressor, *, window=24, horizon=1):
        super().__init__(regressor, window=window, horizon=horizon)
        del self.transform

    def _new_model(self):
        self.transform = "auto"
        try:
            return super()._new_model()
        finally:
            del self.transform


NOT_FOR_A_FORECASTER = {
    "check_estimators_empty_data_messages": "X may have no columns: the series is the input",
    "check_methods_sample_order_invariance": "rows are time steps, their order matters",
    "check_methods_subset_invariance": "predict continues the training rows from the first asked",
    "check_supervised_y_2d": "a target of one column is taken without a warning",
    "check_regressor_data_not_an_array": "predict is asked the rows of fit, which overlap",
    "check_fit2d_1sample": "the error names window and horizon, not n_samples",
}
PARAMETER_IS_NO_METHOD = dict.fromkeys(
    (
        "check_n_features_in_after_fitting",
        "check_estimators_dtypes",
        "check_estimators_nan_inf",
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_dict_unchanged",
        "check_dtype_object",
        "check_fit_idempotent",
        "check_fit2d_predict1d",
        "check_transformer_data_not_an_array",
        "check_transformer_general",
        "check_transformer_preserve_dtypes",
        "check_transformers_unfitted",
    ),
    "transform is a parameter here, which the check calls",
)

CHECKS = [
    (expected, estimator, check)
    for estimator, expected in (
        (WithTags(Ridge(), window=2), NOT_FOR_A_FORECASTER | PARAMETER_IS_NO_METHOD),
        (WithoutTransform(Ridge(), window=2, horizon=2), NOT_FOR_A_FORECASTER),
    )
    for estimator, check in estimator_checks_generator(estimator)
]


def name_of(value):
    if isinstance(value, dict):
        return ""
    return value.func.__name__ if isinstance(value, partial) else repr(value)


# Not parametrize_with_checks: the two variants have different expected failures.
@pytest.mark.parametrize(("expected", "estimator", "check"), CHECKS, ids=name_of)
def test_estimator_check_passes_or_is_declared_not_to_apply(expected, estimator, check):
    name = check.func.__name__
    if name in expected:
        with pytest.raises((AssertionError, ValueError, TypeError, AttributeError)):
            check(estimator)
        pytest.xfail(expected[name])
    try:
        check(estimator)
    except SkipTest as skip:
        if name == "check_array_api_input":  # needs SCIPY_ARRAY_API in the environment
            raise
        pytest.fail(f"{name} was skipped: {skip}")


def test_tags_tell_a_regressor_that_needs_no_target():
    tags = get_tags(forecaster())
    assert is_regressor(forecaster())
    assert not tags.target_tags.required
    assert not tags.regressor_tags.poor_score
    assert not tags.non_deterministic
    assert not tags._skip_test


def test_a_refit_on_bad_names_loses_nothing():
    X = pd.DataFrame({"a": np.arange(40.0) % 3}, index=pd.date_range("2024", periods=40))
    y = pd.Series(10.0 + np.arange(40) % 7, X.index)
    model = Forecaster(Ridge(), window=4).fit(X, y)
    with pytest.raises(TypeError, match="Feature names are only supported if all"):
        model.fit(X.assign(**{"b": 1.0}).set_axis(["a", 1], axis=1), y)
    assert model.n_features_in_ == 1
    assert model.feature_names_in_.tolist() == ["a"]
