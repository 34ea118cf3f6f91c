"""Dropout: where it acts, how often, and where its masks come from."""

import copy
import math
import pickle

import pytest
import torch

from seqforecast.nn import Dropout


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_training_drops_the_share_and_scales_the_rest(p):
    n = 40_000
    out = Dropout(p, generator=seeded())(torch.full((n,), 3.0))
    dropped = out == 0
    # Three standard deviations of a binomial share.
    assert dropped.float().mean().item() == pytest.approx(p, abs=3 * math.sqrt(p * (1 - p) / n))
    expected = torch.full_like(out[~dropped], 3.0 / (1 - p))
    torch.testing.assert_close(out[~dropped], expected)


def test_training_masks_come_from_the_generator_alone():
    x = torch.ones(1000)
    before = torch.get_rng_state()
    layer = Dropout(0.5, generator=seeded(1))
    first, second = layer(x), layer(x)
    assert torch.equal(torch.get_rng_state(), before)
    twin = Dropout(0.5, generator=seeded(1))
    assert torch.equal(twin(x), first)
    assert torch.equal(twin(x), second)
    assert not torch.equal(first, second)
    assert not torch.equal(Dropout(0.5, generator=seeded(2))(x), first)


def test_training_without_generator_draws_from_torch():
    x = torch.ones(100)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first = Dropout(0.5)(x)
        torch.manual_seed(0)
        second, third = Dropout(0.5)(x), Dropout(0.5)(x)
    assert torch.equal(first, second)
    assert not torch.equal(second, third)


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False)])
def test_nothing_to_drop_returns_the_input_itself_and_draws_nothing(p, training):
    generator = seeded()
    before = generator.get_state()
    x = torch.ones(5)
    assert Dropout(p, generator=generator).train(training)(x) is x
    assert torch.equal(generator.get_state(), before)


def test_gradient_is_the_mask():
    layer = Dropout(0.5, generator=seeded())
    x = torch.randn(100, generator=seeded(1), dtype=torch.float64, requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert torch.equal(x.grad, torch.where(out == 0, 0.0, 2.0))
    assert out.dtype == torch.float64


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copy_goes_on_where_the_generator_stood(copier):
    layer = Dropout(0.5, generator=seeded())
    x = torch.ones(100)
    layer(x)
    twin = copier(layer)
    assert torch.equal(twin(x), layer(x))
    assert twin.generator is not layer.generator


def test_repr_names_the_share():
    assert repr(Dropout(0.25)) == "Dropout(p=0.25)"
