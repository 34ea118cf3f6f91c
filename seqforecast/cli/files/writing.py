"""Results to files and standard output: whole or not at all."""

from __future__ import annotations

import gzip
import sys
from io import BytesIO
from typing import TYPE_CHECKING

import pandas as pd

from seqforecast.cli.files.paths import STREAM
from seqforecast.persistence.format.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_table(frame: pd.DataFrame, path: str, *, sep: str, decimal: str) -> None:
    """Write a table in the kind that its path tells."""
    if path.lower().endswith(".parquet"):
        buffer = BytesIO()
        frame.to_parquet(buffer, index=False)
        write_atomically(path, buffer.getvalue())
        return
    text = frame.to_csv(index=False, sep=sep, decimal=decimal, lineterminator="\n")
    if path == STREAM:
        sys.stdout.write(text)
    else:
        data = text.encode()
        write_atomically(path, gzip.compress(data, mtime=0) if path.endswith(".gz") else data)


def draw_without_window() -> None:
    """Choose the backend of matplotlib that needs no screen."""
    import matplotlib

    matplotlib.use("Agg")


def write_figure(figure: Figure, path: str) -> None:
    """Write a picture in the kind that its path tells, and close it."""
    import matplotlib.pyplot as plt

    buffer = BytesIO()
    figure.savefig(buffer, format=path.lower().rpartition(".")[2], dpi=150)
    plt.close(figure)
    write_atomically(path, buffer.getvalue())
