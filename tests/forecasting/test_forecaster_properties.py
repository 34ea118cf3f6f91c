"""What must hold of any data: order, scale, company and blocks do not matter to a forecast."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.preprocessing import PowerTransformer, StandardScaler

from seqforecast import Forecaster, GRURegressor, LSTMRegressor
from tests.properties import examples

BASELINES = ["linear", "seasonal", "last", None]
TRANSFORMS = ["log", None, StandardScaler(), PowerTransformer()]
HORIZON = 3


def forecaster(regressor=None, **params):
    settings_ = {"window": 6, "horizon": HORIZON, "season": 4, "past": ["heat"], "static": ["size"]}
    return Forecaster(regressor or Ridge(), **settings_ | params)


def panel(lengths=(40, 33, 7, 25), *, seed=0, n_ahead=3 * HORIZON):
    """Return known rows and those to come, of series with every kind of feature."""
    rng = np.random.default_rng(seed)
    parts = []
    for k, n in enumerate(lengths):
        t = np.arange(40 - n, 40 + n_ahead)
        frame = pd.DataFrame({"unique_id": f"s{k}", "ds": pd.Timestamp("2024-02-01") + t * DAY})
        frame["promo"] = rng.integers(0, 2, len(t)).astype(float)
        frame["heat"] = rng.standard_normal(len(t))
        frame["size"] = float(k)
        wave = 2 + np.sin(t * np.pi / 2) + 0.5 * frame["promo"] + 0.2 * rng.random(len(t))
        frame["y"] = 10.0 * (k + 1) * wave
        parts.append(frame)
    frame = pd.concat(parts, ignore_index=True)
    later = frame["ds"] >= pd.Timestamp("2024-02-01") + 40 * DAY
    return frame[~later].reset_index(drop=True), frame[later].reset_index(drop=True)


DAY = pd.Timedelta("1D")
KNOWN, AHEAD = panel()
ASKED = AHEAD[["unique_id", "ds", "promo"]]


def lstm():
    return LSTMRegressor(hidden_size=4, max_epochs=2, observe="off", random_state=0)


# ----------------------------------------------------------------------------------- row order


@settings(max_examples=examples(15))
@given(st.randoms(use_true_random=False), st.integers(0, 100))
def test_any_order_of_rows_gives_the_same_bits(random, seed):
    known, ahead = panel(seed=seed)
    order = random.sample(range(len(known)), len(known))
    columns = random.sample(list(known.columns), len(known.columns))
    asked = ahead.drop(columns=["y", "heat", "size"])
    expected = forecaster().fit(known).predict(asked, level=80)
    shuffled = known.iloc[order][columns]
    forecast = forecaster().fit(shuffled).predict(asked, level=80)
    pd.testing.assert_frame_equal(forecast, expected, check_exact=True)


def test_any_order_of_rows_gives_a_network_the_same_bits():
    shuffled = KNOWN.sample(frac=1.0, random_state=1)
    expected = forecaster(lstm()).fit(KNOWN).predict(ASKED)
    forecast = forecaster(lstm()).fit(shuffled).predict(ASKED)
    pd.testing.assert_frame_equal(forecast, expected, check_exact=True)


# ----------------------------------------------------------------------------- alone, in company


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
@pytest.mark.parametrize("baseline", BASELINES)
def test_series_alone_is_forecast_as_in_the_panel(baseline, transform):
    model = forecaster(baseline=baseline, transform=transform).fit(KNOWN)
    together = model.predict(ASKED)
    for name, asked in ASKED.groupby("unique_id"):
        alone = model.predict(asked)
        expected = together[together["unique_id"] == name].reset_index(drop=True)
        # Running sums begin elsewhere, so that they are rounded otherwise.
        pd.testing.assert_frame_equal(alone, expected, check_exact=False, rtol=1e-6)


def test_series_alone_is_forecast_by_a_network_as_in_the_panel():
    model = forecaster(lstm()).fit(KNOWN)
    together = model.predict(ASKED)
    for name, asked in ASKED.groupby("unique_id"):
        expected = together[together["unique_id"] == name].reset_index(drop=True)
        # A batch of one is multiplied in another order in float32.
        pd.testing.assert_frame_equal(model.predict(asked), expected, rtol=1e-5)


@settings(max_examples=examples(20))
@given(st.lists(st.integers(1, 9), min_size=4, max_size=4), st.booleans())
def test_how_many_steps_of_other_series_are_asked_changes_nothing(steps, features):
    roles = {} if features else {"future": []}
    model = fitted(features, roles)
    if features:  # of whole blocks
        steps = [-(-k // model.horizon) * model.horizon for k in steps]
    step = ASKED.groupby("unique_id").cumcount() + 1
    wanted = dict(zip(sorted(ASKED["unique_id"].unique()), steps, strict=True))
    asked = ASKED[step <= ASKED["unique_id"].map(wanted)]
    together = model.predict(asked)
    for name, own in asked.groupby("unique_id"):
        expected = together[together["unique_id"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(model.predict(own), expected, rtol=1e-6)


FITTED = {}


def fitted(key, roles):
    if key not in FITTED:
        FITTED[key] = forecaster(**roles).fit(KNOWN)
    return FITTED[key]


# ----------------------------------------------------------------------------------------- scale


def scaled_by(factor, baseline, transform, regressor=None, level=None):
    known = KNOWN.assign(y=KNOWN["y"] * factor)
    model = forecaster(regressor, baseline=baseline, transform=transform).fit(known)
    columns = ["y_hat", "lo-80", "hi-80"] if level else ["y_hat"]
    return model.predict(ASKED, level=level)[columns].to_numpy()


@pytest.mark.parametrize("baseline", BASELINES)
def test_data_times_a_power_of_two_gives_forecasts_times_it_to_the_bit(baseline):
    expected = 1024 * scaled_by(1, baseline, None, level=80)
    np.testing.assert_array_equal(scaled_by(1024, baseline, None, level=80), expected)


@pytest.mark.parametrize("transform", ["auto", None, StandardScaler()], ids=str)
@pytest.mark.parametrize("baseline", BASELINES)
def test_data_times_1000_gives_forecasts_times_1000(baseline, transform):
    expected = 1000 * scaled_by(1, baseline, transform, level=80)
    # Rows are float32: a rounding of 6e-8 in each lag, some tens of lags and coefficients.
    np.testing.assert_allclose(scaled_by(1000, baseline, transform, level=80), expected, rtol=1e-5)


@pytest.mark.parametrize("transform", ["auto", None])
def test_data_times_1000_gives_forecasts_of_a_network_times_1000(transform):
    expected = 1000 * scaled_by(1, "linear", transform, lstm())
    # Two epochs of float32 steps carry the roundings of the rows on.
    np.testing.assert_allclose(scaled_by(1000, "linear", transform, lstm()), expected, rtol=1e-4)


@pytest.mark.parametrize("baseline", BASELINES)
def test_data_moved_by_a_constant_gives_forecasts_moved_by_it(baseline):
    moved = KNOWN.assign(y=KNOWN["y"] + 4096.0)
    model, other = (forecaster(baseline=baseline, transform=None) for _ in range(2))
    expected = model.fit(KNOWN).predict(ASKED)["y_hat"] + 4096.0
    # The sums of the squares of what is subtracted lose digits of values of 4,096.
    np.testing.assert_allclose(other.fit(moved).predict(ASKED)["y_hat"], expected, rtol=1e-6)


# --------------------------------------------------------------------------------- more rows asked


@settings(max_examples=examples(20))
@given(st.integers(1, 11), st.integers(1, 11), st.sampled_from(BASELINES))
def test_more_steps_leave_the_first_ones_as_they_were(few, more, baseline):
    model = fitted(("steps", baseline), {"future": [], "baseline": baseline})
    few, more = sorted((few, few + more))
    long, short = (
        model.predict(steps).set_index(["unique_id", "ds"])["y_hat"] for steps in (more, few)
    )
    # Blocks behind change where running sums end, but no cell before.
    np.testing.assert_allclose(long.loc[short.index], short, rtol=1e-12)


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("baseline", BASELINES)
def test_more_rows_with_features_leave_whole_blocks_as_they_were(baseline, blocks):
    model = fitted(("rows", baseline), {"baseline": baseline})
    first = ASKED[ASKED.groupby("unique_id").cumcount() < blocks * HORIZON]
    few = model.predict(first).set_index(["unique_id", "ds"])["y_hat"]
    more = model.predict(ASKED).set_index(["unique_id", "ds"])["y_hat"]
    np.testing.assert_allclose(more.loc[few.index], few, rtol=1e-12)
    others = ASKED.assign(promo=ASKED["promo"].where(ASKED.index.isin(first.index), 50.0))
    other = model.predict(others).set_index(["unique_id", "ds"])["y_hat"]
    np.testing.assert_allclose(other.loc[few.index], few, rtol=1e-12)


# ------------------------------------------------------------------------------------------ blocks


@pytest.mark.parametrize("features", [True, False], ids=["features", "plain"])
@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
@pytest.mark.parametrize("baseline", BASELINES)
def test_blocks_equal_one_block_after_the_other_fed_its_forecasts(baseline, transform, features):
    roles = {} if features else {"past": [], "future": [], "static": []}
    model = forecaster(baseline=baseline, transform=transform, **roles).fit(KNOWN)
    at_once = model.predict(ASKED if features else 3 * HORIZON)
    expected = at_once.set_index(["unique_id", "ds"])["y_hat"]
    heat = KNOWN.groupby("unique_id")["heat"].last()  # in blocks, the last known one stays
    block = AHEAD.groupby("unique_id").cumcount() // HORIZON
    for k in range(3):
        rows = AHEAD[block == k]
        asked = rows[["unique_id", "ds", "promo"]] if features else HORIZON
        forecast = model.predict(asked).set_index(["unique_id", "ds"])["y_hat"]
        # There and back through the transformation, and sums from another begin.
        np.testing.assert_allclose(forecast, expected.loc[forecast.index], rtol=1e-6)
        came = rows.set_index(["unique_id", "ds"]).assign(y=forecast).reset_index()
        model.update(came.assign(heat=came["unique_id"].map(heat)))


@pytest.mark.parametrize("kind", [LSTMRegressor, GRURegressor])
def test_blocks_of_a_network_equal_one_block_after_the_other(kind):
    regressor = kind(hidden_size=4, max_epochs=2, observe="off", random_state=0)
    model = forecaster(regressor, past=[], future=[], static=[]).fit(KNOWN)
    expected = model.predict(2 * HORIZON).set_index(["unique_id", "ds"])["y_hat"]
    first = model.predict(HORIZON)
    columns = AHEAD.groupby("unique_id").head(HORIZON).merge(first, on=["unique_id", "ds"])
    model.update(columns.assign(y=columns["y_hat"]).drop(columns="y_hat"))
    second = model.predict(HORIZON).set_index(["unique_id", "ds"])["y_hat"]
    np.testing.assert_allclose(second, expected.loc[second.index], rtol=1e-5)  # float32


@pytest.mark.parametrize("baseline", BASELINES)
def test_update_step_by_step_equals_update_at_once(baseline):
    step = AHEAD.groupby("unique_id").cumcount()
    slowly = forecaster(baseline=baseline, future=[]).fit(KNOWN)
    for k in range(4):
        slowly.update(AHEAD[step == k])
    at_once = forecaster(baseline=baseline, future=[]).fit(KNOWN).update(AHEAD[step < 4])
    pd.testing.assert_frame_equal(slowly.predict(5), at_once.predict(5), check_exact=True)


# ------------------------------------------------------------------------------------------- index


@settings(max_examples=examples(40))
@given(
    st.sampled_from(["h", "D", "B", "W-WED", "MS", "ME", "QE-FEB", "YS", "15min", "2D", "BME"]),
    st.datetimes(pd.Timestamp("2019-01-01"), pd.Timestamp("2024-12-31")),
    st.sampled_from([None, "Europe/Berlin", "America/New_York"]),
    st.sampled_from(["series", "wide", "long", "xy"]),
)
def test_index_goes_on_as_pandas_would(freq, start, tz, form):
    start = pd.Timestamp(start)
    if freq in ("h", "15min"):
        steps = pd.date_range(start.floor("h"), periods=30, freq=freq, tz="UTC").tz_convert(tz)
    else:  # midnight exists, and exists once, on every day in these zones
        steps = pd.date_range(start.normalize(), periods=30, freq=freq, tz=tz)
    y = np.random.default_rng(0).random(30)
    series = pd.Series(y, index=steps, name="y")[:24]
    model = Forecaster(Ridge(), window=3, horizon=2, season=None)
    if form == "series":
        found = model.fit(series).predict(6).index
    elif form == "wide":
        found = model.fit(series.to_frame()).predict(6).index
    elif form == "xy":
        found = model.fit(pd.DataFrame(index=series.index), series).predict(6).index
    else:
        frame = pd.DataFrame({"unique_id": 1, "ds": series.index, "y": series.to_numpy()})
        found = pd.DatetimeIndex(model.fit(frame).predict(6)["ds"])
    assert found.equals(steps[24:])
    assert found.dtype == steps.dtype
