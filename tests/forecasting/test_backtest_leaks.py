"""A leak detector: what comes after a cutoff changes no forecast made there, not by one bit."""

from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, backtest
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.model import series_model as model_module
from tests.covering import covering

HORIZON, FOLDS, N = 2, 2, 27
CUTOFFS = [N - 1 - HORIZON * k for k in range(FOLDS, 0, -1)]
FORECASTS = ["y_hat", "lo-80", "hi-80"]
KNOWN_THEN = [*FORECASTS, "seasonal_naive", "mase_scale", "rmsse_scale"]
FEATURES = {"none": [], "past": ["heat"], "future": ["promo"], "static": ["size"]}


@cache
def data(panel, feature):
    """Positive values; of a panel b begins late, c later than all cutoffs but one, d ends early."""
    spans = {"a": (0, N), "b": (12, N), "c": (CUTOFFS[1] - 1, N), "d": (3, CUTOFFS[0])}
    rng = np.random.default_rng(0)
    parts = []
    for k, (name, (begin, end)) in enumerate(spans.items() if panel else [("a", (0, N))]):
        t = np.arange(begin, end)
        promo, heat = rng.integers(0, 2, len(t)).astype(float), rng.standard_normal(len(t))
        y = 10.0 * (k + 1) * (1.2 + np.sin(t * np.pi / 2) + 0.3 * promo)
        y += rng.random(len(t)) + np.append(0, heat[:-1])
        columns = {"promo": promo, "heat": heat, "size": float(k)}
        part = pd.DataFrame({"unique_id": name, "ds": t, "y": y + 3.0})
        parts.append(part.assign(**{column: columns[column] for column in FEATURES[feature]}))
    return pd.concat(parts, ignore_index=True)


def after(frame, cutoff, value, columns):
    """Replace the values after a cutoff; leave out series that then have no value at all."""
    later = (frame["ds"] > cutoff).to_numpy()
    changed = frame.assign(**{name: frame[name].mask(later, value) for name in columns})
    return changed[changed.groupby("unique_id")["y"].transform("count") > 0]


def forecasts(forecaster, frame, refit, n_folds=FOLDS):
    return backtest(forecaster, frame, horizon=HORIZON, n_folds=n_folds, refit=refit, level=80)


def same(honest, changed):
    """Tell whether two tables hold the same bits, the truth left aside."""
    labels = ["unique_id", "cutoff", "step", "ds"]
    return changed[labels].reset_index(drop=True).equals(
        honest[labels].reset_index(drop=True)
    ) and all(
        changed[name].to_numpy().tobytes() == honest[name].to_numpy().tobytes()
        for name in KNOWN_THEN
    )


def find_leaks(forecaster, frame, refit, columns, value=1e9):
    """Return at which cutoffs something that comes later changes a forecast."""
    honest = forecasts(forecaster, frame, refit)
    assert np.isfinite(honest[FORECASTS].to_numpy()).all()
    leaks = []
    # Refitted folds are all alike; of one fit, the later ones only take in new values.
    for fold, cutoff in enumerate(CUTOFFS[:1] if refit else CUTOFFS):
        expected = honest[honest["cutoff"] <= cutoff]
        changed = forecasts(forecaster, after(frame, cutoff, value, columns), refit)
        if not same(expected, changed[changed["cutoff"] <= cutoff]):
            leaks.append((cutoff, value))
        # NaN: at later cutoffs there would be nothing to compute intervals from.
        known = frame[frame["ds"] <= cutoff + HORIZON]
        rows = after(known, cutoff, np.nan, columns)
        # From the newest value the cutoffs are counted.
        rows["y"] = rows["y"].where(rows["ds"] < cutoff + HORIZON, known["y"])
        if not same(expected, forecasts(forecaster, rows, refit, fold + 1)):
            leaks.append((cutoff, np.nan))
    return leaks


def columns_of(feature):
    """Return what is not known at the cutoff: the target, and features of the past."""
    return ["y", "heat"] if feature == "past" else ["y"]


def ridge(feature="none", regressor=None, **params):
    roles = {"past": [], "future": [], "static": []} | {feature: FEATURES[feature]}
    roles.pop("none", None)
    settings = {"window": 5, "horizon": HORIZON, "season": 4} | roles | params
    return Forecaster(regressor or Ridge(), **settings)


BASELINES = ["linear", "seasonal", "last", None]
TRANSFORMS = ["auto", None, "log", StandardScaler(), QuantileTransformer(n_quantiles=10)]


@pytest.mark.parametrize(
    ("baseline", "transform", "feature", "panel", "refit"),
    covering(BASELINES, TRANSFORMS, FEATURES, [True, False], [True, False]),
)
def test_the_future_changes_no_forecast(baseline, transform, feature, panel, refit):
    forecaster = ridge(feature, baseline=baseline, transform=transform)
    assert not find_leaks(forecaster, data(panel, feature), refit, columns_of(feature))


@pytest.mark.slow
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
@pytest.mark.parametrize("baseline", BASELINES)
def test_the_future_changes_no_forecast_whatever_meets(baseline, transform, feature):
    forecaster = ridge(feature, baseline=baseline, transform=transform)
    for panel, refit in product([True, False], repeat=2):
        assert not find_leaks(forecaster, data(panel, feature), refit, columns_of(feature))


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("value", [-1e9, 0.0])
def test_a_future_that_is_not_positive_does_not_decide_about_the_logarithm(value, refit):
    frame, cutoff = data(True, "none"), CUTOFFS[0]
    frame = frame[frame["ds"] <= cutoff + HORIZON]
    honest = forecasts(ridge(), frame, refit, n_folds=1)
    assert same(honest, forecasts(ridge(transform="log"), frame, refit, n_folds=1))
    changed = after(frame, cutoff, value, ["y"])
    assert same(honest, forecasts(ridge(), changed, refit, n_folds=1))


@pytest.mark.parametrize("refit", [True, False])
def test_future_features_beyond_the_steps_asked_change_no_forecast(refit):
    forecaster, frame, cutoff = ridge("future"), data(True, "future"), CUTOFFS[0]
    honest = forecasts(forecaster, frame, refit)
    honest = honest[honest["cutoff"] == cutoff]
    later = frame["promo"].mask(frame["ds"] > cutoff + HORIZON, 1e9)
    changed = forecasts(forecaster, frame.assign(promo=later), refit)
    assert same(honest, changed[changed["cutoff"] == cutoff])
    # Those of the steps asked are known, and do count.
    sooner = frame["promo"].mask(frame["ds"] > cutoff, 1 - frame["promo"])
    changed = forecasts(forecaster, frame.assign(promo=sooner), refit)
    moved = changed[changed["cutoff"] == cutoff]["y_hat"]
    assert (moved.to_numpy() != honest["y_hat"].to_numpy()).all()


@pytest.mark.parametrize(
    "regressor",
    [
        # Early stopping validates on the newest cutoffs: of those known, none later.
        LSTMRegressor(hidden_size=3, max_epochs=2, early_stopping=True, random_state=0),
        GRURegressor(hidden_size=3, max_epochs=2, early_stopping=False, random_state=0),
    ],
    ids=["LSTM", "GRU"],
)
def test_the_future_changes_no_forecast_of_a_network(regressor):
    frame, columns = data(True, "past"), columns_of("past")
    for refit in (True, False):
        forecaster = ridge("past", regressor.set_params(observe="off"))
        assert not find_leaks(forecaster, frame, refit, columns)


@pytest.mark.parametrize("transform", [None, "log"])
def test_the_future_changes_no_weight_of_the_regressor(transform):
    for panel in (True, False):
        forecaster = ridge(transform=transform, baseline="last", regressor_weight="auto")
        frame = data(panel, "none")
        for refit in (True, False):
            assert not find_leaks(forecaster, frame, refit, ["y"])


# ---------------------------------------------------------------------- the detector can fail

WHOLE = {}


def peek_at_scale(monkeypatch):
    """Let a fit know the spread of the whole panel."""
    honest = model_module.SeriesScaling.of

    def of(values, offsets, season, *, relative):
        units = honest(values, offsets, season, relative=relative)
        return type(units)(units.mean, units.scale * (1 + np.nanmean(WHOLE["panel"].values) * 1e-9))

    monkeypatch.setattr(model_module.SeriesScaling, "of", of)


def peek_one_step(monkeypatch):
    """Cut the panel one step too late."""
    honest = Panel.until

    def until(panel, position):
        known = honest(panel, position)
        later = honest(panel, position + 1)
        same = later.take(later.ids.get_indexer(known.ids))
        values = known.values.copy()
        values[known.offsets[1:] - 1] += 1e-6 * np.nan_to_num(same.values[same.offsets[1:] - 1])
        return type(known)(**{**vars(known), "values": values})

    monkeypatch.setattr(Panel, "until", until)


def peek_at_the_transform(monkeypatch):
    """Decide about the logarithm, and fit transformers, with all values."""
    honest = model_module.fit_transform_of
    monkeypatch.setattr(
        model_module,
        "fit_transform_of",
        lambda transform, _: honest(transform, WHOLE["panel"].values),
    )


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize(
    ("leak", "transform"),
    [
        (peek_at_scale, None),
        (peek_one_step, None),
        (peek_at_the_transform, StandardScaler()),
    ],
)
def test_the_detector_finds_a_leak(monkeypatch, leak, transform, refit):
    honest_read = Forecaster._read

    def read(forecaster, *arguments):
        panel, form = honest_read(forecaster, *arguments)
        WHOLE["panel"] = panel
        return panel, form

    monkeypatch.setattr(Forecaster, "_read", read)
    forecaster, frame = ridge(transform=transform), data(True, "none")
    assert not find_leaks(forecaster, frame, refit, ["y"])
    leak(monkeypatch)
    found = find_leaks(forecaster, frame, refit, ["y"])
    assert {cutoff for cutoff, _ in found} == set(CUTOFFS[:1] if refit else CUTOFFS)
