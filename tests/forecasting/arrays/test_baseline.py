"""The baselines against a design built by loops, solved as one weighted least-squares problem."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from seqforecast.forecasting.arrays.baseline import BASELINES, components, seasonal_profile
from seqforecast.forecasting.arrays.lookback import Lookback
from seqforecast.forecasting.arrays.outlook import Outlook, actual_values
from seqforecast.forecasting.arrays.padded_series import PaddedSeries
from seqforecast.forecasting.model import baseline_fit
from seqforecast.forecasting.model.baseline_fit import _product, _spread, fit_baseline
from tests.properties import examples

NO_FEATURES = {
    "past": np.empty((9999, 0), np.float32),
    "future": np.empty((9999, 0), np.float32),
    "static": np.empty((99, 0), np.float32),
}


def look(series, lookback, known=None, members=None, **how):
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in series])])
    values = np.concatenate(series)
    known = np.ones(len(values), bool) if known is None else np.concatenate(known)
    padded = PaddedSeries.of(
        values, known, offsets, NO_FEATURES, lookback, blank=lookback.horizon, **how
    )
    members = np.arange(len(series)) if members is None else np.array(members)
    return Outlook(padded, lookback, members)


def origins_of(outlook):
    """Return the cutoffs that may be learnt from: a season and a value lie before, one after."""
    padded, season = outlook.padded, outlook.lookback.season
    return [np.arange(a + season, b - 1) for a, b in zip(padded.first, padded.end, strict=True)]


def noisy_seasons(rng, length, season, *, noise=0.5):
    steps = np.arange(length)
    return np.sin(2 * np.pi * steps / season) * 2 + noise * rng.standard_normal(length).cumsum()


def solved(X, y, weight, penalty, centre=0.0):
    """Minimise sum weight (y - Xb)^2 + (b - centre)' penalty (b - centre), b >= 0, row by row."""
    root = np.linalg.cholesky(penalty).T
    rows = np.concatenate([X * np.sqrt(weight)[:, np.newaxis], root])
    right = np.concatenate([y * np.sqrt(weight), root @ np.broadcast_to(centre, len(root))])
    return nnls(rows, right)[0]


def ridge_of(gram):
    return np.eye(len(gram)) * 1e-3 * np.trace(gram) / len(gram)


def in_single_precision(twin, t, step):
    """Return the parts of one step, levels and drift rounded as they are kept."""
    profiles = twin.parts(t, step)[: -len(twin.levels(t)) - 1]
    drift = np.float64(np.float32(twin.drift(t)))
    from_middle = step + (twin.seasons[-1] - 1) / 2
    return np.array([*profiles, *np.float32(twin.levels(t)), drift * from_middle])


def loop_fit(twins, origins, known, weight, horizon):
    """Fit as the recipe says; return the coefficients of all, and of each."""
    X, y, start, owner = [], [], [], []
    for i, (twin, cutoffs) in enumerate(zip(twins, origins, strict=True)):
        for t in cutoffs:
            level = twin.level(t, twin.seasons[-1])
            for step in range(1, horizon + 1):
                if t + step < len(twin.values) and known[i][t + step]:
                    X.append(in_single_precision(twin, t, step))
                    y.append(twin.value(t + step) - level)
                    start.append(weight[i])
                    owner.append(i)
    if not X:
        nothing = np.zeros(len(twins[0].parts(0, 1)))
        return nothing, np.array([nothing] * len(twins))
    X, y, start, owner = np.array(X), np.array(y), np.array(start), np.array(owner)
    share = start
    for _ in range(6):
        gram = X.T @ (X * share[:, np.newaxis])
        together = solved(X, y, share, ridge_of(gram))
        share = start / np.maximum(np.abs(y - X @ together), 0.05)
    by_series = [together] * len(twins)
    counts = [len(cutoffs) for cutoffs in origins if len(cutoffs)]
    if len(counts) > 1:
        prior = 0.2 * X.T @ (X * share[:, np.newaxis]) / len(counts)
        prior += ridge_of(prior)
        for i in range(len(twins)):
            own = owner == i
            if len(origins[i]):
                by_series[i] = solved(X[own], y[own], share[own], prior, together)
    return together, np.array(by_series)


@settings(max_examples=examples(25))
@given(
    st.sampled_from([(1,), (4,), (7,), (3, 7)]),
    st.sampled_from([1, 3, 8]),
    st.lists(st.integers(1, 34), min_size=1, max_size=3),
    st.integers(0, 999),
)
def test_linear_is_the_weighted_non_negative_fit_of_the_loop(
    loops, seasons, horizon, lengths, seed
):
    rng = np.random.default_rng(seed)
    lookback = Lookback(seasons, 5, 1, horizon)
    lengths = [lookback.season + 3, *lengths]
    series = [noisy_seasons(rng, n, lookback.season) for n in lengths]
    known = [rng.random(n) < 0.85 for n in lengths]
    weight = rng.random(len(lengths)) + 0.5
    outlook = look(series, lookback, known)
    origins = origins_of(outlook)
    linear = fit_baseline("linear", outlook, origins, weight)

    twins = [loops(one, lookback) for one in series]
    steps = [cells - a for cells, a in zip(origins, outlook.padded.first, strict=True)]
    together, by_series = loop_fit(twins, steps, known, weight, horizon)
    # Without a season, the newest change and value less the level are always 0: scipy's nnls may
    # give them any coefficient.
    says = np.abs(components(outlook, np.concatenate(origins))).max(axis=(0, 1), initial=0) > 0
    np.testing.assert_allclose(linear.coefficients[says], together[says], atol=2e-5)
    np.testing.assert_allclose(linear.by_series[:-1, says], by_series[:, says], atol=2e-5)
    np.testing.assert_array_equal(linear.by_series[-1], linear.coefficients)
    assert (linear.by_series >= 0).all()

    counts = [len(cells) for cells in origins if len(cells)]
    long = np.mean(counts) >= 8 * horizon
    for i, twin in enumerate(twins):
        t = len(twin.values) - 1
        parts = [twin.parts(t, j) for j in range(1, horizon + 1)]
        cell = outlook.padded.end[i : i + 1] - 1
        np.testing.assert_allclose(linear.alone(outlook, cell)[0], parts @ by_series[i], atol=2e-4)
        learnt = parts @ (by_series[i] if long else together)
        np.testing.assert_allclose(linear.forecast(outlook, cell)[0], learnt, atol=2e-4)


def test_linear_of_hours_is_that_of_the_loop(loops):
    rng = np.random.default_rng(3)
    lookback = Lookback((24, 168), 48, 1, 2)
    series = [noisy_seasons(rng, n, 24, noise=0.1) for n in (190, 192)]
    outlook = look(series, lookback)
    origins = origins_of(outlook)
    linear = fit_baseline("linear", outlook, origins, np.ones(2))
    twins = [loops(one, lookback) for one in series]
    steps = [cells - a for cells, a in zip(origins, outlook.padded.first, strict=True)]
    assert np.mean([len(t) for t in steps]) >= 16
    together, by_series = loop_fit(twins, steps, [np.ones(192, bool)] * 2, np.ones(2), 2)
    np.testing.assert_allclose(linear.coefficients, together, atol=2e-5)
    np.testing.assert_allclose(linear.by_series[:-1], by_series, atol=2e-5)
    assert np.abs(by_series[0] - by_series[1]).max() > 1e-3


@settings(max_examples=examples(30))
@given(
    st.sampled_from([(1,), (7,), (4, 12)]),
    st.sampled_from([1, 5, 15]),
    st.lists(st.integers(1, 60), min_size=1, max_size=3),
)
def test_components_are_those_of_the_loop(loops, seasons, horizon, lengths):
    rng = np.random.default_rng(sum(lengths))
    lookback = Lookback(seasons, 5, 3, horizon)
    series = [rng.standard_normal(n).cumsum() for n in lengths]
    outlook = look(series, lookback)
    last = BASELINES["last"]()
    for i, one in enumerate(series):
        twin = loops(one, lookback)
        for t in (-2, 0, len(one) // 2, len(one) - 1):
            cell = outlook.padded.first[i : i + 1] + t
            steps = range(1, horizon + 1)
            expected = [twin.parts(t, step) for step in steps]
            np.testing.assert_allclose(components(outlook, cell)[0], expected, rtol=3e-7, atol=3e-6)
            m = lookback.season
            level = twin.level(t, m)
            profile = [twin.profile(t, step, m, 0) for step in steps]
            np.testing.assert_allclose(seasonal_profile(outlook, cell), [profile], atol=1e-10)
            came = [one[t + j] - level if 0 <= t + j < len(one) else np.nan for j in steps]
            np.testing.assert_allclose(actual_values(outlook, cell), [came], atol=1e-10)
            again = BASELINES["seasonal"]().forecast(outlook, cell)
            np.testing.assert_allclose(again, [profile], atol=1e-10)
            stays = last.forecast(outlook, cell)
            np.testing.assert_allclose(stays, [[twin.value(t) - level] * horizon], atol=1e-10)
            assert not BASELINES[None]().forecast(outlook, cell).any()


def test_baselines_by_hand():
    lookback = Lookback((3,), 2, 1, 4)
    outlook = look([np.array([9.0, 1, 2, 3, 4, 8, 9])], lookback)
    cell = outlook.padded.end - 1  # level 7, last season 4, 8, 9
    assert outlook.level[cell] == 7
    assert BASELINES["seasonal"]().forecast(outlook, cell).tolist() == [[-3, 1, 2, -3]]
    assert BASELINES["last"]().forecast(outlook, cell).tolist() == [[2, 2, 2, 2]]
    assert BASELINES[None]().forecast(outlook, cell).tolist() == [[0, 0, 0, 0]]
    parts = components(outlook, cell)[0]
    # One, two and three seasons before, each less its own level of 7, 2 and 20 / 3 (padded).
    np.testing.assert_allclose(parts[:, 0], [-3, 1, 2, -3])
    np.testing.assert_allclose(parts[:, 1], [-1, 0, 1, -1])
    informs = [name for name, baseline in BASELINES.items() if baseline.informs]
    assert informs == ["linear", "seasonal"]  # the others say one number for all steps


def fitted(series, lookback, known=None, weight=None):
    outlook = look(series, lookback, known)
    weight = np.ones(len(series)) if weight is None else weight
    linear = fit_baseline("linear", outlook, origins_of(outlook), weight)
    return outlook, linear


@pytest.mark.parametrize("seasons", [(7,), (12,), (4, 12)])
def test_a_pure_season_comes_again_up_to_the_ridge(seasons):
    season = seasons[-1]
    shape = np.random.default_rng(season).standard_normal(season)
    outlook, linear = fitted(
        [np.tile(shape, 12), np.tile(3 * shape, 9)], Lookback(seasons, 5, 1, 9)
    )
    forecast = linear.forecast(outlook, outlook.padded.end - 1)
    expected = (np.resize(shape, 9) - shape.mean()) * [[1.0], [3.0]]
    assert np.abs(forecast - expected).max() < 2e-3 * np.abs(expected).max()


def test_a_pure_level_stays():
    outlook, linear = fitted([np.full(60, 3.5), np.full(20, -2.0)], Lookback((7,), 5, 1, 5))
    assert not linear.by_series.any()
    assert not linear.forecast(outlook, outlook.padded.end - 1).any()


def test_where_nothing_is_known_or_all_are_too_short_nothing_is_learnt():
    lookback = Lookback((7,), 5, 1, 3)
    rng = np.random.default_rng(0)
    series = [rng.standard_normal(30), rng.standard_normal(5)]
    for linear in (
        fitted(series, lookback, [np.zeros(30, bool), np.zeros(5, bool)])[1],
        fitted([one[:8] for one in series], lookback)[1],
    ):
        assert linear.by_series.shape == (3, 3 + 11 + 1)
        assert not linear.by_series.any()


def own_loss(X, y, share, coefficients):
    return float((share * (y - X @ coefficients) ** 2).sum())


def test_a_series_lies_between_its_own_fit_and_that_of_all(monkeypatch):
    rng = np.random.default_rng(4)
    lookback = Lookback((7,), 5, 1, 2)
    series = [noisy_seasons(rng, 120, 7, noise=noise) for noise in (0.05, 0.5, 3.0)]
    found = {}
    for shrinkage in (1e-7, 0.02, 0.2, 2.0, 1e7):
        monkeypatch.setattr(baseline_fit, "_SHRINKAGE", shrinkage)
        outlook, linear = fitted(series, lookback)
        found[shrinkage] = linear.by_series
        together = linear.coefficients
    np.testing.assert_allclose(found[1e7][:3], np.tile(together, (3, 1)), atol=1e-5)
    cells = origins_of(outlook)
    chosen = [components(outlook, one).reshape(-1, len(together)) for one in cells]
    truth = [actual_values(outlook, one).reshape(-1) for one in cells]
    for i, (X, y) in enumerate(zip(chosen, truth, strict=True)):
        X, y = X[~np.isnan(y)], y[~np.isnan(y)]
        share = 1 / np.maximum(np.abs(y - X @ together), 0.05)
        alone = solved(X, y, share, np.eye(len(together)) * 1e-9)
        losses = [own_loss(X, y, share, found[s][i]) for s in sorted(found)]
        assert losses == sorted(losses)  # the more it is pulled, the worse for the series itself
        assert losses[0] == pytest.approx(own_loss(X, y, share, alone), rel=1e-5)
        assert losses[0] < losses[2] < losses[-1]


@pytest.mark.parametrize(
    ("lengths", "own"),
    [
        ((4 + 1 + 15, 4 + 1 + 15), False),  # 8 cutoffs a step: 16
        ((4 + 1 + 16, 4 + 1 + 16), True),
        ((4 + 1 + 10, 4 + 1 + 21), False),  # 15.5 on average
        ((4 + 1 + 11, 4 + 1 + 21), True),
        ((4 + 1 + 16, 4 + 1 + 16, 5), True),  # one that is not learnt from does not count
        ((4 + 1 + 200, *[4 + 1 + 2] * 20), False),  # one that is long among many that are short
    ],
)
def test_a_regressor_learns_from_coefficients_of_all_where_cutoffs_are_few(lengths, own):
    rng = np.random.default_rng(5)
    lookback = Lookback((4,), 5, 1, 2)
    noise = np.resize([0.05, 2.0], len(lengths))
    series = [noisy_seasons(rng, n, 4, noise=size) for n, size in zip(lengths, noise, strict=True)]
    outlook, linear = fitted(series, lookback)
    learnt = np.array(lengths) > 4 + 1
    differ = np.abs(linear.by_series[:-1] - linear.coefficients).max(axis=1) > 1e-6
    np.testing.assert_array_equal(differ, learnt)
    cells = outlook.padded.end - 1
    together = components(outlook, cells) @ linear.coefficients
    each = np.einsum("ijk,ik->ij", components(outlook, cells), linear.by_series[:-1])
    np.testing.assert_allclose(linear.alone(outlook, cells), each, atol=1e-9)
    assert np.abs(each - together).max() > 1e-3
    expected = each if own else together
    np.testing.assert_allclose(linear.forecast(outlook, cells), expected, atol=1e-9)


def test_the_coefficients_of_one_series_are_those_of_all():
    linear = fitted([noisy_seasons(np.random.default_rng(5), 60, 4)], Lookback((4,), 5, 1, 2))[1]
    np.testing.assert_array_equal(linear.by_series[0], linear.coefficients)


def test_a_series_that_the_fit_has_not_seen_is_forecast_like_all():
    rng = np.random.default_rng(6)
    lookback = Lookback((4,), 5, 1, 2)
    series = [noisy_seasons(rng, 80, 4, noise=noise) for noise in (0.05, 2.0)]
    linear = fitted(series, lookback)[1]
    outlook = look([series[1], series[0], series[0]], lookback, members=[1, -1, 0])
    cells = outlook.padded.end - 1
    parts = components(outlook, cells)
    for i, coefficients in enumerate(
        (linear.by_series[1], linear.coefficients, linear.by_series[0])
    ):
        expected = [sum(c * p for c, p in zip(coefficients, row, strict=True)) for row in parts[i]]
        np.testing.assert_allclose(linear.forecast(outlook, cells)[i], expected, rtol=1e-12)
    forecast = linear.forecast(outlook, cells)
    assert np.abs(forecast[1] - forecast[2]).max() > 1e-6
    np.testing.assert_array_equal(linear.alone(outlook, cells), forecast)
    linear.learns_own = False
    together = parts @ linear.coefficients
    np.testing.assert_allclose(linear.forecast(outlook, cells), together, rtol=1e-9)
    np.testing.assert_array_equal(linear.alone(outlook, cells), forecast)


@pytest.mark.parametrize("seasons", [(1,), (4,), (3, 7)])
def test_a_straight_line_goes_on(seasons):
    series = [slope * np.arange(80.0) + 7 for slope in (0.5, -0.2)]
    outlook, linear = fitted(series, Lookback(seasons, 5, 1, 6))
    cells = outlook.padded.end - 1
    ahead = np.array([[0.5], [-0.2]]) * (np.arange(1, 7) + (seasons[-1] - 1) / 2)
    np.testing.assert_allclose(components(outlook, cells)[..., -1], ahead, rtol=1e-5)
    for forecast in (linear.forecast(outlook, cells), linear.alone(outlook, cells)):
        np.testing.assert_allclose(forecast, ahead, rtol=0.02)


def test_a_heavy_series_rules():
    rng = np.random.default_rng(7)
    lookback = Lookback((4,), 5, 1, 12)
    series = [noisy_seasons(rng, 60, 4, noise=noise) for noise in (0.05, 2.0)]
    alone = [fitted([one], lookback)[1].coefficients for one in series]
    for i, weight in enumerate(([1e6, 1.0], [1.0, 1e6])):
        linear = fitted(series, lookback, weight=np.array(weight))[1]
        np.testing.assert_allclose(linear.coefficients, alone[i], atol=1e-3)


def test_no_forecast_hangs_on_other_series():
    rng = np.random.default_rng(8)
    lookback = Lookback((4, 12), 5, 1, 3)
    series = [noisy_seasons(rng, n, 12) for n in (50, 13, 70)]
    outlook, linear = fitted(series, lookback)
    together = linear.forecast(outlook, outlook.padded.end - 1)
    for i, one in enumerate(series):
        alone = look([one], lookback, members=[i])
        # Levels are float32; the rest differs by the rounding of the running sums.
        np.testing.assert_allclose(
            linear.forecast(alone, alone.padded.end - 1)[0], together[i], atol=1e-6
        )


@pytest.mark.parametrize("season", [2, 4, 5, 7, 12, 24])
@pytest.mark.parametrize("length", [60, 120, 168, 356, 1000, 1631, 2796, 5592, 8760])
def test_the_cutoffs_chosen_cover_the_phases_of_a_season(season, length):
    cells = np.arange(1000, 1000 + length)
    chosen = _spread([cells] * 150, horizon=12)
    for some in chosen[:: len(chosen) - 1]:
        assert np.isin(some, cells).all()
        assert 30 < len(some) == len(np.unique(some)) <= 40
        # 40 cutoffs chosen blindly show 14 to 24 of 24 phases.
        assert len(np.unique(some % season)) >= 0.55 * season
        gaps = np.diff(np.concatenate([[cells[0]], some, [cells[-1]]]))
        assert gaps.max() <= 0.08 * length + 1  # and the whole series


def test_few_series_are_fitted_to_more_cutoffs_and_none_to_less_than_four():
    cells = np.arange(100_000)
    assert len(_spread([cells], 1)[0]) == 4000
    assert [len(some) for some in _spread([cells, cells[:30], cells[:0]], 1)] == [2000, 30, 0]
    assert len(_spread([cells] * 400, 1)[0]) == 40
    assert len(_spread([cells] * 1000, 100)[0]) == 10  # a million rows are enough
    assert len(_spread([cells[:50]] * 3000, 168)[0]) == 4
    assert _spread([cells[:0]], 5)[0].size == 0


def test_a_long_product_has_the_same_bits_on_any_number_of_threads():
    """Workers of a search have fewer threads than the process that started them."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 60_000 + 17, 12))
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(_product(a, b))
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(found[0], a.T @ b, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(_product(a[:9], b[:9]), a[:9].T @ b[:9], rtol=1e-12)


def test_a_fit_has_the_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    outlook = look([noisy_seasons(rng, 300, 7) for _ in range(30)], Lookback((7,), 14, 1, 7))
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(fit_baseline("linear", outlook, origins_of(outlook), np.ones(30)))
    np.testing.assert_array_equal(*(one.coefficients for one in found))
    np.testing.assert_array_equal(*(one.by_series for one in found))
