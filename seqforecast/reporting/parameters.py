"""The parameters of what a report is about, and how the report was made."""

from __future__ import annotations

import inspect
import re
from datetime import datetime, timezone
from typing import Any

from seqforecast._versions import versions
from seqforecast.reporting.blocks import Block, Made, Paragraph, Strong, Table
from seqforecast.reporting.subject import Subject

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def parameter_part(subject: Subject) -> list[Block]:
    """Return all parameters, those that were set apart from the others."""
    core = subject.core
    rows = _parameters(core)
    n_changed = sum(changed for *_, changed in rows)
    cells = [
        [Strong(name), Strong(value), default, "changed"] if changed else [name, value, default, ""]
        for name, value, default, changed in sorted(rows, key=lambda row: not row[-1])
    ]
    said = f"{n_changed} of {len(rows)} parameters differ from their default; they come first."
    content = [Paragraph(said)]
    if hasattr(subject.whole, "best_params_"):
        content.insert(0, Paragraph(_searched(subject.whole)))
    caption = f"Parameters of {type(core).__name__}"
    head = ["parameter", "value", "default", ""]
    return [*content, Table(caption, head, cells, name="parameter-table", tall=True)]


def _searched(search: Any) -> str:
    best = ", ".join(f"{name}={_written(value)}" for name, value in search.best_params_.items())
    said = f"Found by {type(search).__name__}: {best or 'nothing was varied'}"
    score = getattr(search, "best_score_", None)
    return f"{said}, with a score of {score:.4g}." if isinstance(score, float) else f"{said}."


def _parameters(estimator: Any) -> list[tuple[str, str, str, bool]]:
    """List name, value, default, and whether they differ; those of estimators within, too."""
    values = estimator.get_params(deep=True)
    rows = []
    for name, value in sorted(values.items()):
        outer, _, own = name.rpartition("__")
        owner = values[outer] if outer else estimator
        parameter = inspect.signature(type(owner).__init__).parameters.get(own)
        default = "none: it must be given"
        if parameter is not None and parameter.default is not inspect.Parameter.empty:
            default = _written(parameter.default)
        rows.append((name, _written(value), default, _written(value) != default))
    return rows


def _written(value: Any) -> str:
    if hasattr(value, "get_params") and not isinstance(value, type):
        return f"{type(value).__name__}(...)"
    return _ADDRESS.sub("", " ".join(repr(value).split()))


def made_part(subject: Subject, made_from: str) -> list[Block]:
    """Return when, with what and from what the report was made."""
    now = datetime.now(timezone.utc)
    made = Made(now, f"{_kind(subject)}, {made_from}")
    rows = [[name, value] for name, value in versions().items()]
    return [made, Table("Versions", ["software", "version"], rows, name="versions")]


def _kind(subject: Subject) -> str:
    outer = type(subject.whole).__name__
    inner = type(subject.core).__name__
    return f"a fitted {inner}" if outer == inner else f"a fitted {outer} with a {inner} in it"
