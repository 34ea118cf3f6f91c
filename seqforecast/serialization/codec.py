"""Values of known kinds as JSON and arrays, and back. Nothing else is written, or made.

A node of the JSON is null, a boolean, a number, a string, a list of nodes, or an object:

- ``{"array": name}``: one of the arrays beside it;
- ``{"fields": {...}}``: a dict whose keys are strings;
- ``{"kind": name, "parts": {...}}``: a value of a kind, made of nodes;
- ``{"same": n}``: the n-th of the objects above, in the order in which they were finished.

What a name stands for is looked up in a list that the caller gives. A file cannot name a class, a
function or a module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Decoder", "Encoder", "Kind", "record"]

Arrays = dict[str, NDArray[Any]]
Parts = dict[str, Any]

_NUMBERS = "biuf"
"""The kinds of dtypes that an array may have: booleans, integers and floats."""


@dataclass(frozen=True)
class Kind:
    """How values of one class are taken apart and put together.

    Parameters
    ----------
    name : str
        Stands for the class in files, for ever.
    type : type
        The class; subclasses count only where `family` says so.
    apart : callable
        Returns the parts of a value by name: values of known kinds.
    together : callable
        Makes a value of its parts; raises ValueError if they do not fit.
    family : bool, default=False
        Whether values of subclasses are of this kind.
    """

    name: str
    type: type
    apart: Callable[[Any], Parts]
    together: Callable[[Parts], Any]
    family: bool = False


def record(
    name: str,
    cls: type,
    fields: Iterable[str],
    *,
    optional: Iterable[str] = (),
    make: Callable[..., Any] | None = None,
) -> Kind:
    """Return the kind of a class whose values are their attributes.

    Parameters
    ----------
    name, cls
        As for `Kind`.
    fields : iterable of str
        The attributes.
    optional : iterable of str, default=()
        Those that may be missing.
    make : callable, default=None
        Makes a value of the attributes as keywords; None sets them one by one.
    """
    needed, possible = frozenset(fields), frozenset(optional)

    def apart(value: Any) -> Parts:
        present = {field for field in possible if field in vars(value)}
        return {field: getattr(value, field) for field in sorted(needed | present)}

    def together(parts: Parts) -> Any:
        lacking, unknown = needed - set(parts), set(parts) - needed - possible
        if lacking or unknown:
            wrong = f"lacks {sorted(lacking)}" if lacking else f"has {sorted(unknown)} besides"
            raise ValueError(f"a {name} {wrong}")
        if make is not None:
            return make(**parts)
        value: Any = object.__new__(cls)
        vars(value).update(parts)
        return value

    return Kind(name, cls, apart, together)


class Encoder:
    """Writes values as nodes; collects their arrays.

    Parameters
    ----------
    kinds : iterable of Kind
        What may be written.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The arrays of all that was encoded.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        kinds = tuple(kinds)
        self.arrays: Arrays = {}
        self._exact = {kind.type: kind for kind in kinds}
        self._families = [kind for kind in kinds if kind.family]
        self._seen: dict[int, tuple[int, Any]] = {}

    def encode(self, value: Any, name: str = "") -> Any:
        """Return the node of a value; `name` is where it stands, for messages and arrays."""
        if value is None or type(value) in (bool, int, float, str):
            return value
        if type(value) is list:
            return [self.encode(item, f"{name}[{k}]") for k, item in enumerate(value)]
        if id(value) in self._seen:
            return {"same": self._seen[id(value)][0]}
        node = self._node(value, name)
        self._seen[id(value)] = len(self._seen), value  # kept alive: its id must stay its own
        return node

    def _node(self, value: Any, name: str) -> Any:
        if type(value) is np.ndarray and value.dtype.kind in _NUMBERS:
            key = f"{len(self.arrays)}:{name}"
            self.arrays[key] = value
            return {"array": key}
        if type(value) is dict and all(type(key) is str for key in value):
            return {"fields": self._parts(value, name)}
        kind = self._kind_of(value)
        if kind is None:
            cls = type(value)
            raise ValueError(
                f"{name or 'it'} is a {cls.__module__}.{cls.__qualname__}, which is not among what "
                "can be saved"
            )
        return {"kind": kind.name, "parts": self._parts(kind.apart(value), name)}

    def _parts(self, parts: Parts, name: str) -> Parts:
        before = f"{name}." if name else ""
        return {part: self.encode(inner, before + part) for part, inner in parts.items()}

    def _kind_of(self, value: Any) -> Kind | None:
        exact = self._exact.get(type(value))
        families = (kind for kind in self._families if isinstance(value, kind.type))
        return exact or next(families, None)


class Decoder:
    """Makes values of nodes.

    Parameters
    ----------
    kinds : iterable of Kind
        What may be made.
    arrays : mapping of str to ndarray
        The arrays beside the nodes.
    """

    def __init__(self, kinds: Iterable[Kind], arrays: Mapping[str, NDArray[Any]]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._arrays = arrays
        self._made: list[Any] = []

    def decode(self, node: Any) -> Any:
        """Return the value of a node.

        Raises
        ------
        ValueError
            If the node is of no known kind, or its parts do not fit together.
        """
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        if node.keys() == {"same"}:
            return self._same(node["same"])
        value = self._value(node)
        self._made.append(value)
        return value

    def _same(self, number: Any) -> Any:
        if type(number) is int and 0 <= number < len(self._made):
            return self._made[number]
        raise ValueError(f"object {number!r} is referred to before it is there")

    def _value(self, node: Parts) -> Any:
        if node.keys() == {"array"}:
            name = node["array"]
            if not isinstance(name, str) or name not in self._arrays:
                raise ValueError(f"the array {name!r} is missing")
            return np.array(self._arrays[name])  # a copy that may be written to
        if node.keys() == {"fields"}:
            return self._parts(node["fields"])
        if node.keys() != {"kind", "parts"}:
            raise ValueError(f"a node has the keys {sorted(map(str, node))[:5]}")
        name = node["kind"]
        if not isinstance(name, str) or name not in self._kinds:
            raise ValueError(f"{name!r} is not among what can be loaded")
        return self._kinds[name].together(self._parts(node["parts"]))

    def _parts(self, parts: Any) -> Parts:
        if not isinstance(parts, dict):
            raise ValueError(f"parts are a {type(parts).__name__}")
        return {part: self.decode(inner) for part, inner in parts.items()}
