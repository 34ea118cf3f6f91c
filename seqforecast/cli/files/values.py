"""Times, names and numbers from the cells of a table; the first that cannot be read is named."""

from __future__ import annotations

import pandas as pd

from seqforecast.cli.messages import CommandError

_FORMATS = (
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%b %Y",
    "%Y%m",
)
"""Of dates that are not read without being told: 03/04/2024 may be March or April."""


def names_in(column: pd.Series, *, is_typed: bool) -> pd.Series:
    """Return the names of series: of CSV whole numbers as such, so that 2 comes before 10.

    A column that has a type, as in Parquet, keeps it.
    """
    missing = column.isna() | (column == "")
    if missing.any():
        raise CommandError(
            f"column {column.name!r} is empty in row {_row(missing)}; every row needs the name of "
            "its series. Fill it, or drop such rows."
        )
    if is_typed and column.dtype != object:
        return column
    text = column.astype(str)
    if not is_typed and text.str.fullmatch(r"0|[1-9]\d{0,17}").all():
        return text.astype("int64")
    return text


def times_in(column: pd.Series, time_format: str | None) -> pd.Series:
    """Return dates or whole numbers; of dates with several time zones the time in UTC."""
    missing = column.isna() | (column == "")
    if missing.any():
        raise CommandError(
            f"column {column.name!r} is empty in row {_row(missing)}; every row needs its time. "
            "Fill it, or drop such rows."
        )
    if isinstance(column.dtype, pd.ArrowDtype):  # as Parquet of pandas may ask for
        column = column.astype(object)
    if isinstance(column.dtype, pd.PeriodDtype) or column.dtype.kind in "iuM":
        return column
    if column.dtype.kind in "bfmc":
        raise CommandError(
            f"column {column.name!r} has the type {column.dtype}; dates or whole numbers are "
            "needed. Convert it."
        )
    text = column.astype(str).str.strip()
    if time_format is None and text.str.fullmatch(r"[+-]?\d{1,7}").all():
        return text.astype("int64")
    dates = _dates(text, time_format or "ISO8601")
    wrong = dates.isna()
    if wrong.any():
        at = f"{column[wrong].iloc[0]!r} in row {_row(wrong)}"
        raise CommandError(
            f"column {column.name!r} has {at}, which is no date like "
            f"{time_format or '2024-12-31'}. {_advice(text, time_format)}"
        )
    return dates


def _dates(text: pd.Series, time_format: str) -> pd.Series:
    try:
        return pd.to_datetime(text, format=time_format, errors="coerce")
    except ValueError:  # offsets of summer and winter: one moment each, but no common clock
        return pd.to_datetime(text, format=time_format, errors="coerce", utc=True)


def _advice(text: pd.Series, given: str | None) -> str:
    """Name the formats with which all dates can be read."""
    fitting = [one for one in _FORMATS if _dates(text, one).notna().all()]
    if fitting:
        return f"Pass --time-format {' or '.join(fitting)}."
    if _dates(text, given or "ISO8601").isna().all():
        return "Pass how these dates are written with --time-format, or whole numbers as times."
    return "Mend that row." if given is None else "Mend that row, or pass another --time-format."


def numbers_in(column: pd.Series, decimal: str) -> pd.Series:
    """Return numbers, NaN where a cell is empty."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("float64") if column.dtype != object else column
    text = column.astype("string").str.strip()
    text = text.mask(text == "")
    plain = text.str.replace(decimal, ".", regex=False) if decimal != "." else text
    numbers = pd.to_numeric(plain, errors="coerce").astype("float64")
    wrong = numbers.isna() & text.notna()
    if wrong.any():
        cell = text[wrong].iloc[0]
        raise CommandError(
            f"column {column.name!r} has {cell!r} in row {_row(wrong)}; a number or an empty cell "
            f"is needed. {_mend(str(cell), decimal)}"
        )
    return pd.Series(numbers.to_numpy(dtype="float64", na_value=float("nan")), column.index)


def _mend(cell: str, decimal: str) -> str:
    digits = cell.replace(",", "").replace(".", "").lstrip("+-")
    if digits.isdigit() and decimal == "." and cell.count(",") == 1 and "." not in cell:
        return "If that is a decimal comma, pass --decimal ','; else drop the comma."
    if digits.isdigit():
        return "Write numbers without a sign between thousands."
    return "Empty or mend that cell, or drop the row."


def _row(wrong: pd.Series) -> int:
    """Return the number of the first such row, counted from 1 below the header."""
    return 1 + int(wrong.to_numpy().argmax())
