"""Parameters of callbacks, by ``callbacks__name__parameter``."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import EarlyStopping, EpochTimer, LRScheduler

from seqforecast import Forecaster, LSTMRegressor
from seqforecast.callbacks import GradientClipping
from seqforecast.clipping import ClipNorm

X = np.random.default_rng(0).standard_normal((60, 6)).cumsum(axis=1)
Y = X[:, -1] + X[:, 0]


def stopping(**params):
    return EarlyStopping(monitor="train_loss", **params)


def test_get_params_lists_callbacks_by_the_names_of_skorch():
    first, second, third = stopping(), stopping(patience=9), LRScheduler("StepLR", step_size=2)
    model = LSTMRegressor(callbacks=[first, ("late", second), third, EpochTimer, EpochTimer()])
    params = model.get_params()
    assert params["callbacks__EarlyStopping"] is first
    assert params["callbacks__EarlyStopping__patience"] == 5
    assert params["callbacks__late__patience"] == 9
    assert params["callbacks__LRScheduler__step_size"] == 2
    assert params["callbacks__EpochTimer_1"] is EpochTimer
    assert isinstance(params["callbacks__EpochTimer_2"], EpochTimer)
    assert "callbacks__late" not in model.get_params(deep=False)
    net = model.set_params(max_epochs=2, hidden_size=2).fit(X, Y).net_
    known = {name.removeprefix("callbacks__").partition("__")[0] for name in params}
    assert {name for name, _ in net.callbacks_} - {"gradient_flow"} <= known


def test_set_params_changes_a_copy():
    first, second = stopping(), stopping()
    model = LSTMRegressor(callbacks=[first, second])
    assert model.set_params(callbacks__EarlyStopping_2__patience=3, lr=0.5) is model
    assert model.lr == 0.5
    assert [callback.patience for callback in model.callbacks] == [5, 3]
    assert model.callbacks[0] is first
    assert second.patience == 5
    model.set_params(callbacks__EarlyStopping_1__patience=2, callbacks__EarlyStopping_2__patience=4)
    assert [callback.patience for callback in model.callbacks] == [2, 4]


def test_set_params_makes_a_callback_of_a_class():
    model = LSTMRegressor(callbacks=[EarlyStopping]).set_params(
        callbacks__EarlyStopping__monitor="train_loss"
    )
    assert model.callbacks[0].monitor == "train_loss"


def test_set_params_puts_another_callback_in_the_place_or_none():
    model = LSTMRegressor(callbacks=[stopping(), stopping(), EpochTimer()])
    timer = EpochTimer()
    model.set_params(callbacks__EarlyStopping_1=timer)
    # The others keep their names, although there is only one EarlyStopping now.
    names = [name for name, _ in model.callbacks]
    assert names == ["EarlyStopping_1", "EarlyStopping_2", "EpochTimer"]
    assert model.callbacks[0][1] is timer
    model.set_params(callbacks__EarlyStopping_2=None)
    assert [name for name, _ in model.callbacks] == ["EarlyStopping_1", "EpochTimer"]


def test_set_params_sets_a_parameter_of_the_callback_that_comes_with_it():
    model = LSTMRegressor(callbacks=[("stop", stopping())])
    new = stopping(patience=9)
    model.set_params(callbacks__stop__threshold=0.5, callbacks__stop=new)
    assert (model.callbacks[0][1].patience, model.callbacks[0][1].threshold) == (9, 0.5)
    assert new.threshold == 1e-4


def test_set_params_changes_a_parameter_of_a_parameter_on_a_copy():
    limit = GradientClipping(ClipNorm(2.0))
    model = LSTMRegressor(gradient_clipping=None, callbacks=[limit])
    model.set_params(callbacks__GradientClipping__strategy__max_norm=5.0)
    assert model.callbacks[0].strategy.max_norm == 5.0
    assert limit.strategy.max_norm == 2.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"callbacks__start__patience": 3}, "no callback is called 'start'; one of .'stop'. is"),
        ({"callbacks__stop__patient": 3}, "Invalid parameter 'patient'"),
        ({"callbacks__stop": None, "callbacks__stop__patience": 3}, "callbacks__stop=None leaves"),
    ],
)
def test_set_params_says_what_there_is(given, message):
    callback = stopping()
    model = LSTMRegressor(callbacks=[("stop", callback)])
    with pytest.raises(ValueError, match=message):
        model.set_params(**given)
    assert model.callbacks == [("stop", callback)]
    assert callback.patience == 5


def test_two_callbacks_of_one_name_are_not_mixed_up():
    model = LSTMRegressor(callbacks=[("EpochTimer_1", stopping()), EpochTimer(), EpochTimer()])
    with pytest.raises(ValueError, match="3 callbacks have the names .*a name for each is needed"):
        model.set_params(callbacks__EpochTimer_2=None)
    assert model.get_params()["callbacks__EpochTimer_2"] is model.callbacks[2]


def test_set_params_without_callbacks_says_so():
    with pytest.raises(ValueError, match="no callback is called 'stop'; one of .. is needed"):
        LSTMRegressor().set_params(callbacks__stop__patience=3)


def test_a_search_sets_parameters_of_callbacks_within_a_pipeline():
    callback = stopping(threshold=1e9)  # the first epoch sets the mark, and no other beats it
    model = make_pipeline(
        FunctionTransformer(),
        LSTMRegressor(hidden_size=2, max_epochs=9, random_state=0, callbacks=[callback]),
    )
    grid = {"lstmregressor__callbacks__EarlyStopping__patience": [1, 4]}
    search = GridSearchCV(model, grid, cv=TimeSeriesSplit(2), refit=False).fit(X, Y)
    assert search.cv_results_["params"] == [
        {"lstmregressor__callbacks__EarlyStopping__patience": n} for n in (1, 4)
    ]
    assert callback.patience == 5
    for patience in (1, 4):
        fitted = clone(model).set_params(**{next(iter(grid)): patience}).fit(X, Y)
        assert fitted[-1].n_iter_ == 1 + patience


def test_a_forecaster_sets_parameters_of_callbacks_of_its_regressor():
    model = Forecaster(LSTMRegressor(callbacks=[stopping()]), window=6)
    model.set_params(regressor__callbacks__EarlyStopping__patience=3)
    assert model.get_params()["regressor__callbacks__EarlyStopping__patience"] == 3
