"""A long frame whose columns nobody named is no wide frame."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, forecast_scorer

RNG = np.random.default_rng(0)
STORES = pd.DataFrame(
    {
        "store": np.repeat([7, 9], 40),
        "week": np.tile(np.arange(5, 45), 2),
        "sold": np.repeat([10.0, 500.0], 40) + RNG.normal(size=80),
    }
)


def fresh(**params):
    return Forecaster(Ridge(), window=7, horizon=2, **params)


@pytest.mark.parametrize(
    "frame",
    [
        STORES,
        STORES.sort_values(["week", "store"], ignore_index=True),
        STORES[["sold", "week", "store"]],
        STORES.assign(sold=STORES["sold"].round().astype(int)),
        STORES.iloc[:60],  # the second store is shorter
        pl.from_pandas(STORES),
    ],
    ids=["by store", "by week", "another order", "counts", "unequal", "polars"],
)
def test_columns_that_count_the_rows_are_no_series(frame):
    with pytest.raises(
        ValueError, match=r"'(store|week)' and '(store|week)' count the rows .*columns="
    ):
        fresh().fit(frame)
    forecast = fresh(columns=("store", "week", "sold")).fit(frame).predict()
    assert list(forecast["store"]) == [7, 7, 9, 9]


def test_names_spelt_otherwise_are_told():
    frame = STORES.set_axis(["Unique_ID", "DS", "Y"], axis=1).assign(
        DS=pd.date_range("2024", periods=40).tolist() * 2
    )
    with pytest.raises(ValueError, match=r"Pass columns=\('Unique_ID', 'DS', 'Y'\)"):
        fresh().fit(frame)
    fresh(columns=("Unique_ID", "DS", "Y")).fit(frame)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": np.arange(60), "b": np.arange(60) % 12}),  # a trend and a season
        pd.DataFrame({"a": np.arange(60) % 7, "b": np.arange(60) % 12}),
        pd.DataFrame({"a": RNG.poisson(0.4, 60), "b": RNG.poisson(2, 60), "c": RNG.poisson(9, 60)}),
        pd.DataFrame({"a": np.repeat([1, 2], 30), "b": np.arange(60)}),  # a step of the level
        pd.DataFrame({"a": np.zeros(60, int), "b": np.ones(60, int)}),
        STORES.set_index(pd.date_range("2024", periods=80)),  # times are given
    ],
    ids=["trend and season", "seasons", "counts", "step", "constant", "dated"],
)
def test_integers_that_are_series_are_read(frame):
    assert fresh(season=None).fit(frame).predict().shape == (2, frame.shape[1])


def test_the_times_of_a_score_must_agree():
    days = pd.date_range("2024", periods=50)
    s = pd.Series(np.arange(50.0) % 7, days)
    model, later = fresh().fit(s[:44]), s[44:]
    X = pd.DataFrame(index=later.index)
    for score in (model.score, lambda X, y: forecast_scorer("mae")(model, X, y)):
        score(X, later)
        for wrong in (later[::-1], later.shift(3, freq="D")):
            with pytest.raises(ValueError, match="X and y have different indexes"):
                score(X, wrong)


def test_a_target_with_other_times_is_told_how_to_move():
    days = pd.date_range("2024", periods=50)
    y, X = pd.Series(np.arange(50.0) % 7, days), pd.DataFrame({"promo": np.arange(50.0) % 3})
    with pytest.raises(ValueError, match=r"row by row: X = X.set_axis\(y.index\)"):
        fresh().fit(X, y)
    fresh().fit(X.set_axis(y.index), y)


def test_a_column_without_a_name_is_refused():
    frame = pd.DataFrame(RNG.normal(size=(40, 2)), columns=["a", None])
    with pytest.raises(ValueError, match="Column 1 has no name"):
        fresh().fit(frame)


def test_an_index_of_several_levels_becomes_a_long_frame():
    series = STORES.set_index(["store", "week"])["sold"].rename_axis([None, None]).rename(None)
    with pytest.raises(TypeError, match="index has 2 levels") as caught:
        fresh().fit(series)
    line = str(caught.value).rpartition("Series with ")[2].rstrip(".")
    assert len(fresh().fit(eval(line, {"series": series})).ids_) == 2


def test_ids_that_are_lists_are_refused():
    with pytest.raises(TypeError, match="cannot be compared; text, numbers or times"):
        fresh().fit(pd.DataFrame({"unique_id": [[1]] * 9, "ds": range(9), "y": 1.0}))
