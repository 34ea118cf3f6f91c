"""Streams of a forecaster: what update and predict say, at the cost of one step."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.preprocessing import PowerTransformer

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor
from tests.covering import covering
from tests.forecasting.streams import (
    DAYS,
    EXACT,
    N_UPDATES,
    T,
    forecaster,
    grown_forecast,
    long_of,
    network,
    numbers,
    same,
    waves,
)


def follows(known, rows, level=None, **params):
    """Compare a stream with update and predict over single steps."""
    twin = forecaster(**params).fit(known)
    stream = twin.stream(level=level)
    same(stream.forecast, twin.predict(level=level), rtol=0, atol=0)
    for row in rows:
        same(stream.update(row), twin.update(row).predict(level=level), **EXACT)


def single_rows(wide):
    return [wide.iloc[[k]] for k in range(T - N_UPDATES, T)]


# ------------------------------------------------- a regressor of flat rows: update and predict

WAYS = {
    "as it comes": {},
    "no logarithm": {"transform": None},
    "a transformer": {"transform": PowerTransformer()},
    "two seasons": {"season": [7, 28]},
    "no season": {"season": None},
    "the calendar": {"calendar": ["year", "month", "week"]},
    "the last season": {"baseline": "seasonal"},
    "the last value": {"baseline": "last"},
    "no baseline": {"baseline": None},
    "half a regressor": {"regressor_weight": 0.5},
    "trees, one a step": {"regressor": HistGradientBoostingRegressor(max_iter=5)},
}


@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_stream_is_update_and_predict(way, gaps):
    wide = waves(gaps=gaps)
    rows = single_rows(wide)
    follows(wide[:-N_UPDATES], rows[: 20 if gaps else 5], **way)


def test_series_that_grow_longer_than_the_memory():
    # Nothing is dropped at first, and then more and more; of the first season some is missing.
    wide = waves(gaps=0.3)[:380]
    wide.iloc[1:20, 0] = np.nan
    twin = forecaster().fit(wide[:250])
    memory = twin._model.lookback.memory
    assert 250 < memory < 330
    stream = twin.stream()
    for k in range(250, 380):
        row = wide.iloc[[k]]
        same(stream.update(row), twin.update(row).predict(), **EXACT)
    assert stream._model.left_out.n_steps.min() > 50


def test_what_is_missing_of_every_season_is_filled_alike():
    wide = waves(2)
    wide.iloc[3::7, 0] = np.nan  # this day of the week was never known
    wide.iloc[-30::2, 1] = np.nan
    follows(wide[:-N_UPDATES], single_rows(wide))


@pytest.mark.parametrize("kind", [None, network], ids=["rows", "network"])
def test_a_series_that_is_missing_for_long(kind):
    # What lies before its last known value is needed still, however long that is ago.
    wide = waves(2)
    values = np.resize(wide.to_numpy(), (T + 330, 2))
    values[T : T + 325, 0] = np.nan
    twin = forecaster(kind and kind(), horizon=20).fit(values[:T])
    stream = twin.stream()
    assert 270 < twin._model.lookback.memory < 320
    for begin, end in ((T, T + 60), (T + 60, T + 325), (T + 325, T + 330)):
        forecast = stream.update(values[begin:end])
        twin.update(values[begin:end])
        if kind is None:
            same(forecast, twin.predict(), **EXACT)
    if kind is not None:
        same(forecast, grown_forecast(twin, np.array([T, T])), rtol=1e-5)


def test_features_of_every_kind():
    rng = np.random.default_rng(1)
    rows = long_of(waves(gaps=0.1)).assign(
        promo=rng.integers(0, 2, 3 * T), heat=rng.standard_normal(3 * T)
    )
    rows["size"] = rows["unique_id"].map({"a": 1.0, "b": 2.0, "c": 3.0})
    rows.loc[rng.random(3 * T) < 0.3, "heat"] = np.nan
    at = {day: k for k, day in enumerate(DAYS)}
    place = rows["ds"].map(at)
    rows.loc[(rows["unique_id"] == "c") & (place > 5), "heat"] = np.nan  # the last value is old

    def ahead(k):
        return rows[(place > k) & (place <= k + 3)].drop(columns=["y", "heat"])

    start = T - N_UPDATES - 4
    twin = forecaster(past=["heat"], static=["size"]).fit(rows[place < start])
    stream = twin.stream(ahead(start - 1))
    for k in range(start, start + N_UPDATES):
        now = rows[place == k]
        got = stream.update(now, X_future=ahead(k))
        same(got, twin.update(now).predict(ahead(k)), **EXACT)
    with pytest.raises(ValueError, match="promo"):
        stream.update(rows[place == start + N_UPDATES])
    with pytest.raises(ValueError, match="block of horizon=3"):
        stream.update(
            rows[place == start + N_UPDATES],
            X_future=ahead(start + N_UPDATES).query("ds <= @DAYS[-3]"),
        )
    same(stream.forecast, twin.predict(ahead(start + N_UPDATES - 1)), **EXACT)


def test_features_beside_a_target_as_numbers():
    rng = np.random.default_rng(2)
    y = waves(1)["a"]
    X = pd.DataFrame({"promo": rng.integers(0, 2, T), "heat": rng.standard_normal(T)}, index=DAYS)
    twin = forecaster().fit(X[:400], y[:400])
    streams = [twin.stream(X[400:403]) for _ in range(4)]
    for k in range(400, 410):
        ahead = X[k + 1 : k + 4]
        expected = twin.update(X[k : k + 1], y[k : k + 1]).predict(ahead)
        given = (
            (X[k : k + 1], y[k : k + 1]),
            (X.iloc[k], y.iloc[k]),
            (X.iloc[k].rename(None), float(y.iloc[k])),
            (X[k : k + 1], y.iloc[k]),
        )
        for stream, (row, value) in zip(streams, given, strict=True):
            same(stream.update(row, value, X_future=ahead), expected, **EXACT)
    arrays = forecaster().fit(X[:400].to_numpy(), y[:400].to_numpy())
    stream = arrays.stream(X[400:403].to_numpy())
    forecast = stream.update(X.iloc[400].to_numpy(), 70.0, X_future=X[401:404].to_numpy())
    assert isinstance(forecast, np.ndarray)


@pytest.mark.parametrize("level", [80, [50, 90]])
def test_conformal_intervals(level):
    wide = waves(gaps=0.1)
    follows(wide[:-N_UPDATES], single_rows(wide)[:15], level=level)


def test_level_is_measured_for_the_steps_of_the_begin():
    twin = forecaster().fit(waves()[:400])
    stream = twin.stream(8, level=80)
    same(stream.forecast, twin.predict(8, level=80), rtol=0, atol=0)
    row = waves()[400:401]
    assert len(stream.update(row)) == 3
    assert len(stream.update(waves()[401:402], X_future=9)) == 9
    with pytest.raises(ValueError, match=r"prepared for 9 step\(s\) ahead, 10 are asked"):
        stream.update(waves()[402:403], X_future=10)
    with pytest.raises(ValueError, match="1 to below 100"):
        twin.stream(level=100)


def test_more_steps_than_the_horizon():
    wide = waves()
    twin = forecaster().fit(wide[:400])
    stream = twin.stream(7)
    same(stream.forecast, twin.predict(7), rtol=0, atol=0)
    same(stream.update(wide[400:401], X_future=8), twin.update(wide[400:401]).predict(8), **EXACT)
    ahead = wide.index[402:406]
    same(
        stream.update(wide[401:402], X_future=ahead),
        twin.update(wide[401:402]).predict(ahead),
        **EXACT,
    )


@pytest.mark.parametrize("windows", [False, True])
def test_any_regressor_will_do_also_one_of_windows_that_cannot_read_on(Echo, windows):
    wide = waves(gaps=0.1)
    follows(wide[:-N_UPDATES], single_rows(wide)[:20], regressor=Echo(windows=windows))


# ------------------------------------------------------ a recurrent regressor: the grown window


@pytest.mark.parametrize(
    ("kind", "gaps", "scaling"),
    covering([RNNRegressor, LSTMRegressor, GRURegressor], [0.0, 0.3], ["standard", None]),
)
def test_a_network_has_read_the_window_that_has_grown(kind, gaps, scaling):
    wide = waves(gaps=gaps)
    wide.iloc[-N_UPDATES - 1] = wide.iloc[-N_UPDATES - 8]
    wide.iloc[-N_UPDATES - 1] = wide.iloc[-N_UPDATES - 1].fillna(60.0)
    model = forecaster(network(kind, num_layers=2, scaling=scaling), regressor_weight=0.8)
    model.fit(wide[:-N_UPDATES])
    known = model._model.panel.lengths.copy()
    stream = model.stream()
    same(stream.forecast, model.predict(), rtol=0, atol=0)
    apart = 0.0
    for k, row in enumerate(single_rows(wide)):
        forecast = stream.update(row)
        model.update(row)
        if k % 7 == 0:
            same(forecast, grown_forecast(model, known), rtol=1e-5)
            apart = max(apart, np.abs(numbers(forecast) / numbers(model.predict()) - 1).max())
    assert 1e-6 < apart < 0.2  # the state tells of more than a window, but of the same series


def test_quantiles_of_a_network():
    wide = waves()
    regressor = network(loss="quantile", quantiles=(0.1, 0.5, 0.9))
    model = forecaster(regressor, intervals="quantile").fit(wide[:400])
    stream = model.stream(level=80)
    same(stream.forecast, model.predict(level=80), rtol=0, atol=0)
    for k in range(400, 420):
        forecast = stream.update(wide[k : k + 1])
        model.update(wide[k : k + 1])
    expected = model.predict(level=80)
    np.testing.assert_allclose(forecast, expected, rtol=0.05)
    low, high = (forecast.xs(end, axis=1, level=1) for end in ("lo-80", "hi-80"))
    assert (low < high).to_numpy().all()
    with pytest.raises(ValueError, match="quantile"):
        model.stream(level=70)


def test_a_network_reads_each_row_once(monkeypatch):
    wide = waves()
    stream = forecaster(network()).fit(wide[:400]).stream()
    reading, read = type(stream._model.reading), []
    update = reading.update
    monkeypatch.setattr(
        reading,
        "update",
        lambda self, rows, series=None: read.append(rows.shape) or update(self, rows, series),
    )
    n_channels = stream._model.adapter.fitted.n_channels_
    stream.update(wide[400:401])
    assert read == [(3, n_channels)]
    missing = wide[401:402] * [1, np.nan, 1]
    read.clear()
    stream.update(missing)  # b waits; its missing step and the horizon take two blocks
    assert read == [(2, n_channels)] + 3 * [(3, n_channels)]
    read.clear()
    stream.update(wide[402:403])
    assert read == [(3, n_channels), (1, n_channels)]
    read.clear()
    stream.update(wide[403:408])
    assert read == 5 * [(3, n_channels)]
