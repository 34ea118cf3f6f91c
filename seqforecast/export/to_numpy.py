"""Export to a file that `seqforecast.runtime` serves with numpy alone."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast.export.served_model import Served, served
from seqforecast.persistence.format import write


def export_numpy(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted regressor to a file that is served with numpy alone.

    Use it where torch does not fit or takes too long to load. `seqforecast.runtime.load_numpy`
    reads the file; ``seqforecast/runtime.py`` needs numpy and nothing else, not even the rest of
    this package, and may be copied.

    Parameters
    ----------
    estimator : RNNRegressor, LSTMRegressor, GRURegressor, Pipeline or TransformedTargetRegressor
        The fitted regressor; scikit-learn's StandardScaler, MinMaxScaler, MaxAbsScaler and
        RobustScaler may come before it in a Pipeline, or scale its target.
    path : path-like
        The file, of the safetensors format; one that is there is replaced, whole or not at all.

    Raises
    ------
    TypeError
        If it is another estimator, or has a part of another class.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If one of its weights or scales is not finite.
    OSError
        If the file cannot be written; one that was there is unchanged.

    See Also
    --------
    export_onnx : For servers and languages that run ONNX.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from seqforecast import GRURegressor, export_numpy, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> from seqforecast.runtime import load_numpy
    >>> X, y = make_windows(load_airline(), window=12)
    >>> regressor = GRURegressor(hidden_size=4, max_epochs=2, random_state=0)
    >>> model = make_pipeline(MinMaxScaler(), regressor).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "airline.safetensors")
    ...     export_numpy(model, path)
    ...     served = load_numpy(path)
    >>> bool(abs(served.predict(X) - model.predict(X)).max() < 1e-3)  # thousands of passengers
    True
    """
    model = served(estimator)
    arrays, rows = _arrays(model)
    content = {
        "estimator": type(estimator).__name__,
        "cell": model.cell,
        "hidden_size": model.hidden_size,
        "num_layers": len(model.layers),
        "window": model.window,
        "n_channels": model.n_channels,
        "n_outputs": model.n_outputs,
        "one_dimension": model.one_dimension,
        "input_by_step": rows > 1,
        "input_clipped": model.inputs.clips,
        "scaled_by_window": model.overall_scale is not None,
        "levels": model.levels,
        "quantiles": model.quantiles,
        "feature_names": model.feature_names,
    }
    write(path, "numpy", content, arrays)


def _arrays(model: Served) -> tuple[dict[str, NDArray[Any]], int]:
    """Return the arrays of the file, and how many rows the maps of the input have."""
    inputs = {"input_level": model.inputs.level, "input_scale": model.inputs.scale}
    if model.inputs.clips:
        inputs |= {"input_low": model.inputs.low, "input_high": model.inputs.high}
    shape = model.window, model.n_channels
    inputs = {
        name: np.broadcast_to(map_, (shape[0] * shape[1],)).reshape(shape)
        for name, map_ in inputs.items()
    }
    if all((map_ == map_[0]).all() for map_ in inputs.values()):
        inputs = {name: map_[:1] for name, map_ in inputs.items()}
    arrays = inputs | {"target_level": model.target_level, "target_scale": model.target_scale}
    if model.overall_scale is not None:
        arrays["overall_scale"] = model.overall_scale
    arrays |= {"head_weight": model.head_weight, "head_bias": model.head_bias}
    for k, layer in enumerate(model.layers):
        arrays |= {f"{name}_l{k}": values for name, values in layer.items()}
    return arrays, len(inputs["input_level"])
