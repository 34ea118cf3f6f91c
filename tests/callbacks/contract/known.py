"""What our net intends to do in another way than skorch's, all of it in this file.

- The history has more columns (`OURS_ALONE`); skorch's own default callbacks, which print a table
  and time the epochs, are not at work, so `dur` is recorded where EpochTimer is in the list.
- A batch is a tuple, skorch's a list; its forecast `y_pred` is detached from the graph.
- Validation batches hold 256 windows; the twin is told so.
- The mean of the training losses is in the history while the validation batches pass; skorch's is
  written after them.
- `predict` gives float64.
- A training that an error ends calls `on_train_end`, too: writers are closed, bars are taken away.
- Where TensorBoard looks at no batch, its mark `first_batch_` stays: nobody reads it.
- Our module is told whether it trains before `on_batch_begin`, skorch's after it; when training has
  ended, ours is in evaluation mode.
- A monitor without validation windows is a ValueError that says what to do.
- What a single mode does in another way stands beside it (`Mode.intended`).
"""

OURS_ALONE = {
    "clip_fraction",
    "effective_memory",
    "grad_norm",
    "grad_norm_max",
    "lr",
    "skipped_steps",
}
"""Columns of the history."""

SECONDS = {"dur"}
"""Columns of the history that no second training repeats."""

NOBODY_READS = {"first_batch_", "epoch_start_time_"}
"""What callbacks keep for nothing, or of a clock."""

CURES = ("X_val", "early_stopping=True")
"""What the error about missing validation windows names."""


def without_known(row):
    """Return a row of the history, or another dict by its keys, as skorch's net has it."""
    return {
        key: "seconds" if key in SECONDS else value
        for key, value in row.items()
        if key.rpartition("/")[2] not in OURS_ALONE
    }
