"""Save what was fitted into one file, and load it again, without pickle."""

from seqforecast.persistence._files import load, save

__all__ = ["load", "save"]
