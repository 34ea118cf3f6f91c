"""What a regressor is handed, and how its forecasts are taken back."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, SGDRegressor
from sklearn.utils.validation import has_fit_parameter

from seqforecast import GRURegressor
from seqforecast.forecasting.model.regressor_adapter import (
    RegressorAdapter,
    TrainingRows,
    as_windows,
    reads_windows,
    validates,
)

BOOSTING_VALIDATES = has_fit_parameter(HistGradientBoostingRegressor(), "X_val")
"""From scikit-learn 1.7 on."""


class OneOutput(RegressorMixin, BaseEstimator):
    """Remembers what it is given; forecasts the mean of its targets."""

    def fit(self, X, y):
        self.X_, self.y_, self.passes_ = X, y, 0
        self.mean_ = np.mean(y, axis=0)
        return self

    def partial_fit(self, X, y):
        self.X_, self.y_ = X, y
        self.passes_ += 1
        return self

    def predict(self, X):
        self.asked_ = X
        return np.repeat(self.mean_[np.newaxis], len(X), axis=0)


class AllOutputs(MultiOutputMixin, OneOutput):
    def fit(self, X, y, sample_weight=None):
        self.weight_ = sample_weight
        return super().fit(X, y)

    def partial_fit(self, X, y, sample_weight=None):
        self.weight_ = sample_weight
        return super().partial_fit(X, y)


class Windows(RegressorMixin, BaseEstimator):
    def __init__(self, early_stopping=False, validation_fraction=0.1):
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        self.X_, self.y_, self.weight_, self.X_val_, self.y_val_ = X, y, sample_weight, X_val, y_val
        return self

    def predict(self, X):
        self.asked_ = X
        return X[:, -1, :2]


class WindowsWithoutWeights(Windows):
    def fit(self, X, y):
        return self


class Flat(MultiOutputMixin, Windows):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = False
        return tags


def some_rows(seed=0, n=20, horizon=3, width=5, weight=True, missing=0.2):
    rng = np.random.default_rng(seed)
    targets = rng.standard_normal((n, horizon)).astype(np.float32)
    targets[rng.random(targets.shape) < missing] = np.nan
    targets[0] = 1.0
    rows = rng.standard_normal((n, width)).astype(np.float32)
    return TrainingRows(rows, targets, np.arange(1.0, n + 1) if weight else None)


@pytest.mark.parametrize("window", [1, 4, 20])
def test_windows_are_a_view(window):
    rows = np.arange(60.0, dtype=np.float32).reshape(20, 3)
    windows = as_windows(rows, window)
    assert np.shares_memory(windows, rows)
    assert windows.shape == (21 - window, window, 3)
    for k in range(len(windows)):
        np.testing.assert_array_equal(windows[k], rows[k : k + window])


def test_a_regressor_that_reads_windows_is_given_views_and_all_targets():
    train, valid = some_rows(), some_rows(1, n=9)
    adapter = RegressorAdapter(Windows(), 4).fit(train, valid)
    fitted = adapter.fitted
    assert adapter.by_step is None
    assert fitted is not adapter.regressor
    for X, y, rows in (
        (fitted.X_, fitted.y_, train),
        (fitted.X_val_, fitted.y_val_, valid),
    ):
        assert np.shares_memory(X, rows.rows)
        assert np.shares_memory(y, rows.targets)
        n = len(rows.rows) - 3
        assert X.shape == (n, 4, 5)
        for k in range(n):
            np.testing.assert_array_equal(X[k], rows.rows[k : k + 4])
            np.testing.assert_array_equal(y[k], rows.targets[k : k + 4])
    assert fitted.weight_.tolist() == list(range(1, 18))
    seen = np.random.default_rng(2).standard_normal((6, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(adapter.predict(seen), seen[:, -1, :2])
    assert adapter.predict(seen).dtype == np.float64
    np.testing.assert_array_equal(fitted.asked_, seen)


def test_flat_rows_of_all_steps_leave_unknown_targets_out():
    train = some_rows(n=300, missing=0.01)
    adapter = RegressorAdapter(AllOutputs(), 4).fit(train, None)
    fitted, known = adapter.fitted, ~np.isnan(train.targets).any(axis=1)
    assert adapter.by_step is None
    np.testing.assert_array_equal(fitted.X_, train.rows[known])
    np.testing.assert_array_equal(fitted.y_, train.targets[known])
    assert fitted.weight_ is None  # weights are for windows
    seen = np.random.default_rng(2).standard_normal((6, 1, 5)).astype(np.float32)
    found = adapter.predict(seen)
    np.testing.assert_allclose(found, [train.targets[known].mean(axis=0)] * 6, rtol=1e-6)
    np.testing.assert_array_equal(fitted.asked_, seen[:, -1])
    assert found.dtype == np.float64


def test_many_missing_targets_make_a_copy_a_step():
    train = some_rows()
    each = RegressorAdapter(AllOutputs(), 4).fit(train, None).by_step
    assert [len(one.X_) for one in each] == (~np.isnan(train.targets)).sum(axis=0).tolist()
    beyond_the_end = some_rows(missing=0)
    beyond_the_end.targets[-10:, 1:] = np.nan
    assert RegressorAdapter(AllOutputs(), 4).fit(beyond_the_end, None).by_step is None


def test_a_regressor_of_one_output_is_copied_for_each_step():
    train = some_rows()
    adapter = RegressorAdapter(OneOutput(), 4).fit(train, None)
    assert len(adapter.by_step) == 3
    assert adapter.fitted is adapter.by_step[0]
    for k, one in enumerate(adapter.by_step):
        known = ~np.isnan(train.targets[:, k])  # of its own step alone
        np.testing.assert_array_equal(one.X_, train.rows[known])
        np.testing.assert_array_equal(one.y_, train.targets[known, k])
        assert one.y_.ndim == 1
    seen = np.zeros((4, 1, 5), np.float32)
    expected = [one.mean_ for one in adapter.by_step]
    np.testing.assert_allclose(adapter.predict(seen), [expected] * 4)


@pytest.mark.parametrize("regressor", [OneOutput(), AllOutputs(), LinearRegression()])
def test_one_step_needs_one_regressor_and_a_target_of_one_dimension(regressor):
    train = some_rows(horizon=1)
    adapter = RegressorAdapter(regressor, 2).fit(train, None)
    assert adapter.by_step is None
    assert adapter.predict(np.zeros((4, 1, 5), np.float32)).shape == (4, 1)
    if hasattr(adapter.fitted, "y_"):
        assert adapter.fitted.y_.ndim == 1


def test_copies_for_the_steps_are_those_fitted_alone():
    train = some_rows(weight=False, n=60)
    adapter = RegressorAdapter(HistGradientBoostingRegressor(max_iter=5), 2).fit(train, None)
    seen = train.rows[:7, np.newaxis]
    for k in range(3):
        known = ~np.isnan(train.targets[:, k])
        alone = HistGradientBoostingRegressor(max_iter=5)
        alone.fit(train.rows[known], train.targets[known, k])
        np.testing.assert_allclose(
            adapter.predict(seen)[:, k], alone.predict(train.rows[:7]), rtol=1e-6, atol=1e-8
        )


def test_weights_and_validation_go_where_fit_takes_them():
    train, valid = some_rows(), some_rows(1, n=9)
    RegressorAdapter(OneOutput(), 4).fit(train, None)  # takes no weights
    RegressorAdapter(WindowsWithoutWeights(), 4).fit(train, None)
    assert RegressorAdapter(Windows(), 4).fit(train, None).fitted.weight_ is not None
    assert RegressorAdapter(Windows(), 4).fit(some_rows(weight=False), None).fitted.weight_ is None
    assert RegressorAdapter(Windows(), 4).fit(train, None).fitted.X_val_ is None
    assert RegressorAdapter(Windows(), 4).fit(train, valid).fitted.y_val_.shape == (6, 4, 3)


def test_validation_of_flat_rows_without_a_target_is_left_out():
    train, valid = some_rows(missing=0), some_rows(1, n=9)
    for targets in (valid.targets, np.full_like(valid.targets, np.nan)):
        given = TrainingRows(valid.rows, targets, None)
        fitted = RegressorAdapter(Flat(), 4).fit(train, given).fitted
        known = ~np.isnan(targets).any(axis=1)
        if not known.any():
            assert fitted.X_val_ is None
        else:
            np.testing.assert_array_equal(fitted.X_val_, valid.rows[known])
            np.testing.assert_array_equal(fitted.y_val_, targets[known])


@pytest.mark.parametrize("regressor", [OneOutput(), AllOutputs(), Windows()])
def test_nothing_to_learn_from_is_refused(regressor):
    train = some_rows()
    nothing = TrainingRows(train.rows, np.full_like(train.targets, np.nan), None)
    with pytest.raises(ValueError, match="no cutoff of the training part .* is needed. Fill"):
        RegressorAdapter(regressor, 4).fit(nothing, None)


def test_partial_fit_trains_every_copy_on():
    train, later = some_rows(missing=0), some_rows(5, n=8)
    one = RegressorAdapter(AllOutputs(), 4).fit(train, None)
    one.partial_fit(later, 3)
    known = ~np.isnan(later.targets).any(axis=1)
    assert one.fitted.passes_ == 3
    np.testing.assert_array_equal(one.fitted.X_, later.rows[known])
    assert one.fitted.weight_ is None
    each = RegressorAdapter(OneOutput(), 4).fit(train, None)
    each.partial_fit(later, 2)
    for k, copied in enumerate(each.by_step):
        assert copied.passes_ == 2
        known = ~np.isnan(later.targets[:, k])
        np.testing.assert_array_equal(copied.y_, later.targets[known, k])


def test_who_reads_windows():
    assert reads_windows(GRURegressor())
    assert reads_windows(Windows())
    assert not reads_windows(LinearRegression())
    assert not reads_windows(HistGradientBoostingRegressor())


@pytest.mark.parametrize(
    ("regressor", "n_cutoffs", "expected"),
    [
        (LinearRegression(), 10_000, 0.0),
        (SGDRegressor(early_stopping=True), 10_000, 0.0),  # takes no X_val: splits by itself
        (DummyRegressor(), 10_000, 0.0),
        # "auto" is for more than 10,000 rows, and these are the rows that it is handed.
        (HistGradientBoostingRegressor(), 5_000, 0.0),
        (HistGradientBoostingRegressor(), 11_000, 0.0),
        (HistGradientBoostingRegressor(), 11_200, 0.1 * BOOSTING_VALIDATES),
        (
            HistGradientBoostingRegressor(early_stopping=True, validation_fraction=0.3),
            90,
            0.3 * BOOSTING_VALIDATES,
        ),
        (Windows(False), 10_000, 0.0),
        (Windows(True), 10, 0.1),
        (Windows(True, 0.25), 10, 0.25),
        (Windows("auto", 0.25), 499, 0.0),
        (Windows("auto", 0.25), 500, 0.25),
        (Windows(True, None), 10, 0.1),
        (Windows(True, 0.0), 10, 0.1),
        (Windows(True, 1.0), 10, 0.1),
        (Windows(True, 30), 10, 0.1),
        (GRURegressor(), 499, 0.0),
        (GRURegressor(validation_fraction=0.2), 500, 0.2),
        (GRURegressor(early_stopping=False), 500, 0.0),
    ],
)
def test_the_share_that_validates(regressor, n_cutoffs, expected):
    assert validates(regressor, n_cutoffs) == expected


def test_partial_fit_needs_a_target():
    later = some_rows(5, n=8, missing=0)
    later.targets[:, 1:] = np.nan  # but for the first step, nothing is known yet
    each = RegressorAdapter(OneOutput(), 4).fit(some_rows(missing=0), None)
    each.partial_fit(later, 2)
    assert [one.passes_ for one in each.by_step] == [2, 0, 0]
    whole = RegressorAdapter(AllOutputs(), 4).fit(some_rows(missing=0), None)
    with pytest.raises(ValueError, match="no 3 known values in a row, .* Pass more"):
        whole.partial_fit(later, 2)
    assert whole.fitted.passes_ == 0
