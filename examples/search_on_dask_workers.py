"""
Does a search on two Dask workers find the same, and how much faster?
=====================================================================

A grid search over LSTMs runs in this process, then on two workers of a Dask cluster: processes of
their own, here on one machine, elsewhere on many. Who computed what, are the scores the same, and
what is gained?
"""

# %%
# The search
# ----------
#
# Windows of four years of sunspots forecast a year; six networks on three folds in time order are
# eighteen fits. Beside the error, the scorer notes which process has made a fit, and when it ended.

import logging
import os
import time
from tempfile import TemporaryDirectory

import joblib
import matplotlib.pyplot as plt
import pandas as pd
from distributed import Client, LocalCluster
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from seqforecast import LSTMRegressor, make_windows
from seqforecast.datasets import load_sunspots

X, y = make_windows(load_sunspots(), window=48, horizon=12)
SIZES, FOLDS = (8, 32, 64), 3


def score(model, X, y):
    error = mean_absolute_error(y, model.predict(X))
    return {"error": -error, "process": os.getpid(), "ended": time.time()}


def new_search():
    return GridSearchCV(
        LSTMRegressor(max_epochs=4, early_stopping=False, random_state=0),
        {"hidden_size": SIZES, "lr": [1e-3, 1e-2]},
        cv=TimeSeriesSplit(FOLDS, gap=11, max_train_size=1_500),
        scoring=score,
        refit=False,
    )


# %%
# Two ways to run it
# ------------------
#
# The search itself does not change: within ``parallel_config(backend="dask")`` joblib hands the
# fits to the cluster. On a cluster of machines, ``Client`` gets the address of its scheduler.
# Before the clock starts, both workers import what they need, as those in daily use have.


def search_here():
    started = time.time()
    search = new_search().fit(X, y)
    return search, time.time() - started


def search_on_workers():
    """Return the search, when it began, and how many seconds it took."""
    with (
        TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=":0",  # any free port
            local_directory=folder,
            silence_logs=logging.ERROR,  # a busy machine may take seconds to end a process
        ) as cluster,
        Client(cluster) as client,
    ):
        client.run(LSTMRegressor(max_epochs=1).fit, X[:100], y[:100])
        started = time.time()
        with joblib.parallel_config(backend="dask"):
            search = new_search().fit(X, y)
        return search, started, time.time() - started


def fits_of(search, started):
    """Return a row a fit: on which worker, how many units, from when to when."""
    results = search.cv_results_
    table = pd.concat(
        pd.DataFrame(
            {
                "worker": results[f"split{fold}_test_process"],
                "units": results["param_hidden_size"].astype(int),
                "end": results[f"split{fold}_test_ended"] - started,
            }
        )
        for fold in range(FOLDS)
    ).sort_values("end")
    # A worker has one thread: a fit begins when the one before has ended.
    table["begin"] = table.groupby("worker")["end"].shift(fill_value=0.0)
    return table.assign(worker=table["worker"].rank(method="dense").astype(int))


# %%
# Who did what
# ------------


def draw(fits, alone, together):
    """Draw a bar for each fit, and for the search in one process."""
    colors = dict(zip(SIZES, ("#56B4E9", "#E69F00", "#0072B2"), strict=True))
    hatches = dict(zip(SIZES, ("", "///", "..."), strict=True))
    _, ax = plt.subplots(figsize=(9, 2.6), layout="constrained")
    for size, rows in fits.groupby("units"):
        ax.barh(
            -rows["worker"],
            rows["end"] - rows["begin"],
            left=rows["begin"],
            height=0.7,
            color=colors[size],
            hatch=hatches[size],
            edgecolor="white",
            label=f"{size} units",
        )
    ax.barh(-3, alone, height=0.35, color="0.6", edgecolor="white", label="all fits, one by one")
    ax.axvline(together, color="black", linewidth=1, linestyle="--", label="search on workers done")
    ax.set_yticks([-1, -2, -3], ["worker 1", "worker 2", "one process"])
    ax.set(xlabel="seconds since the begin of the search", ylim=(-3.5, -0.2))
    ax.set_title(f"{len(fits)} fits on two workers, and in one process", loc="left")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    plt.show()


# %%
# A script that starts processes needs the line below: each of them reads this file again, and must
# not start others. In a notebook it can be left out.

if __name__ == "__main__":
    local, alone = search_here()
    remote, started, together = search_on_workers()
    fits = fits_of(remote, started)

    columns = ["param_hidden_size", "param_lr", "mean_test_error"]
    table = pd.DataFrame(local.cv_results_)[columns]
    table["on workers"] = remote.cv_results_["mean_test_error"]
    print(table.to_string(index=False))
    print(fits.groupby("worker").size().rename("fits").to_string())
    draw(fits, alone, together)

    scores = [f"split{fold}_test_error" for fold in range(FOLDS)]
    same = all((local.cv_results_[key] == remote.cv_results_[key]).all() for key in scores)
    shares = " and ".join(str(count) for count in fits.groupby("worker").size())
    print(
        f"Answer: {'all scores are the same, bit by bit' if same else 'the scores differ'}; the "
        f"workers made {shares} of {len(fits)} fits and took {together / alone:.0%} of the time of "
        f"one process ({together:.1f} instead of {alone:.1f} s)."
    )
