"""Forecast more series than one machine holds, over the partitions of a Dask DataFrame."""

from seqforecast.distributed.backtest import backtest
from seqforecast.distributed.predict import predict

__all__ = ["backtest", "predict"]
