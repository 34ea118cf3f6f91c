"""The model of a panel: the rows that a regressor is trained on, against loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast.forecasting.arrays.ragged import fill_missing
from tests.properties import examples


def filled(one, season):
    return fill_missing(one, np.array([0, len(one)]), season)


def loop_training(twin, known, n_lags, horizon):
    """Return the cutoffs that a series is learnt from, with lags and targets; no baseline."""
    n, season = len(twin.values), twin.lookback.season
    wanted = max(season + 1, n_lags)
    needed = wanted if n >= wanted + horizon else season + 1
    found = []
    for t in range(needed - 1, n - 1):
        level = twin.level(t, season)
        lags = [np.clip(twin.value(t - k) - level, -10, 10) for k in range(n_lags - 1, -1, -1)]
        ahead = [t + j for j in range(1, horizon + 1)]
        target = [twin.value(u) - level if u < n and known[u] else np.nan for u in ahead]
        found.append((t, lags, target))
    return found


@settings(max_examples=examples(30))
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
    st.sampled_from([None, 4, [3, 7]]),
    st.sampled_from([1, 3]),
    st.sampled_from([2, 6]),
    st.integers(0, 99),
)
def test_flat_rows_are_the_cutoffs_of_the_loop(
    make_panel, loops, new_model, some_series, with_gaps, lengths, season, horizon, window, seed
):
    series = with_gaps(some_series([31, *lengths], seed), seed)
    panel = make_panel(series)
    model = new_model(baseline=None, season=season, horizon=horizon, window=window).fit(panel)
    lookback = model.lookback
    assert (lookback.n_lags, lookback.window) == (window, 1)
    X, y = [], []
    for i, one in enumerate(series):
        units = (filled(one, lookback.season) - model.units.mean[i]) / model.units.scale[i]
        known = ~np.isnan(one)
        twin = loops(units, lookback)
        for _, lags, target in loop_training(twin, known, window, horizon):
            X.append(lags)
            y.append(target)
    X, y = np.array(X), np.array(y)
    each = model.adapter.by_step  # where many targets are missing
    columns = [slice(k, k + 1) for k in range(horizon)] if each else [slice(None)]
    for fitted, some in zip(each or [model.adapter.fitted], columns, strict=True):
        known = ~np.isnan(y[:, some]).any(axis=1)
        np.testing.assert_allclose(fitted.X_[:, :window], X[known], rtol=1e-6, atol=1e-5)
        found = fitted.y_.reshape(known.sum(), -1)
        np.testing.assert_allclose(found, y[known, some], rtol=1e-6, atol=1e-5)


@settings(max_examples=examples(30))
@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.sampled_from([1, 2, 6]))
def test_no_window_holds_targets_of_two_series(
    make_panel, loops, Echo, new_model, some_series, with_gaps, lengths, window
):
    series = with_gaps(some_series([20, *lengths]))
    panel = make_panel(series, static=np.arange(len(series))[:, np.newaxis])
    model = new_model(Echo(windows=True), window=window, baseline=None).fit(panel)
    fitted, lookback = model.adapter.fitted, model.lookback
    features = panel.past, panel.future, panel.static
    marks = model.features.express(*features, panel.offsets)["static"][:, 0]
    X, y, n_lags = fitted.X_, fitted.y_, lookback.n_lags
    assert X.shape[1:] == (window, len(model.row_names()))
    assert y.shape == (len(X), window, 3)
    owners = np.searchsorted(marks, X[:, :, -1])
    has_target = ~np.isnan(y).all(axis=2)
    for k in range(len(X)):
        assert len(set(owners[k][has_target[k]])) < 2
    # The last rows of the windows are the cutoffs, each with its context of real rows before.
    for i, one in enumerate(series):
        units = (filled(one, 4) - model.units.mean[i]) / model.units.scale[i]
        twin = loops(units, lookback)
        mine = np.flatnonzero((owners == i).all(axis=1))
        expected = loop_training(twin, ~np.isnan(one), n_lags, 3)
        assert len(mine) == len(expected)
        for k, (t, lags, target) in zip(mine, expected, strict=True):
            np.testing.assert_allclose(X[k, -1, :n_lags], lags, rtol=1e-6, atol=1e-5)
            np.testing.assert_allclose(y[k, -1], target, rtol=1e-6, atol=1e-5)
            for back in range(1, window):
                level = twin.level(t - back, 4)
                assert X[k, -1 - back, n_lags - 1] == pytest.approx(
                    np.clip(twin.value(t - back) - level, -10, 10), abs=1e-5
                )
    weights = fitted.weight_
    assert weights is None or (weights == 1).all()  # without a logarithm all count the same


@pytest.mark.parametrize("windows", [True, False])
@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_validation_begins_at_one_moment_and_no_training_target_lies_after_it(
    make_panel, Echo, new_model, some_series, windows, fraction
):
    lengths, first = [60, 25, 40, 6], np.array([0, 35, 5, 30])
    times = [np.arange(a, a + n)[:, np.newaxis] for a, n in zip(first, lengths, strict=True)]
    panel = make_panel(some_series(lengths), first=first, future=times)
    regressor = Echo(windows=windows, early_stopping=True, validation_fraction=fraction)
    model = new_model(regressor).fit(panel)
    fitted = model.adapter.fitted
    every = np.concatenate(times).astype(float)
    column = model.row_names().index("promo0@lag0")

    def when(X, y):
        """Return the moments of cutoffs with targets, and of those targets."""
        if windows:
            X, y = X[:, -1], y[:, -1]
        time = X[:, column] * every.std() + every.mean()
        row, step = np.nonzero(~np.isnan(y))
        return time[row], time[row] + step + 1

    _, targets = when(fitted.X_, fitted.y_)
    later, _ = when(fitted.X_val_, fitted.y_val_)
    assert targets.max() <= later.min() + 1e-3
    all_cutoffs = np.concatenate(
        [
            np.arange(a + max(5, model.lookback.n_lags if n > 20 else 5) - 1, a + n - 1)
            for a, n in zip(first, lengths, strict=True)
        ]
    )
    share = np.mean(all_cutoffs >= later.min() - 1e-3)
    assert 0.5 * fraction <= share <= fraction + 0.04  # of one moment all or none
    assert fitted.weight_ is None or len(fitted.weight_) == len(fitted.X_)


def test_where_the_newest_part_holds_no_target_all_is_trained_on(
    make_panel, Echo, new_model, some_series
):
    one = some_series([40])[0]
    one[30:] = np.nan
    regressor = Echo(windows=True, early_stopping=True)
    fitted = new_model(regressor).fit(make_panel([one])).adapter.fitted
    assert fitted.X_val_ is None
    assert not np.isnan(fitted.y_).all()


def test_under_a_logarithm_a_series_counts_by_the_root_of_its_scale(
    make_panel, Echo, new_model, some_series
):
    series = some_series([40, 30, 25], positive=True)
    series[1] = series[1] ** 9
    panel = make_panel(series, static=[[0.0], [1.0], [2.0]])
    model = new_model(Echo(windows=True), transform="log", window=3).fit(panel)
    fitted = model.adapter.fitted
    scale = [np.abs(np.log(one[4:]) - np.log(one[:-4])).mean() for one in series]
    np.testing.assert_allclose(model.units.scale, scale, rtol=1e-9)
    weight = np.sqrt(scale) / np.sqrt(scale).mean()
    features = panel.past, panel.future, panel.static
    marks = model.features.express(*features, panel.offsets)["static"][:, 0]
    owner = np.searchsorted(marks, fitted.X_[:, 0, -1])
    np.testing.assert_allclose(fitted.weight_, weight[owner], rtol=1e-6)
    assert set(owner) == {0, 1, 2}
    for regressor, some in ((Echo(), series), (Echo(windows=True), series[:1])):
        alone = new_model(regressor, transform="log").fit(make_panel(some))
        assert alone.adapter.fitted.weight_ is None  # flat rows, or one series
