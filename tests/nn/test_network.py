"""The whole network against its parts."""

import copy

import pytest
import torch

from seqforecast import nn


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def network(kind="LSTM", head="linear", dropout=0.0, num_layers=2):
    generator = seeded()
    recurrent = getattr(nn, kind)(2, 6, num_layers, dropout, generator=generator)
    if head == "linear":
        top = nn.LinearHead(6, 3, generator=generator)
    else:
        top = nn.QuantileHead(6, 3, [0.1, 0.5, 0.9], generator=generator)
    return nn.RecurrentNetwork(recurrent, top, dropout, generator=generator)


def windows(n=4, seed=1):
    return torch.randn(n, 7, 2, generator=seeded(seed), dtype=torch.float64)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("head", ["linear", "quantile"])
def test_every_step_ends_with_the_forecast_of_the_last_step(kind, head):
    net = network(kind, head).double()
    with torch.no_grad():
        every, last = net(windows(), every_step=True), net(windows())
    assert every.shape == (4, 7, *last.shape[1:])
    # Float64; the head's product has another number of rows.
    torch.testing.assert_close(every[:, -1], last, rtol=0, atol=1e-14)


@pytest.mark.parametrize("head", ["linear", "quantile"])
def test_every_step_is_the_last_step_of_the_window_so_far(head):
    net = network(head=head).double()
    with torch.no_grad():
        every = net(windows(), every_step=True)
        for t in range(7):
            shorter = net(windows()[:, : t + 1])
            torch.testing.assert_close(every[:, t], shorter, rtol=0, atol=1e-14)


def test_forecast_equals_torch_layer_and_linear():
    net = network().double()
    recurrent = torch.nn.LSTM(2, 6, 2, batch_first=True).double()
    recurrent.load_state_dict(net.recurrent.state_dict())
    linear = torch.nn.Linear(6, 3).double()
    linear.load_state_dict(net.head.linear.state_dict())
    with torch.no_grad():
        expected = linear(recurrent(windows())[0][:, -1])
        torch.testing.assert_close(net(windows()), expected, rtol=0, atol=1e-13)  # other kernel


@pytest.mark.parametrize("every_step", [False, True])
def test_dropout_acts_before_the_head_while_training(every_step):
    net = network(dropout=0.5, num_layers=1).double()
    masks = torch.Generator()
    masks.set_state(net.dropout.generator.get_state())
    with torch.no_grad():
        forecast = net(windows(), every_step=every_step)
        hidden, _ = net.recurrent(windows())
        hidden = hidden if every_step else hidden[:, -1]
        mask = torch.empty(hidden.shape, dtype=hidden.dtype).bernoulli_(0.5, generator=masks)
        expected = net.head(hidden * mask / 0.5)
        torch.testing.assert_close(forecast, expected, rtol=0, atol=1e-14)
        quiet = net.eval()(windows(), every_step=every_step)
    assert not torch.equal(quiet, forecast)
    assert torch.equal(net(windows(), every_step=every_step), quiet)


def test_deep_copy_keeps_one_generator_for_both_dropouts():
    net = network(dropout=0.5)
    twin = copy.deepcopy(net)
    assert twin.dropout.generator is twin.recurrent.dropout.generator
    assert twin.dropout.generator is not net.dropout.generator
    assert torch.equal(twin(windows().float()), net(windows().float()))


def test_gradient_reaches_every_parameter_and_the_first_step():
    net = network()
    x = windows().float().requires_grad_()
    net(x).sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in net.parameters())
    assert (x.grad[:, 0] != 0).all()
