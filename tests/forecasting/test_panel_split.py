"""PanelSplit: the rows of each fold, against folds picked out of the frame by date."""

import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import check_cv

from seqforecast import PanelSplit, ParameterError
from tests.properties import examples

DAYS = pd.date_range("2024-01-01", periods=60, freq="D")


def panel(spans=None, index=DAYS, seed=0):
    """Return series that begin and end at the given steps, in an order drawn by chance."""
    spans = spans or {"a": (0, 60), "b": (40, 60), "c": (0, 30), "d": (0, 55)}
    rng = np.random.default_rng(seed)
    series = [
        pd.DataFrame({"unique_id": name, "ds": index[begin:end]})
        for name, (begin, end) in spans.items()
    ]
    frame = pd.concat(series, ignore_index=True)
    frame["y"] = rng.standard_normal(len(frame)) + 10
    return frame.sample(frac=1.0, random_state=seed)  # the index is shuffled, too


def named(frame, rows):
    part = frame.iloc[rows]
    return sorted(zip(part["unique_id"], part["ds"], strict=True))


def by_date(frame, cutoff, horizon):
    """Return the parts of a fold in plain words."""
    begin = frame[frame["y"].notna()].groupby("unique_id")["ds"].min()
    begun = frame["unique_id"].map(begin) <= cutoff
    ahead = (frame["ds"] > cutoff) & (frame["ds"] <= cutoff + pd.Timedelta(days=horizon))
    train = frame[begun & (frame["ds"] <= cutoff)]
    return tuple(
        sorted(zip(part["unique_id"], part["ds"], strict=True))
        for part in (train, frame[begun & ahead])
    )


def test_known_answer():
    frame = panel()
    folds = list(PanelSplit(2, 5, 10).split(frame))
    tests = [named(frame, test) for _, test in folds]
    # The cutoffs are days 44 and 54, counted from 0; c has ended, and d ends with day 54.
    assert tests[0] == sorted((name, day) for name in "abd" for day in DAYS[45:50])
    assert tests[1] == sorted((name, day) for name in "ab" for day in DAYS[55:60])
    assert {name for name, _ in named(frame, folds[0][0])} == set("abcd")
    assert [len(train) for train, _ in folds] == [45 + 5 + 30 + 45, 55 + 15 + 30 + 55]


spans = st.tuples(st.integers(0, 50), st.integers(1, 60)).filter(lambda span: span[0] < span[1])


@settings(max_examples=examples(60))
@given(
    ends=st.lists(spans, min_size=0, max_size=5),
    n_folds=st.integers(1, 4),
    horizon=st.integers(1, 8),
    step=st.none() | st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_parts_equal_those_picked_by_date(ends, n_folds, horizon, step, seed):
    series = {"long": (0, 60)} | {f"s{k}": span for k, span in enumerate(ends)}
    frame = panel(series, seed=seed)
    unknown = np.random.default_rng(seed).random(len(frame)) < 0.2
    first = frame.groupby("unique_id")["y"].transform("size") == 1
    frame["y"] = frame["y"].mask(unknown & ~first)
    frame = frame[frame.groupby("unique_id")["y"].transform("count") > 0]
    split = PanelSplit(n_folds, horizon, step)
    folds = list(split.split(frame))
    assert len(folds) == split.get_n_splits() == n_folds
    for k, (train, test) in enumerate(folds):
        back = horizon + (n_folds - 1 - k) * (horizon if step is None else step)
        cutoff = frame[frame["y"].notna()]["ds"].max() - pd.Timedelta(days=back)
        assert (named(frame, train), named(frame, test)) == by_date(frame, cutoff, horizon)


def test_missing_values_before_the_first_known_one_are_no_part_of_a_series():
    frame = panel({"a": (0, 60), "b": (0, 60)}).reset_index(drop=True)
    frame.loc[(frame["unique_id"] == "b") & (frame["ds"] < DAYS[52]), "y"] = np.nan
    parts = [
        tuple({name for name, _ in named(frame, rows)} for rows in fold)
        for fold in PanelSplit(2, 5).split(frame)
    ]
    assert parts == [({"a"}, {"a"}), ({"a", "b"}, {"a", "b"})]


def test_rows_behind_the_newest_value_tell_what_is_planned_and_are_in_no_fold():
    frame = panel()
    planned = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2024-03-01", periods=9)})
    both = pd.concat([frame, planned])
    for (train, test), (a, b) in zip(
        PanelSplit(3, 5).split(both), PanelSplit(3, 5).split(frame), strict=True
    ):
        np.testing.assert_array_equal(train, a)
        np.testing.assert_array_equal(test, b)


@pytest.mark.parametrize("make", [pd.DataFrame, lambda frame: pl.from_pandas(frame)])
def test_the_call_that_fills_gaps_keeps_the_features(make):
    frame = panel().assign(promo=1.0, size=2.0).reset_index(drop=True)
    gap = (frame["unique_id"] == "a") & (frame["ds"] == DAYS[7])
    frame = make(frame[~gap])
    with pytest.raises(ParameterError, match=r"must be known\. In a search") as error:
        list(PanelSplit(3, 5).split(frame))
    call = re.search(
        "Fill the gaps: (.*), and then the new .* of (.*), which must", error.value.cure
    )
    filled = eval(call[1], {"frame": frame, "pl": pl})  # followed to the letter
    assert set(filled.columns) == set(frame.columns)
    assert call[2] == "['promo', 'size']"
    assert len(list(PanelSplit(3, 5).split(filled))) == 3


@pytest.mark.parametrize("freq", ["h", "B", "W-WED", "MS", "ME", "QS-FEB", "D Europe/Berlin"])
def test_cutoffs_count_steps_of_the_calendar(freq):
    freq, *zone = freq.split()
    index = pd.date_range("2023-10-02", periods=60, freq=freq, tz=zone[0] if zone else None)
    frame = panel(index=index)
    _, test = next(PanelSplit(3, 4, 6).split(frame))
    assert set(frame.iloc[test]["ds"]) == set(index[60 - 16 : 60 - 12])


@pytest.mark.parametrize(
    "index", [pd.RangeIndex(0, 600, 10), pd.period_range("2020", periods=60, freq="M")]
)
def test_integers_and_periods(index):
    frame = panel(index=index)
    _, test = next(PanelSplit(1, 3).split(frame))
    assert set(frame.iloc[test]["ds"]) == set(index[-3:])


def test_names_of_columns_frames_of_polars_and_features_of_any_kind():
    frame = panel()
    expected = list(PanelSplit(3, 5).split(frame))
    other = frame.rename(columns={"unique_id": "store", "ds": "day", "y": "sold"})
    other["note"] = "text"
    split = PanelSplit(3, 5, columns=("store", "day", "sold"))
    of_polars = pl.DataFrame({name: other[name].to_numpy() for name in other.columns})
    for given_frame in (other, of_polars):
        for (train, test), (a, b) in zip(split.split(given_frame), expected, strict=True):
            np.testing.assert_array_equal(train, a)
            np.testing.assert_array_equal(test, b)


def test_it_is_a_cross_validator_of_scikit_learn():
    split = PanelSplit(3, 7)
    assert check_cv(split) is split
    again = pickle.loads(pickle.dumps(split))
    assert repr(again) == repr(split)
    assert "n_folds=3" in repr(split)
    frame = panel()
    before = frame.copy()
    list(split.split(frame, y=None, groups=None))
    pd.testing.assert_frame_equal(frame, before)


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 5), "n_folds=0; an integer of at least 1 is needed. Set"),
        ((2, 2.5), "horizon=2.5; an integer"),
        ((2, 5, 0), "step=0; an integer of at least 1"),
    ],
)
def test_numbers_that_cannot_be_used(arguments, message):
    with pytest.raises(ValueError, match=message):
        PanelSplit(*arguments)


def test_names_that_cannot_be_used():
    with pytest.raises(ValueError, match=r"columns=\('a', 'b'\); the names of three"):
        PanelSplit(2, 5, columns=("a", "b"))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            panel().drop(columns="unique_id"),
            r"but not \['unique_id'\]; .*PanelSplit\(..., columns=...\).*TimeSeriesSplit",
        ),
        (pd.concat([panel(), panel()[:2]]), r"has the time .* twice \(2 row.*drop_duplicates"),
        (panel().drop(index=7), "has gaps: .* Fill the gaps"),
        (panel().assign(ds="today"), "times have dtype"),
        (
            panel().pivot_table("y", "ds", "unique_id"),
            r"TimeSeriesSplit\(n_splits=3, test_size=5\)",
        ),
        (
            np.arange(60.0),
            r"but not \['unique_id', 'ds', 'y'\]",
        ),
        (
            panel().rename(columns=str.upper),
            r"X has the columns \['UNIQUE_ID', .* PanelSplit\(..., columns=...\)",
        ),
        (panel().set_index(["unique_id", "ds"]), r"become columns: X.reset_index\(\)"),
        (panel().assign(y=np.nan), "Series without any value"),
    ],
)
def test_frames_that_cannot_be_split(frame, message):
    with pytest.raises((ValueError, TypeError), match=message):
        list(PanelSplit(3, 5).split(frame))


@pytest.mark.parametrize(
    ("arguments", "parameter", "message", "works"),
    [
        ((30, 5), "n_folds", "leave 0 value.* of series 'a'; .* least 3. Use n_folds=11", (11, 5)),
        ((100, 2, 2), "n_folds", "n_folds=100, step=2 .* Use n_folds=28 or fewer", (28, 2, 2)),
        ((1, 58), "horizon", "leave 2 value.* Use n_folds=1 and horizon=57 or less", (1, 57)),
        ((3, 99), "horizon", "Use n_folds=1 and horizon=57 or less", (1, 57)),
    ],
)
def test_more_folds_than_the_history_is_long_and_the_number_that_is_named_works(
    arguments, parameter, message, works
):
    # Only the longest series is known so early; c is too short to be counted on.
    frame = panel({"a": (0, 60), "b": (40, 60), "c": (0, 2)})
    with pytest.raises(ParameterError, match=message) as error:
        list(PanelSplit(*arguments).split(frame))
    assert error.value.parameter == parameter
    folds = list(PanelSplit(*works).split(frame))
    assert len(folds) == works[0]
    n_folds, horizon, *step = works
    more = n_folds + (n_folds > 1), horizon + (n_folds == 1)
    with pytest.raises(ParameterError):  # and no more than that
        list(PanelSplit(*more, *step).split(frame))


def test_two_values_show_no_frequency_and_nothing_helps_but_more_data():
    frame = panel({"a": (0, 3), "b": (0, 2)})
    with pytest.raises(ParameterError, match="leave 2 value.* Pass more data"):
        list(PanelSplit(1, 1).split(frame))


def test_a_fold_in_which_no_series_goes_on():
    frame = panel({"a": (0, 30), "b": (30, 60)})
    with pytest.raises(ValueError, match="cutoff 2024-01-30.*Use a smaller horizon, another step"):
        list(PanelSplit(2, 10, 20).split(frame))


def test_series_of_two_frequencies_may_have_been_cut_by_a_search():
    frame = panel({"a": (0, 60), "b": (0, 60)})
    odd = (frame["unique_id"] == "b") & (frame["ds"].dt.day_of_year % 2 == 1)
    with pytest.raises(ParameterError, match="Mixed frequencies: .* In a search, pass cv=PanelS"):
        list(PanelSplit(2, 5).split(frame[~odd]))


def test_integers_of_numpy():
    frame = panel({"a": (0, 600)}, index=pd.date_range("2020-01-01", periods=600))
    expected = list(PanelSplit(3, 60, 90).split(frame))
    for found, known in zip(
        PanelSplit(np.uint8(3), np.uint8(60), np.uint8(90)).split(frame), expected, strict=True
    ):
        np.testing.assert_array_equal(found[0], known[0])
        np.testing.assert_array_equal(found[1], known[1])


def test_a_training_part_that_shows_another_frequency():
    # Four working days look like days, and a forecast of Saturday would be compared with Monday.
    index = pd.date_range("2024-01-01", periods=60, freq="B")
    frame = panel({"a": (40, 60), "b": (40, 60)}, index=index)
    with pytest.raises(ParameterError, match="4 time.s. .* frequency D, .* is B; .* fewer folds"):
        list(PanelSplit(8, 2).split(frame))
    assert len(list(PanelSplit(7, 2).split(frame))) == 7
    # Rows of a series that has not begun are in no training part, and show it nothing.
    late = panel({"a": (40, 60), "b": (0, 60)}, index=index)
    late["y"] = late["y"].mask((late["unique_id"] == "b") & (late["ds"] < index[50]))
    with pytest.raises(ParameterError, match="4 time.s. .* frequency D, .* is B; .* fewer folds"):
        list(PanelSplit(8, 2).split(late))
