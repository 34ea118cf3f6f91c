"""A training that blows up ends in words, with weights that can be used."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold
from skorch.callbacks import Callback

from seqforecast import DivergenceError, LSTMRegressor, RNNRegressor, make_windows

X, Y = make_windows(10 + np.random.default_rng(0).standard_normal(46), window=6)


def small(kind=LSTMRegressor, **params):
    return kind(**{"hidden_size": 4, "max_epochs": 2, "random_state": 0, **params})


def diverging(kind=LSTMRegressor, **params):
    params = {"optimizer": "sgd", "lr": 1e30, "gradient_clipping": None, "batch_size": 8, **params}
    return small(kind, **params)


def test_divergence_in_the_first_epoch_still_predicts_finite_values(regressor):
    model = diverging(regressor)
    with pytest.raises(
        DivergenceError,
        match=r"gradient was not finite in 3 steps in a row, from step \d+ on: first in .* "
        r"lower lr \(now 1e\+30\) or set gradient_clipping. The best weights so far are in place.",
    ) as error:
        model.fit(X, Y)
    assert 1 <= error.value.step <= 5
    assert error.value.culprit in str(error.value)
    forecast = model.predict(X)
    assert np.isfinite(forecast).all()
    # The best so far are the first weights: in scaled units a forecast near the mean.
    assert np.abs(forecast - Y.mean()).max() < 5 * Y.std()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), forecast)


def test_divergence_later_brings_the_best_weights_back(regressor):
    model = small(regressor, batch_size=8, warm_start=True, max_epochs=3).fit(X, Y)
    expected = model.predict(X)
    model.set_params(lr=1e38, gradient_clipping=None)
    with pytest.raises(DivergenceError):
        model.fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), expected)
    # And it can go on from there.
    model.set_params(lr=1e-3, gradient_clipping=1.0).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()


def test_divergence_pickles_with_culprit_and_step():
    with pytest.raises(DivergenceError) as raised:
        diverging().fit(X, Y)
    copy = pickle.loads(pickle.dumps(raised.value))
    assert isinstance(copy, DivergenceError)
    assert str(copy) == str(raised.value)
    assert (copy.culprit, copy.step) == (raised.value.culprit, raised.value.step)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_divergence_inside_a_search_is_a_candidate_with_error_score(n_jobs):
    search = GridSearchCV(
        diverging(), {"lr": [1e-3, 1e30]}, cv=KFold(2), error_score=-99, n_jobs=n_jobs
    )
    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 4(.|\n)*Divergence"):
        search.fit(X, Y)
    assert search.best_params_ == {"lr": 1e-3}
    assert search.cv_results_["mean_test_score"][1] == -99


def test_a_last_step_that_leads_too_far_is_an_error():
    # All of its steps are finite: the weights of the last one overflow in a forecast.
    walk = np.random.default_rng(0).normal(size=(40, 17)).cumsum(axis=1)
    model = small(
        RNNRegressor, nonlinearity="relu", lr=100, max_epochs=1, batch_size=1000, hidden_size=8
    )
    with (
        pytest.warns(UserWarning, match="batch_size=1000"),
        pytest.raises(
            DivergenceError,
            match=r"after 1 step\(s\) infinity or NaN is in the forecasts; .* lower lr",
        ),
    ):
        model.fit(walk, walk[:, -1])
    assert np.isfinite(model.predict(walk)).all()  # the first weights


def test_a_last_step_that_leads_too_far_keeps_what_was_fitted():
    walk = np.random.default_rng(0).normal(size=(40, 17)).cumsum(axis=1)
    model = small(RNNRegressor, nonlinearity="relu", hidden_size=8, warm_start=True)
    expected = model.fit(walk, walk[:, -1]).predict(walk)
    model.set_params(lr=100.0, max_epochs=1, max_steps=1)
    with pytest.raises(DivergenceError):
        model.fit(walk, walk[:, -1])
    np.testing.assert_array_equal(model.predict(walk), expected)


# Weights that are not finite at the end -----------------------------------------------------------


class PutAtTheEnd(Callback):
    """Put a value into a weight: after the last epoch, or when all is over, as `load_best` does."""

    def __init__(self, value, last_turn):
        self.value = value
        self.last_turn = last_turn

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.before_ = {name: v.clone() for name, v in net.module_.state_dict().items()}
        if not self.last_turn and len(net.history) % 2 == 0:
            self.put(net)

    def on_train_end(self, net, X=None, y=None, **kwargs):
        if self.last_turn:
            self.put(net)

    def put(self, net):
        with torch.no_grad():
            net.module_.recurrent.weight_hh_l0[0, 0] = self.value


@pytest.mark.parametrize("last_turn", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_at_the_end_are_an_error(regressor, value, last_turn):
    model = small(regressor, early_stopping=False, callbacks=[PutAtTheEnd(value, last_turn)])
    cure = "A callback loaded them in on_train_end" if last_turn else "lower lr"
    with pytest.raises(
        DivergenceError, match=f"is in parameter 'recurrent.weight_hh_l0'; finite.*{cure}"
    ) as error:
        model.fit(X, Y)
    assert error.value.culprit == "parameter 'recurrent.weight_hh_l0'"
    # The best weights are those before: the losses fell.
    assert model.history_["train_loss"].is_monotonic_decreasing
    put = next(one for _, one in model.net_.callbacks_ if isinstance(one, PutAtTheEnd))
    kept = model.net_.module_.state_dict()
    assert all(torch.equal(kept[name], values) for name, values in put.before_.items())


def test_a_pass_whose_weights_are_not_finite_keeps_those_before(regressor):
    model = small(regressor, callbacks=[PutAtTheEnd(np.inf, last_turn=True)])
    with pytest.raises(DivergenceError):
        model.partial_fit(X, Y)
    expected = model.predict(X)
    with pytest.raises(DivergenceError):
        model.partial_fit(X, Y)
    assert np.isfinite(expected).all()
    assert np.isfinite(model.predict(X)).all()


def test_an_error_of_its_own_stays_where_a_callback_then_breaks_the_weights():
    model = diverging(callbacks=[PutAtTheEnd(np.nan, last_turn=True)])
    with pytest.raises(DivergenceError, match="3 steps in a row"):
        model.fit(X, Y)
    assert np.isfinite(model.predict(X)).all()


def test_the_best_epoch_that_led_too_far_gives_way_to_the_one_before():
    class LeadTooFar(Callback):
        def on_batch_end(self, net, batch=None, training=None, **kwargs):
            if len(net.history) == 3:  # after the loss of its only batch
                with torch.no_grad():
                    net.module_.head.linear.bias[0] = np.inf

    twin = small(max_epochs=2, batch_size=len(X), early_stopping=False).fit(X, Y)
    model = small(max_epochs=3, batch_size=len(X), early_stopping=False, callbacks=[LeadTooFar()])
    with pytest.raises(DivergenceError, match="head.linear.bias"):
        model.fit(X, Y)
    assert model.history_["train_loss"].idxmin() == 3
    np.testing.assert_allclose(model.predict(X), twin.predict(X), rtol=1e-6)
    assert model.net_.best_epoch_ == 2
