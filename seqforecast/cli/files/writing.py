"""Results to files and standard output: whole or not at all."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

import pandas as pd

from seqforecast.cli.files.paths import STREAM
from seqforecast.persistence.format.atomic import write_atomically

if TYPE_CHECKING:
    from seqforecast.displays import ForecastDisplay


def write_table(frame: pd.DataFrame, path: str | None, *, sep: str, decimal: str) -> None:
    """Write a table in the kind that its path tells."""
    if path is None:
        return
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


def write_figure(path: str | None, draw: Callable[[], ForecastDisplay]) -> None:
    """Draw a picture without a screen, and write it in the kind that its path tells."""
    if path is None:
        return
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("Agg")
    figure, buffer = draw().figure_, BytesIO()
    figure.savefig(buffer, format=path.lower().rpartition(".")[2], dpi=150)
    plt.close(figure)
    write_atomically(path, buffer.getvalue())
