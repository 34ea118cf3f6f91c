"""What a stream of a forecaster is given, and what it stands on."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, ForecastStream, LSTMRegressor
from seqforecast.datasets import load_airline
from tests.forecasting.streams import DAYS, EXACT, T, forecaster, long_of, network, same, waves

# ---------------------------------------------------------------------------- what may be given


def test_observations_in_every_form():
    wide = waves()
    stream, twin = forecaster().fit(wide[:400]).stream(), forecaster().fit(wide[:400]).stream()
    given = [
        wide[400:401].to_numpy(),
        wide.iloc[401].to_numpy(),
        wide.iloc[402].tolist(),
        wide.iloc[403],
        wide.iloc[404][::-1],
        wide.iloc[405].rename(None),
        wide[406:407][["c", "a", "b"]],
        wide[407:410],
        wide[410:413].to_numpy(),
    ]
    at = 400
    for observation in given:
        n = 3 if at in (407, 410) else 1
        same(stream.update(observation), twin.update(wide[at : at + n]), **EXACT)
        at += n


@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2010-01", periods=T, freq="M"),
        pd.date_range("2024-03-29", periods=T, freq="h", tz="Europe/Berlin"),
        pd.RangeIndex(5, 5 + 2 * T, 2),
    ],
    ids=["periods", "time zone", "integers"],
)
def test_numbers_and_rows_go_on_with_the_index(index):
    wide = waves(2, index=index)
    one = forecaster().fit(wide["a"][:400])
    stream = one.stream()
    same(stream.update(wide["a"].iloc[400]), one.update(wide["a"][400:401]).predict(), **EXACT)
    same(stream.update(wide["a"][401:403]), one.update(wide["a"][401:403]).predict(), **EXACT)
    same(stream.update(np.nan), one.update([np.nan]).predict(), **EXACT)
    both = forecaster().fit(wide[:400])
    same(both.stream().update(wide.iloc[400]), both.update(wide[400:401]).predict(), **EXACT)
    array = forecaster().fit(wide["a"][:400].to_numpy())
    assert isinstance(array.stream().update(3.0), np.ndarray)


@pytest.mark.parametrize("regressor", [Ridge(), network()], ids=["rows", "network"])
def test_series_of_a_long_frame_come_at_different_times(regressor):
    wide = waves()
    rows = long_of(wide)
    known = rows[
        rows.ds < DAYS[400] + pd.to_timedelta(rows.unique_id.map({"a": 0, "b": 2, "c": 5}), "D")
    ]
    left = rows.drop(known.index)
    model = forecaster(regressor).fit(known)
    stream = model.stream()
    alone = {name: model.stream().take([name]) for name in "abc"}
    rng = np.random.default_rng(0)
    for _ in range(10):
        names = [name for name in "abc" if rng.random() < 0.6] or ["a"]
        now = left[left.unique_id.isin(names)].groupby("unique_id").head(1)
        left = left.drop(now.index)
        forecast = stream.update(now.sample(frac=1.0, random_state=0))
        for name in names:
            alone[name].update(now[now.unique_id == name])
        for name, one in alone.items():
            expected = forecast[forecast.unique_id == name].reset_index(drop=True)
            same(one.forecast, expected, rtol=1e-6)
        if isinstance(regressor, Ridge):
            same(forecast, model.update(now).predict(), **EXACT)
    values = stream.update([70.0, 100.0, 200.0])
    assert len(values) == 9


@pytest.fixture(scope="module")
def fitted(request):
    """A forecaster of rows, or of a network, fitted to 400 of the days."""
    regressor = {"rows": Ridge(), "network": network()}[request.param]
    return forecaster(regressor).fit(waves()[:400])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda w: w[402:403], "a gap of 2 step"),
        (lambda w: w.iloc[402], "a gap of 2 step"),
        (lambda w: w[399:401], "overlap of 1 step"),
        (lambda w: w[400:401] * [1, np.inf, 1], "infinite"),
        ([1.0, np.inf, 1.0], "is inf in series 'b'"),
        ([1.0, 2.0], r"shape \(2,\); the next value of each of 3 series"),
        (1.0, r"shape \(\)"),
        (np.empty((0, 3)), "each of 3 series"),
        (["x", "y", "z"], "real numbers are needed"),
        (lambda w: w[400:401] * [1, -1, 1], "only positive values have a logarithm"),
        ([1.0, -1.0, 1.0], "only positive values have a logarithm"),
        (lambda w: w[400:401][["a", "b"]], "lack 1 of 3 series"),
        (lambda w: w[400:401].assign(d=1.0), "does not know, the first is 'd'"),
        (None, "the next value of each"),
    ],
)
@pytest.mark.parametrize("fitted", ["rows", "network"], indirect=True)
def test_what_cannot_be_used_changes_nothing(fitted, bad, message):
    wide = waves()
    stream = fitted.stream()
    twin = copy.deepcopy(stream)
    with pytest.raises((ValueError, TypeError), match=message):
        stream.update(bad(wide) if callable(bad) else bad)
    with pytest.raises(ValueError, match="an integer of at least 1"):
        stream.update(wide[400:401], X_future=0)
    same(stream.forecast, twin.forecast, rtol=0, atol=0)
    same(stream.update(wide[400:401]), twin.update(wide[400:401]), rtol=0, atol=0)


def test_a_stream_begins_with_all_series():
    model = forecaster().fit(long_of(waves()[:400]))
    rows = pd.DataFrame({"unique_id": ["a", "b"], "ds": DAYS[400]})
    with pytest.raises(ValueError, match="rows of 2 of 3 series, none of 'c'"):
        model.stream(rows)
    with pytest.raises(ValueError, match="not fitted"):
        forecaster().stream()


# ------------------------------------------------------------------------------ what it stands on


@pytest.mark.parametrize("regressor", [Ridge(), network()], ids=["rows", "network"])
def test_a_stream_and_its_forecaster_do_not_change_one_another(regressor):
    wide = waves()
    model = forecaster(regressor).fit(wide[:400])
    stream, twin, before = model.stream(), model.stream(), model.predict()
    for k in range(400, 405):
        stream.update(wide[k : k + 1])
    same(model.predict(), before, rtol=0, atol=0)
    passes = 1 if regressor is not None and hasattr(regressor, "partial_fit") else 0
    model.update(wide[400:410], passes=passes)
    model.fit(10 * waves(seed=5)[:300])
    for k in range(400, 405):
        forecast = twin.update(wide[k : k + 1])
    same(forecast, stream.forecast, rtol=0, atol=0)


@pytest.mark.parametrize("copied", [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy])
@pytest.mark.parametrize("regressor", [Ridge(), network(LSTMRegressor)], ids=["rows", "network"])
def test_a_copy_goes_on_with_the_same_bits(regressor, copied):
    wide = waves(gaps=0.2)
    stream = forecaster(regressor).fit(wide[:400]).stream(level=80)
    stream.update(wide[400:401])
    twin = copied(stream)
    assert isinstance(twin, ForecastStream)
    same(twin.forecast, stream.forecast, rtol=0, atol=0)
    for k in range(401, 415):
        same(twin.update(wide[k : k + 1]), stream.update(wide[k : k + 1]), rtol=0, atol=0)
    assert repr(twin).startswith("ForecastStream(")


@pytest.mark.parametrize("regressor", [Ridge(), network()], ids=["rows", "network"])
def test_it_keeps_no_more_of_a_long_series(regressor):
    sizes = []
    for n in (1_000, 5_000):
        values = 100 + 10 * np.sin(np.arange(n) * 2 * np.pi / 7)
        stream = forecaster(regressor).fit(values).stream(level=80)
        for k in range(20):
            stream.update(90.0 + k)
        memory = stream._model.lookback.memory
        assert stream._model.panel.lengths.tolist() == [memory]
        sizes.append(len(pickle.dumps(stream._model.panel)) + len(stream._model.values))
    assert sizes[1] < sizes[0] + 100


def test_taken_series_go_on_by_themselves():
    wide = waves(gaps=0.1)
    for regressor in (Ridge(), network()):
        stream = forecaster(regressor).fit(wide[:400]).stream(level=80)
        stream.update(wide[400:401])
        taken = stream.take(["c", "a"])
        assert list(taken.ids_) == ["c", "a"]
        pd.testing.assert_frame_equal(taken.forecast, stream.forecast[["c", "a"]])
        forecast = taken.update(wide[401:402][["a", "c"]])
        same(forecast, stream.update(wide[401:402])[["c", "a"]], rtol=1e-6)
        for ids, message in (
            (["d"], "The series are 'a', 'b', 'c'"),
            (["a", "a"], "Name each once"),
        ):
            with pytest.raises(ValueError, match=message):
                stream.take(ids)
    assert list(stream.take("b").ids_) == ["b"]


def test_series_that_joined_keep_the_units_of_the_begin():
    rows = long_of(waves(4))
    model = forecaster().fit(rows[(rows.unique_id != "d") & (rows.ds < DAYS[380])])
    newer = rows[(rows.unique_id == "d") | (rows.ds >= DAYS[380])]
    model.update(newer[newer.ds < DAYS[400]])
    stream = model.stream()
    same(stream.forecast, model.predict(), rtol=0, atol=0)
    for k in range(400, 410):
        now = newer[newer.ds == DAYS[k]]
        got, expected = stream.update(now), model.update(now).predict()
        old = (got["unique_id"] != "d").to_numpy()
        np.testing.assert_allclose(got["y_hat"][old], expected["y_hat"][old], rtol=1e-10)
        np.testing.assert_allclose(got["y_hat"][~old], expected["y_hat"][~old], rtol=0.02)
    assert (got["y_hat"][~old] != expected["y_hat"][~old]).all()


def test_it_warns_as_predict_does():
    model = forecaster().fit(waves()[:60])
    with pytest.warns(UserWarning, match="too narrow") as caught:
        stream = model.stream(level=99.9)
    with pytest.warns(UserWarning, match="too narrow") as later:
        stream.update(waves()[60:61])
    assert {warning.filename for warning in [*caught, *later]} == {__file__}


def test_the_airline_month_by_month():
    passengers = load_airline()
    model = Forecaster(network(max_steps=200), window=18, horizon=1).fit(passengers[:120])
    stream, errors = model.stream(), []
    for value in passengers[120:]:
        errors.append(abs(stream.forecast.iloc[0] / value - 1))
        stream.update(value)
    assert np.mean(errors) < 0.05
