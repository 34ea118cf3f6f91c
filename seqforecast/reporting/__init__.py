"""One HTML file on how an estimator forecasts, errs and learns; it needs matplotlib."""

from seqforecast.reporting.report import report

__all__ = ["report"]
