"""What the tests of save and load share: small data, and what it means to be the same."""

import dataclasses
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from skorch.callbacks import Callback

from seqforecast import load, make_windows, save


@pytest.fixture
def reloaded(tmp_path):
    """Return a function: save an estimator, and return what is loaded."""

    def reload(estimator):
        path = tmp_path / "model.safetensors"
        save(estimator, path)
        return load(path)

    return reload


def _same_arrays(a, b, where):
    assert a.dtype == b.dtype, where
    np.testing.assert_array_equal(a, b, err_msg=where)


def _same_items(a, b, where):
    assert len(a) == len(b), where
    for k, (one, other) in enumerate(zip(a, b, strict=True)):
        assert_same(one, other, f"{where}[{k}]")


def _same_dicts(a, b, where):
    assert list(a) == list(b), where
    for key in a:
        assert_same(a[key], b[key], f"{where}[{key!r}]")


def _same_params(a, b, where):
    assert_same(a.get_params(deep=False), b.get_params(deep=False), where)


def _same_generators(a, b, where):
    assert_same(a.get_state(legacy=False), b.get_state(legacy=False), where)


def _same_partials(a, b, where):
    assert_same((a.func, a.args, a.keywords), (b.func, b.args, b.keywords), where)


COMPARISONS = (
    (np.ndarray, _same_arrays),
    (pd.DataFrame, lambda a, b, _: pd.testing.assert_frame_equal(a, b, check_exact=True)),
    (pd.Series, lambda a, b, _: pd.testing.assert_series_equal(a, b, check_exact=True)),
    (pd.Index, lambda a, b, _: pd.testing.assert_index_equal(a, b)),
    (dict, _same_dicts),
    ((list, tuple), _same_items),
    ((BaseEstimator, Callback), _same_params),
    (np.random.RandomState, _same_generators),
    (partial, _same_partials),
)


def assert_same(a, b, where="it"):
    """Compare values of any kind: types, bits, attributes."""
    assert type(a) is type(b), f"{where}: {type(a)} and {type(b)}"
    compare = next((how for kind, how in COMPARISONS if isinstance(a, kind)), None)
    if compare is not None:
        compare(a, b, where)
    elif dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            name = field.name
            assert_same(getattr(a, name), getattr(b, name), f"{where}.{name}")
    else:
        assert a == b or (a != a and b != b), where  # NaN is not equal to itself


@pytest.fixture(name="same")
def same_fixture():
    return assert_same


@pytest.fixture(scope="session")
def wave():
    """A noisy season of six steps around 20."""
    noise = np.random.default_rng(0).standard_normal(46)
    return 20.0 + 5.0 * np.sin(np.arange(46) * np.pi / 3) + noise


@pytest.fixture(scope="session")
def windows(wave):
    """36 flat windows of 6 steps, and the next 2 values of each."""
    return make_windows(wave, window=6, horizon=2)
