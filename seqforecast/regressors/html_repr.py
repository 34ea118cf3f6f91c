"""What a notebook shows of a fitted regressor, beside scikit-learn's diagram."""

from __future__ import annotations

import math
from html import escape
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._shared.html_repr import NotedDiagram, facts, paragraph
from seqforecast.diagnosis.evidence import Evidence, evidence_of, reach, summary_of
from seqforecast.diagnosis.findings import Finding
from seqforecast.diagnosis.rules import findings
from seqforecast.gradients.effective_memory import half_life

_WIDTH, _HEIGHT, _BELOW = 160, 44, 14
"""Of the curve, and of the line of labels under it, in pixels."""

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

    def _html_notes(self) -> str:
        if not hasattr(self, "net_"):
            return ""
        evidence = evidence_of(self, getattr(self, "gradient_flow_", None))
        known = facts(self._known(evidence))
        if evidence.curves is not None and np.isfinite(evidence.curves[0]).all():
            picture = _lag_curve(evidence.curves[0], evidence.memory)
            layout = "display:flex;flex-wrap:wrap;gap:0.6em 2em;align-items:center;margin:0 0 0.6em"
            known = f'<div style="{layout}">{picture}{known}</div>'
        found = findings(evidence)
        listed = "".join(map(_item, found))
        return (
            paragraph(summary_of(self, evidence, _UNTESTED))
            + known
            + (f'<ul style="margin:0;padding-left:1.2em">{listed}</ul>' if found else "")
        )

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


def _item(finding: Finding) -> str:
    head = escape(f"{finding.code} {finding.severity}: {finding.name}.")
    advice = escape(f"{finding.message} Try {finding.parameter}.")
    return f'<li style="margin:0 0 0.3em"><b>{head}</b> {advice}</li>'


def _lag_curve(curve: NDArray[np.float64], memory: float) -> str:
    """Draw the gradient over the lags, the last step at the left, in the colour of the text."""
    window = len(curve)
    edges = np.unique(np.linspace(0, window, min(window, _WIDTH) + 1).astype(int))[:-1]
    heights = np.maximum.reduceat(curve, edges)  # a peak must not fall between two pixels
    x = (np.arange(len(heights)) + 0.5) * _WIDTH / len(heights)
    y = 2 + (_HEIGHT - 3) * (1 - heights)
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    area = f"{x[0]:.1f},{_HEIGHT} {line} {x[-1]:.1f},{_HEIGHT}"
    edge = min(memory, window) * _WIDTH / window
    said = escape(
        "Size of the gradient by lag, relative to the largest, the last step at the left. "
        f"Lag 0: {curve[0]:.2g}; lag {window // 2}: {curve[window // 2]:.2g}; "
        f"lag {window - 1}: {curve[-1]:.2g}. The dashed line bounds 95 % of it."
    )
    label = 'fill="currentColor" stroke="none" font-size="10" opacity="0.75"'
    return (
        f'<svg role="img" aria-label="{said}" width="{_WIDTH}" height="{_HEIGHT + _BELOW}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT + _BELOW}" stroke="currentColor" fill="none">'
        f"<title>{said}</title>"
        f'<polygon points="{area}" fill="currentColor" stroke="none" opacity="0.15"/>'
        f'<polyline points="{line}" stroke-width="1.5" stroke-linejoin="round"/>'
        f'<path d="M0 {_HEIGHT}H{_WIDTH}" opacity="0.5"/>'
        f'<path d="M{edge:.1f} 0V{_HEIGHT}" stroke-dasharray="3 2" opacity="0.75"/>'
        f'<text x="0" y="{_HEIGHT + _BELOW - 3}" {label}>lag 0</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + _BELOW - 3}" text-anchor="end" {label}>'
        f"{window - 1}</text></svg>"
    )
