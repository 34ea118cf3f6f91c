"""Memory of the kernels: kept for the next call, bounded, and never shared."""

import threading

import pytest
import torch

from seqforecast.nn.kernels import workspace

pytestmark = pytest.mark.usefixtures("native")


@pytest.fixture(autouse=True)
def nothing_kept():
    """Start and end without memory of other tests."""
    workspace._free.clear()
    yield
    workspace._free.clear()


def kept():
    return sum(kept.values.numel() for kept in workspace._free)


def address(workspace):
    return workspace.values.data_ptr()


def test_memory_of_a_dead_call_serves_the_next_of_its_size():
    first = workspace.Workspace(1000)
    place = address(first)
    del first
    other = workspace.Workspace(999)
    assert address(other) != place
    assert address(workspace.Workspace(1000)) == place


def test_living_calls_share_no_memory():
    spaces = [workspace.Workspace(1000) for _ in range(20)]
    assert len({address(space) for space in spaces}) == 20
    del spaces
    spaces = [workspace.Workspace(1000) for _ in range(20)]
    assert len({address(space) for space in spaces}) == 20


def test_kept_memory_is_bounded_in_number_and_size(monkeypatch):
    monkeypatch.setattr(workspace, "_MOST_KEPT", 10_000)
    for size in range(900, 1000):
        workspace.Workspace(size)
        assert len(workspace._free) <= 8
        assert kept() <= 10_000
    workspace.Workspace(10_001)  # never kept
    assert all(kept.values.numel() <= 10_000 for kept in workspace._free)
    workspace.Workspace(900)
    workspace.Workspace(9_999)
    assert kept() == 9_999  # what was kept before makes room


def test_a_call_broken_off_while_its_memory_is_noted_harms_no_later_one():
    broken_off = workspace.Workspace(1000)
    del broken_off._return.values  # as after Ctrl-C between the two lines
    del broken_off
    assert workspace.Workspace(1000).values.shape == (1000,)


@pytest.mark.parametrize("cell", ["tanh", "lstm", "gru"])
def test_training_steps_of_one_size_take_no_new_memory(kernels, cell, monkeypatch):
    layer, x = kernels.layer(cell, 2, 9, 2), torch.ones(40, 6, 2)
    sizes, empty = [], torch.empty

    def spy(*arguments, **options):
        sizes.append(arguments)
        return empty(*arguments, **options)

    def step():
        layer(x)[0].sum().backward()

    step()
    monkeypatch.setattr(workspace.torch, "empty", spy)
    for _ in range(3):
        step()
    assert sizes == []
    layer(x[:7])  # the twin: another size is new
    assert sizes != []


def test_graphs_alive_at_once_keep_their_own_values(kernels):
    layer = kernels.layer("lstm", 2, 9)
    xs = [torch.randn(5, 6, 2, generator=torch.Generator().manual_seed(s)) for s in range(4)]

    def gradients(output):
        return torch.autograd.grad(output.square().sum(), list(layer.parameters()))

    alone = [gradients(layer(x)[0]) for x in xs]
    outputs = [layer(x)[0] for x in xs]
    for k in (2, 0, 3, 1):
        found = gradients(outputs[k])
        assert all(torch.equal(a, b) for a, b in zip(found, alone[k], strict=True))


def test_threads_never_get_the_same_memory():
    shared = []

    def use(number):
        for size in (100, 200, 300) * 150:
            space = workspace.Workspace(size)
            space.values.fill_(number)
            if not (space.values == number).all():
                shared.append(size)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared == []


def test_failed_call_gives_its_memory_back(kernels):
    layer = kernels.layer("gru", 2, 9)
    layer(torch.zeros(3, 4, 2))[0].sum().backward()
    before = kept()
    with pytest.raises(TypeError):
        workspace.Workspace("nothing")
    layer(torch.zeros(3, 4, 2))  # a graph that nobody goes back through
    assert kept() == before


@pytest.mark.parametrize("cell", ["tanh", "lstm"])
def test_default_dtype_of_torch_does_not_reach_the_memory(kernels, cell):
    layer, x = kernels.layer(cell, 2, 3), torch.ones(2, 4, 2)
    expected = layer(x)[0]
    workspace._free.clear()
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(layer(x)[0], expected)
    finally:
        torch.set_default_dtype(torch.float32)
