"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path


def check_place(path: str | os.PathLike[str]) -> Path:
    """Return where a file goes; raise, before any work, where it could not be written."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"path is a {type(path).__name__}; the path of a file is needed. Pass a str or a Path."
        )
    target = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    if target.is_dir():
        raise IsADirectoryError(
            f"{path} is a folder; the path of a file is needed. Choose another path."
        )
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is no regular file; one is needed. Choose another path.")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"{path} cannot be written: there is no folder {target.parent}. Make it, or choose "
            "another path."
        )
    try:
        tempfile.TemporaryFile(dir=target.parent).close()
    except OSError as error:
        raise type(error)(  # a full disk is no matter of permissions
            f"{path} cannot be written: the folder {target.parent} takes no file "
            f"({error.strerror}). Choose another path."
        ) from error
    return target


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file beside its place, flush it to the disk, and move it there.

    A kill, a full disk or a power cut at any moment leaves the old file or the new one; after a
    kill, or a power cut, a file ``.NAME.RANDOM.tmp`` may stay beside it.

    Parameters
    ----------
    path : path-like
        Where; a regular file that is there is replaced, and keeps its permissions.
    data : bytes
        What.

    Raises
    ------
    OSError
        If it cannot be written; what was there is unchanged.
    """
    target = check_place(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_flushed(temporary, data)
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}; {len(data)} bytes of room are needed. Choose another path, or make "
            "room. What was there before is unchanged",
            str(path),
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    _flush_folder(target.parent)


def _write_flushed(path: Path, data: bytes) -> None:
    # Not tempfile: its files are private, and this one is to have the permissions of any other.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the move last through a power cut, where the system can."""
    if os.name == "nt":  # folders cannot be opened there
        return
    with contextlib.suppress(OSError):  # the file is in place
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_BINARY = getattr(os, "O_BINARY", 0)
"""Windows would translate line ends."""
