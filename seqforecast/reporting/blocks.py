"""What a report consists of, as data; for each class there is a template that writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from seqforecast._shared.numbers import number
from seqforecast.diagnosis.findings import NO_FINDING, Diagnosis


class Number(str):
    """A cell with a number that is written already."""


class Strong(str):
    """A cell that stands out."""


class Block:
    """A piece of a report."""

    @property
    def template(self) -> str:
        """The file of its template: that of `Table` is table.html."""
        return f"{type(self).__name__.lower()}.html"


@dataclass(frozen=True)
class Section(Block):
    """A part of the report below a heading of its own."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Paragraph(Block):
    """Text; its style is a class of the style sheet."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Facts(Block):
    """What matters most: for each fact its name, its number and what that means."""

    facts: Sequence[tuple[str, Any, str]]


@dataclass(frozen=True)
class Findings(Block):
    """What `diagnose` found, in its own words."""

    diagnosis: Diagnosis
    nothing: str = NO_FINDING


@dataclass(frozen=True)
class Figure(Block):
    """A picture in SVG, and in words what it shows; `Pictures` draws it."""

    name: str
    title: str
    description: str
    view_box: str
    content: str


@dataclass(frozen=True)
class Table(Block):
    """A table that scrolls within a box of its own; the first cell of a row names it."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]  # text, or numbers, which are written with `number`
    name: str  # its id
    tall: bool = False  # whether it also scrolls up and down on a screen

    @property
    def cells(self) -> list[list[str]]:
        """The rows as they are written."""
        return [[_cell(value) for value in row] for row in self.rows]


@dataclass(frozen=True)
class Grid(Block):
    """Pictures and tables, beside each other where there is room."""

    blocks: Sequence[Block]


@dataclass(frozen=True)
class Stack(Block):
    """What stays below each other in a grid."""

    blocks: Sequence[Block]


@dataclass(frozen=True)
class Details(Block):
    """What is folded away until somebody asks; print shows it."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Made(Block):
    """When, of what and from what the report was made."""

    time: datetime
    of: str


def _cell(value: Any) -> str:
    if isinstance(value, Number | Strong):
        return value
    if isinstance(value, float | np.floating):
        return Number(number(value))
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return Number(value)
    return str(value)
