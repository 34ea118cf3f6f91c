"""A Forecaster is diagnosed by the windows of its own fit."""

import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from seqforecast import Forecaster, LSTMRegressor, diagnose
from seqforecast.datasets import make_seasonal_ar


def forgetful(**params):
    """Return a forecaster whose rows show one value each, to a network that forgets a season."""
    network = LSTMRegressor(
        hidden_size=8, forget_bias=None, recurrent_init=None, max_epochs=2, random_state=0, **params
    )
    return Forecaster(network, window=30, horizon=1, season=None, calendar=None)


@pytest.fixture(scope="module")
def series():
    return pd.Series(make_seasonal_ar(3000, period=24, random_state=0))


def test_forecaster_alone_equals_its_regressor_on_its_windows(series):
    forecaster = forgetful().fit(series)
    alone = diagnose(forecaster)
    by_hand = diagnose(forecaster.regressor_, *forecaster.training_data())
    assert str(alone) == str(by_hand)
    assert [finding.code for finding in alone] == ["GF01"]  # the records alone cannot tell
    assert not diagnose(forecaster.regressor_)


def test_season_reaches_the_rules(series):
    forecaster = forgetful().fit(series[:70])
    assert not [finding for finding in diagnose(forecaster) if finding.code == "GF01"]
    assert "GF01" in [finding.code for finding in diagnose(forecaster, season=24)]


def test_unobserved_forecaster_is_measured(series):
    forecaster = forgetful(observe="off").fit(series)
    assert not hasattr(forecaster.regressor_, "gradient_flow_")
    assert "was not observed" not in diagnose(forecaster).summary


def test_search_over_a_forecaster_is_diagnosed_as_its_best(series):
    some = series[:400]
    search = GridSearchCV(
        forgetful(), {"regressor__hidden_size": [4]}, cv=TimeSeriesSplit(2, test_size=12)
    ).fit(pd.DataFrame(index=some.index), some)
    assert str(diagnose(search)) == str(diagnose(search.best_estimator_))


def test_windows_that_it_takes_are_counted(series):
    forecaster = forgetful().fit(series[:70])
    memory = int(forecaster.regressor_.gradient_flow_.effective_memory[-1, 0])
    needed = memory * len(forecaster.row_names_) + 31  # thirty degrees of freedom and a mean
    said = f"cannot be told: that takes {needed} windows whose targets do not overlap"
    assert said in diagnose(forecaster).summary
    assert len(forecaster.training_data()[0]) < needed


def test_forecaster_without_a_network_is_refused(series):
    with pytest.raises(TypeError, match="recurrent"):
        diagnose(Forecaster(Ridge(), window=30, horizon=1).fit(series))
