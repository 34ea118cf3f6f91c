"""Metrics against answers worked by hand and a plain loop."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast.metrics import mase


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


@settings(max_examples=100, deadline=None)
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
            "y_true has dtype <U1; its values must be real numbers. Convert",
        ),
        (
            {"y_pred": [1j, 2j]},
            TypeError,
            "y_pred has dtype complex128; its values must be real numbers. Convert",
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
    with pytest.raises(ValueError, match=f"{name} has NaN or infinite values; every .* Drop those"):
        mase(**arguments)
