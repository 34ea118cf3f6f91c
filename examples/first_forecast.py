"""
How much CO2 will be in the air next year?
==========================================

A first forecast: a series goes in, a forecast with an interval comes out. The series is the monthly
CO2 of Mauna Loa since 1958; its last year is held out, to see how good the forecast was.
"""

# %%
# Series in, forecast out
# -----------------------
#
# ``recurrent_forecaster`` is a ``Forecaster`` with an LSTM and settings that suit it. Month and
# season come from the index of the series.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.linear_model import Ridge

from seqforecast import ForecastDisplay, Forecaster, backtest, evaluate, recurrent_forecaster
from seqforecast.datasets import load_co2
from seqforecast.metrics import mae

co2 = load_co2()
known, held_out = co2[:-12], co2[-12:]
forecaster = recurrent_forecaster(horizon=12, random_state=0).fit(known)
forecast = forecaster.predict(12, level=80)
print(forecast.round(1))

# %%

figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ForecastDisplay.from_estimator(forecaster, 12, level=80, truth=held_out, n_history=48, ax=ax)
ax.set_ylabel("CO2 at Mauna Loa (ppm)")
ax.set_title("a year, forecast at its start", loc="right", fontsize="medium")
plt.show()

# %%
# How good was it?
# ----------------
#
# Beside it three forecasts that need no network: last year again (the seasonal naive forecast),
# last year plus the mean yearly change of the last ten years (its drift), and a linear model, which
# the same ``Forecaster`` takes in place of the LSTM.

changes = co2.diff(12)  # against the same month of the year before
last_year = known[-12:].to_numpy()
linear = Forecaster(Ridge(), window=24, horizon=12).fit(known)
held_out_errors = {
    "the network": mae(held_out, forecast["y_hat"]),
    "linear model": mae(held_out, linear.predict(12)),
    "last year + drift": mae(held_out, last_year + changes[known.index][-120:].mean()),
    "last year again": mae(held_out, last_year),
}
inside = held_out.between(forecast["lo-80"], forecast["hi-80"]).sum()
print(f"the 80 % interval holds {inside} of 12 months")

# %%
# One year is no proof
# --------------------
#
# ``backtest`` forecasts the twenty years before in the same way: it fits once, before the first of
# them, and then takes in the new values. The drift is that of the ten years before each cutoff:
# among 1, 3, 5, 10, 20 and all years the best in these twenty, so that it is no weak opponent.

folds = backtest(forecaster, known, horizon=12, n_folds=20, refit=False)
linear_folds = backtest(linear, known, horizon=12, n_folds=20, refit=False)
drift = folds["cutoff"].map(lambda cutoff: changes[:cutoff][-120:].mean())
drifting = folds.assign(y_hat=folds["seasonal_naive"] + drift)
by_year = pd.DataFrame(
    {
        "the network": evaluate(folds, "mae", by="cutoff")["y_hat"],
        "linear model": evaluate(linear_folds, "mae", by="cutoff")["y_hat"],
        "last year + drift": evaluate(drifting, "mae", by="cutoff")["y_hat"],
        "last year again": evaluate(folds, "mae", by="cutoff")["seasonal_naive"],
    }
)
errors = pd.DataFrame({"held-out year": held_out_errors, "twenty years before": by_year.mean()})
print("mean absolute error, ppm")
print(errors.round(2).to_string())

# %%
earlier = errors["twenty years before"].round(2)
wins = by_year.gt(by_year["the network"], axis=0).sum()
print(
    f"Answer: {forecast['y_hat'].mean():.1f} ppm in the mean of the year; it became "
    f"{held_out.mean():.1f}. Over the twenty years before, the network errs by "
    f"{earlier['the network']:.2f} ppm, last year again by {earlier['last year again']:.2f}, "
    f"with drift by {earlier['last year + drift']:.2f}, a linear model by "
    f"{earlier['linear model']:.2f}; it is ahead of these in {wins['last year again']}, "
    f"{wins['last year + drift']} and {wins['linear model']} years. The smallest error in the "
    f"held-out year has: {errors['held-out year'].idxmin()}."
)
