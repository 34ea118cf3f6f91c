"""Pictures of forecasts and of a training, in scikit-learn's convention; they need matplotlib."""

from seqforecast.displays._flow import GradientFlowDisplay
from seqforecast.displays._forecast import ForecastDisplay
from seqforecast.displays._norms import GradientNormDisplay

__all__ = ["ForecastDisplay", "GradientFlowDisplay", "GradientNormDisplay"]
