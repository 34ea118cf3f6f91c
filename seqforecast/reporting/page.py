"""The page around the parts of a report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from seqforecast._shared.numbers import number
from seqforecast._shared.templating import environment
from seqforecast.reporting.blocks import Block, Number, Section, Strong
from seqforecast.reporting.svg import dark_colour

if TYPE_CHECKING:
    from jinja2 import Environment

_DATE = re.compile(r"(\b\d{4}-\d\d-\d\d\b)")


def page(
    title: str, summary: Sequence[Block], sections: Sequence[Section], colours: Iterable[str]
) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        What it is about.
    summary : sequence of Block
        What comes first, below the title.
    sections : sequence of Section
        Its parts.
    colours : iterable of str
        Of the pictures.
    """
    template = _environment().get_template("page.html")
    dark = {colour: dark_colour(colour) for colour in sorted(colours)}
    return template.render(title=title, summary=summary, sections=sections, colours=dark)


@cache
def _environment() -> Environment:
    own = environment("seqforecast.reporting")
    own.filters |= {"dates_apart": _DATE.split, "number": number}
    own.tests |= {
        "numeric": lambda cell: isinstance(cell, Number),
        "strong": lambda cell: isinstance(cell, Strong),
    }
    return own
