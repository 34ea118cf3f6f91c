"""Forecast from what `seqforecast.export_numpy` wrote, with numpy alone.

This file imports nothing else of the package: copied into another project, it works there by
itself. It executes nothing that it reads, and reads nothing that it has not checked.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NumpyRegressor", "load_numpy"]

Array = NDArray[Any]

_FORMAT = 1
_MARK = rb"\"sha256\":\""
"""What stands before the digest: JSON within a string of JSON, whose quotes are escaped."""
_DAMAGE = (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError)
"""What reading raises where another type, size or name was written than there should be."""
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_BLOCK = 1 << 22
"""Float32 numbers that the states of one layer may take, of at most 256 windows at once."""


def load_numpy(path: str | os.PathLike[str]) -> NumpyRegressor:
    """Load a forecaster that needs neither torch nor scikit-learn nor pandas.

    Use it where a fitted model answers requests: it is there in the time that numpy takes to be
    imported, and a forecast takes a fraction of a millisecond.

    Parameters
    ----------
    path : path-like
        A file that `seqforecast.export_numpy` wrote.

    Returns
    -------
    NumpyRegressor
        It predicts what the exported estimator predicts.

    Raises
    ------
    ValueError
        If the file is none of these, was altered or cut short, is of a newer format, or holds
        numbers that do not fit together.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> from seqforecast import LSTMRegressor, export_numpy, last_window, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> passengers = load_airline()
    >>> X, y = make_windows(passengers, window=24, horizon=3)
    >>> model = LSTMRegressor(hidden_size=8, max_epochs=2, random_state=0).fit(X, y)
    >>> from seqforecast.runtime import load_numpy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "airline.safetensors")
    ...     export_numpy(model, path)
    ...     served = load_numpy(path)
    >>> newest = last_window(passengers, window=24)
    >>> bool(abs(served.predict(newest) - model.predict(newest)).max() < 1e-3)  # passengers
    True
    """
    with open(path, "rb") as file:
        data = file.read()
    try:
        header, body, document = _opened(data)
        if document["format"] > _FORMAT:
            raise _Unfit(
                f"has format {document['format']}; this reader knows formats up to {_FORMAT}. "
                "Take runtime.py from a newer seqforecast, or export the model again"
            )
        if document["kind"] != "numpy":
            raise _Unfit(
                f"is a file of kind {str(document['kind'])[:40]!r}; one of kind 'numpy' is needed. "
                "Load the model with seqforecast.load and write one with seqforecast.export_numpy"
            )
        return NumpyRegressor(document["content"], _reader(header, body))
    except _Unfit as error:
        raise ValueError(f"{path} {error}.") from None
    except _DAMAGE as error:
        raise ValueError(
            f"{path} holds a model whose parts are missing or do not fit together "
            f"({type(error).__name__}: {str(error)[:200]}); a file that seqforecast.export_numpy "
            "wrote is needed. Export the model again."
        ) from None


class NumpyRegressor:
    """A recurrent network with its scaling, as `load_numpy` returns it.

    It can be used from several threads at once.

    Parameters
    ----------
    content : dict
        The numbers and words of the file.
    arrays : callable
        Gives the array of a name, of the type and shape that are asked for.

    Attributes
    ----------
    window : int
        Steps of a window.
    n_channels : int
        Columns of one step.
    n_outputs : int
        Values that are forecast at once.
    quantiles : tuple of float or None
        The levels of `predict_quantiles`; None if the network forecasts one value.
    feature_names : list of str or None
        Names of the columns of a flat row, where `fit` saw some.

    Examples
    --------
    >>> import os, tempfile
    >>> from seqforecast import GRURegressor, export_numpy, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> from seqforecast.runtime import load_numpy
    >>> X, y = make_windows(load_airline(), window=12)
    >>> model = GRURegressor(hidden_size=4, loss="quantile", max_epochs=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_numpy(model, os.path.join(folder, "airline.safetensors"))
    ...     served = load_numpy(os.path.join(folder, "airline.safetensors"))
    >>> served.window, served.n_channels, served.n_outputs, served.quantiles
    (12, 1, 1, (0.1, 0.5, 0.9))
    >>> served.predict(X).shape, served.predict_quantiles(X).shape
    ((132,), (132, 3))
    """

    def __init__(self, content: dict[str, Any], arrays: Callable[..., Array]) -> None:
        sizes = ("window", "n_channels", "n_outputs", "hidden_size", "num_layers")
        window, channels, outputs, units, layers = (_checked(int, content[name]) for name in sizes)
        self.window, self.n_channels, self.n_outputs = window, channels, outputs
        self.feature_names = _names(content["feature_names"], window * channels)
        self._levels, self.quantiles = _levels(content["levels"], content["quantiles"])
        self._one_dimension = _checked(bool, content["one_dimension"])
        if self._one_dimension and outputs > 1:
            raise ValueError(f"one dimension for {outputs} outputs")
        rows = window if _checked(bool, content["input_by_step"]) else 1
        self._level = arrays("input_level", "F64", rows, channels)
        self._scale = arrays("input_scale", "F64", rows, channels, above_zero=True)
        self._limits: list[Array] | None = None
        self._overall: Array | None = None
        if _checked(bool, content["input_clipped"]):
            ends = ("input_low", "input_high")
            self._limits = [arrays(end, "F64", rows, channels) for end in ends]
        if _checked(bool, content["scaled_by_window"]):
            self._overall = arrays("overall_scale", "F64", channels, above_zero=True)
        self._target_level = arrays("target_level", "F64", outputs)[:, None]
        self._target_scale = arrays("target_scale", "F64", outputs, above_zero=True)[:, None]
        self._units, (self._cell, n_gates) = units, _CELLS[content["cell"]]
        self._layers, columns = [], channels
        for k in range(layers):
            weight_ih = arrays(f"weight_ih_l{k}", "F32", n_gates * units, columns)
            weight_hh = arrays(f"weight_hh_l{k}", "F32", n_gates * units, units)
            biases = (arrays(f"bias_{name}_l{k}", "F32", n_gates * units) for name in ("ih", "hh"))
            self._layers.append(_joined(n_gates, weight_ih, weight_hh, *biases))
            columns = units
        n_rows = outputs * (1 if self._levels is None else len(self._levels))
        self._head = arrays("head_weight", "F32", n_rows, units)
        self._head_bias = arrays("head_bias", "F32", n_rows)[:, None]

    def __repr__(self) -> str:
        sizes = ("window", "n_channels", "n_outputs", "quantiles")
        return f"NumpyRegressor({', '.join(f'{name}={getattr(self, name)}' for name in sizes)})"

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Forecast the values that follow each window.

        Parameters
        ----------
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels)
            The windows, oldest step first; an array, lists or a pandas frame.

        Returns
        -------
        y_pred : ndarray of shape (n_windows,) or (n_windows, n_outputs)
            The forecasts, in the units of the targets; one dimension where ``fit`` saw one. The
            median, if the network forecasts quantiles.

        Raises
        ------
        ValueError
            If X has another shape, other columns, or a value that is no finite number.
        """
        forecast = self._forecast(X)
        if self._levels is not None:
            forecast = forecast[..., self._levels.index(0.5)]
        return forecast[:, 0] if self._one_dimension else forecast

    def predict_quantiles(self, X: Any) -> NDArray[np.float64]:
        """Forecast the quantiles of the values that follow each window.

        Parameters
        ----------
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels)
            The windows, as in `predict`.

        Returns
        -------
        quantiles : ndarray of shape (n_windows, n_quantiles) or \
(n_windows, n_outputs, n_quantiles)
            One column a level of `quantiles`, in its order; they never cross.

        Raises
        ------
        ValueError
            As in `predict`, or if the network forecasts one value.
        """
        if self._levels is None or self.quantiles is None:
            raise ValueError(
                "the exported network forecasts no quantiles; they need one that was fitted with "
                "loss='quantile'. Fit such a regressor and export it, or call predict."
            )
        columns = [self._levels.index(level) for level in self.quantiles]
        quantiles = self._forecast(X)[..., columns]
        return quantiles[:, 0] if self._one_dimension else quantiles

    def _forecast(self, X: Any) -> NDArray[np.float64]:
        """Return forecasts (n, n_outputs) or (n, n_outputs, n_levels), block by block."""
        windows = self._windows(X)
        longest = self._layers[-1].shape[1] * (self.window + 1)
        size = max(1, min(256, _BLOCK // longest))
        parts = []
        # What overflows is infinite, as in torch, and a warning would tell of nothing else.
        with np.errstate(all="ignore"):
            for start in range(0, len(windows), size):
                parts.append(self._block(windows[start : start + size]))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _windows(self, X: Any) -> Array:
        shape = (self.window, self.n_channels)
        names = getattr(X, "columns", None)
        if self.feature_names and names is not None and list(names) != self.feature_names:
            raise ValueError(
                f"the columns of X are not {self.feature_names[:2]}..., those of fit, which are "
                "needed in their order. Pass X[model.feature_names]."
            )
        try:
            if np.ma.is_masked(X):
                raise TypeError("values are masked")
            windows = np.asarray(X)
            if windows.dtype.kind == "O":  # columns of several types
                if any(isinstance(value, str | bytes) for value in windows.flat):
                    raise TypeError("some of it is text")
                windows = np.asarray(X, dtype=np.float64)
            if windows.dtype.kind not in "biuf":
                raise TypeError(f"its type is {windows.dtype}")
        except (TypeError, ValueError, RuntimeError) as error:  # torch raises the last
            raise ValueError(
                f"X is no array of real numbers ({str(error)[:200]}); windows of shape (n_windows, "
                f"{math.prod(shape)}) are needed. Convert it, and fill what is missing."
            ) from None
        if windows.shape[1:] not in ((math.prod(shape),), shape) or len(windows) == 0:
            raise ValueError(
                f"X has shape {windows.shape}; (n_windows, {math.prod(shape)}) or (n_windows, "
                f"{shape[0]}, {shape[1]}) with at least one window is needed. A single window is "
                "X.reshape(1, -1)."
            )
        return windows

    def _block(self, windows: Array) -> NDArray[np.float64]:
        n = len(windows)
        x = np.ascontiguousarray(windows, dtype=np.float64)
        x = x.reshape(n, self.window, self.n_channels)
        if not np.isfinite(x).all():
            raise ValueError(
                "Input X contains NaN or infinity; finite numbers are needed. Fill or drop the "
                "missing values before making windows."
            )
        x = (x - self._level) / self._scale
        if self._limits is not None:
            x = np.clip(x, *self._limits)
        level, scale = np.zeros((1, 1, 1)), np.ones((1, 1, 1))
        if self._overall is not None:
            level, spread = x.mean(axis=1, keepdims=True), x.std(axis=1, keepdims=True)
            scale = np.where(spread <= 1e-12 * np.abs(level), self._overall, spread)
            x = (x - level) / scale
        hidden = x.transpose(1, 2, 0)  # a unit's values of all windows lie side by side
        for weight in self._layers:
            hidden = self._run(weight, hidden)
        output = (self._head @ hidden[-1] + self._head_bias).T.reshape(n, self.n_outputs, -1)
        if self._levels is not None:
            output = _increasing(output, self._levels.index(0.5))
        forecast = output.astype(np.float64) * scale[:, :, :1] + level[:, :, :1]
        forecast = forecast * self._target_scale + self._target_level
        return forecast if self._levels is not None else forecast[..., 0]

    def _run(self, weight: Array, x: Array) -> Array:
        """Run a layer over x (window, inputs, n); return its states (window, units, n).

        A column of `steps` holds all that one product needs: state, input and 1 for the bias. The
        state of a step is written where the next one reads it.
        """
        window, _, n = x.shape
        steps = np.empty((window + 1, weight.shape[1], n), np.float32)
        steps[0, : self._units] = 0.0
        steps[:-1, self._units : -1] = x
        steps[:, -1] = 1.0
        self._cell(weight, steps, steps[:, : self._units])
        return steps[1:, : self._units]


# The cells: `steps` as in _run, `states` its upper rows; states[t + 1] follows from steps[t]. With
# sigmoid(a) = tanh(a / 2) / 2 + 1 / 2 one call computes all gates; _joined has halved their rows.

_ZERO, _HALF = np.float32(0.0), np.float32(0.5)


def _run_rnn(weight: Array, steps: Array, states: Array, relu: bool = False) -> None:
    for step, state in zip(steps, states[1:], strict=False):
        weight.dot(step, state)
        np.maximum(state, _ZERO, out=state) if relu else np.tanh(state, state)


def _run_lstm(weight: Array, steps: Array, states: Array) -> None:
    size, n = states.shape[1:]
    rows = np.zeros((5 * size, n), np.float32)  # gates o, i, f, the candidate g, the cell state c
    gates, sigmoids, cell = rows[: 4 * size], rows[: 3 * size], rows[4 * size :]
    o, i_and_f, g_and_c = rows[:size], rows[size : 3 * size], rows[3 * size :]
    products, activated = np.empty((2 * size, n), np.float32), np.empty((size, n), np.float32)
    written, kept = products[:size], products[size:]
    for step, state in zip(steps, states[1:], strict=False):
        weight.dot(step, gates)
        np.tanh(gates, gates)
        np.multiply(sigmoids, _HALF, sigmoids)
        np.add(sigmoids, _HALF, sigmoids)
        np.multiply(i_and_f, g_and_c, products)
        np.add(written, kept, cell)
        np.tanh(cell, activated)
        np.multiply(o, activated, state)


def _run_gru(weight: Array, steps: Array, states: Array) -> None:
    size, n = states.shape[1:]
    rows = np.empty((4 * size, n), np.float32)  # gates r, z, the candidate's parts of h and of x
    sigmoids, (r, z, of_h, new) = rows[: 2 * size], rows.reshape(4, size, n)
    for step, before, state in zip(steps, states, states[1:], strict=False):
        weight.dot(step, rows)
        np.tanh(sigmoids, sigmoids)
        np.multiply(sigmoids, _HALF, sigmoids)
        np.add(sigmoids, _HALF, sigmoids)
        np.multiply(r, of_h, of_h)
        np.add(new, of_h, new)
        np.tanh(new, new)
        np.subtract(before, new, of_h)
        np.multiply(z, of_h, of_h)
        np.add(new, of_h, state)


_CELLS: dict[str, tuple[Callable[..., None], int]] = {
    "tanh": (_run_rnn, 1),
    "relu": (partial(_run_rnn, relu=True), 1),
    "lstm": (_run_lstm, 4),
    "gru": (_run_gru, 3),
}
"""What runs a layer, and the number of its row blocks in torch."""


def _joined(n_gates: int, ih: Array, hh: Array, bias_ih: Array, bias_hh: Array) -> Array:
    """Return one matrix for [state, input, 1], in the order and with the halves of the cells."""
    with np.errstate(over="ignore"):
        joined = np.hstack([hh, ih, (bias_ih + bias_hh)[:, None]])
    size = hh.shape[1]
    if n_gates == 4:  # torch: i, f, g, o
        i, f, g, o = np.split(joined, 4)
        joined = np.vstack([_HALF * o, _HALF * i, _HALF * f, g])
    elif n_gates == 3:  # torch: r, z, n; the reset gate wants n's recurrent part by itself
        of_h, of_x = joined[2 * size :].copy(), joined[2 * size :].copy()
        of_h[:, size:-1], of_h[:, -1] = 0.0, bias_hh[2 * size :]
        of_x[:, :size], of_x[:, -1] = 0.0, bias_ih[2 * size :]
        joined = np.vstack([_HALF * joined[: 2 * size], of_h, of_x])
    return np.ascontiguousarray(joined)


def _increasing(raw: Array, median: int) -> Array:
    """Return quantiles (..., n_levels): positive steps up and down from the median."""
    quantiles, rise = raw.copy(), np.logaddexp(_ZERO, raw)  # softplus
    for k in range(median + 1, raw.shape[-1]):
        quantiles[..., k] = quantiles[..., k - 1] + rise[..., k]
    for k in range(median - 1, -1, -1):
        quantiles[..., k] = quantiles[..., k + 1] - rise[..., k]
    return quantiles


# The file: 8 bytes that tell the length of a JSON header, the header, the arrays.


class _Unfit(Exception):
    """The file cannot be used, for a reason that is known."""


def _opened(data: bytes) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
    """Return the header, the bytes of the arrays and the JSON document of a whole file."""
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        spans = sorted(
            tuple(entry["data_offsets"]) for key, entry in header.items() if key != "__metadata__"
        )
        text = header["__metadata__"]["seqforecast"]
        document = json.loads(text)
        claimed = document["sha256"].encode()
        document["format"] = _checked(int, document["format"])
    except _DAMAGE:
        raise _Unfit(
            f"is no whole file of seqforecast: it has {len(data)} bytes and no header that can be "
            "read; a file that seqforecast.export_numpy wrote is needed. Copy or export it again"
        ) from None
    body, end = data[8 + length :], 0
    for span in spans:  # side by side and complete: no byte is read twice, or not at all
        if [*map(type, span)] != [int, int] or span[0] != end or span[1] < end:
            raise ValueError("the places of the arrays")
        end = span[1]
    if len(body) < end:
        raise _Unfit(
            f"is cut short: it has {len(data)} bytes of {8 + length + end}; a whole file is "
            "needed. Copy or export it again"
        )
    start = data.find(_MARK) + len(_MARK)
    blank = data[:start] + b"0" * 64 + data[start + 64 :]
    if claimed != hashlib.sha256(blank).hexdigest().encode() or len(body) > end:
        raise _Unfit(
            "was altered since it was written: its checksum differs; a whole file is needed. Copy "
            "or export it again"
        )
    return header, body, document


def _reader(header: dict[str, Any], body: bytes) -> Callable[..., Array]:
    """Return what gives the array of a name, of the type and shape that are needed."""

    def arrays(name: str, kind: str, *shape: int, above_zero: bool = False) -> Array:
        first, last = header[name]["data_offsets"]
        fits = header[name]["dtype"] == kind and header[name]["shape"] == list(shape)
        count, dtype = math.prod(shape), _DTYPES[kind]
        if not fits or last - first != count * dtype.itemsize:
            raise ValueError(f"{name} is not {kind} of shape {shape}")
        array = np.frombuffer(body, dtype, count, first).reshape(shape)
        if not np.isfinite(array).all() or (above_zero and array.min() <= 0.0):
            raise ValueError(f"{name} holds numbers that cannot be used")
        return array

    return arrays


def _checked(kind: type, value: Any) -> Any:
    """Return a positive integer or a truth value, which is what it should be."""
    right = type(value) is kind
    if not right or (kind is int and value < 1):
        raise ValueError(f"no {kind.__name__} that can be used")
    return value


def _names(names: Any, n_columns: int) -> list[str] | None:
    if names is not None and (len(names) != n_columns or {*map(type, names)} != {str}):
        raise ValueError("feature_names")
    return names


def _levels(levels: Any, quantiles: Any) -> tuple[list[float] | None, tuple[float, ...] | None]:
    if levels is None:
        return None, None
    increasing = all(a < b for a, b in zip([0.0, *levels], [*levels, 1.0], strict=True))
    if not increasing or 0.5 not in levels or not quantiles or not set(quantiles) <= set(levels):
        raise ValueError("levels")
    return list(levels), tuple(quantiles)
