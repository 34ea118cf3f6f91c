"""Errors keep what they carry, whichever way they travel."""

import copy
import pickle

import pytest
from joblib import Parallel, delayed

from seqforecast import DivergenceError, Forecaster, GRURegressor, ParameterError
from seqforecast.datasets import load_airline

REASON, CURE = "season=9 is too long.", "Use a shorter season."


ERRORS = (
    ParameterError(REASON, parameter="season", cure=CURE),
    DivergenceError("diverged", culprit="the target", step=7),
)


def raised(error):
    """Return what a worker process raised."""

    def fail(_):
        raise error

    with pytest.raises(type(error)) as caught:
        Parallel(n_jobs=2)(delayed(fail)(k) for k in range(2))
    return caught.value


@pytest.mark.parametrize("error", ERRORS)
def test_errors_keep_what_they_carry(error):
    for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error), raised(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        carried = vars(error).items()
        assert carried
        assert carried <= vars(again).items()


def test_a_forecaster_says_which_parameter_to_change():
    forecaster = Forecaster(GRURegressor(), horizon=3, season=500)
    with pytest.raises(ParameterError, match="season=500 needs more than 500 values") as caught:
        forecaster.fit(load_airline())
    assert caught.value.parameter == "season"
    assert str(caught.value) == f"{caught.value.reason} {caught.value.cure}"
    assert isinstance(caught.value, ValueError)
