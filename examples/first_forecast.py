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

from seqforecast import ForecastDisplay, backtest, evaluate, recurrent_forecaster
from seqforecast.datasets import load_co2
from seqforecast.metrics import mae

co2 = load_co2()
known, held_out = co2[:-12], co2[-12:]
forecaster = recurrent_forecaster(horizon=12, random_state=0).fit(known)
forecast = forecaster.predict(12, level=80)
print(forecast.round(1))

# %%
# How good was it?
# ----------------
#
# The measure of all forecasts is the seasonal naive one, which says last year again.

error = mae(held_out, forecast["y_hat"])
naive = mae(held_out, known[-12:])
inside = held_out.between(forecast["lo-80"], forecast["hi-80"]).sum()
print(f"mean absolute error {error:.2f} ppm, of last year again {naive:.2f} ppm")
print(f"the 80 % interval holds {inside} of 12 months")

# %%

figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ForecastDisplay.from_estimator(forecaster, 12, level=80, truth=held_out, n_history=48, ax=ax)
ax.set_ylabel("CO2 at Mauna Loa (ppm)")
plt.show()

# %%
# One year is no proof
# --------------------
#
# ``backtest`` forecasts earlier years in the same way. The forecaster is fitted once, before the
# first of them.

years = backtest(forecaster, co2, horizon=12, n_folds=8, refit=False)
errors = evaluate(years, "mae").iloc[0]
print(f"eight years: {errors['y_hat']:.2f} ppm, last year again {errors['seasonal_naive']:.2f} ppm")

# %%
better = errors["y_hat"] < errors["seasonal_naive"]
print(
    f"Answer: {forecast['y_hat'].mean():.1f} ppm in the mean of the year; it became "
    f"{held_out.mean():.1f}. Over eight years the forecast is {'' if better else 'not '}better "
    f"than last year again: {errors['y_hat']:.2f} against {errors['seasonal_naive']:.2f} ppm."
)
