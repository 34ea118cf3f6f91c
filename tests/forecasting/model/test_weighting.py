"""How much a regressor is trusted: known answers, a grid of weights, and what shares the fits."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from seqforecast import Forecaster, GRURegressor, backtest
from seqforecast.forecasting.model import weighting
from seqforecast.forecasting.model.weighting import fit_with_weight
from tests.properties import examples

SEASON, HORIZON = 4, 3


def wave(n, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    return np.sin(np.arange(n) * np.pi / 2) + noise * rng.standard_normal(n).cumsum()


DAYS = pd.date_range("2024-01-01", periods=90, freq="D")
SERIES = pd.Series(np.exp(wave(90) / 5), index=DAYS, name="sales")
LONG = pd.concat(
    [
        pd.DataFrame({"unique_id": name, "ds": DAYS[:n], "y": np.exp(wave(n, seed) / 5)})
        for seed, (name, n) in enumerate({"a": 90, "b": 12, "c": 60}.items())
    ],
    ignore_index=True,
)


class Times(LinearRegression):
    """What least squares forecast, times a number; counts its fits."""

    n_fits = 0

    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = gain

    def fit(self, X, y, sample_weight=None):
        type(self).n_fits += 1
        return super().fit(X, y, sample_weight)

    def predict(self, X):
        return self.gain * super().predict(X)


class WithQuantiles(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """A forecast that hangs on the row, and quantiles around it."""

    def __init__(self, quantiles=(0.1, 0.5, 0.9)):
        self.quantiles = quantiles

    def fit(self, X, y):
        self.n_outputs_ = y.shape[1]
        return self

    def predict(self, X):
        return np.tanh(X[:, :1]) + np.arange(self.n_outputs_) / 5

    def predict_quantiles(self, X):
        return self.predict(X)[..., np.newaxis] + np.array([-1.0, 0.0, 2.0])


def forecaster(regressor=None, **params):
    settings = {"window": 5, "horizon": HORIZON, "season": SEASON, "regressor_weight": "auto"}
    return Forecaster(regressor or Ridge(), **settings | params)


@pytest.fixture
def free(monkeypatch):
    """Let a regressor have no weight at all."""
    monkeypatch.setattr(weighting, "_LEAST", 0.0)


def auto(new_model, panel, regressor, **params):
    return fit_with_weight(new_model(regressor, regressor_weight="auto", **params), panel).weight


# ---------------------------------------------------------------------------------- which weight


@pytest.mark.parametrize("least", [0.0, 0.5])
@pytest.mark.parametrize("baseline", ["last", None])
@pytest.mark.parametrize(
    ("gain", "weight"), [(-1, 0), (4, 0.25), (2, 0.5), (1.25, 0.8), (1, 1), (0.5, 1)]
)
def test_of_a_regressor_that_knows_all_but_the_size_the_weight_is_what_makes_it_right(
    monkeypatch, new_model, make_panel, gain, weight, baseline, least
):
    monkeypatch.setattr(weighting, "_LEAST", least)
    series = [np.sin(np.arange(60) * np.pi / 7 + k) + 0.1 * k for k in range(2)]  # no noise
    found = auto(new_model, make_panel(series), Times(gain), baseline=baseline, season=None)
    # Half-way between full trust and what held-out steps say.
    assert found == pytest.approx(least + (1 - least) * weight, abs=1e-6)


def test_where_the_baseline_is_perfect_noise_has_the_least_weight(
    monkeypatch, new_model, make_panel, Echo
):
    panel = make_panel([np.tile([1.0, 5, 2, 8], 15), np.tile([3.0, 2, 2, 7], 9)])
    assert auto(new_model, panel, Echo(), baseline="seasonal") == 0.5
    monkeypatch.setattr(weighting, "_LEAST", 0.0)
    assert auto(new_model, panel, Echo(), baseline="seasonal") == 0.0


@settings(max_examples=examples(100))
@given(
    st.lists(
        st.tuples(st.integers(-5, 5).map(float), st.integers(1, 9).map(float)),
        min_size=1,
        max_size=9,
    )
)
def test_a_weighted_median_has_the_smallest_sum_of_weighted_distances(pairs):
    values, weights = np.array(pairs).T
    median = weighting._weighted_median(values, weights)
    assert median in values

    def distance(at):
        return (weights * np.abs(values - at)).sum()

    assert distance(median) <= min(distance(at) for at in np.linspace(-6, 6, 49)) + 1e-9


def by_grid(model, panel, held_out, ends, grid):
    """Return the sum of weighted absolute errors of each weight on a grid."""
    lengths, season, log = panel.lengths, SEASON, model.transform == "log"
    z = np.split(np.log(panel.values) if log else panel.values, panel.offsets[1:-1])

    def known(series, n):
        return panel.take(np.array(series), np.array(n))

    seen = [i for i in range(panel.n_series) if lengths[i] > held_out]
    blind = model.fit(known(seen, [lengths[i] - held_out for i in seen]))
    loss = np.zeros(len(grid))
    for end in ends:
        here = [i for i in range(panel.n_series) if lengths[i] - end > season]
        observed = blind.with_panel(known(here, [lengths[i] - end for i in here]))
        every = np.arange(len(here))
        full = observed.weighted(1.0).forecast(HORIZON)
        alone = observed.weighted(0.0).forecast(HORIZON)
        came = np.array(
            [np.exp(z[i])[-end:][:HORIZON] if log else z[i][-end:][:HORIZON] for i in here]
        )
        truth = observed.in_units(came, every)
        for row, i in enumerate(here):
            learnt = z[i][: lengths[i] - (held_out if i in seen else end)]
            change = np.abs(learnt[season:] - learnt[:-season])
            if np.isnan(change).all():
                change = np.abs(np.diff(learnt))
            share = np.sqrt(np.nanmean(change)) if log else 1.0
            for k, w in enumerate(grid):
                error = np.abs(truth[row] - (1 - w) * alone[row] - w * full[row])
                loss[k] += share * np.nansum(error)
    return loss


class TooLarge(Ridge):
    """A ridge regression too large: least squares of collinear lags hang on LAPACK."""

    def predict(self, X):
        return 2.5 * super().predict(X)


@pytest.mark.parametrize("transform", [None, "log"])
@pytest.mark.parametrize(
    ("lengths", "last_missing"),
    [([50], 0), ([60, 40], 0), ([9, 60, 16, 31], 0), ([9, 60, 45], 4), ([60, 7, 8, 22, 24], 0)],
)
@pytest.mark.usefixtures("free")
def test_the_weight_is_the_best_of_a_grid(
    new_model, make_panel, with_gaps, lengths, last_missing, transform
):
    noise = np.resize([0.05, 1.0, 0.3], len(lengths))
    series = [np.exp(wave(n, n, size)) for n, size in zip(lengths, noise, strict=True)]
    series = with_gaps(series, share=0.05 if last_missing else 0.0)
    if last_missing:
        series[1][-last_missing:] = np.nan
    panel = make_panel(series)
    params = {"regressor": TooLarge(), "transform": transform, "baseline": "last"}
    weight = fit_with_weight(new_model(regressor_weight="auto", **params), panel).weight
    longest = max(lengths)
    cutoffs = range(HORIZON, longest // 3 + 1)  # more are wanted, but no more than a third
    grid = np.linspace(0, 1, 201)
    loss = by_grid(new_model(**params), panel, longest // 3, cutoffs, [*grid, weight])
    assert loss[-1] <= loss[:-1].min() * (1 + 1e-12)
    assert abs(grid[loss[:-1].argmin()] - weight) <= 0.005 + 1e-9
    assert 0.02 < weight < 0.98  # a case that says something


@pytest.mark.usefixtures("free")
def test_the_order_of_series_and_their_names_do_not_matter(new_model, make_panel):
    series = [np.exp(wave(n, n, size)) for n, size in ((9, 0.05), (60, 1.0), (16, 0.3), (31, 0.1))]
    found = [
        auto(new_model, make_panel([series[i] for i in order]), Ridge(), transform="log")
        for order in ([0, 1, 2, 3], [3, 1, 0, 2])
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-4)
    assert 0 < found[0] < 1


@settings(max_examples=examples(15))
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from([None, 4, [3, 7]]),
    st.integers(0, 99),
)
def test_a_weight_is_within_0_and_1_whatever_the_lengths(
    make_panel, Echo, new_model, with_gaps, lengths, windows, season, seed
):
    series = with_gaps([wave(n, seed + i) for i, n in enumerate([16, *lengths])], seed)
    series[0][:] = wave(16)  # one whose past can be learnt from
    model = new_model(Echo(windows=windows), season=season, horizon=2, regressor_weight="auto")
    model = fit_with_weight(model, make_panel(series))
    assert 0.5 <= model.weight <= 1.0
    assert np.isfinite(model.forecast(5)).all()


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize("factor", [1e-3, 1000.0])
@pytest.mark.parametrize("transform", [None, "log"])
def test_a_panel_times_a_factor_has_the_same_weight(new_model, make_panel, transform, factor):
    series = [np.exp(wave(n, n)) for n in (60, 40)]
    found = [
        auto(new_model, make_panel([one * size for one in series]), Ridge(), transform=transform)
        for size in (1.0, factor)
    ]
    assert found[1] == pytest.approx(found[0], rel=1e-3)
    assert 0 < found[0] < 1


# ------------------------------------------------------------- where there is little to learn from


@pytest.mark.parametrize(
    ("windows", "params", "fewest"),
    [
        (False, {}, 5 + 3),
        (False, {"window": 2}, 4 + 1 + 3),  # the season counts, too
        (False, {"window": 1, "season": 12, "horizon": 1}, 12 + 1 + 1),
        (True, {"window": 2, "season": 12}, 12 + 1 + 1),  # a network learns from one step
        (True, {"window": 5, "season": [3, 4]}, 5 + 3),
    ],
)
def test_the_weight_of_what_cannot_be_tested_is_a_half(
    monkeypatch, new_model, make_panel, Echo, windows, params, fewest
):
    calls = []
    monkeypatch.setattr(weighting, "_weighted_median", lambda *_: calls.append(1) or 0.75)
    horizon = params.get("horizon", HORIZON)
    for n, tested in ((fewest, False), (fewest + horizon - 1, False), (fewest + horizon, True)):
        weight = auto(new_model, make_panel([wave(n), wave(3)]), Echo(windows=windows), **params)
        assert weight == (0.5 + 0.75 / 2 if tested else 0.5)
        assert bool(calls) == tested


def test_a_half_where_all_that_is_held_out_is_missing_or_both_say_the_same(
    new_model, make_panel, Echo
):
    one = wave(60)
    one[-21:] = np.nan
    assert auto(new_model, make_panel([one]), Echo()) == 0.5
    assert auto(new_model, make_panel([wave(60)]), Echo(gain=0)) == 0.5
    assert auto(new_model, make_panel([np.full(60, 7.0), np.full(9, 2.0)]), Ridge()) == 0.5


def test_a_constant_series_stays_whatever_the_weight(new_model, make_panel):
    panel = make_panel([np.exp(wave(60, 1)), np.full(60, 3.0), np.full(7, 1e9)])
    for weight in (0.0, 0.5, "auto", 1.0):
        model = fit_with_weight(new_model(Ridge(), regressor_weight=weight), panel)
        values = model.in_values(model.forecast(4), np.arange(3))
        np.testing.assert_allclose(values[1], 3.0, rtol=2e-3)
        np.testing.assert_allclose(values[2], 1e9, rtol=2e-3)


# ----------------------------------------------------------------------------- what the weight does


@pytest.mark.parametrize("data", [SERIES, LONG], ids=["series", "long"])
@pytest.mark.parametrize("regressor", [Ridge(), WithQuantiles()], ids=["Ridge", "other"])
def test_forecasts_lie_between_baseline_and_regressor_as_the_weight_says(data, regressor):
    def forecast(weight, regressor=regressor):
        model = forecaster(regressor, transform=None, regressor_weight=weight).fit(data)
        assert model.regressor_weight_ == weight
        found = model.predict()
        return np.asarray(found["y_hat"] if data is LONG else found)

    full, alone = forecast(1.0), forecast(0)
    plain = forecaster(regressor, transform=None).set_params(regressor_weight=1.0).fit(data)
    default = Forecaster(regressor, window=5, horizon=HORIZON, season=SEASON, transform=None)
    for one in (plain, default.fit(data)):
        found = one.predict()
        assert np.asarray(found["y_hat"] if data is LONG else found).tobytes() == full.tobytes()
    assert np.abs(full - alone).min() > 1e-6
    for weight in (0.25, 0.7):
        np.testing.assert_allclose(forecast(weight), (1 - weight) * alone + weight * full)
    # Without weight it does not matter which regressor it is.
    np.testing.assert_allclose(forecast(0.0, Times(100.0)), alone, rtol=1e-12)


def test_without_weight_a_series_is_forecast_by_its_own_coefficients(new_model, make_panel):
    series = [wave(20, noise=0.05), wave(18, 3, noise=2.0)]
    model = fit_with_weight(new_model(Ridge(), regressor_weight=0.0), make_panel(series))
    linear = model.baseline_
    assert not linear.learns_own
    swapped = fit_with_weight(new_model(Ridge(), regressor_weight=0.0), make_panel(series))
    swapped.baseline_.by_series = np.repeat(linear.coefficients[np.newaxis], 3, axis=0)
    assert np.abs(model.forecast(3) - swapped.forecast(3)).max() > 1e-3
    full = model.weighted(1.0).forecast(3)
    np.testing.assert_array_equal(swapped.weighted(1.0).forecast(3), full)


def test_later_blocks_take_what_the_weight_says_for_values(new_model, make_panel):
    series = [wave(60), wave(40, 1)]
    model = fit_with_weight(new_model(Ridge(), regressor_weight=0.3), make_panel(series))
    both = model.forecast(2 * HORIZON)
    values = model.in_values(both[:, :HORIZON], np.arange(2))
    longer = [np.append(one, came) for one, came in zip(series, values, strict=True)]
    after = model.with_panel(make_panel(longer))
    assert after.weight == 0.3
    np.testing.assert_allclose(after.forecast(HORIZON), both[:, HORIZON:], atol=2e-5)


@pytest.mark.parametrize("transform", [None, "log"])
def test_quantile_intervals_move_with_the_forecast(transform):
    def ends(weight):
        model = forecaster(
            WithQuantiles(), intervals="quantile", transform=transform, regressor_weight=weight
        )
        found = model.fit(LONG).predict(HORIZON, level=80)[["y_hat", "lo-80", "hi-80"]].to_numpy()
        return np.log(found) if transform == "log" else found

    full, mixed, alone = ends(1.0), ends(0.4), ends(0.0)
    assert np.abs(full[:, 0] - alone[:, 0]).max() > 1e-2
    for found in (mixed, alone):
        np.testing.assert_allclose(found - found[:, :1], full - full[:, :1], atol=1e-6)
    np.testing.assert_allclose(mixed, 0.6 * alone + 0.4 * full, atol=1e-6)


def test_conformal_intervals_are_those_of_the_weighted_forecast():
    """The errors that make them are of the forecast with its weight."""
    half = {
        weight: forecaster(Times(50.0), transform=None, regressor_weight=weight)
        .fit(SERIES)
        .predict(1, level=80)
        .eval("`hi-80` - `lo-80`")
        .item()
        for weight in (0.0, 0.1, 1.0)
    }
    assert half[1.0] > 5 * half[0.1] > 5 * half[0.0]


# -------------------------------------------------------------------------------- fits, and copies


@pytest.mark.parametrize(
    ("data", "params", "n_fits"),
    [
        (SERIES, {"regressor_weight": 1.0}, 1),
        (LONG, {"regressor_weight": 0.4}, 1),
        (SERIES, {"regressor_weight": 0.4, "intervals": "conformal"}, 2),
        (SERIES, {}, 2),
        (LONG, {"intervals": "conformal"}, 2),  # they share what was held out
    ],
)
def test_how_often_a_regressor_is_fitted(data, params, n_fits):
    Times.n_fits = 0
    model = forecaster(Times(), **params).fit(data)
    assert Times.n_fits == n_fits
    model.predict(2, level=80)
    model.predict(HORIZON, level=[50, 95])
    assert Times.n_fits == 2
    before = Times.n_fits
    backtest(model, data, horizon=HORIZON, n_folds=2, refit=False, level=80)
    assert Times.n_fits == before + 2
    backtest(model, data, horizon=HORIZON, n_folds=2, level=80)
    assert Times.n_fits == before + 2 + 4


def test_auto_is_the_same_as_the_number_that_it_finds():
    model = forecaster(Times(1.4), baseline="last").fit(LONG[LONG["ds"] < DAYS[80]])
    weight = model.regressor_weight_
    assert 0.5 < weight < 1
    assert model.regressor_weight == "auto"
    fixed = forecaster(Times(1.4), baseline="last", regressor_weight=weight).fit(
        LONG[LONG["ds"] < DAYS[80]]
    )
    new = LONG[LONG["ds"] >= DAYS[80]]
    joins = new.assign(unique_id="d")

    def same():
        for arguments in ({"X": HORIZON}, {"X": 3 * HORIZON + 1}, {"X": 2, "level": [80, 95]}):
            expected = fixed.predict(**arguments)
            pd.testing.assert_frame_equal(model.predict(**arguments), expected, check_exact=True)

    same()
    for rows in (new, joins):
        model.update(rows)
        fixed.update(rows)
        assert model.regressor_weight_ == weight
        same()
    copy = pickle.loads(pickle.dumps(model))
    assert copy.regressor_weight_ == weight
    pd.testing.assert_frame_equal(
        copy.predict(2, level=80), model.predict(2, level=80), check_exact=True
    )
    fresh = clone(model)
    assert fresh.regressor_weight == "auto"
    assert not hasattr(fresh, "regressor_weight_")


def test_a_network_that_trains_on_keeps_its_weight():
    network = GRURegressor(hidden_size=3, max_epochs=2, observe="off", random_state=0)
    model = forecaster(network).fit(SERIES[:70])
    weight = model.regressor_weight_
    before = model.predict(1).item()
    model.update(SERIES[70:], passes=1)
    assert model.regressor_weight_ == weight
    assert model.predict(1).item() != before


@pytest.mark.usefixtures("free")
def test_a_fold_chooses_its_own_weight_and_one_fit_keeps_the_first():
    folds = backtest(forecaster(), SERIES, horizon=HORIZON, n_folds=3)
    once = backtest(forecaster(), SERIES, horizon=HORIZON, n_folds=3, refit=False)
    weights = []
    for k, cutoff in enumerate(folds["cutoff"].unique()):
        known = SERIES[:cutoff]
        model = forecaster().fit(known)
        weights.append(model.regressor_weight_)
        here = folds["cutoff"] == cutoff
        np.testing.assert_array_equal(folds["y_hat"][here], model.predict())
        first = forecaster(regressor_weight=weights[0]).fit(SERIES[: folds["cutoff"].iloc[0]])
        if k:
            first.update(SERIES[folds["cutoff"].iloc[0] :][1:][: HORIZON * k])
        np.testing.assert_allclose(once["y_hat"][here], first.predict(), rtol=1e-12)
    assert len(set(weights)) == 3


def test_a_search_finds_the_weight_that_forecasts_best():
    search = GridSearchCV(
        forecaster(Times(3.0)),
        {"regressor_weight": [0.0, 0.3, 1.0, "auto"]},
        cv=TimeSeriesSplit(3, test_size=HORIZON),
        scoring="neg_mean_absolute_error",
        error_score="raise",
    ).fit(pd.DataFrame(index=SERIES.index), SERIES)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 4
    assert search.best_params_["regressor_weight"] != 1.0
    assert scores[3] > scores[2]


@pytest.mark.parametrize("season", [90, 100, 110])
def test_what_is_held_out_leaves_a_network_enough_to_learn_from(season):
    series = 10 + np.sin(np.arange(120.0))
    network = GRURegressor(hidden_size=2, max_epochs=1, random_state=0)
    forecaster = Forecaster(network, horizon=7, season=season, regressor_weight="auto")
    assert np.isfinite(forecaster.fit(series).predict()).all()
