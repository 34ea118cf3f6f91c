"""Bad frames: one clear error each, that says what was given, what is needed, what to do."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from seqforecast.forecasting.data.frames import read_new, read_panel
from seqforecast.forecasting.data.future_rows import requested_rows

DAYS = pd.date_range("2024-01-01", periods=12, freq="D")


def series():
    return pd.Series(np.arange(12.0), index=DAYS, name="air")


def long(**spans):
    spans = spans or {"a": 12, "b": 12}
    return pd.concat(
        pd.DataFrame({"unique_id": name, "ds": DAYS[:n], "y": np.arange(n, dtype=float)})
        for name, n in spans.items()
    ).reset_index(drop=True)


def put(data, row, value, column=None):
    data = data.copy()
    if column is None:
        data.iloc[row] = value
    else:
        data.loc[row, column] = value
    return data


def X(**columns):
    return pd.DataFrame(columns or {"f": 1.0}, index=DAYS)


def monthly_beside_daily():
    months = pd.DataFrame(
        {"unique_id": "m", "ds": pd.date_range("2024-01-01", periods=5, freq="MS"), "y": 1.0}
    )
    days = pd.DataFrame(
        {"unique_id": "d", "ds": pd.date_range("2024-01-01", periods=140), "y": 1.0}
    )
    return pd.concat([months, days])


def shifted(**starts):
    return pd.concat(
        pd.DataFrame(
            {"unique_id": name, "ds": pd.date_range(start, periods=9, freq=freq), "y": 1.0}
        )
        for name, (start, freq) in starts.items()
    )


BAD = {
    "empty series": (lambda: (series()[:0],), "empty: 0 rows.* at least one .* Check"),
    "empty long": (lambda: (long()[:0],), "empty: 0 rows"),
    "empty wide": (lambda: (X()[[]],), "empty: 12 rows, 0 columns"),
    "empty X, y": (lambda: (X()[:0], series()[:0]), "empty: 0 rows"),
    "duplicate time": (
        lambda: (series().set_axis(DAYS[[0, 1, 1, *range(3, 12)]]),),
        "2024-01-02.* twice, again at row 2; .* needs one row. Keep the first",
    ),
    "duplicate time of a panel": (
        lambda: (pd.concat([long(), long()[14:15]]),),
        "Series 'b' has the time 2024-01-03.* twice .1 row.* needs one row. Aggregate",
    ),
    "unsorted series": (
        lambda: (series()[::-1],),
        "not sorted: 2024-01-11.* at row 1 .* must come first. Call series.sort_index",
    ),
    "unsorted wide": (lambda: (X()[::-1],), "not sorted"),
    "unsorted X, y": (lambda: (X()[::-1], series()[::-1]), "not sorted"),
    "missing time": (
        lambda: (series().set_axis(DAYS.where(DAYS[3] != DAYS)),),
        "no label at row 3; every row needs one. Drop",
    ),
    "missing time of a panel": (
        lambda: (put(long(), 3, pd.NaT, "ds"),),
        "'ds' has no value in 1 row.*row 3; every row needs .* Drop .*dropna",
    ),
    "missing id": (lambda: (put(long(), 4, None, "unique_id"),), "'unique_id' has no .* row 4"),
    "gaps of a series": (
        lambda: (series().drop(DAYS[[2, 4, 7]]),),
        "'air' has gaps: 2024-01-03.* is the first of 3 missing .* frequency D; .* Fill the gaps",
    ),
    "gap of a panel": (
        lambda: (long().drop(15),),
        "'b' has gaps: 2024-01-04.* first of 1 missing",
    ),
    "gap of integers": (
        lambda: (series().set_axis(range(0, 120, 10)).drop(40),),
        "'air' has gaps: 40 .* first of 1 .* integer step 10",
    ),
    "mixed frequencies": (
        lambda: (monthly_beside_daily(),),
        "Mixed frequencies: series 'm' is MS, series 'd' is D; .* need one .* Resample",
    ),
    "no common frequency": (
        lambda: (shifted(a=("2024-01-01", "MS"), b=("2024-01-31", "ME")),),
        "Mixed frequencies: series 'a' is MS, series 'b' is ME",
    ),
    "same frequency, other times": (
        lambda: (shifted(a=("2024-01-01", "h"), b=("2024-01-01 00:30", "h")),),
        "Mixed frequencies: series 'a' is h, series 'b' is h at other times",
    ),
    "few stamps": (lambda: (long(a=2, b=1),), "from 2 time.* at least 3 are needed. Pass"),
    "all missing": (
        lambda: (X(a=1.0, b=np.nan),),
        "without any value: 'b' .1 of 2 series.; .* needs at least one .* Drop",
    ),
    "all missing in a panel": (
        lambda: (long().assign(y=lambda f: f["y"].where(f["unique_id"] != "b")),),
        "without any value: 'b'",
    ),
    "infinite": (
        lambda: (put(series(), 3, np.inf),),
        "target is infinite in series 'air' at 2024-01-04 .*1 such row.* needed there. Replace",
    ),
    "infinite past": (
        lambda: (put(X(), 3, np.inf), series(), {"past": ["f"]}),
        "past feature 'f' is infinite in series 'air' at 2024-01-04",
    ),
    "unknown future": (
        lambda: (put(X(), 3, np.nan), series()),
        "future feature 'f' is NaN or infinite in series 'air' at 2024-01-04.* past=.'f'.",
    ),
    "unknown static": (
        lambda: (put(X(), 3, np.nan), series(), {"static": ["f"]}),
        "static feature 'f' is NaN or infinite",
    ),
    "static that changes": (
        lambda: (long().assign(f=lambda f: f.index // 15), {"static": ["f"]}),
        "static feature 'f' changes within series 'b'; .* one value .* Name it in future=",
    ),
    "unknown name": (
        lambda: (X(promo=1), series(), {"past": ["promos"]}),
        "past=.'promos'. names 'promos', which is not .* Did you mean 'promo'",
    ),
    "no features": (
        lambda: (series(), {"past": ["f"]}),
        r"past=\['f'\], but the data is one series, .* Name the columns of a long frame in",
    ),
    "no features of a wide frame": (
        lambda: (X(), {"static": ["f"]}),
        "a frame with a column a series, which has no features",
    ),
    "twice": (
        lambda: (X(), series(), {"past": ["f"], "static": ["f"]}),
        "'f' is named twice, in past= and in static=; .* needs one role. Remove",
    ),
    "no id": (
        lambda: (long().drop(columns="unique_id"),),
        r"\['ds', 'y'\], but no 'unique_id'; .* all three. .*frame.assign.unique_id='a'",
    ),
    "id in the index": (
        lambda: (long().set_index("unique_id"),),
        "but no 'unique_id'.*reset_index",
    ),
    "no target": (lambda: (long().drop(columns="y"),), "but no 'y'; .* Add it"),
    "two names": (lambda: (long(), {"columns": ("a", "b")}), "three columns are needed.* Pass"),
    "a panel cut in two": (
        lambda: (long().drop(columns="y"), long()["y"]),
        "X holds 'unique_id' and 'ds', and y .* one frame. Pass .* in a search, .*PanelSplit",
    ),
    "other index": (
        lambda: (X(), series().set_axis(DAYS + pd.Timedelta("1D"))),
        "different indexes: .* must agree .* Align",
    ),
    "other lengths": (
        lambda: (X(), np.arange(9.0)),
        r"X has shape \(12, 1\) and y has shape \(9,\); .* are needed. Pass",
    ),
    "two targets": (lambda: (X(), np.ones((12, 2))), r"y has shape \(12, 2\).* frame of them"),
    "three dimensions": (lambda: (np.ones((4, 3, 2)),), "3 dimensions.* one or two are needed"),
    "levels": (lambda: (pd.concat({"a": X()}, axis=1),), "columns have 2 levels; one .* Join"),
    "same names": (
        lambda: (pd.concat([X(), X()], axis=1),),
        "Two columns are named 'f'; .* Rename",
    ),
}

BAD_TYPES = {
    "text": (lambda: (series().astype(str),), "The series has dtype .*numbers are needed. Convert"),
    "objects": (lambda: (series().astype(object),), "dtype object"),
    "text in a wide frame": (lambda: (X(a=1, b="x"),), "Column 'b' has dtype .*set_index"),
    "text in a panel": (lambda: (long().astype({"y": str}),), "The target 'y' has dtype"),
    "text as a feature": (
        lambda: (long().assign(shop="x"),),
        "Feature 'shop' has dtype .* needed. Encode it as numbers, or drop",
    ),
    "text as y": (lambda: (X(), ["a"] * 12), "y holds text"),
    "text as times": (
        lambda: (long().assign(ds=lambda f: f["ds"].astype(str)),),
        "times have dtype .*2024-01-01.*needed. Convert .*pd.to_datetime",
    ),
    "dates as objects": (lambda: (series().set_axis(list(DAYS.date)),), "pd.to_datetime"),
    "floats as times": (lambda: (series().set_axis(np.arange(12) / 2),), "dtype float64"),
    "two levels of rows": (
        lambda: (long().set_index(["unique_id", "ds"])[["y"]].rename(columns={"y": "z"}),),
        "index has 2 levels; .*reset_index",
    ),
    "a word for a list": (
        lambda: (X(), series(), {"past": "f"}),
        "past='f' is a str; a list .* needed. Pass past=.'f'.",
    ),
}


def refuses(error, make, message):
    *data, wishes = make() if isinstance(make()[-1], dict) else (*make(), {})
    copies = [part.copy() if hasattr(part, "copy") else part for part in data]
    with pytest.raises(error, match=message):
        read_panel(*data, **wishes)
    for part, copy in zip(data, copies, strict=True):
        if isinstance(part, pd.DataFrame | pd.Series):
            assert part.equals(copy)


@pytest.mark.parametrize("case", BAD)
def test_refuses_values(case):
    refuses(ValueError, *BAD[case])


@pytest.mark.parametrize("case", BAD_TYPES)
def test_refuses_types(case):
    refuses(TypeError, *BAD_TYPES[case])


@pytest.mark.parametrize("index", ["D", "B", "ME", "D Europe/Berlin", "period", "integer"])
@pytest.mark.parametrize("kind", ["series", "wide", "long", "xy"])
def test_the_way_to_fill_gaps_that_a_message_names_works(kind, index):
    times = {
        "period": pd.period_range("2024-01", periods=12, freq="M"),
        "integer": pd.RangeIndex(0, 84, 7),
    }.get(index)
    if times is None:
        freq, *zone = index.split()
        times = pd.date_range("2024-03-25", periods=12, freq=freq, tz=zone[0] if zone else None)
    kept = times[[0, 1, 2, 3, 6, 7, 9, 10, 11]]
    y = pd.Series(np.arange(9.0), index=kept, name="y")
    frame = pd.DataFrame({"unique_id": "a", "ds": kept, "y": np.arange(9.0)})
    data = {
        "series": {"series": y},
        "wide": {"frame": y.to_frame("a")},
        "long": {"frame": frame},
        "xy": {"X": pd.DataFrame(index=kept), "y": y},
    }[kind]
    with pytest.raises(ValueError, match="first of 3 missing") as error:
        read_panel(*data.values())
    cure = re.search(r"Fill the gaps: (.*?)\.( In a search, .*)?$", str(error.value)).group(1)
    if kind == "long" and index in ("period", "integer"):
        assert cure == "add the missing rows, with NaN in 'y'"
        return
    names = {**data, "pd": pd}
    if kind == "long":
        cure = f"frame = {cure}"
    exec(cure.replace(" and y", "; y"), names)
    panel, _ = read_panel(*(names[name] for name in data))
    assert panel.lengths.tolist() == [12]
    values = panel.values
    assert np.isnan(values).nonzero()[0].tolist() == [4, 5, 8]


# --------------------------------------------------------------------------- the future


def ask(fit, asked, **wishes):
    panel, form = read_panel(*fit, **wishes)
    return requested_rows(form, panel, 1, asked)


def after(n, **columns):
    index = pd.date_range(DAYS[-1] + pd.Timedelta("1D"), periods=n)
    return pd.DataFrame(columns, index=index)


def long_after(**columns):
    rows = {"unique_id": ["a", "a", "b"], "ds": after(2).index[[0, 1, 0]]}
    return pd.DataFrame({**rows, **columns})


WITH_FEATURE = (long().assign(f=1.0),)

BAD_FUTURES = {
    "overlap": (
        ((series(),), series()[9:]),
        "3 of 3 rows .* overlap .* 'air' at 2024-01-10.* ended at 2024-01-12.*KFold.*"
        "TimeSeriesSplit, a long frame with PanelSplit",
    ),
    "overlap of a panel": (((long(),), long()), "24 of 24 rows .* 'a' at 2024-01-01"),
    "unknown id": (
        ((long(),), long_after().replace({"unique_id": {"b": "bb"}})),
        "1 series that fit has not seen, the first is 'bb'. .* Did you mean 'b'",
    ),
    "off the grid": (
        ((long(),), long_after().assign(ds=lambda f: f["ds"] + pd.Timedelta("2h"))),
        "2024-01-13 02:00:00 .* not on the grid",
    ),
    "duplicates": (
        ((long(),), pd.concat([long_after(), long_after()[2:]])),
        "'b' at 2024-01-13.* twice; .* Drop",
    ),
    "duplicates of a series": (((series(),), after(3).iloc[[0, 0]]), "twice, again at row 1"),
    "unsorted": (((series(),), after(3)[::-1]), "not sorted"),
    "missing feature": (
        (WITH_FEATURE, long_after()),
        r"future features \['f'\] are missing .* 'a' at 2024-01-13.* Pass their",
    ),
    "unknown feature": (
        (WITH_FEATURE, long_after(f=[1, 1, np.nan])),
        "'f' is NaN or infinite in series 'b' at 2024-01-13.* needs its values. Fill",
    ),
    "steps left out": (
        (WITH_FEATURE, long_after(f=1).drop(0)),
        r"leave out series 'a' at 2024-01-13.* \['f'\] are needed .* Pass these rows",
    ),
    "steps left out of X": (
        ((X(), series()), after(3, f=1).iloc[[0, 2]]),
        "leave out .*2024-01-14",
    ),
    "other width": (
        ((X(), series()), np.ones((2, 3))),
        "3 features, but Forecaster is expecting 1 features as input; .* Pass a frame",
    ),
    "no times": (((long(),), after(2)), "DataFrame without 'unique_id' and 'ds'; .* Pass such"),
    "missing time": (((long(),), put(long_after(), 1, pd.NaT, "ds")), "'ds' has no value in 1"),
    "empty": (((series(),), after(0)), "empty"),
}


@pytest.mark.parametrize("case", BAD_FUTURES)
def test_refuses_rows_to_predict(case):
    data, message = BAD_FUTURES[case]
    with pytest.raises(ValueError, match=message):
        ask(*data)


def test_refuses_text_in_a_future_feature_and_times_of_another_kind():
    with pytest.raises(TypeError, match="Feature 'f' has dtype"):
        ask((X(), series()), after(2, f="x"))
    with pytest.raises(TypeError, match="times of dtype datetime64"):
        ask((series(),), pd.Series([1.0]))


@pytest.mark.parametrize(
    ("fit", "new", "message"),
    [
        ((series(),), (long(),), "are a long panel, fit saw one series; .* Pass"),
        ((X(a=1, b=2),), (after(2, a=1),), "lack 1 of 2 series, the first is 'b'; .* Pass NaN"),
        ((long(),), (long().assign(f=1),), r"features \['f'\], fit saw \[\]; .* Pass"),
        (
            (X(), series()),
            (after(2, g=1), after(2, g=1)["g"]),
            r"lack the features \['f'\], which fit saw; .* Pass the columns",
        ),
        ((series(),), (after(5, a=1.0)["a"].drop(after(5).index[2]),), "first of 1 missing"),
        ((series(),), (after(2, a=1.0)["a"].shift(freq="2h"),), "not on the grid"),
    ],
)
def test_refuses_new_observations(fit, new, message):
    panel, form = read_panel(*fit)
    with pytest.raises(ValueError, match=message):
        read_new(form, panel, *new)


def test_refuses_complex_values_as_scikit_learn_does():
    with pytest.raises(ValueError, match="Complex data not supported: .* complex128; .* Pass real"):
        read_panel(series() * 1j)


def test_refuses_a_sparse_matrix():
    with pytest.raises(TypeError, match="X is a sparse matrix; a dense array is needed. Call X.to"):
        read_panel(csr_array(np.ones((3, 1))), [1.0, 2.0, 3.0])
