"""Recurrent regressors for scikit-learn, with gradients one can watch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqforecast import (
        callbacks,
        clipping,
        datasets,
        distributed,
        gradients,
        metrics,
        nn,
        runtime,
    )
    from seqforecast._versions import show_versions
    from seqforecast.diagnosis import (
        clip_fraction_scorer,
        effective_memory_scorer,
        gradient_flow,
        half_life_scorer,
        lag_sensitivity_scorer,
    )
    from seqforecast.diagnosis.diagnose import diagnose
    from seqforecast.displays import ForecastDisplay, GradientFlowDisplay, GradientNormDisplay
    from seqforecast.exceptions import DivergenceError, ParameterError
    from seqforecast.export import export_numpy, export_onnx
    from seqforecast.forecasting import (
        Forecaster,
        ForecastStream,
        PanelSplit,
        backtest,
        evaluate,
        forecast_scorer,
    )
    from seqforecast.gradients.gradient_flow import GradientFlow
    from seqforecast.lag_order import OldestFirst
    from seqforecast.persistence import load, save
    from seqforecast.recipes import recurrent_forecaster
    from seqforecast.regressors import GRURegressor, LSTMRegressor, RNNRegressor, Stream
    from seqforecast.reporting.report import report
    from seqforecast.windows import last_window, make_windows

__version__ = "0.1.0"

__all__ = [
    "DivergenceError",
    "ForecastDisplay",
    "ForecastStream",
    "Forecaster",
    "GRURegressor",
    "GradientFlow",
    "GradientFlowDisplay",
    "GradientNormDisplay",
    "LSTMRegressor",
    "OldestFirst",
    "PanelSplit",
    "ParameterError",
    "RNNRegressor",
    "Stream",
    "backtest",
    "callbacks",
    "clip_fraction_scorer",
    "clipping",
    "datasets",
    "diagnose",
    "distributed",
    "effective_memory_scorer",
    "evaluate",
    "export_numpy",
    "export_onnx",
    "forecast_scorer",
    "gradient_flow",
    "gradients",
    "half_life_scorer",
    "lag_sensitivity_scorer",
    "last_window",
    "load",
    "make_windows",
    "metrics",
    "nn",
    "recurrent_forecaster",
    "report",
    "runtime",
    "save",
    "show_versions",
]

# Imported on first use (PEP 562): whoever serves a model or cuts windows need not wait for torch.
_SUBMODULES = frozenset(
    {"callbacks", "clipping", "datasets", "distributed", "gradients", "metrics", "nn", "runtime"}
)
_OFFERED = {
    "_versions": ("show_versions",),
    "diagnosis": (
        "clip_fraction_scorer",
        "diagnose",
        "effective_memory_scorer",
        "gradient_flow",
        "half_life_scorer",
        "lag_sensitivity_scorer",
    ),
    "displays": ("ForecastDisplay", "GradientFlowDisplay", "GradientNormDisplay"),
    "exceptions": ("DivergenceError", "ParameterError"),
    "export": ("export_numpy", "export_onnx"),
    "forecasting": (
        "ForecastStream",
        "Forecaster",
        "PanelSplit",
        "backtest",
        "evaluate",
        "forecast_scorer",
    ),
    "gradients.gradient_flow": ("GradientFlow",),
    "lag_order": ("OldestFirst",),
    "persistence": ("load", "save"),
    "recipes": ("recurrent_forecaster",),
    "regressors": ("GRURegressor", "LSTMRegressor", "RNNRegressor", "Stream"),
    "reporting": ("report",),
    "windows": ("last_window", "make_windows"),
}
_HOME = {name: module for module, names in _OFFERED.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"seqforecast.{name}")
    if name in _HOME:
        value = globals()[name] = getattr(import_module(f"seqforecast.{_HOME[name]}"), name)
        return value
    raise AttributeError(f"module 'seqforecast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
