"""What a notebook shows of a fitted regressor, beside scikit-learn's diagram."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from seqforecast._shared.html_repr import LagCurve, NotedDiagram, Notes
from seqforecast.diagnosis.evidence import Evidence, evidence_of, reach, summary_of
from seqforecast.diagnosis.rules import findings
from seqforecast.gradients.effective_memory import half_life

_UNTESTED = "was not tested: diagnose(model, X, y) does, and diagnose(forecaster)"
_LOSSES = {
    "training loss": "train_loss",
    "validation loss": "valid_loss",
    "gradient norm": "grad_norm",
}


class RecurrentDiagram(NotedDiagram):
    """Mixin: a fitted regressor tells its memory, and what its records give away."""

    window_: int
    n_iter_: int
    history_: pd.DataFrame

    def _sk_visual_block_(self) -> Any:
        """Describe the box of a diagram; it is drawn within a Pipeline or a search, too."""
        return SimpleNamespace(
            kind="single",
            estimators=self,
            names=type(self).__name__,
            name_details=str(self),
            name_caption=self._caption(),
            doc_link_label=None,
            dash_wrapped=True,
        )

    def _caption(self) -> str | None:
        """Say in a line how far back a fitted regressor reaches."""
        flow = getattr(self, "gradient_flow_", None)
        if flow is None:
            return None
        memory = float(flow.effective_memory[-1, 0])
        return reach(memory, self.window_) if math.isfinite(memory) else None

    def _notes(self) -> Notes:
        if not hasattr(self, "net_"):
            return Notes()
        evidence = evidence_of(self, getattr(self, "gradient_flow_", None))
        curve = None
        if evidence.curves is not None and np.isfinite(evidence.curves[0]).all():
            curve = LagCurve(evidence.curves[0], evidence.memory)
        said = summary_of(self, evidence, _UNTESTED)
        return Notes([said], self._known(evidence), curve, findings(evidence))

    def _known(self, evidence: Evidence) -> dict[str, str]:
        """Return the numbers of a fit, by name."""
        known = {}
        if math.isfinite(evidence.memory) and evidence.curves is not None:
            known["memory"] = f"{evidence.memory:g} of {evidence.window} steps"
            halves = float(half_life(evidence.curves[0]))
            if not math.isnan(halves):
                known["half-life"] = f"{halves:.1f} steps" if math.isfinite(halves) else "no decay"
        known["epochs"] = str(self.n_iter_)
        last = self.history_.iloc[-1]
        for name, column in _LOSSES.items():
            value = float(last.get(column, math.nan))
            if not math.isnan(value):
                known[name] = f"{value:.3g}"
        return known
