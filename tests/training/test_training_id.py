"""What tells one training from another; that each part of it counts is shown with `Checkpoint`."""

import numpy as np

from seqforecast import GRURegressor, callbacks, make_windows


def test_a_training_is_known_again_by_later_versions(tmp_path, monkeypatch):
    # Written by version 0.1.0 before its modules were moved: checkpoints of then must be found.
    monkeypatch.setattr(callbacks.Checkpoint, "remove_checkpoint", lambda *_: None)
    X, y = make_windows(np.arange(40.0) % 7, 6)
    watched = [callbacks.EpochBar(), callbacks.GradientNorms(), callbacks.GradientClipping()]
    watched += [callbacks.GradientFlowRecorder(), callbacks.Checkpoint(tmp_path)]
    GRURegressor(hidden_size=4, max_epochs=2, callbacks=watched, random_state=0).fit(X, y)
    assert [path.stem for path in tmp_path.iterdir()] == ["ad7bc52c4ae058d9bd523145"]
