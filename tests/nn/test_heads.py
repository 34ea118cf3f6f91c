"""Output layers against written-out formulas."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqforecast import nn

LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def passing_head(levels):
    """Return a head whose raw values are its input: one unit a level."""
    head = nn.QuantileHead(len(levels), n_outputs=1, levels=levels)
    with torch.no_grad():
        head.linear.weight.copy_(torch.eye(len(levels)))
        head.linear.bias.zero_()
    return head


def softplus(a):
    return a + math.log1p(math.exp(-a)) if a > 0 else math.log1p(math.exp(a))


def quantiles_by_hand(raw, median):
    """Compute one output's quantiles as the docstring writes them."""
    y = list(raw)
    for k in range(median + 1, len(raw)):
        y[k] = y[k - 1] + softplus(raw[k])
    for k in range(median - 1, -1, -1):
        y[k] = y[k + 1] - softplus(raw[k])
    return y


# Below 1e30, where seven numbers of float32 add up without overflow.
raw_values = st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=7, max_size=7)


@given(raw=raw_values, n_below=st.integers(0, 6))
def test_quantiles_any_raw_values_never_cross(raw, n_below):
    levels = [(k + 1) / 16 for k in range(7)]
    levels = [0.5 + (level - levels[n_below]) / 2 for level in levels]
    quantiles = passing_head(levels)(torch.tensor([raw]))[0, 0]
    assert quantiles.isfinite().all()
    assert (quantiles.diff() >= 0).all()  # equal where float32 has no number between


@given(raw=st.lists(st.floats(-50, 50), min_size=7, max_size=7), median=st.integers(0, 6))
def test_quantiles_moderate_raw_values_equal_formula(raw, median):
    levels = [0.5 + (k - median) / 20 for k in range(7)]
    head = passing_head(levels).double()
    assert head.median == median
    with torch.no_grad():
        quantiles = head(torch.tensor([raw], dtype=torch.float64))[0, 0].numpy()
    expected = quantiles_by_hand(raw, median)
    # Float64, but torch's softplus is a itself above 20, where log1p(exp(-a)) < 2.1e-9.
    np.testing.assert_allclose(quantiles, expected, rtol=0, atol=2e-8)


def test_quantiles_increase_strictly_near_zero():
    head = passing_head(LEVELS)
    quantiles = head(torch.randn(100, 7, generator=seeded()))
    assert (quantiles.diff(dim=-1) > 0).all()


@pytest.mark.parametrize(
    ("levels", "column"),
    [(LEVELS, 3), ([0.5], 0), ([0.1, 0.5], 1), ([0.5, 0.9], 0), ([0.9, 0.99], 0), ([0.1, 0.2], 1)],
)
def test_median_column_is_the_linear_map_of_its_rows(levels, column):
    head = nn.QuantileHead(5, n_outputs=2, levels=levels, generator=seeded())
    assert head.median == column
    hidden = torch.randn(3, 5, generator=seeded(1))
    with torch.no_grad():
        linear = (hidden @ head.linear.weight.T + head.linear.bias).reshape(3, 2, len(levels))
        quantiles = head(hidden)
    torch.testing.assert_close(quantiles[..., column], linear[..., column])


@pytest.mark.parametrize("shape", [(4, 5), (4, 6, 5)])
def test_heads_shapes_of_last_and_every_step(shape):
    hidden = torch.randn(shape, generator=seeded(1))
    assert nn.LinearHead(5, n_outputs=3)(hidden).shape == (*shape[:-1], 3)
    assert nn.QuantileHead(5, n_outputs=3, levels=LEVELS)(hidden).shape == (*shape[:-1], 3, 7)


def test_quantiles_outputs_take_their_own_rows():
    # Output 1 reads the rows of output 1: a change there leaves output 0 alone.
    head = nn.QuantileHead(5, n_outputs=2, levels=LEVELS, generator=seeded())
    hidden = torch.randn(3, 5, generator=seeded(1))
    before = head(hidden)
    with torch.no_grad():
        head.linear.bias[7:] += 1.0
    after = head(hidden)
    assert torch.equal(after[:, 0], before[:, 0])
    assert (after[:, 1] != before[:, 1]).all()


def test_linear_head_equals_product():
    head = nn.LinearHead(5, n_outputs=3, generator=seeded())
    hidden = torch.randn(4, 5, generator=seeded(1))
    expected = hidden.double() @ head.linear.weight.double().T + head.linear.bias.double()
    torch.testing.assert_close(head(hidden).double(), expected, rtol=0, atol=1e-6)  # float32


def build_linear(generator):
    return nn.LinearHead(5, 3, generator=generator)


def build_quantile(generator):
    return nn.QuantileHead(5, 3, LEVELS, generator=generator)


@pytest.mark.parametrize("build", [build_linear, build_quantile])
def test_construction_draws_from_the_generator_alone(build):
    before = torch.get_rng_state()
    first, second, other = build(seeded(1)), build(seeded(1)), build(seeded(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.linear.weight, second.linear.weight)
    assert torch.equal(first.linear.bias, second.linear.bias)
    assert not torch.equal(first.linear.weight, other.linear.weight)


def test_first_values_equal_torch_with_the_same_seed():
    head = build_linear(seeded(3))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        twin = torch.nn.Linear(5, 3)
    # torch computes the same bound 1 / sqrt(5) by way of a gain, in another rounding.
    torch.testing.assert_close(head.linear.weight, twin.weight, rtol=1e-6, atol=0)
    torch.testing.assert_close(head.linear.bias, twin.bias, rtol=1e-6, atol=0)
