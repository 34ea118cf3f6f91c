"""A training that blows up ends in words, with weights that can be used."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold

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
            DivergenceError, match=r"after 1 step\(s\) the network forecasts .* lower lr"
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
