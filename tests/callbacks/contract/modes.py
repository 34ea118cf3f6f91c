"""All modes of all callbacks: the rows of the table."""

from tests.callbacks.contract import (
    modes_files,
    modes_logs,
    modes_rates,
    modes_scores,
    modes_weights,
)

_ALL = [
    *modes_files.MODES,
    *modes_scores.MODES,
    *modes_rates.MODES,
    *modes_weights.MODES,
    *modes_logs.MODES,
]
_NAMES = [mode.name for mode in _ALL]

MODES = sorted(_ALL, key=lambda mode: _NAMES.index(mode.name))
