"""NetworkProbe: networks of every shape against autograd through a plain loop in their place."""

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from seqforecast import nn
from seqforecast.gradients.probe import NetworkProbe, _cut_open, recurrent_layers

N, WINDOW, CHANNELS, HIDDEN, OUTPUTS = 3, 6, 3, 4, 2
KINDS = ["RNN-tanh", "RNN-relu", "LSTM", "GRU"]


class Network(torch.nn.Module):
    """A recurrent layer, and what a function makes of its output and final states."""

    def __init__(self, layer, forward, features=HIDDEN):
        super().__init__()
        self.recurrent = layer
        self.dropout = torch.nn.Dropout(0.5)
        self.head = torch.nn.Linear(features, OUTPUTS).double()
        self.way = forward

    def forward(self, x):
        return self.way(self, x)


def last_step(net, x):
    return net.head(net.recurrent(x)[0][:, -1])


def final_state(net, x):
    state = net.recurrent(x)[1]
    return net.head((state[0] if isinstance(state, tuple) else state)[-1])


def last_step_and_final_state(net, x):
    output, state = net.recurrent(x)
    return net.head(output[:, -1] * (state[0] if isinstance(state, tuple) else state)[-1])


def mean_over_time(net, x):
    return net.head(net.recurrent(x)[0].mean(1))


def inner_step(net, x):
    return net.head(net.recurrent(x)[0][:, 2])


def attention(net, x):
    output = net.recurrent(x)[0]
    share = (output @ output[:, -1:].mT).softmax(1)
    return net.head((share * output).sum(1))


def all_final_states(net, x):
    state = net.recurrent(x)[1]
    parts = state if isinstance(state, tuple) else (state,)
    return net.head(torch.cat([*parts[0], *parts[-1]], dim=1)).tanh()


def only_lower_layer(net, x):
    state = net.recurrent(x)[1]
    return net.head((state[1] if isinstance(state, tuple) else state)[0])


def given(net):
    kind = getattr(net.recurrent, "kind", type(net.recurrent).__name__)
    shape = net.recurrent.num_layers, N, HIDDEN
    parts = tuple(torch.linspace(-1, s, math.prod(shape)).double().view(shape) for s in (1, 2))
    return parts if kind == "LSTM" else parts[0]


def given_state(net, x):
    return net.head(net.recurrent(x, given(net))[0][:, -1])


def with_dropout(net, x):
    output = net.recurrent(net.dropout(x))[0]
    return net.head(net.dropout(output)[:, -1])


def time_first(net, x):
    return net.head(net.recurrent(x.transpose(0, 1))[0][1:].mean(0))


def time_first_given_state(net, x):
    return net.head(net.recurrent(x.transpose(0, 1), given(net))[0][-1])


def ignored(net, x):
    net.recurrent(x)
    return net.head(x[:, -1, :1].expand(-1, HIDDEN))


def decoder(net, x):
    """Call the layer again, on what it said first."""
    output, state = net.recurrent(x)
    return net.head(net.recurrent(output[:, -1:, :CHANNELS], state)[0][:, -1])


WAYS = {
    "last_step": (last_step, {}),
    "final_state": (final_state, {}),
    "last_step_and_final_state": (last_step_and_final_state, {}),
    "mean_over_time": (mean_over_time, {}),
    "inner_step": (inner_step, {}),
    "attention": (attention, {}),
    "all_final_states": (all_final_states, {"features": 4 * HIDDEN}),
    "only_lower_layer": (only_lower_layer, {}),
    "given_state": (given_state, {}),
    "with_dropout": (with_dropout, {"dropout": 0.5}),
    "time_first": (time_first, {"batch_first": False}),
    "time_first_given_state": (time_first_given_state, {"batch_first": False}),
    "ignored": (ignored, {}),
    "decoder": (decoder, {}),
}


@pytest.fixture
def network_of(layer_of):
    """Return a function that builds a network by the name of its way."""

    def build(kind, way, **layer_options):
        forward, options = WAYS[way]
        options = {"num_layers": 2, **options, **layer_options}
        features = options.pop("features", HIDDEN)
        layer = layer_of(kind, CHANNELS, HIDDEN, **options)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return Network(layer, forward, features)

    return build


def close(value, expected):
    # Float64: sums of a few products in another order.
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)


def equals_twin(network, x, weights, kind, loop_twin):
    """Compare all that a probe tells with autograd through a loop in the layer's place."""
    twin = copy.deepcopy(network).eval()
    twin.recurrent = loop = loop_twin(network.recurrent, kind)
    leaf = x.clone().requires_grad_()
    forecast = twin(leaf)
    probe = NetworkProbe(network, lambda: network(x))
    close(probe.forecast.detach(), forecast.detach())

    scans, dx = probe.scan(weights)
    (forecast * weights).sum().backward(retain_graph=True)
    expected = loop.gradients()
    assert len(scans) == loop.num_layers
    for k, scan in enumerate(scans):
        dh, dc, _ = scan.true_values()
        close(dh, expected.dh[k])
        if kind == "LSTM":
            close(dc, expected.dc[k])
    by_output = probe.input_gradients()
    assert by_output.shape == (OUTPUTS, N, WINDOW, CHANNELS)
    return SimpleNamespace(
        probe=probe, dx=dx, by_output=by_output, leaf=leaf, forecast=forecast, expected=expected
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_autograd(kind, way, network_of, loop_twin, normal):
    network, x = network_of(kind, way).train(), normal(N, WINDOW, CHANNELS)
    found = equals_twin(network, x, normal(N, OUTPUTS, seed=4), kind, loop_twin)
    if way == "ignored":  # what the input says passes by the layer
        assert not found.dx.any()
        assert not found.by_output.any()
        assert (found.probe.scan(torch.ones(N, OUTPUTS))[0][0].log10_curve() == -math.inf).all()
        return
    close(found.dx, found.leaf.grad)
    for j in range(OUTPUTS):
        (expected,) = torch.autograd.grad(found.forecast[:, j].sum(), found.leaf, retain_graph=True)
        close(found.by_output[j], expected)
    assert found.dx.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_layers", [1, 3])
def test_gradients_of_our_layers_equal_autograd(kind, num_layers, network_of, loop_twin, normal):
    network = network_of(kind, "mean_over_time", own=True, num_layers=num_layers, dropout=0.3)
    x = normal(N, WINDOW, CHANNELS)
    found = equals_twin(network, x, normal(N, OUTPUTS, seed=4), kind, loop_twin)
    close(found.dx, found.leaf.grad)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("names", ["state", "both"])
def test_layer_called_by_names_is_the_same(own, names, network_of, normal):
    network, x = network_of("LSTM", "given_state", own=own), normal(N, WINDOW, CHANNELS)
    expected = NetworkProbe(network, lambda: network(x)).input_gradients()
    of_x, of_state = ("x", "state") if own else ("input", "hx")

    def by_name(net, x):
        if names == "state":
            return net.head(net.recurrent(x, **{of_state: given(net)})[0][:, -1])
        return net.head(net.recurrent(**{of_state: given(net), of_x: x})[0][:, -1])

    network.way = by_name
    assert torch.equal(NetworkProbe(network, lambda: network(x)).input_gradients(), expected)


@pytest.mark.parametrize("first", ["RNN-tanh", "LSTM"])
def test_two_recurrent_layers_in_sequence_equal_autograd(first, layer_of, loop_twin, normal):
    second = layer_of("GRU", HIDDEN, HIDDEN, seed=5)

    def both(net, x):
        return net.head(second(net.recurrent(x)[0])[0][:, -1])

    network = Network(layer_of(first, CHANNELS, HIDDEN), both)
    x = normal(N, WINDOW, CHANNELS)
    found = equals_twin(network, x, normal(N, OUTPUTS, seed=4), first, loop_twin)
    close(found.dx, found.leaf.grad)


def test_network_of_the_package_equals_autograd(normal):
    network = nn.RecurrentNetwork(nn.GRU(CHANNELS, HIDDEN), nn.LinearHead(HIDDEN, OUTPUTS), 0.5)
    network = network.double().train()
    x = normal(N, WINDOW, CHANNELS)
    by_output = NetworkProbe(network, lambda: network(x)).input_gradients()
    leaf = x.clone().requires_grad_()
    forecast = network.eval()(leaf)
    for j in range(OUTPUTS):
        (expected,) = torch.autograd.grad(forecast[:, j].sum(), leaf, retain_graph=True)
        close(by_output[j], expected)


@pytest.mark.parametrize("frozen", ["recurrent", "head", ""])
def test_frozen_parameters_do_not_matter(frozen, network_of, normal):
    network, x = network_of("GRU", "attention"), normal(N, WINDOW, CHANNELS)
    expected = NetworkProbe(network, lambda: network(x)).input_gradients()
    network.get_submodule(frozen).requires_grad_(False)
    with torch.no_grad():
        found = NetworkProbe(network, lambda: network(x)).input_gradients()
    close(found, expected)  # torch has another kernel where no weight needs a gradient


def test_forecast_of_frozen_parts_beside_the_layer_has_no_gradient(network_of, normal):
    network, x = network_of("LSTM", "ignored").requires_grad_(False), normal(N, WINDOW, CHANNELS)
    probe = NetworkProbe(network, lambda: network(x))
    assert not probe.forecast.requires_grad
    assert not probe.input_gradients().any()


# What it leaves alone -----------------------------------------------------------------------------


class Broken(RuntimeError):
    pass


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("training", [True, False])
def test_everything_is_as_it_was(raises, training, network_of, normal):
    network = network_of("LSTM", "with_dropout").train(training)
    network.head.train(not training)  # a mode of its own
    x = normal(N, WINDOW, CHANNELS).requires_grad_()
    network(x).sum().backward()
    gradients = {name: p.grad.clone() for name, p in network.named_parameters()}
    of_x, weights = x.grad.clone(), copy.deepcopy(network.state_dict())
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    modes = {name: module.training for name, module in network.named_modules()}
    seen = []

    def forecast():
        seen.append([module.training for module in network.modules()])
        forecast = network(x)
        if raises:
            raise Broken
        return forecast

    if raises:
        with pytest.raises(Broken):
            NetworkProbe(network, forecast)
    else:
        probe = NetworkProbe(network, forecast)
        probe.scan(torch.ones(N, OUTPUTS))
        probe.input_gradients()
    assert seen == [[False] * len(modes)]
    assert {name: module.training for name, module in network.named_modules()} == modes
    assert not network.recurrent._forward_hooks
    assert network(x).requires_grad  # nothing is cut any more
    for name, p in network.named_parameters():
        assert torch.equal(p.grad, gradients[name])
        assert torch.equal(p, weights[name])
    assert torch.equal(x.grad, of_x)
    if not training:  # with dropout, the forward pass just above draws
        assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_probe_draws_nothing_although_dropout_is_on(network_of, normal):
    network, x = network_of("GRU", "with_dropout").train(), normal(N, WINDOW, CHANNELS)
    before = torch.get_rng_state()
    first = NetworkProbe(network, lambda: network(x)).input_gradients()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(NetworkProbe(network, lambda: network(x)).input_gradients(), first)


# Which layer, and what cannot be probed -----------------------------------------------------------


def test_recurrent_layers_are_found_at_any_depth(layer_of):
    layer, other = layer_of("GRU"), layer_of("LSTM")
    inner = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Sequential(layer), other)
    assert recurrent_layers(inner) == [layer, other]
    assert recurrent_layers(layer) == [layer]

    class LSTM(torch.nn.Module):  # a user's own network, by the name of a layer
        def __init__(self):
            super().__init__()
            self.inner = layer

    assert recurrent_layers(LSTM()) == [layer]


def test_layer_called_first_counts_not_the_one_registered_first(normal):
    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.decoder = torch.nn.GRU(4, 2, batch_first=True, dtype=torch.float64)
            self.encoder = torch.nn.GRU(3, 4, batch_first=True, dtype=torch.float64)

        def forward(self, x):
            return self.decoder(self.encoder(x)[0])[0][:, -1]

    network, x = Network(), normal(2, 5, 3).requires_grad_()
    probe = NetworkProbe(network, lambda: network(x))
    assert probe.layer is network.encoder
    (expected,) = torch.autograd.grad(network(x)[:, 0].sum(), x)
    torch.testing.assert_close(probe.input_gradients()[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("module", [torch.nn.Linear(3, 2), torch.nn.LSTMCell(3, 4)])
def test_network_without_recurrent_layer_is_a_type_error(module):
    message = f"{type(module).__name__} holds no recurrent layer; an RNN, LSTM or GRU of"
    with pytest.raises(TypeError, match=message):
        NetworkProbe(module, lambda: torch.zeros(1, 1))


def test_layer_that_is_not_called_is_a_type_error(network_of):
    with pytest.raises(TypeError, match="the network's GRU was not called; a network that runs"):
        NetworkProbe(network_of("GRU", "last_step"), lambda: torch.zeros(N, 1))


def test_packed_sequence_is_a_type_error(network_of, normal):
    network, x = network_of("GRU", "last_step"), normal(N, WINDOW, CHANNELS)

    def packed(net, x):
        return net.head(net.recurrent(pack_padded_sequence(x, [6, 5, 5], batch_first=True))[1][-1])

    network.way = packed
    with pytest.raises(TypeError, match="gives its GRU a PackedSequence; a tensor of three dim"):
        NetworkProbe(network, lambda: network(x))
    assert not network.recurrent._forward_hooks


def test_window_without_batch_is_a_type_error(network_of, normal):
    network, x = network_of("GRU", "last_step"), normal(WINDOW, CHANNELS)
    with pytest.raises(TypeError, match="gives its GRU a Tensor; a tensor of three dimensions"):
        NetworkProbe(network, lambda: network.recurrent(x)[0])


@pytest.mark.parametrize(
    ("options", "features"), [({"bidirectional": True}, 2 * HIDDEN), ({"proj_size": 2}, 2)]
)
def test_two_directions_or_a_projection_are_a_value_error(options, features, layer_of, normal):
    layer = layer_of("LSTM", CHANNELS, HIDDEN, **options)
    network, x = Network(layer, last_step, features), normal(N, WINDOW, CHANNELS)
    with pytest.raises(ValueError, match=f"LSTM has {next(iter(options))}="):
        NetworkProbe(network, lambda: network(x))


def test_a_thread_that_comes_before_torch_knows_of_keywords_is_not_disturbed():
    layer, x, calls = nn.LSTM(CHANNELS, HIDDEN), torch.randn(N, WINDOW, CHANNELS), []
    expected, _ = layer(x)
    with _cut_open([layer], calls), ThreadPoolExecutor(1) as other:
        layer._forward_hooks_with_kwargs.clear()  # as between two lines of torch's registration
        output, _ = other.submit(layer, x).result()
    assert torch.equal(output, expected)
    assert not calls
