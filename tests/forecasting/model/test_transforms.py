"""What is done to the values, and undone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)

from seqforecast.forecasting.model.transforms import fit_transform_of

POSITIVE = np.random.default_rng(0).lognormal(size=60)
DECREASING = FunctionTransformer(np.negative, np.negative)
ALL = [
    "auto",
    "log",
    None,
    StandardScaler(),
    PowerTransformer(),
    FunctionTransformer(np.log1p, np.expm1),
    DECREASING,
    make_pipeline(FunctionTransformer(np.sqrt, np.square), MinMaxScaler()),
]


@pytest.mark.parametrize("transform", ALL, ids=str)
def test_there_and_back(transform):
    values = POSITIVE.copy()
    values[[3, 17]] = np.nan
    fitted = fit_transform_of(transform, values)
    transformed = fitted.forward(values)
    np.testing.assert_array_equal(np.isnan(transformed), np.isnan(values))
    known = ~np.isnan(values)
    np.testing.assert_allclose(fitted.inverse(transformed[known]), values[known], rtol=1e-9)
    table = transformed[20:40].reshape(4, 5)
    np.testing.assert_allclose(fitted.inverse(table), POSITIVE[20:40].reshape(4, 5), rtol=1e-9)
    # One value at a time is the same: no order, no neighbours; nor must a value be known.
    each = [fitted.forward(values[k : k + 1])[0] for k in range(len(values))]
    np.testing.assert_allclose(each, transformed, rtol=1e-12)


@given(st.lists(st.one_of(st.just(np.nan), st.floats(1e-300, 1e300)), min_size=1))
def test_log_is_the_logarithm_of_what_is_known(values):
    values = np.array(values)
    log = fit_transform_of("log", values)
    known = ~np.isnan(values)
    np.testing.assert_array_equal(log.forward(values)[known], np.log(values[known]))
    assert np.isnan(log.forward(values)[~known]).all()
    assert log.relative
    assert log.parameter == "log"


@pytest.mark.parametrize(
    ("values", "parameter"),
    [([1.0, 2], "log"), ([1.0, np.nan, 1e-9], "log"), ([1.0, 0.0], None), ([-1.0, np.nan], None)],
)
def test_auto_takes_the_logarithm_of_positive_values(values, parameter):
    fitted = fit_transform_of("auto", np.array(values))
    assert fitted.parameter == parameter
    assert fitted.relative == (parameter == "log")
    # What was decided can be asked for, and is decided again in the same way.
    assert type(fit_transform_of(fitted.parameter, np.array(values))) is type(fitted)


def test_none_leaves_values_alone():
    values = np.array([-1.0, np.nan, 3.0])
    fitted = fit_transform_of(None, values)
    np.testing.assert_array_equal(fitted.forward(values), values)
    np.testing.assert_array_equal(fitted.inverse(values), values)
    assert not fitted.relative
    assert fitted.parameter is None


def test_a_transformer_sees_all_known_values_as_one_column_and_is_not_changed():
    mine = StandardScaler()
    values = np.array([1.0, np.nan, 3.0, 8.0])
    fitted = fit_transform_of(mine, values)
    assert not hasattr(mine, "mean_")
    assert fitted.parameter.mean_ == [4.0]
    assert not fitted.relative
    assert fitted.forward(np.array([4.0, np.nan]))[0] == 0.0
    decreasing = fit_transform_of(DECREASING, values).forward(values)
    np.testing.assert_array_equal(decreasing, -values)


def test_a_transformer_that_gives_another_container_is_read_all_the_same():
    values = POSITIVE[:10]
    framed = StandardScaler().set_output(transform="pandas")
    plain = fit_transform_of(StandardScaler(), values)
    np.testing.assert_array_equal(
        fit_transform_of(framed, values).forward(values), plain.forward(values)
    )
    uniform = fit_transform_of(QuantileTransformer(n_quantiles=10), values)
    np.testing.assert_allclose(uniform.inverse(uniform.forward(values)), values, rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, -2.5])
def test_the_logarithm_of_what_is_not_positive_is_refused(value):
    message = f"transform is 'log', .* the target falls to {value:g}; .* Pass transform=None"
    values = np.array([3.0, np.nan, value])
    with pytest.raises(ValueError, match=message):
        fit_transform_of("log", values).forward(values)
    with pytest.raises(ValueError, match=message):
        fit_transform_of("log", POSITIVE).forward(values)


@pytest.mark.parametrize(
    ("transform", "kind", "message"),
    [
        (
            "sqrt",
            ValueError,
            "transform='sqrt'; one of 'auto', 'log', None or a transformer is needed",
        ),
        (np.log, TypeError, "no object with transform and inverse_transform; .* Pass"),
        (3, TypeError, "transform=3 is no object with transform"),
    ],
)
def test_no_transform(transform, kind, message):
    with pytest.raises(kind, match=message):
        fit_transform_of(transform, POSITIVE)


def test_a_transformer_that_leaves_the_numbers_is_refused():
    with np.errstate(all="ignore"):
        fitted = fit_transform_of(FunctionTransformer(np.log, np.exp), np.array([1.0, 0.0]))
        with pytest.raises(ValueError, match="turns values into NaN or infinity; .* Use another"):
            fitted.forward(np.array([1.0, 0.0]))
