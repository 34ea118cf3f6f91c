"""Initial values: exactly the rows that change, and what they are drawn from."""

import math

import numpy as np
import pytest
import torch

from seqforecast import nn

BOTH_BIASES = ("bias_ih", "bias_hh")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def layers(kind):
    """Return our layer and torch's, one and several layers deep, one and two directions."""
    torch_layer, our_layer = getattr(torch.nn, kind), getattr(nn, kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {
            "ours": our_layer(3, 6),
            "ours, 3 layers": our_layer(3, 6, 3),
            "torch": torch_layer(3, 6),
            "torch, 3 layers": torch_layer(3, 6, 3),
            "torch, 2 layers, bidirectional": torch_layer(3, 6, 2, bidirectional=True),
        }


LSTM_GRU = [(kind, name) for kind in ("LSTM", "GRU") for name in layers(kind)]
ALL = [(kind, name) for kind in ("RNN", "LSTM", "GRU") for name in layers(kind)]


def snapshot(layer):
    return {name: value.detach().clone() for name, value in layer.named_parameters()}


def assert_only_changed(layer, before, rows):
    """Assert that in each parameter exactly `rows(name)` differ from `before`."""
    for name, value in layer.named_parameters():
        changed = (value.detach() != before[name]).reshape(len(value), -1)
        expected = torch.zeros(len(value), dtype=torch.bool)
        for block in rows(name):
            expected[block] = True
        assert torch.equal(changed.all(1), expected), name
        assert torch.equal(changed.any(1), expected), name


def gates_by_hand(kind, size=6):
    """Write out which rows belong to the gate that keeps, and to the input gate."""
    keep = slice(size, 2 * size)  # second of i, f, g, o and second of r, z, n
    return keep, (slice(0, size) if kind == "LSTM" else None)


def bias_sums(layer):
    parameters = dict(layer.named_parameters())
    for name, bias_ih in parameters.items():
        if name.startswith("bias_ih"):
            yield bias_ih.detach() + parameters[name.replace("_ih", "_hh")].detach()


# gate_rows, recurrent_parameters ------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_gate_rows_any_layer_are_the_blocks_of_torch(kind, name):
    rows = nn.gate_rows(layers(kind)[name])
    expected = {"RNN": "h", "LSTM": "ifgo", "GRU": "rzn"}[kind]
    assert list(rows) == list(expected)
    assert list(rows.values()) == [slice(6 * k, 6 * k + 6) for k in range(len(expected))]


@pytest.mark.parametrize(("gate", "k"), [("i", 0), ("f", 1), ("g", 2), ("o", 3)])
def test_gate_rows_of_lstm_act_as_the_named_gate(gate, k):
    # One step from c = 1, h = 0, with x = 0: the gates are what their biases say.
    layer = torch.nn.LSTM(1, 2, batch_first=True)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        rows = nn.gate_rows(layer)
        assert rows[gate] == slice(2 * k, 2 * k + 2)
        layer.bias_ih_l0[rows[gate]] = 30.0  # sigmoid and tanh are 1
        ones, zeros = torch.ones(1, 1, 2), torch.zeros(1, 1, 2)
        _, (h, c) = layer(torch.zeros(1, 1, 1), (zeros, ones))
    # All gates at 1/2, candidate 0: c = 1/2. An open input gate lets in nothing.
    expected_c = {"i": 0.5, "f": 1.0, "g": 1.0, "o": 0.5}[gate]
    expected_h = math.tanh(expected_c) * (1.0 if gate == "o" else 0.5)
    # Float32.
    torch.testing.assert_close(c, torch.full_like(c, expected_c), rtol=1e-6, atol=0)
    torch.testing.assert_close(h, torch.full_like(h, expected_h), rtol=1e-6, atol=0)


def test_gate_rows_z_of_gru_keeps_the_state():
    layer = torch.nn.GRU(1, 2, batch_first=True)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.bias_ih_l0[nn.gate_rows(layer)["z"]] = 30.0
        _, state = layer(torch.zeros(1, 5, 1), torch.full((1, 1, 2), 0.7))
    torch.testing.assert_close(state, torch.full_like(state, 0.7))


@pytest.mark.parametrize(
    "layer", [torch.nn.Linear(2, 2), torch.nn.LSTMCell(1, 2), nn.LinearHead(2, 1)]
)
def test_gate_rows_other_layer_raises_type_error(layer):
    with pytest.raises(TypeError, match=rf"got a {type(layer).__name__}; a recurrent layer"):
        nn.gate_rows(layer)


def test_gate_rows_network_instead_of_layer_says_what_to_pass():
    network = nn.RecurrentNetwork(nn.GRU(1, 2), nn.LinearHead(2, 1))
    with pytest.raises(TypeError, match="model.recurrent"):
        nn.gate_rows(network)
    assert nn.gate_rows(network.recurrent)


def test_recurrent_parameters_bidirectional_yields_both_directions():
    layer = torch.nn.LSTM(1, 2, num_layers=2, bidirectional=True)
    for prefix in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        names = [f"{prefix}_l{k}{end}" for k in range(2) for end in ("", "_reverse")]
        found = list(nn.recurrent_parameters(layer, prefix))
        assert all(a is getattr(layer, b) for a, b in zip(found, names, strict=True))


# forget_gate_bias_ --------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), LSTM_GRU)
def test_forget_bias_float_sets_the_sum_in_the_keep_rows_and_nothing_else(kind, name):
    layer = layers(kind)[name]
    before = snapshot(layer)
    nn.forget_gate_bias_(layer, 1.5)
    keep, _ = gates_by_hand(kind)
    assert_only_changed(layer, before, lambda p: [keep] if p.startswith(BOTH_BIASES) else [])
    for total in bias_sums(layer):
        assert (total[keep] == 1.5).all()  # the sum: 3.0 if each bias were set


@pytest.mark.parametrize(("kind", "name"), LSTM_GRU)
def test_forget_bias_chrono_sets_keep_and_input_gate_and_nothing_else(kind, name):
    layer = layers(kind)[name]
    before = snapshot(layer)
    nn.forget_gate_bias_(layer, "chrono", window=48, generator=seeded())
    keep, enter = gates_by_hand(kind)
    blocks = [keep] if enter is None else [keep, enter]
    assert_only_changed(layer, before, lambda p: blocks if p.startswith(BOTH_BIASES) else [])
    sums = list(bias_sums(layer))
    for total in sums:
        assert ((total[keep] >= 0) & (total[keep] <= math.log(47))).all()
        if enter is not None:
            assert torch.equal(total[enter], -total[keep])
    drawn = torch.cat([total[keep] for total in sums])
    assert len(drawn.unique()) == len(drawn)  # each unit of each layer draws its own


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize(
    ("window", "longest"), [(1, 2), (2, 2), (3, 2), (4, 3), (48, 47), (300, 299)]
)
def test_forget_bias_chrono_memory_is_uniform_up_to_the_window(kind, window, longest):
    size = 4000
    layer = getattr(nn, kind)(1, size // 4)
    draws = []
    rng = seeded(1)
    for _ in range(4):
        nn.forget_gate_bias_(layer, "chrono", window=window, generator=rng)
        draws.append(next(bias_sums(layer))[size // 4 : size // 2])
    bias = torch.cat(draws).double().sort().values.numpy()
    assert bias[0] >= 0
    assert bias[-1] <= math.log(longest) + 1e-6  # float32
    # Kolmogorov-Smirnov: exp(b) against the uniform distribution on [1, longest]. A right
    # sampler exceeds 1.95 / sqrt(n) once in a thousand seeds; this seed is fixed.
    position = (np.exp(bias) - 1) / (longest - 1)
    grid = np.arange(size + 1) / size
    distance = max((grid[1:] - position).max(), (position - grid[:-1]).max())
    assert distance < 1.95 / math.sqrt(size)


def test_forget_bias_value_is_the_memory_it_promises():
    # 1 / (1 - sigmoid(b)) = 1 + exp(b) steps: between 2 and `window`.
    layer = nn.LSTM(1, 500)
    nn.forget_gate_bias_(layer, "chrono", window=24, generator=seeded())
    forget = torch.sigmoid(next(bias_sums(layer))[500:1000].double())
    memory = 1 / (1 - forget)
    assert memory.min() >= 2
    assert memory.max() <= 24 + 1e-4  # float32 biases
    assert memory.max() > 23
    assert memory.min() < 2.2


@pytest.mark.parametrize("bias", [-2, 0.0, 1, np.float32(0.25)])
def test_forget_bias_any_number_is_taken(bias):
    layer = nn.GRU(1, 4)
    nn.forget_gate_bias_(layer, bias)
    assert (next(bias_sums(layer))[4:8] == float(bias)).all()


def test_forget_bias_double_layer_stays_double():
    layer = nn.LSTM(1, 4).double()
    nn.forget_gate_bias_(layer, "chrono", window=10, generator=seeded())
    assert {p.dtype for p in layer.parameters()} == {torch.float64}
    assert all(p.requires_grad and p.grad_fn is None for p in layer.parameters())


def test_forget_bias_chrono_depends_on_the_generator_alone():
    results = []
    before = torch.get_rng_state()
    for seed in (5, 5, 6):
        layer = nn.LSTM(1, 4, generator=seeded())
        nn.forget_gate_bias_(layer, "chrono", window=48, generator=seeded(seed))
        results.append(layer.bias_ih_l0)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("module", [nn, torch.nn])
def test_forget_bias_rnn_raises_type_error(module):
    layer = module.RNN(1, 4)
    before = snapshot(layer)
    with pytest.raises(TypeError, match="got a RNN, which has no gate that keeps the past"):
        nn.forget_gate_bias_(layer, 1.0)
    assert_only_changed(layer, before, lambda _: [])


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_forget_bias_chrono_without_window_raises_and_changes_nothing(kind):
    layer = getattr(nn, kind)(1, 4)
    before = snapshot(layer)
    with pytest.raises(ValueError, match="forget_bias='chrono' got no window; .* Pass window="):
        nn.forget_gate_bias_(layer, "chrono")
    assert_only_changed(layer, before, lambda _: [])


# orthogonal_, uniform_ ----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_orthogonal_each_gate_block_and_no_other_parameter(kind, name):
    layer = layers(kind)[name]
    before = snapshot(layer)
    nn.orthogonal_(layer, generator=seeded())
    whole = slice(None)
    assert_only_changed(layer, before, lambda p: [whole] if p.startswith("weight_hh") else [])
    blocks = []
    for parameter, value in layer.named_parameters():
        if parameter.startswith("weight_hh"):
            blocks += value.detach().double().split(6)
    eye = torch.eye(6, dtype=torch.float64)
    for block in blocks:
        torch.testing.assert_close(block @ block.T, eye, rtol=0, atol=1e-6)  # float32
        torch.testing.assert_close(block.T @ block, eye, rtol=0, atol=1e-6)
    distinct = {tuple(block.flatten().tolist()) for block in blocks}
    assert len(distinct) == len(blocks)


def test_orthogonal_same_seed_repeats_and_leaves_torch_alone():
    results = []
    before = torch.get_rng_state()
    for seed in (5, 5, 6):
        layer = nn.GRU(1, 4, generator=seeded())
        nn.orthogonal_(layer, generator=seeded(seed))
        results.append(layer.weight_hh_l0)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_orthogonal_keeps_the_length_of_a_state():
    layer = nn.RNN(1, 8)
    nn.orthogonal_(layer, generator=seeded())
    state = torch.randn(8, generator=seeded(1), dtype=torch.float64)
    moved = torch.linalg.matrix_power(layer.weight_hh_l0.detach().double(), 40) @ state
    assert moved.norm().item() == pytest.approx(state.norm().item(), rel=1e-5)  # 40 x float32


def test_uniform_fills_every_parameter_within_the_bound():
    layer = torch.nn.Linear(50, 40)
    nn.uniform_(layer, 0.25, generator=seeded())
    weight = layer.weight.detach().double().flatten().sort().values.numpy()
    assert -0.25 <= weight[0] < -0.24
    assert 0.24 < weight[-1] <= 0.25
    grid = np.arange(1, 2001) / 2000
    assert np.abs((weight + 0.25) / 0.5 - grid).max() < 1.95 / math.sqrt(2000)  # as above
    assert layer.bias.abs().max() <= 0.25
    twin = torch.nn.Linear(50, 40)
    nn.uniform_(twin, 0.25, generator=seeded())
    assert torch.equal(twin.bias, layer.bias)
