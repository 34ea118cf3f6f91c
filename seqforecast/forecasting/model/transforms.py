"""What is done to the values before anything is learnt from them, and how it is undone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from seqforecast._shared.checks import check_word

Array = NDArray[np.float64]


class ValueTransform(ABC):
    """A map of the values that can be undone; NaN stays NaN."""

    relative: bool = False
    """Whether a difference of transformed values is a ratio of values."""

    parameter: Any = None
    """The value of the parameter `transform` that asks for this one."""

    @abstractmethod
    def forward(self, values: Array) -> Array:
        """Return transformed values (n,)."""

    @abstractmethod
    def inverse(self, transformed: Array) -> Array:
        """Return values of any shape."""


class Identity(ValueTransform):
    """The values themselves."""

    def forward(self, values: Array) -> Array:
        """Return the values."""
        return values

    def inverse(self, transformed: Array) -> Array:
        """Return the values."""
        return transformed


class Log(ValueTransform):
    """The logarithm: seasons that grow with the level become constant ones."""

    relative = True
    parameter = "log"

    def forward(self, values: Array) -> Array:
        """Return the logarithm of positive values."""
        if (values <= 0).any():
            lowest = np.nanmin(values)
            raise ValueError(
                f"transform is 'log', given or chosen by 'auto', but the target falls to "
                f"{lowest:g}; only positive values have a logarithm. Pass transform=None, or for "
                "values from 0 on FunctionTransformer(np.log1p, np.expm1)."
            )
        return np.log(values)

    def inverse(self, transformed: Array) -> Array:
        """Return the exponential; raise where it is beyond all numbers."""
        with np.errstate(over="ignore"):
            values = np.exp(transformed)
        if np.isinf(values).any():
            raise ValueError(
                "transform is 'log', given or chosen by 'auto', and a forecast, or an end of its "
                "interval, is beyond all numbers; values of similar size are needed. Mend outliers "
                "in the data, or pass transform=None."
            )
        return values


class Transformer(ValueTransform):
    """A fitted scikit-learn transformer that sees all values as one column."""

    def __init__(self, transformer: Any) -> None:
        self.transformer = self.parameter = transformer

    def forward(self, values: Array) -> Array:
        """Transform the values that are known."""
        known = ~np.isnan(values)
        transformed = np.full(values.shape, np.nan)
        if known.any():
            transformed[known] = _column(self.transformer.transform(values[known, np.newaxis]))
        if not np.isfinite(transformed[known]).all():
            raise ValueError(
                f"transform={self.transformer!r} turns values into NaN or infinity; finite numbers "
                "are needed. Use another transformer, or None."
            )
        return transformed

    def inverse(self, transformed: Array) -> Array:
        """Undo the transformation."""
        values = _column(self.transformer.inverse_transform(transformed.reshape(-1, 1)))
        if not np.isfinite(values).all():
            raise ValueError(
                f"transform={self.transformer!r} cannot be undone: {np.sum(~np.isfinite(values))} "
                "of the forecasts become NaN or infinite. Use 'log', None or another transformer, "
                "or forecast fewer steps."
            )
        return values.reshape(transformed.shape)


def fit_transform_of(transform: Any, values: Array) -> ValueTransform:
    """Return the transformation that a parameter asks for, fitted to the training values.

    Parameters
    ----------
    transform : {"auto", "log"}, scikit-learn transformer or None
        "auto" is the logarithm where all values are positive, else none.
    values : ndarray of shape (n,)
        The values of all series; NaN where missing.
    """
    if isinstance(transform, str):
        check_word("transform", transform, ("auto", "log", None), other="a transformer")
        positive = not (values <= 0).any()
        return Log() if transform == "log" or positive else Identity()
    if transform is None:
        return Identity()
    able = hasattr(transform, "transform") and hasattr(transform, "inverse_transform")
    if isinstance(transform, type) or not able:
        raise TypeError(
            f"{transform=} is no object with transform and inverse_transform; 'auto', 'log', None "
            "or a scikit-learn transformer is needed. Pass for example PowerTransformer()."
        )
    return Transformer(clone(transform).fit(values[~np.isnan(values), np.newaxis]))


def _column(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64).reshape(-1)
