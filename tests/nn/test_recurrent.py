"""Recurrent layers against torch's own, a plain Python loop and finite differences."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch

from seqforecast import nn

KINDS = ["RNN-tanh", "RNN-relu", "LSTM", "GRU"]
LAYERS = [1, 2, 3]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def options_of(kind):
    name, _, nonlinearity = kind.partition("-")
    return name, ({"nonlinearity": nonlinearity} if nonlinearity else {})


def ours(kind, input_size=3, hidden_size=5, num_layers=1, dropout=0.0, seed=0):
    name, options = options_of(kind)
    sizes = input_size, hidden_size, num_layers, dropout
    return getattr(nn, name)(*sizes, generator=seeded(seed), **options)


def theirs(kind, input_size=3, hidden_size=5, num_layers=1):
    name, options = options_of(kind)
    sizes = input_size, hidden_size, num_layers
    return getattr(torch.nn, name)(*sizes, batch_first=True, **options)


def random_state(kind, num_layers, n, hidden_size=5, seed=9):
    rng = seeded(seed)
    shape = num_layers, n, hidden_size
    parts = [torch.randn(shape, generator=rng, dtype=torch.float64) for _ in range(2)]
    return tuple(parts) if kind == "LSTM" else parts[0]


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step_of(kind, weights, x, state):
    """Compute one step of one window as the docstrings write it, in numpy."""
    w_ih, w_hh, b_ih, b_hh = weights
    from_x, from_h = w_ih @ x + b_ih, w_hh @ state[0] + b_hh
    if kind == "LSTM":
        i, f, g, o = np.split(from_x + from_h, 4)
        c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    if kind == "GRU":
        (r_x, z_x, n_x), (r_h, z_h, n_h) = np.split(from_x, 3), np.split(from_h, 3)
        r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
        return ((1 - z) * np.tanh(n_x + r * n_h) + z * state[0],)
    a = from_x + from_h
    return (np.tanh(a) if kind == "RNN-tanh" else np.maximum(a, 0),)


def plain_loop(kind, layer, x, state):
    """Run a layer window by window, step by step: the independent twin."""
    parameters = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    names = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
    final = [np.zeros(part.shape) for part in state]
    output = np.zeros((*x.shape[:2], layer.hidden_size))
    for n, window in enumerate(x.numpy()):
        inputs = list(window)
        for k in range(layer.num_layers):
            weights = [parameters[f"{name}_l{k}"] for name in names]
            now = tuple(part[k, n].numpy() for part in state)
            for t, value in enumerate(inputs):
                now = step_of(kind, weights, value, now)
                inputs[t] = now[0]
            for part, value in zip(final, now, strict=True):
                part[k, n] = value
        output[n] = inputs
    return output, final


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_layers", LAYERS)
@pytest.mark.parametrize("initial", [False, True], ids=["zero_state", "given_state"])
def test_layer_random_windows_equals_plain_loop(kind, num_layers, initial):
    layer = ours(kind, num_layers=num_layers).double()
    x = torch.randn(2, 6, 3, generator=seeded(1), dtype=torch.float64)
    given = random_state(kind, num_layers, n=2) if initial else None
    start = as_tuple(given if initial else random_state(kind, num_layers, n=2))
    start = start if initial else tuple(torch.zeros_like(part) for part in start)
    with torch.no_grad():
        output, state = layer(x, given)
    expected, final = plain_loop(kind, layer, x, start)
    # Float64 throughout; sums of eight products in another order.
    np.testing.assert_allclose(output.numpy(), expected, rtol=0, atol=1e-13)
    for part, value in zip(as_tuple(state), final, strict=True):
        np.testing.assert_allclose(part.numpy(), value, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_layers", LAYERS)
@pytest.mark.parametrize("initial", [False, True], ids=["zero_state", "given_state"])
def test_layer_state_dict_in_torch_gives_same_outputs_and_gradients(kind, num_layers, initial):
    layer = ours(kind, num_layers=num_layers).double()
    twin = theirs(kind, num_layers=num_layers).double()
    twin.load_state_dict(layer.state_dict())
    results = []
    for network in (layer, twin):
        x = torch.randn(4, 7, 3, generator=seeded(1), dtype=torch.float64, requires_grad=True)
        state = random_state(kind, num_layers, n=4) if initial else None
        parts = [part.requires_grad_() for part in as_tuple(state)] if initial else []
        output, final = network(x, state)
        values = [output, *as_tuple(final)]
        rng = seeded(2)
        pulls = [torch.randn(v.shape, generator=rng, dtype=v.dtype) for v in values]
        sum((v * p).sum() for v, p in zip(values, pulls, strict=True)).backward()
        gradients = {name: p.grad for name, p in network.named_parameters()}
        results.append((values, [x.grad, *(part.grad for part in parts)], gradients))
    (values, inputs, gradients), (values_2, inputs_2, gradients_2) = results
    assert gradients.keys() == gradients_2.keys()
    pairs = zip(
        [*values, *inputs, *gradients.values()],
        [*values_2, *inputs_2, *gradients_2.values()],
        strict=True,
    )
    for value, expected in pairs:
        # Float64, one kernel for a stack against one kernel a layer.
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_layer_float32_equals_torch(kind, training):
    layer, twin = ours(kind, num_layers=2), theirs(kind, num_layers=2)
    twin.load_state_dict(layer.state_dict())
    layer.train(training), twin.train(training)
    x = torch.randn(4, 9, 3, generator=seeded(1))
    with torch.no_grad():
        output, expected = layer(x)[0], twin(x)[0]
    # A few units of float32's last place, from another kernel.
    torch.testing.assert_close(output, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_layers", LAYERS)
def test_state_dict_to_torch_and_back_is_unchanged(kind, num_layers):
    layer, twin = ours(kind, num_layers=num_layers), theirs(kind, num_layers=num_layers)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    twin.load_state_dict(layer.state_dict())
    layer.load_state_dict(theirs(kind, num_layers=num_layers).state_dict())
    layer.load_state_dict(twin.state_dict())
    after = layer.state_dict()
    assert list(after) == list(before) == list(twin.state_dict())
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_first_step_equals_finite_difference(kind):
    layer = ours(kind, num_layers=2).double()
    x = torch.randn(1, 5, 3, generator=seeded(1), dtype=torch.float64, requires_grad=True)
    layer(x)[0][:, -1].sum().backward()
    step = 1e-6  # error of the central difference: about step**2 and 1e-16 / step
    for channel in range(3):
        moved = torch.zeros_like(x)
        moved[0, 0, channel] = step
        with torch.no_grad():
            high, low = (layer(x + sign * moved)[0][:, -1].sum() for sign in (1, -1))
        difference = (high - low).item() / (2 * step)
        assert x.grad[0, 0, channel].item() == pytest.approx(difference, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_first_weights_equal_torch_with_the_same_seed(kind):
    layer = ours(kind, num_layers=2, seed=7)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        twin = theirs(kind, num_layers=2)
    for name, value in twin.state_dict().items():
        assert torch.equal(layer.state_dict()[name], value)
        assert value.abs().max() <= 1 / math.sqrt(5)


@pytest.mark.parametrize("kind", KINDS)
def test_construction_same_seed_repeats_and_other_seed_does_not(kind):
    first, second, other = (ours(kind, num_layers=2, seed=s).state_dict() for s in (3, 3, 4))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("kind", KINDS)
def test_generator_of_torch_is_left_alone_by_construction_and_dropout(kind):
    before = torch.get_rng_state()
    layer = ours(kind, num_layers=3, dropout=0.5)
    layer(torch.ones(2, 4, 3))
    assert torch.equal(torch.get_rng_state(), before)


def test_construction_without_generator_draws_from_torch():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first = nn.GRU(2, 3).weight_hh_l0
        torch.manual_seed(0)
        second = nn.GRU(2, 3).weight_hh_l0
        third = nn.GRU(2, 3).weight_hh_l0
    assert torch.equal(first, second)
    assert not torch.equal(second, third)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_in_training_acts_between_the_layers_with_masks_of_the_generator(kind):
    p = 0.4
    layer = ours(kind, num_layers=3, dropout=p).double()
    twins = []
    for k in range(3):
        twin = theirs(kind, input_size=3 if k == 0 else 5).double()
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        twin.load_state_dict({f"{n}_l0": getattr(layer, f"{n}_l{k}") for n in names})
        twins.append(twin)
    masks = torch.Generator()
    masks.set_state(layer.dropout.generator.get_state())
    x = torch.randn(4, 6, 3, generator=seeded(1), dtype=torch.float64)
    with torch.no_grad():
        output, _ = layer(x)
        expected = x
        for k, twin in enumerate(twins):
            if k > 0:
                mask = torch.empty(expected.shape, dtype=expected.dtype)
                expected = expected * mask.bernoulli_(1 - p, generator=masks) / (1 - p)
            expected, _ = twin(expected)
        without = layer.eval()(x)[0]
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-13)  # float64, other order
    assert not torch.allclose(output, without)
    assert torch.equal(masks.get_state(), layer.dropout.generator.get_state())


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_with_one_layer_drops_nothing(kind):
    layer = ours(kind, num_layers=1, dropout=0.9)
    x = torch.randn(2, 4, 3, generator=seeded(1))
    before = layer.dropout.generator.get_state()
    assert torch.equal(layer.train()(x)[0], layer(x)[0])
    assert torch.equal(layer.dropout.generator.get_state(), before)


@pytest.mark.parametrize("kind", KINDS)
def test_eval_is_deterministic_and_draws_nothing(kind):
    layer = ours(kind, num_layers=2, dropout=0.5).eval()
    x = torch.randn(2, 4, 3, generator=seeded(1))
    before = layer.dropout.generator.get_state()
    first, second = layer(x)[0], layer(x)[0]
    plain = ours(kind, num_layers=2, dropout=0.0)
    assert torch.equal(first, second)
    assert torch.equal(first, plain.eval()(x)[0])
    assert torch.equal(layer.dropout.generator.get_state(), before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copy_keeps_weights_and_generator_and_shares_neither(kind, copier):
    layer = ours(kind, num_layers=2, dropout=0.5)
    torch.rand(3, generator=layer.dropout.generator)  # not at its first number any more
    twin = copier(layer)
    assert twin.dropout.generator is not layer.dropout.generator
    x = torch.randn(4, 6, 3, generator=seeded(1))
    first, second = layer(x)[0], layer(x)[0]
    assert torch.equal(twin(x)[0], first)
    assert torch.equal(twin(x)[0], second)
    assert not torch.equal(first, second)
    with torch.no_grad():
        twin.weight_hh_l0.add_(1)
    assert not torch.equal(twin.weight_hh_l0, layer.weight_hh_l0)


@pytest.mark.parametrize("kind", KINDS)
def test_windows_are_independent_of_each_other(kind):
    layer = ours(kind, num_layers=2).double()
    x = torch.randn(3, 6, 3, generator=seeded(1), dtype=torch.float64)
    with torch.no_grad():
        together, alone = layer(x)[0][1:2], layer(x[1:2])[0]
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-14)  # products of another size


@pytest.mark.parametrize("kind", KINDS)
def test_state_handed_on_continues_the_window(kind):
    layer = ours(kind, num_layers=2).double()
    x = torch.randn(3, 8, 3, generator=seeded(1), dtype=torch.float64)
    with torch.no_grad():
        whole, final = layer(x)
        first, state = layer(x[:, :5])
        second, last = layer(x[:, 5:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-14)
    for part, expected in zip(as_tuple(last), as_tuple(final), strict=True):
        torch.testing.assert_close(part, expected, rtol=0, atol=1e-14)


def test_rnn_nonlinearity_changes_the_result():
    x = torch.randn(2, 4, 3, generator=seeded(1))
    tanh, relu = ours("RNN-tanh"), ours("RNN-relu")
    assert torch.equal(tanh.weight_hh_l0, relu.weight_hh_l0)
    assert not torch.equal(tanh(x)[0], relu(x)[0])
    assert relu(x)[0].min() >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_layer_parameters_are_the_four_of_the_layer(kind):
    layer = ours(kind, num_layers=2)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for k in range(2):
        expected = [dict(layer.named_parameters())[f"{name}_l{k}"] for name in names]
        assert all(a is b for a, b in zip(layer.layer_parameters(k), expected, strict=True))


def test_repr_names_the_sizes():
    assert "3, 5, num_layers=2" in repr(ours("LSTM", num_layers=2))


def test_base_class_cannot_be_used_by_itself():
    with pytest.raises(TypeError, match="abstract"):
        nn.RecurrentLayer(1, 2)


STATE = torch.zeros(2, 4, 5)


@pytest.mark.parametrize(
    ("kind", "state", "error", "message"),
    [
        ("GRU", torch.zeros(3, 4, 5), ValueError, r"\(3, 4, 5\); \(2, 4, 5\) is needed"),
        ("RNN-tanh", torch.zeros(2, 3, 5), ValueError, r"\(2, 3, 5\); \(2, 4, 5\) is needed"),
        ("LSTM", (STATE, STATE[:1]), ValueError, r"\(1, 4, 5\); \(2, 4, 5\) is needed"),
        ("LSTM", STATE, TypeError, r"is a Tensor; a tuple \(h, c\)"),
        ("LSTM", (STATE,), TypeError, r"a tuple \(h, c\) of two"),
        ("GRU", (STATE, STATE), TypeError, "a tuple of 2; one tensor"),
        ("GRU", STATE.double(), ValueError, "the state is torch.float64, but the layer is"),
    ],
)
def test_state_that_does_not_fit_is_named(kind, state, error, message):
    with pytest.raises(error, match=message):
        ours(kind, num_layers=2)(torch.zeros(4, 6, 3), state)


@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_another_type_are_named(kind):
    with pytest.raises(ValueError, match=r"x is torch.float64, but .* x.float\(\)"):
        ours(kind)(torch.zeros(4, 6, 3, dtype=torch.float64))


@pytest.mark.parametrize("sizes", [(0, 5, 1), (3, 0, 1), (3, 5, 0), (3, 2.5, 1)])
def test_layer_of_no_size_is_refused(sizes):
    with pytest.raises(ValueError, match="an integer of at least 1 is needed"):
        nn.GRU(*sizes)


def test_unknown_nonlinearity_is_refused_at_once():
    with pytest.raises(ValueError, match="nonlinearity='rleu'.*Did you mean 'relu'"):
        nn.RNN(3, 5, nonlinearity="rleu")


def test_share_of_dropout_above_one_is_refused():
    with pytest.raises(ValueError, match="dropout=2.0; a number .* below 1 is needed"):
        nn.LSTM(3, 5, 2, dropout=2.0)
