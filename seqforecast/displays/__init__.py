"""Pictures of forecasts and of a training, in scikit-learn's convention; they need matplotlib."""

from seqforecast.displays.forecast import ForecastDisplay
from seqforecast.displays.gradient_flow import GradientFlowDisplay
from seqforecast.displays.gradient_norms import GradientNormDisplay

__all__ = ["ForecastDisplay", "GradientFlowDisplay", "GradientNormDisplay"]
