"""
Do 80 % intervals hold 80 %?
============================

An interval of 80 % should hold what comes in four of five cases: on average, at every step ahead,
and no matter whether the sun is quiet or stormy. Monthly sunspots, forecast a year ahead from sixty
cutoffs, show where conformal intervals and those of forecast quantiles keep that, and where not.
"""

# %%
# Sixty years of forecasts
# ------------------------
#
# The network of both forecasters is the same, but for its loss: one learns the median, and its
# intervals are the errors of steps that were held out (split conformal prediction, the default);
# the other learns quantiles itself. Both are fitted once, to the two hundred years before the first
# cutoff.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from seqforecast import ForecastDisplay, Forecaster, backtest, evaluate, recurrent_forecaster
from seqforecast.datasets import load_sunspots

sunspots = load_sunspots()
folds = {}
for kind in ("conformal", "quantile"):
    forecaster = recurrent_forecaster(
        horizon=12, cell="gru", hidden_size=64, intervals=kind, random_state=0
    )
    folds[kind] = backtest(
        forecaster, sunspots, horizon=12, n_folds=60, refit=False, level=[80, 95]
    )
    print(kind)
    print(evaluate(folds[kind], ["mae", "coverage", "winkler"]).round(2).to_string(), "\n")

# %%
figure, axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True, sharey=True, layout="constrained")
for (kind, frame), ax in zip(folds.items(), axes, strict=True):
    cycle = frame[frame["cutoff"] >= "1996-12-01"].drop(columns=["lo-95", "hi-95"])
    ForecastDisplay.from_backtest(cycle, history=sunspots, n_history=12, naive=False, ax=ax)
    ax.set_title(kind, loc="right", fontsize="medium")
axes[1].get_legend().remove()
plt.show()

# %%
# Where they hold, and where not
# ------------------------------
#
# A month at which the interval held is 1, another 0. Months of one forecast go together, so that
# the doubt of a mean comes from the sixty forecasts: drawn anew with replacement, 1,000 times, 90 %
# of the means lie within the bars.

rng = np.random.default_rng(0)


def coverage(frame, by):
    """Return the share of months inside, with the ends of the bars, for each group."""
    inside = frame["y"].between(frame["lo-80"], frame["hi-80"])
    table = pd.crosstab(frame["cutoff"], by, values=inside, aggfunc="sum").fillna(0).to_numpy()
    count = pd.crosstab(frame["cutoff"], by).to_numpy()
    drawn = rng.integers(len(table), size=(1_000, len(table)))
    means = table[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.nanquantile(means, [0.05, 0.95], axis=0)
    return table.sum(axis=0) / count.sum(axis=0), low, high


groups = {}
calm = ["< 20", "20-60", "60-100", "> 100"]
for kind, frame in folds.items():
    active = pd.cut(frame["y_hat"], [-np.inf, 20, 60, 100, np.inf], labels=calm)
    groups[kind] = {"months ahead": frame["step"], "sunspots forecast": active}
for kind, by in groups.items():
    share, low, high = coverage(folds[kind], by["sunspots forecast"])
    print(kind, dict(zip(calm, share.round(2).tolist(), strict=True)))

# %%
# When the history is short
# -------------------------
#
# Conformal intervals rest on the errors of held-out steps. Of a short history these are few, and
# what learns has little to learn from. A linear forecaster is fitted to the last five, ten and
# fifty years before seventeen cutoffs. Where errors are too few for a level, ``predict`` warns;
# here the warning is caught and shown.

short = {}
said = set()
for years in (5, 10, 50):
    for end in range(2_000, 3_100, 66):
        known, came = sunspots[end - 12 * years : end], sunspots[end : end + 12]
        forecaster = Forecaster(Ridge(), window=24, horizon=12, transform=None).fit(known)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            forecast = forecaster.predict(12, level=[80, 95])
        said |= {f"{years} years: {warning.message}" for warning in caught}
        short[years, end] = forecast.assign(y=came, cutoff=end, years=years)
short = pd.concat(short)
print("\n".join(sorted(said)))

# %%
# Above: the share of months inside, with bars for the doubt. Below: how wide the intervals are.

styles = {"conformal": ("#0072B2", "o"), "quantile": ("#D55E00", "s")}
figure, axes = plt.subplots(
    2, 3, figsize=(10, 5), sharex="col", sharey="row", width_ratios=(12, 5, 4), layout="constrained"
)


def draw(column, frame, by, kind, shift):
    color, marker = styles[kind]
    share, low, high = coverage(frame, by)
    width = (frame["hi-80"] - frame["lo-80"]).groupby(by, observed=True).mean()
    at = np.arange(len(share)) + shift
    style = {"color": color, "marker": marker, "markersize": 5, "linestyle": "none"}
    ends = 100 * np.array([share - low, high - share])
    axes[0, column].errorbar(at, 100 * share, ends, elinewidth=1, label=kind, **style)
    axes[1, column].plot(at, width, **style)
    axes[1, column].set(
        xticks=np.arange(len(share)), xticklabels=width.index, xlim=(-0.5, len(share) - 0.5)
    )


for column, name in enumerate(["months ahead", "sunspots forecast"]):
    for shift, kind in zip((-0.12, 0.12), styles, strict=True):
        draw(column, folds[kind], groups[kind][name], kind, shift)
    axes[1, column].set_xlabel(name)
draw(2, short, short["years"], "conformal", 0)
axes[1, 2].set_xlabel("years of history\n(linear)")
axes[0, 0].set(ylabel="inside, %", ylim=(40, 101))
axes[1, 0].set(ylabel="width, sunspots", ylim=(0, None))
for ax in axes[0]:
    ax.axhline(80, color="black", linewidth=1, linestyle="--", zorder=0)
for ax in axes.flat:
    ax.grid(axis="y", color="0.92")
    ax.spines[["top", "right"]].set_visible(False)
axes[0, 0].legend(frameon=False, loc="lower right", ncols=2)
figure.suptitle("What intervals of 80 % hold", x=0.02, ha="left")
plt.show()

# %%
# What follows
# ------------

total = {kind: evaluate(frame, "coverage-80")["y_hat"].item() for kind, frame in folds.items()}
by_group = {kind: coverage(folds[kind], by["sunspots forecast"])[0] for kind, by in groups.items()}
of_years = coverage(short, short["years"])[0]
print(
    f"Answer: on average {total['conformal']:.0%} (conformal) and {total['quantile']:.0%} "
    f"(quantile) of the actual values were inside. Where few sunspots are forecast conformal "
    f"intervals hold {by_group['conformal'][0]:.0%}, where many {by_group['conformal'][-1]:.0%}; "
    f"quantiles, {by_group['quantile'][0]:.0%} and {by_group['quantile'][-1]:.0%}. With five years "
    "of history "
    f"instead of fifty it is {of_years[0]:.0%} instead of {of_years[-1]:.0%}."
)
