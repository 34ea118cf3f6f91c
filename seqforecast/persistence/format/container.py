"""One file: arrays in the safetensors format, all else as JSON in its header, and a checksum.

Any reader of safetensors shows the arrays. The header's metadata has one entry, whose text is

    {"sha256": "...", "format": 1, "kind": "...", "versions": {...}, "content": ...}

The digest is that of the whole file with the digest itself as 64 zeros, so that no byte can change
unseen.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

import seqforecast
from seqforecast.persistence.format.atomic import write_atomically
from seqforecast.persistence.format.fields import shown

Arrays = dict[str, NDArray[Any]]

FORMAT = 1
"""Of the files written; those of every format up to it are read."""

_ENTRY = "seqforecast"
_MARK = rb"\"sha256\":\""
"""What stands before the digest: JSON within a string of JSON, whose quotes are escaped."""
_BEGINNING = b'{"__metadata__":{"seqforecast":'
"""Of a header, which safetensors begins with the metadata."""
_ZEROS = b"0" * 64
_LONGEST_HEADER = 100_000_000
"""Bytes; the same as in the library safetensors."""
_LIBRARIES = ("numpy", "pandas", "scikit-learn", "skorch", "torch")

_READERS = {
    "estimator": "seqforecast.load",
    "checkpoint": "seqforecast.callbacks.Checkpoint, in a fit of the same estimator and data,",
    "numpy": "seqforecast.runtime.load_numpy",
}
"""The kinds of files, and what reads each."""


def write(path: str | os.PathLike[str], kind: str, content: Any, arrays: Arrays) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : path-like
        Where; a file that is there is replaced.
    kind : {"estimator", "checkpoint", "numpy"}
        What the file is for.
    content : Any
        What JSON can hold.
    arrays : dict of str to ndarray
        Numbers of any shape.

    Raises
    ------
    OSError
        If it cannot be written; a file that was there is unchanged.
    """
    write_atomically(path, to_bytes(kind, content, arrays))


def read(path: str | os.PathLike[str], kind: str) -> tuple[Any, Arrays]:
    """Read a file of a kind.

    Returns
    -------
    content : Any
        As it was written.
    arrays : dict of str to ndarray
        As they were written, and read-only.

    Raises
    ------
    ValueError
        If it is no such file, or was altered or cut short since it was written.
    OSError
        If it cannot be read.
    """
    with open(path, "rb", opener=_opener) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):  # a device or a pipe may never come to an end
            raise OSError(
                f"{path} is no regular file; the path of one is needed. Copy what it holds into a "
                "file first."
            )
        beginning = file.read(8)
        length = int.from_bytes(beginning, "little")
        beginning += file.read(min(length, _LONGEST_HEADER))
        _document(beginning, status.st_size, str(path))  # before gigabytes of a foreign one
        file.seek(0)
        return from_bytes(file.read(), kind, str(path))


def to_bytes(kind: str, content: Any, arrays: Arrays) -> bytes:
    """Return what `write` writes."""
    from safetensors.numpy import save  # only where something is saved: it imports numpy alone

    document = {
        "sha256": _ZEROS.decode(),
        "format": FORMAT,
        "kind": kind,
        "versions": _versions(),
        "content": content,
    }
    text = json.dumps(document, separators=(",", ":"))
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    data = save(plain, {_ENTRY: text})
    length = int.from_bytes(data[:8], "little")
    if length > _LONGEST_HEADER:
        raise ValueError(
            f"all that is no array takes {length} bytes, of which a file holds {_LONGEST_HEADER}; "
            "fewer names are needed. Number the series instead, or save them in several parts."
        )
    return _with_digest(data)


def from_bytes(data: bytes, kind: str, name: str) -> tuple[Any, Arrays]:
    """Return what `to_bytes` was given; `name` is that of the file, for messages."""
    document = _document(data, len(data), name)
    if document["sha256"] != _digest(data):
        raise ValueError(
            f"{name} was altered since it was written: its checksum differs. A whole file is "
            "needed; copy or save it again."
        )
    _check_kind(document, kind, name)
    return document["content"], _arrays(data, name)


def _document(data: bytes, n_bytes: int, name: str) -> dict[str, Any]:
    """Return the JSON document of a file, or say what is wrong with the file.

    Parameters
    ----------
    data : bytes
        The beginning of the file, or all of it.
    n_bytes : int
        How many it has.
    name : str
        What to call it.
    """
    header, size = _header(data), 8 + int.from_bytes(data[:8], "little")
    if header is None and not (n_bytes < size and data[8:].startswith(_BEGINNING)):
        raise _foreign(name)
    size += _size_of_arrays(header or {})
    if n_bytes < size:
        raise ValueError(
            f"{name} is cut short: it has {n_bytes} of {shown(size)} bytes, or more. A whole file "
            "is needed; copy or save it again."
        )
    try:
        document = json.loads((header or {})["__metadata__"][_ENTRY])
        known = type(document["sha256"]) is str and type(document["format"]) is int
        if known and "content" in document:
            return document
    except (TypeError, KeyError, ValueError, RecursionError):
        pass
    raise _foreign(name)


def _foreign(name: str) -> ValueError:
    return ValueError(
        f"{name} is no file of seqforecast, or its beginning was altered. A file that "
        "seqforecast.save wrote is needed; pass the path of one, or copy it again."
    )


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | _DO_NOT_WAIT)


_DO_NOT_WAIT = getattr(os, "O_NONBLOCK", 0)
"""For somebody who writes into a pipe: it is refused."""


def _header(data: bytes) -> dict[str, Any] | None:
    """Return the header of a safetensors file; None if there is none."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None


def _size_of_arrays(header: Mapping[str, Any]) -> int:
    ends = [0]
    for entry in header.values():
        offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
        if isinstance(offsets, list) and offsets and type(offsets[-1]) is int:
            ends.append(offsets[-1])
    return max(ends)


def _check_kind(document: Mapping[str, Any], kind: str, name: str) -> None:
    found, writer = document.get("kind"), document.get("versions")
    if not 1 <= document["format"] <= FORMAT:
        version = shown(writer.get("seqforecast") if isinstance(writer, dict) else None)
        raise ValueError(
            f"{name} has format {shown(document['format'])}, written by seqforecast {version}; "
            f"this version reads formats up to {FORMAT}. Install a newer seqforecast."
        )
    if found != kind:
        reader = _READERS.get(found, "A newer seqforecast") if isinstance(found, str) else "Nothing"
        raise ValueError(
            f"{name} is a file of kind {shown(found)}; one of kind {kind!r} is needed. {reader} "
            "reads this one."
        )


def _arrays(data: bytes, name: str) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
    except (SafetensorError, LookupError, OverflowError, ValueError, TypeError) as error:
        raise ValueError(
            f"{name} holds arrays that are no safetensors ({error}). A file that seqforecast wrote "
            "is needed; copy or save it again."
        ) from error
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def _digest(data: bytes) -> str:
    """Return the digest of a file with that within it as zeros."""
    start = data.find(_MARK) + len(_MARK)
    view = memoryview(data)  # no copy of what may be large
    digest = hashlib.sha256(view[:start])
    digest.update(_ZEROS)
    digest.update(view[start + len(_ZEROS) :])
    return digest.hexdigest()


def _with_digest(data: bytes) -> bytes:
    start = data.find(_MARK) + len(_MARK)
    return b"".join((data[:start], _digest(data).encode(), data[start + len(_ZEROS) :]))


def _versions() -> dict[str, str]:
    versions = {"seqforecast": seqforecast.__version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return versions
