"""Threads, processes and the state of the processor: the same bits, and no trace."""

import multiprocessing
import os
import threading
import time
import warnings

import numpy as np
import pytest
import torch

CELLS = ["tanh", "relu", "lstm", "gru"]

# 7.3e7 multiplications and additions forward for one gate: three threads by 2e7 each; nine tiles.
LARGE = 216, 24, 8, 80

# 2e7 forward for four gates, and twice that back: three tiles, and no work for two threads.
SMALL = 96, 24, 1, 32


@pytest.fixture(autouse=True)
def one_thread():
    """Restore the number of threads and torch's denormals."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


def call(kernels, name, cell, sizes, threads, dtype=np.float32):
    """Return all results and gradients of a call."""
    n, window, n_inputs, hidden = sizes
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, window, n_inputs)).astype(dtype)
    pull = rng.standard_normal((n, window, hidden)).astype(dtype)
    weights = kernels.weights(cell, n_inputs, hidden, rng, dtype)
    run = kernels.Call(name, cell, x, weights, threads=threads)
    found = run.forward() + run.backward(pull)
    assert run.damage() == []
    return found


def same(found, expected):
    return all(a.tobytes() == b.tobytes() for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_any_number_of_threads_gives_the_same_bits_every_time(kernels, any_variant, cell):
    name, dtype = any_variant
    expected = call(kernels, name, cell, LARGE, 1, dtype)
    for threads in (2, 2, 3, 64):
        assert same(call(kernels, name, cell, LARGE, threads, dtype), expected)


def running():
    """Count the threads of this process."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads"))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux counts threads")
@pytest.mark.parametrize(
    ("sizes", "threads", "others"),
    [(SMALL, 2, 0), (LARGE, 1, 0), (LARGE, 2, 1)],
    ids=["small_work", "one_asked_for", "large_work"],
)
def test_threads_start_only_where_the_work_pays(native, kernels, sizes, threads, others):
    # A thread that was joined may need a moment more to leave the system's list.
    start = min((time.sleep(0.005), running())[1] for _ in range(10))
    done, seen = threading.Event(), []

    def watch():
        while not done.is_set():
            seen.append(running() - start - 1)  # less the watcher

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for k in range(100):
            call(kernels, native.variants()[-1], "lstm", sizes, threads)
            if k > 1 and max(seen, default=-1) == others:  # a busy machine may be slow to look
                break
    finally:
        done.set()
        watcher.join()
    assert max(seen) == others
    deadline = time.monotonic() + 10
    while running() > start and time.monotonic() < deadline:
        time.sleep(0.005)
    assert running() == start  # none is left


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.usefixtures("variant")
def test_windows_do_not_notice_their_neighbours(kernels, cell):
    layer = kernels.layer(cell, 3, 21)
    x = torch.randn(75, 6, 3, generator=torch.Generator().manual_seed(0))

    def run(x):
        x = x.detach().clone().requires_grad_()
        output, _ = layer(x)
        return output.detach(), torch.autograd.grad(output.square().sum(), [x])[0]

    output, gradient = run(x)
    for first, last in ((0, 1), (7, 12), (30, 75), (1, 34)):
        found = run(x[first:last])
        # To the last bit: what is forecast for a series must not depend on the others.
        assert torch.equal(found[0], output[first:last])
        assert torch.equal(found[1], gradient[first:last])


@pytest.mark.usefixtures("native")
def test_threads_of_python_run_side_by_side(kernels):
    layers = [kernels.layer(cell, 3, 21, 2) for cell in CELLS]
    x = torch.randn(40, 20, 3, generator=torch.Generator().manual_seed(0))

    def run(layer):
        output, _ = layer(x)
        return [output, *torch.autograd.grad(output.sum(), list(layer.parameters()))]

    expected = [run(layer) for layer in layers]
    wrong = []

    def repeat(k):
        for _ in range(15):
            found = run(layers[k])
            if not all(torch.equal(a, b) for a, b in zip(found, expected[k], strict=True)):
                wrong.append(CELLS[k])

    threads = [threading.Thread(target=repeat, args=(k,)) for k in (0, 1, 2, 3, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def in_child(connection, kernels, name, layer, x):
    large = call(kernels, name, "gru", LARGE, 2)
    output, _ = layer(x)
    small = torch.autograd.grad(output.sum(), list(layer.parameters()))
    connection.send([*large, *(value.numpy() for value in small)])


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the system cannot fork"
)
def test_forked_process_gets_the_same_bits(kernels, native):
    # Two threads in our kernels alone: after a fork, torch's own wait for ever.
    name, layer, x = native.variants()[0], kernels.layer("gru", 3, 21), torch.ones(5, 6, 3)
    expected = call(kernels, name, "gru", LARGE, 2)
    output, _ = layer(x)
    expected += [g.numpy() for g in torch.autograd.grad(output.sum(), list(layer.parameters()))]
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=in_child, args=(theirs, kernels, name, layer, x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python: a process with threads should not fork
        process.start()
    try:
        assert ours.poll(60)
        found = ours.recv()
    finally:
        process.kill()
        process.join()
    assert same(found, expected)


def flushes():
    return (torch.tensor([1e-39]) * torch.tensor([0.5])).item() == 0.0


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.usefixtures("variant")
def test_denormals_are_flushed_inside_and_the_mode_is_restored(kernels, before):
    torch.set_flush_denormal(before)
    layer = kernels.layer("relu", 1, 1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.weight_ih_l0.fill_(1e-20)
    # 1e-20 * 1e-20 is denormal: zero inside, where torch keeps it.
    output, _ = layer(torch.full((2, 2, 1), 1e-20))
    assert (output == 0).all()
    output.sum().backward()
    assert flushes() == before


@pytest.mark.parametrize("cell", CELLS)
def test_mode_of_this_thread_is_untouched_after_large_calls(kernels, variant, cell):
    call(kernels, variant, cell, LARGE, 2)
    assert not flushes()


def test_error_restores_the_mode(native):
    zeros = np.zeros((2, 2), np.float32)
    rest = None, None, [zeros] * 4, None, None, None, False, zeros, 1
    with pytest.raises(ValueError, match="three dimensions"):
        native.forward(native.variants()[0], "tanh", zeros, *rest)
    assert not flushes()
