"""Metrics against answers worked by hand and a plain loop."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast.metrics import coverage, mae, mase, pinball, rmse, rmsse, smape, winkler
from tests.properties import examples


def loop_mase(y_true, y_pred, y_train, season):
    """Compute the error one number at a time: the independent twin."""
    error = sum(abs(a - b) for a, b in zip(y_true, y_pred, strict=True)) / len(y_true)
    naive = [abs(y_train[t] - y_train[t - season]) for t in range(season, len(y_train))]
    return error / (sum(naive) / len(naive))


def test_mase_known_answer():
    # Errors 1 and 2, mean 1.5; naive errors 2 and 4, mean 3.
    assert mase([10.0, 12.0], [11.0, 10.0], y_train=[2.0, 4.0, 8.0]) == 0.5


def test_mase_known_answer_with_season():
    # Errors 3 and 1, mean 2; errors of the value two steps ago |4-1|, |5-5|, mean 1.5.
    value = mase([7, 6], [4, 5], y_train=[1, 5, 4, 5], season=2)
    assert value == pytest.approx(4 / 3, rel=1e-15)
    assert mase([7, 6], [4, 5], y_train=[1, 5, 4, 5], season=np.uint8(2)) == value


def test_mase_known_answer_of_horizon_two():
    # Errors 0, 1, 2, 3, mean 1.5; naive errors 1, 1, 1.
    value = mase([[1, 2], [3, 4]], [[1, 1], [1, 1]], y_train=[0, 1, 0, 1])
    assert value == 1.5


def test_mase_naive_forecast_of_steady_trend_is_one():
    series = np.arange(10.0)
    assert mase(series[1:], series[:-1], y_train=series) == 1.0


def test_mase_perfect_forecast_is_zero():
    assert mase([1.0, 2.0], [1.0, 2.0], y_train=[0.0, 1.0]) == 0.0


@settings(max_examples=examples(100))
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 20),
    horizon=st.integers(0, 3),
    season=st.integers(1, 12),
)
def test_mase_random_data_equals_plain_loop(seed, n, horizon, season):
    rng = np.random.default_rng(seed)
    shape = (n, horizon) if horizon else (n,)
    y_true, y_pred = rng.normal(size=shape), rng.normal(size=shape)
    y_train = rng.normal(size=season + rng.integers(1, 30))
    value = mase(y_true, y_pred, y_train=y_train, season=season)
    assert isinstance(value, float)
    expected = loop_mase(y_true.ravel().tolist(), y_pred.ravel().tolist(), y_train.tolist(), season)
    assert value == pytest.approx(expected, rel=1e-12)  # sums of 60 terms in another order


def test_mase_scaling_all_values_changes_nothing():
    rng = np.random.default_rng(0)
    y_true, y_pred, y_train = rng.normal(size=(3, 8))
    value = mase(y_true, y_pred, y_train=y_train)
    scaled = mase(1024 * y_true, 1024 * y_pred, y_train=1024 * y_train)
    assert value == scaled  # a power of two is exact


def test_mase_season_changes_the_result():
    y_train = [1, 5, 4, 5]
    assert mase([1], [2], y_train=y_train) != mase([1], [2], y_train=y_train, season=2)


def test_mase_pandas_is_compared_row_by_row():
    y_true = pd.Series([10.0, 12.0], index=[5, 6])
    y_pred = pd.Series([11.0, 10.0], index=[0, 1])
    assert mase(y_true, y_pred, y_train=pd.Series([2, 4, 8])) == 0.5


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, bool])
def test_mase_small_integers_do_not_wrap(dtype):
    # uint8: 0 - 1 is 255
    assert mase(np.array([0], dtype), np.array([1], dtype), y_train=np.array([1, 0], dtype)) == 1


# ------------------------------------------------------------------- known answers, by hand


def test_mae_known_answer():
    assert mae([10, 12, 7], [11, 10, 7]) == 1.0  # errors 1, 2, 0
    assert mae([[1, 2], [3, 4]], [[1, 1], [1, 1]]) == 1.5


def test_rmse_known_answer():
    assert rmse([10, 12, 7], [11, 10, 9]) == np.sqrt(3)  # squares 1, 4, 4
    # One root over all, not the mean of the roots of the rows, 0 and 4.
    assert rmse([[1, 1], [0, 0]], [[1, 1], [4, 4]]) == np.sqrt(8)


def test_smape_known_answer():
    # 200 * 1/3, 200 * 1, 0
    assert smape([1, 0, 5], [2, 3, 5]) == pytest.approx((200 / 3 + 200) / 3, rel=1e-15)
    assert smape([-1, 4], [1, 4]) == 100.0  # signs that differ: 200 %


def test_smape_zero_forecast_of_zero_is_left_out_of_the_mean():
    assert smape([0, 1], [0, 3]) == 100.0
    assert smape([0.0, 10.0], [0.0, 10.0]) == 0.0


def test_smape_of_nothing_but_zeros_is_nan():
    value = smape([0, 0], [0, 0])
    assert isinstance(value, float)
    assert np.isnan(value)


def test_rmsse_known_answer():
    # Errors 3 and 1, mean square 5; naive errors 1 and 3, mean square 5.
    assert rmsse([10, 12], [13, 11], y_train=[2, 3, 6]) == 1.0
    # Two steps ago: errors |4-1| and |5-5|, mean square 4.5; errors 3 and 1, mean square 5.
    value = rmsse([7, 6], [4, 5], y_train=[1, 5, 4, 5], season=2)
    assert value == pytest.approx(np.sqrt(5 / 4.5), rel=1e-15)


def test_pinball_known_answer():
    # 2 above costs 0.9 * 2, 3 below costs 0.1 * 3.
    assert pinball([12, 7], [10, 10], quantile=0.9) == pytest.approx((1.8 + 0.3) / 2, rel=1e-15)
    assert pinball([12, 7], [10, 10], quantile=0.1) == pytest.approx((0.2 + 2.7) / 2, rel=1e-15)


def test_pinball_at_the_median_is_half_the_mean_absolute_error():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.normal(size=(2, 9, 3))
    assert pinball(y_true, y_pred, quantile=0.5) == mae(y_true, y_pred) / 2


def test_coverage_known_answer_ends_belong_to_the_interval():
    assert coverage([1, 2, 3, 4, 5], [2] * 5, [4] * 5) == 0.6
    assert coverage([[1.0], [2.0]], [[2.0], [2.0]], [[2.0], [2.0]]) == 0.5


def test_winkler_known_answer():
    # Widths 2, 2, 4; 1 below costs 2 / 0.2, 3 above 6 / 0.2.
    value = winkler([1, 3, 9], [2, 2, 2], [4, 4, 6], level=80)
    assert value == pytest.approx((2 + 10 + 2 + 4 + 30) / 3, rel=1e-15)
    assert winkler([1, 3, 9], [2, 2, 2], [4, 4, 6], level=95) == pytest.approx(168 / 3, rel=1e-14)


# Quarterly beer production of Australia, megalitres, from 1992 on: R. J. Hyndman and
# G. Athanasopoulos, Forecasting: Principles and Practice, third edition, section 5.8, forecasts
# ten quarters from the end of 2007. Data: Australian Bureau of Statistics, by way of fpp3.
# fmt: off
BEER = [
    443, 410, 420, 532, 433, 421, 410, 512, 449, 381, 423, 531, 426, 408, 416, 520,
    409, 398, 398, 507, 432, 398, 406, 526, 428, 397, 403, 517, 435, 383, 424, 521,
    421, 402, 414, 500, 451, 380, 416, 492, 428, 408, 406, 506, 435, 380, 421, 490,
    435, 390, 412, 454, 416, 403, 408, 482, 438, 386, 405, 491, 427, 383, 394, 473,
]
BEER_TEST = [420, 390, 410, 488, 415, 398, 419, 488, 414, 374]
# fmt: on


@pytest.mark.parametrize(
    ("forecast", "errors"),
    [
        (np.resize(BEER[-4:], 10), (14.3, 13.4, 0.937)),  # the seasonal naive
        (np.full(10, BEER[-1]), (62.7, 57.4, 4.01)),  # the naive
        (np.full(10, np.mean(BEER)), (38.4, 34.8, 2.44)),  # the mean
        (BEER[-1] + np.arange(1, 11) * (BEER[-1] - BEER[0]) / 63, (64.9, 58.9, 4.12)),  # drift
    ],
)
def test_published_errors_of_beer_forecasts(forecast, errors):
    ours = (
        rmse(BEER_TEST, forecast),
        mae(BEER_TEST, forecast),
        mase(BEER_TEST, forecast, y_train=BEER, season=4),
    )
    assert tuple(float(f"{value:.3g}") for value in ours) == errors  # three digits are printed


# -------------------------------------------------------------- plain loops and other properties


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def loop_interval(y, lower, upper, level):
    score = upper - lower
    if y < lower:
        score += 2 / (1 - level / 100) * (lower - y)
    elif y > upper:
        score += 2 / (1 - level / 100) * (y - upper)
    return score


def loop_rmsse(y_true, y_pred, y_train, season):
    naive = mean((y_train[t] - y_train[t - season]) ** 2 for t in range(season, len(y_train)))
    return (mean((a - b) ** 2 for a, b in zip(y_true, y_pred, strict=True)) / naive) ** 0.5


def loop_smape(y_true, y_pred):
    pairs = [(a, b) for a, b in zip(y_true, y_pred, strict=True) if (a, b) != (0, 0)]
    if not pairs:
        return float("nan")
    return mean(200 * abs(b - a) / (abs(a) + abs(b)) for a, b in pairs)


def loop_pinball(y_true, y_pred, q):
    pairs = zip(y_true, y_pred, strict=True)
    return mean(q * (a - b) if a >= b else (1 - q) * (b - a) for a, b in pairs)


@settings(max_examples=examples(100))
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 20),
    horizon=st.integers(0, 3),
    level=st.sampled_from([1, 50, 80, 95, 99.5]),
    quantile=st.floats(0.001, 0.999),
    season=st.integers(1, 12),
)
def test_random_data_equals_plain_loops(seed, n, horizon, level, quantile, season):
    rng = np.random.default_rng(seed)
    shape = (n, horizon) if horizon else (n,)
    # Rounded: zeros, forecasts that are right, and values on the ends of intervals occur.
    y_true, y_pred, lower = np.round(rng.normal(size=(3, *shape)))
    upper = lower + np.round(rng.exponential(size=shape))
    y_train = rng.normal(size=season + rng.integers(1, 30))
    y, f, lo, hi = (array.ravel().tolist() for array in (y_true, y_pred, lower, upper))
    pairs = [
        (mae(y_true, y_pred), mean(abs(a - b) for a, b in zip(y, f, strict=True))),
        (rmse(y_true, y_pred), mean((a - b) ** 2 for a, b in zip(y, f, strict=True)) ** 0.5),
        (smape(y_true, y_pred), loop_smape(y, f)),
        (
            rmsse(y_true, y_pred, y_train=y_train, season=season),
            loop_rmsse(y, f, y_train, season),
        ),
        (pinball(y_true, y_pred, quantile=quantile), loop_pinball(y, f, quantile)),
        (
            coverage(y_true, lower, upper),
            mean(float(b <= a <= c) for a, b, c in zip(y, lo, hi, strict=True)),
        ),
        (
            winkler(y_true, lower, upper, level=level),
            mean(loop_interval(a, b, c, level) for a, b, c in zip(y, lo, hi, strict=True)),
        ),
    ]
    for ours, expected in pairs:
        assert isinstance(ours, float)
        assert ours == pytest.approx(expected, rel=1e-12, nan_ok=True)  # sums in another order


@settings(max_examples=examples(50))
@given(seed=st.integers(0, 10_000), level=st.integers(1, 99))
def test_winkler_is_the_pinball_loss_of_both_ends(seed, level):
    rng = np.random.default_rng(seed)
    y_true, lower = rng.normal(size=(2, 12))
    upper = lower + rng.exponential(size=12)
    tail = (1 - level / 100) / 2
    ends = pinball(y_true, lower, quantile=tail) + pinball(y_true, upper, quantile=1 - tail)
    # 1 / tail amplifies the rounding of 1 - level / 100 at most a hundredfold.
    assert winkler(y_true, lower, upper, level=level) == pytest.approx(ends / tail, rel=1e-12)


def test_scale_of_the_series_multiplies_errors_in_its_unit_and_no_other():
    rng = np.random.default_rng(0)
    y_true, y_pred, y_train = rng.normal(size=(3, 8))
    for metric in (mae, rmse):
        assert metric(1024 * y_true, 1024 * y_pred) == 1024 * metric(y_true, y_pred)
    assert smape(1024 * y_true, 1024 * y_pred) == smape(y_true, y_pred)
    scaled = rmsse(1024 * y_true, 1024 * y_pred, y_train=1024 * y_train)
    assert scaled == rmsse(y_true, y_pred, y_train=y_train)  # a power of two is exact


def test_rmsse_season_changes_the_result():
    y_train = [1, 5, 4, 5]
    assert rmsse([1], [2], y_train=y_train) != rmsse([1], [2], y_train=y_train, season=2)


def test_pandas_is_compared_row_by_row():
    y_true = pd.Series([10.0, 12.0], index=[5, 6])
    y_pred = pd.Series([11.0, 10.0], index=[0, 1])
    assert mae(y_true, y_pred) == 1.5
    assert coverage(y_true, y_pred, y_pred + 2) == 0.5
    assert pinball(pd.DataFrame({"a": y_true}), pd.DataFrame({"b": y_pred}), quantile=0.5) == 0.75


@pytest.mark.parametrize("metric", [mae, rmse, smape])
def test_small_integers_do_not_wrap(metric):
    # uint8: 0 - 1 is 255, and 200 + 100 is 44
    value = metric(np.array([0, 200], np.uint8), np.array([1, 100], np.uint8))
    assert value == metric([0.0, 200.0], [1.0, 100.0])


# --------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"y_pred": [[1.0], [2.0]]},
            ValueError,
            r"y_true has shape \(2,\) and y_pred \(2, 1\); they must be the same. Pass one",
        ),
        (
            {"y_true": np.ones((1, 1, 1)), "y_pred": np.ones((1, 1, 1))},
            ValueError,
            "y_true and y_pred have 3 dimensions; they must have one .* Reshape them",
        ),
        (
            {"y_true": 1.0, "y_pred": 1.0},
            ValueError,
            "y_true and y_pred have 0 dimensions; they must have one .* Reshape them",
        ),
        (
            {"y_true": [], "y_pred": []},
            ValueError,
            "y_true is empty; it needs at least one value. Pass its values",
        ),
        (
            {"season": 4},
            ValueError,
            "season=4 needs at least 5 training values; y_train has 4. Pass more .* or a shorter",
        ),
        (
            {"y_train": [[1.0, 2.0]]},
            ValueError,
            r"y_train has 2 dimensions; it must have one \(n_train,\). Pass one series",
        ),
        (
            {"y_train": [3.0, 3.0, 3.0]},
            ValueError,
            "y_train repeats itself exactly with season=1; .* no error .* Pass another season",
        ),
        (
            {"y_train": [1, 2, 1, 2], "season": 2},
            ValueError,
            "y_train repeats itself exactly with season=2; .* no error .* Pass another season",
        ),
        ({"season": 0}, ValueError, "season=0 is below 1; it must be a positive .* season=12"),
        ({"season": 1.0}, TypeError, "season=1.0 is a float; it must be a positive .* season=12"),
        ({"season": True}, TypeError, "season=True is a bool; it must be a positive .* season=12"),
        (
            {"y_true": ["a", "b"]},
            TypeError,
            "y_true holds text .*; real numbers are needed. Convert",
        ),
        (
            {"y_pred": [1j, 2j]},
            ValueError,
            "y_pred has dtype complex128; real numbers are needed. Pass",
        ),
    ],
)
def test_mase_bad_input_says_what_is_needed(changes, error, message):
    arguments = {"y_true": [1, 2], "y_pred": [1, 3], "y_train": [1, 2, 4, 8], "season": 1}
    with pytest.raises(error, match=message):
        mase(**(arguments | changes))


@pytest.mark.parametrize("name", ["y_true", "y_pred", "y_train"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_mase_value_not_finite_is_refused_by_name(name, value):
    arguments = {"y_true": [1, 2], "y_pred": [1, 3], "y_train": [1, 2]} | {name: [1, value]}
    cure = "Fill its gaps" if name == "y_train" else "Drop those steps from y_true and its"
    with pytest.raises(ValueError, match=f"{name} has NaN or infinite values; every .* {cure}"):
        mase(**arguments)


POINTS = [
    mae,
    rmse,
    smape,
    lambda *arrays: rmsse(*arrays, y_train=[1, 2, 4]),
    lambda *arrays: pinball(*arrays, quantile=0.5),
]


@pytest.mark.parametrize("metric", POINTS)
def test_bad_values_and_forecasts_say_what_is_needed(metric):
    with pytest.raises(ValueError, match=r"y_true has shape \(2,\) and y_pred \(2, 1\); they must"):
        metric([1, 2], [[1], [2]])
    with pytest.raises(ValueError, match="y_pred has NaN or infinite values; every .* Drop those"):
        metric([1, 2], [1, np.nan])
    with pytest.raises(ValueError, match="y_true is empty; it needs at least one value. Pass"):
        metric([], [])
    with pytest.raises(ValueError, match="y_true and y_pred have 3 dimensions; .* Reshape"):
        metric(np.ones((1, 1, 1)), np.ones((1, 1, 1)))
    with pytest.raises(TypeError, match="y_true holds text .*; real numbers are needed. Convert"):
        metric(["a"], [1])


@pytest.mark.parametrize("metric", [coverage, lambda *arrays: winkler(*arrays, level=80)])
def test_bad_intervals_say_what_is_needed(metric):
    with pytest.raises(ValueError, match=r"y_true has shape \(2,\) and upper \(1,\); they must be"):
        metric([1, 2], [0, 0], [3])
    with pytest.raises(ValueError, match="lower has NaN or infinite values; every .* Drop those"):
        metric([1, 2], [0, np.nan], [3, 3])
    with pytest.raises(ValueError, match="lower is above upper in 1 of 2 intervals; .* Swap"):
        metric([1, 2], [0, 4], [3, 3])
    with pytest.raises(
        ValueError, match="y_true and lower and upper have 0 dimensions; .* Reshape"
    ):
        metric(1.0, 0.0, 2.0)


@pytest.mark.parametrize("level", [0.8, 0, 100, -5, np.nan, True, "80", None])
def test_winkler_level_that_is_no_percentage_is_refused(level):
    with pytest.raises(ValueError, match="level=.*; a number of percent, at .* Pass level=80 for"):
        winkler([1], [0], [2], level=level)


@pytest.mark.parametrize("quantile", [0, 1, 90, -0.1, np.nan, True, "0.5", None])
def test_pinball_quantile_outside_0_and_1_is_refused(quantile):
    with pytest.raises(
        ValueError, match="quantile=.*; a number above 0 and below 1 is needed. Set"
    ):
        pinball([1], [0], quantile=quantile)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"season": 4}, ValueError, "season=4 needs at least 5 training values; y_train has 4"),
        ({"season": 0}, ValueError, "season=0 is below 1; it must be a positive .* season=12"),
        ({"season": 1.0}, TypeError, "season=1.0 is a float; it must be a positive .* season=12"),
        ({"y_train": [[1.0, 2.0]]}, ValueError, "y_train has 2 dimensions; it must have one"),
        ({"y_train": [3, 3, 3]}, ValueError, "y_train repeats itself exactly with season=1"),
        ({"y_train": [1, np.nan, 3]}, ValueError, "y_train has NaN or infinite .* Fill its gaps"),
    ],
)
def test_rmsse_bad_training_values_say_what_is_needed(changes, error, message):
    with pytest.raises(error, match=message):
        rmsse([1, 2], [1, 3], **({"y_train": [1, 2, 4, 8], "season": 1} | changes))
