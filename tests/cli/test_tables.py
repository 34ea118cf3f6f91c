"""Tables within 80 columns, numbers with the digits that they need."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqforecast.cli.tables import aligned, short_numbers, shown_rows, table

NUMBERS = st.floats(allow_infinity=False, width=32) | st.just(float("nan"))


@given(
    st.lists(st.tuples(st.text(max_size=40), NUMBERS), min_size=1, max_size=40),
    st.integers(1, 12),
)
def test_no_table_is_wider_than_80_columns(rows, n_columns):
    names, values = zip(*rows, strict=True)
    names = ["".join(name.split()) for name in names]
    frame = pd.DataFrame({"series": names} | {f"hi-{k}": values for k in range(n_columns)})
    text, hidden = table(shown_rows(frame))
    assert max(map(len, text.splitlines())) <= 80
    assert all(name in text.splitlines()[0] or name in hidden for name in frame.columns)


def test_a_long_table_shows_both_ends_and_counts_what_it_leaves_out():
    frame = pd.DataFrame({"step": np.arange(100)})
    lines = table(shown_rows(frame))[0].splitlines()
    assert [int(line) for line in lines[1:13]] == list(range(12))
    assert lines[13] == "... 82 more rows ..."
    assert [int(line) for line in lines[14:]] == list(range(94, 100))


def test_a_short_table_is_whole():
    frame = pd.DataFrame({"step": np.arange(26)})
    assert len(table(shown_rows(frame))[0].splitlines()) == 27


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1.6525, 0.47823], ["1.653", "0.478"]),
        ([1234.5678, 0.5], ["1235", "0"]),
        ([0.0012345, np.nan], ["0.001234", "-"]),
        ([3e15, 1.0], ["3.000e+15", "1.000e+00"]),
        ([0.0, 0.0], ["0", "0"]),
    ],
)
def test_numbers_have_the_digits_that_the_largest_needs(values, texts):
    assert short_numbers(values) == texts


def test_dates_lose_midnight_only_where_all_are_days():
    days = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=2, freq="D")})
    assert table(shown_rows(days))[0].splitlines()[1:] == ["2024-01-01", "2024-01-02"]
    hours = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=2, freq="h")})
    first, second = table(shown_rows(hours))[0].splitlines()[1:]
    assert (first, second) == ("2024-01-01 00:00:00", "2024-01-01 01:00:00")


def test_words_stand_left_and_numbers_right():
    assert aligned([["error", "a"], ["MAE", "10"]]) == "error   a\nMAE    10"
    assert aligned([["step", "a"], ["1", "10"]]) == "step   a\n   1  10"
