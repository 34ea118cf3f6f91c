"""
How do I search an LSTM like any scikit-learn model?
====================================================

Windows of the monthly CO2 record, a ``Pipeline`` with an LSTM at its end, and ``GridSearchCV`` with
folds in the order of time. A second score carries the gradient norm into the table. The last two
years are held out: no choice has seen them.
"""

# %%
# Windows of changes
# ------------------
#
# CO2 rises, and a network knows only the range that it was trained on. The change against the year
# before has neither trend nor season; last year plus the forecast change is a forecast.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from seqforecast import LSTMRegressor, make_windows
from seqforecast.datasets import load_co2
from seqforecast.metrics import mae

WINDOW, HORIZON, HELD_OUT = 36, 12, 24
changes = load_co2().diff(12).dropna().rename("change")
X, y = make_windows(changes[:-HELD_OUT], WINDOW, HORIZON)
print(f"{len(X)} windows of {X.shape[1]} months, {y.shape[1]} months ahead")

# %%
# A search with two scores
# ------------------------
#
# The network scales by itself; the scaler shows that it goes where any estimator goes. The targets
# of a window reach 12 months ahead: without ``gap`` those of training would overlap the test.


def gradient_norm(pipeline, *_):
    """Return the mean gradient norm of the last epoch; scikit-learn calls it as a score."""
    return pipeline[-1].history_["grad_norm"].iloc[-1]


pipeline = Pipeline(
    [
        ("scale", StandardScaler().set_output(transform="pandas")),
        ("lstm", LSTMRegressor(max_epochs=30, random_state=0)),
    ]
)
search = GridSearchCV(
    pipeline,
    {"lstm__hidden_size": [8, 32], "lstm__forget_bias": [None, 1.0, "chrono"]},
    cv=TimeSeriesSplit(n_splits=4, gap=HORIZON - 1),
    scoring={"error": "neg_mean_absolute_error", "gradient_norm": gradient_norm},
    refit="error",
).fit(X, y)

results = pd.DataFrame(search.cv_results_)
table = pd.DataFrame(
    {
        "hidden_size": results["param_lstm__hidden_size"].astype(int),
        "forget_bias": [str(params["lstm__forget_bias"]) for params in results["params"]],
        "error (ppm)": -results["mean_test_error"],
        "+-": results["std_test_error"],
        "gradient norm": results["mean_test_gradient_norm"],
    }
).sort_values("error (ppm)")
print(table.to_string(index=False, float_format="{:.3f}".format))

# %%
# The spread over the folds
# -------------------------
#
# A point a fold, the line their mean, the number the gradient norm at the end of training. Where
# the points of two rows overlap, the search had no strong reason for its choice.

folds = -results.filter(regex=r"split\d_test_error").to_numpy()
figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
for place, row in enumerate(table.index):
    colour = "#D55E00" if place == 0 else "#0072B2"
    ax.plot(folds[row], [place] * folds.shape[1], "o", color=colour, alpha=0.7)
    ax.plot(folds[row].mean(), place, "|", color=colour, markersize=24, markeredgewidth=2.5)
    ax.text(
        *(1.01, place, f"{table.loc[row, 'gradient norm']:.2f}"),
        transform=ax.get_yaxis_transform(),
        va="center",
    )
ax.text(1.01, -0.75, "gradient norm", transform=ax.get_yaxis_transform(), va="center")
names = [f"{row.hidden_size} units, {row.forget_bias}" for row in table.itertuples()]
ax.set_yticks(range(len(names)), names)
ax.set(xlabel="mean absolute error of a fold (ppm)", ylabel="hidden_size, forget_bias")
ax.set_ylim(len(names) - 0.5, -0.5)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The years that nobody has seen
# ------------------------------
#
# The best pipeline, fitted again on all windows, forecasts each of the two years from its start;
# beside it last year plus the mean change, which needs no network.

X_all, y_all = make_windows(changes, WINDOW, HORIZON)
X_test, true = X_all.iloc[[-HORIZON - 1, -1]], np.asarray(y_all)[[-HORIZON - 1, -1]].ravel()
error = mae(true, search.predict(X_test).ravel())
naive = mae(true, np.zeros_like(true))
mean_change = mae(true, np.full_like(true, changes[:-HELD_OUT].mean()))
print(f"LSTM {error:.2f} ppm, last year again {naive:.2f}, plus the mean change {mean_change:.2f}")

# %%
best = {name.removeprefix("lstm__"): value for name, value in search.best_params_.items()}
pays = error < mean_change
print(
    f"Answer: as a step of a Pipeline in GridSearchCV, which took {best}. In the two held-out "
    f"years it errs by {error:.2f} ppm, last year plus the mean change by {mean_change:.2f}: "
    f"{'a little better, with a network to search' if pays else 'the simple forecast wins'}."
)
