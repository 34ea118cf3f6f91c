"""
Does a network beat last year, a linear model and boosted trees?
================================================================

Three monthly series that everybody knows, forecast a year ahead from many cutoffs. A recurrent
network must show that it is worth its time: beside last year again, a linear model and gradient
boosting, which get the same series and the same baseline.
"""

# %%
# One call for each
# -----------------
#
# ``backtest`` forecasts from earlier cutoffs, with nothing but what was known there.
# ``refit=False`` fits once, before the first cutoff, so that nothing that is forecast was ever
# fitted. A ``Forecaster`` makes lags of the series for any regressor; the network reads windows.
# ``regressor_weight="auto"`` weighs what was learnt against the baseline, by held-out steps;
# ``recurrent_forecaster`` has that, so the others get it, too.

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from seqforecast import ForecastDisplay, Forecaster, backtest, evaluate, recurrent_forecaster
from seqforecast.datasets import load_airline, load_co2, load_sunspots

HORIZON = 12
trees = HistGradientBoostingRegressor(max_iter=50, early_stopping=False, random_state=0)
forecasters = {
    "network": recurrent_forecaster(horizon=HORIZON, cell="gru", random_state=0),
    "boosting": Forecaster(trees, window=24, horizon=HORIZON, regressor_weight="auto"),
    "linear": Forecaster(Ridge(), window=24, horizon=HORIZON, regressor_weight="auto"),
}
series = {"airline": load_airline(), "CO2": load_co2(), "sunspots": load_sunspots()}
years = {"airline": 6, "CO2": 20, "sunspots": 60}

folds, seconds = {}, {}
for name, values in series.items():
    for forecaster_name, forecaster in forecasters.items():
        started = time.perf_counter()
        folds[name, forecaster_name] = backtest(
            forecaster, values, horizon=HORIZON, n_folds=years[name], refit=False
        )
        seconds[name, forecaster_name] = time.perf_counter() - started

# %%
# The last of these years, with what the network said at the begin of each.

figure, axes = plt.subplots(3, 1, figsize=(8, 7), layout="constrained")
for (name, values), ax in zip(series.items(), axes, strict=True):
    newest = folds[name, "network"][-5 * HORIZON :]
    ForecastDisplay.from_backtest(newest, history=values, n_history=24, ax=ax)
    ax.set_ylabel("")
    ax.set_title(name, loc="right", fontsize="medium")
    if ax is not axes[0]:
        ax.get_legend().remove()
plt.show()

# %%
# Who wins?
# ---------
#
# MASE is the mean absolute error in units of the error that last year again had in the known part.
# The bars tell the doubt: cutoffs drawn anew with replacement, 1,000 times; 90 % of the means lie
# within. Whether one is better than another is told by their difference, cutoff by cutoff.

rng = np.random.default_rng(0)
NAIVE = "last year again"


def errors_by_cutoff(name):
    """Return the MASE of each forecaster at each cutoff."""
    tables = {key: evaluate(folds[name, key], "mase", by="cutoff") for key in forecasters}
    errors = pd.DataFrame({key: table["y_hat"] for key, table in tables.items()})
    return errors.assign(**{NAIVE: tables["network"]["seasonal_naive"]})


def means_drawn_anew(errors):
    drawn = rng.integers(len(errors), size=(1_000, len(errors)))
    return pd.DataFrame(errors.to_numpy()[drawn].mean(axis=1), columns=errors.columns)


errors = {name: errors_by_cutoff(name) for name in series}
means = pd.DataFrame({name: table.mean() for name, table in errors.items()})
table = means.T.round(3)
table["cutoffs"] = pd.Series(years)
for key in forecasters:
    table[f"{key}, s"] = [round(seconds[name, key], 1) for name in series]
print(table.to_string())

# %%

styles = {
    "network": ("#0072B2", "o"),
    "boosting": ("#D55E00", "s"),
    "linear": ("#009E73", "^"),
    NAIVE: ("black", "x"),
}
figure, axes = plt.subplots(1, 3, figsize=(9, 2.6), sharey=True, layout="constrained")
for name, ax in zip(series, axes, strict=True):
    low, high = means_drawn_anew(errors[name]).quantile([0.05, 0.95]).to_numpy()
    for at, (key, (color, marker)) in enumerate(styles.items()):
        ax.hlines(-at, low[at], high[at], color=color, linewidth=1.5)
        ax.plot(means.loc[key, name], -at, marker, color=color, markersize=7)
    ax.set_title(f"{name}, {years[name]} cutoffs", loc="left", fontsize="medium")
    ax.set(xlim=(0, None), xlabel="MASE (lower is better)")
    ax.set_yticks(-np.arange(4), styles)
    ax.grid(axis="x", color="0.92")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
plt.show()

# %%
# What follows
# ------------


def told(name):
    """Return who has the smallest error, and whether the next one is worse beyond doubt."""
    order = means[name].sort_values()
    first, second = order.index[:2]
    differences = means_drawn_anew(errors[name][[second]] - errors[name][[first]].to_numpy())
    sure = "" if differences[second].quantile(0.05) > 0 else ", not beyond doubt"
    return f"{name}: {first} {order[first]:.2f} before {second} {order[second]:.2f}{sure}"


beaten = (means.loc["network"] < means.loc[NAIVE]).sum()
print(
    f"Answer: the network beats last year again on {beaten} of {len(series)} series. The smallest "
    f"errors (MASE): {'; '.join(told(name) for name in series)}."
)
