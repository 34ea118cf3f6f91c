"""Whether a change of the code changed a number: fits, forecasts and files, bit by bit.

Run it in two checkouts and compare what they print; FOLDER gets the files that were saved:

    python benchmarks/same_bits.py FOLDER > after.txt      # PYTHONPATH chooses the checkout
    diff before.txt after.txt

With --load it loads the files of FOLDER in place of fitting, and must print the same lines: files
of the commit before are read as they were.
"""

import argparse
import hashlib
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import Lasso, Ridge

from seqforecast import (
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    RNNRegressor,
    clipping,
    load,
    make_windows,
    recurrent_forecaster,
    save,
)
from seqforecast.datasets import load_airline, make_seasonal_ar

NETWORK = {"hidden_size": 12, "max_epochs": 4, "random_state": 0}
SETTINGS = {
    "default": {},
    "quantile": {"loss": "quantile", "scaling": "window", "observe": "epoch"},
    "deep": {
        "num_layers": 2,
        "dropout": 0.2,
        "gradient_clipping": clipping.AutoClip(),
        "lr_schedule": "cosine",
        "optimizer": "adamw",
        "weight_decay": 0.01,
    },
    "early": {"early_stopping": True, "loss": "huber", "recurrent_init": None},
}


def digest(*parts):
    """Return letters that are the same for the same bits."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            total.update(part.read_bytes())
        elif isinstance(part, pd.DataFrame | pd.Series):
            total.update(part.to_csv(float_format="%.17g").encode())
        else:
            total.update(np.ascontiguousarray(part).tobytes())
    return total.hexdigest()[:16]


def panel():
    """Return a long frame of 12 series with a feature of each role."""
    rng = np.random.default_rng(0)
    times = pd.date_range("2020-01-31", periods=60, freq="ME")
    frames = []
    for k in range(12):
        n = 60 - 3 * k
        promotion = rng.integers(0, 2, n).astype(float)
        y = 50 + 5 * k + 9 * np.sin(np.arange(n) * np.pi / 6) + 4 * promotion + rng.normal(size=n)
        y[n // 2] = np.nan
        table = {"ds": times[:n], "y": y, "promotion": promotion}
        table |= {"stock": rng.normal(size=n), "size": float(k)}
        frames.append(pd.DataFrame({"unique_id": f"s{k:02}"} | table))
    return pd.concat(frames, ignore_index=True)


def windows():
    """Return windows of two channels, and one target each."""
    series = make_seasonal_ar(700, period=12, random_state=0)
    X, y = make_windows(np.column_stack([series, np.roll(series, 3)]), 18, target=0)
    return X, y


def regressors():
    """Yield twelve regressors, not fitted, by name."""
    for cls in (RNNRegressor, LSTMRegressor, GRURegressor):
        for name, setting in SETTINGS.items():
            yield f"{cls.__name__}.{name}", cls(n_channels=2, **(NETWORK | setting))


def forecasters():
    """Yield four forecasters, not fitted, and their data, by name."""
    roles = {"past": ["stock"], "static": ["size"], "future": ["promotion"]}
    yield "ridge", Forecaster(Ridge(), window=12, horizon=6, **roles), panel()
    lasso = Forecaster(Lasso(alpha=0.1), window=12, horizon=3, baseline="seasonal")
    yield "lasso", lasso, load_airline()
    recurrent = recurrent_forecaster(horizon=6, hidden_size=16, random_state=0)
    recurrent.set_params(regressor__max_steps=60)
    yield "recurrent", recurrent, panel()[["unique_id", "ds", "y"]]
    network = GRURegressor(loss="quantile", **NETWORK)
    quantile = Forecaster(network, horizon=6, intervals="quantile", calendar=["year"])
    yield "quantile", quantile, load_airline()


def of_regressor(model, X):
    """Return all numbers of a fitted regressor."""
    flow, stream = model.gradient_flow_, model.stream(X[-3:])
    measured = flow.lag_curve, flow.scale, flow.spread, flow.input_sensitivity
    return model.predict(X), model.history_, *measured, stream.update(X[:3, -2:])


def of_forecaster(model, data):
    """Return forecasts, intervals and those of a stream."""
    X = None
    if "promotion" in data:
        known = data.groupby("unique_id").tail(1)
        later = [known["ds"] + pd.offsets.MonthEnd(k) for k in range(1, 7)]
        parts = [known[["unique_id"]].assign(ds=times, promotion=1.0) for times in later]
        X = pd.concat(parts).sort_values(["unique_id", "ds"])
    stream = model.stream(X, level=80)
    return model.predict(X, level=80), stream.forecast, stream


def main():
    """Print one line for each model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--load", action="store_true", help="load the files of the folder")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")

    def fitted(name, model, *data):
        path = options.folder / f"{name}.safetensors"
        if options.load:
            return load(path), path
        save(model.fit(*data), path)
        return model, path

    X, y = windows()
    for name, model in regressors():
        model, path = fitted(name, model, X, y)
        print(f"{name:<24} {digest(*of_regressor(model, X))} file {digest(path)}")
    for name, model, data in forecasters():
        model, path = fitted(name, model, data)
        *numbers, stream = of_forecaster(model, data)
        of_stream = options.folder / f"{name}.stream.safetensors"
        if not options.load:
            save(stream, of_stream)
        carried = load(of_stream).forecast
        print(f"{name:<24} {digest(*numbers)} file {digest(path)} stream {digest(carried)}")


if __name__ == "__main__":
    main()
