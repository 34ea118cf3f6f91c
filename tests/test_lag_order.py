import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from seqforecast import GRURegressor, OldestFirst, load, make_windows, save

CHECKS = list(estimator_checks_generator(OldestFirst()))
SERIES = np.random.default_rng(0).normal(size=40).cumsum()


def newest_first(series, n_lags):
    """Rows as skforecast and mlforecast make them, written out value by value."""
    rows = [[series[t - lag] for lag in range(1, n_lags + 1)] for t in range(n_lags, len(series))]
    return np.array(rows)


def named(rows, pattern="lag_{}"):
    return pd.DataFrame(rows, columns=[pattern.format(1 + k) for k in range(rows.shape[1])])


def with_exog(rows, n_exog=2, seed=1):
    exog = np.random.default_rng(seed).integers(0, 3, (len(rows), n_exog))
    return np.column_stack([rows, exog]), exog


def written_out(rows, exog):
    """Twin of the transformer for rows of lags, newest first, and exogenous values."""
    return np.array(
        [
            [value for lag in reversed(range(len(row))) for value in (row[lag], *known)]
            for row, known in zip(rows, exog, strict=True)
        ]
    )


@pytest.mark.parametrize(
    ("estimator", "check"), CHECKS, ids=[check.func.__name__ for _, check in CHECKS]
)
def test_passes_the_checks_of_scikit_learn(estimator, check):
    if check.func.__name__ == "check_array_api_input":
        pytest.skip("needs SCIPY_ARRAY_API=1, and reads numpy alone")
    check(estimator)


def test_known_answer():
    rows = np.array([[3.0, 2.0, 1.0], [4.0, 3.0, 2.0]])
    assert OldestFirst().fit_transform(rows).tolist() == [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]
    assert OldestFirst(n_exog=1).fit_transform(rows).tolist() == [
        [2.0, 1.0, 3.0, 1.0],
        [3.0, 2.0, 4.0, 2.0],
    ]


@pytest.mark.parametrize("n_lags", [1, 2, 7])
@pytest.mark.parametrize("make", [np.asarray, named, lambda rows: named(rows, "lag{}")])
def test_rows_become_the_windows_of_make_windows(n_lags, make):
    windows, _ = make_windows(SERIES, n_lags)
    got = OldestFirst().fit_transform(make(newest_first(SERIES, n_lags)))
    np.testing.assert_array_equal(got, windows)


@pytest.mark.parametrize("n_exog", [1, 3])
def test_exogenous_columns_become_channels(n_exog):
    lags = newest_first(SERIES, 4)
    rows, exog = with_exog(lags, n_exog)
    got = OldestFirst(n_exog=n_exog).fit_transform(rows)
    np.testing.assert_array_equal(got, written_out(lags, exog))


def test_names_tell_where_the_lags_stand():
    lags = newest_first(SERIES, 4)
    rows, exog = with_exog(lags)
    frame = named(rows).set_axis(["lag1", "lag2", "lag3", "lag4", "price", "lag_week"], axis=1)
    shuffled = frame[["price", "lag3", "lag1", "lag_week", "lag4", "lag2"]]
    transformer = OldestFirst(n_exog=2).fit(shuffled)
    np.testing.assert_array_equal(transformer.transform(shuffled), written_out(lags, exog))
    assert transformer.columns_[:3].tolist() == [4, 0, 3]


def test_lags_may_begin_later():
    lags = newest_first(SERIES, 4)
    frame = named(lags).set_axis(["lag_12", "lag_13", "lag_14", "lag_15"], axis=1)
    np.testing.assert_array_equal(OldestFirst().fit_transform(frame), lags[:, ::-1])


def test_more_than_nine_lags_are_ordered_as_numbers():
    frame = named(newest_first(SERIES, 12))
    frame = frame[sorted(frame.columns)]  # lag_1, lag_10, lag_11, ...
    np.testing.assert_array_equal(OldestFirst().fit_transform(frame), make_windows(SERIES, 12)[0])


def test_order_of_predict_is_that_of_fit():
    lags = newest_first(SERIES, 4)
    transformer = OldestFirst().fit(named(lags))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        without_names = transformer.transform(lags[:1])
    np.testing.assert_array_equal(without_names, transformer.transform(named(lags[:1])))
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        transformer.transform(named(lags).iloc[:, ::-1])


def test_lags_without_names_are_not_copied():
    view = np.lib.stride_tricks.sliding_window_view(SERIES, 5)[:, ::-1]  # as in skforecast
    assert np.shares_memory(OldestFirst().fit_transform(view), SERIES)


def test_missing_values_pass_through():
    series = SERIES.copy()
    series[[9, 10, 25]] = np.nan
    got = OldestFirst().fit_transform(newest_first(series, 4))
    np.testing.assert_array_equal(got, make_windows(series, 4)[0])


def test_names_that_come_out_are_those_of_make_windows():
    lags = newest_first(SERIES, 3)
    names = make_windows(pd.Series(SERIES, name="y"), 3)[0].columns.to_list()
    assert OldestFirst().fit(lags).get_feature_names_out().tolist() == names
    frame = named(lags).assign(promo=0.0)
    transformer = OldestFirst(n_exog=1).set_output(transform="pandas")
    assert transformer.fit_transform(frame).columns.to_list() == [
        "y@lag2", "promo@lag2", "y@lag1", "promo@lag1", "y@lag0", "promo@lag0"
    ]  # fmt: skip
    unnamed = OldestFirst(n_exog=1).fit(frame.to_numpy())
    assert unnamed.get_feature_names_out().tolist()[-2:] == ["y@lag0", "x3@lag0"]
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        transformer.get_feature_names_out(["a", "b", "c", "d"])


@pytest.mark.parametrize("names", [True, False])
def test_a_network_told_too_few_channels_is_refused(names):
    # The names that come out are those that the regressors know how to read; so are the values.
    frame = named(newest_first(SERIES, 3)).assign(promo=np.arange(37) % 2)
    model = make_pipeline(OldestFirst(n_exog=1), GRURegressor(max_epochs=1, hidden_size=2))
    with pytest.raises(ValueError, match="Set n_channels=2."):
        model.set_output(transform="pandas" if names else "default").fit(frame, SERIES[3:])


@pytest.mark.parametrize("n_exog", [0, 1])
def test_clone_pickle_and_file_keep_it(n_exog, tmp_path):
    rows, _ = with_exog(newest_first(SERIES, 4), n_exog)
    network = GRURegressor(n_channels=1 + n_exog, max_epochs=1, hidden_size=2, random_state=0)
    model = make_pipeline(OldestFirst(n_exog=n_exog), network).fit(rows, SERIES[4:])
    forecast = model.predict(rows)
    save(model, tmp_path / "model")
    for again in (
        clone(model).fit(rows, SERIES[4:]),
        pickle.loads(pickle.dumps(model)),
        load(tmp_path / "model"),
    ):
        np.testing.assert_array_equal(again.predict(rows), forecast)


# Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lags", [[1, 2, 7], [1, 1, 3], [1, 3]])
def test_lags_with_gaps_are_refused(lags):
    names = [f"lag{'_' * k}{lag}" for k, lag in zip((0, 1, 0), lags, strict=False)]
    frame = pd.DataFrame(np.zeros((5, len(lags))), columns=names)
    told = f"X has the lags {', '.join(map(str, lags))}; every lag from 1 to {lags[-1]} is needed"
    with pytest.raises(ValueError, match=told):
        OldestFirst().fit(frame)


def test_columns_that_are_no_lags_are_named():
    frame = named(newest_first(SERIES, 3)).assign(promo=0.0, price=1.0)
    with pytest.raises(
        ValueError, match=r"n_exog=0 was given, but X has 2 .*: promo, price. Set n_exog=2 and n_ch"
    ):
        OldestFirst().fit(frame)
    with pytest.raises(ValueError, match="n_exog=1 was given, but X has 0 .* no lags. Set n_exog"):
        OldestFirst(n_exog=1).fit(frame[["lag_1", "lag_2"]])


@pytest.mark.parametrize("n_exog", [2, 5])
def test_at_least_one_lag_is_needed(n_exog):
    with pytest.raises(ValueError, match=rf"X has 2 column\(s\), of which n_exog={n_exog} are no"):
        OldestFirst(n_exog=n_exog).fit(np.zeros((3, 2)))


@pytest.mark.parametrize("n_exog", ["2", 1.0, True, None])
def test_n_exog_must_be_an_integer(n_exog):
    with pytest.raises(TypeError, match="it must be an integer of at least 0"):
        OldestFirst(n_exog=n_exog).fit(np.zeros((3, 2)))


def test_n_exog_must_not_be_negative():
    with pytest.raises(ValueError, match="n_exog=-1 is below 0"):
        OldestFirst(n_exog=-1).fit(np.zeros((3, 2)))


@pytest.mark.parametrize("given", [0, 1, 2])
def test_rows_without_names_show_exogenous_columns_that_were_forgotten(given):
    rows, _ = with_exog(newest_first(SERIES, 4), n_exog=3)
    with pytest.raises(
        ValueError, match=r"column 4 is not column 3 of the row before.*set n_exog=3 and n_chan"
    ):
        OldestFirst(n_exog=given).fit(rows)
    OldestFirst(n_exog=3).fit(rows)


def test_a_scaler_in_front_is_named():
    # The columns that hold the same largest and smallest value still follow each other.
    with pytest.raises(ValueError, match="put OldestFirst before the scaler; if the last"):
        make_pipeline(MinMaxScaler(), OldestFirst()).fit(newest_first(SERIES, 24))
    rows = make_pipeline(OldestFirst(), MinMaxScaler()).fit_transform(newest_first(SERIES, 24))
    np.testing.assert_array_equal(rows, MinMaxScaler().fit_transform(make_windows(SERIES, 24)[0]))


def test_rows_without_names_show_lags_with_gaps():
    rows = newest_first(SERIES, 7)[:, [0, 1, 6]]
    with pytest.raises(ValueError, match="if lags have gaps, use every lag"):
        OldestFirst().fit(rows)


def test_rows_without_names_show_exogenous_columns_in_front():
    rows, _ = with_exog(newest_first(SERIES, 4), n_exog=1)
    with pytest.raises(ValueError, match="if lags come last, pass named columns"):
        OldestFirst().fit(np.roll(rows, 1, axis=1))


def test_missing_values_do_not_hide_the_order():
    series = np.where(np.arange(40) % 5 == 0, np.nan, SERIES)
    rows, _ = with_exog(newest_first(series, 4), n_exog=1)
    with pytest.raises(ValueError, match="set n_exog=1"):
        OldestFirst().fit(rows)


def test_rows_that_are_oldest_first_already_are_refused():
    with pytest.raises(ValueError, match="show the order oldest first"):
        OldestFirst().fit(make_windows(SERIES, 5)[0])


SHUFFLED = np.random.default_rng(0).permutation(newest_first(SERIES, 5))


@pytest.mark.parametrize(
    "rows",
    [
        SHUFFLED,
        newest_first(SERIES, 5)[::9],
        np.array([[1.0, 2.0, 5.0], [7.0, 1.0, 9.0]]),
        newest_first(np.zeros(40), 5),
        newest_first(np.arange(40) % 2, 5),
        np.column_stack([SHUFFLED, np.ones((35, 2))]),
    ],
    ids=["shuffled", "every ninth", "few", "constant", "period of 2", "constant columns"],
)
def test_rows_that_show_no_order_are_taken_as_given(rows):
    np.testing.assert_array_equal(OldestFirst().fit_transform(rows), rows[:, ::-1])


def test_series_that_meet_and_rows_left_out_do_not_hide_the_order():
    panel = np.vstack([newest_first(SERIES + shift, 4)[4:] for shift in (0, 100, 200)])
    rows, _ = with_exog(panel, n_exog=1)
    with pytest.raises(ValueError, match="set n_exog=1"):
        OldestFirst().fit(rows)
    OldestFirst(n_exog=1).fit(rows)


def test_windows_are_no_lags():
    X, _ = make_windows(pd.Series(np.random.default_rng(0).normal(size=30), name="y"), 4)
    with pytest.raises(ValueError, match="oldest first already; .* Leave it out"):
        OldestFirst().fit(X.sample(frac=1, random_state=0))
