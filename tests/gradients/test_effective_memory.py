"""How far back a curve reaches, against closed forms and plain Python loops."""

import dataclasses
import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast.gradients.effective_memory import (
    DecayFit,
    decay_fit,
    effective_memory,
    half_life,
    normalised,
    omega,
)
from tests.properties import examples

FUNCTIONS = [effective_memory, decay_fit, half_life, omega, normalised]
FIELDS = [field.name for field in dataclasses.fields(DecayFit)]


def lags(window):
    return np.arange(window, dtype=float)


def loop_effective_memory(curve, share):
    """Add the steps one at a time, exactly summed: the independent twin."""
    if not all(map(math.isfinite, curve)):
        return math.nan
    total = math.fsum(curve)
    for steps in range(len(curve) + 1):
        if math.fsum(curve[:steps]) >= share * total * (1 - 1e-14) and (steps or not total):
            return float(steps)
    raise AssertionError


def loop_omega(curve):
    """Compare step by step: the independent twin."""
    if not all(map(math.isfinite, curve)):
        return math.nan
    pairs = [(a, b) for a, b in itertools.pairwise(curve) if a > 0]
    return statistics.fmean((b / a - 1) ** 2 for a, b in pairs) if pairs else math.nan


def random_curves(seed, shape, *, with_gaps):
    """Draw decaying curves with noise, some of them with zeros, NaN or Inf."""
    rng = np.random.default_rng(seed)
    curves = np.exp(rng.normal(size=shape) - rng.uniform(0, 1, (*shape[:-1], 1)) * lags(shape[-1]))
    if with_gaps:
        curves[rng.random(shape) < 0.3] = 0.0
        curves[rng.random(shape) < 0.02] = rng.choice([np.nan, np.inf])
    return curves


shapes = st.lists(st.integers(1, 3), max_size=2).map(tuple)
seeds = st.integers(0, 2**32 - 1)


# ----------------------------------------------------------------------- effective memory


@pytest.mark.parametrize("window", [400, 1000, 3000])
@pytest.mark.parametrize("rho", [0.5, 0.8, 0.9, 0.93, 0.97])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
def test_effective_memory_exponential_in_a_long_window_is_closed_form(rho, window, share):
    expected = math.ceil(math.log(1 - share) / math.log(rho) - 1e-9)  # .5, .5: 1, not 2
    assert effective_memory(rho ** lags(window), share=share) == expected


def test_effective_memory_exponential_of_rate_09_is_29_steps():
    assert effective_memory(0.9 ** lags(200)) == 29.0


@pytest.mark.parametrize("window", [2, 5, 24, 48])
@pytest.mark.parametrize("rho", [0.5, 0.9, 0.99, 1.05])
def test_effective_memory_exponential_in_a_short_window_is_closed_form(rho, window):
    # (1 - rho^K) / (1 - rho^W) >= 0.95, also where the curve grows.
    expected = math.ceil(math.log(1 - 0.95 * (1 - rho**window)) / math.log(rho))
    assert effective_memory(rho ** lags(window)) == expected


def test_effective_memory_mixture_is_first_step_past_the_closed_sum():
    window, fast, slow = 500, 0.5, 0.98
    curve = fast ** lags(window) + 0.1 * slow ** lags(window)

    def mass(steps):
        return (1 - fast**steps) / (1 - fast) + 0.1 * (1 - slow**steps) / (1 - slow)

    steps = int(effective_memory(curve))
    assert mass(steps - 1) < 0.95 * mass(window) <= mass(steps)


@pytest.mark.parametrize("scale", [1.0, 0.1, 1 / 3, 1e-200])
def test_effective_memory_flat_curve_is_exact_at_every_boundary(scale):
    assert effective_memory(np.full(20, scale)) == 19.0
    for window in range(1, 60):
        for steps in range(1, window + 1):
            curve = np.full(window, scale)
            assert effective_memory(curve, share=steps / window) == steps, (window, steps)


def test_effective_memory_just_beyond_a_boundary_takes_one_more_step():
    assert effective_memory(np.ones(20), share=0.95 + 1e-9) == 20.0


@pytest.mark.parametrize("lag", [0, 1, 7, 23])
@pytest.mark.parametrize("share", [1e-20, 0.5, 0.95, 1.0])
def test_effective_memory_spike_at_lag_k_is_k_plus_1(lag, share):
    curve = np.zeros(24)
    curve[lag] = 3.0
    assert effective_memory(curve, share=share) == lag + 1


def test_effective_memory_whole_share_reaches_the_last_value_however_small():
    assert effective_memory([1.0, 0.5, 0.0, 1e-300, 0.0], share=1.0) == 4.0


def test_effective_memory_zero_curve_is_zero():
    assert effective_memory(np.zeros(5)) == 0.0


def test_effective_memory_huge_values_do_not_overflow():
    assert effective_memory(np.full(20, 1e308)) == 19.0


def test_effective_memory_tiny_values_count():
    assert effective_memory(np.full(20, 5e-324)) == 19.0


@settings(max_examples=examples(200))
@given(
    curve=st.lists(st.floats(0, 1e300), min_size=1, max_size=30),
    shares=st.tuples(st.floats(1e-6, 1), st.floats(1e-6, 1)),
)
def test_effective_memory_grows_with_share_within_the_window(curve, shares):
    less, more = (effective_memory(curve, share=share) for share in sorted(shares))
    assert less <= more
    low = 1 if max(curve) > 0 else 0
    assert low <= less
    assert more <= (len(curve) if low else 0)


@settings(max_examples=examples(100))
@given(seed=seeds, shape=shapes, window=st.integers(1, 30), share=st.floats(0.01, 1))
def test_effective_memory_each_curve_equals_plain_loop(seed, shape, window, share):
    curves = random_curves(seed, (*shape, window), with_gaps=True)
    found = np.asarray(effective_memory(curves, share=share))
    assert found.shape == shape
    for index in np.ndindex(shape):
        expected = loop_effective_memory(curves[index].tolist(), share)
        assert found[index] == pytest.approx(expected, abs=0, nan_ok=True)


# ------------------------------------------------------------------------------------ omega


@pytest.mark.parametrize("rho", [0.2, 0.5, 0.9, 1.0, 1.5])
@pytest.mark.parametrize("window", [2, 24, 300])
def test_omega_exponential_is_closed_form(rho, window):
    assert omega(rho ** lags(window)) == pytest.approx((rho - 1) ** 2, rel=1e-12)


def test_omega_orthogonal_steps_are_zero():
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    gradient, sizes = rng.normal(size=8), []
    for _ in range(48):
        sizes.append(np.linalg.norm(gradient))
        gradient = rotation.T @ gradient
    assert omega(sizes) == pytest.approx(0.0, abs=1e-28)
    assert omega(np.full(48, 0.1)) == 0.0


def test_omega_known_answer_leaves_out_what_follows_zero():
    # 1 -> 3: 4; 3 -> 0: 1; 0 -> 2 says nothing; 2 -> 1: 0.25
    assert omega([1.0, 3.0, 0.0, 2.0, 1.0]) == pytest.approx(5.25 / 3, rel=1e-15)


@pytest.mark.parametrize("curve", [[1.0], np.zeros(4), [0.0, 1.0]])
def test_omega_nothing_to_compare_is_nan(curve):
    assert math.isnan(omega(curve))


def test_omega_overflow_is_inf():
    assert omega([5e-324, 1e308]) == math.inf


@settings(max_examples=examples(100))
@given(seed=seeds, shape=shapes, window=st.integers(1, 30))
def test_omega_each_curve_equals_plain_loop(seed, shape, window):
    curves = random_curves(seed, (*shape, window), with_gaps=True)
    found = np.asarray(omega(curves))
    assert found.shape == shape
    for index in np.ndindex(shape):
        expected = loop_omega(curves[index].tolist())
        assert found[index] == pytest.approx(expected, rel=1e-12, nan_ok=True)


# ------------------------------------------------------------------------------- normalised


def test_normalised_known_answer_keeps_zeros():
    curves = [[2.0, 8.0, 4.0], [0.0, 0.0, 0.0], [0.0, 1e308, 1e308], [5e-324, 0.0, 0.0]]
    expected = [[0.25, 1.0, 0.5], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    np.testing.assert_array_equal(normalised(curves), expected, strict=True)


def test_normalised_leaves_the_input_alone():
    curve = np.array([[2.0, 8.0], [np.nan, 1.0]])
    before = curve.copy()
    for function in FUNCTIONS:
        function(curve)
    np.testing.assert_array_equal(curve, before)


@settings(max_examples=examples(50))
@given(seed=seeds, shape=shapes, window=st.integers(1, 30))
def test_normalised_each_curve_equals_plain_loop(seed, shape, window):
    curves = random_curves(seed, (*shape, window), with_gaps=True)
    found = normalised(curves)
    assert found.shape == curves.shape
    for index in np.ndindex(shape):
        values = curves[index].tolist()
        known = all(map(math.isfinite, values))
        peak = max(values) or 1.0
        expected = [value / peak if known else math.nan for value in values]
        np.testing.assert_array_equal(found[index], expected)


# ------------------------------------------------------------------------- all of them alike


@settings(max_examples=examples(100))
@given(seed=seeds, window=st.integers(4, 40), power=st.integers(-300, 300))
def test_scale_of_the_curve_does_not_matter(seed, window, power):
    curves = random_curves(seed, (3, window), with_gaps=True)
    scaled = curves * 2.0**power  # exact
    for function in (effective_memory, omega, normalised):
        np.testing.assert_array_equal(function(curves), function(scaled))
    fit, fit_scaled = decay_fit(curves), decay_fit(scaled)
    np.testing.assert_allclose(fit.rate, fit_scaled.rate, rtol=1e-12)
    np.testing.assert_allclose(fit.r_squared, fit_scaled.r_squared, atol=1e-10)
    np.testing.assert_array_equal(fit.power_law, fit_scaled.power_law)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("lag", [0, 3, 7])
def test_curve_not_finite_is_nan_and_spares_the_others(bad, lag):
    curves = np.tile(0.5 ** lags(8), (3, 1))
    curves[1, lag] = bad
    fit = decay_fit(curves)
    results = [effective_memory(curves), omega(curves), normalised(curves)]
    for result in [*results, fit.rate, fit.half_life, fit.r_squared]:
        assert np.isnan(result[1]).all()
        assert np.isfinite(result[[0, 2]]).all()
    assert fit.power_law.tolist() == [False, False, False]


def test_window_of_1():
    assert effective_memory([2.0]) == 1.0
    assert math.isnan(half_life([2.0]))
    assert math.isnan(omega([2.0]))
    assert normalised([2.0]).tolist() == [1.0]
    np.testing.assert_array_equal(effective_memory(np.ones((3, 1))), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(half_life(np.ones((3, 1))), [np.nan] * 3)


def test_single_curve_gives_plain_numbers():
    curve = 0.5 ** lags(8)
    fit = decay_fit(curve)
    numbers = [effective_memory(curve), half_life(curve), omega(curve)]
    assert {type(n) for n in [*numbers, fit.rate, fit.half_life, fit.r_squared]} == {float}
    assert type(fit.power_law) is bool
    for function in (effective_memory, half_life, omega):
        assert function(curve[np.newaxis]).dtype == np.float64
    assert decay_fit(curve[np.newaxis]).power_law.dtype == np.bool_


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8, np.int64, bool])
def test_numbers_of_any_type_give_float64(dtype):
    curves = np.array([[4, 2, 1, 1], [1, 1, 1, 0]]).astype(dtype)
    for function in (effective_memory, half_life, omega, normalised):
        result = function(curves)
        assert result.dtype == np.float64
        np.testing.assert_array_equal(result, function(curves.astype(float)))


# ----------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("curve", "message"),
    [
        (3.0, r"curve is the single number 3.0; an array of shape \(\.\.\., window\) .* Pass the"),
        ([], r"curve is empty, with shape \(0,\); a curve needs at least one lag. Pass the size"),
        (np.ones((2, 0)), r"curve is empty, with shape \(2, 0\); a curve needs .* Pass the size"),
        (np.ones((0, 2)), r"curve is empty, with shape \(0, 2\); a curve needs .* Pass the size"),
        ([1.0, -0.5, -2.0], "curve has negative values down to -2; the size .* Pass norms"),
        ([np.nan, -0.5], "curve has negative values down to -0.5; the size .* Pass norms"),
        ([1.0, -np.inf], "curve has negative values down to -inf; the size .* Pass norms"),
        (["a", "b"], "curve has dtype <U1; its values must be real numbers. Convert them"),
        ([1j, 2.0], "curve has dtype complex128; its values must be real numbers. Convert them"),
        ([None, 1.0], "curve has dtype object; its values must be real numbers. Convert them"),
        ([[1.0], [1.0, 2.0]], "curve has rows of different lengths; an array .* Pass curves of"),
    ],
)
def test_bad_curve_says_what_is_needed(function, curve, message):
    with pytest.raises(ValueError, match=message):
        function(curve)


@pytest.mark.parametrize("share", [0, 0.0, -0.1, 1.0000001, 95, np.nan, np.inf, True, "0.9", None])
def test_effective_memory_bad_share_says_what_is_needed(share):
    with pytest.raises(ValueError, match="share=.*; a number above 0 and at most 1 .* 0.95"):
        effective_memory([1.0, 0.5], share=share)


@pytest.mark.parametrize("share", [1, np.float32(0.5), np.float64(1.0)])
def test_effective_memory_share_may_be_any_real_number(share):
    assert effective_memory([1.0, 1.0], share=share) == (2 if share == 1 else 1)
