"""Forecast one series or many with any scikit-learn regressor."""

from seqforecast.forecasting.backtest import backtest
from seqforecast.forecasting.evaluation import evaluate
from seqforecast.forecasting.forecaster import Forecaster
from seqforecast.forecasting.panel_split import PanelSplit
from seqforecast.forecasting.scorers import forecast_scorer
from seqforecast.forecasting.stream import ForecastStream

__all__ = [
    "ForecastStream",
    "Forecaster",
    "PanelSplit",
    "backtest",
    "evaluate",
    "forecast_scorer",
]
