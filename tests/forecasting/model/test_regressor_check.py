"""What reads windows, or series, is found wherever it hides in a regressor, and refused."""

import re

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, TimeSeriesSplit
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, backtest, recurrent_forecaster
from seqforecast.forecasting.model.regressor_check import estimators_within

SERIES = 10 + np.sin(np.arange(100) / 2)
TINY = {"hidden_size": 2, "max_epochs": 1, "observe": "off", "random_state": 0}
LSTM = LSTMRegressor(**TINY)


def forecaster(regressor, **params):
    return Forecaster(regressor, window=4, horizon=2, season=None, **params)


def refusal(regressor):
    with pytest.raises(ValueError, match="which would be given flat rows; ") as refused:
        forecaster(regressor).fit(SERIES)
    return str(refused.value)


@pytest.mark.parametrize(
    ("regressor", "cure"),
    [
        (make_pipeline(StandardScaler(), LSTM), " itself: rows and targets are scaled already"),
        (TransformedTargetRegressor(LSTM), " itself: rows and targets are scaled already"),
        (make_pipeline(TransformedTargetRegressor(LSTM)), " itself: rows and targets are scaled"),
        (BaggingRegressor(LSTM), " itself"),
        (MultiOutputRegressor(LSTM), " itself"),
        (VotingRegressor([("ridge", Ridge()), ("lstm", LSTM)]), " itself"),
        (StackingRegressor([("ridge", Ridge())], final_estimator=LSTM), " itself"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_network_within_is_named_and_can_be_passed_itself(regressor, cure):
    message = refusal(regressor)
    assert f"a {type(regressor).__name__} around LSTMRegressor, which" in message
    assert f"windows are needed. Pass regressor=LSTMRegressor(...){cure}" in message
    assert len(forecaster(LSTM).fit(SERIES).predict()) == 2


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(LSTM, {"lr": [1e-2]}),
        RandomizedSearchCV(make_pipeline(StandardScaler(), LSTM), {"memory": [None]}),
        GridSearchCV(TransformedTargetRegressor(Ridge()), [{"regressor": [Ridge(), LSTM]}]),
        GridSearchCV(forecaster(Ridge()), {"window": [3, 4]}),
        GridSearchCV(forecaster(LSTM), {"window": [3, 4]}),
    ],
    ids=["grid", "random", "in_the_grid", "forecaster", "forecaster_of_a_network"],
)
def test_a_search_goes_around_the_forecaster_as_the_message_says(search):
    message = refusal(search)
    assert f"regressor is a {type(search).__name__} around " in message
    cure = re.search(r"Put the search around the Forecaster: (GridSearchCV\(.*\))\.$", message)
    small = cure[1].replace("LSTMRegressor(...)", "LSTM").replace("Ridge(...)", "Ridge()")
    found = eval(small, globals()).fit(SERIES)  # followed to the letter
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert found.best_estimator_.predict().shape == (1,)


@pytest.mark.parametrize(
    ("regressor", "given"),
    [
        (forecaster(Ridge()), "Forecaster"),
        (forecaster(forecaster(Ridge())), "Forecaster"),
        (make_pipeline(StandardScaler(), forecaster(Ridge())), "Pipeline around Forecaster"),
    ],
    ids=["itself", "twice", "pipeline"],
)
def test_a_forecaster_within_another_is_refused(regressor, given):
    message = refusal(regressor)
    assert f"regressor is a {given}, which would be given flat rows; series are needed" in message
    assert "Pass regressor=Ridge(...) itself" in message


def test_a_backtest_and_a_recipe_refuse_it_too():
    bagged = BaggingRegressor(GRURegressor())
    with pytest.raises(ValueError, match="BaggingRegressor around GRURegressor"):
        backtest(forecaster(bagged), SERIES, horizon=2, n_folds=1)
    with pytest.raises(ValueError, match="BaggingRegressor around GRURegressor"):
        recurrent_forecaster(horizon=2).set_params(regressor=bagged).fit(SERIES)


@pytest.mark.parametrize(
    "regressor",
    [
        make_pipeline(StandardScaler(), Ridge()),
        GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=TimeSeriesSplit(2)),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
        VotingRegressor([("a", Ridge()), ("b", Ridge(10.0))]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_reads_flat_rows_all_through_is_fitted(regressor):
    assert np.isfinite(forecaster(regressor).fit(SERIES).predict()).all()


def test_each_estimator_is_found_once_even_if_it_holds_itself():
    ridge = Ridge()
    loop = TransformedTargetRegressor(ridge)
    loop.transformer = make_pipeline(ridge, loop)
    found = list(estimators_within(GridSearchCV(loop, {"regressor": [ridge, LSTMRegressor]})))
    kinds = ["GridSearchCV", "TransformedTargetRegressor", "Ridge", "Pipeline"]
    assert [type(one).__name__ for one in found] == kinds


# Quantiles on one side of the median --------------------------------------------------------------


def quantile_network(quantiles):
    return LSTMRegressor(**TINY, loss="quantile", quantiles=quantiles)


def test_quantiles_on_one_side_warn_once_and_the_cure_gives_them():
    # Two fits of the network within one; each would warn, and not at this line.
    model = forecaster(quantile_network((0.9,)), regressor_weight="auto", intervals="conformal")
    with pytest.warns(UserWarning, match=r"quantiles=\(0.9,\) of the regressor lie above") as seen:
        model.fit(SERIES)
    with pytest.warns(UserWarning, match=r"forecast is the median .* predict.level=80.") as folds:
        backtest(model, SERIES, horizon=2, n_folds=2)
    assert [warning.filename for warning in [*seen, *folds]] == [__file__] * 2
    message = str(seen[0].message)
    wanted = re.search(r"Set regressor__quantiles=(\(.*\)) and intervals='quantile'", message)
    model.set_params(regressor__quantiles=eval(wanted[1]), intervals="quantile").fit(SERIES)
    above = model.predict(level=80)["hi-80"] > model.predict()
    assert above.all()


def test_quantiles_on_both_sides_or_of_another_loss_are_silent():
    forecaster(quantile_network((0.1, 0.9))).fit(SERIES)
    forecaster(LSTMRegressor(**TINY, quantiles=(0.9,))).fit(SERIES)


def test_a_regressor_that_predicts_only_when_fitted_is_one():
    series = np.arange(40.0) % 7
    stack = StackingRegressor([("a", Ridge()), ("b", Ridge(9))])
    Forecaster(stack, window=7, horizon=2).fit(series)
    hidden = StackingRegressor([("a", Ridge()), ("b", LSTMRegressor())])
    with pytest.raises(ValueError, match="StackingRegressor around LSTMRegressor"):
        Forecaster(hidden, window=7).fit(series)


@pytest.mark.parametrize("inner", [Ridge(), LSTMRegressor()])
def test_a_frozen_regressor_is_refused(inner):
    with pytest.raises(ValueError, match="FrozenEstimator around .* learns from the rows"):
        Forecaster(FrozenEstimator(inner), window=7).fit(np.arange(40.0) % 7)
