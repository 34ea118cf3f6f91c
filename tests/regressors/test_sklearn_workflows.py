"""The regressors inside scikit-learn's tools, on flat windows and on 3-D ones."""

import pickle

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, clipping, make_windows

SMALL = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}

# 3-D windows go through tools that index rows only; tools that look at columns want 2-D.
FLAT_OR_NOT = pytest.mark.parametrize("flat", [True, False], ids=["flat", "3-D"])


def frame_of(n_channels, n=70):
    """A frame whose first column is the season, and further ones that lag behind it."""
    t = np.arange(n)[:, None] - 2 * np.arange(n_channels)
    noise = np.random.default_rng(0).standard_normal((n, n_channels))
    names = ["price", "promo", "heat"][:n_channels]
    index = pd.date_range("2024-01-01", periods=n)
    return pd.DataFrame(100 + 10 * np.sin(t * 2 * np.pi / 12) + noise, columns=names, index=index)


def data(*, flat, n_channels=2, horizon=1, window=8):
    frame = frame_of(n_channels)
    return make_windows(frame, window=window, horizon=horizon, target="price", flat=flat)


# ------------------------------------------------------------------------- pipelines, pandas


@pytest.mark.parametrize("n_channels", [1, 3])
def test_pipeline_standard_scaler_on_flat_windows_keeps_names(regressor, n_channels):
    X, y = data(flat=True, n_channels=n_channels)
    pipe = make_pipeline(StandardScaler(), regressor(**SMALL, n_channels=n_channels))
    pipe.set_output(transform="pandas").fit(X, y)
    names = pipe[-1].feature_names_in_
    np.testing.assert_array_equal(names, X.columns)
    assert names[0] == "price@lag7"
    assert names[-1] == ["price@lag0", None, "heat@lag0"][n_channels - 1]
    assert pipe[-1].n_channels_ == n_channels
    assert pipe[-1].window_ == 8
    assert pipe.predict(X).shape == (len(X),)
    assert np.isfinite(pipe.score(X, y))


def test_pipeline_of_frames_equals_pipeline_of_arrays(regressor):
    X, y = data(flat=True)
    pipe = make_pipeline(StandardScaler(), regressor(**SMALL, n_channels=2))
    of_frames = clone(pipe).set_output(transform="pandas").fit(X, y).predict(X)
    of_arrays = clone(pipe).fit(X.to_numpy(), np.asarray(y)).predict(X.to_numpy())
    np.testing.assert_array_equal(of_frames, of_arrays)


def test_fit_columns_in_another_order_raises():
    X, y = data(flat=True)
    model = LSTMRegressor(**SMALL, n_channels=2).fit(X, y)
    with pytest.raises(ValueError, match="feature names should match those that were passed"):
        model.predict(X[X.columns[::-1]])


def test_column_transformer_of_one_channel_keeps_names(regressor):
    X, y = data(flat=True, n_channels=1)
    log = FunctionTransformer(np.log, feature_names_out="one-to-one")
    by_column = ColumnTransformer([("log", log, list(X.columns))])
    pipe = make_pipeline(by_column.set_output(transform="pandas"), regressor(**SMALL))
    pipe.fit(X, y)
    assert pipe[-1].feature_names_in_[0] == "log__price@lag7"


def test_column_transformer_that_parts_the_channels_warns_of_the_order(regressor):
    X, y = data(flat=True)
    log = FunctionTransformer(np.log, feature_names_out="one-to-one")
    prices = [name for name in X.columns if name.startswith("price")]
    others = [name for name in X.columns if name not in prices]
    by_column = ColumnTransformer([("log", log, prices), ("as_is", "passthrough", others)])
    model = regressor(**SMALL, n_channels=2)
    pipe = make_pipeline(by_column.set_output(transform="pandas"), model)
    with pytest.warns(UserWarning, match="not in the order of time.* oldest step first.* Put them"):
        pipe.fit(X, y)


def test_permutation_importance_frame_keeps_names():
    X, y = data(flat=True, n_channels=1, window=4)
    model = RNNRegressor(hidden_size=8, max_epochs=60, lr=0.01, random_state=0).fit(X, y)
    result = permutation_importance(model, X, y, n_repeats=3, random_state=0)
    importance = pd.Series(result.importances_mean, index=model.feature_names_in_)
    assert list(importance.index) == ["price@lag3", "price@lag2", "price@lag1", "price@lag0"]
    assert importance["price@lag0"] == importance.max() > 0


# ------------------------------------------------------------------------- searches, curves


@pytest.mark.parametrize(
    ("regressor", "flat"), [(RNNRegressor, True), (LSTMRegressor, False), (GRURegressor, True)]
)
def test_grid_search_two_jobs_equals_one(regressor, flat):
    X, y = data(flat=flat)
    grid = {"hidden_size": [2, 4], "lr": [1e-3, 1e-2]}
    cv = TimeSeriesSplit(2, gap=0)
    search = GridSearchCV(regressor(**SMALL, n_channels=2), grid, cv=cv, error_score="raise")
    alone = clone(search).fit(X, y)
    workers = clone(search).set_params(n_jobs=2).fit(X, y)
    score = "mean_test_score"
    np.testing.assert_array_equal(alone.cv_results_[score], workers.cv_results_[score])
    np.testing.assert_array_equal(alone.predict(X), workers.predict(X))
    assert np.unique(alone.cv_results_[score]).size == 4  # the parameters arrive


@FLAT_OR_NOT
def test_halving_search_resource_max_epochs_trains_the_last_longer(flat):
    X, y = data(flat=flat)
    search = HalvingGridSearchCV(
        LSTMRegressor(random_state=0, n_channels=2),
        {"hidden_size": [2, 3, 4, 5]},
        resource="max_epochs",
        min_resources=1,
        max_resources=4,
        factor=2,
        cv=TimeSeriesSplit(2),
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert search.n_resources_ == [1, 2, 4]
    assert search.n_candidates_ == [4, 2, 1]
    assert search.best_estimator_.n_iter_ == 4


def test_grid_search_over_gradient_clipping_limits_and_its_max_norm():
    X, y = data(flat=True)
    model = LSTMRegressor(**SMALL, n_channels=2, optimizer="sgd", lr=0.1)
    cv = KFold(2)
    limits = [0.01, 1, 100]
    plain = GridSearchCV(model, {"gradient_clipping": limits}, cv=cv, error_score="raise")
    strategy = GridSearchCV(
        model.set_params(gradient_clipping=clipping.ClipNorm()),
        {"gradient_clipping__max_norm": limits},
        cv=cv,
        error_score="raise",
    )
    plain, strategy = plain.fit(X, y), strategy.fit(X, y)
    # A number is the largest norm.
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(plain.cv_results_[name], strategy.cv_results_[name])
    assert np.unique(plain.cv_results_["mean_test_score"]).size > 1


def test_grid_search_over_gradient_clipping_strategies_finds_one():
    X, y = data(flat=True, n_channels=1)
    strategies = [None, clipping.ClipValue(0.01), clipping.AutoClip()]
    # SGD's step is as large as the gradient, Adam's is not; small batches give AutoClip its ups
    # and downs.
    model = GRURegressor(**SMALL, optimizer="sgd", lr=0.1, batch_size=8)
    search = GridSearchCV(
        model, {"gradient_clipping": strategies}, cv=KFold(2), error_score="raise"
    ).fit(X, y)
    assert np.unique(search.cv_results_["mean_test_score"]).size == 3


@pytest.mark.parametrize("horizon", [1, 3])
def test_cross_val_predict_folds_give_the_rank_of_y(regressor, horizon):
    X, y = data(flat=True, horizon=horizon)
    y_pred = cross_val_predict(regressor(**SMALL, n_channels=2), X, y, cv=KFold(2))
    assert y_pred.shape == np.shape(y)
    half = len(X) - len(X) // 2  # KFold gives the first fold the row that is over
    by_hand = regressor(**SMALL, n_channels=2).fit(X[half:], y[half:]).predict(X[:half])
    np.testing.assert_array_equal(y_pred[:half], by_hand)


@FLAT_OR_NOT
def test_learning_curve_more_windows_are_all_scored(flat):
    X, y = data(flat=flat)
    sizes, train, test = learning_curve(
        LSTMRegressor(**SMALL, n_channels=2),
        X,
        y,
        train_sizes=[0.5, 1.0],
        cv=KFold(2),
        error_score="raise",
    )
    assert len(sizes) == 2
    assert np.isfinite(train).all()
    assert np.isfinite(test).all()


# ------------------------------------------------------------------------ meta-estimators


@FLAT_OR_NOT
def test_transformed_target_logarithm_is_undone(regressor, flat):
    X, y = data(flat=flat)
    model = regressor(**SMALL, n_channels=2)
    meta = TransformedTargetRegressor(model, func=np.log, inverse_func=np.exp).fit(X, y)
    by_hand = np.exp(clone(model).fit(X, np.log(y)).predict(X))
    np.testing.assert_array_equal(meta.predict(X), by_hand)


def test_bagging_of_regressors_is_the_mean_of_them(regressor):
    X, y = data(flat=True)
    model = regressor(hidden_size=4, max_epochs=3, n_channels=2)
    bagging = BaggingRegressor(model, n_estimators=3, n_jobs=2, random_state=0)
    forecast = bagging.fit(X.to_numpy(), np.asarray(y)).predict(X.to_numpy())
    members = np.array([member.predict(X.to_numpy()) for member in bagging.estimators_])
    np.testing.assert_allclose(forecast, members.mean(axis=0), rtol=1e-12)  # order of a sum
    assert np.ptp(members, axis=0).min() > 0


@FLAT_OR_NOT
def test_stacking_of_two_regressors_fits_the_last_one(flat):
    X, y = data(flat=flat)
    members = [("rnn", RNNRegressor(**SMALL)), ("gru", GRURegressor(**SMALL))]
    for _, member in members:
        member.set_params(n_channels=2)
    stack = StackingRegressor(members, Ridge(alpha=1e-6), cv=KFold(2)).fit(X, y)
    columns = np.column_stack([clone(member).fit(X, y).predict(X) for _, member in members])
    by_hand = stack.final_estimator_.predict(columns)
    np.testing.assert_allclose(stack.predict(X), by_hand, rtol=1e-12)  # the same floats


@FLAT_OR_NOT
def test_multi_output_regressor_fits_one_a_column(flat):
    X, y = data(flat=flat, horizon=3)
    y = np.asarray(y)
    model = LSTMRegressor(**SMALL, n_channels=2)
    meta = MultiOutputRegressor(model).fit(X, y)
    assert meta.predict(X).shape == y.shape
    alone = clone(model).fit(X, y[:, 1]).predict(X)
    np.testing.assert_array_equal(meta.predict(X)[:, 1], alone)


def test_cross_val_score_own_score_is_r2(regressor):
    X, y = data(flat=False, horizon=3)
    model = regressor(**SMALL)
    scores = cross_val_score(model, X, y, cv=KFold(2), error_score="raise")
    half = len(X) - len(X) // 2
    y = np.asarray(y)
    by_hand = r2_score(y[:half], model.fit(X[half:], y[half:]).predict(X[:half]))
    assert scores[0] == pytest.approx(by_hand, rel=1e-12)


# ------------------------------------------------------------------- clone, pickle, workers


def test_clone_fitted_is_unfitted_with_equal_parameters(regressor):
    X, y = data(flat=True, n_channels=1)
    model = regressor(**SMALL, gradient_clipping=clipping.ClipNorm(0.3)).fit(X, y)
    copy = clone(model)
    assert not [name for name in vars(copy) if name.endswith("_") and not name.startswith("_")]
    assert copy.get_params()["gradient_clipping__max_norm"] == 0.3
    assert copy.gradient_clipping is not model.gradient_clipping
    np.testing.assert_array_equal(copy.fit(X, y).predict(X), model.predict(X))


def test_pickle_fitted_predicts_and_tells_the_same(regressor):
    X, y = data(flat=True, n_channels=1)
    model = regressor(**SMALL).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    np.testing.assert_array_equal(copy.feature_names_in_, model.feature_names_in_)
    pd.testing.assert_frame_equal(copy.history_, model.history_)
    check_is_fitted(copy)


def test_worker_processes_fit_and_send_back_estimators(regressor):
    X, y = data(flat=True, n_channels=1)
    model = regressor(**SMALL)
    there = Parallel(n_jobs=2)(delayed(clone(model).fit)(X, y) for _ in range(2))
    here = model.fit(X, y).predict(X)
    for fitted in there:
        np.testing.assert_array_equal(fitted.predict(X), here)


# ---------------------------------------------------------------------------------- display


def test_html_repr_unfitted_and_fitted_names_class_and_parameters(regressor):
    X, y = data(flat=True, n_channels=1)
    model = regressor(hidden_size=5, max_epochs=1)
    for fitted in (False, True):
        if fitted:
            model.fit(X, y)
        html = model._repr_html_()
        assert regressor.__name__ in html
        assert "hidden_size" in html
        assert ("Fitted" if fitted else "Not fitted") in html
    assert repr(model) == f"{regressor.__name__}(hidden_size=5, max_epochs=1)"
