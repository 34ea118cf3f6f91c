"""Checks of parameters and arrays: verdicts equal numpy's, messages say what to do."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from seqforecast._shared import checks
from seqforecast._shared.checks import (
    check_flag,
    check_integer,
    check_number,
    check_quantiles,
    check_word,
    require_finite,
)
from seqforecast.containers.windows import targets_array, windows_array
from tests.properties import examples

# Parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1, 7, np.int8(3), 2**63 - 1])
def test_integer_of_at_least_one_passes(value):
    check_integer("size", value)


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", True, np.True_, None, math.nan])
def test_integer_anything_else_raises(value):
    with pytest.raises(ValueError, match=r"^size=.*; an integer of at least 1 is needed. Set size"):
        check_integer("size", value)


def test_integer_minimum_is_its_own():
    check_integer("size", 0, minimum=0)
    with pytest.raises(ValueError, match="at least 5"):
        check_integer("size", 4, minimum=5)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.25), np.int64(0)])
def test_number_in_the_interval_passes(value):
    check_number("share", value, low=0, high=1)


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, math.nan, math.inf, "0.5", True, None, 0.5j])
def test_number_outside_the_interval_raises(value):
    message = r"^share=.*; a number of at least 0 and below 1 is needed. Set share to "
    with pytest.raises(ValueError, match=message):
        check_number("share", value, low=0, high=1)


def test_number_closed_high_takes_the_end_in():
    for value in (0, 0.5, 1, np.float32(1)):
        check_number("share", value, low=0, high=1, closed_high=True)
    for value in (-0.1, np.nextafter(1, 2), math.nan, math.inf, True):
        with pytest.raises(ValueError, match=r"; a number of at least 0 and at most 1 is needed. "):
            check_number("share", value, low=0, high=1, closed_high=True)
    message = r"^share=0; a number above 0 and at most 1 is needed"
    with pytest.raises(ValueError, match=message):
        check_number("share", 0, low=0, high=1, open_low=True, closed_high=True)


def test_number_open_low_leaves_the_end_out():
    check_number("lr", 1e-300, low=0, open_low=True)
    with pytest.raises(ValueError, match=r"^lr=0; a number above 0 is needed"):
        check_number("lr", 0, low=0, open_low=True)
    with pytest.raises(ValueError, match=r"^lr=inf; a number is needed"):
        check_number("lr", math.inf)


@pytest.mark.parametrize("value", [1, 0, "True", None])
def test_flag_other_than_a_bool_raises(value):
    check_flag("warm_start", True)
    check_flag("warm_start", np.False_)
    with pytest.raises(ValueError, match=rf"^warm_start={value!r}; True or False is needed"):
        check_flag("warm_start", value)


WORDS = ["standard", "window", None]


@pytest.mark.parametrize("value", WORDS)
def test_word_that_is_allowed_passes(value):
    check_word("scaling", value, WORDS)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("standart", "Did you mean 'standard'?"),
        ("windows", "Did you mean 'window'?"),
        ("Standard", "Did you mean 'standard'?"),
        ("None", "scaling among them."),
        ("xyz", "scaling among them."),
        (3, "scaling among them."),
        (np.array(["window", "window"]), "scaling among them."),
    ],
)
def test_word_with_a_typo_is_answered_with_the_nearest(value, advice):
    with pytest.raises(ValueError, match="one of 'standard', 'window', None is needed") as caught:
        check_word("scaling", value, WORDS)
    assert str(caught.value).startswith(f"scaling={value!r}; ")
    assert advice in str(caught.value)


def test_word_other_is_named_and_words_may_be_any_iterable():
    with pytest.raises(ValueError, match="one of 'adam', 'sgd' or a class is needed"):
        check_word("optimizer", "adagrad", iter(["adam", "sgd"]), other="a class")
    check_word("optimizer", "sgd", {"adam": 1, "sgd": 2})


@pytest.mark.parametrize("value", [(0.5,), [0.1, 0.9], np.array([0.9, 0.1]), (1e-9,)])
def test_quantiles_different_levels_pass(value):
    check_quantiles(value)


@pytest.mark.parametrize(
    "value", [(), (0.0, 0.5), (0.5, 1), (0.5, 0.5), (math.nan,), "ab", None, 0.5, (None,)]
)
def test_quantiles_anything_else_raises(value):
    with pytest.raises(ValueError, match=r"^quantiles=.*different numbers between 0 and 1"):
        check_quantiles(value)


# Arrays -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_windows_array_numeric_view_stays_a_view(dtype):
    series = np.arange(20, dtype=dtype)
    view = sliding_window_view(series, 4)
    for windows in (view, view[..., None]):
        result = windows_array(windows, owner="Owner")
        assert np.shares_memory(result, series)
        assert result.dtype == dtype
        assert result.shape == windows.shape


def test_windows_array_frame_becomes_an_array():
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    assert windows_array(frame, owner="Owner").tolist() == [[1, 0.5], [2, 1.5]]


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2, 2)])
def test_windows_array_other_rank_raises(shape):
    with pytest.raises(ValueError, match=r"^X has shape .*is needed. Reshape your data: a single"):
        windows_array(np.zeros(shape), owner="Owner")


def test_targets_array_missing_or_of_other_rank_raises():
    with pytest.raises(ValueError, match=r"This Owner estimator requires y .* target y is None"):
        targets_array(None, owner="Owner")
    with pytest.raises(ValueError, match=r"^y_val has shape \(1, 1, 1, 1\).*Reshape it"):
        targets_array(np.zeros((1, 1, 1, 1)), owner="Owner", name="y_val")
    for shape in ((3,), (3, 2), (3, 2, 1)):
        assert targets_array(np.full(shape, np.nan), owner="Owner").shape == shape


def array_of(form, seed):
    """Return an array and the memory behind it."""
    rng = np.random.default_rng(seed)
    n, window, channels, stride = (int(rng.integers(1, high)) for high in (12, 7, 4, 9))
    memory = rng.normal(size=(n * stride + window + 10, channels))
    if form == "views, 2 dimensions":
        memory = memory[:, 0].copy()
        array = sliding_window_view(memory, window)[::stride]
    elif form == "views of many channels":
        array = sliding_window_view(memory, window, axis=0).swapaxes(1, 2)[::stride]
    elif form == "views, flat rows of many channels":
        memory = memory.ravel()
        array = sliding_window_view(memory, window * channels)[:: channels * stride]
    elif form == "views backwards":
        memory = memory[:, 0].copy()
        array = sliding_window_view(memory, window)[::-stride]
    elif form == "views, steps backwards":
        memory = memory[:, 0].copy()
        array = sliding_window_view(memory, window)[:, ::-1]
    elif form == "views, every other step":
        memory = memory[:, 0].copy()
        array = sliding_window_view(memory, window)[::stride, ::2]
    elif form == "one row repeated":
        array = np.broadcast_to(memory[0], (n, channels))
    elif form == "column order":
        memory = np.asfortranarray(memory)
        array = memory[:n]
    else:
        memory = rng.normal(size=(n, window, channels)[: int(form[0])])
        array = memory
    return array, memory


FORMS = [
    "views, 2 dimensions",
    "views of many channels",
    "views, flat rows of many channels",
    "views backwards",
    "views, steps backwards",
    "views, every other step",
    "one row repeated",
    "column order",
    "1 dimension",
    "2 dimensions",
    "3 dimensions",
]
OVERLAP_IN_ROW_ORDER = FORMS[:3]


def expected_place(place, name):
    row, *rest = place
    if not rest:
        return f" in row {row};"
    if len(rest) == 1:
        return (
            f" in row {row};"
            if name == "y" and rest == [0]
            else f" in row {row}, column {rest[0]};"
        )
    return f" in row {row}, step {rest[0]}, {'channel' if name == 'X' else 'output'} {rest[1]};"


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=examples(60))
@given(
    seed=st.integers(0, 10_000),
    bad=st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from([math.nan, math.inf, -math.inf])),
        max_size=3,
    ),
    block=st.sampled_from([1, 5, 1 << 20]),
    allow_nan=st.booleans(),
)
def test_require_finite_any_array_equals_numpy_and_names_the_place(
    form, seed, bad, block, allow_nan
):
    array, memory = array_of(form, seed)
    for place, value in bad:
        memory.flat[place % memory.size] = value
    name = "y" if array.ndim == 1 else "X"
    wrong = np.isinf(array) if allow_nan else ~np.isfinite(array)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "_BLOCK", block)
        if not wrong.any():
            require_finite(array, name, allow_nan=allow_nan)
            return
        with pytest.raises(ValueError, match=f"^Input {name} contains ") as caught:
            require_finite(array, name, allow_nan=allow_nan)
    first = tuple(int(k) for k in np.argwhere(wrong)[0])
    value = "NaN" if np.isnan(array[first]) else "infinity"
    assert f" contains {value}{expected_place(first, name)}" in str(caught.value)


@pytest.mark.parametrize("form", OVERLAP_IN_ROW_ORDER)
def test_require_finite_overlapping_windows_reads_no_number_twice(form):
    parts = []
    for seed in range(50):
        array, memory = array_of(form, seed)
        read = sum(part.size for _, _, part in checks._distinct_parts(array))
        assert read == len(np.unique(places(array, memory)))
        parts.append((read, array.size))
    assert any(read < size for read, size in parts)


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_require_finite_every_single_place_is_found_whatever_the_strides(rows, steps):
    memory = np.zeros(30)
    array = sliding_window_view(memory, 9)[::rows, ::steps]
    for place in range(30):
        memory[:] = 0
        memory[place] = math.nan
        if np.isnan(array).any():
            with pytest.raises(ValueError, match="contains NaN"):
                require_finite(array, "X")
        else:
            require_finite(array, "X")


def places(array, memory):
    """Return the address of every element."""
    start = array.__array_interface__["data"][0]
    addresses = np.full(array.shape, start)
    for axis, (size, stride) in enumerate(zip(array.shape, array.strides, strict=True)):
        shape = [1] * array.ndim
        shape[axis] = size
        addresses += (np.arange(size) * stride).reshape(shape)
    assert memory.__array_interface__["data"][0] <= addresses.min()
    return addresses


def test_require_finite_names_the_column_of_a_frame():
    array = np.zeros((3, 2))
    array[2, 1] = math.nan
    with pytest.raises(ValueError, match="contains NaN in row 2, column 'price@lag0'; finite"):
        require_finite(array, "X", columns=["price@lag1", "price@lag0"])


def test_require_finite_names_step_and_output_of_targets():
    array = np.zeros((3, 4, 2))
    array[1, 3, 0] = math.inf
    with pytest.raises(
        ValueError, match="Input y_val contains infinity in row 1, step 3, output 0"
    ):
        require_finite(array, "y_val", allow_nan=True)


@pytest.mark.parametrize("array", [np.zeros((2, 3), int), np.zeros((2, 3), bool), np.empty((0, 3))])
def test_require_finite_nothing_to_find_passes(array):
    require_finite(array, "X")
