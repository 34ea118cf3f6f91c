"""What is refused by name, and that the line in the message works when it is typed."""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, backtest, last_window, make_windows
from tests.containers.entries import forecaster

SERIES = [pd.Series(np.arange(30.0) % 7 + k, name="sold") for k in range(3)]
DAYS = pd.date_range("2024", periods=30)
FRAMES = {
    name: pd.DataFrame({"ds": DAYS, "y": one.to_numpy()})
    for name, one in zip("abc", SERIES, strict=True)
}


PANEL = pd.concat(FRAMES, names=["unique_id", None]).reset_index(level=0)


def line_of(error):
    """Return the code at the end of a message."""
    return re.split(" (?:of it|of them|channels): ", str(error.value))[1].rstrip(".")


@pytest.mark.parametrize(
    ("data", "n_series"),
    [
        (SERIES, 3),
        (tuple(SERIES), 3),
        (dict(zip("abc", SERIES, strict=True)), 3),
        ([one.set_axis(DAYS) for one in SERIES], 3),
        ([pl.Series("sold", one.to_numpy()) for one in SERIES], 3),
        ({name: pl.Series(one.to_numpy()) for name, one in zip("abc", SERIES, strict=True)}, 3),
        (FRAMES, 3),
        (list(FRAMES.values()), 3),
        ({name: one.set_index("ds") for name, one in FRAMES.items()}, 3),
        (dict(list(PANEL.groupby("unique_id"))), 3),
        ([one for _, one in PANEL.groupby("unique_id")], 3),
        ({name: pl.from_pandas(one) for name, one in FRAMES.items()}, 3),
        ([pl.from_pandas(one) for _, one in PANEL.groupby("unique_id")], 3),
        ([{"a": 1.0 * k, "b": 2.0 * k} for k in range(30)], 2),
        ({"a": [1.0, 2.0] * 15, "b": [1.0, 2.0] * 10}, 2),
        ({"a": SERIES[0], "b": SERIES[1][:20]}, 2),
        ({"a": pl.Series(SERIES[0]), "b": pl.Series(SERIES[1][:20])}, 2),
        ([pl.Series(SERIES[0]), pl.Series(SERIES[1][:20])], 2),
        ([SERIES[0].rename("a"), SERIES[1].rename("b")], 2),
    ],
    ids=[
        "list",
        "tuple",
        "dict",
        "with times",
        "polars",
        "dict of polars",
        "frames",
        "list of frames",
        "with ds as index",
        "groups",
        "list of groups",
        "frames of polars",
        "groups of polars",
        "records",
        "unequal lists",
        "unequal Series",
        "unequal of polars",
        "list of unequal of polars",
        "Series of two names",
    ],
)
def test_collections_of_series_are_refused_with_the_line_that_makes_a_frame(data, n_series):
    with pytest.raises(TypeError, match="is needed") as caught:
        forecaster().fit(data)
    frame = eval(line_of(caught), {"pd": pd, "pl": pl, "data": data})  # followed to the letter
    assert len(forecaster().fit(frame).ids_) == n_series


def test_a_list_of_arrays_may_be_of_series_or_of_steps():
    arrays = [one.to_numpy() for one in SERIES]
    for call in (forecaster().fit, lambda data: make_windows(data, 3)):
        with pytest.raises(TypeError, match="list of 3 arrays, each of which may be a series or"):
            call(arrays)
    assert len(forecaster().fit(np.column_stack(arrays)).ids_) == 3
    steps = list(np.column_stack(arrays))
    assert len(forecaster().fit(np.stack(steps)).ids_) == 3
    with pytest.raises(TypeError, match=r"pd.DataFrame\(dict\(enumerate\(map\(pd.Series, data\)"):
        forecaster().fit([arrays[0], arrays[1][:20]])
    masked = [np.ma.masked_less(one, 1.0) for one in arrays]
    with pytest.raises(
        TypeError, match=r"Pass np.ma.column_stack\(data\) if .* np.ma.stack\(data\)"
    ):
        forecaster().fit(masked)
    assert len(forecaster().fit(np.ma.column_stack(masked)).ids_) == 3


def test_a_tuple_of_three_is_no_pair_of_features_and_target():
    with pytest.raises(TypeError, match="tuple of 3 Series objects"):
        backtest(forecaster(), tuple(SERIES), horizon=2, n_folds=2)


def test_times_of_arrow_must_run_forwards_under_windows():
    times = pd.Index(DAYS, dtype="timestamp[us][pyarrow]")
    series = SERIES[0].set_axis(times)
    for bad in (series[::-1], series.sample(frac=1, random_state=0)):
        with pytest.raises(ValueError, match="index is not sorted"):
            make_windows(bad, 3)
        with pytest.raises(ValueError, match="index is not sorted"):
            last_window(bad, 3)
    X, _ = make_windows(series, 3)
    assert X.index.equals(times[2:-1])


def test_a_date_column_of_polars_is_no_channel():
    frame = pl.DataFrame({"date": DAYS, "sold": SERIES[0].to_numpy()})
    with pytest.raises(
        TypeError, match=r"Column 'date' has dtype datetime64.*frame.drop"
    ) as caught:
        make_windows(frame, 3)
    X, y = make_windows(eval(line_of(caught), {"frame": frame}), 3)
    assert list(X.columns) == ["sold@lag2", "sold@lag1", "sold@lag0"]
    assert y.tolist() == SERIES[0][3:].tolist()


@pytest.mark.parametrize("kind", [pl.List(pl.Int64), pl.Struct({"a": pl.Int64})])
def test_nested_columns_of_polars_are_refused_by_name(kind):
    value = [1, 2] if kind == pl.List(pl.Int64) else {"a": 1}
    frame = pl.DataFrame({"nested": [value] * 9, "sold": range(9)})
    with pytest.raises(TypeError, match="Column 'nested' has dtype object"):
        make_windows(frame, 3)


def test_times_as_an_array_are_times():
    series = pd.Series(np.arange(30.0) % 7, DAYS)
    model = Forecaster(Ridge(), window=7, horizon=2).fit(series)
    later = pd.date_range("2024-01-31", periods=2)
    assert model.predict(later.to_numpy()).equals(model.predict(later))


def test_groups_and_batches_are_refused_with_what_they_are_of():
    for groups in (PANEL.groupby("unique_id"), PANEL.groupby("unique_id")["y"]):
        with pytest.raises(TypeError, match="GroupBy; a frame is needed. Pass the frame that"):
            forecaster().fit(groups)
    forecaster().fit(PANEL["y"].to_frame("ngroups").reset_index(drop=True))  # a name like another
    batch = pa.RecordBatch.from_pandas(PANEL, preserve_index=False)
    with pytest.raises(TypeError, match=r"RecordBatch.*pa.Table.from_batches\(\[data\]\)"):
        forecaster().fit(batch)
    assert len(forecaster().fit(pa.Table.from_batches([batch])).ids_) == 3


def test_a_dict_of_one_step_is_a_row():
    wide = pd.DataFrame(
        {name: one.to_numpy() for name, one in zip("abc", SERIES, strict=True)}, DAYS
    )
    stream = forecaster().fit(wide).stream()
    with pytest.raises(TypeError, match=r"a dict; .*: pd.Series\(data\)") as caught:
        stream.update({"a": 1.0, "b": 2.0, "c": 3.0})
    row = eval(
        str(caught.value).rpartition(": ")[2].rstrip("."),
        {"pd": pd, "data": {"c": 3.0, "a": 1.0, "b": 2.0}},
    )
    expected = forecaster().fit(wide).update(np.array([[1.0, 2.0, 3.0]])).predict()
    assert stream.update(row).equals(expected)
    assert forecaster().fit(wide).update(row).predict().equals(expected)


def test_tensors_in_a_list_are_arrays_in_a_list():
    with pytest.raises(TypeError, match="list of 2 arrays, each of which may be a series"):
        forecaster().fit([torch.arange(30.0), torch.arange(30.0)])


@pytest.mark.parametrize(
    "times", [[pd.Timestamp("2024-01-31")], pd.Timestamp("2024-01-31"), (date(2024, 1, 31),)]
)
def test_times_in_a_list_are_times(times):
    series = pd.Series(np.arange(30.0) % 7, DAYS)
    model = forecaster().fit(series)
    assert model.predict(times).index.tolist() == [pd.Timestamp("2024-01-31")]


def test_large_integers_of_polars_are_numbers():
    frame = pl.DataFrame({"a": range(9)}, schema={"a": pl.Int128})
    X, _ = make_windows(frame, 3)
    assert X.iloc[0].tolist() == [0, 1, 2]


def test_a_masked_constant_in_a_list_is_missing():
    X, _ = make_windows([1.0, np.ma.masked, 3.0, 4.0], 2)
    np.testing.assert_array_equal(X, [[1.0, np.nan], [np.nan, 3.0]])


@pytest.mark.parametrize(
    "missing",
    [None, pd.NA, np.ma.masked, np.nan, pa.scalar(None, pa.float64()), torch.tensor(np.nan)],
    ids=["None", "pd.NA", "masked", "nan", "Arrow", "tensor"],
)
def test_a_missing_value_of_any_kind_goes_into_a_stream(missing):
    stream, twin = (forecaster().fit(SERIES[0].to_numpy()).stream() for _ in range(2))
    np.testing.assert_array_equal(stream.update(missing), twin.update(float("nan")))


@pytest.mark.parametrize(
    "kind", [np.array, torch.tensor, pa.scalar, Decimal, Fraction, np.float32, int]
)
def test_a_number_of_any_kind_goes_into_a_stream(kind):
    stream, twin = (forecaster().fit(SERIES[0].to_numpy()).stream() for _ in range(2))
    np.testing.assert_array_equal(stream.update(kind(3)), twin.update(3.0))


def test_features_and_target_in_a_list_are_no_pair():
    data = [pd.DataFrame({"p": np.arange(30.0) % 5}), SERIES[0]]
    with pytest.raises(TypeError, match=r"data is a list of two, .* Pass tuple\(data\)"):
        backtest(forecaster(), data, horizon=2, n_folds=2)
    backtest(forecaster(), tuple(data), horizon=2, n_folds=2)


def test_numbers_that_numpy_has_from_elsewhere_are_converted_as_told():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    data = (np.arange(30) % 7).astype(ml_dtypes.bfloat16)
    with pytest.raises(TypeError, match=r"bfloat16.*Convert it: data.astype\(np.float32\)"):
        forecaster().fit(data)
    forecaster().fit(data.astype(np.float32))
