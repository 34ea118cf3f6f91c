"""The model of a panel: its forecasts against loops, and numbers of all sizes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from seqforecast import GRURegressor
from seqforecast.forecasting.arrays.lookback import Lookback
from seqforecast.forecasting.arrays.ragged import fill_missing
from tests.properties import examples


def filled(one, season):
    return fill_missing(one, np.array([0, len(one)]), season)


# What is forecast ---------------------------------------------------------------------------------


def loop_forecast(model, twin, coefficients, steps):
    """Forecast block by block as the linear baseline alone does."""
    while steps > 0:
        t = len(twin.values) - 1
        level = twin.level(t, twin.lookback.season)
        block = [
            level + np.dot(coefficients, twin.parts(t, j)) for j in range(1, model.horizon + 1)
        ]
        twin = type(twin)(twin.values + block, twin.lookback, n_real=twin.n_real)
        steps -= model.horizon
    return twin.values


@settings(max_examples=examples(15))
@example([600, 300], 4, 3, 7)  # longer than what is looked back on
@example([600, 1], [3, 7], 1, 3)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.sampled_from([None, 4, [3, 7]]),
    st.sampled_from([1, 3]),
    st.integers(1, 8),
)
def test_forecasts_are_those_of_the_loop(
    make_panel, loops, Echo, new_model, some_series, with_gaps, lengths, season, horizon, steps
):
    lengths = [45, *lengths]
    series = with_gaps(some_series(lengths))
    model = new_model(Echo(gain=0), season=season, horizon=horizon).fit(make_panel(series))
    found, alone = model.forecast(steps), model.weighted(0.0).forecast(steps)
    assert found.shape == (len(series), steps)
    linear = model.baseline_
    cutoffs = [n - 1 - (max(model.lookback.season, 4 if n > horizon + 4 else 0)) for n in lengths]
    counted = [n for n in cutoffs if n > 0]
    long = np.mean(counted) >= 8 * horizon
    for i, one in enumerate(series):
        known = one[: np.flatnonzero(~np.isnan(one))[-1] + 1]  # what is missing then is forecast
        units = (filled(known, model.lookback.season) - model.units.mean[i]) / model.units.scale[i]
        twin = loops(units, model.lookback)
        ahead = len(one) - len(known) + steps
        own = loop_forecast(model, twin, linear.by_series[i], ahead)[len(one) :][:steps]
        np.testing.assert_allclose(alone[i], own, rtol=1e-5, atol=1e-4)
        learnt = linear.by_series[i] if long else linear.coefficients
        expected = loop_forecast(model, twin, learnt, ahead)[len(one) :][:steps]
        np.testing.assert_allclose(found[i], expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        ("seasonal", [7, 2, 9, 4, 7, 2, 9, 4]),
        ("last", [4] * 8),
        # The mean of the last season, and in the second block of what was forecast for it.
        (None, [5.5, 5.5, 5.5, 5.125, 5.125, 5.125, 5.21875, 5.21875]),
    ],
)
def test_baselines_alone_by_hand(make_panel, Echo, new_model, baseline, expected):
    one = np.array([1.0, 5, 2, 8, 0, 3, 8, 6, 7, 2, 9, 4])
    model = new_model(Echo(gain=0), baseline=baseline).fit(make_panel([one, one * 1000 + 5]))
    values = model.in_values(model.forecast(8), np.array([0, 1]))
    np.testing.assert_allclose(values[0], expected, rtol=1e-9)
    np.testing.assert_allclose(values[1], np.array(expected) * 1000 + 5, rtol=1e-9)


@pytest.mark.parametrize("windows", [True, False])
@pytest.mark.parametrize("baseline", ["linear", "seasonal", "last", None])
def test_a_second_block_is_the_first_after_the_forecasts_came_true(
    make_panel, Echo, new_model, some_series, windows, baseline
):
    series = some_series([50, 8, 30])
    model = new_model(Echo(windows=windows), baseline=baseline).fit(make_panel(series))
    twice = model.forecast(6)
    every = np.arange(3)
    first = model.in_values(twice[:, :3], every)
    longer = [np.append(one, came) for one, came in zip(series, first, strict=True)]
    after = model.with_panel(make_panel(longer))
    np.testing.assert_allclose(after.forecast(3), twice[:, 3:], atol=2e-5)
    np.testing.assert_array_equal(model.forecast(4), twice[:, :4])
    np.testing.assert_array_equal(model.forecast(1), twice[:, :1])


@pytest.mark.parametrize("windows", [True, False])
@pytest.mark.parametrize("weight", [0.0, 1.0])
@pytest.mark.parametrize("season", [None, 4, [3, 7], [24, 168]])
def test_what_is_kept_to_forecast_from_says_the_same_as_the_whole_history(
    monkeypatch, make_panel, Echo, new_model, some_series, windows, weight, season
):
    series = [one + 0.02 * np.arange(len(one)) for one in some_series([1400, 1200, 9])]
    model = new_model(Echo(windows=windows), season=season, regressor_weight=weight)
    model.fit(make_panel(series))
    assert model.lookback.memory < 1200
    kept = model.forecast(7)
    monkeypatch.setattr(Lookback, "memory", 10**6)
    np.testing.assert_allclose(model.forecast(7), kept, rtol=1e-5, atol=1e-5)
    # The oldest steps count, by the drift and the mean of all.
    older = [np.append(one[:300] + 9.0, one[300:]) for one in series[:2]]
    moved = model.with_panel(make_panel([*older, series[2]])).forecast(7)
    assert np.abs(moved - kept)[:2].max() > 1e-3


@pytest.mark.parametrize("windows", [True, False])
@pytest.mark.parametrize("season", [None, 4, [3, 7]])
def test_some_series_are_forecast_as_all_and_alone(
    make_panel, Echo, new_model, some_series, with_gaps, windows, season
):
    series = with_gaps(some_series([50, 3, 400, 30]))
    past = [np.random.default_rng(i).standard_normal((len(one), 2)) for i, one in enumerate(series)]
    future = [part[:, :1] ** 2 for part in past]
    panel = make_panel(series, past=past, future=future, static=[[1.0], [2], [3], [4]])
    model = new_model(Echo(windows=windows), season=season).fit(panel)
    ahead = np.random.default_rng(9).standard_normal((4, 5, 1))
    every = model.forecast(5, ahead)
    for some in ([2], [3, 0], [0, 1, 2, 3]):
        some = np.array(some)
        found = model.forecast(5, ahead[some], some)
        np.testing.assert_allclose(found, every[some], rtol=1e-5, atol=1e-5)
        alone = model.with_panel(panel.take(some))
        np.testing.assert_allclose(alone.forecast(5, ahead[some]), found, rtol=1e-5, atol=1e-5)
    assert np.abs(model.forecast(5, ahead + 1) - every).max() > 1e-4


@pytest.mark.parametrize("windows", [True, False])
@pytest.mark.parametrize("transform", [None, "log"])
def test_what_comes_after_a_position_changes_no_forecast_from_it(
    make_panel, Echo, new_model, some_series, windows, transform
):
    series = some_series([60, 40, 12], positive=True)
    first = np.array([0, 15, 45])
    panel = make_panel(series, first=first)
    model = new_model(Echo(windows=windows), transform=transform).fit(panel.until(35))
    for position in (20, 44, 50):
        then = panel.until(position)
        began = zip(series, first, strict=True)
        cut = [one[: position + 1 - a] for one, a in began if a <= position]
        poisoned = [np.append(one, np.full(5, 1e9)) for one in cut]
        later = make_panel(poisoned, first=first[: len(cut)])
        direct = model.with_panel(make_panel(cut, first=first[: len(cut)]))
        for way in (
            model.with_panel(then),
            model.with_panel(panel).with_panel(then),
            model.with_panel(later).with_panel(later.until(position)),
        ):
            np.testing.assert_array_equal(way.forecast(4), direct.forecast(4))
            np.testing.assert_array_equal(way.units.scale, direct.units.scale)
    np.testing.assert_array_equal(model.with_panel(model.panel).forecast(4), model.forecast(4))


def test_series_of_the_fit_keep_their_units_and_new_ones_bring_their_own(
    make_panel, new_model, some_series
):
    series = some_series([40, 30])
    model = new_model().fit(make_panel(series))
    later = [np.append(series[0], [50.0, -50.0]), series[1], 100 + 7 * series[0]]
    observed = model.with_panel(make_panel(later))
    np.testing.assert_array_equal(observed.units.mean[:2], model.units.mean)
    np.testing.assert_array_equal(observed.units.scale[:2], model.units.scale)
    assert observed.units.mean[2] == pytest.approx(100 + 7 * model.units.mean[0])
    assert observed.units.scale[2] == pytest.approx(7 * model.units.scale[0])
    assert observed.members.tolist() == [0, 1, -1]
    reordered = model.with_panel(make_panel(later).take(np.array([1, 2, 0])))
    assert reordered.members.tolist() == [1, -1, 0]
    np.testing.assert_allclose(
        reordered.forecast(3), observed.forecast(3)[[1, 2, 0]], rtol=1e-5, atol=1e-5
    )
    np.testing.assert_array_equal(model.panel.values, np.concatenate(series))  # as it was


@pytest.mark.parametrize(
    "transform", [None, "log", StandardScaler(), FunctionTransformer(np.negative, np.negative)]
)
def test_in_units_and_in_values_undo_each_other(make_panel, new_model, some_series, transform):
    series = some_series([40, 30, 20], positive=True)
    model = new_model(transform=transform).fit(make_panel(series))
    some = np.array([2, 0])
    values = np.array([[1.0, 2.0, np.nan], [0.5, 3.0, 4.0]])
    units = model.in_units(values, some)
    assert np.isnan(units[0, 2])
    units[0, 2] = 0.0
    values[0, 2] = model.in_values(units, some)[0, 2]
    np.testing.assert_allclose(model.in_values(units, some), values, rtol=1e-9)
    transformed = model.value_transform.forward(series[2])
    assert model.in_values(np.zeros((1, 1)), np.array([2])) == pytest.approx(
        model.value_transform.inverse(np.array([[transformed.mean()]]))
    )


def forecast_values(model, steps=5):
    return model.in_values(model.forecast(steps), np.arange(model.panel.n_series))


@pytest.mark.parametrize("weight", [0.0, 1.0])
@pytest.mark.parametrize("windows", [True, False])
@pytest.mark.parametrize("transform", [None, "log"])
@pytest.mark.parametrize("factor", [1e-3, 1000.0, 2.0**30])
def test_times_a_factor_forecasts_are_too(
    make_panel, Echo, new_model, some_series, with_gaps, windows, transform, factor, weight
):
    series = with_gaps(some_series([50, 9, 30], positive=True))
    as_is, larger = make_panel(series), make_panel([one * factor for one in series])
    for regressor, rtol in ((Echo(windows=windows), 1e-4), (LinearRegression(), 1e-3)):
        found = [
            forecast_values(
                new_model(regressor, transform=transform, regressor_weight=weight).fit(panel)
            )
            for panel in (as_is, larger)
        ]
        np.testing.assert_allclose(found[1], found[0] * factor, rtol=rtol, atol=rtol * factor)


@pytest.mark.parametrize("shift", [-3.0, 1e3, 1e6])
def test_plus_a_constant_forecasts_are_too(make_panel, new_model, some_series, with_gaps, shift):
    series = with_gaps(some_series([50, 9, 30]))
    as_is = forecast_values(new_model().fit(make_panel(series)))
    higher = new_model().fit(make_panel([one + shift for one in series]))
    np.testing.assert_allclose(forecast_values(higher), as_is + shift, rtol=1e-12, atol=1e-4)


# Numbers that are not of one size -----------------------------------------------------------------


@pytest.mark.parametrize("windows", [True, False])
def test_sizes_of_series_do_not_meet(make_panel, Echo, new_model, some_series, windows):
    base = some_series([60, 60, 60])
    sizes = 1e12, 1e-6, 1.0
    series = [size * (one + 3) for size, one in zip(sizes, base, strict=True)]
    model = new_model(Echo(windows=windows)).fit(make_panel(series))
    together = forecast_values(model)
    same = forecast_values(
        new_model(Echo(windows=windows)).fit(make_panel([one + 3 for one in base]))
    )
    for i, size in enumerate(sizes):
        alone = model.with_panel(model.panel.take(np.array([i])))
        np.testing.assert_allclose(forecast_values(alone)[0], together[i], rtol=1e-6)
        np.testing.assert_allclose(together[i], size * same[i], rtol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_a_series_that_explodes_later_leaves_the_others_alone(
    make_panel, new_model, some_series, weight
):
    # The last one is longer than what is looked back on, but for the mean of all.
    series = some_series([60, 40, 700])
    model = new_model(regressor_weight=weight).fit(make_panel(series))
    before = model.forecast(4)
    for size in (1e6, 1e12, 1e30, 1e100):
        exploded = [np.append(series[0], [size, -size / 2]), *series[1:]]
        found = model.with_panel(make_panel(exploded)).forecast(4)
        np.testing.assert_allclose(found[1:], before[1:], atol=1e-6)
        assert np.isfinite(found).all()


@pytest.mark.parametrize("transform", ["auto", None, "log"])
@pytest.mark.parametrize("value", [7.0, 1e-9, 1e15])
def test_a_very_long_constant_stays(make_panel, new_model, transform, value):
    model = new_model(LinearRegression(), transform=transform, season=7)
    model.fit(make_panel([np.full(5000, value)]))
    np.testing.assert_allclose(forecast_values(model, 10), value, rtol=1e-9)


def test_zeros_stay_zero_also_beside_others(make_panel, Echo, new_model, some_series):
    series = [np.zeros(50), *some_series([50, 30]), np.zeros(1)]
    model = new_model(Echo(gain=0)).fit(make_panel(series))
    found = forecast_values(model)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[[0, 3]], 0.0, atol=1e-12)


@pytest.mark.parametrize("transform", ["auto", None])
@pytest.mark.parametrize("offset", [1e6, 1e9])
def test_small_noise_on_a_large_offset(make_panel, new_model, transform, offset):
    noise = np.random.default_rng(0).standard_normal(300)
    model = new_model(Ridge(), transform=transform, window=8)
    model.fit(make_panel([offset + noise]))
    found = forecast_values(model, 12)
    assert np.abs(found - offset).max() < 2.0  # what is forecast lies within the noise
    if transform is None:
        plain = new_model(Ridge(), transform=None, window=8).fit(make_panel([noise]))
        np.testing.assert_allclose(found - offset, forecast_values(plain, 12), atol=1e-2)


# Features, lookback and learning on ---------------------------------------------------------------


def test_future_features_beyond_those_given_are_the_last_ones(make_panel, new_model, some_series):
    series = some_series([30, 30])
    future = [np.random.default_rng(i).standard_normal((30, 2)) for i in range(2)]
    model = new_model().fit(make_panel(series, future=future))
    ahead = np.random.default_rng(5).standard_normal((2, 4, 2))
    stretched = np.concatenate([ahead, ahead[:, -1:], ahead[:, -1:]], axis=1)
    assert model.forecast(4, ahead).shape == (2, 4)
    np.testing.assert_array_equal(model.forecast(4, ahead), model.forecast(6, stretched)[:, :4])
    holed = ahead.copy()
    holed[1, 2] = np.nan  # one series was asked less
    repeated = ahead.copy()
    repeated[1, 2] = ahead[1, 1]
    np.testing.assert_array_equal(model.forecast(4, holed), model.forecast(4, repeated))
    for step in range(4):
        other = ahead.copy()
        other[:, step] += 1.0
        changed = np.abs(model.forecast(4, other) - model.forecast(4, ahead)) > 1e-9
        # The first block of 3 steps sees the features of its 3 steps, the second those as well.
        assert changed[:, :3].any() == (step < 3)
        assert changed[:, 3].all()


@pytest.mark.parametrize(
    ("regressor", "season", "expected"),
    [
        (False, 4, Lookback((4,), 5, 1, 3)),
        (False, None, Lookback((1,), 5, 1, 3)),
        (True, [4, 7], Lookback((4, 7), 7, 5, 3)),
        (GRURegressor(max_epochs=1), None, Lookback((1,), 8, 5, 3)),
        (False, "auto", Lookback((12,), 5, 1, 3)),
    ],
)
def test_how_far_back_a_model_looks(
    make_panel, Echo, new_model, some_series, regressor, season, expected
):
    index = pd.date_range("2020-01-01", periods=100, freq="MS")
    panel = make_panel(some_series([50, 8]), index=index)
    regressor = Echo(windows=regressor) if isinstance(regressor, bool) else regressor
    assert new_model(regressor, season=season).fit(panel).lookback == expected


def test_a_series_shorter_than_window_and_horizon_is_named(make_panel, new_model, some_series):
    message = "window=5 and horizon=3 need at least 8 values; the longest series 's1' has 7. Use"
    with pytest.raises(ValueError, match=message):
        new_model().fit(make_panel(some_series([6, 7])))
    with pytest.raises(ValueError, match="the series 's0' has 7"):
        new_model().fit(make_panel(some_series([7])))
    assert new_model().fit(make_panel(some_series([8]))).forecast(3).shape == (1, 3)


@pytest.mark.parametrize("windows", [True, False])
@pytest.mark.parametrize("baseline", ["linear", None])
def test_a_series_of_a_season_and_one_value_has_no_cutoff(
    make_panel, Echo, new_model, some_series, windows, baseline
):
    model = new_model(Echo(windows=windows), season=12, window=2, horizon=1, baseline=baseline)
    with pytest.raises(ValueError, match="season.*12"):
        model.fit(make_panel(some_series([13])))
    assert model.fit(make_panel(some_series([14]))).forecast(1).shape == (1, 1)


def test_a_blind_model_keeps_what_was_decided(make_panel, new_model, some_series):
    index = pd.date_range("2020-01-01", periods=100, freq="MS")
    panel = make_panel(some_series([40], positive=True), index=index)
    model = new_model(season="auto", transform="auto").fit(panel)
    shorter = model.blind(15)
    assert (shorter.season, shorter.transform) == ([12], "log")
    assert shorter.lookback == model.lookback  # "auto" would have found 25 values too few
    np.testing.assert_array_equal(shorter.panel.values, panel.values[:-15])
    assert model.panel is panel
    assert (model.season, model.transform) == ("auto", "auto")
    plain = new_model(season=None).fit(panel).blind(15)
    assert (plain.season, plain.transform) == (None, None)


def test_a_blind_model_is_fitted_once_for_all_copies_that_know_the_same(
    make_panel, new_model, some_series
):
    series = some_series([40, 30])
    model = new_model().fit(make_panel(series))
    blind = model.weighted(0.25).blind(10)
    assert blind.weight == 0.25
    again = model.blind(10)
    assert again.weight == 1.0
    assert again.adapter is blind.adapter
    assert model.blind(11).adapter is not blind.adapter
    longer = [np.append(one, [1.0, 2.0]) for one in series]
    observed = model.with_panel(make_panel(longer))
    assert observed.blind(10).panel.lengths.tolist() == [32, 22]  # it knows more
    assert model.blind(10).adapter is blind.adapter


@pytest.mark.parametrize("windows", [True, False])
def test_learning_on_takes_the_new_cutoffs_only(make_panel, Echo, new_model, some_series, windows):
    series = some_series([40, 30])
    times = [np.arange(len(one) + 6.0)[:, np.newaxis] for one in series]
    model = new_model(Echo(windows=windows)).fit(make_panel(series, future=[t[:-6] for t in times]))
    before = model.adapter
    longer = [np.append(one, some_series([6], 9)[0]) for one in series]
    observed = model.with_panel(make_panel(longer, future=times))
    observed.learn_newest(np.array([39, 29]), 2)
    fitted = observed.adapter.fitted
    assert fitted.passes_ == 2
    assert before.fitted.passes_ == 0
    assert model.adapter is before
    column = observed.row_names().index("promo0@lag0")
    every = np.concatenate([t[:-6] for t in times])
    X, y = (fitted.X_[:, -1], fitted.y_[:, -1]) if windows else (fitted.X_, fitted.y_)
    cutoffs = (X[:, column] * every.std() + every.mean())[~np.isnan(y).all(axis=1)]
    last = 6 if windows else 4  # flat rows need all three targets
    expected = [*range(39, 39 + last), *range(29, 29 + last)]
    np.testing.assert_allclose(cutoffs, expected, atol=1e-3)


def test_learning_on_from_nothing_known_is_refused(make_panel, Echo, new_model, some_series):
    series = some_series([40])
    model = new_model(Echo(windows=True)).fit(make_panel(series))
    observed = model.with_panel(make_panel([np.append(series[0], [np.nan, np.nan])]))
    before = observed.adapter
    with pytest.raises(ValueError, match="hold no value that is known; .* Pass passes=0"):
        observed.learn_newest(np.array([39]), 1)
    assert observed.adapter is before


def test_with_a_recurrent_regressor(make_panel, new_model, some_series, with_gaps):
    series = with_gaps(some_series([70, 20, 3], positive=True))
    model = new_model(GRURegressor(max_epochs=2, hidden_size=4, random_state=0), transform="log")
    found = forecast_values(model.fit(make_panel(series)))
    assert found.shape == (3, 5)
    assert (found > 0).all()
    assert 5 * len(model.row_names()) == model.adapter.fitted.n_features_in_
