"""Tables in, of all kinds: the same forecast; what cannot be read is named."""

import gzip
from io import BytesIO, StringIO, TextIOWrapper

import numpy as np
import pandas as pd
import pytest

from seqforecast.cli.files.reading import read_table
from seqforecast.cli.files.series import read_series
from seqforecast.cli.files.values import times_in
from seqforecast.cli.messages import CommandError
from seqforecast.cli.parser import parser

WORDS = ["--time", "day", "--target", "sold", "--horizon", "7"]


def series(data, *options):
    return read_series(parser().parse_args(["forecast", str(data), *WORDS, *options]))


@pytest.fixture
def known(here):  # noqa: ARG001
    return series("daily.csv").known


def test_a_table_is_what_it_was(known, daily):
    assert known["day"].to_list() == daily["day"].to_list()
    assert known["sold"].to_list() == daily["sold"].to_list()


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.csv.gz", "a.parquet", "-"])
def test_every_kind_of_file_says_the_same(known, daily, name, monkeypatch):
    if name == "-":
        text = daily.to_csv(index=False).encode()
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(text)))
    elif name.endswith(".parquet"):
        daily.to_parquet(name)
    else:
        daily.to_csv(name, index=False)
    pd.testing.assert_frame_equal(series(name).known, known, check_dtype=False)


def test_times_in_the_index_of_parquet_are_found(known, daily):
    daily.set_index("day").to_parquet("a.parquet")
    pd.testing.assert_frame_equal(series("a.parquet").known, known, check_dtype=False)


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_the_separator_is_found_out_and_kept(known, daily, sep):
    daily.to_csv("a.csv", index=False, sep=sep)
    read = series("a.csv")
    pd.testing.assert_frame_equal(read.known, known)
    assert read.sep == sep


def test_another_separator_must_be_told(run, daily):
    daily.to_csv("a.csv", index=False, sep="!")
    done = run("forecast", "a.csv")
    assert done.code == 1
    assert "--sep" in done.err
    assert len(series("a.csv", "--sep", "!").known) == 60


def test_a_european_table_is_read_once_it_is_told_how(run, known, daily):
    daily.to_csv("a.csv", index=False, sep=";", decimal=",", date_format="%d.%m.%Y")
    assert "--time-format %d.%m.%Y" in run("forecast", "a.csv").err
    as_dates = ("--time-format", "%d.%m.%Y")
    assert "--decimal ','" in run("forecast", "a.csv", *as_dates).err
    read = series("a.csv", *as_dates, "--decimal", ",")
    pd.testing.assert_frame_equal(read.known, known, check_dtype=False)


def test_a_comma_between_cells_and_in_numbers_is_not_guessed(run):
    with open("a.csv", "w", encoding="utf-8") as file:
        file.write("day,sold\n2024-01-01,1,5\n2024-01-02,1,6\n")
    assert "3 cells in row 1, its header 2" in run("forecast", "a.csv").err


def test_the_mark_of_windows_before_the_header_is_no_part_of_it(known, daily):
    daily.to_csv("a.csv", index=False, encoding="utf-8-sig")
    pd.testing.assert_frame_equal(series("a.csv").known, known)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["8", "9", "10"], [8, 9, 10]),
        (["2024-01", "2024-02", "2024-03"], ["2024-01-01", "2024-02-01", "2024-03-01"]),
        (["20240101", "20240102", "20240103"], ["2024-01-01", "2024-01-02", "2024-01-03"]),
        (["2024-01-01 10:00", "2024-01-01T11:00:00", "2024-01-01 12:00"], None),
    ],
)
def test_kinds_of_times(here, texts, expected):  # noqa: ARG001
    pd.DataFrame({"day": texts, "sold": [1, 2, 3]}).to_csv("a.csv", index=False)
    times = series("a.csv").known["day"]
    if expected is None:
        expected = pd.date_range("2024-01-01 10:00", periods=3, freq="h")
    elif isinstance(expected[0], str):
        expected = pd.to_datetime(expected)
    assert times.to_list() == list(expected)


def test_summer_and_winter_become_one_clock(here):  # noqa: ARG001
    days = pd.date_range("2024-10-26", periods=48, freq="h", tz="Europe/Berlin")
    pd.DataFrame({"day": days.map(str), "sold": range(48)}).to_csv("a.csv", index=False)
    times = series("a.csv").known["day"]
    assert (times == days).all()
    assert str(times.dt.tz) == "UTC"


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["10", "2", "1"], [1, 2, 10]),
        (["007", "10", "2"], ["007", "10", "2"]),
        (["NA", "b", "a"],) * 2,
    ],
)
def test_names_of_series_stay_what_they_are(here, daily, names, order):  # noqa: ARG001
    parts = [daily.assign(store=name) for name in names]
    pd.concat(parts).to_csv("a.csv", index=False)
    assert series("a.csv", "--id", "store").panel.ids.to_list() == sorted(order)


def test_missing_numbers_are_missing_values(here, daily):  # noqa: ARG001
    text = daily.astype({"sold": str})
    text.loc[[3, 8, 9], "sold"] = ["", "NA", "null"]
    text.to_csv("a.csv", index=False)
    known = series("a.csv").known["sold"]
    assert np.flatnonzero(known.isna()).tolist() == [3, 8, 9]


def test_rows_may_come_in_any_order_and_the_end_without_targets_lies_ahead(here, daily):  # noqa: ARG001
    late = daily.copy()
    late.loc[55:, "sold"] = np.nan
    late.sample(frac=1, random_state=0).to_csv("a.csv", index=False)
    read = series("a.csv")
    assert read.known["day"].to_list() == daily["day"][:55].to_list()
    assert read.ahead["day"].to_list() == daily["day"][55:].to_list()


def test_gaps_are_filled_on_request(here, stores):  # noqa: ARG001
    stores.drop([4, 5, 70]).to_csv("a.csv", index=False)
    read = series("a.csv", "--id", "store", "--static", "area", "--fill-gaps").known
    assert len(read) == 180
    missing = read[read["sold"].isna()]
    assert missing["day"].dt.day.to_list() == [5, 6, 11]
    assert missing["store"].to_list() == [2, 2, 10]
    assert read["area"].notna().all()


@pytest.mark.parametrize(
    ("dropped", "day", "count"),
    [([64, 65, 80], "2024-01-05", 3), ([116, 80], "2024-01-21", 2), ([116], "2024-02-26", 1)],
)
def test_a_row_made_for_a_gap_has_no_plan_and_the_error_says_so(run, stores, dropped, day, count):
    ahead = stores["day"] >= "2024-02-23"
    table = stores.assign(sold=stores["sold"].mask(ahead)).drop(dropped)
    table.to_csv("a.csv", index=False)
    done = run("forecast", "a.csv", "--id", "store", "--future", "promo", "--fill-gaps")
    said = " ".join(done.err.split())
    assert done.code == 1
    assert f"a.csv has no row of series 10 at {day}: --fill-gaps added it, one of {count}," in said
    assert "Add these rows to the table with 'promo'" in said
    past = run("forecast", "a.csv", "--id", "store", "--past", "promo", "--fill-gaps")
    assert past.code == 0


def test_a_gap_in_the_plan_behind_the_horizon_is_no_error(run, stores):
    ahead = stores["day"] >= "2024-02-15"
    table = stores.assign(sold=stores["sold"].mask(ahead)).drop(116)
    table.to_csv("a.csv", index=False)
    assert run("forecast", "a.csv", "--id", "store", "--future", "promo", "--fill-gaps").code == 0


def write(name, text):
    with open(name, "wb") as file:
        file.write(text)


def changed(frame, row, column, value):
    frame = frame.astype(str)
    frame.loc[row, column] = value
    return frame.to_csv(index=False).encode()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda f: changed(f, 4, "day", "2024-01-32"), "'2024-01-32' in row 5, which is no date"),
        (lambda f: changed(f, 4, "day", ""), "column 'day' is empty in row 5"),
        (lambda f: changed(f, 4, "sold", "n.v."), "'n.v.' in row 5; a number or an empty cell"),
        (lambda f: changed(f, 4, "sold", "1,5"), "pass --decimal ','"),
        (lambda f: changed(f, 4, "sold", "1.234,5"), "without a sign between thousands"),
        (lambda f: changed(f, 4, "day", "2024-01-04"), "twice, in rows 4 and 5"),
        (lambda f: changed(f, 4, "day", "2024-01-04"), "pass --id"),
        (lambda f: f[:6].to_csv(index=False).encode(), "need at least 8 values"),
        (lambda f: f.assign(sold="").to_csv(index=False).encode(), "series 'sold' has no target"),
        (lambda f: f.rename(columns={"sold": "solt"}).to_csv(index=False).encode(), "'solt'?"),
        (lambda _: b"day,sold,sold\n2024-01-01,1,2\n", "has 2 columns 'sold'"),
        (lambda _: b"", "a.csv is empty"),
        (lambda _: b"day,sold\n", "a header and no rows"),
        (lambda _: b"day,sold\n2024-01-01,1\n2024-01-02,1,2,3\n", "no table with ','"),
        (lambda _: "day,sold,\xe4".encode("latin1"), "not UTF-8 text (byte 9)"),
    ],
)
def test_what_cannot_be_used_is_named(run, daily, make, said):
    write("a.csv", make(daily))
    done = run("forecast", "a.csv")
    assert done.code == 1
    assert done.out == ""
    assert done.err.startswith("seqforecast: error: ")
    assert max(map(len, done.err.splitlines())) <= 80
    assert said in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dayly.csv", "is not there; a file with a table is needed."),
        ("dayly.csv", "Did you mean 'daily.csv'?"),
        ("folder.csv", "is a folder"),
        ("half.csv.gz", "cannot be decompressed"),
        ("text.parquet", "cannot be read as Parquet"),
    ],
)
def test_files_that_cannot_be_read_are_named(run, here, name, said):
    (here / "folder.csv").mkdir()
    write("half.csv.gz", gzip.compress(b"day,sold\n2024-01-01,1\n")[:-4])
    write("text.parquet", b"day,sold\n")
    done = run("forecast", name)
    assert done.code == 1
    assert said in " ".join(done.err.split())


def test_two_rows_of_one_step_of_a_series_are_named(run, stores):
    pd.concat([stores, stores[61:63]]).to_csv("a.csv", index=False)
    done = run("forecast", "a.csv", "--id", "store")
    said = " ".join(done.err.split())
    assert "series 10 has the time 2024-01-02 twice, in rows 62 and 181" in said


def test_a_column_has_one_use(run):
    assert "'sold' is named for two uses" in run("forecast", "daily.csv", "--past", "sold").err


def test_parquet_without_pyarrow_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    write("a.parquet", b"PAR1")
    for done in (run("forecast", "a.parquet"), run("forecast", "daily.csv", "--out", "f.parquet")):
        assert done.code == 1
        assert "needs pyarrow" in done.err
        assert "pip install pyarrow" in " ".join(done.err.split())


def test_text_stays_text_where_it_names(here):  # noqa: ARG001
    write("a.csv", b"day,sold,store\n01,1.5,007\n")
    frame = read_table("a.csv", ["day", "store"], ["sold"], None).frame
    assert frame.iloc[0].to_list() == ["01", "007", 1.5]
    assert StringIO(frame.to_csv(index=False)).readline() == "day,store,sold\n"


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(np.arange(5, dtype="int32")),
        pd.Series(pd.period_range("2024-01-01", periods=5)),
        pd.Series(pd.date_range("2024-01-01", periods=5), dtype="timestamp[us][pyarrow]"),
        pd.Series(pd.Categorical([f"2024-01-0{day}" for day in range(1, 6)])),
    ],
    ids=lambda column: str(column.dtype),
)
def test_times_of_parquet(column):
    read = times_in(column.rename("t"), None)
    assert [str(time)[:10] for time in read] == [str(time)[:10] for time in column]


@pytest.mark.parametrize("dtype", ["float64", "bool", "timedelta64[s]"])
def test_what_is_no_time_is_refused(dtype):
    with pytest.raises(CommandError, match=f"'t' has the type .*{dtype[:4]}.*; dates or whole"):
        times_in(pd.Series([0, 1]).astype(dtype).rename("t"), None)


def test_gaps_of_another_frequency_are_not_filled(run, stores):
    longer = pd.concat([stores, stores.assign(day=stores["day"] + pd.Timedelta(days=60))])
    weekly = (longer["store"] == 10) & (longer["day"].dt.day_of_week != 0)
    longer[~weekly].to_csv("a.csv", index=False)
    said = " ".join(run("forecast", "a.csv", "--id", "store", "--fill-gaps").err.split())
    assert (
        "series 10 has no two rows that are one step apart, and the table has the frequency D;"
        in said
    )


def test_gaps_of_days_that_are_closed_are_filled(run, stores):
    stores[(stores["store"] != 10) | (stores["day"].dt.day_of_week < 5)].to_csv(
        "a.csv", index=False
    )
    assert run("forecast", "a.csv", "--id", "store", "--fill-gaps").code == 0


IDS = {
    "numbers": pd.Series([2, 10, 1]),
    "small numbers": pd.Series([2, 10, 1], dtype="int8"),
    "nullable": pd.Series([2, 10, 1], dtype="Int64"),
    "arrow": pd.Series([2, 10, 1], dtype="int64[pyarrow]"),
    "digits": pd.Series(["2", "10", "1"]),
    "categories": pd.Series(pd.Categorical(["2", "10", "1"], categories=["10", "5", "2", "1"])),
    "numbers as categories": pd.Series(pd.Categorical([2, 10, 1], ordered=True)),
    "yes or no": pd.Series([True, False, True])[:2],
}


@pytest.mark.parametrize(
    ("command", "kind"),
    [*(("forecast", kind) for kind in IDS), ("backtest", "categories"), ("backtest", "yes or no")],
)
def test_names_of_parquet_keep_their_type(run, daily, command, kind):
    ids = IDS[kind].repeat(20).reset_index(drop=True)
    days = np.tile(daily["day"][:20], len(ids) // 20)
    table = pd.DataFrame({"day": days, "store": ids, "sold": daily["sold"].head(len(ids))})
    table.drop(5).to_parquet("a.parquet")
    quick = {"forecast": ("--model", "naive"), "backtest": ("--max-steps", "1", "--folds", "2")}
    for out in ("f.parquet", "f.csv"):
        options = ("--id", "store", "--horizon", "2", "--fill-gaps", "--out", out)
        assert run(command, "a.parquet", *options, *quick[command]).code == 0
    written, expected = (pd.read_parquet(name)["store"] for name in ("f.parquet", "a.parquet"))
    assert written.dtype == expected.dtype
    assert set(written) == set(expected)
    assert set(pd.read_csv("f.csv", dtype=str)["store"]) == set(map(str, expected))


def test_names_of_csv_are_whole_numbers_unless_one_begins_with_zero(here):  # noqa: ARG001
    for texts, expected in ((["2", "10"], [2, 10]), (["007", "10"], ["007", "10"])):
        table = pd.DataFrame({"day": 2 * [1, 2, 3], "sold": 1.0, "store": np.repeat(texts, 3)})
        table.to_csv("a.csv", index=False)
        assert series("a.csv", "--id", "store").panel.ids.tolist() == expected


@pytest.mark.filterwarnings("default")  # as in a shell
def test_names_that_differ_in_white_space_are_warned_of(run, stores):
    table = stores.assign(store=stores["store"].map({2: "A", 10: "A ", 1: "B"}))
    table.to_csv("a.csv", index=False)
    done = run("forecast", "a.csv", "--id", "store", "--model", "naive")
    assert done.code == 0
    assert "warning: Series 'A' and 'A ' differ in white space" in " ".join(done.err.split())
