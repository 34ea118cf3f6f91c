"""Numbers, as they are written for people."""

import numpy as np
import pytest

from seqforecast._shared.numbers import number, percent, same_decimals, short


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (12.34567, "12.35"), (12345.678, "12,346"), (1e-7, "1.000e-07"),
     (0.0, "0"), (np.nan, "unknown"), (np.inf, "infinite"), (-2.5, "-2.5"), (1e12, "1.000e+12")],
)  # fmt: skip
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [(0.12345, 3, "12.3 %"), (0.999, 2, "100 %"), (0.999, 3, "99.9 %"), (1.0, 2, "100 %"),
     (0.0004, 2, "0.04 %"), (0.0, 3, "0 %"), (np.nan, 3, "unknown")],
)  # fmt: skip
def test_percent(share, digits, text):
    assert percent(share, digits) == text


def test_short_numbers_have_no_exponent():
    assert [short(value) for value in (0.0123, 12.3, 12345.0)] == ["0.012", "12", "12000"]


@pytest.mark.parametrize(
    ("values", "size", "texts"),
    [
        ([371.25, 372.0, 379.9], 8.65, ["371.25", "372.00", "379.90"]),
        ([100.4, 900.6], 800, ["100", "901"]),
        ([np.nan, 1.0, np.inf], 1, ["-", "1.00", "inf"]),
        ([12345.6, 1.0], 12344, ["12346", "1"]),
        ([3e15, 1.0], 3e15, ["3.00e+15", "1.00e+00"]),
        ([3e-15, 0.0], 3e-15, ["3.00e-15", "0.00e+00"]),
        ([0.0, 0.0], 0, ["0", "0"]),
        ([], 1, []),
    ],
)
def test_same_decimals(values, size, texts):
    assert same_decimals(values, size, 3) == texts


def test_words_and_commas_are_the_caller_s():
    written = same_decimals([12345.6, np.nan], 1.0, 2, unknown="unknown", comma=",")
    assert written == ["12,345.6", "unknown"]
