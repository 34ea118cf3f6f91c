"""A backtest of partitions is the local one with refit=False, where both fit to the same."""

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from seqforecast import backtest, distributed, evaluate

HORIZON, FOLDS, STEP = 5, 3, 4
BEFORE = HORIZON + STEP * (FOLDS - 1)
"""Steps from the first cutoff to the end."""


@pytest.fixture(autouse=True)
def in_this_process():
    with dask.config.set(scheduler="sync"):
        yield


@pytest.fixture(scope="module")
def ragged(frame):
    """Series of which one ends before the first cutoff, and one begins after it."""
    end = frame["ds"].max()
    ended = (frame["unique_id"] == "s04") & (frame["ds"] > end - pd.Timedelta(days=20))
    late = (frame["unique_id"] == "s06") & (frame["ds"] < end - pd.Timedelta(days=7))
    return frame[~ended & ~late]


def until(frame, steps):
    return frame[frame["ds"] <= frame["ds"].max() - pd.Timedelta(days=steps)]


def ours(forecaster, ddf, **given):
    settings = {"horizon": HORIZON, "n_folds": FOLDS, "step": STEP, **given}
    return distributed.backtest(forecaster, ddf, **settings)


def local(forecaster, frame, **given):
    settings = {"horizon": HORIZON, "n_folds": FOLDS, "step": STEP, **given}
    return backtest(forecaster, frame, refit=False, **settings)


@pytest.mark.parametrize("npartitions", [1, 4, 11])
@pytest.mark.parametrize("level", [None, [80, 95]])
def test_it_is_the_local_backtest_of_one_fit(
    new_forecaster, ragged, partitioned, assert_same, npartitions, level
):
    forecaster = new_forecaster()
    expected = local(forecaster, ragged, level=level)
    fitted = forecaster.fit(until(ragged, BEFORE))
    lazy = ours(fitted, partitioned(ragged, npartitions), level=level)
    computed = lazy.compute()
    assert list(lazy.columns) == list(expected.columns)
    assert computed.dtypes.to_list() == lazy.dtypes.to_list()
    assert_same(computed, expected)
    assert "s04" not in set(computed["unique_id"])
    assert computed.loc[computed["unique_id"] == "s06", "cutoff"].nunique() < FOLDS


@pytest.mark.parametrize(("npartitions", "whole"), [(1, True), (4, False), (11, True)])
def test_the_result_notes_what_its_columns_are_called(
    new_forecaster, ragged, partitioned, npartitions, whole
):
    names = ("shop", "day", "sold")
    frame = ragged.rename(columns=dict(zip(("unique_id", "ds", "y"), names, strict=True)))
    known = frame[frame["day"] <= frame["day"].max() - pd.Timedelta(days=BEFORE)]
    ddf = partitioned(frame, npartitions)
    fitted = new_forecaster(columns=names).fit(known)
    lazy = ours(fitted, ddf if whole else ddf.reset_index())
    computed = lazy.compute()
    parts = [part.compute() for part in lazy.partitions]
    # A file of Parquet each; of 11, that of the series that ended has no row.
    assert all(part.attrs == {"seqforecast_columns": list(names)} for part in (computed, *parts))
    assert min(map(len, parts)) == 0 or npartitions < 11
    said = evaluate(computed, "mae", by="series", columns=names)
    pd.testing.assert_frame_equal(evaluate(computed, "mae", by="series"), said)


@pytest.mark.parametrize(
    "settings",
    [
        {"regressor": HistGradientBoostingRegressor(max_iter=5)},
        {"past": ["heat"], "static": ["size"]},
        {"regressor_weight": "auto"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_any_settings_give_the_local_backtest(
    new_forecaster, make_frame, partitioned, assert_same, settings
):
    frame = make_frame(6)
    forecaster = new_forecaster(**settings)
    expected = local(forecaster, frame, level=80)
    fitted = forecaster.fit(until(frame, BEFORE))
    assert_same(ours(fitted, partitioned(frame), level=80).compute(), expected)


def test_a_forecaster_of_a_sample_tests_all_series(new_forecaster, frame, partitioned):
    known = until(frame, BEFORE)
    fitted = new_forecaster().fit(known[known["unique_id"] < "s05"])
    folds = ours(fitted, partitioned(frame)).compute()
    assert folds["unique_id"].nunique() == frame["unique_id"].nunique()
    assert evaluate(folds, "mae")["y_hat"].notna().all()


def test_later_values_change_no_forecast(new_forecaster, frame, partitioned):
    fitted = new_forecaster().fit(until(frame, BEFORE))
    cutoff = frame["ds"].max() - pd.Timedelta(days=BEFORE)
    changed = frame.assign(y=frame["y"].mask(frame["ds"] > cutoff, 1e6))
    honest, other = (ours(fitted, partitioned(one)).compute() for one in (frame, changed))
    first = (honest["cutoff"] == cutoff).to_numpy()
    assert first.any()
    assert honest.loc[first, "y_hat"].tolist() == other.loc[first, "y_hat"].tolist()
    assert honest.loc[~first, "y_hat"].tolist() != other.loc[~first, "y_hat"].tolist()


def test_a_forecaster_that_knows_too_much_is_refused(new_forecaster, frame, partitioned):
    exact, late = (new_forecaster().fit(until(frame, BEFORE - k)) for k in (0, 1))
    ddf = partitioned(frame)
    ours(exact, ddf)
    message = "knows values up to 2024-03-23, the first cutoff is 2024-03-22"
    with pytest.raises(ValueError, match=message):
        ours(late, ddf)
    new = frame[frame["ds"] == until(frame, BEFORE - 1)["ds"].max()]
    with pytest.raises(ValueError, match=message):  # what it only took in may have trained it
        ours(exact.update(new), ddf)


def test_the_newest_moment_is_that_of_all_partitions(new_forecaster, frame, assert_same):
    shorter = until(frame, 3)
    parts = [frame[frame["unique_id"] == "s00"], shorter[shorter["unique_id"] != "s00"]]
    whole = pd.concat(parts)
    ddf = dd.from_map(lambda k: parts[k], range(2), meta=frame.iloc[:0])
    forecaster = new_forecaster()
    expected = local(forecaster, whole)
    fitted = forecaster.fit(until(whole, BEFORE))
    assert_same(ours(fitted, ddf).compute(), expected)


def test_planned_rows_behind_the_newest_value_move_no_cutoff(
    new_forecaster, frame, partitioned, assert_same
):
    planned = frame[frame["unique_id"] == "s00"][-4:].assign(y=np.nan)
    planned["ds"] += pd.Timedelta(days=4)
    whole = pd.concat([frame, planned]).sort_values(["unique_id", "ds"], ignore_index=True)
    forecaster = new_forecaster()
    expected = local(forecaster, whole)
    assert expected["y"].notna().all()
    fitted = forecaster.fit(until(frame, BEFORE))
    assert_same(ours(fitted, partitioned(whole, 4)).compute(), expected)


def test_with_the_newest_moment_nothing_is_read(new_forecaster, frame):
    def load(_):
        raise AssertionError("read")

    ddf = dd.from_map(load, range(2), meta=frame.iloc[:0])
    fitted = new_forecaster().fit(until(frame, BEFORE))
    lazy = ours(fitted, ddf, newest=frame["ds"].max())
    assert lazy.npartitions == 2
    with pytest.raises(AssertionError, match="read"):
        ours(fitted, ddf)


def test_periods_are_moments_too(new_forecaster, frame, partitioned, assert_same):
    frame = frame.assign(ds=frame["ds"].dt.to_period("D"))
    forecaster = new_forecaster()
    expected = local(forecaster, frame)
    fitted = forecaster.fit(frame[frame["ds"] <= frame["ds"].max() - BEFORE])
    assert_same(ours(fitted, partitioned(frame)).compute(), expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"horizon": 0}, ValueError, "horizon"),
        ({"n_folds": 0}, ValueError, "n_folds"),
        ({"step": 0}, ValueError, "step"),
        ({"newest": "2024-04-04"}, TypeError, "The times have dtype str"),
        ({"level": 0}, ValueError, "level=0"),
    ],
)
def test_bad_arguments_are_refused(new_forecaster, frame, partitioned, change, error, message):
    fitted = new_forecaster().fit(until(frame, BEFORE))
    with pytest.raises(error, match=message):
        ours(fitted, partitioned(frame), **change)
