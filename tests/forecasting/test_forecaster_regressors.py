"""What passes between forecaster and regressor, and that every kind of regressor forecasts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, RNNRegressor

RECURRENT = {"hidden_size": 6, "max_epochs": 5, "observe": "off", "random_state": 0}
REGRESSORS = [
    LSTMRegressor(**RECURRENT),
    GRURegressor(**RECURRENT),
    RNNRegressor(**RECURRENT),
    HistGradientBoostingRegressor(max_iter=5, random_state=0),
    Ridge(),
    RandomForestRegressor(5, random_state=0),
    MLPRegressor(hidden_layer_sizes=(5,), max_iter=300, tol=0.01, random_state=0),
    make_pipeline(StandardScaler(), Ridge()),
    MultiOutputRegressor(Ridge()),
]


def wave(n, *, seed=0, level=100.0):
    t = np.arange(n)
    noise = np.random.default_rng(seed).standard_normal(n)
    return level * (1 + 0.3 * np.sin(t * np.pi / 6)) + noise


@pytest.mark.parametrize("regressor", REGRESSORS, ids=lambda regressor: type(regressor).__name__)
@pytest.mark.parametrize("baseline", ["linear", None])
def test_every_regressor_beats_the_mean_of_the_past(regressor, baseline):
    wide = pd.DataFrame({"a": wave(84), "b": wave(84, seed=1, level=30.0)})
    known, ahead = wide[:72], wide[72:]
    model = Forecaster(regressor, window=12, horizon=6, season=12, baseline=baseline).fit(known)
    forecast = model.predict(12)
    error = np.abs(forecast - ahead).mean()
    # Without a baseline five epochs have hardly begun to learn the wave.
    share = 1.0 if baseline is None else 0.5
    assert (error < share * np.abs(known.mean() - ahead).mean()).all()
    assert (model.predict(12, level=80).notna()).all(axis=None)


# ------------------------------------------------------------------------------- the protocol

SEEN = []


class Recorder(RegressorMixin, BaseEstimator):
    """Notes what it is given, and forecasts a constant."""

    def __init__(self, windows=False, multi=True, early_stopping=False, validation_fraction=0.1):
        self.windows = windows
        self.multi = multi
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = self.windows
        tags.target_tags.multi_output = self.multi
        return tags

    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        self.given_ = {"X": X, "y": y, "weight": sample_weight, "X_val": X_val, "y_val": y_val}
        self.given_ = {k: None if v is None else np.array(v) for k, v in self.given_.items()}
        self.width_ = self.given_["y"].shape[-1] if self.given_["y"].ndim > 1 else None
        return self

    def predict(self, X):
        self.asked_ = np.array(X)
        return np.zeros(len(X) if self.width_ is None else (len(X), self.width_))


class Plain(Recorder):
    """Takes neither weights nor validation rows."""

    def fit(self, X, y):
        return super().fit(X, y)


def panel(lengths=(60, 40), begins=(0, 20)):
    """The future feature is the time, the static one tells the series: rows can be read back."""
    parts = [
        pd.DataFrame(
            {
                "unique_id": f"s{k}",
                "ds": np.arange(begin, begin + n),
                "y": wave(n, seed=k, level=20.0 * (k + 1)),
                "time": np.arange(begin, begin + n) / 100.0,
                "which": float(k),
            }
        )
        for k, (n, begin) in enumerate(zip(lengths, begins, strict=True))
    ]
    return pd.concat(parts, ignore_index=True)


def given(frame, regressor, **params):
    settings = {"window": 4, "horizon": 3, "season": None, "past": ["time"], "static": ["which"]}
    model = Forecaster(regressor, **settings | params).fit(frame)
    return model, model.regressor_.given_ if not isinstance(model.regressor_, list) else None


def read_back(frame, model, rows):
    """Return time and series of each row, from its features."""
    names = model.row_names_
    time = rows[..., names.index("time@lag0")].astype(float)
    which = rows[..., names.index("which")].astype(float)
    time = np.rint(100 * (time * frame["time"].std(ddof=0) + frame["time"].mean()))
    per_series = frame["which"].drop_duplicates()
    which = np.rint(which * per_series.std(ddof=0) + per_series.mean())
    return time.astype(int), which.astype(int)


def truth(frame, time, which, baseline_last):
    """Return the next three values of a series less its last one, NaN beyond its end."""
    values = frame[frame["which"] == which].set_index("ds")["y"]
    steps = values.reindex(time + np.arange(1, 4)).to_numpy()
    return steps - values[time] if baseline_last else steps


def test_flat_rows_hold_what_their_names_say_and_the_targets_what_came():
    frame = panel()
    model, seen = given(frame, Recorder(), baseline="last", transform=None)
    X, y = seen["X"], seen["y"]
    assert X.shape == (len(y), len(model.row_names_))
    assert np.isfinite(X).all()
    assert np.isfinite(y).all()
    times, series = read_back(frame, model, X)
    assert set(series) == {0, 1}
    for k in (0, 1):
        mine = series == k
        ends = frame[frame["which"] == k]["ds"]
        assert times[mine].max() == ends.max() - 3  # the last cutoff with three known steps
        assert (np.diff(times[mine]) == 1).all()
        expected = np.array([truth(frame, t, k, True) for t in times[mine]])
        unit = np.abs(np.diff(frame[frame["which"] == k]["y"])).mean()
        np.testing.assert_allclose(y[mine], expected / unit, rtol=1e-4, atol=1e-4)  # float32
        values = frame[frame["which"] == k].set_index("ds")["y"]
        for name, column in zip(model.row_names_, X[mine].T, strict=True):
            if name.startswith("y@lag"):
                lag = int(name.removeprefix("y@lag"))
                then = values[times[mine] - lag].to_numpy() - values[times[mine]].to_numpy()
                np.testing.assert_allclose(
                    column, np.clip(then / unit, -10, 10), rtol=1e-4, atol=1e-4
                )
            elif name == "missing":
                assert (column == 0).all()


def test_windows_have_targets_at_every_step_and_never_those_of_two_series():
    frame = panel()
    model, seen = given(frame, Recorder(windows=True), baseline="last", transform=None)
    X, y = seen["X"], seen["y"]
    assert X.shape == (len(X), 4, len(model.row_names_))
    assert y.shape == (len(X), 4, 3)
    assert np.isfinite(X).all()
    times, series = read_back(frame, model, X)
    counted = ~np.isnan(y).all(axis=2)
    several = np.array([len(set(s[c])) for s, c in zip(series, counted, strict=True)])
    assert several.max() == 1
    # Every cutoff of every series carries a loss, the last three with the steps that came.
    for k in (0, 1):
        ends = frame[frame["which"] == k]["ds"]
        found = set(times[counted & (series == k)])
        assert max(found) == ends.max() - 1
        assert found == set(range(min(found), max(found) + 1))
        unit = np.abs(np.diff(frame[frame["which"] == k]["y"])).mean()
        for i, j in np.argwhere(counted & (series == k))[::7]:
            expected = truth(frame, times[i, j], k, True) / unit
            np.testing.assert_allclose(y[i, j], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("windows", [True, False])
def test_missing_values_carry_no_loss_and_are_marked(windows):
    frame = panel((60,), (0,))
    frame.loc[30, "y"] = np.nan
    params = {"baseline": "last", "transform": None, "static": []}
    settings = {"window": 4, "horizon": 3, "season": None, "past": ["time"]} | params
    model = Forecaster(Recorder(windows=windows), **settings, future=[]).fit(frame)
    seen = model.regressor_.given_
    X, y = (seen["X"], seen["y"]) if not windows else (seen["X"][:, -1], seen["y"][:, -1])
    assert np.isfinite(X).all()
    names = model.row_names_
    time = X[:, names.index("time@lag0")] * frame["time"].std(ddof=0) + frame["time"].mean()
    time = np.rint(100 * time).astype(int)
    marked = X[:, names.index("missing")]
    if windows:
        missing = np.isnan(y)
        inside = time < 55
        expected = [[t + j == 30 for j in (1, 2, 3)] for t in time[inside]]
        np.testing.assert_array_equal(missing[inside], expected)
        np.testing.assert_array_equal(marked, (time == 30).astype(float))
    else:
        assert not set(time) & {27, 28, 29}  # whose three steps are not all known
        assert {26, 30, 31, 32, 33} <= set(time)
        np.testing.assert_allclose(marked, 0.25 * ((time >= 30) & (time < 34)))


def test_weights_belong_to_series_and_are_the_root_of_their_unit_under_a_logarithm():
    frame = panel()
    frame.loc[frame["which"] == 1, "y"] **= 2  # changes twice as much, relative to its level
    model, seen = given(frame, Recorder(windows=True), transform="log")
    weight = seen["weight"]
    assert len(weight) == len(seen["X"])
    _, series = read_back(frame, model, seen["X"])
    learnt = ~np.isnan(seen["y"]).all(axis=2)
    by_series = [np.unique(weight[(learnt & (series == k)).any(axis=1)]) for k in (0, 1)]
    assert [len(values) for values in by_series] == [1, 1]
    logs = [np.log(frame[frame["which"] == k]["y"]).diff().abs().mean() for k in (0, 1)]
    assert by_series[1] / by_series[0] == pytest.approx(np.sqrt(logs[1] / logs[0]))


@pytest.mark.parametrize(
    ("frame", "regressor", "params"),
    [
        (panel((60,), (0,)), Recorder(windows=True), {"static": []}),
        (panel(), Recorder(windows=True), {"transform": None}),
        (panel(), Plain(windows=True), {}),
        (panel(), Recorder(), {}),
    ],
    ids=["one series", "no logarithm", "fit takes none", "flat rows"],
)
def test_no_weights_are_given_where_they_say_nothing_or_are_not_taken(frame, regressor, params):
    _, seen = given(frame, regressor, **params)
    assert seen["weight"] is None


@pytest.mark.parametrize("fraction", [0.1, 0.3])
@pytest.mark.parametrize("windows", [True, False])
def test_validation_is_newest_and_no_training_target_lies_behind_its_begin(windows, fraction):
    frame = panel()
    regressor = Recorder(windows=windows, early_stopping=True, validation_fraction=fraction)
    model, seen = given(frame, regressor, baseline="last", transform=None)

    def targets(X, y):
        times, _ = read_back(frame, model, X)
        times = times[..., np.newaxis] + np.arange(1, 4)
        return times[~np.isnan(y)]

    train = targets(seen["X"], seen["y"])
    valid = targets(seen["X_val"], seen["y_val"])
    assert train.max() + 1 == valid.min()
    assert valid.max() == 59
    times = np.unique(read_back(frame, model, seen["X_val"])[1])
    assert times.tolist() == [0, 1]  # of all series, from one moment on
    share = len(np.unique(valid)) / len(np.unique(np.append(train, valid)))
    assert abs(share - fraction) < 0.12  # series overlap: a share of cutoffs, not of moments
    assert seen["X_val"].shape[1:] == seen["X"].shape[1:]


@pytest.mark.parametrize(
    ("windows", "early_stopping", "n", "validates"),
    [
        (True, False, 700, False),
        (True, "auto", 300, False),
        (True, "auto", 700, True),
        (True, True, 60, True),
        # What takes flat rows and says "auto", as HistGradientBoosting, means 10,000 rows.
        (False, "auto", 700, False),
        (False, "auto", 12_000, True),
        (False, True, 60, True),
    ],
)
def test_validation_rows_are_given_where_the_regressor_stops_early(
    windows, early_stopping, n, validates
):
    regressor = Recorder(windows=windows, early_stopping=early_stopping)
    _, seen = given(panel((n,), (0,)), regressor, static=[])
    assert (seen["X_val"] is not None) == validates
    assert (seen["y_val"] is not None) == validates


def test_regressor_of_one_value_is_fitted_for_each_step():
    frame = panel()
    model, _ = given(frame, Recorder(multi=False), baseline="last", transform=None)
    assert len(model.regressor_) == 3
    joint, seen = given(frame, Recorder(), baseline="last", transform=None)
    assert not isinstance(joint.regressor_, list)
    for step, one in enumerate(model.regressor_):
        assert one.given_["y"].ndim == 1
        assert len(one.given_["y"]) == len(seen["y"]) + 2 * (2 - step)  # two series
        shared = one.given_["y"][: len(seen["y"]) // 2]
        np.testing.assert_array_equal(shared, seen["y"][: len(shared), step])
    one_step, seen = given(frame, Recorder(multi=False), horizon=1)
    assert not isinstance(one_step.regressor_, list)
    assert seen["y"].ndim == 1


def test_direct_copies_equal_one_regressor_of_all_steps():
    class OneOutput(LinearRegression):
        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.target_tags.multi_output = False
            return tags

    series = pd.Series(wave(60))
    params = {"window": 4, "horizon": 1, "season": 12}
    direct, joint = (
        Forecaster(regressor, **params).fit(series).predict(3)
        for regressor in (OneOutput(), LinearRegression())
    )
    pd.testing.assert_series_equal(direct, joint)
    direct = Forecaster(OneOutput(), window=4, horizon=3, season=12).fit(series)
    assert [type(one) for one in direct.regressor_] == [OneOutput] * 3
    assert len({one.coef_.tobytes() for one in direct.regressor_}) == 3


def test_regressor_that_forecasts_zero_leaves_the_baseline():
    series = pd.Series(wave(60), index=pd.period_range("2020-01", periods=60, freq="M"))
    params = {"window": 4, "horizon": 12, "season": 12, "transform": None}
    last = Forecaster(Recorder(), baseline="last", **params).fit(series).predict(14)
    np.testing.assert_allclose(last, series.iloc[-1])
    seasonal = Forecaster(Recorder(), baseline="seasonal", **params).fit(series).predict(14)
    np.testing.assert_allclose(seasonal, np.append(series[-12:], series.iloc[-12:-10]))
    level = Forecaster(Recorder(), baseline=None, **params).fit(series).predict(12)
    np.testing.assert_allclose(level, series[-12:].mean())


@pytest.mark.parametrize("windows", [True, False])
def test_rows_asked_at_predict_look_like_those_of_training(windows):
    frame = panel()
    model, seen = given(frame, Recorder(windows=windows), future=[])
    model.predict(3)
    asked = model.regressor_.asked_
    assert asked.shape == (2, *seen["X"].shape[1:])
    times, series = read_back(frame, model, asked if not windows else asked[:, -1])
    assert times.tolist() == [59, 59]
    assert series.tolist() == [0, 1]
    assert np.isfinite(asked).all()
    model.predict(7)  # the third block of three
    assert np.isfinite(model.regressor_.asked_).all()


@pytest.mark.parametrize("windows", [True, False])
def test_future_features_stand_at_the_step_that_they_are_of(windows):
    frame = panel()
    ahead = pd.DataFrame({"unique_id": "s1", "ds": [60, 61, 62], "time": [0.60, 0.61, 0.62]})
    regressor = Recorder(windows=windows)
    params = {"window": 4, "horizon": 3, "season": None, "static": ["which"], "future": ["time"]}
    model = Forecaster(regressor, **params).fit(frame)
    X = model.regressor_.given_["X"]
    model.predict(ahead)
    asked = model.regressor_.asked_
    assert len(asked) == 1
    X, asked = (rows[:, -1] if windows else rows for rows in (X, asked))
    names = model.row_names_
    begins = frame["ds"].max() - 3  # behind it, steps of a row lie beyond the end of training
    for rows, known in ((X, None), (asked, np.array([59]))):
        time = read_back(frame, model, rows)[0]
        assert known is None or (time == known).all()
        used = np.full(len(time), True) if known is not None else time <= begins
        for step in (1, 2, 3):
            column = rows[used][:, names.index(f"time@step{step}")].astype(float)
            then = 100 * (column * frame["time"].std(ddof=0) + frame["time"].mean())
            np.testing.assert_allclose(then, time[used] + step, atol=1e-3)
