"""Save what was fitted into one file, and load it again, without pickle.

`persistence.format` stands at the bottom of the package, for checkpoints use it; what knows all
estimators stands at the top, and is imported when `save` or `load` is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqforecast.persistence.files import load, save

__all__ = ["load", "save"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from seqforecast.persistence import files

        return getattr(files, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
