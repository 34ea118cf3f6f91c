"""Rows of features against a loop that names every column and computes it on its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast.forecasting.arrays import feature_rows as module
from seqforecast.forecasting.arrays.baseline import BASELINES, Baseline
from seqforecast.forecasting.arrays.feature_rows import (
    feature_rows,
    lags_beside_memory,
    row_names,
    training_rows,
)
from seqforecast.forecasting.arrays.lookback import Lookback
from seqforecast.forecasting.arrays.outlook import Outlook
from seqforecast.forecasting.arrays.padded_series import PaddedSeries
from tests.properties import examples


class Said(Baseline):
    """A baseline that says something else at every cell and step."""

    def fit(self, outlook, origins, weight):
        pass

    def forecast(self, outlook, cells):
        steps = np.arange(1, outlook.lookback.horizon + 1)
        return np.sin(cells[:, np.newaxis] + 0.1 * steps)


@st.composite
def cases(draw):
    lookback = Lookback(
        draw(st.sampled_from([(1,), (7,), (4, 12)])),
        draw(st.integers(1, 9)),
        draw(st.sampled_from([1, 4])),
        draw(st.sampled_from([1, 3])),
    )
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=3))
    widths = [draw(st.integers(0, 2)) for _ in range(3)]
    return lookback, lengths, widths, draw(st.integers(0, 999))


def arrange(make_panel, lookback, lengths, widths, seed):
    rng = np.random.default_rng(seed)
    series = [rng.standard_normal(n).cumsum() * 4 for n in lengths]
    past, future = ([rng.standard_normal((n, w)) for n in lengths] for w in widths[:2])
    static = rng.standard_normal((len(lengths), widths[2]))
    panel = make_panel(series, past=past, future=future, static=static)
    known = rng.random(len(panel.values)) < 0.8
    scaled = {
        "past": panel.past.astype(np.float32),
        "future": panel.future.astype(np.float32),
        "static": panel.static.astype(np.float32),
    }
    padded = PaddedSeries.of(
        panel.values, known, panel.offsets, scaled, lookback, blank=lookback.horizon
    )
    return panel, known, Outlook(padded, lookback, np.arange(len(lengths)))


def loop_row(panel, known, twin, i, t, base, *, flat):
    """Return the row of series i at its step t, by name."""
    lookback, a, n = twin.lookback, panel.offsets[i], len(twin.values)
    fitting = max([m for m in lookback.seasons if m <= n], default=1)

    def source(t):
        return a + (t % fitting if t < 0 else min(t, n - 1))

    def marked(t):
        return 0.0 if 0 <= t < n and known[a + t] else 1.0

    season = lookback.season
    level = twin.level(t, season)
    lags = range(lookback.n_lags)
    row = {f"y@lag{k}": np.clip(twin.value(t - k) - level, -10, 10) for k in lags}
    for step in range(1, lookback.horizon + 1):
        said = twin.profile(t, step, season, 0) if base is None else base[step - 1]
        row[f"baseline@step{step}"] = np.clip(said, -10, 10)
        for k, name in enumerate(panel.future_names):
            row[f"{name}@step{step}"] = panel.future[source(t + step), k]
    row["missing"] = np.mean([marked(t - k) for k in lags]) if flat else marked(t)
    for lag in lags if flat else [0]:
        for k, name in enumerate(panel.past_names):
            row[f"{name}@lag{lag}"] = panel.past[source(t - lag), k]
        for k, name in enumerate(panel.future_names):
            row[f"{name}@lag{lag}"] = panel.future[source(t - lag), k]
    for k, name in enumerate(panel.static_names):
        row[name] = panel.static[i, k]
    return row


@settings(max_examples=examples(60))
def names_of(lookback, panel, *, flat):
    names = panel.past_names, panel.future_names, panel.static_names
    return row_names(lookback, *names, flat=flat)


@given(cases(), st.booleans(), st.sampled_from([Said, BASELINES["seasonal"], BASELINES["last"]]))
def test_every_column_is_what_its_name_says(make_panel, loops, case, flat, kind):
    panel, known, outlook = arrange(make_panel, *case)
    lookback, padded, baseline = outlook.lookback, outlook.padded, kind()
    names = names_of(lookback, panel, flat=flat)
    assert len(set(names)) == len(names)
    for i in range(panel.n_series):
        a, b = panel.offsets[i : i + 2]
        twin = loops(panel.values[a:b], lookback)
        steps = np.arange(1 - lookback.window, b - a)
        cells = padded.first[i] + steps
        rows, targets = training_rows(outlook, baseline, cells, flat=flat)
        np.testing.assert_array_equal(rows, feature_rows(outlook, baseline, cells, flat=flat))
        assert rows.dtype == targets.dtype == np.float32
        assert rows.shape == (len(cells), len(names))
        assert targets.shape == (len(cells), lookback.horizon)
        base = baseline.forecast(outlook, cells)
        for k, t in enumerate(steps):
            said = base[k] if baseline.informs else None
            expected = loop_row(panel, known, twin, i, t, said, flat=flat)
            assert expected.keys() == set(names)
            in_order = [expected[name] for name in names]
            np.testing.assert_allclose(rows[k], in_order, rtol=2e-6, atol=2e-6)
            level = twin.level(t, lookback.season)
            for j in range(1, lookback.horizon + 1):
                there = 0 <= t + j < b - a and known[a + t + j]
                error = panel.values[a + t + j] - level - base[k, j - 1] if there else np.nan
                np.testing.assert_allclose(targets[k, j - 1], error, rtol=2e-6, atol=4e-6)


def test_a_row_by_hand(make_panel):
    panel = make_panel(
        [[3.0, 1, 2, 30]],
        past=[np.array([[0.1], [0.2], [0.3], [0.4]])],
        future=[np.array([[5.0], [6], [7], [8]])],
        static=[[9.0]],
    )
    lookback = Lookback((2,), 3, 1, 2)
    known = np.array([True, False, True, True])
    scaled = {"past": panel.past, "future": panel.future, "static": panel.static}
    scaled = {name: part.astype(np.float32) for name, part in scaled.items()}
    padded = PaddedSeries.of(panel.values, known, panel.offsets, scaled, lookback, blank=2)
    outlook = Outlook(padded, lookback, np.array([0]))
    cells = padded.first[0] + np.array([0, 2, 3])
    none = BASELINES[None]()
    flat, targets = training_rows(outlook, none, cells, flat=True)
    # Levels 2, 1.5 and 16; before the series stands its first season: 3, 1.
    names = "y@lag2 y@lag1 y@lag0 baseline@step1 baseline@step2 missing "
    names += "past0@lag2 promo0@lag2 past0@lag1 promo0@lag1 past0@lag0 promo0@lag0 "
    names += "promo0@step1 promo0@step2 static0"
    assert names_of(lookback, panel, flat=True) == names.split()
    expected = [
        [1, -1, 1, -1, 1, 2 / 3, 0.1, 5, 0.2, 6, 0.1, 5, 6, 7, 9],
        [1.5, -0.5, 0.5, -0.5, 0.5, 1 / 3, 0.1, 5, 0.2, 6, 0.3, 7, 8, 8, 9],
        [-10, -10, 10, -10, 10, 1 / 3, 0.2, 6, 0.3, 7, 0.4, 8, 8, 8, 9],
    ]
    np.testing.assert_allclose(flat, expected, rtol=1e-6)
    np.testing.assert_allclose(targets, [[np.nan, 0], [28.5, np.nan], [np.nan, np.nan]])
    rows = feature_rows(outlook, none, cells, flat=False)
    names = names.split()
    kept = [
        k for k, name in enumerate(names) if name[-1] == "0" or "@lag" not in name or "y@" in name
    ]
    assert [names[k] for k in kept] == names_of(lookback, panel, flat=False)
    expected = np.array(expected)[:, kept]
    expected[:, 5] = [0, 0, 0]
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    before = feature_rows(outlook, none, padded.first + np.array([-1]), flat=False)
    assert before[0, 5] == 1.0  # padded
    missing = feature_rows(outlook, none, padded.first + np.array([1]), flat=False)
    assert missing[0, 5] == 1.0


def test_targets_are_not_clipped(make_panel):
    panel = make_panel([[0.0, 0, 0, 500, -500, 0]])
    lookback = Lookback((1,), 2, 1, 1)
    scaled = {"past": panel.past, "future": panel.future, "static": panel.static}
    known = np.ones(6, bool)
    padded = PaddedSeries.of(panel.values, known, panel.offsets, scaled, lookback, blank=1)
    outlook = Outlook(padded, lookback, np.array([0]))
    cells = padded.first[0] + np.arange(6)
    rows, targets = training_rows(outlook, BASELINES[None](), cells, flat=True)
    assert rows[:, 0].tolist() == [0, 0, 0, -10, 10, -10]
    assert targets[:, 0].tolist()[:-1] == [0, 0, 500, -1000, 500]


@given(cases(), st.booleans(), st.integers(1, 200))
def test_rows_do_not_hang_on_the_blocks_they_are_computed_in(make_panel, case, flat, size):
    _, _, outlook = arrange(make_panel, *case)
    cells = np.concatenate(
        [np.arange(a, b) for a, b in zip(outlook.padded.first, outlook.padded.end, strict=True)]
    )
    at_once = training_rows(outlook, Said(), cells, flat=flat)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", size)
        by_block = training_rows(outlook, Said(), cells, flat=flat)
        again = feature_rows(outlook, Said(), cells, flat=flat)
    np.testing.assert_array_equal(by_block[0], at_once[0])
    np.testing.assert_array_equal(again, at_once[0])
    np.testing.assert_array_equal(by_block[1], at_once[1])
    assert len(feature_rows(outlook, Said(), cells[:0], flat=flat)) == 0


@pytest.mark.parametrize(
    ("horizon", "seasons", "expected"),
    [
        # The data sets of the recipe: CIF, NN5, Tourism, M3, M4 hourly.
        (12, (12,), 15),
        (56, (7,), 18),
        (24, (12,), 30),
        (18, (12,), 23),
        (48, (24, 168), 60),
        (1, (12,), 12),
        (1, (24, 168), 48),
        (1, (1,), 8),
        (20, (1,), 25),
        (1, (4, 52), 52),
        (1, (100,), 48),
        (1, (10, 120), 20),
    ],
)
def test_lags_beside_memory(horizon, seasons, expected):
    assert lags_beside_memory(horizon, seasons) == expected
