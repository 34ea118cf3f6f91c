"""Optuna prunes trials of our regressors as it prunes trials of skorch's net."""

import pytest

from tests.callbacks.contract.twin import data, plain_net, regressor

RATES = [0.02, 1e-4, 1e-5, 1e-6]
"""The first trial is the best one, so that each later one is below the median at some epoch."""
EPOCHS = 4


def fit_ours(callback, lr):
    return regressor([callback], EPOCHS).set_params(lr=lr).fit(*data()[:2]).net_


def fit_plain(callback, lr):
    return plain_net([callback], EPOCHS, valid=False).set_params(lr=lr).fit(*data()[:2])


def study_of(fit):
    """Return state and reported losses of each trial."""
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")

    def objective(trial):
        lr = trial.suggest_categorical("lr", RATES)
        net = fit(integration.SkorchPruningCallback(trial, "train_loss"), lr)
        return net.history[-1, "train_loss"]

    pruner = optuna.pruners.MedianPruner(n_startup_trials=1)
    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    for lr in RATES:
        study.enqueue_trial({"lr": lr})
    study.optimize(objective, n_trials=len(RATES))
    return [(trial.state.name, trial.intermediate_values) for trial in study.trials]


@pytest.mark.slow  # Optuna takes seconds to import
def test_trials_are_pruned_at_the_same_epoch():
    ours, plain = study_of(fit_ours), study_of(fit_plain)
    assert [state for state, _ in ours] == ["COMPLETE", "PRUNED", "PRUNED", "PRUNED"]
    assert [state for state, _ in plain] == [state for state, _ in ours]
    for (_, mine), (_, theirs) in zip(ours, plain, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4)
