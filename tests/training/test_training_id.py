"""What tells one training from another; that each part of it counts is shown with `Checkpoint`."""

import shutil
from pathlib import Path

from seqforecast import GRURegressor, callbacks, make_windows
from seqforecast.datasets import load_airline

GOLDEN = Path(__file__).parents[1] / "callbacks" / "golden"


def test_a_checkpoint_of_an_earlier_version_is_taken_up(tmp_path, monkeypatch):
    # Version 0.1.0 wrote it after three epochs, before its modules were moved. Its name is the
    # identity of the training: with another one this fit would begin at epoch 1. A parameter that
    # the regressors gain changes the identity, unless `training_id` leaves its default out.
    (checkpoint,) = GOLDEN.iterdir()
    shutil.copy(checkpoint, tmp_path)
    kept = []
    keep = callbacks.Checkpoint.keep_checkpoint

    def noted(self, net):
        kept.append(len(net.history))
        keep(self, net)

    monkeypatch.setattr(callbacks.Checkpoint, "keep_checkpoint", noted)
    X, y = make_windows(load_airline(), window=12)
    watched = [callbacks.EpochBar(), callbacks.GradientNorms(), callbacks.GradientClipping()]
    watched += [callbacks.GradientFlowRecorder(), callbacks.Checkpoint(tmp_path)]
    params = {"hidden_size": 3, "max_epochs": 5, "device": "cpu", "random_state": 0}
    model = GRURegressor(callbacks=watched, **params).fit(X, y)
    assert kept == [4]  # not after the last one
    assert model.n_iter_ == 5
    assert not list(tmp_path.iterdir())
