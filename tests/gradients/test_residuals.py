"""Residuals that still know the past: `missed_lag` against a twin, planted lags, silence else."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import stats

from seqforecast.gradients.residuals import MissedLag, missed_lag


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def scores(column):
    """Normal scores of the ranks; equal values share a rank."""
    return stats.norm.ppf((stats.rankdata(column) - 0.5) / len(column))


def left_over(near, column):
    return column - near @ np.linalg.lstsq(near, column, rcond=None)[0]


def twin(windows, residuals, memory):
    """Return the partial correlations by (lag, channel, output), one least squares at a time."""
    n, window, n_channels = windows.shape
    near = [np.ones(n)]
    for lag in range(memory):
        near += [scores(windows[:, window - 1 - lag, channel]) for channel in range(n_channels)]
    near = np.column_stack(near)
    found = {}
    for lag in range(memory, window):
        for channel in range(n_channels):
            past = left_over(near, scores(windows[:, window - 1 - lag, channel]))
            for output in range(residuals.shape[1]):
                rest = left_over(near, scores(residuals[:, output]))
                found[lag, channel, output] = past @ rest / np.sqrt(past @ past * (rest @ rest))
    return found


def chance(n, memory, n_channels, n_tests):
    return stats.norm.ppf(1 - 0.05 / (2 * n_tests)) / np.sqrt(n - memory * n_channels - 1)


def autoregression(coefficient, noise):
    series = np.array(noise)
    for t in range(1, len(series)):
        series[t] += coefficient * series[t - 1]
    return series


# Against the twin ---------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [0, 1, 4, 6])
@pytest.mark.parametrize(("n_channels", "n_outputs"), [(1, 1), (2, 3)])
def test_equals_ranks_scores_and_least_squares_in_loops(memory, n_channels, n_outputs):
    steps = autoregression(0.8, normal(150, n_channels))
    windows = sliding_window_view(steps, 7, axis=0).swapaxes(1, 2)
    residuals = np.exp(normal(len(windows), n_outputs, seed=1))
    residuals[:, 0] += windows[:, 0, -1] ** 3
    expected = twin(windows, residuals, memory)
    found = missed_lag(windows, residuals, memory)
    place = max(expected, key=lambda key: abs(expected[key]))
    assert (found.lag, found.channel, found.output) == place
    assert found.correlation == pytest.approx(expected[place], abs=1e-9)
    level = chance(len(windows), memory, n_channels, len(expected))
    assert found.chance == pytest.approx(level, rel=1e-9)
    assert found.n_windows == len(windows) == 144


def test_equal_values_share_a_score_as_in_the_twin():
    windows = np.round(normal(200, 5, 1))
    residuals = np.sign(normal(200, 1, seed=1)) + windows[:, 0]
    expected = twin(windows, residuals, 2)
    found = missed_lag(windows, residuals, 2)
    assert found.lag == 4
    assert found.correlation == pytest.approx(expected[4, 0, 0], abs=1e-9)


@pytest.mark.parametrize(
    ("channel", "output", "lag", "sign"), [(0, 0, 9, 1), (2, 1, 5, -1), (1, 2, 3, 1)]
)
def test_planted_lag_is_found_with_channel_output_and_sign(channel, output, lag, sign):
    windows, residuals = normal(400, 10, 3), normal(400, 4, seed=1)
    residuals[:, output] += sign * 0.6 * windows[:, 9 - lag, channel]
    found = missed_lag(windows, residuals, 3)
    assert (found.lag, found.channel, found.output) == (lag, channel, output)
    assert np.sign(found.correlation) == sign
    assert 0.4 < abs(found.correlation) < 0.65  # 0.6 / sqrt(1 + 0.36) = 0.51
    assert found.is_evidence


def test_planted_lag_within_the_memory_is_not_looked_at():
    windows, residuals = normal(400, 10, 1), normal(400, 1, seed=2)
    residuals[:, 0] += 3 * windows[:, 9 - 4, 0]
    assert missed_lag(windows, residuals, 4).lag == 4
    assert not missed_lag(windows, residuals, 5).is_evidence


# What must not count ------------------------------------------------------------------------------


def test_echo_of_a_near_lag_does_not_count():
    series = autoregression(0.9, normal(1000))
    windows = sliding_window_view(series, 12)[:-1, :, None]
    residuals = (
        normal(len(windows), 1, seed=1) - 0.5 * windows[:, -1]
    )  # a coefficient 0.5 too large
    plain = np.corrcoef(windows[:, -3, 0], residuals[:, 0])[0, 1]
    assert abs(plain) > 0.5
    assert missed_lag(windows, residuals, 0).is_evidence  # nothing was taken out
    assert not missed_lag(windows, residuals, 1).is_evidence


def test_outliers_do_not_decide():
    windows, residuals = normal(300, 8, 1), normal(300, 1, seed=1)
    windows[7, 1], residuals[7] = 1e9, 1e9
    assert np.corrcoef(windows[:, 1, 0], residuals[:, 0])[0, 1] > 0.99
    assert not missed_lag(windows, residuals, 2).is_evidence


def test_outliers_do_not_hide_a_planted_lag():
    windows, residuals = normal(300, 8, 1), normal(300, 1, seed=1)
    residuals[:, 0] += windows[:, 1, 0]
    windows[7, 1], residuals[7] = 1e9, -1e9
    assert np.corrcoef(windows[:, 1, 0], residuals[:, 0])[0, 1] < 0
    found = missed_lag(windows, residuals, 2)
    assert found.lag == 6
    assert found.correlation > 0.5


@pytest.mark.parametrize("where", ["far", "near", "residuals", "everything"])
def test_constant_columns_say_nothing(where):
    windows, residuals = normal(100, 6, 2), normal(100, 1, seed=1)
    parts = {"far": windows[:, :3, 1], "near": windows[:, 3:, 1], "residuals": residuals}
    for part in parts.values() if where == "everything" else [parts[where]]:
        part[:] = 5.0
    if where == "everything":
        windows[:] = 5.0
    found = missed_lag(windows, residuals, 3)
    assert np.isfinite(found.correlation)
    assert not found.is_evidence
    if where in ("residuals", "everything"):
        assert found.correlation == 0


def test_far_input_that_repeats_a_near_one_says_nothing():
    windows = normal(200, 6, 1)
    windows[:, 0] = windows[:, -1]
    residuals = windows[:, -1] + 0.1 * normal(200, 1, seed=1)
    found = missed_lag(windows, residuals, 1)
    assert found.lag != 5
    assert not found.is_evidence


def test_near_inputs_that_depend_on_each_other_are_taken_out_once():
    windows, residuals = normal(200, 6, 1), normal(200, 1, seed=1)
    windows[:, 4] = windows[:, 5]
    expected = twin(windows, residuals, 2)
    found = missed_lag(windows, residuals, 2)
    assert found.correlation == pytest.approx(expected[found.lag, 0, 0], abs=1e-9)


# When nothing can be said -------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [6, 7, 100])
def test_memory_of_the_whole_window_leaves_nothing_to_miss(memory):
    assert missed_lag(normal(500, 6, 1), normal(500, 1), memory) is None


@pytest.mark.parametrize(("memory", "n_channels"), [(0, 1), (5, 1), (5, 3)])
def test_thirty_windows_beyond_the_near_inputs_are_the_fewest(memory, n_channels):
    enough = 30 + memory * n_channels + 1
    windows, residuals = normal(enough, 6, n_channels), normal(enough, 1, seed=1)
    assert missed_lag(windows, residuals, memory).n_windows == enough
    assert missed_lag(windows[:-1], residuals[:-1], memory) is None


def test_one_window_and_none_give_none():
    for n in (0, 1):
        assert missed_lag(np.zeros((n, 6, 1)), np.zeros((n, 1)), 2) is None


# The level ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("coefficient", [0.0, 0.8], ids=["white noise", "AR(1)"])
@pytest.mark.parametrize("n", [120, 400])
def test_false_alarms_stay_within_the_level(coefficient, n):
    alarms = 0
    for seed in range(200):
        series = autoregression(coefficient, normal(n + 11, seed=seed))
        windows = sliding_window_view(series, 12)[:, :, None]
        found = missed_lag(windows, normal(n, 2, seed=10_000 + seed), 4)
        alarms += abs(found.correlation) > found.chance
    assert alarms <= 200 * (0.05 + 3 * np.sqrt(0.05 * 0.95 / 200))  # 19


def test_level_of_a_single_correlation_is_nearly_exact():
    alarms, n_draws = 0, 3000
    for seed in range(n_draws):
        draw = normal(80, 5, seed=seed)
        found = missed_lag(draw[:, :4, None], draw[:, 4:], 3)
        alarms += abs(found.correlation) > found.chance
    # 5 % within three standard errors, 1.2 %
    assert alarms / n_draws == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize(
    ("correlation", "chance", "threshold", "is_evidence"),
    [
        (0.31, 0.3, 0.3, True),
        (-0.31, 0.3, 0.3, True),
        (0.3, 0.3, 0.3, False),
        (0.09, 0.01, 0.1, False),  # real, perhaps, but less than 1 % of the variance
        (-0.11, 0.01, 0.1, True),
    ],
)
def test_evidence_is_beyond_chance_and_beyond_a_tenth(correlation, chance, threshold, is_evidence):
    missed = MissedLag(3, 0, 0, correlation, chance, n_windows=500)
    assert missed.threshold == threshold
    assert missed.is_evidence is is_evidence


def test_nothing_given_is_changed():
    windows, residuals = normal(100, 6, 2), normal(100, 1, seed=1)
    before = windows.copy(), residuals.copy()
    first = missed_lag(windows, residuals, 2)
    windows.setflags(write=False)
    residuals.setflags(write=False)
    assert missed_lag(windows, residuals, 2) == first
    np.testing.assert_array_equal(windows, before[0])
    np.testing.assert_array_equal(residuals, before[1])
