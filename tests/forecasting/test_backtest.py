"""Rolling cutoffs: what a backtest returns, and that each fold is an honest fit of its own."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from seqforecast import Forecaster, LSTMRegressor, backtest, evaluate
from seqforecast.metrics import mae, mase

MONTHS = pd.date_range("2016-01-31", periods=60, freq="ME")


def wave(index=MONTHS, seed=0, level=100.0):
    t = np.arange(len(index))
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return pd.Series(level * (1 + 0.2 * np.sin(t * np.pi / 6)) + noise, index=index, name="sales")


SERIES = wave()
WIDE = pd.DataFrame({"b": SERIES, "a": wave(seed=1, level=40.0)})


def long_of(wide, columns=("unique_id", "ds", "y")):
    unique_id, ds, y = columns
    named = wide.rename_axis(index=ds, columns=unique_id)
    return named.melt(value_name=y, ignore_index=False).reset_index()


def forecaster(regressor=None, **params):
    return Forecaster(regressor or Ridge(), **{"window": 6, "horizon": 3, "season": 12} | params)


def test_frame_holds_cutoffs_steps_truth_and_what_to_beat():
    folds = backtest(forecaster(), SERIES, horizon=4, n_folds=3)
    assert list(folds.columns) == [
        *("unique_id", "cutoff", "step", "ds", "y", "y_hat"),
        *("seasonal_naive", "mase_scale", "rmsse_scale"),
    ]
    assert len(folds) == 12
    assert folds["unique_id"].eq("sales").all()
    assert folds["step"].tolist() == [1, 2, 3, 4] * 3
    assert folds["cutoff"].drop_duplicates().tolist() == MONTHS[[47, 51, 55]].tolist()
    assert folds["ds"].tolist() == MONTHS[48:].tolist()
    np.testing.assert_array_equal(folds["y"], SERIES[48:])
    # Four steps ahead, the value of the same month a year before is always known.
    np.testing.assert_array_equal(folds["seasonal_naive"], SERIES[36:48])
    for cutoff, fold in folds.groupby("cutoff"):
        change = SERIES[:cutoff].diff(12).dropna()
        np.testing.assert_allclose(fold["mase_scale"], change.abs().mean())
        np.testing.assert_allclose(fold["rmsse_scale"], np.sqrt((change**2).mean()))


@pytest.mark.parametrize("level", [None, [80]])
def test_each_fold_is_a_fit_of_its_own_on_what_was_known(level):
    folds = backtest(forecaster(), SERIES, horizon=4, n_folds=3, level=level)
    for cutoff, fold in folds.groupby("cutoff"):
        known = SERIES[:cutoff]
        forecast = forecaster().fit(known).predict(4, level=level)
        expected = forecast.to_frame("y_hat") if level is None else forecast
        found = fold[expected.columns]
        np.testing.assert_array_equal(found["y_hat"], expected["y_hat"])
        if level is not None:
            np.testing.assert_array_equal(found, expected)


def test_without_refit_one_fit_takes_in_what_came():
    folds = backtest(forecaster(), WIDE, horizon=4, n_folds=3, refit=False, level=80)
    model = forecaster().fit(WIDE[:48])
    for k in range(3):
        forecast = model.predict(4)
        fold = folds[folds["cutoff"] == MONTHS[47 + 4 * k]]
        table = fold.pivot_table(index="ds", columns="unique_id", values="y_hat")[["b", "a"]]
        np.testing.assert_allclose(table, forecast, rtol=1e-12)
        model.update(WIDE[48 + 4 * k : 52 + 4 * k])
    anew = backtest(forecaster(), WIDE, horizon=4, n_folds=3)
    first = folds["cutoff"] == MONTHS[47]
    assert folds[first]["y_hat"].equals(anew[first]["y_hat"])
    assert (folds[~first]["y_hat"] != anew[~first]["y_hat"]).all()


def test_step_lets_folds_overlap_or_leaves_times_out():
    for step in (1, 2, 9):
        folds = backtest(forecaster(), SERIES, horizon=4, n_folds=3, step=step)
        cutoffs = [59 - 4 - step * k for k in (2, 1, 0)]
        assert folds["cutoff"].drop_duplicates().tolist() == MONTHS[cutoffs].tolist()
        ahead = [c + j for c in cutoffs for j in (1, 2, 3, 4)]
        assert folds["ds"].tolist() == MONTHS[ahead].tolist()


def test_horizon_of_the_backtest_may_differ_from_that_of_the_forecaster():
    few = backtest(forecaster(), SERIES, horizon=2, n_folds=2, step=4)
    many = backtest(forecaster(), SERIES[:-2], horizon=7, n_folds=1)
    assert len(few) == 4
    assert many["step"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    expected = forecaster().fit(SERIES[:51]).predict(7)
    np.testing.assert_array_equal(many["y_hat"], expected)


def test_jobs_change_nothing_and_neither_does_a_second_run():
    regressor = LSTMRegressor(hidden_size=3, max_epochs=1, observe="off", random_state=0)
    model = forecaster(regressor)
    before = model.get_params()
    once = backtest(model, WIDE, horizon=3, n_folds=2)
    jobs = backtest(model, WIDE, horizon=3, n_folds=2, n_jobs=2)
    pd.testing.assert_frame_equal(jobs, once, check_exact=True)
    of_one_fit = [backtest(model, WIDE, horizon=3, n_folds=2, refit=False) for _ in range(2)]
    pd.testing.assert_frame_equal(*of_one_fit, check_exact=True)
    assert not hasattr(model, "regressor_")
    assert all(model.get_params()[name] is value for name, value in before.items())
    assert not hasattr(regressor, "n_features_in_")


@pytest.mark.parametrize("options", [{}, {"n_jobs": 2}, {"refit": False}], ids=str)
def test_bar_counts_the_folds_and_changes_nothing(options, monkeypatch, capfd):
    monkeypatch.setattr("seqforecast._shared.progress.is_watched", lambda: True)
    arguments = {"horizon": 3, "n_folds": 3, **options}
    shown = backtest(forecaster(), SERIES, **arguments, progress=True)
    err = capfd.readouterr().err
    assert err.split("\r")[1].startswith("0/3 folds |")
    assert err.rstrip("\n").split("\r")[-1].startswith("3/3 folds |")
    pd.testing.assert_frame_equal(shown, backtest(forecaster(), SERIES, **arguments))
    assert capfd.readouterr() == ("", "")


def test_bar_of_a_backtest_that_breaks_off_is_closed(monkeypatch, capfd):
    fitted = []

    class Fails(Ridge):
        def fit(self, X, y):
            fitted.append(len(X))
            if len(fitted) == 3:
                raise OSError("the disk is full")
            return super().fit(X, y)

    monkeypatch.setattr("seqforecast._shared.progress.is_watched", lambda: True)
    with pytest.raises(OSError, match="disk"):
        backtest(forecaster(Fails()), SERIES, horizon=3, n_folds=5, progress=True)
    err = capfd.readouterr().err
    assert err.rstrip("\n").split("\r")[-1].startswith("2/5 folds")
    assert err.endswith("\n")


def test_bar_is_silent_where_nobody_watches(capfd):
    backtest(forecaster(), SERIES, horizon=3, n_folds=2, progress=True)
    assert capfd.readouterr() == ("", "")


def test_fitted_forecaster_stays_as_it_was():
    model = forecaster().fit(SERIES[:50])
    before = model.predict(3)
    backtest(model, WIDE, horizon=3, n_folds=2)
    pd.testing.assert_series_equal(model.predict(3), before, check_exact=True)


def test_every_form_gives_the_same_folds():
    folds = backtest(forecaster(), SERIES, horizon=3, n_folds=2)
    no_features = pd.DataFrame(index=MONTHS)
    for data in ((no_features, SERIES), SERIES.to_frame(), (no_features.to_numpy(), SERIES)):
        other = backtest(forecaster(), data, horizon=3, n_folds=2)
        pd.testing.assert_frame_equal(other, folds, check_exact=True)
    numbers = backtest(forecaster(), SERIES.to_numpy(), horizon=3, n_folds=2)
    np.testing.assert_array_equal(numbers["y_hat"], folds["y_hat"])
    assert numbers["cutoff"].drop_duplicates().tolist() == [53, 56]
    names = ("store", "day", "sold")
    frame = long_of(WIDE, names)
    renamed = backtest(forecaster(columns=names), frame, horizon=3, n_folds=2)
    assert list(renamed.columns[:6]) == ["store", "cutoff", "step", "day", "sold", "y_hat"]
    assert renamed["store"].tolist() == ["a"] * 6 + ["b"] * 6
    assert backtest(forecaster(), WIDE, horizon=3, n_folds=2)["unique_id"].iloc[0] == "b"


def test_future_features_of_the_steps_asked_are_those_of_the_data():
    promo = np.random.default_rng(0).integers(0, 2, 60).astype(float)
    X = pd.DataFrame({"promo": promo}, index=MONTHS)
    y = SERIES + 30 * promo
    folds = backtest(forecaster(), (X, y), horizon=3, n_folds=2)
    for cutoff, fold in folds.groupby("cutoff"):
        model = forecaster().fit(X[:cutoff], y[:cutoff])
        np.testing.assert_array_equal(fold["y_hat"], model.predict(X.loc[fold["ds"]]))
    with_promo = evaluate(folds, "mae")["y_hat"].iloc[0]
    without = evaluate(backtest(forecaster(), y, horizon=3, n_folds=2), "mae")["y_hat"].iloc[0]
    assert with_promo < without


def test_unequal_panel_has_rows_where_there_is_something_to_compare():
    spans = {"a": (0, 60), "b": (30, 60), "late": (52, 60), "over": (0, 53), "ended": (0, 40)}
    steps = pd.RangeIndex(60)
    parts = [
        pd.DataFrame({"unique_id": name, "ds": steps[a:b], "y": wave(steps)[a:b]})
        for name, (a, b) in spans.items()
    ]
    for refit in (True, False):
        folds = backtest(
            forecaster(), pd.concat(parts), horizon=4, n_folds=3, refit=refit, level=80
        )
        counts = folds.groupby(["unique_id", "cutoff"]).size().to_dict()
        expected = {(name, cutoff): 4 for name in ("a", "b") for cutoff in (47, 51, 55)}
        # "late" begins after the first cutoff but one; "over" ends a step after it.
        expected |= {("late", 55): 4, ("over", 47): 4, ("over", 51): 1}
        assert counts == expected
        assert np.isfinite(folds.drop(columns=["unique_id", "mase_scale", "rmsse_scale"])).all(
            axis=None
        )


def test_fold_in_which_no_series_goes_on_is_left_out():
    parts = [("a", 0, 40), ("b", 45, 61)]
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": range(i, j), "y": wave(pd.RangeIndex(j - i))})
        for name, i, j in parts
    )
    folds = backtest(forecaster(season=None), frame, horizon=3, n_folds=7)
    assert set(folds["cutoff"]) <= {39 - 0, 42, 45, 48, 51, 54, 57}
    assert 42 not in set(folds["cutoff"])
    assert folds["y_hat"].notna().all()


def test_missing_truth_is_left_missing_and_bridged_for_what_follows():
    holes = SERIES.copy()
    holes.iloc[[50, 55, 58]] = np.nan
    folds = backtest(forecaster(), holes, horizon=4, n_folds=3, level=80)
    assert folds["y"].isna().sum() == 3
    assert folds.drop(columns="y").notna().all(axis=None)
    assert evaluate(folds, ["mae", "mase", "coverage", "winkler"])["y_hat"].notna().all()


def test_evaluate_agrees_with_the_metrics_on_arrays():
    folds = backtest(forecaster(), SERIES, horizon=4, n_folds=3)
    table = evaluate(folds, ["mae", "mase"]).set_index("metric")
    assert table.loc["mae", "y_hat"] == pytest.approx(mae(folds["y"], folds["y_hat"]))
    naive = folds["seasonal_naive"]
    assert table.loc["mae", "seasonal_naive"] == pytest.approx(mae(folds["y"], naive))
    one = folds[folds["cutoff"] == MONTHS[47]]
    expected = mase(one["y"], one["y_hat"], y_train=SERIES[:48], season=12)
    assert evaluate(one, "mase")["y_hat"].iloc[0] == pytest.approx(expected)
    assert (table["y_hat"] < table["seasonal_naive"]).all()
    for by, n in (("series", 1), ("step", 4), ("cutoff", 3)):
        assert len(evaluate(folds, "mae", by=by)) == n


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "horizon=0; an integer of at least 1 is needed. Set"),
        ({"n_folds": 0}, "n_folds=0; an integer of at least 1"),
        ({"n_folds": 1.5}, "n_folds=1.5; an integer"),
        ({"step": 0}, "step=0; an integer of at least 1"),
        ({"refit": "yes"}, "refit='yes'; True or False is needed"),
        ({"level": 120}, "level=120; numbers .* Pass for example"),
        ({"n_folds": 30}, "n_folds=30.*need 9. Use n_folds=17 or fewer, or pass"),
        (
            {"horizon": 58, "n_folds": 1},
            "before the first cutoff.*need 9. Use n_folds=1 and horizon=51",
        ),
        ({"data": SERIES[:0]}, "empty"),
        ({"data": long_of(WIDE).drop(columns="unique_id")}, "no 'unique_id'"),
        ({"forecaster": forecaster(window=0)}, "window=0"),
        (
            {"forecaster": forecaster(transform="log"), "data": -SERIES},
            "transform is 'log', given or chosen",
        ),
    ],
    ids=str,
)
def test_backtest_refuses(arguments, message):
    defaults = {"forecaster": forecaster(), "data": SERIES, "horizon": 3, "n_folds": 2}
    with pytest.raises(ValueError, match=message):
        backtest(**defaults | arguments)


def test_backtest_names_what_is_within_a_search():
    search = GridSearchCV(forecaster(), {"window": [4, 6]}, cv=TimeSeriesSplit(2, test_size=3))
    with pytest.raises(TypeError, match="is a GridSearchCV; .* Pass its best_estimator_"):
        backtest(search.fit(SERIES), SERIES, horizon=3, n_folds=2)


def test_backtest_refuses_what_is_no_forecaster():
    with pytest.raises(TypeError, match="forecaster is a Ridge; a Forecaster is needed.* Pass"):
        backtest(Ridge(), SERIES, horizon=3, n_folds=2)
