import numpy as np
import onnxruntime
import pytest

from seqforecast import export_numpy, export_onnx
from seqforecast.runtime import load_numpy


class Served:
    """An estimator as numpy's runtime and as onnxruntime serve it."""

    def __init__(self, estimator, folder):
        export_numpy(estimator, folder / "model.safetensors")
        export_onnx(estimator, folder / "model.onnx")
        self.numpy = load_numpy(folder / "model.safetensors")
        self.session = onnxruntime.InferenceSession(
            folder / "model.onnx", providers=["CPUExecutionProvider"]
        )

    def predict(self, X):
        """List what each of the two predicts."""
        return [self.numpy.predict(X), self._onnx("y", X)]

    def predict_quantiles(self, X):
        return [self.numpy.predict_quantiles(X), self._onnx("quantiles", X)]

    def _onnx(self, output, X):
        flat = np.ascontiguousarray(X, dtype=np.float64).reshape(len(X), -1)
        (values,) = self.session.run([output], {"X": flat})
        return values


@pytest.fixture
def serve(tmp_path):
    """Export an estimator both ways and load it again."""
    return lambda estimator: Served(estimator, tmp_path)
