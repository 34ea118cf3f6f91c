"""Kinds of containers that users hand in: what is read as the plain values, and what is refused."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse
import torch

REFUSED, EQUAL, MISSING = "refused", "equal", "as with NaN"


@dataclass(frozen=True)
class Kind:
    """A way to hand in numbers.

    Parameters
    ----------
    name : str
        What it is.
    make : callable
        Makes it of a plain float64 array of small whole numbers, which float16 holds exactly.
    result : {EQUAL, MISSING, REFUSED}
        What a reader makes of it: the plain values; the values with NaN at `HOLE`; an error.
    says : str
        What the error says.
    axes : tuple of int
        The numbers of axes that it can have.
    """

    name: str
    make: object
    result: str = EQUAL
    says: str = ""
    axes: tuple = (1, 2, 3)

    def __repr__(self):
        return self.name


def hole(array):
    """Mark one value of an array, in the middle."""
    mask = np.zeros(array.shape, dtype=bool)
    mask[tuple(size // 2 for size in array.shape)] = True
    return mask


def names(n):
    return [f"y@lag{k}" for k in reversed(range(n))]


def memmap(array):
    folder = Path(tempfile.mkdtemp(prefix="seqforecast-kinds-"))
    path = folder / "values.npy"
    np.save(path, array)
    values = np.load(path, mmap_mode="r")
    path.unlink()  # the map stays
    folder.rmdir()
    return values


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


def with_gaps(array):
    """Lay an array out with a gap after each element."""
    wide = np.repeat(array, 2, axis=-1)
    return wide[..., ::2]


def pandas_of(array, dtype=None):
    if array.ndim == 1:
        return pd.Series(array, dtype=dtype, name="y")
    return pd.DataFrame(array, columns=names(array.shape[1]), dtype=dtype)


def polars_of(array):
    if array.ndim == 1:
        return pl.Series("y", array)
    return pl.DataFrame(dict(zip(names(array.shape[1]), array.T.copy(), strict=True)))


def arrow_of(array):
    if array.ndim == 1:
        return pa.chunked_array([array])
    return pa.table(dict(zip(names(array.shape[1]), array.T.copy(), strict=True)))


def masked(array):
    values = array.copy()
    values[hole(array)] = -999.0
    return np.ma.masked_array(values, hole(array))


def nested(array, of=list):
    return array.tolist() if of is list else tuple(map(tuple, array.tolist()))


def with_null(array):
    """Make a polars series or frame with a null."""
    values = np.where(hole(array), None, array.astype(np.int64).astype(object))
    if array.ndim == 1:
        return pl.Series("y", values.tolist(), dtype=pl.Int64)
    columns = {
        name: pl.Series(column.tolist(), dtype=pl.Int64)
        for name, column in zip(names(array.shape[1]), values.T, strict=True)
    }
    return pl.DataFrame(columns)


def nullable_with_na(array):
    return pandas_of(np.where(hole(array), np.nan, array)).astype("Int64")


FRAMES = (1, 2)
KINDS = (
    Kind("Fortran order", np.asfortranarray),
    Kind("with gaps", with_gaps),
    Kind("backwards in memory", lambda a: a[::-1].copy()[::-1]),
    Kind("float16", lambda a: a.astype(np.float16)),
    Kind("float32", lambda a: a.astype(np.float32)),
    Kind("longdouble", lambda a: a.astype(np.longdouble)),
    Kind("big-endian", lambda a: a.astype(">f8")),
    Kind("int16", lambda a: a.astype(np.int16)),
    Kind("uint64", lambda a: a.astype(np.uint64)),
    Kind("big-endian integers", lambda a: a.astype(">i4")),
    Kind("objects", lambda a: a.astype(object)),
    Kind("read-only", read_only),
    Kind("memmap", memmap),
    Kind("matrix", np.asmatrix, axes=(2,)),
    Kind("masked nothing", lambda a: np.ma.masked_array(a, np.zeros(a.shape, bool))),
    Kind("masked without a mask", np.ma.masked_array),
    Kind("masked", masked, MISSING),
    Kind("masked integers", lambda a: masked(a).astype(np.int64), MISSING),
    Kind("list", nested),
    Kind("tuple", lambda a: nested(a, tuple), axes=(2,)),
    Kind("list with None", lambda a: np.where(hole(a), None, a).tolist(), MISSING),
    Kind("tensor", lambda a: torch.tensor(a)),
    Kind("tensor of float32", lambda a: torch.tensor(a, dtype=torch.float32)),
    Kind("tensor of bfloat16", lambda a: torch.tensor(a, dtype=torch.bfloat16)),
    Kind("tensor with a gradient", lambda a: torch.tensor(a, requires_grad=True)),
    Kind("pandas", pandas_of, axes=FRAMES),
    Kind("pandas of float32", lambda a: pandas_of(a, np.float32), axes=FRAMES),
    Kind("pandas of longdouble", lambda a: pandas_of(a.astype(np.longdouble)), axes=FRAMES),
    Kind("nullable", lambda a: pandas_of(a, "Float64"), axes=FRAMES),
    Kind("nullable integers", lambda a: pandas_of(a, "Int16"), axes=FRAMES),
    Kind("nullable with NA", nullable_with_na, MISSING, axes=FRAMES),
    Kind("Arrow in pandas", lambda a: pandas_of(a, "double[pyarrow]"), axes=FRAMES),
    Kind("Arrow integers in pandas", lambda a: pandas_of(a, "int64[pyarrow]"), axes=FRAMES),
    Kind("sparse columns", lambda a: pandas_of(a).astype(pd.SparseDtype(float)), axes=FRAMES),
    Kind("polars", polars_of, axes=FRAMES),
    Kind("polars integers", lambda a: polars_of(a.astype(np.int64)), axes=FRAMES),
    Kind("polars with null", with_null, MISSING, axes=FRAMES),
    Kind("Arrow", arrow_of, axes=FRAMES),
    # What is refused by name.
    Kind("text", lambda a: a.astype(str), REFUSED, "text"),
    Kind("list of text", lambda a: a.astype(str).tolist(), REFUSED, "text"),
    Kind("objects with text", lambda a: np.where(hole(a), "7", a.astype(object)), REFUSED, "text"),
    Kind("dates", lambda a: a.astype("M8[D]"), REFUSED, "dates"),
    Kind("durations", lambda a: a.astype("m8[s]"), REFUSED, "durations"),
    Kind("pandas text", lambda a: pandas_of(a).astype(str), REFUSED, "text|dtype", axes=FRAMES),
    Kind("polars text", lambda a: polars_of(a.astype(str)), REFUSED, "text|dtype", axes=FRAMES),
    Kind(
        "polars dates",
        lambda a: polars_of(a.astype("M8[D]").astype("M8[ms]")),
        REFUSED,
        "dates|datetime64",
        axes=FRAMES,
    ),
    Kind("complex", lambda a: a + 1j, REFUSED, "[Cc]omplex"),
    Kind("records", lambda a: a.astype([("value", "f8")]), REFUSED, "dtype"),
    Kind("sparse", scipy.sparse.csr_matrix, REFUSED, "sparse", axes=(2,)),
    Kind("sparse tensor", lambda a: torch.tensor(a).to_sparse(), REFUSED, "sparse"),
    Kind("lazy", lambda a: polars_of(a).lazy(), REFUSED, r"LazyFrame.*collect\(\)", axes=(2,)),
    Kind("dict", lambda a: {"a": pandas_of(a[:, 0])}, REFUSED, r"DataFrame\(data\)", axes=(2,)),
    Kind(
        "list of Series",
        lambda a: [pd.Series(row) for row in a],
        REFUSED,
        r"Series objects; .*(np\.stack|pd\.concat)",
        axes=(2,),
    ),
    Kind(
        "tuple of polars Series",
        lambda a: tuple(pl.Series(row) for row in a),
        REFUSED,
        r"Series objects; .*(np\.stack|pl\.DataFrame)",
        axes=(2,),
    ),
    Kind("ragged", lambda a: [*a.tolist(), [1.0]], REFUSED, "ragged", axes=(2,)),
    Kind("generator", lambda a: (value for value in a), REFUSED, r"list\(", axes=(1,)),
    Kind("text for a number", lambda _: "values", REFUSED, "is a str|='values'", axes=(1,)),
)
