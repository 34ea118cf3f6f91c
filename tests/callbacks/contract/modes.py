"""All modes of all callbacks: the rows of the table."""

from tests.callbacks.contract import (
    modes_files,
    modes_logs,
    modes_rates,
    modes_scores,
    modes_weights,
)

MODES = [
    *modes_files.MODES,
    *modes_scores.MODES,
    *modes_rates.MODES,
    *modes_weights.MODES,
    *modes_logs.MODES,
]
