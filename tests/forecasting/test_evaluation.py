"""The table of a backtest, from frames made by hand and against a plain loop."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast import metrics
from seqforecast.forecasting.evaluation import evaluate
from tests.properties import examples

CLOSE = {"rel": 1e-12, "nan_ok": True}  # sums in another order
EVERY = ["mae", "rmse", "smape", "mase", "rmsse", "coverage", "winkler", "pinball"]


def bias(y_true, y_pred):
    return np.mean(y_pred - y_true)


@pytest.fixture
def frame():
    """Return two series, two cutoffs, two steps; series b is ten times as large."""
    a = pd.DataFrame(
        {
            "unique_id": "a",
            "cutoff": [4, 4, 6, 6],
            "step": [1, 2, 1, 2],
            "ds": [5, 6, 7, 8],
            "y": [10.0, 12.0, 11.0, 15.0],
            "y_hat": [11.0, 10.0, 11.0, 12.0],  # errors 1, 2, 0, 3
            "lo-80": [9.0, 9.0, 10.0, 10.0],
            "hi-80": [13.0, 11.0, 12.0, 14.0],  # 12 and 15 lie 1 above
            "seasonal_naive": [8.0, 8.0, 12.0, 12.0],  # errors 2, 4, 1, 3
            "mase_scale": [2.0, 2.0, 1.0, 1.0],
            "rmsse_scale": [2.0, 2.0, 4.0, 4.0],
        }
    )
    b = a.assign(unique_id="b")
    numbers = ["y", "y_hat", "lo-80", "hi-80", "seasonal_naive"]
    b[numbers] *= 10
    return pd.concat([a, b], ignore_index=True)


def only(table, metric):
    """Return the two errors of a table over all."""
    (row,) = table[table["metric"] == metric][["y_hat", "seasonal_naive"]].to_numpy()
    return tuple(row)


# ---------------------------------------------------------------------------- answers by hand


def test_over_all_is_the_mean_over_series(frame):
    table = evaluate(frame, ["mae", "rmse", "mase", "rmsse"])
    assert list(table.columns) == ["metric", "y_hat", "seasonal_naive"]
    assert only(table, "mae") == (1.5 * 11 / 2, 2.5 * 11 / 2)
    # The root of the mean square of each series: 14 / 4 and 30 / 4 in a, ten times that in b.
    assert only(table, "rmse") == pytest.approx(
        (np.sqrt(14 / 4) * 5.5, np.sqrt(30 / 4) * 5.5), rel=1e-15
    )
    # Each row by the scale of its cutoff: 0.5, 1, 0, 3 and 1, 2, 1, 3.
    assert only(table, "mase") == (4.5 / 4 * 5.5, 7 / 4 * 5.5)
    squares = (0.25 + 1 + 9 / 16) / 4, (1 + 4 + 1 / 16 + 9 / 16) / 4
    assert only(table, "rmsse") == pytest.approx(tuple(np.sqrt(squares) * 5.5), rel=1e-15)


def test_series_of_unequal_length_count_alike(frame):
    shorter = frame.drop(index=[1, 2, 3])  # of a only the error 1 is left
    assert only(evaluate(shorter, "mae"), "mae")[0] == (1 + 15) / 2


def test_smape_is_in_percent(frame):
    frame = frame.assign(y_hat=frame["y"] * 3)  # 2y / 4y
    assert only(evaluate(frame, "smape"), "smape")[0] == 100.0


def test_intervals_by_hand(frame):
    table = evaluate(frame, ["coverage", "winkler-80", "pinball"])
    assert list(table["metric"]) == ["coverage-80", "winkler-80", "pinball"]
    assert only(table, "coverage-80")[0] == 0.5
    # Widths 4, 2, 2, 4; 1 outside twice at 2 / 0.2.
    assert only(table, "winkler-80")[0] == pytest.approx((12 + 20) / 4 * 5.5, rel=1e-15)
    # Lower ends at 0.1: 1, 3, 1, 5 above; upper ends at 0.9: 3, 1 below and 1, 1 above.
    ends = (0.1 * (1 + 3 + 1 + 5) + 0.1 * (3 + 1) + 0.9 * (1 + 1)) / 8
    assert only(table, "pinball")[0] == pytest.approx(ends * 5.5, rel=1e-15)
    assert table["seasonal_naive"].isna().all()


def test_by_step_cutoff_and_series(frame):
    by_step = evaluate(frame, "mae", by="step")
    assert by_step.to_dict("list") == {
        "step": [1, 2],
        "metric": ["mae", "mae"],
        "y_hat": [0.5 * 5.5, 2.5 * 5.5],
        "seasonal_naive": [1.5 * 5.5, 3.5 * 5.5],
    }
    by_cutoff = evaluate(frame, ["mae", bias], by="cutoff")
    assert by_cutoff["cutoff"].tolist() == [4, 6, 4, 6]
    assert by_cutoff["metric"].tolist() == ["mae", "mae", "bias", "bias"]
    assert by_cutoff["y_hat"].tolist() == [1.5 * 5.5, 1.5 * 5.5, -0.5 * 5.5, -1.5 * 5.5]
    by_series = evaluate(frame, "mae", by="series")
    assert by_series["unique_id"].tolist() == ["a", "b"]
    assert by_series["y_hat"].tolist() == [1.5, 15.0]
    assert by_series["seasonal_naive"].tolist() == [2.5, 25.0]


def test_default_metrics(frame):
    assert evaluate(frame)["metric"].tolist() == ["mae", "smape", "mase"]


def test_series_keep_their_order_and_steps_are_sorted(frame):
    backwards = frame.iloc[::-1]
    assert evaluate(backwards, "mae", by="series")["unique_id"].tolist() == ["b", "a"]
    assert evaluate(backwards, "mae", by="step")["step"].tolist() == [1, 2]
    assert evaluate(backwards, "mae", by="cutoff")["cutoff"].tolist() == [4, 6]


def test_several_levels(frame):
    frame = frame.assign(**{"lo-99.5": -1e3, "hi-99.5": 1e3})
    names = evaluate(frame, ["coverage", "winkler"])["metric"].tolist()
    assert names == ["coverage-80", "coverage-99.5", "winkler-80", "winkler-99.5"]
    one = evaluate(frame, ["winkler-99.5", "coverage-99.5"])["y_hat"].tolist()
    assert one == pytest.approx([2e3, 1.0], rel=1e-12)
    # The mean of the losses of four ends.
    q, y = 0.0025, frame["y"]
    far = ((q * (y + 1e3) + q * (1e3 - y)) / 2).mean()
    near = evaluate(frame.drop(columns="lo-99.5"), "pinball")["y_hat"].item()
    both = evaluate(frame, "pinball")["y_hat"].item()
    assert both == pytest.approx((near + far) / 2, rel=1e-12)


# ----------------------------------------------------------------------- what is left out


def test_rows_without_a_target_are_left_out(frame):
    expected = evaluate(frame.drop(index=[1, 6]), [*EVERY, bias], by="step")
    gaps = frame.assign(y=frame["y"].where(~frame.index.isin([1, 6])))
    gaps.loc[1, "y_hat"] = np.nan  # never looked at
    pd.testing.assert_frame_equal(evaluate(gaps, [*EVERY, bias], by="step"), expected)


def test_group_without_a_target_stays_with_nan(frame):
    gaps = frame.assign(y=frame["y"].where(frame["unique_id"] == "b"))
    table = evaluate(gaps, [*EVERY, bias], by="series")
    assert table[table["unique_id"] == "a"][["y_hat", "seasonal_naive"]].isna().all(axis=None)
    assert evaluate(gaps, "mae")["y_hat"].tolist() == [15.0]


@pytest.mark.parametrize("scale", [0.0, np.nan, np.inf, -1.0])
def test_rows_without_a_scale_are_left_out_of_scaled_errors_alone(frame, scale):
    of_a = frame["unique_id"] == "a"
    frame["mase_scale"] = frame["mase_scale"].mask(of_a & (frame["cutoff"] == 6), scale)
    frame["rmsse_scale"] = frame["rmsse_scale"].mask(of_a, scale)
    table = evaluate(frame, ["mae", "mase", "rmsse"], by="series").set_index("metric")
    assert table.loc["mae", "y_hat"].tolist() == [1.5, 15.0]
    assert table.loc["mase", "y_hat"].tolist() == [0.75, 11.25]
    assert np.isnan(table.loc["rmsse", "y_hat"].iloc[0])
    assert np.isfinite(table.loc["rmsse", "y_hat"].iloc[1])
    overall = evaluate(frame, "rmsse")["y_hat"].item()
    assert overall == table.loc["rmsse", "y_hat"].iloc[1]


def test_zero_forecast_of_zero_is_left_out_of_smape(frame):
    frame.loc[[0, 1], ["y", "y_hat"]] = 0.0
    expected = evaluate(frame.drop(index=[0, 1]), "smape")["y_hat"]
    assert evaluate(frame, "smape")["y_hat"].tolist() == expected.tolist()


def test_seasonal_naive_that_is_unknown_is_left_out_of_its_own_errors(frame):
    frame.loc[[0, 1], "seasonal_naive"] = np.nan
    table = evaluate(frame, ["mae", bias], by="series").set_index(["metric", "unique_id"])
    assert table.loc[("mae", "a")].tolist() == [1.5, 2.0]
    assert table.loc[("bias", "a")].tolist() == [-1.0, -1.0]


def test_seasonal_naive_that_is_nowhere_known_has_nan(frame):
    table = evaluate(frame.assign(seasonal_naive=np.nan), [*EVERY, bias], by="step")
    assert table["seasonal_naive"].isna().all()
    assert table["y_hat"].notna().all()


def test_columns_that_no_metric_needs_may_be_missing(frame):
    table = evaluate(frame[["unique_id", "y", "lo-80", "hi-80"]], "coverage")
    assert table["y_hat"].tolist() == [0.5]
    few = frame[["unique_id", "y", "y_hat", "seasonal_naive"]]
    assert evaluate(few, ["mae", "smape"], by="series").shape == (4, 4)


# --------------------------------------------------------------------- kinds of columns, names


def test_other_column_names(frame):
    renamed = frame.rename(columns={"unique_id": "shop", "ds": "day", "y": "sales"})
    table = evaluate(renamed, [*EVERY, bias], by="series", columns=("shop", "day", "sales"))
    expected = evaluate(frame, [*EVERY, bias], by="series").rename(columns={"unique_id": "shop"})
    pd.testing.assert_frame_equal(table, expected)


@pytest.mark.parametrize(
    "cutoffs",
    [
        pd.DatetimeIndex(["2024-03-30", "2024-03-31"], tz="Europe/Berlin"),
        pd.PeriodIndex(["2024-01", "2024-02"], freq="M"),
        pd.Index([np.int32(3), np.int32(7)]),
    ],
)
def test_groups_keep_their_type(frame, cutoffs):
    frame["cutoff"] = cutoffs[(frame["cutoff"] == 6).to_numpy(int)]
    frame["unique_id"] = frame["unique_id"].astype("category")
    by_cutoff = evaluate(frame, ["mae", "rmse"], by="cutoff")
    assert by_cutoff["cutoff"].dtype == cutoffs.dtype
    assert by_cutoff["cutoff"].tolist() == [*cutoffs, *cutoffs]
    by_series = evaluate(frame, ["mae", "rmse"], by="series")
    assert by_series["unique_id"].dtype == frame["unique_id"].dtype


def test_kinds_of_numbers_change_nothing(frame):
    expected = evaluate(frame, EVERY)
    pd.testing.assert_frame_equal(evaluate(frame.astype({"y": "Float64"}), EVERY), expected)
    whole = frame.assign(y=frame["y"].astype("int64"), y_hat=frame["y_hat"].astype("float32"))
    pd.testing.assert_frame_equal(evaluate(whole, EVERY), expected)
    missing = frame.astype({"y": "Float64"})
    missing.loc[0, "y"] = pd.NA
    pd.testing.assert_frame_equal(evaluate(missing, EVERY), evaluate(frame.drop(index=0), EVERY))


def test_frame_is_not_changed(frame):
    before = frame.copy()
    evaluate(frame, [*EVERY, bias], by="step")
    pd.testing.assert_frame_equal(frame, before)


def test_any_iterable_or_one_metric(frame):
    assert evaluate(frame, bias)["metric"].tolist() == ["bias"]
    assert evaluate(frame, iter(["mae", bias]))["metric"].tolist() == ["mae", "bias"]


def test_function_sees_the_rows_of_a_series_in_their_order():
    n = 400
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"unique_id": rng.choice(["a", "b", "c"], size=n), "y": np.arange(n)})
    frame = frame.assign(y_hat=0.0, seasonal_naive=0.0)

    def rises(y_true, y_pred):
        assert y_true.shape == y_pred.shape
        return np.all(np.diff(y_true) > 0)

    assert evaluate(frame, rises, by="series")["y_hat"].tolist() == [1.0, 1.0, 1.0]


# ------------------------------------------------------------------------ against a plain loop


def random_frame(rng, n_series):
    rows = []
    for series in range(n_series):
        for cutoff in range(rng.integers(1, 4)):
            rows += [
                {"unique_id": f"s{series}", "cutoff": cutoff, "step": step}
                for step in range(1, rng.integers(2, 5))
            ]
    frame = pd.DataFrame(rows)
    n = len(frame)
    frame["ds"] = frame["cutoff"] + frame["step"]
    # Rounded: zeros, and values on the ends of intervals, occur.
    frame["y"], frame["y_hat"], frame["seasonal_naive"] = np.round(rng.normal(size=(3, n)))
    for level in (50, 90):
        frame[f"lo-{level}"] = np.round(rng.normal(size=n)) - 1
        frame[f"hi-{level}"] = frame[f"lo-{level}"] + np.round(rng.exponential(size=n) * 3)
    frame["mase_scale"] = rng.exponential(size=n)
    frame["rmsse_scale"] = rng.exponential(size=n)
    return frame.sample(frac=1, random_state=int(rng.integers(1_000)))


def scaled(rows, column, scale):
    return rows["y"] / rows[scale], rows[column] / rows[scale]


def pinball_of_ends(rows):
    ends = [("lo-50", 0.25), ("hi-50", 0.75), ("lo-90", 0.05), ("hi-90", 0.95)]
    return np.mean([metrics.pinball(rows["y"], rows[end], quantile=q) for end, q in ends])


POINT_TWINS = {
    "mae": lambda rows, f: metrics.mae(rows["y"], rows[f]),
    "rmse": lambda rows, f: metrics.rmse(rows["y"], rows[f]),
    "smape": lambda rows, f: metrics.smape(rows["y"], rows[f]),
    "mase": lambda rows, f: metrics.mae(*scaled(rows, f, "mase_scale")),
    "rmsse": lambda rows, f: metrics.rmse(*scaled(rows, f, "rmsse_scale")),
    "bias": lambda rows, f: bias(rows["y"], rows[f]),
}
INTERVAL_TWINS = {
    "coverage-50": lambda rows: metrics.coverage(rows["y"], rows["lo-50"], rows["hi-50"]),
    "coverage-90": lambda rows: metrics.coverage(rows["y"], rows["lo-90"], rows["hi-90"]),
    "winkler-50": lambda rows: metrics.winkler(rows["y"], rows["lo-50"], rows["hi-50"], level=50),
    "winkler-90": lambda rows: metrics.winkler(rows["y"], rows["lo-90"], rows["hi-90"], level=90),
    "pinball": pinball_of_ends,
}


def mean_over_series(rows, twin, *column):
    values = [twin(part, *column) for _, part in rows.groupby("unique_id")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN
        return np.nanmean(values)


@settings(max_examples=examples(12))
@given(seed=st.integers(0, 10_000), n_series=st.integers(1, 4))
@pytest.mark.parametrize("by", [None, "series", "step", "cutoff"])
def test_random_frames_equal_a_loop_over_series(by, seed, n_series):
    frame = random_frame(np.random.default_rng(seed), n_series)
    column = "unique_id" if by == "series" else by
    table = evaluate(frame, [*EVERY, bias], by=by)
    groups = [(None, frame)] if by is None else list(frame.groupby(column))
    assert len(table) == len(groups) * (len(POINT_TWINS) + len(INTERVAL_TWINS))
    for label, rows in groups:
        ours = table if by is None else table[table[column] == label]
        ours = ours.set_index("metric")
        for name, twin in POINT_TWINS.items():
            for forecast in ("y_hat", "seasonal_naive"):
                expected = mean_over_series(rows, twin, forecast)
                # Signed errors may cancel to 0; the twins of scaled errors divide earlier.
                assert ours.loc[name, forecast] == pytest.approx(expected, abs=1e-12, **CLOSE)
        for name, twin in INTERVAL_TWINS.items():
            assert ours.loc[name, "y_hat"] == pytest.approx(mean_over_series(rows, twin), **CLOSE)
            assert np.isnan(ours.loc[name, "seasonal_naive"])


@pytest.mark.parametrize("by", [None, "series", "step", "cutoff"])
def test_any_order_of_rows_gives_the_same_table(by):
    frame = random_frame(np.random.default_rng(0), 4)
    column = "unique_id" if by == "series" else by
    order = ["metric", *([column] if by else [])]
    table, expected = (
        evaluate(rows, [*EVERY, bias], by=by).sort_values(order, ignore_index=True)
        for rows in (frame, frame.sort_values("y"))
    )
    pd.testing.assert_frame_equal(table, expected, rtol=1e-12)


# ------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("mea", "metric='mea'; one of 'mae', .* is needed. Did you mean 'mae'?"),
        ("covrage", "metric='covrage'; .* Did you mean 'coverage'?"),
        ("winkler80", "metric='winkler80'; .* Did you mean 'winkler-80'?"),
        ("pinball-80", "metric='pinball-80'; .* Did you mean 'pinball'?"),
        ("coverage-high", "metric='coverage-high'; .* Did you mean 'coverage'?"),
        ("coverage-", "metric='coverage-'; .* Did you mean 'coverage'?"),
        ("mase-80", "metric='mase-80'; one of .* is needed. Did you mean"),
        (
            "coverage-90",
            r"metric='coverage-90', but the intervals of frame are of level 80; .* are needed. "
            r"Pass level=\[90\] to backtest",
        ),
        ([], "metrics is empty; names that differ are needed"),
        (["mae", "mae"], "metrics has 'mae' more than once; names that differ are needed"),
        (["coverage", "coverage-80"], "metrics has 'coverage-80' more than once; .* Pass for"),
        ([lambda *_: 0.0, lambda *_: 1.0], "metrics has '<lambda>' more than once; .* def"),
    ],
)
def test_unknown_metric_says_what_is_needed(frame, metric, message):
    with pytest.raises(ValueError, match=message):
        evaluate(frame, metric)


@pytest.mark.parametrize("metric", ["coverage", "winkler", "pinball", "coverage-80"])
def test_metric_of_intervals_without_intervals(frame, metric):
    message = "metric=.*, but frame has no intervals; columns .* Pass level=.80. to backtest"
    with pytest.raises(ValueError, match=message):
        evaluate(frame.drop(columns=["lo-80", "hi-80"]), metric)
    with pytest.raises(ValueError, match=message):
        evaluate(frame.drop(columns="hi-80"), metric)
    with pytest.raises(ValueError, match=message):
        evaluate(frame.drop(columns="hi-80").rename(columns={"lo-80": "lo-temperature"}), metric)


def test_metric_that_is_neither_name_nor_function(frame):
    with pytest.raises(
        TypeError, match="metrics has 3 of type int; names or functions .* Pass for"
    ):
        evaluate(frame, ["mae", 3])
    with pytest.raises(
        TypeError, match="metrics has 3 of type int; names or functions .* Pass for"
    ):
        evaluate(frame, 3)


def test_function_without_a_name_or_a_number(frame):
    class Error:
        def __call__(self, y_true, y_pred):
            return 0.0

    with pytest.raises(TypeError, match="which has no __name__; the table needs one. Wrap it: def"):
        evaluate(frame, [Error()])

    def errors(y_true, y_pred):
        return y_true - y_pred

    with pytest.raises(TypeError, match="errors returned a ndarray; a number is needed. Return"):
        evaluate(frame, [errors])


def test_unknown_by(frame):
    with pytest.raises(ValueError, match="by='serie'; one of None, .* Did you mean 'series'"):
        evaluate(frame, by="serie")
    with pytest.raises(ValueError, match="by='unique_id'; one of None, 'series', .* is needed"):
        evaluate(frame, by="unique_id")


@pytest.mark.parametrize(
    ("column", "arguments"),
    [
        ("unique_id", {}),
        ("y", {}),
        ("y_hat", {}),
        ("seasonal_naive", {}),
        ("mase_scale", {}),
        ("rmsse_scale", {"metrics": "rmsse"}),
        ("step", {"by": "step"}),
        ("cutoff", {"by": "cutoff"}),
    ],
)
def test_missing_column_is_named(frame, column, arguments):
    message = f"frame has the columns .*, but not '{column}'. Pass what"
    with pytest.raises(ValueError, match=message):
        evaluate(frame.drop(columns=column), **arguments)


def test_frame_that_is_no_frame():
    with pytest.raises(
        TypeError, match="frame is a dict; a DataFrame is needed. Pass what backtest"
    ):
        evaluate({"y": [1.0]})


@pytest.mark.parametrize("columns", ["y", ("a", "b"), 3])
def test_columns_that_are_not_three(frame, columns):
    with pytest.raises(ValueError, match="columns=.*; the names of three columns are needed"):
        evaluate(frame, columns=columns)


def test_no_target_known(frame):
    for empty in (frame.assign(y=np.nan), frame.iloc[:0]):
        with pytest.raises(ValueError, match="frame has no row whose 'y' is known; .* Pass what"):
            evaluate(empty)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("column", ["y_hat", "lo-80", "hi-80"])
def test_forecast_that_is_no_number(frame, column, value):
    frame.loc[2, column] = value
    message = f"column '{column}' is NaN or infinite in 1 of the 8 rows .* needs one. Mend or drop"
    for metric in ("pinball",) if column != "y_hat" else ("mae", bias):
        with pytest.raises(ValueError, match=message):
            evaluate(frame, metric)


def test_target_that_is_infinite(frame):
    frame.loc[2, "y"] = np.inf
    with pytest.raises(ValueError, match="column 'y' is NaN or infinite in 1 of .* Mend or drop"):
        evaluate(frame)


def test_interval_that_ends_before_it_begins(frame):
    frame.loc[2, "lo-80"] = 500.0
    with pytest.raises(ValueError, match="lo-80 is above hi-80 in 1 of 8 intervals; .* Swap"):
        evaluate(frame, "coverage")


@pytest.mark.parametrize("column", ["y", "y_hat", "mase_scale"])
@pytest.mark.parametrize(("dtype", "error"), [(str, TypeError), (complex, ValueError)])
def test_column_that_is_not_numeric(frame, column, dtype, error):
    with pytest.raises(error, match=f"'{column}' has dtype .*; real numbers are needed. "):
        evaluate(frame.astype({column: dtype}))


def test_series_or_step_that_is_missing(frame):
    frame["step"] = frame["step"].astype("Int64").where(frame["step"] == 1)
    with pytest.raises(ValueError, match="column 'step' has 4 missing values; .* Drop those rows"):
        evaluate(frame, by="step")
    frame["unique_id"] = frame["unique_id"].where(frame["unique_id"] == "a")
    with pytest.raises(ValueError, match="column 'unique_id' has 4 missing values; .* Drop those"):
        evaluate(frame)


def test_a_row_that_came_before_is_refused(frame):
    with pytest.raises(ValueError, match="2 rows whose .* came before; .* Evaluate the frames"):
        evaluate(pd.concat([frame, frame[2:4]]))


def test_a_function_that_fails_is_named(frame):
    with pytest.raises(TypeError, match=r"the metric median failed: .* f\(y_true, y_pred\), is "):
        evaluate(frame, [np.median])
