"""Measure the errors of forecasts: arrays in, a float out."""

from seqforecast.metrics.intervals import coverage, pinball, winkler
from seqforecast.metrics.points import mae, mase, rmse, rmsse, smape

__all__ = ["coverage", "mae", "mase", "pinball", "rmse", "rmsse", "smape", "winkler"]
