"""A twin of all that is rolling, straight from the formulas; small panels, and models of them."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin

from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.data.time_grid import TimeGrid
from seqforecast.forecasting.model.series_model import SeriesModel


class Loops:
    """What the history says at step t of one series, whose values are filled and in its units.

    Of `n_real` values, the first ones, the padding is made; the others are forecasts.
    """

    def __init__(self, values, lookback, *, n_real=None):
        self.values = [float(value) for value in values]
        self.n_real = len(self.values) if n_real is None else n_real
        self.lookback = lookback
        self.seasons = lookback.seasons
        self.start = -(lookback.reach + lookback.window - 1)
        self.n_profiles = 3 if self.seasons[-1] < 100 else 2
        self._smoothed = {}

    def value(self, t):
        fitting = [m for m in self.seasons if m <= self.n_real]
        return self.values[t if t >= 0 else t % max(fitting, default=1)]

    def level(self, t, m):
        return math.fsum(self.value(t - i) for i in range(m)) / m

    def smoothed_change(self, t, m, weight):
        if (m, weight) not in self._smoothed:
            mean, means = 0.0, []
            for u in range(self.start, len(self.values)):
                change = self.value(u) - self.value(u - m) if u - m >= self.start else 0.0
                mean += weight * (change - mean)
                means.append(mean)
            self._smoothed[m, weight] = means
        return self._smoothed[m, weight][t - self.start]

    def seasonally_adjusted(self, t, m):
        if m == 1:
            return self.value(t)
        before = [t - m * k for k in range(1, self.n_profiles + 1)]
        known = [u for u in before if u - m + 1 >= self.start]  # where a season lies behind
        above = math.fsum(self.value(u) - self.level(u, m) for u in known)
        return self.value(t) - above / self.n_profiles

    def smoothed_adjusted(self, t, m, weight):
        if ("adjusted", m, weight) not in self._smoothed:
            total, weights, means = 0.0, 0.0, []
            for u in range(self.start, len(self.values)):
                total = (1 - weight) * total + self.seasonally_adjusted(u, m)
                weights = (1 - weight) * weights + 1
                means.append(total / weights)
            self._smoothed["adjusted", m, weight] = means
        return self._smoothed["adjusted", m, weight][t - self.start]

    def drift(self, t):
        m = self.seasons[-1]
        first = self.values[: min(m, self.n_real)]
        steps = (t - (m - 1) / 2) - (m - 1) / 2  # between the middles of two seasons
        if t < 0 or steps < m:
            return 0.0
        return (self.level(t, m) - math.fsum(first) / len(first)) / steps

    def levels(self, t):
        shortest, longest = self.seasons[0], self.seasons[-1]
        level = self.level(t, longest)
        found = [self.level(t, shortest) - level] if shortest < longest else []
        for m in sorted({shortest, longest}):
            own = self.level(t, m)
            for weight in (1.0, 0.5, 0.3, 0.1):
                change = self.smoothed_change(t, m, weight)
                found.append(change - (own - self.level(t - m, m)) + own - level)
            for weight in (1.0, 0.5, 0.3, 0.1):
                found.append(self.smoothed_adjusted(t, m, weight) - level)
        four = 4 * shortest
        found.append(self.level(t, four) - level if t + 1 >= four else 0.0)
        every = math.fsum(self.values[: t + 1]) / max(t + 1, 1)
        found.append(every - level if t + 1 >= longest else 0.0)
        found.append(level - self.level(t - longest, longest))
        return found

    def profile(self, t, step, m, k):
        return self.value(t + step - m * math.ceil(step / m) - m * k) - self.level(t - m * k, m)

    def parts(self, t, step):
        lengths = [m for m in self.seasons if m > 1]
        profiles = [self.profile(t, step, m, k) for m in lengths for k in range(self.n_profiles)]
        from_middle = step + (self.seasons[-1] - 1) / 2
        return [*profiles, *self.levels(t), self.drift(t) * from_middle]


@pytest.fixture(scope="session")
def loops():
    return Loops


@pytest.fixture(scope="session")
def make_panel():
    """Return a function: series, and features by row or series, to a panel of integer times."""

    def make(series, *, first=None, past=None, future=None, static=None, index=None):
        lengths = [len(values) for values in series]
        n, offsets = len(series), np.concatenate([[0], np.cumsum(lengths)])
        past = np.empty((offsets[-1], 0)) if past is None else np.concatenate(past)
        future = np.empty((offsets[-1], 0)) if future is None else np.concatenate(future)
        static = np.empty((n, 0)) if static is None else np.asarray(static, dtype=float)
        return Panel(
            ids=pd.Index([f"s{i}" for i in range(n)]),
            offsets=offsets.astype(np.int64),
            values=np.concatenate(series).astype(float),
            first=np.zeros(n, np.int64) if first is None else np.asarray(first),
            past=past,
            future=future,
            static=static,
            past_names=tuple(f"past{i}" for i in range(past.shape[1])),
            future_names=tuple(f"promo{i}" for i in range(future.shape[1])),
            static_names=tuple(f"static{i}" for i in range(static.shape[1])),
            grid=TimeGrid.infer(pd.RangeIndex(10_000) if index is None else index),
        )

    return make


class _Echo(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Answers with a fixed function of every value it is given; remembers what it was fitted to.

    Parameters
    ----------
    gain : float
        Its size; 0 leaves the baseline alone.
    windows : bool
        Whether it reads windows.
    early_stopping, validation_fraction
        As in the regressors.
    """

    def __init__(self, gain=0.5, windows=False, early_stopping=False, validation_fraction=0.1):
        self.gain = gain
        self.windows = windows
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = self.windows
        return tags

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        self.X_, self.y_, self.weight_, self.X_val_, self.y_val_ = X, y, sample_weight, X_val, y_val
        self.passes_ = 0
        return self

    def partial_fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weight_ = X, y, sample_weight
        self.passes_ += 1
        return self

    def predict(self, X):
        rows = X.reshape(len(X), -1).astype(float)
        rng = np.random.default_rng(rows.shape[1])
        horizon = self.y_.shape[-1] if self.y_.ndim > 1 else 1
        mix = rng.standard_normal((rows.shape[1], horizon)) / rows.shape[1]
        return self.gain * np.tanh(rows @ mix + 0.1)


def _new_model(regressor=None, **given):
    parameters = {
        "window": 5,
        "horizon": 3,
        "season": 4,
        "transform": None,
        "baseline": "linear",
        **given,
    }
    return SeriesModel(regressor or _Echo(), **parameters)


def _some_series(lengths, seed=0, *, positive=False):
    rng = np.random.default_rng(seed)
    series = [
        np.sin(2 * np.pi * np.arange(n) / 4) + 0.3 * rng.standard_normal(n).cumsum()
        for n in lengths
    ]
    return [np.exp(one) for one in series] if positive else series


def _with_gaps(series, seed=0, share=0.15):
    rng = np.random.default_rng(seed)
    gaps = []
    for one in series:
        one = one.copy()
        one[1:][rng.random(len(one) - 1) < share] = np.nan
        gaps.append(one)
    return gaps


@pytest.fixture(scope="session", name="Echo")
def echo_fixture():
    return _Echo


@pytest.fixture(scope="session", name="new_model")
def new_model_fixture():
    return _new_model


@pytest.fixture(scope="session", name="some_series")
def some_series_fixture():
    return _some_series


@pytest.fixture(scope="session", name="with_gaps")
def with_gaps_fixture():
    return _with_gaps
