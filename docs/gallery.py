"""The order of the gallery: conf.py shows the examples in it, tests/project checks it."""

from pathlib import Path

__all__ = ["EXAMPLES", "InReadingOrder"]

EXAMPLES = (
    "first_forecast",
    "pipeline_and_grid_search",
    "why_my_lstm_forgets",
    "forget_bias_and_chrono",
    "clipping_a_divergence",
    "lstm_gru_or_rnn",
    "many_stores_with_promotions",
    "search_over_a_panel",
    "intervals_that_cover",
    "backtest_against_naive_and_boosting",
    "update_after_a_change",
    "export_and_serve",
    "search_on_dask_workers",
)


class InReadingOrder:
    """A sort key for sphinx-gallery, which makes one for each folder of examples."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, filename):
        return EXAMPLES.index(Path(filename).stem)
