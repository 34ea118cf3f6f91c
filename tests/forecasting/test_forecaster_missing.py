"""Missing values: where they stand, and what they cost."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, GRURegressor

DAYS = pd.date_range("2024-01-01", periods=120, freq="D")


def wave(n=120, *, seed=0):
    """A week, a trend and some noise."""
    t = np.arange(n)
    noise = np.random.default_rng(seed).standard_normal(n)
    return pd.Series(100 + 0.5 * t + 10 * np.sin(2 * np.pi * t / 7) + noise, DAYS[:n], name="sold")


def forecaster(regressor=None, **params):
    regressor = Ridge() if regressor is None else regressor
    return Forecaster(regressor, **{"window": 14, "horizon": 4} | params)


# What is missing at the end is forecast, too ------------------------------------------------------


@pytest.mark.parametrize("baseline", ["linear", "seasonal", "last", None])
@pytest.mark.parametrize("n_missing", [1, 3, 4, 9])
def test_missing_values_at_the_end_are_forecast_over(baseline, n_missing):
    series = wave()
    late = series.copy()
    late.iloc[-n_missing:] = np.nan
    model = forecaster(baseline=baseline).fit(series[:-n_missing])
    whole = model.predict(n_missing + 6)
    # The same model, which is told of the days without a value.
    told = model.update(late[-n_missing:]).predict(6)
    pd.testing.assert_series_equal(told, whole[n_missing:], rtol=1e-9)


def test_missing_values_at_the_end_are_forecast_over_by_a_network():
    late = wave()
    late.iloc[-5:] = np.nan
    network = GRURegressor(hidden_size=4, max_epochs=1, random_state=0)
    model = forecaster(network).fit(late[:-5])
    whole = model.predict(8)
    pd.testing.assert_series_equal(model.update(late[-5:]).predict(3), whole[5:], rtol=1e-6)


def test_series_of_a_wide_frame_that_end_early_do_not_disturb_the_others():
    wide = pd.DataFrame({"a": wave(), "b": wave(seed=1)})
    early = wide.assign(b=wide["b"].where(wide.index < "2024-04-10"))
    model = forecaster().fit(early)
    forecast = model.predict(7)
    assert forecast.notna().all(axis=None)
    n_missing = int(early["b"].isna().sum())
    long = early.melt(ignore_index=False, var_name="unique_id", value_name="y")
    long = long.rename_axis("ds").reset_index().dropna()  # each series to its own end
    alone = forecaster().fit(long).predict(n_missing + 7)
    expected = alone[alone["unique_id"] == "b"].set_index("ds")["y_hat"][-7:]
    np.testing.assert_allclose(forecast["b"], expected, rtol=1e-3)  # fitted to padded rows or not


def test_known_features_of_missing_days_are_used():
    series = wave()
    promo = pd.DataFrame(
        {"promo": (np.arange(130) % 3 == 0) * 1.0},
        index=DAYS.union(pd.date_range("2024-04-30", periods=10, freq="D")),
    )
    series = series + 30 * promo["promo"][:120]
    late = series.copy()
    late.iloc[-4:] = np.nan
    model = forecaster().fit(promo[:116], series[:116])
    whole = model.predict(promo[116:124])
    told = model.update(promo[116:120], late[116:]).predict(promo[120:124])
    np.testing.assert_allclose(told, whole[4:], rtol=1e-9)


def test_level_of_a_trend_survives_missing_values_at_the_end():
    late = wave()
    late.iloc[-10:] = np.nan
    forecast = forecaster().fit(late).predict(7)
    expected = 100 + 0.5 * np.arange(120, 127) + 10 * np.sin(2 * np.pi * np.arange(120, 127) / 7)
    assert np.abs(forecast - expected).mean() < 2


# Missing targets cost themselves, not their neighbours --------------------------------------------


@pytest.mark.parametrize("regressor", [Ridge(), RandomForestRegressor(5, random_state=0)])
@pytest.mark.parametrize("share", [0.1, 0.4])
def test_every_known_target_is_learnt_from(regressor, share):
    series = wave()
    missing = np.random.default_rng(0).random(120) < share
    series = series.mask(missing & (np.arange(120) > 0))
    model = forecaster(regressor, horizon=7).fit(series)
    assert len(model.regressor_) == 7  # a copy a step: none loses another's cutoffs
    assert np.isfinite(model.predict()).all()


def test_a_few_missing_targets_keep_one_regressor():
    series = wave()
    series.iloc[60] = np.nan
    assert isinstance(forecaster(horizon=2).fit(series).regressor_, Ridge)


# Levels that a short history cannot tell ----------------------------------------------------------


def test_too_wide_a_level_warns_and_names_the_widest():
    series = wave(60)
    model = forecaster().fit(series)
    with pytest.warns(UserWarning, match=r"level=99.9 needs more errors .* up to 9.* can be told"):
        model.predict(2, level=[80, 99.9])
    model.predict(2, level=80)


def test_intervals_behind_missing_values_are_those_of_the_steps_they_are_ahead():
    series = wave()
    late = series[-3:] * np.nan
    model = forecaster(horizon=6).fit(series[:-3])
    whole = model.predict(6, level=80)
    told = model.update(late).predict(3, level=80)
    pd.testing.assert_frame_equal(told, whole[3:], rtol=1e-9)
