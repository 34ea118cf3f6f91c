"""Values in words: the same words in every process, and others for a value that acts otherwise.

For plain values they are those of `repr`. What `repr` leaves out is added: what a function does,
what an object holds that `repr` shows by its address alone, the digits of an array.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator
from functools import partial
from inspect import getattr_static
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

_FUNCTION = "<function "

_SHOWN = 1_000
"""Values of an array that are written out; of a larger one a digest is."""

_CONSTANTS = (bool, int, float, complex, str, bytes, type(None), np.generic)

_FORMER = {
    "checkpoint": "_checkpoint",
    "epoch_bar": "_bar",
    "gradient_clipping": "_clipping",
    "gradient_norms": "_norms",
    "recorder": "_flow",
}
"""Modules of `seqforecast.callbacks`, and how they were called when the first checkpoints were
written: these must be found again."""


def described(value: Any) -> str:
    """Return a value in words that tell what it does, the same in every process and version.

    A function is what its code says: its constants, defaults and closure, and the plain values
    and functions of its own module that it names. An object whose `repr` is its address is its
    class and its attributes. Where these lead to something that belongs to one process (a lock, a
    file, a thread), as those of a writer do, the object is its class alone. So are classes.
    """
    with np.printoptions(floatmode="unique", threshold=_SHOWN):
        return _Words().of(value)


class _OfOneProcess(Exception):
    """There is something that no other process can have."""


class _Words:
    """The words of one value, and of all that it holds."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, str]] = {}  # the value, too, so that no other has its id
        self._holders = 0

    def of(self, value: Any) -> str:
        """Return the words of a value, within itself as dots."""
        key = id(value)
        if key in self._known:
            return self._known[key][1]
        self._known[key] = value, "..."
        try:
            kind = type if isinstance(value, type) else type(value)
            words = _KINDS.get(kind, _Words._object)(self, value)
        except _OfOneProcess:
            del self._known[key]
            if self._holders:  # whatever holds it belongs to that process, too
                raise
            return _shown(value)
        self._known[key] = value, words
        return words

    def _list(self, value: list[Any]) -> str:
        return f"[{', '.join(map(self.of, value))}]"

    def _tuple(self, value: tuple[Any, ...]) -> str:
        return f"({', '.join(map(self.of, value))}{',' * (len(value) == 1)})"

    def _dict(self, value: dict[Any, Any]) -> str:
        return f"{{{', '.join(f'{self.of(key)}: {self.of(one)}' for key, one in value.items())}}}"

    def _set(self, value: set[Any] | frozenset[Any]) -> str:
        """Write its elements sorted: their own order is another one in every process."""
        if not value:
            return repr(value)
        words = f"{{{', '.join(sorted(map(self.of, value)))}}}"
        return words if type(value) is set else f"frozenset({words})"

    def _array(self, value: np.ndarray[Any, Any]) -> str:
        if value.dtype.hasobject:
            return f"{value.shape} {self.of(value.tolist())}"
        if value.size <= _SHOWN:
            return _shown(value)
        return f"array({value.shape}, {value.dtype.str}, {_digest(np.ascontiguousarray(value))})"

    def _tensor(self, value: Tensor) -> str:
        values = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return f"tensor({tuple(value.shape)}, {value.dtype}, {_digest(values.numpy())})"

    def _table(self, value: pd.DataFrame | pd.Series[Any]) -> str:
        table = pd.DataFrame(value)
        columns = [table.iloc[:, k].to_numpy() for k in range(table.shape[1])]
        return f"{_shown(value)} {self.of([table.index.to_numpy(), *columns])}"

    def _module(self, value: ModuleType) -> str:
        return f"<module {value.__name__!r}>"

    def _partial(self, value: partial[Any]) -> str:
        given = [*map(self.of, value.args)]
        given += [f"{name}={self.of(one)}" for name, one in value.keywords.items()]
        return f"functools.partial({', '.join([self.of(value.func), *given])})"

    def _bound(self, value: Any) -> str:
        """Describe a method of a value; of a function of a module its name is all."""
        owner = value.__self__
        if owner is None or isinstance(owner, ModuleType):
            return _shown(value)
        code = self.of(value.__func__) if isinstance(value, MethodType) else ""
        return f"<{value.__name__} {code} of {self.of(owner)}>"

    def _function(self, value: FunctionType) -> str:
        closure = [_content(cell) for cell in value.__closure__ or ()]
        parts = [value.__code__, value.__defaults__, value.__kwdefaults__, closure]
        parts.append(dict(_named_by(value)))
        return f"{_FUNCTION}{_digest(self.of(parts).encode())}>"

    def _code(self, code: CodeType) -> str:
        """Describe what it does; where it stands, and what it is called, does not matter."""
        arguments = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
        handlers = getattr(code, "co_exceptiontable", b"")  # since Python 3.11
        names = code.co_names, code.co_varnames
        return self.of([code.co_code, handlers, code.co_flags, arguments, names, code.co_consts])

    def _object(self, value: Any) -> str:
        """Describe an object by `repr`, and by its attributes where `repr` says too little."""
        words, is_told = _shown(value), not _ADDRESS.search(repr(value))
        is_whole = "..." not in words and not isinstance(value, torch.nn.Module)
        if type(value) is object or (is_told and is_whole and not callable(value)):
            return words
        if isinstance(value, pd.Index):
            return f"{words} {self.of(value.to_numpy())}"
        attributes = _attributes(value)
        if attributes is None:
            if is_told:
                return words
            raise _OfOneProcess
        self._holders += 1
        try:
            held = self._dict(attributes)
        finally:
            self._holders -= 1
        if is_told and is_whole and _FUNCTION not in held:
            return words
        call = getattr_static(type(value), "__call__", None)
        return f"{words} {held} {self.of(call) if isinstance(call, FunctionType) else ''}"


_KINDS: dict[type, Any] = {
    type: lambda _, value: _shown(value),
    list: _Words._list,
    tuple: _Words._tuple,
    dict: _Words._dict,
    set: _Words._set,
    frozenset: _Words._set,
    np.ndarray: _Words._array,
    Tensor: _Words._tensor,
    torch.nn.Parameter: _Words._tensor,
    pd.DataFrame: _Words._table,
    pd.Series: _Words._table,
    ModuleType: _Words._module,
    np.random.Generator: lambda words, value: words.of(value.bit_generator.state),
    torch.Generator: lambda words, value: words.of(value.get_state()),
    partial: _Words._partial,
    MethodType: _Words._bound,
    BuiltinFunctionType: _Words._bound,
    MethodWrapperType: _Words._bound,
    FunctionType: _Words._function,
    CodeType: _Words._code,
}


def _shown(value: Any) -> str:
    """Return what `repr` says, but for addresses and the names of our own modules."""
    words = _ADDRESS.sub("", repr(value))
    for now, before in _FORMER.items():
        words = words.replace(f"seqforecast.callbacks.{now}.", f"seqforecast.callbacks.{before}.")
    return words


def _digest(data: Any) -> str:
    return hashlib.sha256(data).hexdigest()[:24]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in it yet
        return ()


def _named_by(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the globals that a function names and that are plain, or functions beside it."""
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        beside = isinstance(value, FunctionType) and value.__globals__ is function.__globals__
        if name in function.__globals__ and name[:2] != "__" and (beside or _is_plain(value)):
            yield name, value


def _names(code: CodeType) -> set[str]:
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*inner)


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a constant, an array, or a container of such."""
    if type(value) in (list, tuple, set, frozenset):
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(map(_is_plain, (*value, *value.values())))
    return isinstance(value, (*_CONSTANTS, np.ndarray))


def _attributes(value: Any) -> dict[str, Any] | None:
    """Return all that an object holds; None where that is not to be seen from Python."""
    slots = [slot for cls in type(value).__mro__ for slot in _slots(cls)]
    if not hasattr(value, "__dict__") and not slots and not isinstance(value, _CONTAINERS):
        return None
    found = {slot: getattr(value, slot) for slot in slots if hasattr(value, slot)}
    found |= getattr(value, "__dict__", {})
    if isinstance(value, _CONTAINERS):
        found["()"] = dict(value) if isinstance(value, dict) else list(value)
    return found


_CONTAINERS = (dict, list, tuple, deque)


def _slots(cls: type) -> list[str]:
    slots = vars(cls).get("__slots__", ())
    slots = [slots] if isinstance(slots, str) else slots
    return [slot for slot in slots if slot not in ("__dict__", "__weakref__")]
