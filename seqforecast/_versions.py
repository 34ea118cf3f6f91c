"""Tell which versions are at work, for bug reports."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import seqforecast

__all__ = ["show_versions", "versions"]

_REQUIRED = (
    *(
        "jinja2",
        "joblib",
        "narwhals",
        "numpy",
        "pandas",
        "safetensors",
        "scikit-learn",
        "scipy",
        "skorch",
    ),
    *("torch", "tqdm"),
)
_OPTIONAL = ("dask", "distributed", "matplotlib", "onnx", "onnxruntime", "pyarrow")


def show_versions() -> None:
    """Print the versions of seqforecast, of Python and of the packages it uses.

    Paste the lines into a bug report. None of these packages is imported, so it works, and is
    fast, even where one of them is broken.

    The kernels compute the recurrent layers on the CPU: ours, for the best instruction set that
    this processor has, or torch's. The environment variable ``SEQFORECAST_KERNELS`` chooses: 0 is
    torch's, the name of an instruction set forces ours for that one.

    Examples
    --------
    >>> from seqforecast import show_versions
    >>> show_versions()
    seqforecast   ...
    Python        ...
    system        ...
    cores         ...
    kernels       ...
    joblib        ...
    """
    rows = versions()
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")


def versions() -> dict[str, str]:
    """Return the version of everything that is at work, by name."""
    return {
        "seqforecast": seqforecast.__version__,
        "Python": platform.python_version(),
        "system": platform.platform(),
        "cores": str(os.cpu_count()),
        "kernels": _kernels(),
        **{name: _version(name) for name in _REQUIRED + _OPTIONAL},
    }


def _kernels() -> str:
    try:
        from seqforecast._kernels import status
    except ValueError as error:  # no such kernels: the layers refuse, a bug report shows it
        return str(error)
    return status()


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
