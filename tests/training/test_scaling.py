"""Scaling against numpy, plain loops and answers worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from seqforecast.training import scaling as scaling_module
from seqforecast.training.scaling import (
    SCALINGS,
    NoScaling,
    StandardScaling,
    WindowScaling,
    usable,
    weighted_moments,
)
from tests.properties import examples


def flat_moments(values, weight=None):
    """Compute mean and standard deviation column by column with numpy: the twin."""
    weight = np.ones(len(values)) if weight is None else weight
    mean, spread = [], []
    for column in range(values.shape[-1]):
        part = values[..., column]
        rows = np.broadcast_to(weight.reshape(-1, *[1] * (part.ndim - 1)), part.shape)
        known = ~np.isnan(part)
        mean.append(np.average(part[known], weights=rows[known]))
        spread.append(np.sqrt(np.average((part[known] - mean[-1]) ** 2, weights=rows[known])))
    return np.array(mean), np.array(spread)


@settings(max_examples=examples(60))
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 30),
    window=st.integers(0, 6),
    n_columns=st.integers(1, 4),
    missing=st.sampled_from([0.0, 0.2]),
    weighted=st.booleans(),
    chunk=st.sampled_from([1, 7, 16, 100, 1 << 18]),
)
def test_moments_random_arrays_equal_numpy(seed, n, window, n_columns, missing, weighted, chunk):
    rng = np.random.default_rng(seed)
    shape = (n, window, n_columns) if window else (n, n_columns)
    values = rng.normal(3, 2, size=shape)
    values[rng.random(shape) < missing] = np.nan
    values[0] = 1.0  # no column without a value
    weight = rng.uniform(0.1, 3, size=n) if weighted else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaling_module, "_CHUNK", chunk)
        mean, spread = weighted_moments(values, weight)
    expected_mean, expected_spread = flat_moments(values, weight)
    # Sums of at most 180 float64 numbers in another order.
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-12)
    np.testing.assert_allclose(spread, expected_spread, rtol=1e-10, atol=1e-14)


def test_moments_known_answer():
    values = np.array([[1.0, np.nan], [5.0, 2.0], [np.nan, 4.0]])
    mean, spread = weighted_moments(values, np.array([1.0, 3.0, 1.0]))
    # Column 0: (1 + 3 * 5) / 4, (9 + 3 * 1) / 4. Column 1: (3 * 2 + 4) / 4, (0.75 + 2.25) / 4.
    np.testing.assert_allclose(mean, [4.0, 2.5], rtol=1e-15)
    np.testing.assert_allclose(spread, np.sqrt([3.0, 0.75]), rtol=1e-15)


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("chunk", [100, 1000, 1 << 18])
@pytest.mark.parametrize("weighted", [False, True])
def test_moments_strided_view_equals_its_copy_bit_for_bit(monkeypatch, chunk, weighted, n_channels):
    monkeypatch.setattr(scaling_module, "_CHUNK", chunk)
    series = np.random.default_rng(0).normal(size=(500, n_channels))
    view = sliding_window_view(series, 24, axis=0).swapaxes(1, 2)
    weight = np.linspace(0.1, 2, len(view)) if weighted else None
    of_view = weighted_moments(view, weight)
    of_copy = weighted_moments(view.copy(), weight)
    assert np.array_equal(of_view, of_copy)
    np.testing.assert_allclose(of_view, flat_moments(view, weight), rtol=1e-12)


def test_moments_no_chunk_is_larger_than_allowed(monkeypatch):
    monkeypatch.setattr(scaling_module, "_CHUNK", 100)
    sizes = []
    real = scaling_module._chunk_moments

    def watched(chunk, weight):
        sizes.append(chunk.size)
        return real(chunk, weight)

    monkeypatch.setattr(scaling_module, "_chunk_moments", watched)
    weighted_moments(np.zeros((50, 8, 2)), None)
    assert max(sizes) <= 100
    assert sum(sizes) == 800


def test_moments_weight_two_equals_the_row_twice():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20, 4, 2))
    values[rng.random(values.shape) < 0.2] = np.nan
    counts = rng.integers(1, 4, size=20)
    weighted = weighted_moments(values, counts.astype(float))
    repeated = weighted_moments(np.repeat(values, counts, axis=0), None)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_large_offset_keeps_the_spread(monkeypatch, weighted):
    monkeypatch.setattr(scaling_module, "_CHUNK", 100)
    noise = np.random.default_rng(0).normal(size=(2000, 1))
    weight = np.linspace(0.1, 2, 2000) if weighted else None
    values = 1e9 + noise
    noise = values - 1e9  # exact: what rounding to 1e9's last place, 1e-7, left of it
    mean, spread = weighted_moments(values, weight)
    expected_mean, expected_spread = flat_moments(noise, weight)
    assert mean[0] - 1e9 == pytest.approx(expected_mean[0], abs=1e-5)  # 1e9 has steps of 1e-7
    assert spread[0] == pytest.approx(expected_spread[0], rel=1e-7)  # so do the chunks' means


def test_moments_leave_their_input_alone():
    values = np.array([[1.0, np.nan], [5.0, 2.0]])
    values.flags.writeable = False
    weighted_moments(values, None)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int8])
def test_moments_of_other_types_are_those_of_float64(dtype):
    values = np.random.default_rng(0).integers(-100, 100, size=(200, 3)).astype(dtype)
    assert np.array_equal(
        weighted_moments(values, None), weighted_moments(values.astype(float), None)
    )


@pytest.mark.parametrize("place", ["all", "one"])
def test_moments_beyond_float64_raise_and_name_the_size(place):
    values = np.zeros((10, 3, 2))
    if place == "all":
        values[..., 1] = 3e200
    else:
        values[4, 1, 1] = -3e200
    with pytest.raises(ValueError, match=r" 3e\+200.*fits into float64.*Divide"):
        weighted_moments(values, None)
    with pytest.raises(ValueError, match=r" 3e\+200"):
        weighted_moments(values, np.ones(10))


def test_moments_sum_beyond_float64_raises():
    with pytest.raises(ValueError, match=r" 1.7e\+308"):
        weighted_moments(np.array([[1.7e308], [1.7e308], [-1.7e308], [-1.7e308]]), None)


# Units --------------------------------------------------------------------------------------------


def data(seed=0, n=30, window=5, n_channels=2, n_outputs=3):
    rng = np.random.default_rng(seed)
    x = rng.normal([10, -3], [4, 0.1], size=(n, window, n_channels))
    return x, rng.normal([5, 0, 100], [1, 2, 30], size=(n, n_outputs))


@pytest.mark.parametrize("scaling", SCALINGS)
def test_restore_undoes_of_targets_for_values_and_levels(scaling):
    x, y = data()
    rule = SCALINGS[scaling]()
    rule.fit(x, y, None)
    units = rule.units(x)
    scaled = units.of_targets(y)
    np.testing.assert_allclose(units.restore(scaled), y, rtol=1e-13, atol=1e-13)
    levels = np.stack([scaled - 1, scaled, scaled + 1], axis=-1)
    restored = units.restore(levels)
    assert restored.shape == (30, 3, 3)
    for k in range(3):
        np.testing.assert_array_equal(restored[..., k], units.restore(levels[..., k]))
    every_step = np.stack([y, 2 * y], axis=1)
    for step in range(2):
        expected = units.of_targets(every_step[:, step])
        np.testing.assert_array_equal(units.of_targets(every_step)[:, step], expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_standard_scaling_gives_mean_zero_and_spread_one(weighted):
    x, y = data()
    weight = np.linspace(0.5, 1.5, 30) if weighted else None
    rule = StandardScaling()
    rule.fit(x, y, weight)
    units = rule.units(x[:1])  # any batch: the same units
    for scaled in (units.of_windows(x), units.of_targets(y)):
        mean, spread = flat_moments(scaled, weight)
        np.testing.assert_allclose(mean, 0, atol=1e-13)
        np.testing.assert_allclose(spread, 1, rtol=1e-12)
    (level, scale), (target_level, target_scale) = flat_moments(x, weight), flat_moments(y, weight)
    np.testing.assert_allclose(units.of_windows(x), (x - level) / scale, atol=1e-12)
    np.testing.assert_allclose(units.of_targets(y), (y - target_level) / target_scale, atol=1e-12)


def test_standard_scaling_leaves_missing_targets_out():
    x, _ = data()
    y = np.full((30, 5, 1), np.nan)
    y[::2, -1] = np.random.default_rng(0).normal(7, 3, size=(15, 1))
    rule = StandardScaling()
    rule.fit(x, y, None)
    scaled = rule.units(x).of_targets(y)
    assert np.array_equal(np.isnan(scaled), np.isnan(y))
    assert np.nanmean(scaled) == pytest.approx(0, abs=1e-13)
    assert np.nanstd(scaled) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9, 1e-300])
def test_standard_scaling_constant_channel_is_divided_by_nothing(value):
    x, y = data(n=300)
    x[..., 1] = value
    y[:, 2] = value
    rule = StandardScaling()
    rule.fit(x, y, None)
    units = rule.units(x)
    assert units.scale[1] == 1
    assert units.target_scale[0, 2] == 1
    rounding = 1e-13 * abs(value)
    assert np.abs(units.of_windows(x)[..., 1]).max() <= rounding
    assert np.abs(units.of_targets(y)[:, 2]).max() <= rounding
    assert units.scale[0] != 1


def test_window_scaling_equals_plain_loop():
    x, y = data()
    rule = WindowScaling()
    rule.fit(x, y, None)
    units = rule.units(x)
    windows, targets = units.of_windows(x), units.of_targets(y)
    for n in range(30):
        level, scale = [], []
        for channel in range(2):
            values = x[n, :, channel].tolist()
            level.append(sum(values) / 5)
            scale.append((sum((v - level[-1]) ** 2 for v in values) / 5) ** 0.5)
            expected = [(v - level[-1]) / scale[-1] for v in values]
            np.testing.assert_allclose(windows[n, :, channel], expected, atol=1e-12)
        expected = [(v - level[0]) / scale[0] for v in y[n]]  # the target's own past: channel 0
        np.testing.assert_allclose(targets[n], expected, rtol=1e-12)


def test_window_scaling_units_are_those_of_the_window_alone():
    x, y = data()
    rule = WindowScaling()
    rule.fit(x, y, None)
    together, alone = rule.units(x), rule.units(x[3:4])
    assert np.array_equal(together.level[3:4], alone.level)
    assert np.array_equal(together.scale[3:4], alone.scale)
    assert np.array_equal(together.target_scale[3:4], alone.target_scale)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("window", [5, 48, 100])
def test_window_scaling_flat_windows_take_the_overall_spread(dtype, window):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, window, 1))
    x[:30] = rng.normal(size=(30, 1, 1))
    x = x.astype(dtype)
    rule = WindowScaling()
    rule.fit(x, x[:, -1], None)
    _, overall = flat_moments(x.astype(float))
    units = rule.units(x)
    np.testing.assert_allclose(units.scale[:30], overall[0], rtol=1e-12)
    np.testing.assert_allclose(units.target_scale[:30], overall[0], rtol=1e-12)
    own = x[30:].astype(float).std(axis=1, keepdims=True)
    np.testing.assert_allclose(units.scale[30:], own, rtol=1e-12)
    assert np.abs(units.of_windows(x)[:30]).max() < 1e-12


def test_window_scaling_channel_without_any_spread_is_divided_by_nothing():
    x, y = data()
    x[..., 1] = 4.0
    rule = WindowScaling()
    rule.fit(x, y, None)
    units = rule.units(x)
    assert (units.scale[..., 1] == 1).all()
    assert (units.of_windows(x)[..., 1] == 0).all()


def test_window_scaling_unit_of_measurement_changes_nothing():
    x, y = data()
    results = []
    for factor, offset in ((1.0, 0.0), (1024.0, 4096.0)):
        rule = WindowScaling()
        rule.fit(factor * x + offset, y, None)
        results.append(rule.units(factor * x + offset).of_windows(factor * x + offset))
    np.testing.assert_allclose(results[0], results[1], atol=1e-9)  # 4096 / 0.1 x rounding


def test_no_scaling_changes_nothing():
    x, y = data()
    rule = NoScaling()
    rule.fit(x, y, None)
    units = rule.units(x)
    assert np.array_equal(units.of_windows(x), x)
    assert np.array_equal(units.of_targets(y), y)
    assert np.array_equal(units.restore(y), y)


def test_usable_keeps_a_small_spread_around_zero():
    assert usable(np.array([1e-200]), np.array([0.0])) == 1e-200
    assert usable(np.array([1e-13]), np.array([-1.0])) == 1.0
    assert usable(np.array([1e-11]), np.array([-1.0])) == 1e-11
    assert usable(np.array([0.0]), np.array([0.0])) == 1.0
