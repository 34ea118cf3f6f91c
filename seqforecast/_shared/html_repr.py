"""Notes below scikit-learn's diagram of a fitted estimator, where a notebook shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast._shared.templating import environment

_MOST_POINTS = 160
"""Of a curve: as many as its picture is wide in pixels."""


@dataclass(frozen=True)
class LagCurve:
    """The size of the gradient by lag, relative to its largest.

    Parameters
    ----------
    sizes : ndarray of shape (window,)
        The last step of the window first.
    memory : float
        Steps that hold 95 % of it.
    """

    sizes: NDArray[np.float64]
    memory: float

    @property
    def points(self) -> list[tuple[float, float]]:
        """The curve in few points, in a square of 1 by 1; no peak falls between two of them."""
        window = len(self.sizes)
        edges = np.linspace(0, window, min(window, _MOST_POINTS) + 1).astype(int)[:-1]
        heights = np.maximum.reduceat(self.sizes, edges)
        return list(zip((np.arange(len(heights)) + 0.5) / len(heights), heights, strict=True))

    @property
    def description(self) -> str:
        """What the picture shows, for those who do not see it."""
        last = len(self.sizes) - 1
        lags = "; ".join(f"lag {k}: {self.sizes[k]:.2g}" for k in (0, (last + 1) // 2, last))
        return (
            "Size of the gradient by lag, relative to the largest, the last step at the left. "
            f"L{lags[1:]}. The dashed line bounds 95 % of it."
        )


@dataclass(frozen=True)
class Notes:
    """What an estimator says below its diagram: nothing where there are no paragraphs."""

    paragraphs: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)  # values by name
    curve: LagCurve | None = None  # beside the facts
    findings: Sequence[Any] = ()


class NotedDiagram:
    """Mixin of estimators that have something to say below their diagram, by `_notes`.

    What scikit-learn draws by itself, as within a Pipeline, stays as it is, and so does
    ``set_config(display="text")``.
    """

    def _notes(self) -> Notes:
        return Notes()

    def _repr_html_inner(self) -> str:
        diagram: str = super()._repr_html_inner()  # type: ignore[misc]
        return diagram + _written_notes(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] += _written_notes(self)
        return bundle


def notes_of(estimator: Any) -> Notes:
    """Return what an estimator has to say below its diagram."""
    return estimator._notes() if isinstance(estimator, NotedDiagram) else Notes()


def _written_notes(estimator: NotedDiagram) -> str:
    try:
        notes = estimator._notes()
        template = environment("seqforecast._shared").get_template("notes.html")
        return template.render(notes=notes) if notes.paragraphs else ""
    except Exception:  # whatever state it is in: who looks at an object must not get an error
        return ""
