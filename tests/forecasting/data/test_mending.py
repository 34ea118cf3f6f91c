"""What messages say to type about a long frame works when it is typed, in its library."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster
from seqforecast.forecasting.data.mending import THINNED_BY_A_SEARCH

FREQUENCIES = ("D", "2h", "15min", "W-WED", "MS", "QS-FEB", "YS-JAN")


def panel(freq="D"):
    times = pd.date_range("2020-01-01", periods=40, freq=freq)
    y = np.random.default_rng(0).normal(size=80)
    return pd.DataFrame({"unique_id": np.repeat(["a", "b"], 40), "ds": np.tile(times, 2), "y": y})


def polars_of(frame):
    ids = [None if name is None or name != name else name for name in frame["unique_id"]]
    return pl.DataFrame({"unique_id": ids}).with_columns(
        pl.Series(name, frame[name].to_numpy()) for name in frame.columns[1:]
    )


def arrow_of(frame):
    return pa.Table.from_pandas(frame, preserve_index=False)


def message(frame):
    with pytest.raises(ValueError, match="need") as caught:
        Forecaster(Ridge(), window=3).fit(frame)
    return str(caught.value).removesuffix(f" {THINNED_BY_A_SEARCH}")


def typed(text, frame):
    """Run the code at the end of a message."""
    code = re.search(r": (frame\..*?)\.?$", text)[1]
    return eval(code, {"frame": frame, "pl": pl})  # followed to the letter


@pytest.mark.parametrize("make", [pd.DataFrame, polars_of])
@pytest.mark.parametrize("freq", [*FREQUENCIES, "integers"])
def test_gaps_are_filled(make, freq):
    whole = panel("D" if freq == "integers" else freq)
    if freq == "integers":
        whole["ds"] = np.tile(np.arange(0, 80, 2), 2)
    frame = make(whole.drop(index=[5, 6, 50]))
    text = message(frame)
    if freq == "integers" and make is pd.DataFrame:
        assert text.endswith("Fill the gaps: add the missing rows, with NaN in 'y'.")
        return
    filled = typed(text, frame)
    assert len(filled) == 80
    known = whole.assign(y=whole["y"].where(~whole.index.isin([5, 6, 50])))
    expected = Forecaster(Ridge(), window=3).fit(known).predict(2)
    found = Forecaster(Ridge(), window=3).fit(filled).predict(2)
    np.testing.assert_array_equal(np.ravel(found["y_hat"]), expected["y_hat"])


@pytest.mark.parametrize("make", [pd.DataFrame, polars_of])
def test_rows_of_one_time_and_rows_without_a_name_are_dropped(make):
    doubled = make(pd.concat([panel(), panel()[:3]], ignore_index=True))
    assert len(typed(message(doubled), doubled)) == 80
    nameless = panel()
    nameless.loc[79, "unique_id"] = None
    assert len(typed(message(make(nameless)), make(nameless))) == 79


@pytest.mark.parametrize("kind", ["gaps", "doubled", "nameless"])
def test_other_libraries_get_words(kind):
    frame = panel()
    if kind == "gaps":
        frame = frame.drop(index=5)
    elif kind == "doubled":
        frame = pd.concat([frame, frame[:1]], ignore_index=True)
    else:
        frame.loc[79, "unique_id"] = None
    text = message(arrow_of(frame))
    assert "frame." not in text
    assert re.search(
        "(add the missing rows, with null in 'y'|keep the first|Drop such rows).$", text
    )


def test_months_that_end_have_no_call_in_polars():
    frame = polars_of(panel("ME").drop(index=5))
    assert message(frame).endswith("add the missing rows, with null in 'y'.")


@pytest.mark.parametrize("dtype", ["timestamp[us][pyarrow]", "date32[pyarrow]"])
def test_gaps_between_times_of_arrow_are_filled(dtype):
    frame = panel().astype({"ds": dtype}).drop(index=5)
    assert len(typed(message(frame), frame)) == 80
