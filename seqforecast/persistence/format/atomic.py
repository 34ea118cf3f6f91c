"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path


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
    target = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    _check_place(target, path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_flushed(temporary, data)
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}; {_needed(target.parent, len(data))} What was there before is "
            "unchanged",
            str(path),
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    _flush_folder(target.parent)


def _needed(folder: Path, n_bytes: int) -> str:
    """Return what is needed, and what to do, where nothing could be written."""
    if not folder.is_dir():
        return f"the folder {folder} is needed, and is not there. Make it, or choose another path."
    return (
        f"{n_bytes} bytes of room in a folder that can be written are needed. Choose another path, "
        "or make room."
    )


def _check_place(target: Path, path: str | os.PathLike[str]) -> None:
    if target.exists() and not target.is_file():
        what = "a folder" if target.is_dir() else "no regular file"
        raise OSError(
            f"{path} is {what}; the path of a file is needed. Pass for example "
            f"{os.path.join(path, 'model.safetensors') if target.is_dir() else 'another path'}."
        )


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
