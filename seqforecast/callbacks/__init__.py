"""skorch callbacks that watch, show, keep and guard a training.

They work on any skorch net and, in the parameter ``callbacks``, on the regressors of seqforecast.
What they find goes into the net's history alone, where skorch's own loggers (TensorBoard, MLflow,
Wandb) pick it up. Put them before a logger in the list of callbacks: it reads the history when its
own turn comes.
"""

from seqforecast.callbacks.checkpoint import Checkpoint
from seqforecast.callbacks.epoch_bar import EpochBar
from seqforecast.callbacks.gradient_clipping import GradientClipping
from seqforecast.callbacks.gradient_norms import GradientNorms
from seqforecast.callbacks.recorder import GradientFlowRecorder

__all__ = ["Checkpoint", "EpochBar", "GradientClipping", "GradientFlowRecorder", "GradientNorms"]
