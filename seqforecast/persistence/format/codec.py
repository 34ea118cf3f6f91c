"""Values of known kinds as JSON and arrays, and back. Nothing else is written, or made.

A node of the JSON is null, a boolean, a number, a string, a list of nodes, or an object:

- ``{"array": name}``: one of the arrays beside it; ``"transposed": true`` where its columns stand
  together in memory;
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

from seqforecast._shared.at_once import as_it_is
from seqforecast.persistence.format.fields import holds, shown

Arrays = dict[str, NDArray[Any]]
Parts = dict[str, Any]

_NUMBERS = "biuf"
"""The kinds of dtypes that an array may have: booleans, integers and floats."""

_LARGEST_ITEM = 8
"""Bytes of a number: floats beyond differ from machine to machine."""

_MOST_SHARED, _FEW = 100, 1_000
"""How many times as large as a file is, or a small one, what it says may be with every reference
written out. A few dozen references to references would make a value that no loop comes to the end
of."""


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
    fields: Mapping[str, Any],
    *,
    check: Callable[[Any], None] | None = None,
    written: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Kind:
    """Return the kind of a class whose values are their attributes.

    Parameters
    ----------
    name, cls
        As for `Kind`.
    fields : mapping of str to what `holds` takes
        The attributes, and what each may hold.
    check : callable, default=None
        Raises ValueError if the attributes of a value do not fit together.
    written : mapping of str to str, default=None
        What attributes that were renamed are called in files, old and new.
    defaults : mapping of str to object, default=None
        Attributes that older files lack, and what they have where a file has nothing.
    """
    defaults = defaults or {}
    attributes = {(written or {}).get(attribute, attribute): attribute for attribute in fields}
    fields = {name: fields[attribute] for name, attribute in attributes.items()}

    def apart(value: Any) -> Parts:
        value = as_it_is(value)  # another thread may change it meanwhile
        parts = {name: getattr(value, attribute) for name, attribute in attributes.items()}
        return {
            name: part
            for name, part in parts.items()
            if name not in defaults or part != defaults[name]
        }

    def together(parts: Parts) -> Any:
        parts = {**defaults, **parts}
        lacking, unknown = sorted(set(fields) - set(parts)), sorted(set(parts) - set(fields))
        if lacking or unknown:
            wrong = f"lacks {lacking}" if lacking else f"has {unknown} besides"
            raise ValueError(f"a {name} {wrong}")
        for field, what in fields.items():
            if not holds(what, parts[field]):
                raise ValueError(f"{field} of a {name} is {shown(parts[field])}")
        value: Any = object.__new__(cls)
        vars(value).update({attributes[name]: part for name, part in parts.items()})
        if check is not None:
            check(value)
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
        if _is_numbers(value):
            key = f"{len(self.arrays)}:{name}"
            # Sums of products are rounded by the order in memory.
            columns = value.flags.f_contiguous and not value.flags.c_contiguous
            self.arrays[key] = value.T if columns else value
            return {"array": key, "transposed": True} if columns else {"array": key}
        if type(value) is dict and all(type(key) is str for key in value):
            return {"fields": self._parts(value, name)}
        kind = self._kind_of(value)
        if kind is None:
            raise ValueError(
                f"{name or 'it'} is {_named(value)}, which is not among what can be saved"
            )
        return {"kind": kind.name, "parts": self._parts(kind.apart(value), name)}

    def _parts(self, parts: Parts, name: str) -> Parts:
        before = f"{name}." if name else ""
        return {part: self.encode(inner, before + part) for part, inner in parts.items()}

    def _kind_of(self, value: Any) -> Kind | None:
        exact = self._exact.get(type(value))
        families = (kind for kind in self._families if isinstance(value, kind.type))
        return exact or next(families, None)


def _is_numbers(value: Any) -> bool:
    if type(value) is not np.ndarray or value.dtype.kind not in _NUMBERS:
        return False
    return bool(value.dtype.itemsize <= _LARGEST_ITEM)


def _named(value: Any) -> str:
    """Name the function or class that a value is, or else its class."""
    if callable(value) and hasattr(value, "__qualname__"):
        what = "class" if isinstance(value, type) else "function"
        return f"the {what} {value.__module__}.{value.__qualname__}"
    return f"a {type(value).__module__}.{type(value).__qualname__}"


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
        self._sizes: list[int] = []
        self._n_nodes = 0
        self._size = 0  # of all, with every reference written out

    def decode(self, node: Any) -> Any:
        """Return the value of a node.

        Raises
        ------
        ValueError
            If the node is of no known kind, or its parts do not fit together.
        """
        self._n_nodes += 1
        self._size += 1
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        if node.keys() == {"same"}:
            return self._same(node["same"])
        before = self._size
        value = self._value(node)
        self._made.append(value)
        self._sizes.append(self._size - before)
        return value

    def _same(self, number: Any) -> Any:
        if type(number) is not int or not 0 <= number < len(self._made):
            raise ValueError(f"an object is referred to before it is there: {shown(number)}")
        self._size += self._sizes[number]
        if self._size > _MOST_SHARED * max(_FEW, self._n_nodes):
            raise ValueError("it refers to the same objects again and again")
        return self._made[number]

    def _value(self, node: Parts) -> Any:
        if node.keys() in ({"array"}, {"array", "transposed"}):
            name = node["array"]
            if not isinstance(name, str) or name not in self._arrays:
                raise ValueError(f"the array {shown(name)} is missing")
            values = np.array(self._arrays[name])  # a copy that may be written to
            return values.T if "transposed" in node else values
        if node.keys() == {"fields"}:
            return self._parts(node["fields"])
        if node.keys() != {"kind", "parts"}:
            raise ValueError(f"a node has the keys {shown(list(node))}")
        name = node["kind"]
        if not isinstance(name, str) or name not in self._kinds:
            raise ValueError(f"{shown(name)} is not among what can be loaded")
        return self._kinds[name].together(self._parts(node["parts"]))

    def _parts(self, parts: Any) -> Parts:
        if not isinstance(parts, dict):
            raise ValueError(f"parts are a {type(parts).__name__}")
        return {part: self.decode(inner) for part, inner in parts.items()}
