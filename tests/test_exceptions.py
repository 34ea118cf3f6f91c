"""Errors keep what they carry, whichever way they travel."""

import copy
import pickle

import pytest
from joblib import Parallel, delayed

from seqforecast import DivergenceError, Forecaster, GRURegressor, ParameterError
from seqforecast.datasets import load_airline

REASON, CURE = "season=9 is too long.", "Use a shorter season."


def travelled(error):
    """Return what a worker process raised."""
    with pytest.raises(type(error)) as caught:
        Parallel(n_jobs=2)(delayed(_raise)(error) for _ in range(2))
    return caught.value


def _raise(error):
    raise error


@pytest.mark.parametrize(
    ("error", "carried"),
    [
        (
            ParameterError(REASON, parameter="season", cure=CURE),
            {"reason": REASON, "parameter": "season", "cure": CURE},
        ),
        (
            DivergenceError("diverged", culprit="the target", step=7),
            {"culprit": "the target", "step": 7},
        ),
    ],
    ids=["parameter", "divergence"],
)
def test_errors_survive_pickling_and_processes(error, carried):
    for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error), travelled(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert {name: getattr(again, name) for name in carried} == carried


def test_a_forecaster_says_which_parameter_to_change():
    forecaster = Forecaster(GRURegressor(), horizon=3, season=500)
    with pytest.raises(ParameterError, match="season=500 needs more than 500 values") as caught:
        forecaster.fit(load_airline())
    assert caught.value.parameter == "season"
    assert str(caught.value) == f"{caught.value.reason} {caught.value.cure}"
    assert isinstance(caught.value, ValueError)
