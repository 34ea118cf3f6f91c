"""Searches of scikit-learn and Optuna over a panel, against loops over backtest and evaluate."""

import warnings

import numpy as np
import optuna
import pandas as pd
import polars as pl
import pytest
from optuna_integration import OptunaSearchCV
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Ridge
from sklearn.metrics import median_absolute_error, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    TimeSeriesSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqforecast import (
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    PanelSplit,
    backtest,
    evaluate,
    forecast_scorer,
)

METRICS = ("mae", "mase", "smape", "rmse", "rmsse")
SPANS = ((0, 80), (50, 80), (0, 68), (62, 80), (0, 76), (0, 80))


def panel(seed=0):
    """Return series of unequal lengths with a feature, a tenth of the values missing, shuffled."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=80, freq="D")
    parts = []
    for k, (begin, end) in enumerate(SPANS):
        steps = np.arange(begin, end)
        promo = rng.integers(0, 2, len(steps)).astype(float)
        y = 20 + 5 * np.sin(2 * np.pi * steps / 7) + 3 * promo + rng.standard_normal(len(steps))
        parts.append(
            pd.DataFrame({"unique_id": f"s{k}", "ds": days[steps], "y": y, "promo": promo})
        )
    frame = pd.concat(parts, ignore_index=True)
    holes = rng.random(len(frame)) < 0.1
    frame["y"] = frame["y"].mask(holes)
    return frame.sample(frac=1.0, random_state=seed)


FRAME = panel()
PLAIN = FRAME.drop(columns="promo")
SPLIT = PanelSplit(3, 6)


def linear(**params):
    return Forecaster(Ridge(), **{"window": 8, "horizon": 6} | params)


def network(kind=GRURegressor, **params):
    return kind(hidden_size=2, max_epochs=1, observe="off", random_state=0, **params)


def score_of_backtests(forecaster, metric, frame=FRAME, split=SPLIT):
    """Score each fold by a backtest of one fold, on what is known up to its end."""
    days = np.sort(frame["ds"].unique())
    scores = []
    for k in range(split.n_folds):
        later = (split.n_folds - 1 - k) * (split.step or split.horizon)
        known = frame[frame["ds"] <= days[-1 - later]]
        folds = backtest(forecaster, known, horizon=split.horizon, n_folds=1)
        scores.append(-evaluate(folds, metric)["y_hat"].item())
    return np.array(scores)


def cross_validated(forecaster, metric, frame=FRAME, split=SPLIT, **params):
    score = forecast_scorer(metric)
    return cross_val_score(
        forecaster, frame, cv=split, scoring=score, error_score="raise", **params
    )


# The score of a fold ------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("split", [SPLIT, PanelSplit(3, 12, 5), PanelSplit(2, 6, 9)], ids=str)
def test_scores_equal_a_loop_over_backtest_bit_for_bit(metric, split):
    scores = cross_validated(linear(), metric, split=split)
    np.testing.assert_array_equal(scores, score_of_backtests(linear(), metric, split=split))
    by_cutoff = evaluate(
        backtest(linear(), FRAME, horizon=split.horizon, n_folds=split.n_folds, step=split.step),
        metric,
        by="cutoff",
    )
    np.testing.assert_array_equal(scores, -by_cutoff["y_hat"])


@pytest.mark.parametrize("metric", METRICS[:3])
def test_the_same_bits_in_one_process_and_in_two_and_in_any_order_of_rows(metric):
    forecaster = Forecaster(network(), window=5, horizon=6)
    alone = cross_validated(forecaster, metric)
    np.testing.assert_array_equal(alone, score_of_backtests(forecaster, metric))
    np.testing.assert_array_equal(alone, cross_validated(forecaster, metric, n_jobs=2))
    ordered = FRAME.sort_values(["ds", "unique_id"])
    np.testing.assert_array_equal(alone, cross_validated(forecaster, metric, ordered))


def test_without_features_the_horizon_of_the_folds_may_be_any():
    frame = PLAIN
    for horizon in (4, 9):
        split = PanelSplit(2, horizon)
        scores = cross_validated(linear(), "mase", frame, split)
        np.testing.assert_array_equal(scores, score_of_backtests(linear(), "mase", frame, split))


@pytest.mark.parametrize("metric", METRICS)
def test_series_wide_frames_and_features_with_a_target_are_scored_as_their_backtest(metric):
    wide = FRAME.pivot_table("y", "ds", "unique_id", dropna=False)[["s0", "s4", "s5"]].asfreq("D")
    promo = FRAME[FRAME["unique_id"] == "s0"].sort_values("ds").set_index("ds")[["promo"]]
    score = forecast_scorer(metric)
    for data in ((wide,), (wide["s0"],), (promo.asfreq("D"), wide["s0"])):
        known, ahead = (tuple(part[s] for part in data) for s in (slice(-6), slice(-6, None)))
        model = linear().fit(*known)
        whole = data if len(data) == 2 else data[0]
        expected = -evaluate(backtest(linear(), whole, horizon=6, n_folds=1), metric)[
            "y_hat"
        ].item()
        assert score(model, *ahead) == expected
        if len(data) == 1:  # the actual values as y
            assert score(model, ahead[0], ahead[0]) == expected


def test_r2_is_the_mean_over_series_of_that_of_scikit_learn():
    model, ahead = fitted_and_ahead(PLAIN)
    expected = of_each_series(model, ahead, r2_score)
    assert model.score(ahead) == pytest.approx(np.mean(expected), rel=1e-12)
    weight = np.random.default_rng(0).random(len(ahead))
    weighted = of_each_series(model, ahead, r2_score, weight)
    assert model.score(ahead, sample_weight=weight) == pytest.approx(np.mean(weighted), rel=1e-12)
    assert model.score(ahead.drop(columns="y"), ahead["y"]) == model.score(ahead)
    scores = cross_val_score(linear(), PLAIN, cv=SPLIT)
    assert scores[-1] == pytest.approx(np.mean(expected), rel=1e-12)


def test_r2_leaves_out_series_with_fewer_than_two_known_values():
    model, ahead = fitted_and_ahead(PLAIN)
    lone = ahead["unique_id"] != "s0"
    lone |= ~lone & ~(~lone & ahead["y"].notna()).cumsum().gt(1)
    ahead = ahead.assign(y=ahead["y"].where(lone))
    assert ahead[ahead["unique_id"] == "s0"]["y"].count() == 1
    expected = of_each_series(model, ahead[ahead["unique_id"] != "s0"], r2_score)
    assert model.score(ahead) == pytest.approx(np.mean(expected), rel=1e-12)
    constant = ahead.assign(y=20.0)
    assert model.score(constant) == 0.0  # as scikit-learn has it


def fitted_and_ahead(frame=FRAME):
    *_, (train, test) = SPLIT.split(frame)
    return linear().fit(frame.iloc[train]), frame.iloc[test]


def of_each_series(model, ahead, metric, weight=None):
    """Compute an error of each series from predict alone."""
    found = ahead.assign(weight=1.0 if weight is None else weight)
    found = found.merge(model.predict(ahead), on=["unique_id", "ds"]).dropna(subset="y")
    return [
        metric(one["y"], one["y_hat"], sample_weight=one["weight"])
        for _, one in found.groupby("unique_id")
    ]


# Searches -----------------------------------------------------------------------------------------


def test_grid_search_over_forecaster_and_network_at_once():
    grid = {
        "window": [4, 6],
        "season": [None, 7],
        "regressor__hidden_size": [2, 3],
        "regressor__forget_bias": [1.0, "chrono"],
    }
    search = GridSearchCV(
        Forecaster(network(LSTMRegressor), horizon=6),
        grid,
        cv=PanelSplit(2, 6),
        scoring={"mae": forecast_scorer("mae"), "mase": forecast_scorer("mase")},
        refit="mase",
        error_score="raise",
    ).fit(FRAME)
    results = search.cv_results_
    assert len(set(results["mean_test_mase"])) == 16  # every parameter changes the forecasts
    assert search.best_score_ == results["mean_test_mase"].max()
    best = search.best_estimator_
    for metric in ("mae", "mase"):
        expected = score_of_backtests(best, metric, split=PanelSplit(2, 6))
        found = [results[f"split{k}_test_{metric}"][search.best_index_] for k in range(2)]
        np.testing.assert_array_equal(found, expected)
        mean = results[f"mean_test_{metric}"][search.best_index_]
        assert mean == np.mean(expected)
    assert best.ids_.tolist() == sorted(FRAME["unique_id"].unique())  # refitted to everything
    ahead = pd.DataFrame({"unique_id": "s5", "ds": pd.date_range("2024-03-21", periods=6)})
    assert len(search.predict(ahead.assign(promo=1.0))) == 6


def test_randomized_search_and_a_frame_of_polars():
    frame = pl.DataFrame({name: FRAME[name].to_numpy() for name in FRAME.columns})
    frame = frame.with_columns(pl.col("y").fill_nan(None))
    params = {"regressor__alpha": loguniform(1e-2, 1e2)}
    settings = {"n_iter": 2, "cv": SPLIT, "scoring": forecast_scorer("mase"), "random_state": 0}
    searches = [
        RandomizedSearchCV(linear(), params, **settings, error_score="raise").fit(data)
        for data in (FRAME, frame)
    ]
    np.testing.assert_array_equal(*(search.cv_results_["mean_test_score"] for search in searches))
    expected = score_of_backtests(searches[0].best_estimator_, "mase")
    assert searches[0].best_score_ == expected.mean()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_halving_by_the_steps_of_training(n_jobs):
    search = HalvingGridSearchCV(
        Forecaster(network(), horizon=6),
        {"window": [3, 4, 5, 6]},
        resource="regressor__max_steps",
        factor=2,
        min_resources=1,
        max_resources=4,
        cv=PanelSplit(2, 6),
        scoring=forecast_scorer("mae"),
        return_train_score=False,
        n_jobs=n_jobs,
        error_score="raise",
    ).fit(FRAME)
    assert (search.n_resources_, search.n_candidates_) == ([1, 2, 4], [4, 2, 1])
    assert search.best_estimator_.regressor.max_steps == 4
    expected = score_of_backtests(search.best_estimator_, "mae", split=PanelSplit(2, 6))
    assert search.best_score_ == expected.mean()


def test_cross_validate_returns_the_forecasters_of_the_folds():
    results = cross_validate(
        linear(), FRAME, cv=SPLIT, scoring=forecast_scorer("rmse"), return_estimator=True
    )
    ends = [model._model.panel.grid.label(0) for model in results["estimator"]]
    assert len(set(ends)) == 1  # all know the oldest step
    for model, (train, test), score in zip(
        results["estimator"], SPLIT.split(FRAME), results["test_score"], strict=True
    ):
        assert set(model.ids_) == set(FRAME.iloc[train]["unique_id"])
        assert forecast_scorer("rmse")(model, FRAME.iloc[test]) == score


def test_optuna_searches_with_the_same_splitter_and_scorer():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Optuna's own experimental and deprecated parts
        search = OptunaSearchCV(
            linear(),
            {"window": optuna.distributions.IntDistribution(3, 8)},
            cv=SPLIT,
            scoring=forecast_scorer("mase"),
            n_trials=3,
            random_state=0,
            error_score="raise",
        ).fit(FRAME)
    assert search.best_estimator_.window == search.best_params_["window"]
    assert search.best_score_ == score_of_backtests(search.best_estimator_, "mase").mean()
    assert len(search.best_estimator_.ids_) == len(SPANS)


class Doubled(TransformerMixin, BaseEstimator):
    """Adds a feature to a long frame."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X.assign(twice=2 * X["promo"])


def test_a_pipeline_that_makes_features_is_scored_as_its_forecaster():
    pipeline = make_pipeline(Doubled(), linear())
    scores = cross_validated(pipeline, "mase")
    expected = cross_validated(linear(), "mase", FRAME.assign(twice=2 * FRAME["promo"]))
    np.testing.assert_array_equal(scores, expected)
    assert cross_val_score(pipeline, FRAME, cv=SPLIT, error_score="raise").shape == (3,)


class LogTarget(Doubled):
    def transform(self, X):
        return X.assign(y=np.log(X["y"]))


class Shorter(Doubled):
    def transform(self, X):
        return X[X["ds"] != X["ds"].max()]


@pytest.mark.parametrize("step", [LogTarget(), Shorter()], ids=["log", "rows"])
def test_a_pipeline_that_changes_the_target_is_not_scored_in_its_units(step):
    with pytest.raises(ValueError, match="changes the target, or drops rows; .* pass transform="):
        cross_validated(make_pipeline(step, linear()), "mae", PLAIN)


def test_searches_and_pipelines_within_each_other():
    inner = GridSearchCV(
        linear(), {"window": [4, 8]}, cv=PanelSplit(2, 6), scoring=forecast_scorer("mase")
    )
    outer = PanelSplit(1, 6)
    ((train, _),) = outer.split(FRAME)
    window = inner.fit(FRAME.iloc[train]).best_params_["window"]
    expected = score_of_backtests(linear(window=window), "mase", split=outer)
    for nested in (
        inner,
        make_pipeline("passthrough", inner),
        make_pipeline(make_pipeline(None, linear(window=window))),
        GridSearchCV(
            inner, {"estimator__horizon": [6]}, cv=PanelSplit(1, 6), scoring=forecast_scorer("mae")
        ),
    ):
        np.testing.assert_array_equal(cross_validated(nested, "mase", split=outer), expected)
    doubled = make_pipeline(Doubled(), inner)
    assert np.isfinite(cross_validated(doubled, "mase", split=outer)).all()
    with pytest.raises(NotFittedError):
        forecast_scorer("mase")(make_pipeline(Doubled(), linear()), FRAME)


def test_an_error_of_your_own():
    scores = cross_validated(linear(), median_absolute_error)
    np.testing.assert_array_equal(scores, score_of_backtests(linear(), median_absolute_error))
    assert repr(forecast_scorer(median_absolute_error)) == "forecast_scorer(median_absolute_error)"


def test_planned_rows_at_the_end_move_no_fold():
    planned = pd.DataFrame({"unique_id": "s0", "ds": pd.date_range("2024-03-21", periods=6)})
    frame = pd.concat([FRAME, planned.assign(promo=1.0)])
    np.testing.assert_array_equal(
        cross_validated(linear(), "mase", frame), cross_validated(linear(), "mase")
    )
    folds = backtest(linear(), frame, horizon=6, n_folds=3)
    assert folds["cutoff"].max() == pd.Timestamp("2024-03-14")


def test_a_fitted_search_is_scored_on_what_follows():
    later = PanelSplit(1, 6)
    ((train, test),) = later.split(FRAME)
    search = GridSearchCV(
        linear(), {"window": [4, 8]}, cv=SPLIT, scoring=forecast_scorer("mase")
    ).fit(FRAME.iloc[train])
    expected = score_of_backtests(search.best_estimator_, "mase", split=later)
    assert search.score(FRAME.iloc[test]) == expected[0]


def test_a_feature_that_is_a_lag_within_the_fold_but_beyond_the_horizon_is_warned_of():
    frame = FRAME.sort_values(["unique_id", "ds"]).drop(columns="promo").fillna({"y": 20.0})
    frame["lag_3"] = frame.groupby("unique_id")["y"].shift(3)
    frame = frame.dropna()
    ((train, test),) = PanelSplit(1, 6).split(frame)
    model = linear(horizon=2).fit(frame.iloc[train])
    with pytest.warns(UserWarning, match="'lag_3' is the target 3 step.s. before") as caught:
        model.score(frame.iloc[test])
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="lag_3") as caught:
        forecast_scorer("mae")(model, frame.iloc[test])
    assert caught[0].filename == __file__


# What ends in an error ----------------------------------------------------------------------------

EQUAL = FRAME[FRAME["unique_id"].isin(["s0", "s5"])]
ORDERS = {
    "shuffled": FRAME,
    "by series": FRAME.sort_values(["unique_id", "ds"]),
    "by time": FRAME.sort_values(["ds", "unique_id"]),
    "by time, of equal lengths": EQUAL.sort_values(["ds", "unique_id"]),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "cv",
    [
        3,
        KFold(3, shuffle=True, random_state=0),
        TimeSeriesSplit(3),
        TimeSeriesSplit(2, test_size=7),
    ],
    ids=["3", "shuffled", "TimeSeriesSplit", "test_size"],
)
@pytest.mark.parametrize("scoring", [None, forecast_scorer("mae")], ids=["r2", "mae"])
def test_splitters_of_rows_end_in_an_error_that_names_panel_split(order, cv, scoring):
    with pytest.raises(ValueError, match=r"PanelSplit"):
        cross_val_score(linear(), ORDERS[order], cv=cv, scoring=scoring, error_score="raise")


def test_train_scores_are_an_error_that_names_the_parameter():
    with pytest.raises(ValueError, match="overlap the training time.*return_train_score=False"):
        cross_validate(linear(), FRAME, cv=SPLIT, return_train_score=True, error_score="raise")


@pytest.mark.parametrize("min_resources", ["exhaust", 16])
@pytest.mark.parametrize(
    ("frame", "cv"),
    [
        (FRAME, PanelSplit(2, 6)),
        (FRAME[FRAME["unique_id"] == "s0"], PanelSplit(2, 6)),
        (PLAIN[PLAIN["unique_id"] == "s0"].set_index("ds")["y"].sort_index(), TimeSeriesSplit(2)),
    ],
    ids=["panel", "panel of one", "series"],
)
def test_halving_by_rows_is_refused(frame, cv, min_resources):
    search = HalvingGridSearchCV(
        linear(),
        {"window": [4, 5, 6, 8]},
        min_resources=min_resources,
        cv=cv,
        return_train_score=False,
        random_state=0,
    )
    with pytest.raises(ValueError, match="resource='regressor__max_steps'"):
        search.fit(frame)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: 6, "X is 6; the rows that follow the fit are needed"),
        (lambda _: None, "X is None; the rows that follow the fit are needed"),
        (lambda f: f[:0], "is empty"),
        (lambda f: f.drop(columns="y"), "have no column 'y'; .* Pass a frame with all columns"),
        (lambda f: f.assign(unique_id="new"), "fit has not seen.*'new'.*PanelSplit"),
        (lambda f: pd.concat([f, f[:1]]), "twice; a step needs one row. Drop the duplicates"),
        (lambda f: f.assign(y=np.nan), "no actual value is known in the rows to score"),
        (lambda f: f.assign(y=np.inf), "known values are infinite"),
        (lambda f: f.assign(y="much"), "The target 'y'"),
        (lambda f: f.drop(columns="promo"), "future features .'promo'. are missing"),
        (lambda f: f[f["ds"] < f["ds"].max()], r"5 step.s. .*PanelSplit\(..., horizon=6\)"),
    ],
)
def test_rows_that_cannot_be_scored(change, message):
    model, ahead = fitted_and_ahead()
    with pytest.raises((ValueError, TypeError), match=message):
        model.score(change(ahead))


def test_r2_of_one_step_is_an_error():
    frame = PLAIN
    ((train, test),) = PanelSplit(1, 1).split(frame)
    model = linear().fit(frame.iloc[train])
    assert forecast_scorer("mae")(model, frame.iloc[test]) < 0
    with pytest.raises(ValueError, match=r"R2 needs two .* scoring=forecast_scorer\('mae'\)"):
        model.score(frame.iloc[test])


def test_rows_up_to_whose_time_another_series_is_known_are_refused():
    frame = PLAIN
    early = (frame["unique_id"] == "s0") & (frame["ds"] >= "2024-03-10")
    model = linear().fit(frame[~early])
    with pytest.raises(
        ValueError, match="series 's0' at 2024-03-10.* seen .* 2024-03-20.*same time"
    ):
        model.score(frame[early])


def test_the_train_scores_of_arrays_are_refused_by_their_values():
    """Arrays have no times, by which other data tell that they were fitted to."""
    values = np.random.default_rng(0).standard_normal((40, 2)) + 9
    for data in (values[:, 0], values, pl.DataFrame(values)):
        with pytest.raises(ValueError, match="that the fit has seen; .* return_train_score=False"):
            cross_validate(
                linear(), data, cv=TimeSeriesSplit(2), return_train_score=True, error_score="raise"
            )


def test_an_array_beside_a_wide_frame_has_the_order_of_its_columns():
    wide = FRAME.pivot_table("y", "ds", "unique_id")[["s0", "s2", "s4"]].interpolate().bfill()
    model, ahead = linear().fit(wide[:60].asfreq("D")), wide[60:66].asfreq("D")
    other = ahead[["s4", "s0", "s2"]]
    for score in (forecast_scorer("mae"), Forecaster.score):
        assert score(model, other, other.to_numpy()) == score(model, ahead)
    weight = np.arange(1.0, 7.0)  # of steps, the same for each series
    found = model.predict(ahead)
    expected = [r2_score(ahead[s], found[s], sample_weight=weight) for s in ahead]
    assert model.score(ahead, sample_weight=weight) == pytest.approx(np.mean(expected), rel=1e-12)


def test_frames_of_polars_are_matched_by_name_and_arrays_by_place():
    values = np.random.default_rng(0).standard_normal((40, 3)) + 9
    names = ["a", "b", "c"]
    frame = pl.DataFrame(values, schema=names)
    model = linear().fit(frame[:34])
    assert model.score(frame[34:].select("c", "a", "b")) == model.score(frame[34:])
    plain = linear().fit(values[:34])
    ahead = pd.DataFrame(values[34:], columns=["x", "y", "z"])
    assert plain.score(ahead) == plain.score(values[34:]) == model.score(frame[34:])


def test_a_warning_of_own_lags_is_left_to_fit_within_the_horizon():
    frame = PLAIN.sort_values(["unique_id", "ds"]).fillna({"y": 20.0})
    frame["lag_3"] = frame.groupby("unique_id")["y"].shift(3)
    with pytest.warns(UserWarning, match="lag_3"):
        model, ahead = fitted_and_ahead(frame.dropna())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.score(ahead)


def test_rows_too_many_blocks_ahead():
    model = linear(horizon=1).fit(PLAIN[PLAIN["unique_id"] == "s0"])
    far = pd.DataFrame({"unique_id": "s0", "ds": [pd.Timestamp("2070-01-01")] * 1, "y": 1.0})
    with pytest.raises(ValueError, match="blocks of horizon=1.* at most 10000 blocks"):
        model.score(far)


def test_transformed_features_without_times_need_those_of_the_target():
    days = pd.date_range("2024-01-01", periods=40)
    X = pd.DataFrame({"heat": np.arange(40.0) % 5}, index=days)
    y = pd.Series(np.random.default_rng(0).standard_normal(40) + 9, index=days)
    pipeline = make_pipeline(StandardScaler(), linear(future=["x0"])).fit(X[:34], y[:34])
    assert forecast_scorer("mae")(pipeline, X[34:], y[34:]) < 0
    with pytest.raises(ValueError, match="different indexes"):
        forecast_scorer("mae")(pipeline, X[34:], y[33:39])


def test_values_beside_a_frame_are_one_for_each_row():
    model, ahead = fitted_and_ahead()
    with pytest.raises(ValueError, match="y holds 3 actual values, the rows to score are"):
        model.score(ahead, ahead["y"].to_numpy()[:3])
    with pytest.raises(ValueError, match="different indexes"):
        model.score(ahead, ahead["y"].iloc[::-1])
    with pytest.raises(ValueError, match="X is 6; the rows that follow the fit are needed"):
        model.score(6, ahead["y"])
    with pytest.raises(ValueError, match=r"sample_weight has 2 values, and \d+ rows are scored"):
        model.score(ahead, sample_weight=[1.0, 2.0])


def test_an_error_in_units_of_a_past_that_never_changed():
    frame = PLAIN.assign(y=3.0)
    ((train, test),) = PanelSplit(1, 6).split(frame)
    model = linear().fit(frame.iloc[train])
    assert forecast_scorer("mae")(model, frame.iloc[test]) == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(
        ValueError, match="mase has no value for any series: mase .* need a known part that"
    ):
        forecast_scorer("mase")(model, frame.iloc[test])


def test_a_target_beside_a_long_frame_is_refused_by_fit():
    with pytest.raises(ValueError, match=r"fit\(frame\); in a search, with cv=PanelSplit"):
        cross_val_score(
            linear(), FRAME.drop(columns="y"), FRAME["y"], cv=SPLIT, error_score="raise"
        )


def test_scaled_errors_need_a_forecaster():
    X, y = np.arange(8.0).reshape(4, 2), np.arange(4.0)
    with pytest.raises(ValueError, match="metric='mase' is in units of the known series.*a Ridge"):
        forecast_scorer("mase")(Ridge().fit(X, y), X, y)
