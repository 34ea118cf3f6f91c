"""Files that hold arrays and numbers, and nothing that could be executed."""

from seqforecast.persistence.format.container import from_bytes, read, to_bytes, write

__all__ = ["from_bytes", "read", "to_bytes", "write"]
