"""Names of series that only look like known ones are refused by name, and the cure works."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, backtest
from seqforecast.displays.forecast_read import read_forecast
from seqforecast.forecasting.data.lookalikes import Place, find_known
from seqforecast.forecasting.data.series_ids import ids_of
from seqforecast.reporting.backtest_errors import later_steps
from tests.forecasting.data.id_kinds import NUMBERS, TEXTS, forecaster, named

DATES = pd.to_datetime(["2024-01-01", "2024-01-02"])
CASES = {
    "1 for '1'": (["1", "2"], [1, 2], ".astype({'unique_id': str})"),
    "1.0 for '1'": (["1", "2"], [1.0, 2.0], ".astype({'unique_id': int})"),
    "1 for '001'": (["001", "002"], [1, 2], ".str.zfill(3)"),
    "1.0 for '001'": (["001", "002"], [1.0, 2.0], ".astype(int).astype(str).str.zfill(3)"),
    "'1' for 1": ([1, 2], ["1", "2"], ".astype({'unique_id': int})"),
    "'001' for 1": ([1, 2], ["001", "002"], ".astype({'unique_id': int})"),
    "'1.0' for 1": ([1, 2], ["1.0", "2.0"], ".astype({'unique_id': float})"),
    "' 1' for 1": ([1, 2], [" 1", "2"], ".astype({'unique_id': int})"),
    "'A ' for 'A'": (["A", "B"], ["A ", "B"], ".str.strip()"),
    "dates for text": (["2024-01-01", "2024-01-02"], DATES, ".astype({'unique_id': str})"),
    "a new one beside": (["1", "2"], [1, 2, 33], ".astype({'unique_id': str})"),
    "of both types": (["7", "A"], [7, "A"], ".astype({'unique_id': str})"),
}


def cured(error, frame):
    """Follow the cure to the letter."""
    call = re.search(r"Write them alike: (.*)\.$", str(error)).group(1)
    return eval(call, {"frame": frame})


def answers(test):
    """Return what reads rows that follow a fit, by name."""
    return {
        "update": test.update,
        "predict": lambda frame: test.predict(frame.drop(columns="y")),
        "stream": lambda frame: test.stream().update(frame),
        "truth": lambda frame: read_forecast(
            test, None, level=None, ids=None, n_history=None, truth=frame
        ),
        "report": lambda frame: later_steps(test, frame, None),
    }


@pytest.mark.parametrize("case", CASES)
def test_lookalikes_are_refused_and_the_cure_works(case):
    known, given, cure = CASES[case]
    test, frame = forecaster().fit(named(known, 0, 10)), named(pd.Series(given), 10, 12)
    for name, read in answers(test).items():
        if len(given) > len(known) and name in ("predict", "stream"):
            continue  # they refuse what is new, too
        with pytest.raises(ValueError, match="and fit saw") as raised:
            read(frame)
        said = str(raised.value)
        assert f"hold series {given[0]!r}" in said
        assert f"fit saw {known[0]!r}" in said
        assert cure in said
    assert test.ids_.tolist() == known
    assert test.update(cured(raised.value, frame)).ids_.tolist()[: len(known)] == known


@pytest.mark.parametrize("kind", [kind for kind in TEXTS if kind != "ordered"])
@pytest.mark.parametrize("case", [case for case in CASES if " for " in case])
def test_the_cure_works_in_every_type(case, kind):
    known, given = (
        TEXTS[kind](names) if isinstance(names[0], str) else pd.Series(names)
        for names in CASES[case][:2]
    )
    frame, place = named(given, 0, 1), Place("frame", "unique_id")
    with pytest.raises(ValueError, match="and fit saw") as raised:
        find_known(ids_of(known), ids_of(given), "They", place)
    again = ids_of(cured(raised.value, frame)["unique_id"])
    assert find_known(ids_of(known), again, "They", place).tolist() == [0, 1]


@pytest.mark.parametrize("make", NUMBERS.values(), ids=NUMBERS)
def test_numbers_of_every_type_are_told_from_texts(make):
    test, frame = forecaster().fit(named(["01", "02"], 0, 10)), named(make([1, 2]), 10, 12)
    said = r"series 1(.0)? \((int|float)\), and fit saw '01' \(str\)"
    with pytest.raises(ValueError, match=said) as raised:
        test.update(frame)
    assert test.update(cured(raised.value, frame)).ids_.tolist() == ["01", "02"]


def test_names_that_are_other_series_are_let_in():
    for known, given in ((["1.5", "7", "A"], ["007", "1.50", "a"]), ([1, 2], [3]), (["x"], [9])):
        test = forecaster().fit(named(known, 0, 10)).update(named(given, 4, 12))
        assert test.ids_.tolist() == known + given
    test = forecaster().fit(named(DATES.to_series(), 0, 10))
    test.update(named(DATES.astype(object).to_series(), 10, 12))
    assert len(test.ids_) == 2


def test_where_a_name_begins_with_zero_all_are_filled_up():
    test = forecaster().fit(named(["07", "10"], 0, 10))
    with pytest.raises(ValueError, match="10 .int., and fit saw '10'") as raised:
        test.update(named([10], 10, 12))
    both = cured(raised.value, named([7, 10], 10, 12))
    assert test.update(both).ids_.tolist() == ["07", "10"]


def test_what_the_fit_saw_with_white_space_is_written_by_hand():
    test = forecaster().fit(named(["A ", "B"], 0, 10))
    with pytest.raises(
        ValueError, match=r"'A'.*'A ', which differs only in white .* Write 'A ' here"
    ):
        test.update(named(["A", "B"], 10, 12))


def test_the_cure_fits_any_name_of_the_column():
    for column in ("store", "store no", "class", 0):
        test = forecaster(columns=(column, "ds", "y"))
        test.fit(named(["A", "B"], 0, 10, column=column))
        frame = named(["A ", "B"], 10, 12, column=column)
        with pytest.raises(ValueError, match="Write them alike") as raised:
            test.predict(frame)
        call = re.search(r"Write them alike: (.*)\.$", str(raised.value)).group(1)
        if column == 0:
            exec(call, {"frame": frame})
        else:
            frame = eval(call, {"frame": frame})
        assert len(test.predict(frame)) == 4


def test_frames_of_other_libraries_are_told_in_words():
    frame = pl.DataFrame(named(["001", "002"], 0, 12).to_dict("list"))
    test = forecaster().fit(frame.filter(pl.col("ds") < 10))
    new = frame.filter(pl.col("ds") >= 10).with_columns(pl.col("unique_id").cast(pl.Int64))
    for read in (test.update, test.predict, answers(test)["truth"]):
        with pytest.raises(ValueError, match=r"1 .int.*'001' .str.* Write '001' here, or 1 in"):
            read(new)
    spaced = frame.with_columns(pl.col("unique_id").replace("001", "002 "))
    with pytest.warns(UserWarning, match="'002' and '002 '.* strip the names\\.$"):
        forecaster().fit(spaced)
    with pytest.raises(ValueError, match=r"frame.assign\(unique_id"):
        test.update(new.to_pandas())


# ---------------------------------------------------------------------------------- wide frames


def wide(names, first, end):
    return pd.DataFrame(
        np.random.default_rng(2).random((end - first, len(names))),
        columns=pd.Index(names, dtype=object),
        index=range(first, end),
    )


@pytest.mark.parametrize(
    ("known", "given", "code"),
    [
        (["1", "2"], [1, 2], "str"),
        ([1, 2], ["1", "2"], "int"),
        (["001", "002"], [1, 2], "lambda name: str(name).zfill(3)"),
        (["A", "B"], ["A", "B "], "str.strip"),
    ],
)
def test_the_columns_of_wide_frames_are_names_too(known, given, code):
    test, frame = forecaster().fit(wide(known, 0, 10)), wide(given, 10, 12)
    for read in (test.update, test.stream().update, answers(test)["truth"]):
        with pytest.raises(ValueError, match="and fit saw") as raised:
            read(frame)
        assert f"frame.rename(columns={code})" in str(raised.value)
    assert test.update(cured(raised.value, frame)).ids_.tolist() == known


def test_columns_of_one_wide_frame_that_look_the_same():
    with pytest.raises(ValueError, match=r"the columns 1 \(int\) and '1' \(str\).* Rename one"):
        forecaster().fit(wide([1, "1"], 0, 10))
    with pytest.warns(UserWarning, match="'A' and 'A '.* put their values into one column"):
        forecaster().fit(wide(["A", "A "], 0, 10))


# -------------------------------------------------------------------------------- within one frame


@pytest.mark.parametrize(
    ("names", "cure"),
    [
        ([1, "1", 2], ".astype({'unique_id': str})"),
        ([7, "007", "A"], ".str.zfill(3)"),
        ([1.0, "1"], ".astype({'unique_id': int})"),
    ],
)
def test_one_column_holds_no_names_of_two_types_that_look_the_same(names, cure):
    frame = named(pd.Series(names, dtype=object), 0, 10)
    test = forecaster()
    for call in (test.fit, lambda data: backtest(test, data, horizon=1, n_folds=1)):
        with pytest.raises(ValueError, match="Column 'unique_id' holds") as raised:
            call(frame)
    a, b = (label for label in names if str(label).strip("0.") in ("1", "7"))
    assert f"{a!r} ({type(a).__name__}) and {b!r} ({type(b).__name__})" in str(raised.value)
    assert cure in str(raised.value)
    one = cured(raised.value, frame).drop_duplicates(["unique_id", "ds"])
    assert len(forecaster().fit(one).ids_) == len(names) - 1


def test_white_space_at_the_ends_of_names_is_warned_of_where_they_are_read():
    names = pd.Series(["A", "B", " B", "A ", 7], dtype=object)
    said = (
        r"'A' and 'A ' differ in white.*\(as do 1 more\).*\['unique_id'\].astype\(str\).str.strip"
    )
    frame = named(names, 0, 10)
    test, other = forecaster(), forecaster().fit(named(["x"], 0, 10))
    for call in (
        lambda: test.fit(frame),
        lambda: backtest(forecaster(), frame, horizon=1, n_folds=1),
        lambda: other.update(frame),
    ):
        with pytest.warns(UserWarning, match=said) as seen:
            call()
        assert [record.filename for record in seen] == [__file__]
    other.update(named(names, 10, 12))  # they are known now


@pytest.mark.parametrize(
    "names",
    [
        pd.Series(["A", "B", "a"]),
        pd.Series(["A ", "B"]),
        pd.Series(["A b", "Ab"], dtype=pd.ArrowDtype(pa.string())),
        pd.Series([1, 2, 11]),
        pd.Series([1, "A"], dtype=object),
        pd.Series(["1", "01", "1.0", "+1"]),
        pd.Series([1.5, "1.50"], dtype=object),
        pd.Series([("a", 1), ("a", "1")]),
    ],
    ids=repr,
)
def test_other_names_say_nothing(names):
    assert len(forecaster().fit(named(names, 0, 10)).ids_) == len(names)


@pytest.mark.parametrize(
    ("known", "given"),
    [("7", "7.0"), ("K\u00f6ln", "Ko\u0308ln"), ("north", "\ufeffnorth"), ("north", "nor\u200bth")],
    ids=["decimals", "accents", "mark of a file", "without width"],
)
def test_texts_that_look_the_same_are_refused(known, given):
    frame = pd.DataFrame({"unique_id": known, "ds": range(30), "y": np.arange(30.0) % 7})
    model = Forecaster(Ridge(), window=3).fit(frame[:28])
    with pytest.raises(ValueError, match="only in white space or in how it is spelt"):
        model.update(frame[28:].assign(unique_id=given))


def test_texts_with_other_zeros_are_other_series():
    frame = pd.DataFrame({"unique_id": "007", "ds": range(30), "y": np.arange(30.0) % 7})
    model = Forecaster(Ridge(), window=3).fit(frame[:28])
    assert model.update(frame[28:].assign(unique_id="7")).ids_.tolist() == ["007", "7"]
