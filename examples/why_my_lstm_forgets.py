"""Why does my LSTM forget yesterday, and which parameter brings it back?

An hourly series whose only memory is the same hour of the day before. PyTorch's own
initialisation learns nothing of it in 1,500 steps; the heat map shows why, `diagnose` says what to
change, and the same network with that one parameter changed learns it.
"""

import os
from pathlib import Path

import matplotlib
import numpy as np

from seqforecast import GradientFlowDisplay, LSTMRegressor, diagnose, make_windows
from seqforecast.datasets import make_seasonal_ar

SEASON, WINDOW = 24, 30
PARTS, WINDOWS_A_PART = 15, 6_400  # 15 times 100 steps of 64 windows
PICTURE = Path(__file__).parent / "output" / "why_my_lstm_forgets.png"


def train(X, y, **params):
    """Train on windows that are never seen twice, and look at the gradient after every part."""
    model = LSTMRegressor(batch_size=64, observe="epoch", random_state=0, **params)
    order = np.random.default_rng(0).permutation(len(X))[: PARTS * WINDOWS_A_PART]
    for rows in order.reshape(PARTS, WINDOWS_A_PART):
        model.partial_fit(X[rows], y[rows])
    return model


def report(name, model, X, y):
    error = np.mean((model.predict(X) - y) ** 2)
    sensitivity = model.gradient_flow_.input_sensitivity[0, SEASON - 1, 0]
    print(f"== {name}: mean squared error {error:.2f} (the mean has 1, the best possible 0.19)")
    print(f"moved by the value {SEASON} hours before the forecast: {sensitivity:.2f}\n")
    print(diagnose(model, X, y, season=SEASON), "\n")


def draw(models):
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(10, 6.4), layout="constrained")
    for panel, (name, model) in zip(figure.subfigures(1, 2), models.items(), strict=True):
        panel.suptitle(name)
        above, below = panel.subplots(2, 1, height_ratios=(5, 3))
        GradientFlowDisplay.from_estimator(model, kind="heatmap", season=SEASON, ax=above)
        GradientFlowDisplay.from_estimator(model, kind="input", season=SEASON, ax=below)
        below.set_ylim(0, 1)  # the same on both sides
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)
    print(f"The picture is in {os.path.relpath(PICTURE)}")


def main():
    series = make_seasonal_ar(200_000, period=SEASON, random_state=0)
    X, y = make_windows(series, WINDOW)
    X_test, y_test = make_windows(make_seasonal_ar(10_000, period=SEASON, random_state=1), WINDOW)

    own = {"forget_bias": None, "recurrent_init": None}
    models = {
        "PyTorch's own initialisation": train(X, y, **own),
        'the advice: forget_bias="chrono"': train(X, y, **{**own, "forget_bias": "chrono"}),
    }
    for name, model in models.items():
        report(name, model, X_test, y_test)
    draw(models)
    print("It forgot because no gradient reached yesterday; the forget gate's first bias decides.")


if __name__ == "__main__":
    main()
