"""
What saves a training that diverges?
====================================

A plain RNN learns to forecast the sunspots a year ahead, by gradient descent with a high learning
rate. Without clipping the weights run away within one or two epochs. A limit on the gradient
prevents that; how low may it be before the training pays for it?
"""

# %%
# Divergence
# ----------
#
# The windows hold 48 months up to 1932, the target is the month one year after the last of them.
# The newest tenth of the windows is for validation.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from seqforecast import DivergenceError, GradientNormDisplay, RNNRegressor, diagnose, make_windows
from seqforecast.clipping import AutoClip
from seqforecast.datasets import load_sunspots

PAST, AHEAD = 48, 12
sunspots = load_sunspots()


def windows(series):
    X, y = make_windows(series, PAST, horizon=AHEAD)
    return X, np.asarray(y)[:, -1]


X, y = windows(sunspots[:"1932"])
X_test, y_test = windows(sunspots["1933":])


def train(clipping, optimizer="sgd", lr=0.15, seed=0):
    """Return a model and the error that ended its training, if one did."""
    model = RNNRegressor(
        optimizer=optimizer, lr=lr, gradient_clipping=clipping, max_epochs=10, random_state=seed
    )
    try:
        return model.fit(X, y), None
    except DivergenceError as error:
        return model, error


LIMITS = (None, 10.0, 1.0, 0.1, 0.01, 0.001, AutoClip())
SEEDS = range(3)
runs = {(str(limit), seed): train(limit, seed=seed) for limit in LIMITS for seed in SEEDS}
model, error = runs["None", 0]
print(error or "Without clipping the training went through.")

# %%
# ``fit`` ends with a ``DivergenceError`` after three steps in a row whose gradient is not finite.
# The model keeps its records, so that it can be asked what happened. GF03 proposes about twice the
# mean norm as the limit, or the default of 1 where the mean itself has exploded.

print(diagnose(model, X, y))

# %%
# What a limit prevents
# ---------------------
#
# Two limits that both prevent the end. A limit of 10 comes too late: the network has landed where
# nearly every gradient is large, and jumps about there. With the default of 1 gradients a hundred
# times larger still come, but none of them moves the weights far.

figure = plt.figure(figsize=(9.5, 5.4), layout="constrained")
for panel, limit in zip(figure.subfigures(1, 2), ("10.0", "1.0"), strict=True):
    panel.suptitle(f"gradient_clipping={limit}")
    GradientNormDisplay.from_estimator(runs[limit, 0][0], ax=panel.subplots())
plt.show()

# %%
# What too low a limit costs
# --------------------------
#
# A step of gradient descent is at most the learning rate times the limit long: with a limit of
# 0.001 the 610 steps of ten epochs, all in one direction, would cover 0.09. Adam divides by the
# size of past gradients; a limit that shrinks all of them alike changes little. The errors are
# those of the years from 1933 on, 1 for whoever forecasts the mean, and ``clipped`` is the share of
# the steps; both are medians of the seeds.

runs_of_adam = {
    (str(limit), seed): train(limit, optimizer="adam", lr=0.003, seed=seed)
    for limit in LIMITS
    for seed in SEEDS
}


def summary(runs):
    """Return the error on the test years of every run, and how its training went."""
    scale = np.mean((y_test - y.mean()) ** 2)
    rows = {
        key: {
            "error": np.mean((model.predict(X_test) - y_test) ** 2) / scale,
            "clipped": model.history_["clip_fraction"].mean(),
            "diverged": error is not None,
        }
        for key, (model, error) in runs.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis(index=["limit", "seed"])


results = {"sgd": summary(runs), "adam": summary(runs_of_adam)}
medians = {
    optimizer: table.groupby("limit", sort=False).agg(
        {"error": "median", "clipped": "median", "diverged": "sum"}
    )
    for optimizer, table in results.items()
}
print(pd.concat(medians, axis=1).to_string(float_format="{:.2f}".format))

# %%
# A point is a seed, the lines go through the medians; errors above 2 are drawn at the top.

STYLES = {"sgd": ("#D55E00", "o", "gradient descent"), "adam": ("#0072B2", "s", "Adam")}
HIGHEST = 2.0
limits = [str(limit) for limit in LIMITS]
figure, ax = plt.subplots(figsize=(8.5, 4), layout="constrained")
for shift, (optimizer, (colour, marker, name)) in zip((-0.08, 0.08), STYLES.items(), strict=True):
    errors = results[optimizer]["error"].clip(upper=HIGHEST)
    for place, limit in enumerate(limits):
        ax.plot([place + shift] * len(SEEDS), errors[limit], marker, color=colour, alpha=0.8)
    middle = medians[optimizer]["error"].clip(upper=HIGHEST)
    fixed = range(len(limits) - 1)  # AutoClip has no place on this line
    ax.plot([place + shift for place in fixed], middle.iloc[:-1], color=colour, label=name)
ax.axhline(1, color="0.5", linestyle="--", linewidth=1)
ax.text(len(limits) - 0.7, 1.02, "the mean", color="0.3", ha="right", va="bottom")
ax.set(
    yscale="log",
    ylim=(0.15, HIGHEST * 1.1),
    yticks=(0.2, 0.5, 1, 2),
    yticklabels=("0.2", "0.5", "1", "2 or more"),
    xticks=range(len(limits)),
    xticklabels=["None", *limits[1:-1], "AutoClip"],
    xlabel="gradient_clipping",
    ylabel="relative squared error, 1933 to 2008",
)
ax.minorticks_off()
ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, 1))
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
descent, adam = medians["sgd"], medians["adam"]["error"]
fixed = descent["error"].iloc[1:-1]
diverged = descent["diverged"]
print(
    f"Answer: of {len(SEEDS)} trainings {diverged['None']} diverged without clipping, "
    f"{diverged['1.0']} with a limit of 1 (error {fixed['1.0']:.2f}) and {diverged.iloc[-1]} with "
    f"AutoClip (error {descent['error'].iloc[-1]:.2f}). Of the fixed limits {fixed.idxmin()} ended "
    f"best ({fixed.min():.2f}), {fixed.idxmax()} worst ({fixed.max():.2f}). Adam, with any limit "
    f"or none: {adam.min():.2f} to {adam.max():.2f}."
)
