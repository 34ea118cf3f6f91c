"""How much CO2 will be in the air next year, and does the LSTM beat repeating last year?

First a grid search over an LSTM in a Pipeline, on windows of the monthly record of Mauna Loa, with
the gradient norm beside the error; then `recurrent_forecaster`, which takes the series itself. The
last year is held out: no choice has seen it.
"""

import os
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from seqforecast import (
    LSTMRegressor,
    backtest,
    evaluate,
    last_window,
    make_windows,
    recurrent_forecaster,
)
from seqforecast.datasets import load_co2
from seqforecast.metrics import mase

SEASON = 12
WINDOW = 36
HORIZON = 12
PICTURE = Path(__file__).parent / "output" / "first_forecast.png"


def final_gradient_norm(pipeline, X, y):  # noqa: ARG001  (a scorer takes all three)
    """Carry the gradient norm of the last epoch into the table of the search."""
    return pipeline[-1].history_["grad_norm"].iloc[-1]


def search_lstm(changes):
    """Search the LSTM's size and first memory by forecasts of later years from earlier ones."""
    X, y = make_windows(changes, WINDOW, HORIZON)
    pipeline = Pipeline(
        [
            ("scale", StandardScaler().set_output(transform="pandas")),
            ("lstm", LSTMRegressor(max_epochs=60, random_state=0)),
        ]
    )
    search = GridSearchCV(
        pipeline,
        {"lstm__hidden_size": [8, 32], "lstm__forget_bias": [None, 1.0, "chrono"]},
        # The targets of a window reach HORIZON steps ahead: without the gap they would overlap.
        cv=TimeSeriesSplit(n_splits=4, gap=HORIZON - 1),
        scoring={"error": "neg_mean_absolute_error", "gradient_norm": final_gradient_norm},
        refit="error",
        n_jobs=2,
    )
    return search.fit(X, y)


def search_table(search):
    results = pd.DataFrame(search.cv_results_)
    return pd.DataFrame(
        {
            "hidden_size": results["param_lstm__hidden_size"],
            "forget_bias": [str(params["lstm__forget_bias"]) for params in results["params"]],
            "error (ppm)": -results["mean_test_error"],
            "+-": results["std_test_error"],
            "gradient norm": results["mean_test_gradient_norm"],
            "fit (s)": results["mean_fit_time"],
        }
    ).sort_values("error (ppm)")


def draw(history, forecasts, interval, training):
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3.8), width_ratios=(3, 2), layout="constrained"
    )
    recent = history.iloc[-5 * SEASON :]
    left.plot(recent.index, recent, color="black", linewidth=1.2, label="measured")
    styles = {
        "recurrent_forecaster": ("#CC79A7", "-"),
        "LSTM on windows": ("#0072B2", "-"),
        "seasonal naive": ("#D55E00", "--"),
        "naive + mean change": ("#009E73", ":"),
    }
    ends = interval["lo-80"], interval["hi-80"]
    left.fill_between(interval.index, *ends, color="#CC79A7", alpha=0.3, label="80 % interval")
    for name, (colour, line) in styles.items():
        left.plot(forecasts.index, forecasts[name], line, color=colour, linewidth=2, label=name)
    left.axvspan(forecasts.index[0], forecasts.index[-1], color="0.94", zorder=0)
    left.text(forecasts.index[0], 0.02, " held out", transform=left.get_xaxis_transform())
    left.set(ylabel="CO2 at Mauna Loa (ppm)", title="The forecast of a year, made at its start")
    left.legend(frameon=False, loc="upper left", fontsize="small", labelspacing=0.3)

    right.plot(training.index, training["grad_norm"], color="#0072B2", label="mean")
    right.plot(training.index, training["grad_norm_max"], color="#56B4E9", label="largest")
    right.axhline(1.0, color="0.4", linewidth=1, linestyle=":", label="clipped from here")
    right.set(
        yscale="log",
        xlabel="epoch",
        ylabel="gradient norm",
        title="The gradient of the LSTM on windows",
    )
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)


def main():
    co2 = load_co2()
    known, held_out = co2.iloc[:-HORIZON], co2.iloc[-HORIZON:]
    # The change over a year has neither season nor trend: last year plus the change is a forecast.
    changes = known.diff(SEASON).dropna().rename("change")

    search = search_lstm(changes)
    print(f"CO2, {len(known)} months; windows of {WINDOW} months forecast {HORIZON}\n")
    table = search_table(search).to_string(index=False, float_format="{:.3f}".format)
    print(f"Search, 4 folds in time order (best first):\n{table}\n")

    forecaster = recurrent_forecaster(horizon=HORIZON, random_state=0)
    interval = forecaster.fit(known).predict(HORIZON, level=80)

    inside = held_out.between(interval["lo-80"], interval["hi-80"]).sum()

    last_year = known.iloc[-SEASON:].to_numpy()
    forecasts = pd.DataFrame(
        {
            "recurrent_forecaster": interval["y_hat"],
            "LSTM on windows": last_year + search.predict(last_window(changes, WINDOW))[0],
            "seasonal naive": last_year,
            "naive + mean change": last_year + changes.mean(),
        },
        index=held_out.index,
    )
    print("The held-out year, which is one year and no proof:")
    for name, forecast in forecasts.items():
        error = np.abs(forecast - held_out).mean()
        scaled = mase(held_out, forecast, y_train=known, season=SEASON)
        print(f"  {name:21s} MASE {scaled:.2f}   mean absolute error {error:.2f} ppm")

    print(f"  The 80 % interval of recurrent_forecaster holds {inside} of its {HORIZON} months.")

    earlier = backtest(forecaster, known, horizon=HORIZON, n_folds=8, refit=False)
    error = evaluate(earlier, "mae").iloc[0]
    drift = changes[: earlier["cutoff"].min()].mean()
    drifting = np.abs(earlier["seasonal_naive"] + drift - earlier["y"]).mean()
    print("\nThe eight years before it, all forecasts made with what was learnt before them:")
    for name, mistake in (
        ("recurrent_forecaster", error["y_hat"]),
        ("seasonal naive", error["seasonal_naive"]),
        ("naive + mean change", drifting),
    ):
        print(f"  {name:21s} mean absolute error {mistake:.2f} ppm")

    draw(co2, forecasts, interval, search.best_estimator_[-1].history_)
    interval.index = interval.index.strftime("%Y-%m")
    print(f"\nWhat recurrent_forecaster says of the held-out year:\n{interval.round(1)}")
    print(f"\nThe picture is in {os.path.relpath(PICTURE)}")


if __name__ == "__main__":
    main()
