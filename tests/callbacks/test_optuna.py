"""Optuna's pruning: the example of the documentation, and as on a net of skorch."""

import re
from pathlib import Path

import pytest

import seqforecast
from seqforecast.datasets import load_airline
from tests.callbacks.contract.twin import data, plain_net, regressor

PAGE = Path(__file__).parents[2] / "docs" / "user_guide" / "callbacks.md"


@pytest.fixture
def optuna():
    """Give Optuna, which says nothing about the trials."""
    optuna = pytest.importorskip("optuna")
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield optuna
    optuna.logging.set_verbosity(verbosity)


@pytest.mark.slow
@pytest.mark.usefixtures("optuna")
def test_the_example_prunes_three_trials_of_four():
    _, _, section = PAGE.read_text(encoding="utf-8").partition("## Optuna")
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    lines = [line[4:] for line in code.splitlines() if line[:3] in (">>>", "...")]
    X, y = seqforecast.make_windows(load_airline(), window=12)
    names = {"X": X, "y": y, "LSTMRegressor": seqforecast.LSTMRegressor}
    exec("\n".join(lines), names)
    trials = names["study"].trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "PRUNED", "PRUNED"]
    assert str([trial.state.name for trial in trials]) in code
    assert [len(trial.intermediate_values) for trial in trials] == [20, 1, 1, 1]


RATES = [0.02, 1e-4, 1e-5, 1e-6]
"""The first trial is the best one: each later one is above the median in its first epoch."""
EPOCHS = 4


def fit_ours(callback, lr):
    return regressor([callback], EPOCHS).set_params(lr=lr).fit(*data()[:2]).net_


def fit_skorchs(callback, lr):
    return plain_net([callback], EPOCHS, valid=False).set_params(lr=lr).fit(*data()[:2])


def trials_of(optuna, fit):
    """Return state and reported losses of each trial."""
    from optuna_integration import SkorchPruningCallback

    def objective(trial):
        lr = trial.suggest_categorical("lr", RATES)
        return fit(SkorchPruningCallback(trial, "train_loss"), lr).history[-1, "train_loss"]

    pruner = optuna.pruners.MedianPruner(n_startup_trials=1)
    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    for lr in RATES:
        study.enqueue_trial({"lr": lr})
    study.optimize(objective, n_trials=len(RATES))
    return [(trial.state.name, trial.intermediate_values) for trial in study.trials]


@pytest.mark.slow
def test_trials_are_pruned_as_on_a_net_of_skorch(optuna):
    ours, skorchs = (trials_of(optuna, fit) for fit in (fit_ours, fit_skorchs))
    assert [state for state, _ in ours] == ["COMPLETE", "PRUNED", "PRUNED", "PRUNED"]
    assert [state for state, _ in skorchs] == [state for state, _ in ours]
    for (_, mine), (_, theirs) in zip(ours, skorchs, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4)
