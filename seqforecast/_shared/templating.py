"""HTML comes from templates, which lie beside the modules whose data they show."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

# What XML 1.0 allows no document to hold, lone surrogates of half-read files among it.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@cache
def environment(package: str) -> Environment:
    """Return the jinja2 environment of the folder ``templates`` of a package.

    Whatever a template is given as text is escaped. A name that it is not given is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        finalize=_allowed,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _allowed(value: Any) -> Any:
    """Replace the characters that no page may hold."""
    if isinstance(value, str) and not hasattr(value, "__html__"):  # which is HTML already
        return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)
    return value
