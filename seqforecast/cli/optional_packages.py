"""Packages that an option takes, and that need not be there."""

from __future__ import annotations

from importlib import import_module

from seqforecast.cli.messages import CommandError


def require_packages(*, table: str | None = None, plot: str | None = None) -> None:
    """Refuse kinds of files that take what is not installed, before anybody waits for them."""
    if table is not None and table.lower().endswith(".parquet"):
        _require("pyarrow", f"{table} is Parquet", "pip install pyarrow, or use CSV")
    if plot is not None:
        _require("matplotlib", f"{plot} is a picture", 'pip install "seqforecast[plot]"')


def _require(package: str, what: str, cure: str) -> None:
    try:
        import_module(package)
    except ImportError as error:
        raise CommandError(
            f"{what}, which takes {package}, and that is not installed. Run {cure}."
        ) from error
