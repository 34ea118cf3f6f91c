"""Notes below scikit-learn's diagram of a fitted estimator, where a notebook shows it."""

from __future__ import annotations

from html import escape
from typing import Any


class NotedDiagram:
    """Mixin of estimators that have something to say below their diagram.

    They define `_html_notes`, which returns HTML, or nothing where there is nothing to say. What
    scikit-learn draws by itself, as within a Pipeline, stays as it is, and so does
    ``set_config(display="text")``.
    """

    def _html_notes(self) -> str:
        return ""

    def _repr_html_inner(self) -> str:
        diagram: str = super()._repr_html_inner()  # type: ignore[misc]
        return diagram + _framed_notes(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] += _framed_notes(self)
        return bundle


def notes_of(estimator: Any) -> str:
    """Return what an estimator has to say below its diagram; nothing of one that has no notes."""
    return estimator._html_notes() if isinstance(estimator, NotedDiagram) else ""


def _framed_notes(estimator: NotedDiagram) -> str:
    try:
        notes = estimator._html_notes()
    except Exception:  # whatever state it is in: who looks at an object must not get an error
        return ""
    return framed(notes) if notes else ""


def framed(notes: str) -> str:
    """Return notes in a block that takes its colours from the page, be it light or dark."""
    style = "margin:0.8em 0.5em 0.5em;max-width:54em;line-height:1.5"
    return f'<div class="seqforecast-notes" style="{style}">{notes}</div>'


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f'<p style="margin:0 0 0.6em">{escape(text)}</p>'


def facts(named: dict[str, str]) -> str:
    """Return what is known, name by value, in columns."""
    column = "display:flex;flex-direction:column;line-height:1.35"
    name = "font-size:0.85em;opacity:0.75"
    cells = (
        f'<div style="{column}"><span style="{name}">{escape(key)}</span>'
        f"<span>{escape(value)}</span></div>"
        for key, value in named.items()
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:0.4em 1.5em">{"".join(cells)}</div>'
