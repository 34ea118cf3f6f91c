"""List what the API reference shows; conf.py renders it, tests/project checks it."""

from typing import NamedTuple

__all__ = ["SECTIONS", "Section", "render"]


class Section(NamedTuple):
    """A heading of the reference, the module that the names are imported from, and the names."""

    title: str
    module: str
    names: tuple[str, ...]


SECTIONS = (
    Section(
        "Recurrent regressors",
        "seqforecast",
        ("RNNRegressor", "LSTMRegressor", "GRURegressor", "Stream"),
    ),
    Section("Windows", "seqforecast", ("make_windows", "last_window", "OldestFirst")),
    Section(
        "Forecasting",
        "seqforecast",
        (
            "Forecaster",
            "recurrent_forecaster",
            "backtest",
            "evaluate",
            "PanelSplit",
            "forecast_scorer",
            "ForecastStream",
            "ForecastDisplay",
        ),
    ),
    Section("Reports", "seqforecast", ("report",)),
    Section(
        "Saving and serving",
        "seqforecast",
        ("save", "load", "export_numpy", "export_onnx"),
    ),
    Section("Serving with numpy alone", "seqforecast.runtime", ("NumpyRegressor", "load_numpy")),
    Section("Forecasting on a cluster", "seqforecast.distributed", ("predict", "backtest")),
    Section(
        "Watching gradients",
        "seqforecast",
        (
            "gradient_flow",
            "GradientFlow",
            "diagnose",
            "GradientFlowDisplay",
            "GradientNormDisplay",
            "effective_memory_scorer",
            "half_life_scorer",
            "clip_fraction_scorer",
            "lag_sensitivity_scorer",
        ),
    ),
    Section(
        "Gradients through time, on tensors",
        "seqforecast.gradients",
        (
            "lag_gradients",
            "LagGradients",
            "effective_memory",
            "half_life",
            "decay_fit",
            "DecayFit",
            "omega",
            "normalised",
            "gate_statistics",
            "GateStatistics",
            "time_scale",
            "step_jacobian",
            "finite_time_exponents",
            "weight_gradient_by_lag",
            "Finding",
            "Diagnosis",
        ),
    ),
    Section(
        "Callbacks for skorch nets",
        "seqforecast.callbacks",
        ("Checkpoint", "EpochBar", "GradientFlowRecorder", "GradientNorms", "GradientClipping"),
    ),
    Section(
        "Gradient clipping",
        "seqforecast.clipping",
        (
            "ClipNorm",
            "ClipValue",
            "AutoClip",
            "clip_gradients",
            "ClipOutcome",
            "ClippingStrategy",
        ),
    ),
    Section(
        "Datasets",
        "seqforecast.datasets",
        (
            "load_airline",
            "load_co2",
            "load_sunspots",
            "make_seasonal_ar",
            "make_delayed_echo",
            "make_adding_problem",
            "make_copy_memory",
            "make_temporal_order",
        ),
    ),
    Section(
        "Metrics",
        "seqforecast.metrics",
        ("mae", "rmse", "smape", "mase", "rmsse", "pinball", "coverage", "winkler"),
    ),
    Section(
        "Layers, heads and losses for torch",
        "seqforecast.nn",
        (
            "RNN",
            "LSTM",
            "GRU",
            "RecurrentLayer",
            "RecurrentNetwork",
            "Dropout",
            "LinearHead",
            "QuantileHead",
            "Loss",
            "SquaredError",
            "AbsoluteError",
            "Huber",
            "PinballLoss",
            "forget_gate_bias_",
            "orthogonal_",
            "uniform_",
            "gate_rows",
            "recurrent_parameters",
        ),
    ),
    Section("Help", "seqforecast", ("DivergenceError", "ParameterError", "show_versions")),
)


def render():
    """Write the sections as MyST Markdown, one autosummary table each."""
    return "\n".join(_render(section) for section in SECTIONS)


def _render(section):
    names = "\n".join(f"   {name}" for name in section.names)
    return f"""\
## {section.title}

```{{eval-rst}}
.. currentmodule:: {section.module}

.. autosummary::
   :toctree: _generated/
   :nosignatures:

{names}
```
"""
