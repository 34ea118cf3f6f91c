"""The few elements of HTML that a report consists of; whatever they are given as text is escaped.

They are written as XML, too (every element is closed), so that any parser can check a report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np


class Markup(str):
    """Text that is HTML already, and is not escaped again."""


class Number(str):
    """A number that is written already."""


# What XML 1.0 allows no document to hold, lone surrogates of half-read files among it.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b(?![^<>]*>)")

_LONGEST_CELL = 120
_SHORT = 24


def element(name: str, *content: Any, **attributes: Any) -> Markup:
    """Write an element; content that is no Markup is escaped, attributes that are None left out.

    An underscore in the name of an attribute is a hyphen; ``cls`` is the class, ``of`` is for.
    """
    written = "".join(
        f' {_attribute(key)}="{_escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup(
        "".join(part if isinstance(part, Markup) else _escaped(part) for part in content)
    )
    if not content:
        return Markup(f"<{name}{written} />")
    return Markup(f"<{name}{written}>{inside}</{name}>")


def _attribute(key: str) -> str:
    return {"cls": "class"}.get(key, key.replace("_", "-"))


def _escaped(value: Any) -> str:
    return escape(allowed(str(value)), quote=True)


def allowed(text: str) -> str:
    """Replace characters that no page may hold."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def paragraph(*content: Any, cls: str | None = None) -> Markup:
    """Write a paragraph."""
    return element("p", *map(prose, content), cls=cls)


def prose(text: Any) -> Markup:
    """Write text, without a line break within a date."""
    written = text if isinstance(text, Markup) else _escaped(text)
    return Markup(_DATE.sub(r'<span class="short">\g<0></span>', written))


def items(entries: Iterable[Any]) -> Markup:
    """Write a list."""
    return element("ul", *(element("li", entry) for entry in entries))


def section(name: str, title: str, *content: Markup) -> Markup:
    """Write a part of the report below a heading of its own."""
    heading = element("h2", title, id=f"{name}-heading")
    return element("section", heading, *content, id=name, aria_labelledby=f"{name}-heading")


def grid(*content: Markup) -> Markup:
    """Put pictures and tables beside each other where there is room."""
    return element("div", *content, cls="grid")


def details(summary: str, *content: Markup) -> Markup:
    """Write what is folded away until somebody asks; print shows it."""
    return element("details", element("summary", summary), *content)


def facts(pairs: Iterable[tuple[str, Any, str]]) -> Markup:
    """Write what matters most: for each fact its name, its number and what that means."""
    return element(
        "dl",
        *(
            element(
                "div",
                element("dt", name),
                element("dd", value, cls="value"),
                element("dd", meaning),
            )
            for name, value, meaning in pairs
        ),
        cls="facts",
    )


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    name: str,
    tall: bool = False,
) -> Markup:
    """Write a table; the first cell of a row names it. It scrolls within a box of its own.

    Parameters
    ----------
    caption : str
        What the table shows.
    head : sequence of str
        Names of the columns.
    rows : iterable of sequences
        Cells: text, or numbers, which are written with `number`.
    name : str
        Its id.
    tall : bool, default=False
        Whether it also scrolls up and down on a screen.
    """
    rows = list(rows)
    numeric = [_is_number(cell) for cell in rows[0]] if rows else [False] * len(head)
    columns = element(
        "tr",
        *(
            element("th", one, scope="col", cls="number" if right else None)
            for one, right in zip(head, numeric, strict=True)
        ),
    )
    body = [element("tr", _row_head(first), *map(_data, rest)) for first, *rest in rows]
    whole = element(
        "table",
        element("caption", caption, id=f"{name}-caption"),
        element("thead", columns),
        element("tbody", *body),
    )
    return element(
        "div",
        whole,
        id=name,
        cls="scroll tall" if tall else "scroll",
        role="region",
        tabindex=0,  # who has no mouse scrolls with the arrow keys
        aria_labelledby=f"{name}-caption",
    )


def _row_head(value: Any) -> Markup:
    short = len(str(value)) <= _SHORT
    return element("th", _cell(value), scope="row", cls="short" if short else None)


def _data(value: Any) -> Markup:
    return element("td", _cell(value), cls="number" if _is_number(value) else None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number | Number) and not isinstance(value, bool)


def _cell(value: Any) -> Any:
    if isinstance(value, Markup):
        return value
    if isinstance(value, float | np.floating):
        return number(value)
    text = str(value)
    return (
        text
        if len(text) <= _LONGEST_CELL
        else f"{text[: _LONGEST_CELL - 1]}\N{HORIZONTAL ELLIPSIS}"
    )


def number(value: Any) -> str:
    """Write a number with four digits that matter, from 1,000 on as a whole one."""
    value = float(value)
    if np.isnan(value):
        return "unknown"
    if np.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-4:
        return f"{value:.3e}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"


def aligned(values: Any, like: Any = None) -> list[Number]:
    """Write numbers with as many decimals as tell them apart, all with the same.

    Parameters
    ----------
    values : array-like of float
        The numbers.
    like : array-like of float, default=None
        Numbers whose spread decides; `values` where it is None.
    """
    values = np.asarray(values, dtype=float).ravel()
    spread = np.asarray(values if like is None else like, dtype=float)
    spread = spread[np.isfinite(spread)]
    size = float(np.ptp(spread)) if spread.size else 0.0
    size = size if size > 0 else float(np.abs(spread).max(initial=0.0))
    if not 1e-8 < size < 1e12:
        return [Number(number(value)) for value in values]
    decimals = max(0, 2 - int(np.floor(np.log10(size))))
    return [Number("unknown" if np.isnan(value) else f"{value:,.{decimals}f}") for value in values]


def percent(share: float) -> str:
    """Write a share of 1."""
    return "unknown" if np.isnan(share) else f"{float(f'{100 * share:.3g}'):g} %"


def signs(text: str) -> str:
    """Return a text that an id may consist of."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
