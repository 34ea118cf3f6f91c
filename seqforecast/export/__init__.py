"""Fitted regressors as files that are served without torch: numpy's, and ONNX."""

from seqforecast.export.to_numpy import export_numpy
from seqforecast.export.to_onnx import export_onnx

__all__ = ["export_numpy", "export_onnx"]
