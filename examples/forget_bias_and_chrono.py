"""
Which forget bias lets an LSTM learn a day?
===========================================

A half-hourly series whose only memory is the same half-hour of the day before, 48 steps back. The
forget gate starts at the sigmoid of its bias b, so that an untrained LSTM keeps its state for about
1 + exp(b) steps. Three fixed biases and *chrono*, which draws one for every unit, get the same
training.
"""

# %%
# What a bias means before training
# ---------------------------------
#
# A state that is multiplied by f = sigmoid(b) at every step is down to one half after
# ln 2 / -ln f steps. Nobody knows the right length beforehand, which is why chrono spreads the
# units over all lengths of the window: b = ln U[1, window - 1].

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from seqforecast import GradientFlowDisplay, LSTMRegressor, make_windows
from seqforecast.datasets import make_seasonal_ar

SEASON, WINDOW = 48, 56
BIASES = (None, 1.0, 3.0, "chrono")
SEEDS = range(3)

print("bias   half-life of the state")
for bias in (0.0, 1.0, 3.0, 5.0):
    print(f"{bias:4.0f}   {np.log(2) / np.log1p(np.exp(-bias)):.1f} steps")

# %%
# The same training for all of them
# ---------------------------------
#
# 1,500 steps of 64 windows that are never seen twice, and the error on a fresh series. The mean of
# the series has an error of 1, the best possible forecast 0.19. ``None`` is PyTorch's own bias,
# close to 0; its recurrent matrices, ``recurrent_init=None``, are everywhere the same, so that only
# the bias differs.

X, y = make_windows(make_seasonal_ar(100_000, period=SEASON, random_state=0), WINDOW)
X_test, y_test = make_windows(make_seasonal_ar(10_000, period=SEASON, random_state=1), WINDOW)


def train(bias, seed):
    model = LSTMRegressor(
        forget_bias=bias,
        recurrent_init=None,
        batch_size=64,
        max_epochs=1,
        early_stopping=False,
        random_state=seed,
    )
    return model.fit(X[:96_000], y[:96_000])


models = {(str(bias), seed): train(bias, seed) for bias in BIASES for seed in SEEDS}
results = pd.DataFrame(
    {
        "reaches before": [m.gradient_flow_.effective_memory[0, 0] for m in models.values()],
        "reaches after": [m.gradient_flow_.effective_memory[-1, 0] for m in models.values()],
        "error": [np.mean((m.predict(X_test) - y_test) ** 2) for m in models.values()],
    },
    index=pd.MultiIndex.from_tuples(models, names=["forget_bias", "seed"]),
)
table = results.groupby("forget_bias", sort=False).median()
print(table.round(2).to_string())

# %%
# The gradient before the first step decides
# ------------------------------------------
#
# On the left the gradient by lag before training, which is all that training can use at first; on
# the right the error after it, one point for each seed.

COLOURS = dict(zip(table.index, ["0.4", "#0072B2", "#009E73", "#D55E00"], strict=True))
figure, (before, after) = plt.subplots(1, 2, figsize=(9.5, 3.9), layout="constrained")
for bias, colour in COLOURS.items():
    curve = models[bias, 0].gradient_flow_.lag_curve[0, 0]
    before.plot(curve, color=colour, linewidth=2, label=bias)
    after.plot(results.loc[bias, "error"], [bias] * len(SEEDS), "o", color=colour, alpha=0.8)
before.axvline(SEASON - 1, color="black", linestyle="--", linewidth=1)
before.text(SEASON - 1.3, 2e-6, "yesterday", rotation=90, ha="right", va="bottom")
before.set(
    yscale="log",
    ylim=(1e-6, 2),
    xlabel="lag (half-hours before the last of the window)",
    ylabel="relative gradient",
    title="Before training",
)
before.legend(title="forget_bias", frameon=False, loc="lower left")
for error, name in ((0.19, "best possible"), (1.0, "the mean")):
    after.axvline(error, color="0.6", linestyle=":")
    after.text(error - 0.02, 1.5, name, color="0.3", rotation=90, ha="right", va="center")
after.set(xlim=(0, 1.15), xlabel="mean squared error on a fresh series", title="After 1,500 steps")
after.invert_yaxis()
for axes in (before, after):
    axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# How long the units remember
# ---------------------------
#
# With chrono the units start with memories of every length; training then moves them to what the
# series needs.

figure, both = plt.subplots(1, 2, figsize=(9.5, 3.7), layout="constrained", sharey=True)
for axes, bias in zip(both, ("1.0", "chrono"), strict=True):
    GradientFlowDisplay.from_estimator(models[bias, 0], kind="timescales", season=SEASON, ax=axes)
    axes.set_title(f"forget_bias={bias}", loc="left", pad=42)
plt.show()

# %%
learnt = table["error"] < 0.5
errors = [f"{bias} (error {error:.2f})" for bias, error in table.loc[learnt, "error"].items()]
print(
    f"Answer: {' and '.join(errors) or 'none of them'} in 1,500 steps; "
    f"not {', '.join(table.index[~learnt]) or 'one of them failed'}. Chrono alone was not told how "
    "far back the memory lies."
)
