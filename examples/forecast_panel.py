"""Which forecast is better for 30 shops: a network for all of them, or last week again?

Up to three years of daily sales are generated, since no panel comes with the package;
`generate_sales` says what is in them. A recurrent network and gradient boosting, each of them one
model for all shops, forecast a week from each of eight cutoffs, the seasonal naive forecast
(last week again) beside them. Both are fitted once, before the first cutoff.
"""

import os
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from seqforecast import ForecastDisplay, Forecaster, backtest, evaluate, recurrent_forecaster

SHOPS = 30
HORIZON = 7
FOLDS = 8
FEATURES = {"future": ["promotion", "summer", "winter"], "static": ["floor_area"]}
NAIVE = "last week again"
PICTURE = Path(__file__).parent / "output" / "forecast_panel.png"


def generate_sales(seed=0):
    """Generate pieces sold a day: a long frame, NaN where a day was not reported.

    What a shop is expected to sell is a product of its size (30 to 600 a day, growing or shrinking
    by up to a fifth a year), its weekly profile (Saturday high, Sunday low; in a fifth of the shops
    the other way round), the time of the year (one shape, stronger in some shops), promotions
    (three days, known ahead, in which a shop sells 20 to 80 % more, and 15 % less in the three
    days after) and a slow drift that nothing explains (in logarithms an AR(1) of 0.95 with shocks
    of 3 %). Sales are Poisson counts of that. A third of the shops opened within the last year;
    2 % of the days are missing.
    """
    rng = np.random.default_rng(seed)
    shops = [_sales_of_a_shop(f"shop {k + 1:02d}", rng) for k in range(SHOPS)]
    return pd.concat(shops, ignore_index=True)


def _sales_of_a_shop(name, rng):
    n_days = rng.integers(120, 365) if rng.random() < 1 / 3 else rng.integers(700, 1096)
    days = pd.date_range(end="2025-12-31", periods=n_days, freq="D")
    since, year = np.arange(n_days), 2 * np.pi * days.day_of_year.to_numpy() / 365.25
    size = np.exp(rng.uniform(np.log(30), np.log(600)))

    week = np.array([0.9, 0.85, 0.9, 1.0, 1.15, 1.5, 0.6])
    if rng.random() < 0.2:  # at a station, or where people spend their Sundays
        week = np.array([1.0, 1.0, 1.0, 1.0, 1.1, 0.9, 1.3])
    week = week * rng.lognormal(sigma=0.08, size=7)
    shape = 0.15 * np.cos(year - 5.8) + 0.05 * np.cos(2 * year)
    starts = rng.random(n_days) < 0.04
    promotion = starts | np.roll(starts, 1) | np.roll(starts, 2)
    after = np.roll(promotion, 3) & ~promotion
    shocks = rng.normal(scale=0.03, size=n_days)
    wander = np.empty(n_days)
    wander[0] = shocks[0]
    for day in range(1, n_days):
        wander[day] = 0.95 * wander[day - 1] + shocks[day]

    expected = (
        size
        * np.exp(rng.uniform(-0.2, 0.2) * since / 365 + rng.uniform(0.5, 1.5) * shape + wander)
        * week[days.day_of_week]
        * np.where(promotion, rng.uniform(1.2, 1.8), np.where(after, 0.85, 1.0))
    )
    sold = rng.poisson(expected).astype(float)
    sold[1:-1][rng.random(n_days - 2) < 0.02] = np.nan
    return pd.DataFrame(
        {
            "unique_id": name,
            "ds": days,
            "y": sold,
            "promotion": promotion.astype(float),
            "summer": -np.cos(year),  # what the calendar knows of the time of the year
            "winter": np.sin(year),
            "floor_area": (size * rng.lognormal(sigma=0.3)).round(),
        }
    )


def forecasters():
    """Return what is compared: one model for all shops each."""
    trees = HistGradientBoostingRegressor(
        max_iter=50, max_leaf_nodes=15, learning_rate=0.15, early_stopping=False, random_state=0
    )
    network = recurrent_forecaster(horizon=HORIZON, cell="gru", random_state=0)
    blind = recurrent_forecaster(horizon=HORIZON, cell="gru", random_state=0)
    return {
        "network": network.set_params(**FEATURES),
        "network, no promotions": blind.set_params(**FEATURES | {"future": ["summer", "winter"]}),
        "boosting": Forecaster(trees, window=14, horizon=HORIZON, **FEATURES),
    }


def errors_by_days(folds):
    """Return the errors of each forecast: of the first days, of the later ones and of all."""
    days = {"days 1-2": (1, 2), "days 3-7": (3, 7), "all": (1, 7)}
    table = pd.DataFrame()
    for metric in ("smape", "mase"):
        for name, (first, last) in days.items():
            column = f"{metric.upper()} {name}"
            for forecaster, frame in folds.items():
                errors = evaluate(frame[frame["step"].between(first, last)], metric).iloc[0]
                table.loc[forecaster, column] = errors["y_hat"]
                table.loc[NAIVE, column] = errors["seasonal_naive"]
    return table.sort_values(column)


def main():
    sales = generate_sales()
    lengths = sales.groupby("unique_id").size()
    print(
        f"{SHOPS} shops, {lengths.min()} to {lengths.max()} days, {sales['y'].isna().sum()} of "
        f"{len(sales)} missing; {FOLDS} cutoffs, {HORIZON} days from each\n"
    )
    folds = {}
    for name, forecaster in forecasters().items():
        folds[name] = backtest(
            forecaster,
            sales,
            horizon=HORIZON,
            n_folds=FOLDS,
            refit=False,
            level=80 if name == "network" else None,
        )
    table = errors_by_days(folds)
    print(f"Errors, the mean over shops (best first):\n{table.to_string(float_format='%.2f')}\n")

    covered = evaluate(folds["network"], "coverage-80")["y_hat"].item()
    by_shop = evaluate(folds["network"], "mase", by="series")
    wins = (by_shop["y_hat"] < by_shop["seasonal_naive"]).sum()
    print(f"The network's 80 % intervals held {covered:.0%} of what came.")

    draw(folds["network"], sales)
    print(f"The picture is in {os.path.relpath(PICTURE)}")

    error, naive = table.loc["network", "MASE all"], table.loc[NAIVE, "MASE all"]
    better, less = ("network", 1 - error / naive) if error < naive else (NAIVE, 1 - naive / error)
    print(
        f"\nAnswer: {better}, its error is {less:.0%} smaller (MASE). The network is better in "
        f"{wins} of {SHOPS} shops; of all forecasts here {table.index[0]} is the best."
    )


def draw(folds, sales):
    matplotlib.use("Agg")
    few = sales["unique_id"].unique()[:6]
    display = ForecastDisplay.from_backtest(folds, history=sales, ids=list(few), n_history=28)
    PICTURE.parent.mkdir(exist_ok=True)
    display.figure_.savefig(PICTURE, dpi=150)


if __name__ == "__main__":
    main()
