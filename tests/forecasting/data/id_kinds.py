"""Names of series in every type that a column may have."""

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.linear_model import Ridge

from seqforecast import Forecaster

NUMBERS = {
    "int": lambda ids: pd.Series(ids, dtype="int64"),
    "int8": lambda ids: pd.Series(ids, dtype="int8"),
    "float": lambda ids: pd.Series(ids, dtype="float64"),
    "Int64": lambda ids: pd.Series(ids, dtype="Int64"),
    "int64[pyarrow]": lambda ids: pd.Series(ids, dtype="int64[pyarrow]"),
    "objects": lambda ids: pd.Series(ids, dtype=object),
    "category": lambda ids: pd.Series(ids, dtype="category"),
    "ordered": lambda ids: pd.Series(pd.Categorical(ids, categories=[3, 1, 5, 2], ordered=True)),
}
TEXTS = {
    "default": lambda ids: pd.Series(ids),
    "objects": lambda ids: pd.Series(ids, dtype=object),
    "string[python]": lambda ids: pd.Series(ids, dtype="string[python]"),
    "string[pyarrow]": lambda ids: pd.Series(ids, dtype="string[pyarrow]"),
    "arrow": lambda ids: pd.Series(ids, dtype=pd.ArrowDtype(pa.string())),
    "dictionary": lambda ids: pd.Series(
        ids, dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    ),
    "category": lambda ids: pd.Series(ids, dtype="category"),
    "ordered": lambda ids: pd.Series(
        pd.Categorical(ids, categories=["3", "1", "5", "2"], ordered=True)
    ),
}
KINDS = {f"numbers as {name}": (int, make) for name, make in NUMBERS.items()} | {
    f"texts as {name}": (str, make) for name, make in TEXTS.items()
}
VALUES = np.random.default_rng(0).random((4, 14))


def rows(kind, first, end, ids=(1, 2, 3)):
    """Return some steps of series 1, 2, ... with names of a kind."""
    of, make = KINDS[kind]
    steps = end - first
    return pd.DataFrame(
        {
            "unique_id": make([of(name) for name in ids for _ in range(steps)]),
            "ds": np.tile(np.arange(first, end), len(ids)),
            "y": np.concatenate([VALUES[name][first:end] for name in ids]),
        }
    )


def named(names, first, end, column="unique_id"):
    """Return some steps of series with these names, in a column as they are."""
    steps = end - first
    column_of_names = names if isinstance(names, pd.Series) else pd.Series(names)
    return pd.DataFrame(
        {
            column: column_of_names.repeat(steps).reset_index(drop=True),
            "ds": np.tile(np.arange(first, end), len(column_of_names)),
            "y": np.random.default_rng(1).random(steps * len(column_of_names)),
        }
    )


def forecaster(**options):
    return Forecaster(Ridge(), **{"window": 3, "horizon": 2, "season": None} | options)


def by_id(frame):
    """Return forecasts by name, in whatever order and type these are."""
    names = [str(int(name)) for name in frame["unique_id"]]
    return frame.set_index([pd.Index(names), "ds"])["y_hat"].sort_index()
