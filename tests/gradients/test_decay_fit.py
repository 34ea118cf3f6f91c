"""How fast a curve decays, against closed forms and pairs of lags, one at a time."""

import dataclasses
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast.gradients.effective_memory import DecayFit, decay_fit, half_life
from tests.properties import examples

FIELDS = [field.name for field in dataclasses.fields(DecayFit)]


def lags(window):
    return np.arange(window, dtype=float)


def loop_line(x, y):
    """Return the sum of squared residuals and the variation of y, one number at a time."""
    mean_x, mean_y = statistics.fmean(x), statistics.fmean(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    slope /= sum((a - mean_x) ** 2 for a in x)
    residuals = [b - mean_y - slope * (a - mean_x) for a, b in zip(x, y, strict=True)]
    return sum(r**2 for r in residuals), sum((b - mean_y) ** 2 for b in y)


def loop_decay_fit(curve):
    """Fit pair by pair: the independent twin, for curves of at most 512 lags that vary."""
    usable = [k for k in range(1, len(curve)) if curve[k] > 0]
    if len(usable) < 3 or not all(map(math.isfinite, curve)):
        return math.nan, math.nan, math.nan, False
    y = [math.log(curve[k]) for k in usable]
    slope = statistics.median(
        (y[j] - y[i]) / (usable[j] - usable[i]) for j in range(len(y)) for i in range(j)
    )
    straight, total = loop_line(usable, y)
    power, _ = loop_line([math.log(k) for k in usable], y)
    life = -math.log(2) / slope if slope < 0 else math.inf
    return math.exp(slope), life, 1 - straight / total, power < straight


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


@pytest.mark.parametrize("window", [4, 24, 168, 600, 1500])
@pytest.mark.parametrize("life", [1.0, 4.27, 24.0, 1000.0])
def test_half_life_exponential_is_exact(life, window):
    curve = 2.0 ** (-np.minimum(lags(window) / life, 1000))[: int(1000 * life)]
    assert half_life(curve) == pytest.approx(life, rel=1e-12)


@pytest.mark.parametrize("rho", [0.3, 0.9, 0.999, 1.1])
def test_decay_fit_exponential_is_exact(rho):
    fit = decay_fit(5 * rho ** lags(48))
    assert fit.rate == pytest.approx(rho, rel=1e-13)
    assert fit.r_squared == pytest.approx(1.0, abs=1e-13)
    assert fit.power_law is False


def test_decay_fit_growing_curve_has_infinite_half_life():
    assert decay_fit(1.1 ** lags(48)).half_life == math.inf


@pytest.mark.parametrize("size", [1.0, 0.1, 1e-200])
def test_decay_fit_flat_curve_does_not_decay(size):
    fit = decay_fit(np.full(48, size))
    assert (fit.rate, fit.half_life, fit.r_squared) == (1.0, math.inf, 1.0)
    assert fit.power_law is False


def test_decay_fit_rounding_on_a_flat_curve_is_no_pattern():
    curve = 1.0 + np.finfo(float).eps * np.random.default_rng(0).integers(-20, 20, 48)
    fit = decay_fit(curve)
    assert fit.r_squared == 1.0
    assert fit.power_law is False


def test_decay_fit_outliers_do_not_move_the_slope():
    clean = 0.9 ** lags(48)
    spoiled = clean.copy()
    spoiled[[3, 10, 24, 25, 40]] *= [1e6, 1e-6, 1e9, 1e9, 1e-3]
    fit = decay_fit(spoiled)
    assert fit.half_life == pytest.approx(half_life(clean), rel=1e-12)
    assert fit.r_squared < 0.5  # and it says that the line misses much


def test_decay_fit_noise_of_30_percent_stays_near_the_truth():
    rng = np.random.default_rng(0)
    rho = 2 ** (-1 / 4.27)
    curves = rho ** lags(48) * np.exp(0.3 * rng.normal(size=(200, 48)))
    found = half_life(curves)
    assert np.median(found) == pytest.approx(4.27, rel=0.01)
    assert np.abs(found / 4.27 - 1).max() < 0.1
    assert (decay_fit(curves).r_squared > 0.95).all()


def test_decay_fit_lag_0_is_left_out():
    curve = 0.9 ** lags(24)
    curve[0] = 1e9
    fit = decay_fit(curve)
    assert fit.rate == pytest.approx(0.9, rel=1e-13)
    assert fit.r_squared == pytest.approx(1.0, abs=1e-13)
    assert decay_fit(np.where(lags(24) == 0, 0.0, curve)).rate == fit.rate


def test_decay_fit_zeros_are_left_out():
    curve = 0.8 ** lags(30)
    curve[[2, 3, 11]] = 0.0
    curve[20:] = 0.0
    fit = decay_fit(curve)
    assert fit.rate == pytest.approx(0.8, rel=1e-13)
    assert fit.r_squared == pytest.approx(1.0, abs=1e-13)


@pytest.mark.parametrize("window", [24, 48, 1000])
@pytest.mark.parametrize("exponent", [0.5, 1.5, 3.0])
def test_decay_fit_power_law_is_recognised(exponent, window):
    fit = decay_fit((1 + lags(window)) ** -exponent)  # k + 1: not exact, and still recognised
    assert fit.power_law is True
    exact = decay_fit(np.maximum(lags(window), 0.5) ** -exponent)
    assert exact.power_law is True
    assert exact.r_squared < 0.9


def test_decay_fit_noisy_exponential_is_no_power_law():
    rng = np.random.default_rng(1)
    curves = 0.85 ** lags(48) * np.exp(0.3 * rng.normal(size=(50, 48)))
    assert not decay_fit(curves).power_law.any()


@pytest.mark.parametrize(
    "curve",
    [[1.0], [1.0, 0.5], [1.0, 0.5, 0.25], np.zeros(9), [1.0, 0.0, 0.5, 0.0, 0.25, 0.0]],
)
def test_decay_fit_fewer_than_three_lags_is_nan(curve):
    fit = decay_fit(curve)
    assert all(map(math.isnan, (fit.rate, fit.half_life, fit.r_squared)))
    assert fit.power_law is False


def test_decay_fit_three_lags_are_enough():
    assert decay_fit([1.0, 0.5, 0.0, 0.125, 0.0625]).rate == pytest.approx(0.5, rel=1e-14)


def test_decay_fit_extreme_values_give_no_warning():
    fit = decay_fit([1.0, 5e-324, 1e308, 1e308])
    assert fit.rate > 1e100
    assert half_life([1e308, 1e308, 1e300, 5e-324]) < 0.01


def test_decay_fit_thins_lags_evenly_above_512():
    window = 4000
    curve = 0.999 ** lags(window) * np.exp(0.3 * np.random.default_rng(0).normal(size=window))
    thinned = np.linspace(1, window - 1, 512).round().astype(int)
    first, second = np.triu_indices(512, 1)
    logs = np.log(curve[thinned])
    slope = np.median((logs[second] - logs[first]) / (thinned[second] - thinned[first]))
    assert decay_fit(curve).rate == pytest.approx(np.exp(slope), rel=1e-13)
    assert decay_fit(curve).rate == pytest.approx(0.999, rel=1e-4)


def test_decay_fit_thins_only_lags_that_count():
    curve = np.zeros(4000)
    curve[:5] = 0.5 ** lags(5)  # every eighth lag alone would leave one
    assert decay_fit(curve).rate == pytest.approx(0.5, rel=1e-13)


def test_decay_fit_512_lags_are_not_thinned():
    curve = 0.99 ** lags(513) * np.exp(0.1 * np.random.default_rng(0).normal(size=513))
    first, second = np.triu_indices(512, 1)
    logs = np.log(curve[1:])
    slope = np.median((logs[second] - logs[first]) / (second - first))
    assert decay_fit(curve).rate == pytest.approx(np.exp(slope), rel=1e-13)


@settings(max_examples=examples(100))
@given(seed=seeds, shape=shapes, window=st.integers(1, 30), with_gaps=st.booleans())
def test_decay_fit_each_curve_equals_plain_loop(seed, shape, window, with_gaps):
    curves = random_curves(seed, (*shape, window), with_gaps=with_gaps)
    fit = decay_fit(curves)
    found = [np.asarray(getattr(fit, name)) for name in FIELDS]
    assert all(field.shape == shape for field in found)
    for index in np.ndindex(shape):
        *expected, power_law = loop_decay_fit(curves[index].tolist())
        numbers = [field[index] for field in found[:3]]
        assert numbers == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
        assert bool(found[3][index]) == power_law


def test_half_life_is_that_of_the_fit():
    curves = random_curves(0, (4, 2, 24), with_gaps=True)
    np.testing.assert_array_equal(half_life(curves), decay_fit(curves).half_life, strict=True)


def test_decay_fit_line_that_explains_nothing_has_r_squared_of_zero():
    half = np.random.default_rng(0).uniform(0.1, 2, size=(1000, 6))
    curves = np.concatenate([np.ones((1000, 1)), half, half[:, ::-1]], axis=1)
    r_squared = decay_fit(curves).r_squared  # rounding alone would give some of -4e-16
    assert r_squared.min() == 0.0
    assert r_squared.max() < 1e-14


def test_decay_fit_of_many_curves_can_be_compared_and_hashed():
    fit = decay_fit(np.ones((3, 8)))
    assert fit == fit
    assert fit in {fit}


def test_decay_fit_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        decay_fit([1.0, 1.0]).rate = 2.0
