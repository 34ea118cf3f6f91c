"""Pictures of a training, in scikit-learn's Display convention; they need matplotlib."""

from seqforecast.displays._flow import GradientFlowDisplay
from seqforecast.displays._norms import GradientNormDisplay

__all__ = ["GradientFlowDisplay", "GradientNormDisplay"]
