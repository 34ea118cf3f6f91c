"""Export to ONNX, with its own recurrent operators."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

import seqforecast
from seqforecast.export.served_model import Served, served
from seqforecast.persistence.format.atomic import write_atomically

_OPSET, _IR_VERSION = 17, 8
"""The oldest with all that is used, so that older runtimes can serve the model."""

_NOISE = 1e-12
"""Spread relative to the level below which a window is constant, as in `training/scaling.py`."""

_OPERATORS = {"tanh": "RNN", "relu": "RNN", "lstm": "LSTM", "gru": "GRU"}
_GATES = {"tanh": [0], "relu": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}
"""Row blocks in the order of ONNX (LSTM i, o, f, c; GRU z, r, h), as numbers of torch's."""


def export_onnx(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted regressor to an ONNX file.

    Use it for servers and languages other than Python. The scaling is part of the graph and is
    computed in double precision, as `predict` does; the network is ONNX's own RNN, LSTM or GRU
    operator in single precision.

    Parameters
    ----------
    estimator : RNNRegressor, LSTMRegressor, GRURegressor, Pipeline or TransformedTargetRegressor
        The fitted regressor; scikit-learn's StandardScaler, MinMaxScaler, MaxAbsScaler and
        RobustScaler may come before it in a Pipeline, or scale its target.
    path : path-like
        The file; one that is there is replaced, whole or not at all.

    Raises
    ------
    ImportError
        If onnx is not installed.
    TypeError
        If it is another estimator, or has a part of another class.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If one of its weights is not finite.
    OSError
        If the file cannot be written; one that was there is unchanged.

    See Also
    --------
    export_numpy : Needs numpy alone where it is served, and starts sooner.

    Notes
    -----
    The input ``X`` is of doubles, of shape (batch, window * n_channels): flat rows, oldest step
    first, the channels of a step side by side. The output ``y`` is what `predict` returns; a
    network that was fitted with ``loss="quantile"`` has an output ``quantiles``, too, which is what
    `predict_quantiles` returns. The metadata of the file tell window, n_channels, n_outputs,
    quantiles, feature_names and versions. A row with NaN or infinity gives NaN.

    Examples
    --------
    >>> import os, tempfile
    >>> from seqforecast import LSTMRegressor, export_onnx, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=12)
    >>> model = LSTMRegressor(hidden_size=4, max_epochs=2, random_state=0).fit(X, y)
    >>> import onnxruntime
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "airline.onnx")
    ...     export_onnx(model, path)
    ...     session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    >>> (forecast,) = session.run(["y"], {"X": X.to_numpy(dtype="float64")})
    >>> bool(abs(forecast - model.predict(X)).max() < 1e-3)  # thousands of passengers
    True
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            'onnx is not installed; export_onnx needs it. Run pip install "seqforecast[onnx]", or '
            "use seqforecast.export_numpy, which needs no other package."
        ) from error
    model = _model(served(estimator), type(estimator).__name__)
    onnx.checker.check_model(model, full_check=True)
    write_atomically(path, model.SerializeToString())


def _model(model: Served, name: str) -> Any:
    from onnx import __version__ as onnx_version
    from onnx import helper

    graph = _Graph()
    _compute(graph, model)
    sizes = [] if model.one_dimension else [model.n_outputs]
    outputs = [_double("y", ["batch", *sizes], _Y if model.levels is None else _MEDIAN)]
    if model.quantiles is not None:
        shape = ["batch", *sizes, len(model.quantiles)]
        outputs.append(_double("quantiles", shape, f"The quantiles {model.quantiles}."))
    columns = _X.format(window=model.window, n_channels=model.n_channels)
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [_double("X", ["batch", model.window * model.n_channels], columns)],
            outputs,
            initializer=graph.constants,
        ),
        producer_name="seqforecast",
        producer_version=seqforecast.__version__,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        doc_string=f"A {name} of seqforecast.",
    )
    metadata = {
        "window": model.window,
        "n_channels": model.n_channels,
        "n_outputs": model.n_outputs,
        "quantiles": model.quantiles,
        "feature_names": model.feature_names,
        "versions": {"seqforecast": seqforecast.__version__, "onnx": onnx_version},
    }
    helper.set_model_props(proto, {key: json.dumps(value) for key, value in metadata.items()})
    return proto


_X = (
    "Windows of {window} steps of {n_channels} channel(s), flat: oldest step first, the channels "
    "of a step side by side, in the units of the data."
)
_Y = "What follows each window, in the units of the targets."
_MEDIAN = "The median of what follows each window, in the units of the targets."


def _double(name: str, shape: list[Any], text: str) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape, text)


class _Graph:
    """Nodes and constants, named by their numbers."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any, dtype: type = np.float64) -> str:
        """Add an array and return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, dtype=dtype), name))
        return name

    def node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        output = name or f"{operator.lower()}_{len(self.nodes)}"
        return self._add(operator, inputs, [output], attributes)

    def last_state(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a recurrent operator and return the name of its second output."""
        return self._add(operator, inputs, ["", f"state_{len(self.nodes)}"], attributes)

    def _add(self, operator: str, inputs: Any, outputs: list[str], attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs[-1]


def _compute(graph: _Graph, model: Served) -> None:
    """Add everything between X and the outputs."""
    x, window_units = _scaled(graph, model)
    first = graph.constant([0], np.int64)
    n_rows = graph.node("Gather", graph.node("Shape", "X"), first)
    raw = graph.node(
        "Gemm",
        _final_state(graph, model, _not_empty(graph, x, n_rows)),
        graph.constant(model.head_weight, np.float32),
        graph.constant(model.head_bias, np.float32),
        transB=1,
    )
    raw = graph.node("Slice", raw, first, n_rows, first)
    n_levels = 1 if model.levels is None else len(model.levels)
    shape = graph.constant([0, model.n_outputs, n_levels], np.int64)  # 0: as before
    output = graph.node("Reshape", raw, shape)
    median = 0
    if model.levels is not None:
        median = model.levels.index(0.5)
        output = _increasing(graph, output, median, n_levels)
    output = _to_double(graph, output)
    if window_units is not None:
        level, scale = window_units
        output = graph.node("Add", graph.node("Mul", output, scale), level)
    output = graph.node("Mul", output, graph.constant(model.target_scale[:, None]))
    output = graph.node("Add", output, graph.constant(model.target_level[:, None]))
    output = graph.node("Add", output, _spoiler(graph))
    _give(graph, model, output, median, "y")
    if model.levels is not None and model.quantiles is not None:
        columns = [model.levels.index(level) for level in model.quantiles]
        _give(graph, model, output, columns, "quantiles")


def _give(graph: _Graph, model: Served, output: str, levels: Any, name: str) -> None:
    """Name the wanted levels of (batch, n_outputs, n_levels) as an output of the graph."""
    wanted = graph.constant(levels, np.int64)  # a single number takes the axis away
    if not model.one_dimension:
        graph.node("Gather", output, wanted, axis=2, name=name)
        return
    chosen = graph.node("Gather", output, wanted, axis=2)
    graph.node("Gather", chosen, graph.constant(0, np.int64), axis=1, name=name)


def _scaled(graph: _Graph, model: Served) -> tuple[str, tuple[str, str] | None]:
    """Return the input of the network, and with scaling by window the units of the targets."""
    inputs = model.inputs
    x = graph.node("Sub", "X", graph.constant(inputs.level))
    x = graph.node("Div", x, graph.constant(inputs.scale))
    if inputs.clips:
        x = graph.node("Max", x, graph.constant(inputs.low))
        x = graph.node("Min", x, graph.constant(inputs.high))
    shape = graph.constant([0, model.window, model.n_channels], np.int64)  # 0: as before
    x = graph.node("Reshape", x, shape)
    if model.overall_scale is None:
        return x, None
    level = graph.node("ReduceMean", x, axes=[1], keepdims=1)
    centred = graph.node("Sub", x, level)
    squares = graph.node("Mul", centred, centred)
    spread = graph.node("Sqrt", graph.node("ReduceMean", squares, axes=[1], keepdims=1))
    first = graph.constant([0], np.int64)
    rounding = graph.node("Mul", graph.node("Abs", level), graph.constant(_NOISE))
    flat = graph.node("LessOrEqual", spread, rounding)
    scale = graph.node("Where", flat, graph.constant(model.overall_scale), spread)
    of_target = (
        graph.node("Gather", level, first, axis=2),
        graph.node("Gather", scale, first, axis=2),
    )
    return graph.node("Div", centred, scale), of_target


def _not_empty(graph: _Graph, x: str, n_rows: str) -> str:
    """Return windows in single precision, and one of zeros instead of none.

    onnxruntime (1.31) ends the process where its LSTM or GRU is given a batch of no rows.
    """
    from onnx import TensorProto

    one, zero = graph.constant([1], np.int64), graph.constant([0], np.int64)
    missing = graph.node("Max", graph.node("Sub", one, n_rows), zero)
    zeros = [graph.constant([0] * n, np.int64) for n in (3, 2)]
    ends = graph.node("Concat", zeros[0], missing, zeros[1], axis=0)
    return graph.node("Pad", graph.node("Cast", x, to=TensorProto.FLOAT), ends)


def _spoiler(graph: _Graph) -> str:
    """Return zero for a row of finite numbers, NaN for any other, of shape (batch, 1, 1).

    Gates that are computed with limits make a finite number of NaN, and nobody would notice.
    """
    zeros = graph.node("Mul", "X", graph.constant(0.0))
    total = graph.node("ReduceSum", zeros, graph.constant([1], np.int64), keepdims=1)
    return graph.node("Unsqueeze", total, graph.constant([2], np.int64))


def _final_state(graph: _Graph, model: Served, x: str) -> str:
    """Return the last state (batch, hidden_size) of the last layer."""
    x = graph.node("Transpose", x, perm=[1, 0, 2])  # step, window, channel
    order, size = _GATES[model.cell], model.hidden_size
    attributes: dict[str, Any] = {"hidden_size": size}
    if model.cell == "gru":
        attributes["linear_before_reset"] = 1  # torch's form
    if model.cell == "relu":
        attributes["activations"] = ["Relu"]
    for k, layer in enumerate(model.layers):
        ordered = {
            name: np.concatenate([values[gate * size : (gate + 1) * size] for gate in order])
            for name, values in layer.items()
        }
        weights = [
            graph.constant(values[None], np.float32)  # one direction
            for values in (
                ordered["weight_ih"],
                ordered["weight_hh"],
                np.concatenate([ordered["bias_ih"], ordered["bias_hh"]]),
            )
        ]
        operator = _OPERATORS[model.cell]
        if k == len(model.layers) - 1:
            state = graph.last_state(operator, x, *weights, **attributes)
            return graph.node("Squeeze", state, graph.constant([0], np.int64))
        x = graph.node(operator, x, *weights, **attributes)
        x = graph.node("Squeeze", x, graph.constant([1], np.int64))
    raise AssertionError("a network has a layer")


def _increasing(graph: _Graph, raw: str, median: int, n_levels: int) -> str:
    """Return quantiles (batch, n_outputs, n_levels): positive steps up and down from the median."""
    axis = graph.constant(2, np.int64)

    def part(values: str, start: int, stop: int) -> str:
        ends = (graph.constant([k], np.int64) for k in (start, stop, 2))
        return graph.node("Slice", values, *ends)

    rise = graph.node("Softplus", raw)
    middle = part(raw, median, median + 1)
    parts = [middle]
    if median > 0:
        down = graph.node("CumSum", part(rise, 0, median), axis, reverse=1)
        parts.insert(0, graph.node("Sub", middle, down))
    if median < n_levels - 1:
        up = graph.node("CumSum", part(rise, median + 1, n_levels), axis)
        parts.append(graph.node("Add", middle, up))
    return graph.node("Concat", *parts, axis=2)


def _to_double(graph: _Graph, values: str) -> str:
    from onnx import TensorProto

    return graph.node("Cast", values, to=TensorProto.DOUBLE)
