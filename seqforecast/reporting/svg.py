"""Pictures of matplotlib as inline SVG: of the page's own font and colours, with a description."""

from __future__ import annotations

import colorsys
import io
import re
import threading
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from seqforecast.reporting.blocks import Figure

INK = "#000000"
"""What matplotlib leaves out where it writes SVG: black is the colour of what has none."""

_SIZE = 4.5, 3.2
"""Inches: at the width of a phone text keeps its size."""

_STYLE = {
    "svg.fonttype": "none",  # text stays text: it is searched, read aloud and in the page's font
    "svg.hashsalt": "seqforecast",
    "font.size": 13,
    "font.family": "DejaVu Sans",  # comes with matplotlib; wider than those it stands for
    "axes.unicode_minus": True,
    "savefig.transparent": True,
}

_LOCK = threading.Lock()
"""matplotlib's settings belong to the process: two reports at once would put back each other's."""

_OF_PAGE = {INK: "var(--ink)", "#ffffff": "var(--paper)", "#440154": "#440154"}
"""Colours that the page has, too, and that of what lies below a colour map."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"\s*font-family:[^;]*;?")


def require_matplotlib() -> None:
    """Raise unless pictures can be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "matplotlib is not installed; report needs it for its pictures. Run "
            'pip install "seqforecast[plot]".'
        ) from error


class Pictures:
    """Draws the pictures of one report, and remembers which colours they have.

    Attributes
    ----------
    colours : set of str
        Their colours as ``#rrggbb``, but for those of the page. In the pictures each is a variable
        of the style sheet, so that they follow the page into the dark.
    """

    def __init__(self) -> None:
        self.colours: set[str] = set()

    def figure(
        self,
        name: str,
        title: str,
        description: str,
        draw: Callable[[Any], object],
        *,
        height: float = _SIZE[1],
    ) -> Figure:
        """Draw a picture; return it with its title and what it shows in words.

        Parameters
        ----------
        name : str
            Its id; no other picture of the page has it.
        title : str
            What it is.
        description : str
            What it shows, with its numbers: it stands in for the picture where nobody sees it.
        draw : callable
            Draws into the Axes that it is given.
        height : float, default=3.2
            Inches; the width is the same for all.
        """
        root = ElementTree.fromstring(_drawn(draw, height))
        for parent in list(root.iter()):
            for child in list(parent):
                if _local(child.tag) in ("metadata", "style", "title"):
                    parent.remove(child)
        for node in root.iter():
            node.tag = _local(node.tag)
            node.attrib = {
                _local(key): self._attribute(_local(key), value, name)
                for key, value in node.attrib.items()
            }
        content = "".join(ElementTree.tostring(node, encoding="unicode") for node in root)
        return Figure(name, title, description, root.attrib["viewBox"], content)

    def _attribute(self, key: str, value: str, name: str) -> str:
        """Make one attribute fit a page that holds several pictures."""
        if key == "id":
            return f"{name}-{value}"
        if key == "href":
            return f"#{name}-{value[1:]}" if value.startswith("#") else re.sub(r"\s", "", value)
        if key in ("style", "fill", "stroke"):
            found = {colour.lower() for colour in _COLOUR.findall(value)}
            self.colours |= found - set(_OF_PAGE)
            value = _COLOUR.sub(lambda match: _variable(match[0].lower()), value)
            value = _FONT.sub("", value)
        if key in ("d", "x", "y", "transform", "points"):
            value = _LONG_NUMBER.sub(lambda match: f"{float(match[0]):.2f}", value)
            value = value.replace("\n", " ").strip()
        return _REFERENCE.sub(rf"url(#{name}-\1)", value)


def _drawn(draw: Callable[[Any], object], height: float) -> bytes:
    """Draw into a figure that belongs to nobody else, in matplotlib's own style, as SVG."""
    from matplotlib import style
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with _LOCK, style.context(["default", _STYLE]):
        figure = Figure(figsize=(_SIZE[0], height), layout="constrained")
        draw(figure.subplots())
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _local(name: str) -> str:
    """Drop the namespace: within HTML nothing needs one."""
    return name.rpartition("}")[2]


def _variable(colour: str) -> str:
    return _OF_PAGE.get(colour, f"var(--c{colour[1:]})")


def dark_colour(colour: str) -> str:
    """Return what stands for a colour on dark ground: the same hue, as far from the ground."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    parts = colorsys.hls_to_rgb(hue, 0.10 + 0.82 * (1 - light), saturation)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
