"""Batches that are gathered several at once: to the bit those gathered one by one."""

import tracemalloc

import numpy as np
import pytest
import torch

from seqforecast.training import batches as batches_module
from seqforecast.training.batches import Batches, WindowDataset
from seqforecast.training.scaling import SCALINGS

LIMIT = batches_module._GATHERED


def seeded(seed=3):
    return torch.Generator().manual_seed(seed)


def dataset(n, window=4, channels=2, steps=False, weighted=False):
    """Return windows as views of a series, two targets each, and weights."""
    rng = np.random.default_rng(0)
    series = rng.normal(5, 2, size=(n + window - 1, channels))
    X = np.lib.stride_tricks.sliding_window_view(series, window, axis=0).transpose(0, 2, 1)
    y = rng.normal(3, 4, size=(n, window, 2) if steps else (n, 2))
    if steps:
        y[rng.random(y.shape) < 0.3] = np.nan
    return WindowDataset(X, y, rng.uniform(0.5, 2, n) if weighted else None)


def fitted(scaling, data):
    scaling = SCALINGS[scaling]()
    scaling.fit(data.X, data.y, data.weight)
    return scaling


def one_by_one(data, scaling, size, shuffle):
    """Gather every batch on its own."""
    n = len(data)
    order = np.arange(n) if shuffle is None else torch.randperm(n, generator=shuffle).numpy()
    for start in range(0, n, size):
        rows = order[start : start + size]
        units = scaling.units(data.X[rows])
        x, target = units.of_windows(data.X[rows]), units.of_targets(data.y[rows])
        values = [x, target] if data.weight is None else [x, target, data.weight[rows]]
        x, *rest = (torch.from_numpy(v).to(torch.float32) for v in values)
        yield x, tuple(rest) if len(rest) == 2 else rest[0]


def flat(batches):
    """List the tensors of all batches."""
    found = []
    for x, target in batches:
        found += [x, *(target if isinstance(target, tuple) else [target])]
    return found


def assert_same(found, expected):
    found, expected = list(found), list(expected)
    assert len(found) == len(expected)
    assert [type(target) for _, target in found] == [type(target) for _, target in expected]
    for value, other in zip(flat(found), flat(expected), strict=True):
        assert value.shape == other.shape
        assert value.dtype == torch.float32
        assert value.is_contiguous()
        assert value.numpy().tobytes() == other.numpy().tobytes()


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_batches_equal_those_gathered_one_by_one(size, scaling, steps, weighted, shuffled):
    data = dataset(203, steps=steps, weighted=weighted)
    units = fitted(scaling, data)
    shuffles = (seeded(), seeded()) if shuffled else (None, None)
    batches = Batches(data, units, size, shuffle=shuffles[0])
    for _ in range(2):
        assert_same(batches, one_by_one(data, units, size, shuffles[1]))


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("rows", [0.5, 1, 2, 3])
def test_sizes_around_the_limit_of_what_is_gathered_at_once(monkeypatch, rows, more):
    # A row has 4 * 2 values and 2 targets; batches of 5 have 50, about `rows` of which fit.
    monkeypatch.setattr(batches_module, "_GATHERED", int(50 * rows) + more)
    for n in (1, 4, 5, 6, 9, 10, 11, 15, 16, 29, 30, 31):
        data = dataset(n)
        units = fitted("window", data)
        batches = Batches(data, units, 5, shuffle=seeded())
        assert_same(batches, one_by_one(data, units, 5, seeded()))
        assert len(batches) == len(list(batches))


def test_small_batches_are_gathered_together_and_large_ones_alone(monkeypatch):
    sizes = []
    gather = Batches._gather
    monkeypatch.setattr(
        Batches,
        "_gather",
        lambda self, rows: sizes.append(len(self.dataset.X[rows])) or gather(self, rows),
    )
    list(Batches(dataset(5000), SCALINGS[None](), 10))
    # Ten values a window: 327 batches of ten stay within the limit.
    assert sizes == [10 * (LIMIT // 100), 5000 - 10 * (LIMIT // 100)]
    sizes.clear()
    list(Batches(dataset(64, window=LIMIT), SCALINGS[None](), 20))
    assert sizes == [20, 20, 20, 4]


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8])
def test_batch_size_may_be_numpys(kind):
    data = dataset(203)
    batches = Batches(data, SCALINGS[None](), kind(100), shuffle=seeded())
    assert_same(batches, one_by_one(data, SCALINGS[None](), 100, seeded()))
    assert len(batches) == 3


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(("window", "size"), [(10, 1), (300, 8), (5000, 4), (50_000, 1)])
def test_memory_stays_bounded_whatever_the_window(window, size, shuffled):
    data = dataset(400, window=window, channels=1)
    batches = Batches(data, SCALINGS["window"](), size, shuffle=seeded() if shuffled else None)
    batches.scaling.fit(data.X[:5], data.y[:5], None)
    tracemalloc.start()
    try:
        for _ in batches:
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Some copies in float64 of what is gathered at once, all windows are up to 160 MB.
    assert peak < 8 * 8 * max(LIMIT, size * window) + 100_000


def test_writing_into_a_batch_changes_no_other():
    data = dataset(50)
    expected = flat(one_by_one(data, SCALINGS[None](), 5, None))
    found = []
    for x, target in Batches(data, SCALINGS[None](), 5):
        found += [x.clone(), target.clone()]
        x.fill_(7)
        target.fill_(7)
    assert all(map(torch.equal, found, expected))
