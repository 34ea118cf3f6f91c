"""
How fast does a forecaster recover after a change?
==================================================

A network forecasts the demand for electricity of ten houses, week by week. Then something changes.
Is it enough to show it the new values, must it be trained on, or fitted again? That depends on
what has changed: two cases, and what each way costs.
"""

# %%
# Ten houses and two changes
# --------------------------
#
# Three years and a half of daily demand are generated: a base load, more or less of it on weekends,
# noise, and a little more for each degree below 16. The temperature is known ahead; the forecast of
# the weather is perfect here. On a day in January one of two things happens to all houses:
#
# - **people move**: another base load, and the weekends turn round. What was is in the past values;
# - **heat pumps**: for each degree of cold, the demand grows ten to twenty times as much as before.
#   What a degree means is in the weights of the network.
#
# Houses that were like that from the first day tell how small the error can become.

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from seqforecast import ForecastDisplay, Forecaster, GRURegressor

CHANGE = pd.Timestamp("2025-01-06")
WEEKS = 24

days = pd.date_range("2022-01-03", periods=7 * (157 + WEEKS), freq="D")
rng = np.random.default_rng(0)
weather = np.zeros(len(days))
for day in range(1, len(days)):
    weather[day] = 0.8 * weather[day - 1] + rng.normal(scale=2)
season = 2 * np.pi * days.day_of_year.to_numpy() / 365.25
temperature = 10 - 9 * np.cos(season - 0.3) + weather


def demand(since, moved, heat_pumps):
    """Return the demand of ten houses, to which something happens on a day."""
    houses = []
    for house in range(1, 11):
        rng = np.random.default_rng(house)
        base, weekend, degree = rng.uniform(6, 14), rng.uniform(1, 3), 0.05
        new_base, new_degree = base * rng.uniform(0.6, 1.6), rng.uniform(0.6, 1.0)
        new = days >= since
        load = np.where(new & moved, new_base, base)
        turn = np.where(new & moved, -1, 1) * weekend * (days.day_of_week > 4)
        heating = np.where(new & heat_pumps, new_degree, degree) * np.maximum(16 - temperature, 0)
        kwh = load + turn + heating + rng.normal(scale=0.8, size=len(days))
        frame = {"unique_id": f"house {house}", "ds": days, "y": kwh, "temperature": temperature}
        houses.append(pd.DataFrame(frame))
    return pd.concat(houses, ignore_index=True)


# %%
# Three ways to go on
# -------------------
#
# Every Monday the week is forecast; on the next one its values come in. ``passes`` says how often
# the network is trained on over the windows that are new. A fit learns from all that there is, old
# and new, every fourth week; between two fits it watches.


def take_in(way, forecaster, houses, week):
    sunday = week["ds"].max()
    n_weeks = ((sunday - CHANGE).days + 1) // 7
    if way == "train on":
        return forecaster.update(week, passes=5)
    if way == "fit again" and n_weeks % 4 == 0:
        return forecaster.fit(houses[houses["ds"] <= sunday])
    return forecaster.update(week)


def go_on(houses, way):
    """Return the forecasts of all weeks, and the mean time that it takes to take in one."""
    network = GRURegressor(max_epochs=4, random_state=0)
    forecaster = Forecaster(network, window=14, horizon=7).fit(houses[houses["ds"] < CHANGE])
    forecasts, seconds = [], []
    for monday in pd.date_range(CHANGE, periods=WEEKS, freq="7D"):
        week = houses[houses["ds"].between(monday, monday + pd.Timedelta(days=6))]
        forecast = forecaster.predict(week.drop(columns="y")).merge(week, on=["unique_id", "ds"])
        forecasts.append(forecast.assign(cutoff=monday - pd.Timedelta(days=1)))
        started = time.perf_counter()
        forecaster = take_in(way, forecaster, houses, week)
        seconds.append(time.perf_counter() - started)
    return pd.concat(forecasts, ignore_index=True), np.mean(seconds)


def weekly_error(folds):
    error = (folds["y"] - folds["y_hat"]).abs()
    return error.groupby(folds["cutoff"]).mean().to_numpy()


WAYS = ("watch", "train on", "fit again")
CASES = {"people move": (True, False), "heat pumps": (False, True)}
errors, seconds, folds = {}, {}, {}
for case, what in CASES.items():
    errors[case, "always so"] = weekly_error(go_on(demand(days[0], *what), "watch")[0])
    for way in WAYS:
        folds[case, way], seconds[case, way] = go_on(demand(CHANGE, *what), way)
        errors[case, way] = weekly_error(folds[case, way])

# %%
# One of the houses gets its heat pump. Above, the network only watches; below, it is trained on.

figure, axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True, sharey=True, layout="constrained")
history = demand(CHANGE, *CASES["heat pumps"])
for way, ax in zip(("watch", "train on"), axes, strict=True):
    shown = folds["heat pumps", way].query("unique_id == 'house 1'")[: 7 * 10]
    ForecastDisplay.from_backtest(shown, history=history, n_history=28, ax=ax)
    ax.set_title(f"{way.capitalize()}: house 1", loc="right", fontsize="medium")
    ax.set_ylabel("kWh a day")
axes[1].get_legend().remove()
plt.show()

# %%
# Weeks until most of the damage is gone
# --------------------------------------
#
# The damage of a week is its error less that of the houses that were always so. A way has recovered
# in the first week from which on, over four weeks, the damage is at most a quarter of what watching
# suffers in the first four.


def weeks_to_recover(case, way):
    damage, most = (errors[case, name] - errors[case, "always so"] for name in (way, "watch"))
    of_four_weeks = np.lib.stride_tricks.sliding_window_view(damage, 4).mean(axis=1)
    recovered = np.flatnonzero(of_four_weeks <= most[:4].mean() / 4)
    return recovered[0] + 1 if len(recovered) else np.inf


rows = []
for case in CASES:
    for way in WAYS:
        error = errors[case, way]
        rows.append(
            {
                "change": case,
                "way": way,
                "recovered in week": weeks_to_recover(case, way),
                "error, weeks 1-4": error[:4].mean(),
                "weeks 5-8": error[4:8].mean(),
                "weeks 9-24": error[8:].mean(),
                "all": error.mean(),
                "always so": errors[case, "always so"].mean(),
                "ms a week": 1000 * seconds[case, way],
            }
        )
table = pd.DataFrame(rows).set_index(["change", "way"])
print(table.round(1).to_string())

# %%

styles = {"watch": ("#D55E00", "--"), "train on": ("#0072B2", "-"), "fit again": ("#009E73", "-.")}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
for case, ax in zip(CASES, axes, strict=True):
    numbers = np.arange(1, WEEKS + 1)
    for way, (color, line) in styles.items():
        ax.plot(numbers, errors[case, way], line, color=color, linewidth=1.8, label=way)
    ax.fill_between(numbers, errors[case, "always so"], color="0.85", label="always so")
    ax.set_title(case.capitalize(), loc="left")
    ax.set(xlabel="week after the change", xlim=(1, WEEKS))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set(ylabel="mean absolute error, kWh a day", ylim=(0, None))
axes[1].legend(frameon=False)
plt.show()

# %%
# The same as a stream
# --------------------
#
# Who watches only can use a stream: it keeps the state of the network, so that its cost does not
# grow with the length of the series, and answers every day. It does not train, so its errors are
# those of watching.

houses = demand(CHANGE, *CASES["heat pumps"])
past = houses[houses["ds"] < CHANGE]
network = GRURegressor(max_epochs=4, random_state=0)
forecaster = Forecaster(network, window=14, horizon=7).fit(past)
plan = houses.drop(columns="y")
stream = forecaster.stream(plan[plan["ds"].between(days[7 * 157], days[7 * 158 - 1])])
forecasts = []
for week in range(157, 157 + WEEKS):
    forecasts.append(stream.forecast)
    if week < 156 + WEEKS:
        came = houses[houses["ds"].between(days[7 * week], days[7 * week + 6])]
        ahead = plan[plan["ds"].between(days[7 * week + 7], days[7 * week + 13])]
        stream.update(came, X_future=ahead)
streamed = pd.concat(forecasts).merge(houses, on=["unique_id", "ds"])
stream_error = (streamed["y"] - streamed["y_hat"]).abs().mean()
print(
    f"mean absolute error, 24 weeks: stream {stream_error:.2f}, "
    f"watch {errors['heat pumps', 'watch'].mean():.2f} kWh a day"
)

# %%
# What follows
# ------------


def told(case):
    rows = table.loc[case]
    words = [
        f"{way} {f'{week:.0f}' if week < np.inf else 'not'} (error {error:.1f})"
        for way, week, error in zip(rows.index, rows["recovered in week"], rows["all"], strict=True)
    ]
    return f"{case}: {', '.join(words)}"


cost = table["ms a week"].groupby("way").mean()
print(
    f"Answer: it recovers in week ... of {WEEKS}. {'; '.join(told(case) for case in CASES)} kWh. "
    f"Training on costs {cost['train on'] / cost['fit again']:.0%} of a fit every fourth week; who "
    f"always knew has {table['always so'].mean():.1f}."
)
