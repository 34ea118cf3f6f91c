"""A future feature that is the target, or a lag of it within the horizon, is told; no other is."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit, cross_val_score

from seqforecast import Forecaster, backtest
from seqforecast.forecasting.data.own_lags import _own_lags, warn_of_own_lags
from tests.properties import examples

DAYS = pd.date_range("2024-01-01", periods=90, freq="D")
HORIZON = 6


def told(panel, horizon=HORIZON):
    """Return the message of the warning, None where there is none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_own_lags(panel, horizon, stacklevel=1)
    return str(caught[0].message) if caught else None


def lagged(series, lag, start=0.0):
    """Shift each series; what lies before its first value is `start`."""
    return [np.append(np.full(lag, start), one)[: len(one), np.newaxis] for one in series]


def noise(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(n) for n in lengths]


@given(
    lag=st.integers(0, 11),
    horizon=st.integers(1, 12),
    n_series=st.integers(1, 30),
    length=st.integers(90, 150),
    values=st.integers(3, 1000),
    missing=st.floats(0, 0.2),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=examples(150))
def test_every_lag_within_the_horizon_is_found_and_no_other(
    make_panel, lag, horizon, n_series, length, values, missing, seed
):
    rng = np.random.default_rng(seed)
    whole = [rng.integers(0, values, length).astype(float) for _ in range(n_series)]
    known = [np.where(rng.random(length) < missing, np.nan, one) for one in whole]
    for one in known:
        one[0] = 1.0
    panel = make_panel(known, future=lagged(whole, lag))
    assert _own_lags(panel, horizon) == ({"promo0": lag} if lag < horizon else {})


KINDS = {
    "numbers": lambda rng, n: rng.standard_normal(n),
    "few counts": lambda rng, n: rng.poisson(0.2, n),
    "counts": lambda rng, n: rng.poisson(3, n),
    "constant": lambda rng, n: np.full(n, rng.integers(0, 3)),
    "flag": lambda rng, n: rng.random(n) < 0.1,
    "steps": lambda rng, n: np.repeat(rng.integers(0, 4, n), 10)[:n],
    "position in the week": lambda _, n: np.arange(n) % 7,
    "three": lambda rng, n: rng.integers(0, 3, n),
}


@given(
    target=st.sampled_from(sorted(set(KINDS) - {"position in the week"})),
    feature=st.sampled_from(sorted(KINDS)),
    lengths=st.lists(st.integers(1, 200), min_size=1, max_size=20),
    horizon=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=examples(400))
def test_independent_features_raise_no_alarm(make_panel, target, feature, lengths, horizon, seed):
    rng = np.random.default_rng(seed)
    series = [KINDS[target](rng, n).astype(float) for n in lengths]
    future = [KINDS[feature](rng, n).astype(float)[:, np.newaxis] for n in lengths]
    assert _own_lags(make_panel(series, future=future), horizon) == {}


@pytest.mark.parametrize("lag", [0, 1, 2])
def test_a_lag_is_looked_for_within_each_series_only(make_panel, lag):
    """Of short series many rows have no lag; those of the series before it are not theirs."""
    short = noise(*[5] * 50)
    assert _own_lags(make_panel(short, future=lagged(short, lag)), HORIZON) == {"promo0": lag}


@pytest.mark.parametrize(("wrong", "alarm"), [(3, True), (12, False)])
def test_nearly_all_rows_must_agree(make_panel, wrong, alarm):
    series = noise(100)
    future = lagged(series, 2)
    future[0][np.linspace(10, 90, wrong).astype(int)] += 1.0
    assert bool(_own_lags(make_panel(series, future=future), HORIZON)) is alarm


@pytest.mark.parametrize(("n", "alarm"), [(11, False), (12, True)])
def test_ten_steps_that_change_are_needed(make_panel, n, alarm):
    """Of n rows one is the first, one more has no lag with a value before it."""
    series = noise(n)
    assert bool(_own_lags(make_panel(series, future=lagged(series, 1)), HORIZON)) is alarm


@pytest.mark.parametrize(("values", "alarm"), [(2, False), (3, True)])
def test_three_values_are_needed(make_panel, values, alarm):
    series = [np.random.default_rng(0).integers(0, values, 100).astype(float)]
    assert bool(_own_lags(make_panel(series, future=lagged(series, 0)), HORIZON)) is alarm


def test_a_price_that_is_rarely_changed_has_its_own_lag(make_panel):
    """Nearly all rows equal those of every small lag; the steps that change tell which it is."""
    price = [np.repeat(noise(20)[0], 20)]
    assert _own_lags(make_panel(price, future=lagged(price, 3)), HORIZON) == {"promo0": 3}


@pytest.mark.parametrize("n_series", [1, 4000])
def test_of_many_rows_some_are_looked_at(make_panel, n_series):
    """Sundays are 0: equal distances of a week would see one value only."""
    rows = 7000 // n_series * 10 if n_series == 1 else 28
    rng = np.random.default_rng(0)
    series = [np.where(np.arange(rows) % 7, rng.random(rows), 0.0) for _ in range(n_series)]
    panel = make_panel(series, future=lagged(series, 5))
    assert _own_lags(panel, HORIZON) == {"promo0": 5}
    assert _own_lags(panel, 20_000) == {"promo0": 5}


def test_the_message_names_columns_lags_and_the_cure(make_panel):
    series = noise(60)
    shifts = [np.hstack([lagged(series, k)[0] for k in (1, 0, HORIZON)])]
    message = told(make_panel(series, future=shifts))
    assert message == (
        "'promo0' is the target 1 step(s) before, 'promo1' is the target of the same step, and a "
        "future feature: it is read up to 6 step(s) after the cutoff, where it tells what is to be "
        "forecast. A future feature must be known 6 step(s) ahead. Drop it, since the Forecaster "
        "makes lags itself, or pass past=['promo0', 'promo1']."
    )
    many = [np.hstack([lagged(series, k)[0] for k in range(7)])]
    message = told(make_panel(series, future=many), 7)
    assert "'promo4' is the target 4 step(s) before and 2 more" in message
    assert "'promo4', ...]" in message


# ------------------------------------------------------------------------ where it is looked for


SALES = pd.Series(50 + noise(90)[0].cumsum(), DAYS, name="sales")
LAGS = pd.DataFrame({"heat": noise(90, seed=1)[0], "lag_1": SALES.shift(1)})[1:]
TARGET = SALES[1:]


def forecaster(**params):
    return Forecaster(Ridge(), **{"window": 6, "horizon": 4} | params)


def test_fit_warns_at_the_line_that_calls_it():
    with pytest.warns(UserWarning, match=r"'lag_1' is the target 1 step.*past=\['lag_1'\]") as seen:
        forecaster().fit(LAGS, TARGET)
    assert [record.filename for record in seen] == [__file__]


def test_fit_takes_the_advice():
    forecaster(past=["lag_1"]).fit(LAGS, TARGET)
    forecaster().fit(LAGS.drop(columns="lag_1"), TARGET)
    forecaster(horizon=1).fit(LAGS, TARGET)  # of the next step it is known
    with pytest.warns(UserWarning, match=r"'x1' is the target 1 step.*past=\['x1'\]"):
        forecaster().fit(LAGS.to_numpy(), TARGET.to_numpy())
    forecaster(past=["x1"]).fit(LAGS.to_numpy(), TARGET.to_numpy())


def test_a_long_frame_is_looked_at_series_by_series():
    parts = [LAGS.assign(y=TARGET + k, lag_1=LAGS["lag_1"] + k, unique_id=k) for k in range(3)]
    frame = pd.concat(parts).rename_axis("ds").reset_index()
    with pytest.warns(UserWarning, match="'lag_1' is the target 1 step"):
        forecaster().fit(frame)


def test_cross_validation_warns_of_lags_that_make_it_look_good():
    cv = TimeSeriesSplit(2, test_size=8)
    with pytest.warns(UserWarning, match="'lag_1' is the target 1 step"):
        cross_val_score(forecaster(), LAGS, TARGET, cv=cv, error_score="raise")


@pytest.mark.parametrize("refit", [True, False])
def test_backtest_warns_once_of_lags_within_its_own_horizon(refit):
    data = (LAGS, TARGET)
    with pytest.warns(UserWarning, match="up to 8 step") as seen:
        backtest(forecaster(horizon=1), data, horizon=8, n_folds=3, refit=refit)
    assert [record.filename for record in seen] == [__file__]
    backtest(forecaster(horizon=1), data, horizon=1, n_folds=3, refit=refit)
    with pytest.warns(UserWarning, match="up to 4 step"):
        backtest(forecaster(), data, horizon=1, n_folds=2, refit=refit)
