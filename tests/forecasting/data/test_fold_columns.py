"""The frame of a backtest says what its columns are called, wherever it goes with pandas."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, backtest, evaluate
from seqforecast.forecasting.data.fold_columns import level_text, levels_of

NAMES = ("store", "day", "sold")
DEFAULT = ("unique_id", "ds", "y")


def folds_with(columns):
    rng = np.random.default_rng(0)
    store, day = np.repeat(["a", "b"], 30), np.tile(np.arange(30), 2)
    data = pd.DataFrame(dict(zip(columns, (store, day, rng.random(60)), strict=True)))
    forecaster = Forecaster(Ridge(), window=4, horizon=2, season=None, columns=columns)
    return backtest(forecaster, data, horizon=2, n_folds=2)


@pytest.fixture(scope="module")
def plain():
    return folds_with(DEFAULT)


@pytest.fixture
def folds():
    return folds_with(NAMES)


def errors(frame, **options):
    return evaluate(frame, ["mae", "mase"], **options)


def test_names_need_not_be_said_again(folds, plain):
    assert folds.attrs == {"seqforecast_columns": list(NAMES)}
    assert plain.attrs == {"seqforecast_columns": list(DEFAULT)}
    pd.testing.assert_frame_equal(errors(folds), errors(plain))
    by_series = errors(folds, by="series")
    expected = errors(plain, by="series").rename(columns={"unique_id": "store"})
    pd.testing.assert_frame_equal(by_series, expected)


def test_folds_are_equal_with_and_without_the_note(folds):
    bare = folds.copy()
    bare.attrs = {}
    assert folds.equals(bare)
    pd.testing.assert_frame_equal(folds, bare)


def through_parquet(frame, path):
    frame.to_parquet(path)
    return pd.read_parquet(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda f, _: f[f["step"] <= 2],
        lambda f, _: f[["store", "sold", "y_hat", "seasonal_naive", "mase_scale"]],
        lambda f, _: f.query("step <= 2").sort_values("y_hat").reset_index(drop=True),
        lambda f, _: f.assign(month=1).drop(columns="day"),
        lambda f, _: pd.concat([part for _, part in f.groupby("store")]),
        lambda f, path: pd.concat([f[:4], through_parquet(f[4:], path)]),
        lambda f, path: through_parquet(f, path),
        lambda f, _: pickle.loads(pickle.dumps(f)),
    ],
    ids=[
        *("rows", "columns", "sorted", "assigned", "groups", "mixed", "parquet", "pickle"),
    ],
)
def test_what_pandas_keeps(folds, plain, change, tmp_path):
    changed = change(folds, tmp_path / "folds.parquet")
    pd.testing.assert_frame_equal(errors(changed), errors(plain))


@pytest.mark.parametrize("lost", ["merge", "csv"])
def test_what_pandas_loses_is_found_by_place_or_asked_for(folds, plain, lost, tmp_path):
    if lost == "merge":
        frame = folds.merge(pd.DataFrame({"store": ["a", "b"], "town": ["x", "y"]}), on="store")
    else:
        folds.to_csv(tmp_path / "folds.csv", index=False)
        frame = pd.read_csv(tmp_path / "folds.csv")
    pd.testing.assert_frame_equal(errors(frame), errors(plain))
    moved = frame[frame.columns[::-1]]
    with pytest.raises(
        ValueError, match=r"but not 'unique_id', 'y'. .* columns= where a merge or a CSV"
    ):
        errors(moved)
    pd.testing.assert_frame_equal(errors(moved, columns=NAMES), errors(plain))


def test_what_is_said_wins(folds):
    doubled = folds.assign(twice=2 * folds["sold"])
    said = errors(doubled, columns=("store", "day", "twice"))
    renamed = folds.assign(sold=2 * folds["sold"])
    pd.testing.assert_frame_equal(said, errors(renamed))


def test_columns_renamed_to_the_default_are_found(folds, plain):
    renamed = folds.rename(columns=dict(zip(NAMES, DEFAULT, strict=True)))
    pd.testing.assert_frame_equal(errors(renamed), errors(plain))
    one = folds.rename(columns={"sold": "y"})
    pd.testing.assert_frame_equal(errors(one), errors(plain))


def test_the_default_does_not_hide_what_is_noted(folds, plain):
    pd.testing.assert_frame_equal(errors(folds.assign(y=0.0)), errors(plain))


@pytest.mark.parametrize("day", [pd.Timestamp("2020-01-01"), ("day", 1), np.int64(3)], ids=repr)
def test_a_name_that_no_file_can_hold_is_not_noted(day):
    folds = folds_with(("store", day, "sold"))
    assert json.dumps(folds.attrs) == "{}"  # Parquet writes attrs as JSON
    assert errors(folds, columns=("store", day, "sold"))["y_hat"].notna().all()


@pytest.mark.parametrize(
    ("level", "text"),
    [
        (80, "80"),
        (80.0, "80"),
        (99.5, "99.5"),
        (99.99999, "99.99999"),
        (80.0000001, "80.0000001"),
        (np.nextafter(100, 0), "99.99999999999999"),
        (np.float32(97.5), "97.5"),
        (np.float64(99.99999), "99.99999"),
        (np.int64(95), "95"),
    ],
)
def test_a_level_is_written_so_that_it_is_the_same_number_again(level, text):
    assert level_text(level) == text
    assert float(text) == float(level)


def test_levels_that_six_digits_do_not_tell_apart_are_forecast_and_evaluated():
    levels = [80, 80.0000001, 99.5, np.float64(99.99999)]
    forecaster = Forecaster(Ridge(), window=4, horizon=2, season=None)
    series = np.random.default_rng(0).random(60)
    folds = backtest(forecaster, series, horizon=2, n_folds=2, level=levels)
    texts = ["80", "80.0000001", "99.5", "99.99999"]
    assert levels_of(folds) == texts
    names = [f"coverage-{text}" for text in texts]
    assert evaluate(folds, "coverage")["metric"].to_list() == names
    assert evaluate(folds, "coverage-99.99999")["metric"].to_list() == ["coverage-99.99999"]
    assert evaluate(folds, "coverage-80.0")["metric"].to_list() == ["coverage-80"]


def test_messages_write_levels_in_full():
    forecaster = Forecaster(Ridge(), window=4, horizon=2, season=None)
    forecaster.fit(np.random.default_rng(0).random(60))
    with pytest.warns(UserWarning, match=r"level=99.99999 needs .* up to 9\d(\.\d)? % can be told"):
        forecaster.predict(level=np.float64(99.99999))
    assert repr(forecaster.stream(level=[np.float64(80.5), np.int64(80)]).levels) == "(80.5, 80)"
