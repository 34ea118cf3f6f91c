"""Names of series keep their type, and are the same in any other type that holds them."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from seqforecast import backtest, evaluate, load, save
from seqforecast.displays.forecast_read import read_forecast
from seqforecast.forecasting.data.series_ids import as_known, find_ids, ids_of, join_ids
from tests.forecasting.data.id_kinds import KINDS, NUMBERS, TEXTS, VALUES, by_id, forecaster, rows

PAIRS = [
    (f"{kind} as {a}", f"{kind} as {b}")
    for kind, names in (("numbers", NUMBERS), ("texts", TEXTS))
    for a in names
    for b in names
]


def dtype_of(kind):
    """Return the type that results have: pandas looks nothing up in Arrow's dictionaries."""
    dtype = rows(kind, 0, 1)["unique_id"].dtype
    return pd.CategoricalDtype(pd.Index(["1", "2", "3"])) if "dictionary" in kind else dtype


@pytest.fixture(scope="module")
def plain():
    frame = rows("numbers as int", 0, 10)
    test = forecaster().fit(frame)
    return test.predict(), backtest(forecaster(), frame, horizon=2, n_folds=2)


def same_dtype(one, other):
    if isinstance(other, pd.CategoricalDtype):  # the type of the categories may be Arrow's
        return one.categories.tolist() == other.categories.tolist() and one.ordered == other.ordered
    if pd.__version__ < "3":  # it writes all kinds of text as "string", and so do files
        return str(one) == str(other)
    return one == other and repr(one) == repr(other)


@pytest.mark.parametrize("kind", KINDS)
def test_ids_of_any_type_give_the_forecasts_of_plain_ones_in_their_type(kind, plain, tmp_path):
    frame, dtype = rows(kind, 0, 10), dtype_of(kind)
    test = forecaster().fit(frame)
    save(test, tmp_path / "f.safetensors")
    for one in (test, pickle.loads(pickle.dumps(test)), load(tmp_path / "f.safetensors")):
        forecasts = one.predict()
        pd.testing.assert_series_equal(by_id(forecasts), by_id(plain[0]))
        assert same_dtype(forecasts["unique_id"].dtype, dtype)
        assert same_dtype(one.ids_.dtype, dtype)
    folds = backtest(forecaster(), frame, horizon=2, n_folds=2)
    assert same_dtype(folds["unique_id"].dtype, dtype)
    pd.testing.assert_series_equal(by_id(folds), by_id(plain[1]))
    by = evaluate(folds, "mae", by="series")
    assert same_dtype(by["unique_id"].dtype, dtype)
    expected = evaluate(plain[1], "mae", by="series").set_index("unique_id")["y_hat"]
    np.testing.assert_allclose(expected[by["unique_id"].astype(int)], by["y_hat"])


def index_of(kind, ids):
    of, make = KINDS[kind]
    return ids_of(make([of(name) for name in ids]))


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_every_type_finds_its_names_in_every_other(a, b):
    known, given = index_of(a, (3, 1, 2)), index_of(b, (1, 5, 3, 1))
    found = find_ids(known, given)
    assert found.tolist() == [1, -1, 0, 1]
    written = as_known(known, given, found)
    assert [str(int(name)) for name in written] == ["1", "5", "3", "1"]
    assert written.dtype.kind == known.dtype.kind
    if not isinstance(known.dtype, pd.CategoricalDtype):
        assert same_dtype(written.dtype, known.dtype)


@pytest.mark.parametrize(("a", "b"), [pair for pair in PAIRS if "objects" in pair[1]])
def test_equal_ids_of_other_types_are_the_same_series(a, b):
    test = forecaster().fit(rows(a, 0, 10))
    dtype, ids = test.ids_.dtype, test.ids_.tolist()
    new = rows(b, 10, 12)
    own = copy.deepcopy(test).update(rows(a, 10, 12)).predict()
    pd.testing.assert_series_equal(
        by_id(test.predict(new.drop(columns="y"))), by_id(test.predict())
    )
    streamed = test.stream().update(new)
    assert same_dtype(streamed["unique_id"].dtype, dtype)
    test.update(new)
    assert test.ids_.tolist() == ids
    assert same_dtype(test.ids_.dtype, dtype)
    for forecasts in (test.predict(), streamed):
        pd.testing.assert_series_equal(by_id(forecasts), by_id(own), rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_new_series_join_in_the_type_of_the_known(kind):
    test = forecaster().fit(rows(kind, 0, 10, ids=(3, 1)))
    ids, dtype = test.ids_.tolist(), test.ids_.dtype
    new = rows(kind, 4, 12, ids=(2,))
    test.update(new)
    assert test.ids_.tolist() == [*ids, new["unique_id"][0]]
    if isinstance(dtype, pd.CategoricalDtype):
        known = dtype.categories.tolist()
        more = [name for name in test.ids_.categories if name not in known]
        assert test.ids_.categories.tolist() == known + more
        assert test.ids_.dtype.ordered == dtype.ordered
    else:
        assert same_dtype(test.ids_.dtype, dtype)
    assert same_dtype(test.predict()["unique_id"].dtype, test.ids_.dtype)


def test_ordered_categories_keep_their_order_and_unused_ones_do_no_harm():
    frame = rows("texts as ordered", 0, 10)
    test = forecaster().fit(frame)
    assert test.predict()["unique_id"].unique().tolist() == ["3", "1", "2"]
    assert test.predict()["unique_id"].max() == "2"
    assert test.ids_.categories.tolist() == ["3", "1", "5", "2"]
    assert len(test.ids_) == 3
    truth = rows("texts as default", 10, 12)
    shown = read_forecast(test, None, level=None, ids=None, n_history=None, truth=truth)
    assert shown.truth["y"].tolist() == [*VALUES[3][10:12], *VALUES[1][10:12], *VALUES[2][10:12]]


@pytest.mark.parametrize("kind", ["texts as arrow", "texts as dictionary", "numbers as Int64"])
def test_wide_headers_are_matched_whatever_their_type(kind):
    of, make = KINDS[kind]
    long = rows(f"{kind.split()[0]} as objects", 0, 12)
    wide = long.pivot_table(index="ds", columns="unique_id", values="y")
    typed = wide.set_axis(pd.Index(make([of(name) for name in (1, 2, 3)])), axis=1)
    test, other = forecaster().fit(wide[:10]), forecaster().fit(wide[:10])
    test.update(typed[10:])
    other.update(wide[10:])
    assert test.ids_.equals(other.ids_)
    pd.testing.assert_frame_equal(test.predict(), other.predict())


def test_names_that_one_type_cannot_hold_stay_as_they_are():
    for known, new in ((["A"], [7]), ([1], [2.5]), ([1], ["A"]), ([1], [True, "b"])):
        joined = join_ids(pd.Index(known), pd.Index(new, dtype=object))
        assert list(map(repr, joined)) == list(map(repr, known + new))
    ends = pd.Index([1, 2], dtype="int8", name="store")
    joined = join_ids(ends, pd.Index([300]))
    assert joined.tolist() == [1, 2, 300]
    assert joined.name == "store"
    grown = join_ids(pd.CategoricalIndex([1]), pd.Index(["A"]))
    assert grown.categories.tolist() == [1, "A"]


def test_names_are_the_same_that_are_equal():
    dates = pd.DatetimeIndex(["2024-01-01", "2024-01-02"])
    for known, given, expected in (
        (pd.Index([2**53, 2**53 + 1]), pd.Index([2.0**53]), [0]),
        (pd.Index([2**53 + 1]), pd.Index([2.0**53]), [-1]),
        (pd.Index([10, 20, 30]), pd.Index([30.0, 10.5, 10]), [2, -1, 0]),
        (pd.Index([10, 20, 30]), pd.Index(["30", 10]), [-1, 0]),
        (dates, pd.Index(["2024-01-02"]), [-1]),
        (dates, pd.Index(dates[1:].astype(object), dtype=object), [1]),
    ):
        assert find_ids(known, given).tolist() == expected
