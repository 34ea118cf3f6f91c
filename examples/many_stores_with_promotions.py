"""
What is it worth to know the promotions of many stores?
=======================================================

Thirty stores sell different amounts, grow or shrink, and run promotions that are planned weeks
ahead. One network and one set of boosted trees, each for all stores, forecast a week, first
with the plan, then without it. The seasonal naive forecast, last week again, is what they have to
beat.
"""

# %%
# Sales of thirty stores
# ----------------------
#
# No panel comes with the package, so sales are generated, and we know what is in them. What a
# store expects to sell is a product of its size, its week (Saturday high, Sunday low), the time of
# the year, promotions (three days, 20 to 80 % more, then 15 % less for three days) and a slow drift
# that nothing explains. Sales are Poisson counts of that. A third of the stores are less than a
# year old, and 2 % of the days were not reported: they are NaN.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from seqforecast import ForecastDisplay, Forecaster, backtest, evaluate, recurrent_forecaster

rng = np.random.default_rng(0)


def sales_of(store):
    n_days = rng.integers(120, 365) if rng.random() < 1 / 3 else rng.integers(700, 1096)
    days = pd.date_range(end="2025-12-31", periods=n_days, freq="D")
    size = np.exp(rng.uniform(np.log(30), np.log(600)))
    week = np.array([0.9, 0.85, 0.9, 1.0, 1.15, 1.5, 0.6]) * rng.lognormal(sigma=0.08, size=7)
    year = 2 * np.pi * days.day_of_year.to_numpy() / 365.25
    summer = 0.15 * np.cos(year - 5.8) + 0.05 * np.cos(2 * year)
    growth = rng.uniform(-0.2, 0.2) * np.arange(n_days) / 365

    begins = np.flatnonzero(rng.random(n_days) < 0.04)
    promotion = np.isin(np.arange(n_days), [begins, begins + 1, begins + 2])
    after = np.isin(np.arange(n_days), [begins + 3, begins + 4, begins + 5]) & ~promotion

    drift = np.zeros(n_days)
    for day in range(1, n_days):
        drift[day] = 0.95 * drift[day - 1] + rng.normal(scale=0.03)
    expected = size * week[days.day_of_week] * np.exp(growth + summer + drift)
    expected *= np.where(promotion, rng.uniform(1.2, 1.8), np.where(after, 0.85, 1.0))
    sold = rng.poisson(expected).astype(float)
    sold[1:-1][rng.random(n_days - 2) < 0.02] = np.nan
    return pd.DataFrame(
        {
            "unique_id": store,
            "ds": days,
            "y": sold,
            "promotion": promotion.astype(int),
            "floor_area": round(size * rng.lognormal(sigma=0.3)),
        }
    )


sales = pd.concat([sales_of(f"store {k:02d}") for k in range(1, 31)], ignore_index=True)
print(sales.tail(3).to_string(index=False))

# %%
# Four forecasters, eight weeks
# -----------------------------
#
# ``future`` names what is known ahead, ``static`` what stays the same within a store. With
# ``future=[]`` the forecaster does not see the plan. All are fitted once, before the first of eight
# cutoffs; then they take in the new values, week by week.

trees = HistGradientBoostingRegressor(
    max_iter=50, max_leaf_nodes=15, learning_rate=0.15, early_stopping=False, random_state=0
)
static = ["floor_area"]
network = recurrent_forecaster(horizon=7, cell="gru", static=static, random_state=0)
boosting = Forecaster(trees, window=14, horizon=7, static=static)
folds = {}
for name, forecaster in {"network": network, "boosting": boosting}.items():
    for plan, future in {"with the plan": ["promotion"], "without": []}.items():
        folds[name, plan] = backtest(
            forecaster.set_params(future=future), sales, horizon=7, n_folds=8, refit=False
        )

# %%
# Three stores over the eight weeks. Grey marks the days of promotions, lines begin at their
# cutoffs.

shown = ["store 01", "store 02", "store 03"]
display = ForecastDisplay.from_backtest(
    folds["network", "with the plan"], history=sales, ids=shown, n_history=14
)
for store, ax in zip(shown, display.axes_, strict=True):
    planned = sales[(sales["unique_id"] == store) & (sales["promotion"] == 1)]
    for day in planned["ds"][planned["ds"] > "2025-10-22"]:
        ax.axvspan(day - pd.Timedelta(hours=12), day + pd.Timedelta(hours=12), color="0.88", lw=0)
plt.show()

# %%
# Where the plan helps
# --------------------
#
# A plan can help on the days of a promotion, and on the three days after it, when stores sell less.
# It also helps on all other days: a forecaster that does not know why last week was high takes it
# for the new level. Errors are sMAPE, in percent of sales, means over the stores.

kind = sales[["unique_id", "ds", "promotion"]].copy()
newest = kind.groupby("unique_id")["promotion"].rolling(4, min_periods=1).max().to_numpy()
kind["kind"] = np.select([kind["promotion"] == 1, newest == 1], ["promotion", "after"], "other")
kinds = {"promotion": "days of a promotion", "after": "three days after", "other": "other days"}
errors = pd.DataFrame(index=[*kinds.values(), "all days"], dtype=float)
for (name, plan), frame in folds.items():
    frame = frame.merge(kind, on=["unique_id", "ds"])
    for word, label in kinds.items():
        days = frame[frame["kind"] == word]
        errors.loc[label, f"{name}, {plan}"] = evaluate(days, "smape")["y_hat"].item()
        errors.loc[label, "last week again"] = evaluate(days, "smape")["seasonal_naive"].item()
    errors.loc["all days", f"{name}, {plan}"] = evaluate(frame, "smape")["y_hat"].item()
    errors.loc["all days", "last week again"] = evaluate(frame, "smape")["seasonal_naive"].item()
print(errors.T.round(1).to_string())

# %%
# Filled: with the plan; hollow: without. The distance between the two is what the plan is worth.

styles = {"network": ("#0072B2", "o"), "boosting": ("#D55E00", "s")}
figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
at = np.arange(len(errors))[::-1]
for shift, (name, (color, marker)) in zip((0.12, -0.12), styles.items(), strict=True):
    known, blind = errors[f"{name}, with the plan"], errors[f"{name}, without"]
    ax.hlines(at + shift, known, blind, color=color, linewidth=1.5)
    style = {"color": color, "marker": marker, "linestyle": "none", "markersize": 8}
    ax.plot(known, at + shift, **style, label=f"{name}, with the plan")
    ax.plot(blind, at + shift, **style, markerfacecolor="white", label=f"{name}, without")
ax.plot(errors["last week again"], at, "|", color="black", markersize=22, label="last week again")
ax.set(yticks=at, yticklabels=errors.index, xlabel="sMAPE, % (lower is better)", xlim=(0, None))
ax.set_title("What knowing the promotions is worth", loc="left")
ax.grid(axis="x", color="0.9")
ax.spines[["top", "right", "left"]].set_visible(False)
ax.tick_params(axis="y", length=0)
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
plt.show()

# %%
# What follows
# ------------

total = errors.loc["all days"]
with_plan = total[["network, with the plan", "boosting, with the plan"]]
saved = {name: 1 - total[f"{name}, with the plan"] / total[f"{name}, without"] for name in styles}
best = with_plan.idxmin().split(",")[0]
print(
    f"Answer: knowing the plan takes {saved['network']:.0%} off the network's error and "
    f"{saved['boosting']:.0%} off that of boosting; with it, {best} is best "
    f"({with_plan.min():.1f} % against {with_plan.max():.1f} %, last week again "
    f"{total['last week again']:.1f} %)."
)
