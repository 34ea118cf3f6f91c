"""Whether the files of a command can be read and written, before anybody waits for a fit."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from seqforecast.cli.files.paths import STREAM
from seqforecast.cli.messages import CommandError
from seqforecast.forecasting.data.columns import nearest
from seqforecast.persistence.format.atomic import check_place

_PARQUET = ("pyarrow", "Parquet", "pip install pyarrow, or use CSV")
_PICTURES = ("matplotlib", "pictures", 'pip install "seqforecast[plot]"')
_NEEDED = {".parquet": _PARQUET} | dict.fromkeys(
    (".png", ".svg", ".pdf", ".html", ".htm"), _PICTURES
)
"""By the ending of a path: a package, what it is taken for, and how to get it."""


def check_files(data: str, *results: str | None) -> None:
    """Refuse a table that is not there, and results that could not be written.

    Both are known before anybody waits for a fit.
    """
    if data != STREAM:
        _require_table(data)
    for path in results:
        if path is not None and path != STREAM:
            _check_writable(path, data)
    for path in (data, *results):
        if path is not None:
            _require_packages(path)


def _require_table(path: str) -> None:
    if Path(path).is_dir():
        raise CommandError(f"{path} is a folder; a file with a table is needed. Name one.")
    if Path(path).exists():
        return
    folder = Path(path).parent
    there = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    tables = sorted(name for name in there if name.lower().endswith((".csv", ".gz", ".parquet")))
    advice = (
        nearest(Path(path).name, tables, f"tables in {folder}") if tables else "Check the path."
    )
    raise CommandError(f"{path} is not there; a file with a table is needed. {advice}")


def _check_writable(path: str, data: str) -> None:
    check_place(path)
    if data != STREAM and Path(path).exists() and os.path.samefile(path, data):
        raise CommandError(
            f"{path} is the data itself, which the result would replace. Choose another path."
        )


def _require_packages(path: str) -> None:
    """Refuse kinds of files that take what is not installed."""
    package, what, cure = _NEEDED.get(Path(path).suffix.lower(), ("", "", ""))
    try:
        if package:
            import_module(package)
    except ImportError as error:
        raise CommandError(
            f"{path} needs {package} for its {what}, and that is not installed. Run {cure}."
        ) from error
