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
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import seqforecast
from seqforecast.serialization.atomic import write_atomically

__all__ = ["FORMAT", "from_bytes", "read", "to_bytes", "write"]

Arrays = dict[str, NDArray[Any]]

FORMAT = 1
"""Of the files written; those of every format up to it are read."""

_ENTRY = "seqforecast"
_MARK = rb"\"sha256\":\""
"""What stands before the digest: JSON within a string of JSON, whose quotes are escaped."""
_ZEROS = b"0" * 64
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
    return from_bytes(Path(path).read_bytes(), kind, str(path))


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
    return _with_digest(data, hashlib.sha256(data).hexdigest().encode())


def from_bytes(data: bytes, kind: str, name: str) -> tuple[Any, Arrays]:
    """Return what `to_bytes` was given; `name` is that of the file, for messages."""
    document = _document(data, name)
    digest = document["sha256"]
    blank = _with_digest(data, _ZEROS)
    if digest != hashlib.sha256(blank).hexdigest():
        raise ValueError(
            f"{name} was altered since it was written: its checksum differs. A whole file is "
            "needed; copy or save it again."
        )
    _check_kind(document, kind, name)
    return document["content"], _arrays(data, name)


def _document(data: bytes, name: str) -> dict[str, Any]:
    """Return the JSON document of a file, or say what is wrong with the file."""
    foreign = ValueError(
        f"{name} is no file of seqforecast, or its beginning was altered: "
        f"{_READERS['estimator']} reads what seqforecast.save wrote. Pass the path of such a file."
    )
    header = _header(data)
    if header is None:
        raise foreign
    size = 8 + int.from_bytes(data[:8], "little") + _size_of_arrays(header)
    if len(data) < size:
        raise ValueError(
            f"{name} is cut short: it has {len(data)} bytes of {size}. A whole file is needed; "
            "copy or save it again."
        )
    try:
        document = json.loads(header["__metadata__"][_ENTRY])
        if isinstance(document["sha256"], str) and isinstance(document["format"], int):
            return document
    except (TypeError, KeyError, ValueError, RecursionError):
        pass
    raise foreign


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
        if isinstance(offsets, list) and offsets and isinstance(offsets[-1], int):
            ends.append(offsets[-1])
    return max(ends)


def _check_kind(document: Mapping[str, Any], kind: str, name: str) -> None:
    if document["format"] > FORMAT:
        raise ValueError(
            f"{name} has format {document['format']}, written by seqforecast "
            f"{document.get('versions', {}).get('seqforecast')}; this version reads formats up to "
            f"{FORMAT}. Install a newer seqforecast."
        )
    if document.get("kind") != kind:
        found = document.get("kind")
        reader = _READERS.get(found, "a newer seqforecast") if isinstance(found, str) else "nothing"
        raise ValueError(
            f"{name} is a file of kind {found!r}; one of kind {kind!r} is needed. {reader} reads "
            "this one."
        )


def _arrays(data: bytes, name: str) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ValueError(
            f"{name} holds arrays that are no safetensors ({error}). A file that seqforecast wrote "
            "is needed; copy or save it again."
        ) from error
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def _with_digest(data: bytes, digest: bytes) -> bytes:
    """Return the bytes of a file with another digest; as they are if it has none."""
    start = data.find(_MARK) + len(_MARK)
    return data[:start] + digest + data[start + len(digest) :]


def _versions() -> dict[str, str]:
    versions = {"seqforecast": seqforecast.__version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return versions
