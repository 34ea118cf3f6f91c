"""Whether a forecast is worth it: folds of one step each, whose errors are given."""

import numpy as np
import pandas as pd
import pytest

from seqforecast.reporting.verdict import against_naive, verdict


def folds(ours, naive):
    return pd.DataFrame(
        {
            "unique_id": "sold",
            "cutoff": range(len(ours)),
            "step": 1,
            "ds": range(1, len(ours) + 1),
            "y": 0.0,
            "y_hat": np.array(ours, dtype=float),
            "seasonal_naive": np.array(naive, dtype=float),
            "mase_scale": 1.0,
        }
    )


@pytest.mark.parametrize(
    ("ours", "naive", "said"),
    [
        ([1, 1, 1], [2, 2, 2], "Better than SEASON in 3 of 3 folds; the error is 50 % smaller."),
        ([1, 1, 3], [2, 2, 2], "Better than SEASON in 2 of 3 folds; the error is 16.7 % smaller."),
        ([3, 3, 1], [2, 2, 2], "better in 1 of 3 folds, the error is 16.7 % larger. Use that"),
        ([0, 2.1, 2.1], [2, 2, 2], "Not clear: the error is 30 % smaller than that of SEASON"),
        ([9, 1, 1], [2, 2, 2], "Not clear: the error is 83.3 % larger"),
        ([2, 2, 1.98], [2, 2, 2], "As good as SEASON"),
        ([0, 0], [0, 0], "Both are without any error"),
        ([1, 1], [0, 0], "Worse than SEASON: better in 0 of 2 folds, the error is larger."),
        ([1], [2], "in 1 of 1 fold;"),
    ],
)
def test_verdicts(ours, naive, said):
    assert said.replace("SEASON", "repeating the last season") in verdict(folds(ours, naive), 7)


def test_without_a_season_the_last_value_is_repeated():
    assert "repeating the last value" in verdict(folds([1], [2]), 1)


def test_what_cannot_be_measured_is_not_compared():
    assert verdict(folds([1], [np.nan]), 7).startswith("Not compared")


@pytest.mark.parametrize(
    ("ours", "naive", "said"),
    [
        (1.0, 2.0, "1, 50 % smaller than that of the seasonal naive (the value 7 steps before)"),
        (3.0, 2.0, "3, 50 % larger than that of the seasonal naive (the value 7 steps before)"),
        (2.001, 2.0, "2.001, as large as that of"),
        (1.0, 0.0, "1, cannot be compared that of"),
    ],
)
def test_errors_against_the_naive_forecast(ours, naive, said):
    assert against_naive(ours, naive, 7).startswith(said)
