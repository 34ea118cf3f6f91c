"""The rows that stand for all combinations of parameters."""

from itertools import combinations, product

import pytest

from tests.covering import covering

FACTORS = [
    ("abc", "xy", range(4)),
    ("abcd", range(7), [1, 2, 3], [False, True], [False, True]),
    ([{}, {"lr": 1}], [None, 3], "abc", ["x"]),
]


@pytest.mark.parametrize("strength", [2, 3])
@pytest.mark.parametrize("factors", FACTORS)
def test_any_values_of_so_many_factors_meet(factors, strength):
    rows = covering(*factors, strength=strength)
    for places in combinations(range(len(factors)), strength):
        met = [tuple(row[k] for k in places) for row in rows]
        for values in product(*(factors[k] for k in places)):
            assert values in met


@pytest.mark.parametrize("factors", FACTORS)
def test_rows_are_few_of_the_product_and_always_the_same(factors):
    rows, every = covering(*factors), list(product(*factors))
    assert all(row in every for row in rows)
    largest, second = sorted(map(len, factors))[:-3:-1]
    assert largest * second <= len(rows) <= 1.5 * largest * second
    assert rows == covering(*factors)
