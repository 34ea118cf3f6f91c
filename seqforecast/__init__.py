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
    from seqforecast.forecasting import Forecaster, ForecastStream, backtest, evaluate
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
_HOME = {
    "DivergenceError": "seqforecast.exceptions",
    "ForecastDisplay": "seqforecast.displays",
    "ForecastStream": "seqforecast.forecasting",
    "Forecaster": "seqforecast.forecasting",
    "GRURegressor": "seqforecast.regressors",
    "GradientFlow": "seqforecast.gradients.gradient_flow",
    "GradientFlowDisplay": "seqforecast.displays",
    "GradientNormDisplay": "seqforecast.displays",
    "LSTMRegressor": "seqforecast.regressors",
    "OldestFirst": "seqforecast.lag_order",
    "ParameterError": "seqforecast.exceptions",
    "RNNRegressor": "seqforecast.regressors",
    "Stream": "seqforecast.regressors",
    "backtest": "seqforecast.forecasting",
    "clip_fraction_scorer": "seqforecast.diagnosis",
    "diagnose": "seqforecast.diagnosis",
    "effective_memory_scorer": "seqforecast.diagnosis",
    "evaluate": "seqforecast.forecasting",
    "export_numpy": "seqforecast.export",
    "export_onnx": "seqforecast.export",
    "gradient_flow": "seqforecast.diagnosis",
    "half_life_scorer": "seqforecast.diagnosis",
    "lag_sensitivity_scorer": "seqforecast.diagnosis",
    "last_window": "seqforecast.windows",
    "load": "seqforecast.persistence",
    "make_windows": "seqforecast.windows",
    "recurrent_forecaster": "seqforecast.recipes",
    "report": "seqforecast.reporting",
    "save": "seqforecast.persistence",
    "show_versions": "seqforecast._versions",
}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"seqforecast.{name}")
    if name in _HOME:
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value
    raise AttributeError(f"module 'seqforecast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
