"""Read a report as a browser would: elements, their text and their tables."""

import re
from xml.etree import ElementTree

__all__ = ["Page", "without_time"]


class Page:
    """A report, parsed as XML: one unclosed or unescaped element and it cannot be read."""

    def __init__(self, path):
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.root = ElementTree.fromstring(self.text.removeprefix("<!DOCTYPE html>"))

    def all(self, *names):
        return [node for node in self.root.iter() if node.tag in names]

    def find(self, name):
        """Return the element with an id."""
        (found,) = [node for node in self.root.iter() if node.get("id") == name]
        return found

    def said(self, name=None):
        """Return the text of an element with an id, or of the body, without the pictures'."""
        return " ".join("".join(_texts(self.root[1] if name is None else self.find(name))).split())

    def table(self, name):
        """Return the rows of a table by their heads: {row: {column: cell}}."""
        table = self.find(name).find("table")
        columns = ["".join(cell.itertext()) for cell in table.find("thead")[0]][1:]
        rows = {}
        for row in table.find("tbody"):
            head, *cells = ["".join(cell.itertext()) for cell in row]
            rows[head] = dict(zip(columns, cells, strict=True))
        return rows


def _texts(node):
    if node.tag != "svg":
        yield node.text or ""
        for child in node:
            yield from _texts(child)
            yield (" " if child.tag not in ("b", "code", "a") else "") + (child.tail or "")


def without_time(text):
    """Leave out when a report was made."""
    return re.sub(r"<time.*?</time>", "", text)
