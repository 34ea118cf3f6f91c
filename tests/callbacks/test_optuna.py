"""Optuna's pruning, as the page of the documentation shows it, with a study in memory."""

import re
from pathlib import Path

import pytest

import seqforecast
from seqforecast.datasets import load_airline

PAGE = Path(__file__).parents[2] / "docs" / "user_guide" / "callbacks.md"


@pytest.mark.slow
def test_the_example_prunes_three_trials_of_four():
    optuna = pytest.importorskip("optuna")
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _, _, section = PAGE.read_text(encoding="utf-8").partition("## Optuna")
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    lines = [line[4:] for line in code.splitlines() if line[:3] in (">>>", "...")]
    X, y = seqforecast.make_windows(load_airline(), window=12)
    names = {"X": X, "y": y, "LSTMRegressor": seqforecast.LSTMRegressor}
    try:
        exec("\n".join(lines), names)
    finally:
        optuna.logging.set_verbosity(verbosity)
    trials = names["study"].trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "PRUNED", "PRUNED"]
    assert str([trial.state.name for trial in trials]) in code
    assert [len(trial.intermediate_values) for trial in trials] == [20, 1, 1, 1]
