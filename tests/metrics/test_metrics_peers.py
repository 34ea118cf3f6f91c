"""Metrics, and the table of a backtest, against utilsforecast on random data."""

import numpy as np
import pandas as pd
import pytest
from utilsforecast import losses as peer

from seqforecast import metrics
from seqforecast.forecasting.evaluation import evaluate

SEASON, N_TRAIN, N_TEST, LEVEL = 4, 30, 12, 80
SERIES = ["a", "b", "c", "d", "e"]
CLOSE = {"rel": 1e-12}  # sums of a dozen terms in another order


@pytest.fixture(scope="module", params=range(5))
def frames(request):
    """Return training values, and values with forecasts: five series of different size."""
    rng = np.random.default_rng(request.param)
    size = 10.0 ** np.arange(len(SERIES))[:, None]
    values = size * rng.normal(3, 1, (len(SERIES), N_TRAIN + N_TEST))
    long = pd.DataFrame(
        {
            "unique_id": np.repeat(SERIES, N_TRAIN + N_TEST),
            "ds": np.tile(np.arange(N_TRAIN + N_TEST), len(SERIES)),
            "y": values.ravel(),
        }
    )
    train, test = long[long["ds"] < N_TRAIN], long[long["ds"] >= N_TRAIN].reset_index(drop=True)
    noise = np.repeat(size.ravel(), N_TEST)
    test["y_hat"] = test["y"] + noise * rng.normal(size=len(test))
    test["y_hat-lo-80"] = test["y_hat"] - noise * rng.exponential(size=len(test))
    test["y_hat-hi-80"] = test["y_hat"] + noise * rng.exponential(size=len(test))
    return train, test


def of_series(frame, name, *columns):
    rows = frame[frame["unique_id"] == name]
    return tuple(rows[column].to_numpy() for column in columns)


def scaled(function):
    return lambda y, f, train: function(y, f, y_train=train, season=SEASON)


PAIRS = {
    "mae": (lambda y, f, _: metrics.mae(y, f), lambda test, _: peer.mae(test, ["y_hat"])),
    "rmse": (lambda y, f, _: metrics.rmse(y, f), lambda test, _: peer.rmse(test, ["y_hat"])),
    # Theirs goes from 0 to 1, ours from 0 to 200 percent.
    "smape": (
        lambda y, f, _: metrics.smape(y, f) / 200,
        lambda test, _: peer.smape(test, ["y_hat"]),
    ),
    "mase": (
        scaled(metrics.mase),
        lambda test, train: peer.mase(test, ["y_hat"], seasonality=SEASON, train_df=train),
    ),
    "rmsse": (
        scaled(metrics.rmsse),
        lambda test, train: peer.rmsse(test, ["y_hat"], seasonality=SEASON, train_df=train),
    ),
    "pinball": (
        lambda y, f, _: metrics.pinball(y, f, quantile=0.9),
        lambda test, _: peer.quantile_loss(test, {"y_hat": "y_hat"}, q=0.9),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_point_metric_equals_utilsforecast(frames, name):
    train, test = frames
    ours, theirs = PAIRS[name]
    expected = theirs(test, train).set_index("unique_id")["y_hat"]
    for series in SERIES:
        (known,) = of_series(train, series, "y")
        value = ours(*of_series(test, series, "y", "y_hat"), known)
        assert value == pytest.approx(expected[series], **CLOSE)


def test_coverage_equals_utilsforecast(frames):
    _, test = frames
    expected = peer.coverage(test, ["y_hat"], level=LEVEL).set_index("unique_id")["y_hat"]
    assert 0 < expected.mean() < 1
    for series in SERIES:
        value = metrics.coverage(*of_series(test, series, "y", "y_hat-lo-80", "y_hat-hi-80"))
        assert value == pytest.approx(expected[series], **CLOSE)


def test_winkler_equals_utilsforecast(frames):
    _, test = frames
    expected = peer.winkler_score(test, ["y_hat"], level=LEVEL).set_index("unique_id")["y_hat"]
    for series in SERIES:
        arrays = of_series(test, series, "y", "y_hat-lo-80", "y_hat-hi-80")
        value = metrics.winkler(*arrays, level=LEVEL)
        assert value == pytest.approx(expected[series], **CLOSE)


def test_evaluate_equals_utilsforecast(frames):
    train, test = frames
    naive = train.groupby("unique_id")["y"]
    lagged = (train["y"] - naive.shift(SEASON)).groupby(train["unique_id"])
    frame = test.rename(columns={"y_hat-lo-80": "lo-80", "y_hat-hi-80": "hi-80"}).assign(
        seasonal_naive=np.concatenate(
            [np.resize(of_series(train, series, "y")[0][-SEASON:], N_TEST) for series in SERIES]
        ),
        mase_scale=test["unique_id"].map(lagged.agg(lambda x: x.abs().mean())),
        rmsse_scale=test["unique_id"].map(lagged.agg(lambda x: np.sqrt((x**2).mean()))),
    )
    test = frame.rename(columns={"lo-80": "y_hat-lo-80", "hi-80": "y_hat-hi-80"})
    both = ["y_hat", "seasonal_naive"]
    scale = {"seasonality": SEASON, "train_df": train}
    expected = {
        "mae": peer.mae(test, both),
        "rmse": peer.rmse(test, both),
        "smape": peer.smape(test, both),
        "mase": peer.mase(test, both, **scale),
        "rmsse": peer.rmsse(test, both, **scale),
        "coverage-80": peer.coverage(test, ["y_hat"], level=LEVEL),
        "winkler-80": peer.winkler_score(test, ["y_hat"], level=LEVEL),
    }
    ours = evaluate(frame, expected, by="series").set_index(["metric", "unique_id"])
    overall = evaluate(frame, expected).set_index("metric")
    for name, table in expected.items():
        table = table.set_index("unique_id") * (200 if name == "smape" else 1)
        for column in table.columns:
            assert ours.loc[name, column].to_dict() == pytest.approx(
                table[column].to_dict(), **CLOSE
            )
            assert overall.loc[name, column] == pytest.approx(table[column].mean(), **CLOSE)


def test_evaluate_pinball_equals_quantile_losses_of_utilsforecast(frames):
    _, test = frames
    low = peer.quantile_loss(test, {"y_hat": "y_hat-lo-80"}, q=0.1)["y_hat"].mean()
    high = peer.quantile_loss(test, {"y_hat": "y_hat-hi-80"}, q=0.9)["y_hat"].mean()
    frame = test.rename(columns={"y_hat-lo-80": "lo-80", "y_hat-hi-80": "hi-80"})
    assert evaluate(frame, "pinball")["y_hat"].item() == pytest.approx((low + high) / 2, **CLOSE)
