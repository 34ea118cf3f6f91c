"""What users call: an estimator into a file, and back."""

from __future__ import annotations

import os
from typing import Any

from seqforecast.persistence.forecasting import FORECASTING
from seqforecast.persistence.format.codec import Decoder, Encoder
from seqforecast.persistence.format.container import read, write
from seqforecast.persistence.format.values import VALUES
from seqforecast.persistence.networks import NETWORKS
from seqforecast.persistence.sklearn import ESTIMATORS
from seqforecast.persistence.streams import STREAMS
from seqforecast.training.state import NotFiniteError

_KINDS = (*VALUES, *NETWORKS, *ESTIMATORS, *FORECASTING, *STREAMS)
_SAVED = {kind.type for kind in _KINDS if kind.name.startswith(("seqforecast.", "sklearn."))}
"""The classes that may be what a file holds, rather than a part of it."""


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Save a regressor, a `Forecaster` or a pipeline into one file that holds no code.

    Use it instead of pickle for what is kept, moved or handed to others: the file is read by later
    versions of every library, and reading it cannot execute anything.

    Parameters
    ----------
    estimator : estimator
        A regressor of this package; a `Forecaster`; one of scikit-learn's scalers or linear models;
        a `Pipeline` or `TransformedTargetRegressor` of these; fitted or not. A `Stream` or
        `ForecastStream`, too. What a fitted one has learnt, its random generators and the moments
        of its optimizer are saved, so that ``partial_fit`` goes on as if nothing had happened;
        what `set_callbacks` and metadata routing were told is not.
    path : path-like
        Where. A file that is there is replaced: written beside it, flushed, then renamed, so that
        whatever happens meanwhile leaves the old file or the new one.

    Raises
    ------
    ValueError
        If it, or something within it, is not among what can be saved, or a weight is not finite;
        the message names it.
    TypeError
        If the arguments come the other way round.
    OSError
        If the file cannot be written; what was there is unchanged.

    See Also
    --------
    load : The way back.
    export_numpy : A smaller file, to forecast without torch.

    Notes
    -----
    The file has the safetensors format: all arrays, and in the metadata one JSON text with the
    parameters, the format's version (1), the versions of the libraries and a SHA-256 of the whole
    file. Files of format 1 will be read by every later version.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from seqforecast import GRURegressor, load, make_windows, save
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=12)
    >>> model = GRURegressor(hidden_size=4, max_epochs=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "airline.safetensors")
    ...     save(model, path)
    ...     again = load(path)
    >>> bool((again.predict(X) == model.predict(X)).all())
    True
    """
    if isinstance(estimator, str | os.PathLike):
        raise TypeError(
            f"the estimator is {estimator!r:.60}; an estimator is needed, then the path. Call "
            "save(estimator, path)."
        )
    if isinstance(estimator, type) or type(estimator) not in _SAVED:
        raise ValueError(
            f"{_name(estimator)} cannot be saved; a regressor of this package, a Forecaster, or a "
            "Pipeline of scikit-learn's scalers around one is needed. Of a search, save its "
            "best_estimator_."
        )
    encoder = Encoder(_KINDS)
    try:
        content = encoder.encode(estimator)
    except NotFiniteError as error:
        raise ValueError(f"{_name(estimator)} cannot be saved: {error}") from error
    except ValueError as error:
        raise ValueError(
            f"{_name(estimator)} holds what cannot be saved: {error}. Numbers, strings, arrays and "
            "estimators from the list in the documentation of save are needed; replace or remove "
            "that part (set_params), or use pickle and trust the file."
        ) from error
    write(path, "estimator", content, encoder.arrays)


def load(path: str | os.PathLike[str]) -> Any:
    """Load what `save` saved.

    Use it for files of any origin: nothing in a file is executed or imported, whoever made it.

    Parameters
    ----------
    path : path-like
        Of the file.

    Returns
    -------
    estimator : estimator
        As it was saved, and with the same forecasts. A network that was on a GPU goes there if
        there is one, else to the CPU.

    Raises
    ------
    ValueError
        If it is no file of `save`, was altered or cut short, or does not fit together.
    OSError
        If it cannot be read.

    See Also
    --------
    save : Writes the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.linear_model import Ridge
    >>> from seqforecast import Forecaster, load, save
    >>> from seqforecast.datasets import load_airline
    >>> forecaster = Forecaster(Ridge(), window=24, horizon=12).fit(load_airline())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "forecaster.safetensors")
    ...     save(forecaster, path)
    ...     load(path).predict(2).round()
    date
    1961-01-01    458.0
    1961-02-01    424.0
    Freq: MS, Name: passengers, dtype: float64
    """
    content, arrays = read(path, "estimator")
    try:
        estimator = Decoder(_KINDS, arrays).decode(content)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise ValueError(
            f"{path} does not fit together: {_shortened(e)}. A file that seqforecast.save wrote "
            "is needed; save the estimator again."
        ) from e
    if type(estimator) not in _SAVED:
        raise ValueError(
            f"{path} holds a {type(estimator).__name__}, no estimator. A file that "
            "seqforecast.save wrote is needed."
        )
    return estimator


def _shortened(error: Exception) -> str:
    """Return what an error says, which may show a value of any size."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."


_LONGEST = 300


def _name(estimator: Any) -> str:
    if isinstance(estimator, type):
        return f"the class {estimator.__name__} itself"
    return f"{type(estimator).__module__}.{type(estimator).__qualname__}"
