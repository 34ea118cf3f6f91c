"""A weight is how often a window counts."""

import numpy as np
import pytest

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from tests.covering import covering

N = 20

# One batch holds all windows, so both sides see the same sums and differ by float32 rounding
# only, some 1e-7 a step. Training amplifies that: 1e-4 of the targets' spread is what may come
# of it in 20 steps.
STEPS = 20
TOLERANCE = 1e-4


def targets_of_rank(rank):
    """Return 20 windows of 6 steps with targets of one, two or three dimensions."""
    rng = np.random.default_rng(1)
    values = 50 + 5 * np.sin(np.arange(N + 8) / 2) + rng.standard_normal(N + 8)
    if rank == 1:
        return make_windows(values[:-2], window=6)
    X, y = make_windows(values, window=6, horizon=3, every_step=rank == 3)
    if rank == 3:
        y = y.copy()
        y[:, :2] = np.nan
        y[: N // 2, 2:5] = np.nan  # older windows know fewer targets: weights must not mind
    return X, y


def fitted(regressor, X, y, sample_weight=None, **params):
    params = {"hidden_size": 6, "batch_size": 32, "max_epochs": STEPS, "random_state": 0, **params}
    return regressor(**params).fit(X, y, sample_weight=sample_weight)


def assert_same_forecasts(a, b, X, y):
    np.testing.assert_allclose(a.predict(X), b.predict(X), rtol=0, atol=TOLERANCE * np.nanstd(y))


# SGD's step is as large as the gradient; Adam would hide a loss of another size.
@pytest.mark.parametrize(
    ("regressor", "rank", "scaling", "optimizer"),
    covering(
        [RNNRegressor, LSTMRegressor, GRURegressor],
        [1, 2, 3],
        ["standard", "window"],
        ["adam", "sgd"],
    ),
)
def test_sample_weight_two_equals_the_row_twice(regressor, scaling, rank, optimizer):
    X, y = targets_of_rank(rank)
    weight = np.where(np.arange(N) < N // 2, 1, 2)
    params = {"scaling": scaling, "optimizer": optimizer, "gradient_clipping": None}
    if optimizer == "sgd":
        params["lr"] = 0.02
    weighted = fitted(regressor, X, y, weight, **params)
    twice = fitted(regressor, np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0), **params)
    unweighted = fitted(regressor, X, y, **params)
    assert_same_forecasts(weighted, twice, X, y)
    # The weights matter, and far more than the tolerance.
    assert np.abs(weighted.predict(X) - unweighted.predict(X)).max() > 20 * TOLERANCE * np.nanstd(y)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("scaling", ["standard", "window"])
def test_sample_weight_zero_equals_the_row_left_out(regressor, scaling, rank):
    X, y = targets_of_rank(rank)
    keep = np.arange(N) % 3 > 0
    outliers = np.where(keep.reshape(-1, *[1] * (y.ndim - 1)), y, 1e4)
    weighted = fitted(regressor, X, outliers, keep.astype(float), scaling=scaling)
    without = fitted(regressor, X[keep], y[keep], scaling=scaling)
    assert_same_forecasts(weighted, without, X, y)
    assert_same_forecasts(weighted, without, X[~keep], y)


def test_sample_weight_times_a_constant_changes_nothing(regressor):
    X, y = targets_of_rank(1)
    weight = np.random.default_rng(2).uniform(0.5, 2, N)
    one, seven = (fitted(regressor, X, y, factor * weight) for factor in (1, 7))
    assert_same_forecasts(one, seven, X, y)


def test_sample_weight_of_ones_equals_none(regressor):
    X, y = targets_of_rank(2)
    assert_same_forecasts(fitted(regressor, X, y, np.ones(N)), fitted(regressor, X, y), X, y)


def test_sample_weight_in_partial_fit_equals_the_row_twice(regressor):
    X, y = targets_of_rank(1)
    weight = np.where(np.arange(N) < N // 2, 1, 2)
    weighted, twice = (regressor(hidden_size=6, random_state=0) for _ in range(2))
    for _ in range(5):
        weighted.partial_fit(X, y, sample_weight=weight)
        twice.partial_fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert_same_forecasts(weighted, twice, X, y)


def test_sample_weight_in_score_is_r2s():
    X, y = targets_of_rank(1)
    model = fitted(LSTMRegressor, X, y)
    weight = np.arange(N, dtype=float)
    mean = np.average(y, weights=weight)
    error = (weight * (y - model.predict(X)) ** 2).sum()
    # Two orders of summation in float64.
    expected = pytest.approx(1 - error / (weight * (y - mean) ** 2).sum(), rel=1e-9)
    assert model.score(X, y, sample_weight=weight) == expected


def test_sample_weight_where_no_target_is_known_raises():
    X, y = targets_of_rank(3)
    y[1:] = np.nan
    with pytest.raises(ValueError, match="sample_weight is above 0 is NaN at every step"):
        fitted(LSTMRegressor, X, y, np.arange(N))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.where(np.arange(N) == 3, -0.5, 1), "between -0.5 and 1; weights of at least 0"),
        # scikit-learn has words of its own for this from 1.9 on.
        (np.zeros(N), "not all of them 0, are needed|must contain at least one non-zero number"),
        (np.ones(N - 1), r"sample_weight has shape \(19,\); \(20,\) is needed"),
        (np.ones((N, 2)), r"shape \(20, 2\); \(20,\) is needed"),
        (np.where(np.arange(N) == 3, np.nan, 1), "Input sample_weight contains NaN"),
        (np.where(np.arange(N) == 3, np.inf, 1), "Input sample_weight contains infinity"),
    ],
    ids=["negative", "all zero", "too short", "two columns", "NaN", "infinity"],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_sample_weight_unusable_raises_and_keeps_the_fit(method, weight, message):
    X, y = targets_of_rank(1)
    model = fitted(LSTMRegressor, X, y, max_epochs=1)
    before = model.predict(X)
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(X, y, sample_weight=weight)
    np.testing.assert_array_equal(model.predict(X), before)
