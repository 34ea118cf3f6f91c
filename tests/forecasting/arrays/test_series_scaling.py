"""The units of a series against loops over its values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqforecast.forecasting.arrays.series_scaling import SeriesScaling, mean_change

NAN = np.nan


def stacked(series):
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in series])])
    return np.concatenate(series).astype(float), offsets


def loop_change(one, lag, power=1):
    changes = [abs(one[t] - one[t - lag]) ** power for t in range(lag, len(one))]
    known = [change for change in changes if not np.isnan(change)]
    return sum(known) / len(known) if known else NAN


def loop_units(one, season, *, relative):
    known = [value for value in one if not np.isnan(value)]
    mean = sum(known) / len(known)
    spread = (sum((value - mean) ** 2 for value in known) / len(known)) ** 0.5
    scale = loop_change(one, season)
    if np.isnan(scale):
        scale = loop_change(one, 1)
    floor = 1e-3
    if not relative:
        floor = 1e-3 * (spread if spread > 1e-9 * abs(mean) else abs(mean)) or 1.0
    return mean, floor if np.isnan(scale) else max(scale, floor)


@st.composite
def some_series(draw):
    number = st.one_of(st.just(NAN), st.integers(-50, 50).map(float))
    tails = draw(st.lists(st.lists(number, max_size=25), min_size=1, max_size=5))
    firsts = draw(st.lists(st.integers(-9, 9), min_size=5, max_size=5))
    return [np.array([first, *tail], float) for first, tail in zip(firsts, tails, strict=False)]


@given(some_series(), st.sampled_from([1, 4, 7, 12]), st.booleans())
def test_units_are_those_of_the_loop(series, season, relative):
    units = SeriesScaling.of(*stacked(series), season, relative=relative)
    expected = np.array([loop_units(one, season, relative=relative) for one in series])
    np.testing.assert_allclose(units.mean, expected[:, 0], atol=1e-12)
    np.testing.assert_allclose(units.scale, expected[:, 1], rtol=1e-12)


@given(some_series(), st.sampled_from([1, 4, 30]), st.sampled_from([1, 2]))
def test_mean_change_is_that_of_the_loop(series, lag, power):
    changes = mean_change(*stacked(series), lag, power=power)
    expected = [loop_change(one, lag, power) for one in series]
    np.testing.assert_allclose(changes, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("one", "relative", "mean", "scale"),
    [
        ([1.0, 3, 4, 8], False, 4.0, 4.0),  # changes over a season of 2: 3, 5
        ([1.0, 3], False, 2.0, 2.0),  # shorter than a season: the change from step to step
        ([1.0, NAN, NAN, 4], False, 2.5, 1.5e-3),  # no change is known: a share of the spread
        ([5.0, 5, 5, 5], False, 5.0, 5e-3),  # constant: a share of the mean
        ([5.0, 5, 5, 5], True, 5.0, 1e-3),
        ([0.0, 0, 0], False, 0.0, 1.0),
        ([0.0, 0, 0], True, 0.0, 1e-3),
        ([-7.0], False, -7.0, 7e-3),
        ([0.0], False, 0.0, 1.0),
        ([1.0, 9, 1, 9, 1, 9], False, 5.0, 4e-3),  # repeats itself: a share of the spread
        ([1e6, 1e6 + 1, 1e6, 1e6 + 1, 1e6], False, 1e6 + 0.4, 0.24**0.5 * 1e-3),
    ],
)
def test_units_by_hand(one, relative, mean, scale):
    units = SeriesScaling.of(*stacked([np.array(one)]), 2, relative=relative)
    assert units.mean[0] == pytest.approx(mean, rel=1e-12)
    assert units.scale[0] == pytest.approx(scale, rel=1e-9)


def test_the_units_of_a_series_are_its_own():
    rng = np.random.default_rng(0)
    series = [rng.standard_normal(n) for n in (30, 1, 13, 12)]
    giant = [1e100 * np.ones(5), *series, -1e100 * np.ones(40)]
    alone = SeriesScaling.of(*stacked(series), 12, relative=False)
    among = SeriesScaling.of(*stacked(giant), 12, relative=False)
    np.testing.assert_array_equal(among.mean[1:-1], alone.mean)
    np.testing.assert_array_equal(among.scale[1:-1], alone.scale)


@given(some_series(), st.sampled_from([1e-6, 0.5, 1024.0, 1e12]), st.sampled_from([1, 7]))
def test_times_a_factor_mean_and_scale_are_too(series, factor, season):
    values, offsets = stacked(series)
    units = SeriesScaling.of(values, offsets, season, relative=False)
    larger = SeriesScaling.of(values * factor, offsets, season, relative=False)
    zero = [not np.nan_to_num(one).any() for one in series]  # has no size of its own
    np.testing.assert_allclose(larger.mean, units.mean * factor, rtol=1e-9, atol=1e-15 * factor)
    expected = np.where(zero, 1.0, units.scale * factor)
    np.testing.assert_allclose(larger.scale, expected, rtol=1e-9)


def test_express_and_restore_undo_each_other():
    rng = np.random.default_rng(1)
    series = [rng.standard_normal(n) * 10.0**k for n, k in ((9, -6), (4, 0), (7, 12))]
    values, offsets = stacked(series)
    units = SeriesScaling.of(values, offsets, 3, relative=False)
    rows = units.by_row(np.diff(offsets))
    expressed = rows.express(values)
    for i, one in enumerate(series):
        expected = (one - one.mean()) / loop_change(one, 3)
        np.testing.assert_allclose(expressed[offsets[i] : offsets[i + 1]], expected, rtol=1e-10)
    np.testing.assert_allclose(rows.restore(expressed), values, rtol=1e-12)
    steps = units.by_step(np.array([2, 0]))
    table = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    np.testing.assert_allclose(steps.express(steps.restore(table)), table, rtol=1e-9)
    assert steps.restore(table)[0, 1] == pytest.approx(units.mean[2] + 2 * units.scale[2])
    assert steps.restore(table)[1, 0] == pytest.approx(units.mean[0] + 4 * units.scale[0])


def test_members_keep_the_units_of_the_fit():
    fitted = SeriesScaling(np.array([1.0, 2.0]), np.array([10.0, 20.0]))
    own = SeriesScaling(np.array([5.0, 6.0, 7.0]), np.array([50.0, 60.0, 70.0]))
    known = own.known_from(fitted, np.array([1, -1, 0]))
    assert known.mean.tolist() == [2.0, 6.0, 1.0]
    assert known.scale.tolist() == [20.0, 60.0, 10.0]
