"""Fitted regressors as files that are served without torch: numpy's, and ONNX."""

from seqforecast.export._numpy import export_numpy
from seqforecast.export._onnx import export_onnx

__all__ = ["export_numpy", "export_onnx"]
