"""A forecast of partitions is that of the whole frame, bit by bit, or it is refused."""

import re

import cloudpickle
import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, distributed
from seqforecast.distributed.partitions import shipped


@pytest.fixture(autouse=True)
def in_this_process():
    with dask.config.set(scheduler="sync"):
        yield


def from_parts(parts):
    """Return a Dask frame of some frames, which knows nothing of where its series are."""
    return dd.from_map(lambda k: parts[k], range(len(parts)), meta=parts[0].iloc[:0])


def future_of(frame, steps):
    """Return future rows of every series, in no order."""
    rng = np.random.default_rng(1)
    parts = []
    for name, part in frame.groupby("unique_id"):
        times = pd.date_range(part["ds"].max(), periods=steps + 1, freq="D")[1:]
        promo = rng.integers(0, 2, steps).astype(float)
        parts.append(pd.DataFrame({"unique_id": name, "ds": times, "promo": promo}))
    return pd.concat(parts).sample(frac=1, random_state=0).reset_index(drop=True)


# ----------------------------------------------------------------------------- the same numbers


@pytest.mark.parametrize("npartitions", [1, 3, 11])
def test_any_partition_gives_the_forecast_of_the_whole(
    forecaster, frame, partitioned, assert_same, npartitions
):
    lazy = distributed.predict(forecaster, partitioned(frame, npartitions), 8, level=[80, 95])
    assert lazy.npartitions == npartitions
    assert_same(lazy.compute(), forecaster.predict(8, level=[80, 95]))


@pytest.mark.parametrize(
    "settings",
    [
        {"regressor": HistGradientBoostingRegressor(max_iter=5)},
        {"transform": None, "season": None},
        {"regressor_weight": "auto"},
        {"baseline": None, "calendar": ["week"]},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_any_settings_give_the_forecast_of_the_whole(
    new_forecaster, frame, partitioned, assert_same, settings
):
    forecaster = new_forecaster(**settings).fit(frame)
    lazy = distributed.predict(forecaster, partitioned(frame))
    assert_same(lazy.compute(), forecaster.predict())


def test_quantiles_of_the_network_travel(new_forecaster, network, frame, partitioned, assert_same):
    forecaster = new_forecaster(network(loss="quantile"), intervals="quantile").fit(frame)
    lazy = distributed.predict(forecaster, partitioned(frame), level=80)
    assert_same(lazy.compute(), forecaster.predict(level=80))


def test_missing_values_at_the_end_are_forecast_on_the_way(
    new_forecaster, frame, partitioned, assert_same
):
    gaps = frame.assign(y=frame["y"].mask(frame.groupby("unique_id").cumcount(ascending=False) < 2))
    forecaster = new_forecaster().fit(gaps)
    lazy = distributed.predict(forecaster, partitioned(gaps, 4), 4)
    assert_same(lazy.compute(), forecaster.predict(4))


def test_linear_regressor_differs_by_rounding_alone(new_forecaster, frame, partitioned):
    forecaster = new_forecaster(Ridge()).fit(frame)
    ours = distributed.predict(forecaster, partitioned(frame, 11), 5).compute()
    # BLAS adds up in an order that depends on the number of rows: some units in the last place.
    np.testing.assert_allclose(ours["y_hat"], forecaster.predict(5)["y_hat"], rtol=1e-13)


def test_new_series_and_new_values_are_those_of_update(
    new_forecaster, frame, partitioned, assert_same
):
    late = frame["ds"] > frame["ds"].max() - pd.Timedelta(days=9)
    forecaster = new_forecaster().fit(frame[~late & (frame["unique_id"] != "s03")])
    lazy = distributed.predict(forecaster, partitioned(frame), 6, level=80)
    rest = frame[late | (frame["unique_id"] == "s03")]
    updated = forecaster.update(rest)
    assert_same(lazy.compute(), updated.predict(6, level=80))  # lazy knows nothing of the update


def test_partition_too_short_to_have_a_calendar(new_forecaster, frame, partitioned):
    forecaster = new_forecaster().fit(frame)
    one = pd.DataFrame({"unique_id": ["new"], "ds": [pd.Timestamp("2024-05-05")], "y": [21.0]})
    forecasts = distributed.predict(forecaster, partitioned(one, 1), 2).compute()
    assert forecasts["ds"].dt.day.tolist() == [6, 7]
    assert np.isfinite(forecasts["y_hat"]).all()


@pytest.mark.parametrize("kind", ["category", "object", "string[pyarrow]", "str", "int32"])
@pytest.mark.parametrize("fitted_to", ["kind", "str"])
def test_names_of_any_type(new_forecaster, frame, assert_same, kind, fitted_to):
    if kind == "int32":
        frame = frame.assign(unique_id=frame["unique_id"].str[1:].astype(int))
    own = frame.astype({"unique_id": kind})
    forecaster = new_forecaster().fit(own if fitted_to == "kind" else frame)
    with dask.config.set({"dataframe.convert-string": False}):
        ddf = dd.from_pandas(own, npartitions=2).shuffle("unique_id", npartitions=17)  # some empty
        lazy = distributed.predict(forecaster, ddf, 3)
        assert lazy.dtypes["unique_id"] == own.dtypes["unique_id"]
        computed = lazy.compute()
    assert computed.dtypes.to_list() == lazy.dtypes.to_list()
    assert_same(computed.astype({"unique_id": frame.dtypes["unique_id"]}), forecaster.predict(3))


@pytest.mark.parametrize("in_index", [False, True])
def test_names_that_only_look_known_are_refused(new_forecaster, frame, assert_same, in_index):
    frame = frame.assign(unique_id=frame["unique_id"].str[1:])  # 00, 01, ...
    forecaster = new_forecaster().fit(frame)
    numbers = frame.astype({"unique_id": int})
    ddf = dd.from_pandas(numbers.set_index("unique_id") if in_index else numbers, npartitions=2)
    with pytest.raises(ValueError, match=r"rows of ddf .* fit saw '0\d' \(str\)") as raised:
        distributed.predict(forecaster, ddf, 3).compute()
    call = re.search(r"Write them alike: (.*)\.$", str(raised.value)).group(1)
    cured = eval(call, {"ddf": ddf}).shuffle("unique_id")
    forecasts = distributed.predict(forecaster, cured, 3).compute()
    assert_same(forecasts, forecaster.predict(3))


def test_future_rows_of_names_that_only_look_known_are_refused(with_features, partitioned):
    forecaster, frame, future = with_features
    ahead = partitioned(future.assign(unique_id=future["unique_id"] + " "))
    with pytest.raises(ValueError, match=r"rows of future hold series 's00 ', .* white space"):
        distributed.predict(forecaster, from_parts([frame]), 10, future=ahead).compute()


@pytest.mark.parametrize("times", ["period", "zone", "int"])
def test_times_of_any_type(new_forecaster, frame, partitioned, assert_same, times):
    ds = {
        "period": frame["ds"].dt.to_period("D"),
        "zone": frame["ds"].dt.tz_localize("Europe/Berlin"),
        "int": (frame["ds"] - frame["ds"].min()).dt.days,
    }[times]
    frame = frame.assign(ds=ds)
    forecaster = new_forecaster().fit(frame)
    lazy = distributed.predict(forecaster, partitioned(frame), 3)
    computed = lazy.compute()
    assert computed.dtypes["ds"] == lazy.dtypes["ds"] == frame.dtypes["ds"]
    assert_same(computed, forecaster.predict(3))


def test_other_names_of_the_columns(new_forecaster, frame, partitioned, assert_same):
    other = frame.set_axis(["shop", "day", "sold"], axis=1)
    forecaster = new_forecaster(columns=("shop", "day", "sold")).fit(other)
    lazy = distributed.predict(forecaster, partitioned(other), 3)
    assert_same(lazy.compute(), forecaster.predict(3))


# ------------------------------------------------------------------------------------- features


@pytest.fixture(scope="module")
def with_features(new_forecaster, make_frame):
    frame = make_frame(7)
    return new_forecaster(past=["heat"], static=["size"]).fit(frame), frame, future_of(frame, 10)


@pytest.mark.parametrize("index", ["both", "history", "none"])
def test_future_features_find_their_series(with_features, partitioned, assert_same, index):
    forecaster, frame, future = with_features
    history = dd.from_pandas(frame.sample(frac=1, random_state=0), npartitions=3, sort=False)
    ahead = dd.from_pandas(future, npartitions=2, sort=False)
    if index != "none":
        history = partitioned(frame, 3)
    if index == "both":
        ahead = partitioned(future, 2)
    lazy = distributed.predict(forecaster, history, 10, future=ahead, level=80)
    assert_same(lazy.compute(), forecaster.predict(future, level=80))


def test_future_rows_of_some_series_ask_for_these(with_features, partitioned, assert_same):
    forecaster, frame, future = with_features
    some = future[future["unique_id"].isin(["s01", "s06"])]
    lazy = distributed.predict(forecaster, partitioned(frame), 10, future=partitioned(some, 1))
    assert_same(lazy.compute(), forecaster.predict(some))


def test_future_rows_that_do_not_fit_are_refused(with_features, partitioned):
    forecaster, frame, future = with_features
    ahead = partitioned(future)
    with pytest.raises(ValueError, match=r"fit saw the future feature\(s\) \['promo'\]"):
        distributed.predict(forecaster, partitioned(frame))
    with pytest.raises(ValueError, match="future reaches 10 steps ahead.*horizon=5"):
        distributed.predict(forecaster, partitioned(frame), future=ahead).compute()
    without = partitioned(frame[frame["unique_id"] != "s02"])
    with pytest.raises(ValueError, match="future has rows of series 's02', of which ddf has none"):
        distributed.predict(forecaster, without, 10, future=ahead).compute()
    partial = partitioned(future_of(frame, 7))
    with pytest.raises(ValueError, match="so 10 are needed"):
        distributed.predict(forecaster, partitioned(frame), 10, future=partial).compute()


def test_future_without_future_features_is_refused(forecaster, frame, partitioned):
    with pytest.raises(ValueError, match="fitted without future features"):
        distributed.predict(forecaster, partitioned(frame), future=partitioned(frame))


# --------------------------------------------------------------------------------- whole series


def test_rows_in_any_order_are_forecast_after_a_shuffle(forecaster, frame, assert_same):
    mixed = dd.from_pandas(frame.sample(frac=1, random_state=0), npartitions=4, sort=False)
    lazy = distributed.predict(forecaster, mixed.shuffle("unique_id"), 5, level=80)
    assert_same(lazy.compute(), forecaster.predict(5, level=80))


def test_column_of_whole_series_needs_no_shuffle(forecaster, frame, assert_same):
    ids = frame["unique_id"].unique()
    parts = [frame[frame["unique_id"].isin(some)] for some in (ids[:4], ids[4:5], ids[5:])]
    ddf = from_parts(parts)
    assert_same(distributed.predict(forecaster, ddf).compute(), forecaster.predict())


@pytest.mark.parametrize("what", ["predict", "backtest"])
def test_series_cut_in_time_is_refused(forecaster, new_forecaster, frame, what):
    end = frame["ds"].max()
    early = (frame["ds"] <= end - pd.Timedelta(days=40)) & (frame["unique_id"] == "s01")
    ddf = from_parts([frame[early], frame[~early]])
    lazy = distributed.predict(forecaster, ddf)
    if what == "backtest":  # whose older part has no row in the result
        older = new_forecaster().fit(frame[frame["ds"] <= end - pd.Timedelta(days=5)])
        lazy = distributed.backtest(older, ddf, horizon=5, n_folds=1)
    with pytest.raises(ValueError, match=r"Series 's01' stands in more than one .*\(1 series do\)"):
        lazy.compute()
    with pytest.raises(ValueError, match="s01"):
        lazy.partitions[0].compute()  # not a part of it either


def test_series_cut_into_gaps_is_refused(forecaster, frame):
    mixed = dd.from_pandas(frame.sample(frac=1, random_state=0), npartitions=4, sort=False)
    with pytest.raises(ValueError, match=r"has gaps.*ddf.shuffle\('unique_id'\)"):
        distributed.predict(forecaster, mixed).compute()


# ------------------------------------------------------------------------------ cheap and lazy


def test_nothing_is_read_before_it_is_asked_for(forecaster, frame):
    def load(_):
        raise AssertionError("read")

    ddf = dd.from_map(load, range(3), meta=frame.iloc[:0])
    lazy = distributed.predict(forecaster, ddf, level=80)
    assert lazy.npartitions == 3
    with pytest.raises(AssertionError, match="read"):
        lazy.compute()


def test_what_is_shipped_does_not_grow_with_the_history(new_forecaster, make_frame):
    sizes = []
    for n in (100, 3_000):
        frame = make_frame(4, (n,))[["unique_id", "ds", "y"]]
        forecaster = new_forecaster(calendar=None).fit(frame)
        sizes.append(len(cloudpickle.dumps(shipped(forecaster, (80.0,), 5))))
        whole = len(cloudpickle.dumps(forecaster))
    assert whole > sizes[1] + 8 * 4 * 3_000
    # Sorted errors of 50 cutoffs of each series and step: as many whatever the length.
    assert sizes[1] < sizes[0] + 8 * 5 * 200


def test_forecaster_is_one_task_that_all_others_share(forecaster, frame, partitioned):
    graph = distributed.predict(forecaster, partitioned(frame, 11)).optimize().__dask_graph__()
    sizes = sorted(len(cloudpickle.dumps(task)) for task in dict(graph).values())
    light = len(cloudpickle.dumps(shipped(forecaster, (), 5)))
    assert sizes[-1] >= light > 3 * sizes[-2]


# Dask itself calls set_index and reset_index of pandas with inplace=True.
@pytest.mark.filterwarnings("ignore:(?s).*The inplace keyword in DataFrame")
def test_survives_parquet(forecaster, frame, partitioned, assert_same, tmp_path):
    partitioned(frame).to_parquet(tmp_path / "series")
    ddf = dd.read_parquet(tmp_path / "series", calculate_divisions=True)
    distributed.predict(forecaster, ddf, 4).to_parquet(tmp_path / "forecasts")
    assert_same(pd.read_parquet(tmp_path / "forecasts"), forecaster.predict(4))


# ------------------------------------------------------------------------------------ bad input


def test_too_high_a_level_warns_here(new_forecaster, frame, partitioned):
    short = frame[frame["unique_id"] == "s02"]
    forecaster = new_forecaster().fit(short)
    with pytest.warns(UserWarning, match="level=99.9 needs more errors") as caught:
        distributed.predict(forecaster, partitioned(short, 1), level=99.9)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"horizon": 0}, ValueError, "horizon"),
        ({"level": 120}, ValueError, "level=120"),
        ({"ddf": pd.DataFrame()}, TypeError, "ddf is a DataFrame; a Dask DataFrame is needed"),
        ({"forecaster": Ridge()}, TypeError, "forecaster is a Ridge; a fitted Forecaster"),
    ],
)
def test_bad_arguments_are_refused_at_once(forecaster, frame, partitioned, change, error, message):
    given = {"forecaster": forecaster, "ddf": partitioned(frame)} | change
    with pytest.raises(error, match=message):
        distributed.predict(**given)


def test_missing_column_is_named(forecaster, frame, partitioned):
    ddf = partitioned(frame.rename(columns={"ds": "day"}))
    with pytest.raises(ValueError, match=re.escape("not ['ds'], which fit saw")):
        distributed.predict(forecaster, ddf)


def test_forecaster_of_one_series_is_refused(new_forecaster, frame, partitioned):
    one = frame[frame["unique_id"] == "s01"].set_index("ds")["y"]
    with pytest.raises(ValueError, match="fitted to a long frame"):
        distributed.predict(new_forecaster().fit(one), partitioned(frame))


def test_unfitted_forecaster_is_refused(new_forecaster, frame, partitioned):
    with pytest.raises(ValueError, match="not fitted"):
        distributed.predict(new_forecaster(), partitioned(frame))


def test_without_dask_it_says_what_to_install(forecaster, frame, partitioned, monkeypatch):
    ddf = partitioned(frame)
    monkeypatch.setitem(__import__("sys").modules, "dask.dataframe", None)
    with pytest.raises(ImportError, match=re.escape('pip install "seqforecast[dask]"')):
        distributed.predict(forecaster, ddf)


def test_forecaster_itself_is_not_changed(new_forecaster, frame, partitioned):
    forecaster = new_forecaster().fit(frame)
    before = dict(vars(forecaster)), forecaster.predict(3)
    distributed.predict(forecaster, partitioned(frame), 3, level=80).compute()
    assert vars(forecaster) == before[0]
    assert isinstance(forecaster, Forecaster)
    assert forecaster.predict(3).equals(before[1])
