"""skorch's own TensorBoard callback shows what ours record: read back from the event file."""

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from skorch import NeuralNetRegressor
from skorch.callbacks import TensorBoard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from seqforecast import LSTMRegressor
from seqforecast.callbacks import GradientClipping, GradientNorms

RECORDED = ["grad_norm", "grad_norm_max", "clip_fraction", "skipped_steps"]
EPOCHS = 4


class Network(torch.nn.Module):
    """What a user writes."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(1, 4, batch_first=True)
        self.head = torch.nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def data(n=40, window=6):
    series = np.random.default_rng(0).normal(size=n + window).cumsum().astype(np.float32)
    return sliding_window_view(series[:-1], window)[..., None].copy(), series[window:, None]


def fit_user_net(*callbacks):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = NeuralNetRegressor(Network, callbacks=list(callbacks), max_epochs=EPOCHS, verbose=0)
        return net.fit(*data())


def fit_our_regressor(*callbacks):
    X, y = data()
    model = LSTMRegressor(
        hidden_size=4, callbacks=list(callbacks), max_epochs=EPOCHS, random_state=0
    )
    return model.fit(X[..., 0], y[:, 0]).net_


def read(folder):
    """Return {tag: ([epoch, ...], [value, ...])} of an event file."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    found = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    return {tag: ([e.step for e in row], [e.value for e in row]) for tag, row in found.items()}


@pytest.mark.parametrize("fit", [fit_user_net, fit_our_regressor])
def test_tensorboard_shows_what_the_history_holds(fit, tmp_path):
    net = fit(
        GradientNorms(per_parameter=True),
        GradientClipping(0.5),
        TensorBoard(SummaryWriter(str(tmp_path))),
    )
    parts = [f"grad_norm/{name}" for name, _ in net.module_.named_parameters()]
    scalars = read(tmp_path)
    for name in [*RECORDED, *parts]:
        epochs, values = scalars[name]
        assert epochs == list(range(1, EPOCHS + 1))
        assert values == np.float32(net.history[:, name]).tolist()  # an event holds float32
    assert len(parts) == 6
    assert len(set(scalars["grad_norm"][1])) == EPOCHS
    assert scalars["clip_fraction"][1][0] > 0
    # Beside what skorch itself shows.
    assert scalars["Loss/train_loss"][1] == np.float32(net.history[:, "train_loss"]).tolist()


def test_callback_after_the_logger_comes_too_late(tmp_path):
    fit_user_net(TensorBoard(SummaryWriter(str(tmp_path))), GradientNorms())
    assert "grad_norm" not in read(tmp_path)
