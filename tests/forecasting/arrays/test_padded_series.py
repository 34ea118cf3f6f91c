"""Histories against loops over one series, one step at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast.forecasting.arrays.lookback import Lookback
from seqforecast.forecasting.arrays.padded_series import Earlier, PaddedSeries
from seqforecast.forecasting.arrays.ragged import fill_missing, sum_of_first
from tests.properties import examples

SEASONS = [(1,), (7,), (12,), (4, 12), (3, 7, 12)]


def offsets_of(series):
    return np.concatenate([[0], np.cumsum([len(values) for values in series])])


def lay_out(series, lookback, *, blank=2, newest=None, known=None, n_features=0):
    offsets = offsets_of(series)
    rows = np.arange(offsets[-1] * n_features, dtype=np.float32).reshape(offsets[-1], n_features)
    features = {"past": rows, "future": -rows, "static": np.ones((len(series), 1), np.float32)}
    values = np.concatenate(series)
    known = np.ones(len(values), bool) if known is None else np.concatenate(known)
    return PaddedSeries.of(values, known, offsets, features, lookback, blank=blank, newest=newest)


def draw_series(draw, most=70):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    lengths = draw(st.lists(st.integers(1, most), min_size=1, max_size=4))
    return [rng.standard_normal(n).cumsum() for n in lengths]


@st.composite
def cases(draw):
    lookback = Lookback(
        draw(st.sampled_from(SEASONS)),
        draw(st.integers(1, 15)),
        draw(st.sampled_from([1, 2, 9])),
        draw(st.sampled_from([1, 3, 8])),
    )
    return draw_series(draw), lookback


def test_how_far_a_cutoff_sees():
    month = Lookback((12,), 18, 24, 12)
    assert (month.season, month.n_profiles, month.reach) == (12, 3, 48)
    # 0.9**263 is the first power of 0.9 below 1e-12.
    assert month.memory == 48 + 24 + 263 + 12
    hourly = Lookback((24, 168), 60, 24, 48)
    assert (hourly.season, hourly.n_profiles, hourly.reach) == (168, 2, 3 * 168)
    assert Lookback((99,), 5, 1, 1).n_profiles == 3
    assert Lookback((100,), 5, 1, 1).n_profiles == 2
    assert Lookback((1,), 30, 1, 1).reach == 30
    assert Lookback((1,), 2, 1, 1).reach == 4


def test_a_block_by_hand():
    series = [np.array([1.0, 2, 3, 4, 5]), np.array([8.0, 9])]
    lookback = Lookback((3,), 2, 2, 2)  # reach 12, so 13 cells of padding
    known = [np.array([True, True, False, True, True]), np.array([True, True])]
    padded = lay_out(series, lookback, blank=2, known=known, n_features=1)
    nan = np.nan
    first = [3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 4, 5, nan, nan]
    second = [8.0] * 13 + [8, 9, nan, nan]  # too short for a season: its first value
    np.testing.assert_array_equal(padded.values, first + second)
    assert padded.pad == 13
    assert padded.first.tolist() == [13, 20 + 13]
    assert padded.end.tolist() == [18, 35]
    marks = [False] * 13 + [True, True, False, True, True, False, False]
    assert padded.known.tolist() == marks + [False] * 13 + [True, True, False, False]
    assert padded.place.tolist() == [*range(-13, 7), *range(-13, 4)]
    past = [2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 4, 4] + [5] * 14 + [6] * 3
    assert padded.past[:, 0].tolist() == past
    assert padded.future[:, 0].tolist() == [-x for x in past]
    assert padded.static.tolist() == [[1.0], [1.0]]
    assert padded.series_of(np.arange(37)).tolist() == [0] * 20 + [1] * 17
    newest = lay_out(series, lookback, blank=0, newest=3, n_features=1)
    np.testing.assert_array_equal(newest.values, [5, *[3, 4, 5] * 5, *[8.0] * 14, 9])
    assert newest.past[-3:, 0].tolist() == [5, 5, 6]
    assert newest.earlier_sum.tolist() == [3.0, 0.0]
    assert newest.earlier_count.tolist() == [2.0, 0.0]


def test_steps_left_out_before_are_told_of():
    series = [np.arange(60.0) ** 1.5, np.arange(50.0)]
    lookback = Lookback((7,), 3, 2, 2)
    whole = lay_out(series, lookback, newest=40)
    left_out = np.array([11, 5])
    offsets, values = offsets_of(series), np.concatenate(series)
    level = np.array([one[:7].mean() for one in series])
    earlier = Earlier(sum_of_first(left_out, values, offsets), left_out.astype(float), level)
    rest = [one[n:] for one, n in zip(series, left_out, strict=True)]
    features = dict.fromkeys(("past", "future"), np.empty((94, 0), np.float32))
    features["static"] = np.ones((2, 1), np.float32)
    part = PaddedSeries.of(
        np.concatenate(rest),
        np.ones(94, bool),
        offsets_of(rest),
        features,
        lookback,
        blank=2,
        newest=40,
        earlier=earlier,
    )
    np.testing.assert_array_equal(part.values, whole.values)
    np.testing.assert_array_equal(part.earlier_count, whole.earlier_count)
    np.testing.assert_allclose(part.levels(lookback), whole.levels(lookback), rtol=1e-6)
    np.testing.assert_allclose(part.drift(7), whole.drift(7), rtol=1e-6)


@settings(max_examples=examples(60))
@given(cases())
def test_values_and_levels_are_those_of_the_loop(loops, case):
    series, lookback = case
    padded = lay_out(series, lookback)
    levels = padded.levels(lookback)
    assert levels.dtype == np.float32
    for i, values in enumerate(series):
        twin = loops(values, lookback)
        # The oldest row of the first cutoff of a window stands window - 1 steps before the series.
        for t in range(1 - lookback.window, len(values)):
            cell = padded.first[i] + t
            assert padded.values[cell] == twin.value(t)
            for m in lookback.seasons:
                assert padded.level(m)[cell] == pytest.approx(twin.level(t, m), abs=1e-10)
            # Single precision, of values up to some 30.
            np.testing.assert_allclose(levels[cell], twin.levels(t), rtol=3e-7, atol=3e-6)


def test_levels_of_hours_are_those_of_the_loop(loops):
    lookback = Lookback((24, 168), 48, 3, 24)
    rng = np.random.default_rng(0)
    series = [rng.standard_normal(n).cumsum() for n in (400, 130, 20)]
    padded = lay_out(series, lookback)
    levels = padded.levels(lookback)
    for i, values in enumerate(series):
        twin = loops(values, lookback)
        for t in {-2, 0, len(values) // 2, len(values) - 1}:
            found = levels[padded.first[i] + t]
            np.testing.assert_allclose(found, twin.levels(t), rtol=3e-7, atol=3e-6)


def test_levels_by_hand():
    lookback = Lookback((2,), 1, 1, 1)
    padded = lay_out([np.array([0.0, 4, 2, 8, 10, 12, 20, 28])], lookback)
    levels = padded.levels(lookback)[padded.end[0] - 1]
    # Level 24, before that 11; changes over a season 2, 4, 8, 4, 10, 16 from step 2 on.
    fast, half = 16.0, 2 / 64 + 4 / 32 + 8 / 16 + 4 / 8 + 10 / 4 + 16 / 2
    slow = [
        sum(c * w * (1 - w) ** (5 - i) for i, c in enumerate([2, 4, 8, 4, 10, 16]))
        for w in (0.3, 0.1)
    ]
    changes = [fast - 13, half - 13, slow[0] - 13, slow[1] - 13]
    assert np.delete(levels, slice(4, 8)) == pytest.approx([*changes, 84 / 8 - 24, 84 / 8 - 24, 13])


def test_seasonally_adjusted_levels_by_hand():
    lookback = Lookback((2,), 1, 1, 1)
    padded = lay_out([np.array([0.0, 4, 2, 8, 10, 12, 20, 28])], lookback)
    levels = padded.levels(lookback)[padded.end[0] - 1]
    # Less the mean of the deviations from the level 2, 4 and 6 steps before. In the padding of 8
    # steps these are -2 and 2, and none at its first step, where half a season is known.
    padding = [0, 4, 0, 4 - 2 / 3, 0 - -2 / 3, 4 - (2 + 2) / 3, 0 - (-2 - 2) / 3, 4 - 6 / 3]
    known = [2, 2, 2 - -2, 8 - 2, 10 - (-2 - 2 - 1) / 3, 12 - (3 + 2 + 2) / 3]
    known += [20 - (1 - 1 - 2) / 3, 28 - (1 + 3 + 2) / 3]
    adjusted = [*padding, *known]
    for k, w in enumerate((1.0, 0.5, 0.3, 0.1)):
        weights = [w * (1 - w) ** (15 - i) for i in range(16)]
        mean = sum(a * b for a, b in zip(adjusted, weights, strict=True)) / sum(weights)
        assert levels[4 + k] == pytest.approx(mean - 24, rel=1e-6)


def test_drift_by_hand():
    lookback = Lookback((2,), 1, 1, 1)
    padded = lay_out([np.array([0.0, 4, 2, 8, 10]), np.array([5.0]), np.arange(3.0)], lookback)
    drift = padded.drift(2)
    assert drift.dtype == np.float32
    first = padded.first[0]
    # Levels 2, 3, 5, 9 from step 1 on; two seasons are known at step 3.
    found = drift[first - 8 : first + 5].tolist()
    assert found == pytest.approx([0.0] * 11 + [(5 - 2) / 2, (9 - 2) / 3])
    # A series of one value, and one of less than two seasons.
    assert not drift[padded.first[1] - 8 : padded.end[1]].any()
    assert not drift[padded.first[2] - 8 : padded.end[2]].any()
    every = lay_out([np.array([0.0, 4, 2, 8, 10])], Lookback((1,), 1, 1, 1)).drift(1)
    assert every[-7:].tolist() == pytest.approx([0, 4, 1, 8 / 3, 10 / 4, 0, 0])


def test_the_drift_of_the_tail_is_since_the_first_season_of_all():
    lookback = Lookback((2,), 1, 1, 1)
    values = np.concatenate([np.full(300, 100.0), np.linspace(100, 0, 500)])
    tail = lay_out([values, values[:1]], lookback, newest=lookback.memory)
    assert tail.first_level.tolist() == [100.0, 100.0]
    expected = (values[-2:].mean() - 100) / 798
    assert tail.drift(2)[tail.end[0] - 1] == pytest.approx(expected)


@settings(max_examples=examples(40))
@given(cases())
def test_drift_is_that_of_the_loop(loops, case):
    series, lookback = case
    padded = lay_out(series, lookback)
    drift = padded.drift(lookback.season)
    for i, values in enumerate(series):
        twin = loops(values, lookback)
        for t in range(1 - lookback.window, len(values)):
            assert drift[padded.first[i] + t] == pytest.approx(twin.drift(t), rel=1e-6, abs=1e-9)


@settings(max_examples=examples(40))
@given(cases(), st.sampled_from([1e3, -1e9, 1e30]))
def test_no_look_back_leaves_its_block(case, poison):
    series, lookback = case
    alone = lay_out(series, lookback)
    beside = lay_out([np.full(9, poison), *series, np.full(4, -poison)], lookback)
    for i, values in enumerate(series):
        steps = np.arange(1 - lookback.window, len(values))
        here, there = alone.first[i] + steps, beside.first[i + 1] + steps
        np.testing.assert_array_equal(beside.values[there], alone.values[here])
        for m in lookback.seasons:
            np.testing.assert_allclose(beside.level(m)[there], alone.level(m)[here], atol=1e-10)
        np.testing.assert_allclose(
            beside.levels(lookback)[there], alone.levels(lookback)[here], rtol=3e-7, atol=3e-6
        )
        drift = alone.drift(lookback.season)[here]
        np.testing.assert_allclose(beside.drift(lookback.season)[there], drift, rtol=3e-7)


@settings(max_examples=examples(60))
@given(st.data())
def test_the_tail_is_the_end_of_the_full_history(data):
    lookback = Lookback(
        data.draw(st.sampled_from(SEASONS)),
        data.draw(st.integers(1, 15)),
        data.draw(st.sampled_from([1, 9])),
        3,
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    lengths = data.draw(st.lists(st.integers(1, 900), min_size=1, max_size=3))
    series = [rng.standard_normal(n).cumsum() + 5 for n in lengths]
    full, tail = lay_out(series, lookback), lay_out(series, lookback, newest=lookback.memory)
    assert len(tail.values) <= len(full.values)
    n_rows = np.minimum(lengths, lookback.window)
    for i, n in enumerate(n_rows):
        mine = slice(full.end[i] - n, full.end[i])
        kept = slice(tail.end[i] - n, tail.end[i])
        np.testing.assert_array_equal(tail.values[kept], full.values[mine])
        np.testing.assert_allclose(
            tail.level(lookback.season)[kept], full.level(lookback.season)[mine], atol=1e-9
        )
        # float32: one unit in the last place of what is below 64
        np.testing.assert_allclose(
            tail.levels(lookback)[kept], full.levels(lookback)[mine], rtol=2e-7, atol=4e-6
        )
        np.testing.assert_allclose(
            tail.drift(lookback.season)[kept],
            full.drift(lookback.season)[mine],
            rtol=2e-7,
            atol=1e-9,
        )


def test_without_the_earlier_sum_the_mean_of_all_would_be_wrong():
    lookback = Lookback((2,), 1, 1, 1)
    values = np.concatenate([np.full(400, 100.0), np.zeros(400)])
    tail = lay_out([values], lookback, newest=lookback.memory)
    levels = tail.levels(lookback)[tail.end[0] - 1]
    assert levels[-2] == pytest.approx(50.0)
    assert levels[-3] == 0.0


@settings(max_examples=examples(100))
@given(st.data(), st.sampled_from([1, 2, 3, 5]))
def test_fill_is_the_newest_value_of_the_phase_else_the_one_before(data, season):
    number = st.one_of(st.just(np.nan), st.integers(0, 99).map(float))
    tails = data.draw(st.lists(st.lists(number, max_size=20), min_size=1, max_size=4))
    series = [np.array([1000.0 * (i + 1), *tail]) for i, tail in enumerate(tails)]
    values = np.concatenate(series)
    before = values.copy()
    filled = fill_missing(values, offsets_of(series), season)
    np.testing.assert_array_equal(values, before)
    expected = []
    for one in series:
        out = one.copy()
        for t, value in enumerate(one):
            if np.isnan(value):
                phase = [one[u] for u in range(t % season, t, season) if not np.isnan(one[u])]
                out[t] = phase[-1] if phase else out[t - 1]
        expected.append(out)
    np.testing.assert_array_equal(filled, np.concatenate(expected))


def test_fill_by_hand():
    nan = np.nan
    values = np.array([1, nan, 3, nan, nan, 6, nan, 7, nan, nan])
    filled = fill_missing(values, np.array([0, 7, 10]), 3)
    assert filled.tolist() == [1, 1, 3, 1, 1, 6, 1, 7, 7, 7]
    whole = np.arange(4.0)
    assert fill_missing(whole, np.array([0, 4]), 3) is whole
