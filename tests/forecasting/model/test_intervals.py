"""Intervals: from the errors of held-out forecasts, and from quantiles of the regressor."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from seqforecast import ForecastDisplay, Forecaster, GRURegressor, LSTMRegressor, backtest, evaluate
from seqforecast.forecasting.model.intervals import ConformalScores, conformal_scores
from seqforecast.forecasting.model.regressor_adapter import RegressorAdapter

SEASON, HORIZON = 6, 3
LADDER = (0.025, 0.1, 0.5, 0.9, 0.975)


class Ladder(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Normal quantiles, wider where the newest value is high; remembers what it was asked."""

    def __init__(self, quantiles=LADDER):
        self.quantiles = quantiles

    def fit(self, X, y):
        self.horizon_ = 1 if y.ndim == 1 else y.shape[1]
        self.flat_ = y.ndim == 1
        self.noise_ = np.std(y, axis=0)
        return self

    def predict(self, X):
        self.asked_ = X
        ahead = np.tanh(X[:, :1]) * np.arange(1, self.horizon_ + 1) / 10
        return ahead[:, 0] if self.flat_ else ahead

    def predict_quantiles(self, X):
        forecast = self.predict(X)
        wide = (1 + np.abs(X[:, -1])).reshape(len(X), *[1] * forecast.ndim)
        normal = self.noise_[..., np.newaxis] * norm.ppf(self.quantiles)
        return forecast[..., np.newaxis] + wide * normal


class LadderOfOneStep(Ladder):
    """The same, for one step at a time."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags


class OwnQuantiles(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """The quantiles of the targets themselves, whatever the row."""

    def __init__(self, quantiles=(0.9, 0.1, 0.75, 0.25)):  # in no order
        self.quantiles = quantiles

    def fit(self, X, y):
        self.found_ = np.quantile(y, self.quantiles, axis=0).T
        self.median_ = np.median(y, axis=0)
        return self

    def predict(self, X):
        return np.tile(self.median_, (len(X), 1))

    def predict_quantiles(self, X):
        return np.tile(self.found_, (len(X), 1, 1))


class Remembering(GRURegressor):
    """A network that remembers what it was asked."""

    def predict_quantiles(self, X):
        self.asked_ = X.copy()
        return super().predict_quantiles(X)


def network(kind=GRURegressor, quantiles=LADDER, **params):
    small = {"hidden_size": 4, "max_epochs": 2, "observe": "off", "scaling": None}
    return kind(loss="quantile", quantiles=quantiles, random_state=0, **small | params)


def by_quantiles(regressor=None, **params):
    given = {"window": 8, "horizon": HORIZON, "season": SEASON, "intervals": "quantile"} | params
    return Forecaster(Ladder() if regressor is None else regressor, **given)


def conformal(**params):
    return Forecaster(Ridge(), **{"window": 8, "horizon": HORIZON, "season": SEASON} | params)


def wave(n=70, *, seed=0, level=100.0, noise=1.0):
    """A noisy wave of six months around a level, rising slowly."""
    t = np.arange(n)
    errors = noise * np.random.default_rng(seed).standard_normal(n)
    values = level * (1 + 0.1 * np.sin(t * 2 * np.pi / SEASON) + 0.002 * t) + errors
    return pd.Series(values, pd.date_range("2019-01-31", periods=n, freq="ME"), name="sales")


SERIES = wave()
WIDE = pd.DataFrame({"b": wave(), "a": wave(seed=1, level=50.0)})
LONG = (
    WIDE.rename_axis(index="ds", columns="unique_id")
    .melt(value_name="y", ignore_index=False)
    .reset_index()
)


def widths(frame, level=80):
    return (frame[f"hi-{level}"] - frame[f"lo-{level}"]).to_numpy()


def assert_nested(frame):
    names = ["lo-95", "lo-80", "y_hat", "hi-80", "hi-95"]
    assert (np.diff(frame[names].to_numpy(), axis=1) > 0).all()


# ------------------------------------------------------------------------------------- conformal


def test_half_width_is_the_rank_of_split_conformal_prediction():
    scores = ConformalScores([np.arange(1.0, 20.0), np.arange(1.0, 4.0)], np.ones(1))
    # Of 19 errors the ceil(20 x 0.8) = 16th; of 3 the ceil(4 x 0.8) = 4th is beyond: the largest.
    assert scores.half_width(80).tolist() == [16.0, 3.0]
    assert scores.half_width(50).tolist() == [10.0, 2.0]
    assert scores.half_width(95).tolist() == [19.0, 3.0]
    assert scores.highest_level == 75.0


@pytest.mark.parametrize(("n", "level"), [(9, 80), (9, 75), (10, 80), (19, 95), (24, 50)])
def test_coverage_of_exchangeable_errors_is_exact(n, level):
    errors = np.abs(np.random.default_rng(n).standard_cauchy((40_000, n + 1)))
    held_out, new = list(np.sort(errors[:, 1:], axis=1)), errors[:, 0]
    inside = new <= ConformalScores(held_out, np.ones(1)).half_width(level)
    # The rank of one of n + 1 exchangeable numbers is uniform; the standard error is 0.0025.
    expected = np.ceil((n + 1) * level / 100) / (n + 1)
    assert abs(inside.mean() - expected) < 0.01
    assert level / 100 <= expected < level / 100 + 1 / (n + 1)


def seasonal_difficulty(series, season, horizon, first):
    """Return how hard each series is, by loops: |z[t + j] - z[t + j - season]| over their scale."""
    means, counts = [], []
    for z in series:
        changes = [abs(z[t] - z[t - season]) for t in range(season, len(z))]
        scale = sum(changes) / len(changes)
        errors = [
            abs(z[t + j] - z[t + j - season]) / scale
            for t in range(first, len(z) - 1)
            for j in range(1, horizon + 1)
            if t + j < len(z)
        ]
        means.append(sum(errors) / len(errors))
        counts.append(len(z) - 1 - first)
    every = sum(means) / len(means)
    return [(n * r / every + 20) / (n + 20) for n, r in zip(counts, means, strict=True)]


def test_difficulty_is_that_of_the_loop(new_model, make_panel, some_series):
    series = some_series([40, 25, 60])
    series[1][10:] += 3 * np.random.default_rng(0).standard_normal(15)
    model = new_model(baseline="seasonal").fit(make_panel(series))
    scores = conformal_scores(model, 3)
    # From a window of 5 on, which is longer than the season of 4: the cutoffs 4, 5, ...
    expected = seasonal_difficulty(series, 4, 3, 4)
    np.testing.assert_allclose(scores.difficulty, expected, rtol=1e-9)
    assert np.ptp(scores.difficulty) > 0.02


def test_scores_are_relative_to_the_difficulty_that_was_known(new_model, make_panel, some_series):
    series = some_series([40, 44], seed=3)
    models = {"baseline": "seasonal", "horizon": 1}
    scores = conformal_scores(new_model(**models).fit(make_panel(series)), 1)
    held_out = 44 // 3  # 100 are wanted of each, but a third of the longest at most
    oldest = [one[:-held_out] for one in series]
    blind = new_model(**models).fit(make_panel(oldest))
    difficulty = seasonal_difficulty(oldest, 4, 1, 4)
    errors = []
    for end in range(1, held_out + 1):
        known = blind.with_panel(make_panel([one[:-end] for one in series]))
        truth = known.in_units(np.array([[one[-end]] for one in series]), np.arange(2))
        errors.append(np.abs(truth - known.forecast(1))[:, 0] / difficulty)
    np.testing.assert_allclose(scores.errors[0], np.sort(np.concatenate(errors)), rtol=1e-9)


@pytest.mark.parametrize("baseline", ["last", None])
def test_what_says_nothing_of_the_season_says_nothing_of_difficulty(
    new_model, make_panel, some_series, baseline
):
    model = new_model(baseline=baseline).fit(make_panel(some_series([40, 30])))
    assert conformal_scores(model, 3).difficulty.tolist() == [1.0, 1.0]


def test_of_a_large_panel_a_part_of_the_errors_tells_enough(
    new_model, make_panel, some_series, monkeypatch
):
    panel = make_panel(some_series([400, 300], seed=5))
    model = new_model(baseline="seasonal").fit(panel)
    every, n_cutoffs = model.baseline_errors()
    assert n_cutoffs.tolist() == [395, 295]
    monkeypatch.setattr("seqforecast.forecasting.model.series_model._MOST_ERRORS", 900)
    some, n_some = model.baseline_errors()
    assert 220 < n_some.sum() < 380  # 300 by chance
    np.testing.assert_allclose(some, every, rtol=0.2)
    assert (some != every).all()


def test_hard_series_have_wide_intervals_and_calm_ones_narrow_that_both_cover():
    rng = np.random.default_rng(0)
    t = np.arange(140)[:, np.newaxis]
    swing = rng.standard_normal((t.size, 40)) * np.repeat([0.1, 3.0], 20)
    drift = 5 * np.sin(2 * np.pi * t / 97 + np.arange(40))  # the unit of calm series as of others
    wide = pd.DataFrame(100 + drift + swing + 10 * np.sin(2 * np.pi * t / SEASON))
    frame = conformal(transform=None).fit(wide[:120]).predict(HORIZON, level=80)
    lo, hi = (frame.xs(f"{end}-80", axis=1, level=1) for end in ("lo", "hi"))
    width = (hi - lo).mean().to_numpy()
    unit = wide[:120].diff(SEASON).abs().mean().to_numpy()
    assert (width[:20] / unit[:20]).mean() < 0.6 * (width[20:] / unit[20:]).mean()
    came = wide[120 : 120 + HORIZON].to_numpy()
    inside = ((came >= lo) & (came <= hi)).to_numpy()
    for half in (inside[:, :20], inside[:, 20:]):
        assert 0.6 < half.mean() < 0.97  # 60 values: 0.05 is the standard error at 80 %


def test_series_that_join_later_are_of_mean_difficulty():
    model = conformal(transform=None, intervals="conformal").fit(LONG)
    late = LONG[LONG["unique_id"] == "a"].assign(unique_id="c")
    model.update(late)
    scores = model._intervals.scores(HORIZON)
    difficulty = dict(zip(model.ids_, [*scores.difficulty, 1.0], strict=True))
    assert difficulty["a"] != difficulty["b"]
    frame = model.predict(1, level=80).set_index("unique_id")
    unit = late["y"].diff(SEASON).abs().mean()
    expected = 2 * unit * scores.half_width(80)[0]
    np.testing.assert_allclose(widths(frame.loc[["c"]]), expected, rtol=1e-6)


def test_what_has_not_lasted_a_season_is_not_measured(new_model, make_panel, some_series):
    series = some_series([40, 40, 40, 9])
    longer = conformal_scores(new_model().fit(make_panel(series)), 3)
    without = conformal_scores(new_model().fit(make_panel(series[:3])), 3)
    n_cutoffs = len(without.errors[0]) // 3
    # Of 9 values more than the season of 4 are known at two cutoffs, 3 and 4 steps before the end.
    assert len(longer.errors[0]) < 4 * n_cutoffs
    assert len(longer.errors[0]) - 3 * n_cutoffs == 2


# ------------------------------------------------------------------------------------- quantiles


def test_ends_are_the_quantiles_put_back_by_hand():
    model = by_quantiles().fit(SERIES)
    frame = model.predict(HORIZON, level=[80, 95])
    scale = np.log(SERIES).diff(SEASON).abs().mean()
    X = model.regressor_.asked_
    median, quantiles = model.regressor_.predict(X)[0], model.regressor_.predict_quantiles(X)[0]
    for name, column in (("lo-95", 0), ("lo-80", 1), ("hi-80", 3), ("hi-95", 4)):
        # What the baseline says is the same in all: y = exp(mean + scale (base + quantile)).
        expected = frame["y_hat"] * np.exp(scale * (quantiles[:, column] - median))
        np.testing.assert_allclose(frame[name], expected, rtol=1e-9)


def test_ends_of_a_network_are_its_quantiles_in_units_of_each_series():
    model = by_quantiles(network(Remembering), transform=None).fit(WIDE)
    frame = model.predict(level=[80, 95])
    windows = model.regressor_.asked_
    quantiles = model.regressor_.predict_quantiles(windows)
    assert quantiles.shape == (2, HORIZON, 5)
    for k, name in enumerate(WIDE):
        one = frame[name]
        np.testing.assert_array_equal(one["y_hat"], model.predict()[name])
        scale = WIDE[name].diff(SEASON).abs().mean()
        for end, column in (("lo-95", 0), ("lo-80", 1), ("hi-80", 3), ("hi-95", 4)):
            expected = one["y_hat"] + scale * (quantiles[k, :, column] - quantiles[k, :, 2])
            np.testing.assert_allclose(one[end], expected, rtol=1e-6)


def test_a_copy_a_step_gives_the_quantiles_of_its_step():
    model = by_quantiles(LadderOfOneStep()).fit(SERIES)
    assert len(model.regressor_) == HORIZON
    frame = model.predict(HORIZON, level=80)
    scale = np.log(SERIES).diff(SEASON).abs().mean()
    for step, one in enumerate(model.regressor_):
        median, quantiles = one.predict(one.asked_)[0], one.predict_quantiles(one.asked_)[0]
        found = frame.iloc[step]
        np.testing.assert_allclose(
            found[["lo-80", "hi-80"]],
            found["y_hat"] * np.exp(scale * (quantiles[[1, 3]] - median)),
            rtol=1e-9,
        )


def test_a_single_step_is_no_special_case():
    for regressor in (Ladder(), network()):
        assert_nested(by_quantiles(regressor, horizon=1).fit(SERIES).predict(level=[80, 95]))


def test_quantiles_cover_what_comes_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(10 + rng.standard_normal((160, 40)))
    model = by_quantiles(OwnQuantiles(), season=None, transform=None, baseline=None)
    frame = model.fit(wide[:155].set_axis(pd.RangeIndex(155))).predict(HORIZON, level=[80, 50])
    ahead = wide[155:158].to_numpy()
    for level in (50, 80):
        lo, hi = (frame.xs(f"{end}-{level}", axis=1, level=1).to_numpy() for end in ("lo", "hi"))
        # 120 values: 0.045 is the standard error at 50 %.
        assert abs(((ahead >= lo) & (ahead <= hi)).mean() - level / 100) < 0.13


def test_quantiles_that_cross_are_put_in_order():
    class Crossing(OwnQuantiles):
        def predict_quantiles(self, X):
            return -super().predict_quantiles(X)

    rows = np.zeros((5, 1, 2), np.float32)
    adapter = RegressorAdapter(Crossing(), 1)
    adapter.fitted = Crossing().fit(np.zeros((9, 2)), np.arange(18.0).reshape(9, 2))
    found = adapter.predict_quantiles(rows, [0.1, 0.25, 0.75, 0.9])
    assert found.shape == (5, 2, 4)
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("transform", ["auto", None, FunctionTransformer(np.negative, np.negative)])
@pytest.mark.parametrize("kind", ["conformal", "quantile"])
def test_levels_nest_in_every_form(kind, transform):
    regressor = Ladder() if kind == "quantile" else Ridge()
    model = by_quantiles(regressor, intervals=kind, transform=transform)
    one = model.fit(SERIES).predict(level=[80, 95])
    assert_nested(one)
    array = model.fit(SERIES.to_numpy()).predict(level=[95, 80])
    np.testing.assert_allclose(array[one.columns], one)
    pair = model.fit(pd.DataFrame(index=SERIES.index), SERIES).predict(level=[80, 95])
    pd.testing.assert_frame_equal(pair, one, check_freq=False)
    wide = model.fit(WIDE).predict(level=[80, 95])
    long = model.fit(LONG).predict(level=[80, 95]).set_index(["unique_id", "ds"])
    for name in WIDE:
        assert_nested(wide[name])
        np.testing.assert_allclose(wide[name], long.loc[name], rtol=1e-6)


@pytest.mark.parametrize("transform", ["auto", None])
@pytest.mark.parametrize("kind", ["conformal", "quantile"])
def test_ends_scale_with_the_values(kind, transform):
    regressor = Ladder() if kind == "quantile" else Ridge()
    model = by_quantiles(regressor, intervals=kind, transform=transform)
    frame = model.fit(WIDE).predict(level=[80, 95])
    thousands = model.fit(1000 * WIDE).predict(level=[80, 95])
    np.testing.assert_allclose(thousands, 1000 * frame, rtol=1e-5)


def test_ends_of_a_network_scale_with_the_values():
    frame, thousands = (
        by_quantiles(network()).fit(factor * WIDE).predict(level=80) for factor in (1, 1000)
    )
    np.testing.assert_allclose(thousands, 1000 * frame, rtol=1e-3)


# ------------------------------------------------------------------------- what is asked too much


@pytest.mark.parametrize(
    ("regressor", "message"),
    [
        (Ridge(), "Ridge forecasts no quantiles; .* predict_quantiles .* Pass for example"),
        (make_pipeline(StandardScaler(), Ridge()), "Pipeline forecasts no quantiles"),
        (LSTMRegressor(), r"loss='squared_error'; .*set_params.regressor__loss='quantile'"),
    ],
)
def test_regressors_without_quantiles_are_refused_before_anything_is_lost(regressor, message):
    model = by_quantiles().fit(SERIES)
    before = model.predict(level=80)
    model.set_params(regressor=regressor)
    with pytest.raises(ValueError, match="intervals='quantile', but .*" + message):
        model.fit(SERIES[:40])
    pd.testing.assert_frame_equal(model.predict(level=80), before)
    with pytest.raises(ValueError, match=message):
        backtest(by_quantiles(regressor), SERIES, horizon=3, n_folds=1, level=80)


def test_a_level_without_its_quantiles_is_refused_with_those_to_add():
    model = by_quantiles(network(quantiles=(0.1, 0.5, 0.9))).fit(SERIES)
    message = (
        r"level=95 needs the quantile.s. 0.025 and 0.975, but .* quantiles=\(0.1, 0.5, 0.9\). "
        r"Set quantiles=\(0.025, 0.1, 0.5, 0.9, 0.975\) .* fit again, or use intervals='conformal'"
    )
    with pytest.raises(ValueError, match=message):
        model.predict(level=[80, 95])
    model.predict(level=80)
    with pytest.raises(ValueError, match=message):
        backtest(model, SERIES, horizon=3, n_folds=1, level=[80, 95])
    with pytest.raises(ValueError, match=r"level=60 needs the quantile.s. 0.8, but"):
        by_quantiles(Ladder((0.2,))).fit(SERIES).predict(level=60)


def test_a_typo_is_answered_with_the_word():
    with pytest.raises(ValueError, match="intervals='quantiles'; .* Did you mean 'quantile'"):
        by_quantiles(intervals="quantiles").fit(SERIES)


def test_steps_behind_the_first_block_warn_once():
    model = by_quantiles().fit(SERIES)
    with pytest.warns(
        UserWarning, match=r"step 4 .* horizon=3 .* too narrow. Use a longer"
    ) as told:
        frame = model.predict(4, level=[80, 95])
    assert len(told) == 1
    assert told[0].filename == __file__
    assert_nested(frame)
    pd.testing.assert_frame_equal(frame[:3], model.predict(level=[80, 95]))
    model.predict(4)


def test_steps_behind_missing_values_warn_where_they_leave_the_first_block():
    late = wave(72)[70:] * np.nan
    model = by_quantiles().fit(SERIES)
    ahead = model.predict(level=80)
    model.update(late)
    frame = model.predict(1, level=80)  # the third step behind the last known value
    np.testing.assert_allclose(frame, ahead[2:], rtol=1e-9)
    with pytest.warns(UserWarning, match="step 4 behind the last known value is asked for"):
        model.predict(2, level=80)


# ------------------------------------------------------------------------------- with all the rest


def test_parameters_count_from_the_fit_on():
    model = by_quantiles().fit(SERIES)
    before = model.predict(level=80)
    model.set_params(intervals=None)
    pd.testing.assert_frame_equal(model.predict(level=80), before)
    assert not np.allclose(model.fit(SERIES).predict(level=80), before)


def test_clones_and_pickles_give_the_same_intervals():
    model = by_quantiles(network()).fit(WIDE)
    frame = model.predict(level=[80, 95])
    again = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(again.predict(level=[80, 95]), frame)
    pd.testing.assert_frame_equal(clone(model).fit(WIDE).predict(level=[80, 95]), frame)


def test_update_moves_the_intervals_and_training_changes_them():
    model = by_quantiles(network()).fit(SERIES[:66])
    ahead = model.update(SERIES[66:]).predict(level=[80, 95])
    assert ahead.index[0] > SERIES.index[-1]
    assert_nested(ahead)
    trained = by_quantiles(network()).fit(SERIES[:66]).update(SERIES[66:], passes=2)
    assert_nested(trained.predict(level=[80, 95]))
    assert (widths(trained.predict(level=80)) != widths(ahead)).all()


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("kind", [None, "conformal", "quantile"])
def test_a_backtest_holds_the_intervals_of_predict(kind, refit):
    model = by_quantiles(Ladder() if kind == "quantile" else Ridge(), intervals=kind)
    folds = backtest(model, LONG, horizon=2, n_folds=2, step=3, level=[80, 95], refit=refit)
    first = folds[folds["cutoff"] == folds["cutoff"].min()]
    known = LONG[LONG["ds"] <= first["cutoff"].iloc[0]]
    expected = model.fit(known).predict(2, level=[80, 95])
    pd.testing.assert_frame_equal(first[expected.columns].reset_index(drop=True), expected)
    table = evaluate(folds, ["coverage", "winkler"])
    assert table["metric"].tolist() == ["coverage-80", "coverage-95", "winkler-80", "winkler-95"]
    assert table["y_hat"].notna().all()


def test_a_search_runs_over_a_network_with_quantiles():
    search = GridSearchCV(
        by_quantiles(network()),
        {"regressor__hidden_size": [2, 3]},
        cv=TimeSeriesSplit(2, test_size=HORIZON),
        scoring="neg_mean_absolute_error",
        error_score="raise",
    ).fit(pd.DataFrame(index=SERIES.index), SERIES)
    assert_nested(search.best_estimator_.predict(level=[80, 95]))


def test_a_picture_draws_them():
    model = by_quantiles().fit(SERIES)
    display = ForecastDisplay.from_estimator(model, level=[80, 95]).plot()
    assert list(display.artists_["bands"]) == ["80", "95"]


def test_fit_and_predict_are_silent_within_the_horizon():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        by_quantiles(network()).fit(WIDE).predict(level=[80, 95])
