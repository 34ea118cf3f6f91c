"""When our kernels run and when torch's do, and how they meet autograd."""

import copy
import pickle
import warnings

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from seqforecast import _kernels

CELLS = ["tanh", "relu", "lstm", "gru"]
BOTH_WAYS = ["forward", "backward"]


def windows(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=CELLS)
def layer(request, kernels):
    return kernels.layer(request.param, 3, 5)


def gradients(layer, x, state=None):
    """Return output, and gradients of a sum of all results by input and parameters."""
    x = x.detach().clone().requires_grad_()
    output, final = layer(x, state)
    final = final if isinstance(final, tuple) else (final,)
    loss = output.square().sum() + sum(part.sum() for part in final)
    return [output.detach(), *torch.autograd.grad(loss, [x, *layer.parameters()])]


def assert_close(found, expected):
    for value, other in zip(found, expected, strict=True):
        # Issue 4's bound for float32.
        assert (value - other).abs().max() <= 1e-5 * other.abs().max() + 1e-6


def by_torch(function, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_kernels, "VARIANT", None)
        return function()


def test_float32_on_the_cpu_runs_ours(layer, called):
    layer(windows(2, 4, 3))[0].sum().backward()
    assert called == BOTH_WAYS


def test_without_kernels_torch_gives_the_same(layer, called, monkeypatch):
    found = gradients(layer, windows(6, 7, 3))
    assert called == BOTH_WAYS
    assert_close(found, by_torch(lambda: gradients(layer, windows(6, 7, 3)), monkeypatch))
    assert called == BOTH_WAYS


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtype_runs_torch(layer, called, dtype):
    output, _ = layer.to(dtype)(windows(2, 4, 3).to(dtype))
    assert output.dtype == dtype
    assert called == []


def test_view_that_stands_for_its_negative_runs_torch(layer, called):
    x = torch.complex(windows(2, 4, 3), windows(2, 4, 3, seed=1)).conj().imag
    assert x.is_neg()
    output, _ = layer(x)
    assert called == []
    assert_close([output], [layer(-windows(2, 4, 3, seed=1))[0]])


def test_transforms_of_torch_see_torch(layer, called, monkeypatch):
    names = list(dict(layer.named_parameters()))
    x = windows(4, 6, 3)

    def loss(parameters, x):
        return torch.func.functional_call(layer, parameters, (x,))[0].square().sum()

    values = {name: p.detach() for name, p in layer.named_parameters()}
    found = torch.func.grad(loss)(values, x)
    assert called == []
    loss(dict(layer.named_parameters()), x).backward()
    assert called == BOTH_WAYS
    assert_close([found[name] for name in names], [p.grad for p in layer.parameters()])
    called.clear()
    try:
        mapped = torch.func.vmap(lambda window: layer(window[None])[0][0])(x)
    except (RuntimeError, NotImplementedError):  # as torch's own, where it has no rule
        with pytest.raises((RuntimeError, NotImplementedError)):
            by_torch(
                lambda: torch.func.vmap(lambda window: layer(window[None])[0][0])(x), monkeypatch
            )
    else:
        assert_close([mapped], [layer(x)[0]])
        called.clear()
    assert called == []


def test_autocast_and_forward_mode_and_tracing_run_torch(layer, called):
    x = windows(2, 4, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(x)
    with torch.autograd.forward_ad.dual_level():
        layer(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch: to trace is deprecated, and sizes become constants
        traced = torch.jit.trace(layer, (x,), check_trace=False)
    assert called == []
    assert_close([traced(windows(2, 4, 3, seed=1))[0]], [layer(windows(2, 4, 3, seed=1))[0]])


@pytest.mark.parametrize("initial", [False, True])
def test_second_derivatives_equal_torch_in_float64(kernels, layer, called, initial):
    def second(network, dtype):
        x = windows(3, 4, 3).to(dtype).requires_grad_()
        parts = [windows(1, 3, 5, seed=s).to(dtype).requires_grad_() for s in (1, 2)]
        state = (tuple(parts) if layer.cell == "LSTM" else parts[0]) if initial else None
        output, _ = network(x, state)
        wanted = [x, *network.parameters()]
        if initial:
            wanted += parts[: 1 + (layer.cell == "LSTM")]
        first = torch.autograd.grad(output.square().sum(), wanted, create_graph=True)
        penalty = sum(g.square().sum() for g in first)
        return [*first, *torch.autograd.grad(penalty, wanted, allow_unused=True)]

    found = second(layer, torch.float32)
    # Ours once more, from the first gradient's 2 * output; what has derivatives is torch's.
    assert called == BOTH_WAYS
    expected = second(kernels.twin(layer), torch.float64)
    assert len(found) == len(expected)
    for value, other in zip(found, expected, strict=True):
        assert (value is None) == (other is None)
        # Derivatives of derivatives: ten times the bound of the first.
        if value is not None:
            assert (value - other).abs().max() <= 1e-4 * other.abs().max() + 1e-5


def test_graph_that_is_kept_gives_the_same_twice(layer, called):
    output, _ = layer(windows(4, 6, 3))
    loss = output.square().sum()
    first = torch.autograd.grad(loss, list(layer.parameters()), retain_graph=True)
    second = torch.autograd.grad(loss, list(layer.parameters()))
    assert called == ["forward", "backward", "backward"]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, list(layer.parameters()))


@pytest.mark.parametrize("changed", ["weight_ih_l0", "weight_hh_l0", "x"])
def test_change_between_forward_and_backward_is_an_error(layer, called, changed):
    x = windows(4, 6, 3)
    output, _ = layer(x)
    with torch.no_grad():
        (x if changed == "x" else getattr(layer, changed)).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()
    assert called == ["forward"]


def test_hooks_see_outputs_and_gradients(layer, called):
    seen = []
    layer.register_forward_hook(lambda *_: seen.append("forward"))
    layer.weight_hh_l0.register_hook(lambda g: seen.append(g.shape) or 2 * g)
    x = windows(4, 6, 3)
    output, _ = layer(x)
    output.retain_grad()
    output.register_hook(lambda _: seen.append("output"))
    output.sum().backward()
    assert seen == ["forward", "output", layer.weight_hh_l0.shape]
    assert torch.equal(output.grad, torch.ones_like(output))
    plain = torch.autograd.grad(layer(x)[0].sum(), [layer.weight_ih_l0])[0]
    assert torch.equal(layer.weight_ih_l0.grad, plain)
    assert called == BOTH_WAYS * 2


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copy_of_a_used_layer_gives_the_same(layer, called, copier):
    expected = gradients(layer, windows(4, 6, 3))
    found = gradients(copier(layer), windows(4, 6, 3))
    assert called == BOTH_WAYS * 2
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_no_graph_is_made_where_none_is_wanted(layer, called, mode):
    expected = layer(windows(4, 6, 3))[0]
    with mode():
        output, _ = layer(windows(4, 6, 3))
    assert not output.requires_grad
    assert called == ["forward"] * 2
    assert_close([output], [expected.detach()])
    layer(windows(4, 6, 3))[0].sum().backward()  # memory of inference mode serves again


@pytest.mark.parametrize(
    "lay",
    [
        lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
        lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
        lambda x: x.repeat_interleave(2, 0).repeat_interleave(3, 1)[::2, ::3],
        lambda x: x.repeat_interleave(2, 2)[..., ::2],
        lambda x: torch.cat([x, x], 1)[:, :6],
    ],
    ids=["steps_first", "channels_first", "every_other", "columns_apart", "part_of_longer"],
)
def test_layout_of_the_windows_does_not_matter(layer, called, lay):
    x = windows(4, 6, 3)
    laid = lay(x)
    assert not laid.is_contiguous()
    assert torch.equal(laid, x)
    found, expected = [], []
    for values, results in ((laid, found), (x, expected)):
        leaf = values.detach().requires_grad_()
        output, _ = layer(leaf)
        results += [output, *torch.autograd.grad(output.sum(), [leaf, *layer.parameters()])]
    assert called == BOTH_WAYS * 2
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_expanded_windows_and_state_gather_their_gradients(kernels, layer, called):
    n_states = 1 + (layer.cell == "LSTM")

    def run(network, dtype):
        x = windows(1, 1, 3).to(dtype).requires_grad_()
        parts = [windows(1, 1, 5, seed=s).to(dtype).requires_grad_() for s in range(n_states)]
        state = tuple(part.expand(1, 4, 5) for part in parts)
        output, _ = network(x.expand(4, 6, 3), state if n_states == 2 else state[0])
        return torch.autograd.grad(output.sum(), [x, *parts])

    found = run(layer, torch.float32)
    assert called == BOTH_WAYS
    assert_close(found, run(kernels.twin(layer), torch.float64))


@pytest.mark.parametrize("trained", [["x"], ["weight_hh_l0"], ["bias_ih_l0", "x"], ["h0"]])
def test_frozen_parts_get_no_gradient_and_change_no_other(layer, called, trained):
    x = windows(4, 6, 3)
    parts = [windows(1, 4, 5, seed=s) for s in range(1 + (layer.cell == "LSTM"))]
    tensors = {"x": x, "h0": parts[0], **dict(layer.named_parameters())}
    found = []
    for chosen in (list(tensors), trained):
        for name, tensor in tensors.items():
            tensor.requires_grad_(name in chosen)
            tensor.grad = None
        layer(x, tuple(parts) if len(parts) == 2 else parts[0])[0].sum().backward()
        found.append({name: tensor.grad for name, tensor in tensors.items()})
    every, some = found
    assert called == BOTH_WAYS * 2
    assert [name for name, gradient in some.items() if gradient is not None] == [
        name for name in tensors if name in trained
    ]
    assert all(torch.equal(some[name], every[name]) for name in trained)


def test_checkpointed_layer_gives_the_same_gradients(layer, called):
    x = windows(4, 6, 3)
    expected = torch.autograd.grad(layer(x)[0].sum(), list(layer.parameters()))
    output = checkpoint(lambda x: layer(x)[0], x, use_reentrant=False)
    found = torch.autograd.grad(output.sum(), list(layer.parameters()))
    assert "backward" in called
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_gradients_add_up_over_windows_of_two_calls(layer):
    x = windows(8, 6, 3)
    expected = torch.autograd.grad(layer(x)[0].sum(), list(layer.parameters()))
    for part in (x[:3], x[3:]):
        layer(part)[0].sum().backward()
    assert_close([p.grad for p in layer.parameters()], expected)
