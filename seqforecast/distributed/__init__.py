"""Forecast more series than one machine holds, over the partitions of a Dask DataFrame."""

from seqforecast.distributed._backtest import backtest
from seqforecast.distributed._predict import predict

__all__ = ["backtest", "predict"]
