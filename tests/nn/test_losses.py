"""Losses against a plain loop, with weights and missing targets."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast import nn
from tests.properties import examples

LEVELS = [0.1, 0.5, 0.8]

LOSSES = {
    "squared_error": nn.SquaredError(),
    "absolute_error": nn.AbsoluteError(),
    "huber": nn.Huber(),
    "pinball": nn.PinballLoss(LEVELS).double(),
}


def pinball(prediction, y):
    # The levels are float32 inside the loss.
    levels = np.float32(LEVELS).astype(float)
    parts = [max(q * (y - p), (q - 1) * (y - p)) for q, p in zip(levels, prediction, strict=True)]
    return sum(parts) / len(parts)


def huber(prediction, y):
    distance = abs(prediction - y)
    return distance**2 / 2 if distance <= 1 else distance - 0.5


BY_HAND = {
    "squared_error": lambda prediction, y: (prediction - y) ** 2,
    "absolute_error": lambda prediction, y: abs(prediction - y),
    "huber": huber,
    "pinball": pinball,
}


def plain_loop(name, prediction, target, weight=None):
    """Average the loss target by target: the independent twin."""
    total, count = 0.0, 0
    for place in np.ndindex(*target.shape):
        y = float(target[place])
        if not math.isnan(y):
            w = 1.0 if weight is None else float(weight[place[0]])
            total += w * BY_HAND[name](prediction[place].tolist(), y)
            count += 1
    return total / max(count, 1)


def batch(name, shape, seed=0, missing=0.0):
    rng = torch.Generator().manual_seed(seed)
    target = 2 * torch.randn(shape, generator=rng, dtype=torch.float64)
    axes = (*shape, len(LEVELS)) if name == "pinball" else shape
    prediction = 2 * torch.randn(axes, generator=rng, dtype=torch.float64)
    hidden = torch.rand(shape, generator=rng) < missing
    weight = torch.rand(shape[0], generator=rng, dtype=torch.float64) + 0.1
    return prediction, target.masked_fill(hidden, math.nan), weight / weight.mean()


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=examples(25))
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 5),
    window=st.integers(0, 4),
    n_outputs=st.integers(1, 3),
    missing=st.sampled_from([0.0, 0.3, 0.9]),
    weighted=st.booleans(),
)
def test_loss_random_batch_equals_plain_loop(name, seed, n, window, n_outputs, missing, weighted):
    shape = (n, window, n_outputs) if window else (n, n_outputs)
    prediction, target, weight = batch(name, shape, seed, missing if window else 0.0)
    weight = weight if weighted else None
    value = LOSSES[name](prediction, target, weight)
    assert value.shape == ()
    # Sums of at most 60 terms in another order.
    assert value.item() == pytest.approx(plain_loop(name, prediction, target, weight), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "prediction", "target", "expected"),
    [
        ("squared_error", [1.0, 2.0], [3.0, 2.0], 2.0),  # 4 and 0
        ("absolute_error", [1.0, 2.0], [3.0, 3.0], 1.5),  # 2 and 1
        ("huber", [1.0, 2.0], [3.0, 2.5], 0.8125),  # 1.5 and 0.125
        ("pinball", [[1.0, 1.0, 1.0]], [3.0], 2 * 1.4 / 3),  # 0.2, 1.0 and 1.6
        ("pinball", [[3.0, 3.0, 3.0]], [1.0], 2 * 1.6 / 3),  # 1.8, 1.0 and 0.4
    ],
)
def test_loss_known_answer(name, prediction, target, expected):
    value = LOSSES[name](torch.tensor([prediction]).double(), torch.tensor([target]).double())
    assert value.item() == pytest.approx(expected, rel=1e-7)  # float32 levels


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_at_missing_targets_is_exactly_zero_and_finite_elsewhere(name):
    prediction, target, weight = batch(name, (4, 5, 2), missing=0.5)
    for given_weight in (None, weight):
        leaf = prediction.clone().requires_grad_()
        LOSSES[name](leaf, target, given_weight).backward()
        missing = target.isnan()
        assert missing.any()
        assert leaf.grad.isfinite().all()
        assert (leaf.grad[missing] == 0).all()
        assert (leaf.grad[~missing] != 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_equals_finite_difference(name):
    prediction, target, weight = batch(name, (3, 2, 2), missing=0.3)
    leaf = prediction.clone().requires_grad_()
    LOSSES[name](leaf, target, weight).backward()
    step = 1e-6  # error of the central difference: about 1e-16 / step
    for place in np.ndindex(*prediction.shape):
        high, low = prediction.clone(), prediction.clone()
        high[place] += step
        low[place] -= step
        loss = [LOSSES[name](p, target, weight).item() for p in (high, low)]
        assert leaf.grad[place].item() == pytest.approx((loss[0] - loss[1]) / (2 * step), abs=1e-8)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", [(4, 2), (4, 3, 2)])
def test_weight_two_equals_the_row_twice(name, shape):
    prediction, target, _ = batch(name, shape, missing=0.3 if len(shape) == 3 else 0.0)
    counts = torch.tensor([2.0, 1.0, 1.0, 3.0], dtype=torch.float64)
    rows = torch.repeat_interleave(torch.arange(4), counts.long())
    twice = LOSSES[name](prediction[rows], target[rows])
    # The mean over the known targets is that of the repeated rows if the weights average 1 there.
    known = (~target.isnan()).reshape(4, -1).sum(1)
    weight = counts * known.sum() / (counts * known).sum()
    value = LOSSES[name](prediction, target, weight)
    assert value.item() == pytest.approx(twice.item(), rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_without_any_target_is_zero_with_zero_gradient(name, weighted):
    prediction, target, weight = batch(name, (3, 4, 2))
    leaf = prediction.clone().requires_grad_()
    loss = LOSSES[name](leaf, torch.full_like(target, math.nan), weight if weighted else None)
    loss.backward()
    assert loss.item() == 0
    assert (leaf.grad == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_weight_of_ones_changes_nothing(name):
    for shape in ((4, 2), (4, 3, 2)):
        prediction, target, _ = batch(name, shape)
        ones = torch.ones(4, dtype=torch.float64)
        value = LOSSES[name](prediction, target)
        torch.testing.assert_close(LOSSES[name](prediction, target, ones), value)


def test_losses_equal_torch_functionals():
    prediction, target, _ = batch("squared_error", (5, 3))
    functional = torch.nn.functional
    assert nn.SquaredError()(prediction, target) == functional.mse_loss(prediction, target)
    assert nn.AbsoluteError()(prediction, target) == functional.l1_loss(prediction, target)
    assert nn.Huber()(prediction, target) == functional.huber_loss(prediction, target)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_pinball_is_minimised_by_the_empirical_quantile(level):
    y = torch.randn(101, 1, generator=torch.Generator().manual_seed(0))
    loss = nn.PinballLoss([level])
    candidates = [
        (loss(torch.full((101, 1, 1), float(value)), y).item(), float(value)) for value in y
    ]
    # With 101 values and these levels one value alone is best: the inverted distribution function.
    expected = np.quantile(y.numpy(), level, method="inverted_cdf")
    assert min(candidates)[1] == expected


@pytest.mark.parametrize(
    ("name", "best"), [("squared_error", 4.0), ("absolute_error", 2.0), ("huber", 1.75)]
)
def test_best_constant_is_the_statistic_the_loss_stands_for(name, best):
    # Mean 4, median 2. Huber at p = 1.75: 0 and 14.75 pull with 1 each, against each other; the
    # mean of the three within one unit is (1 + 2 + 2.25) / 3 = 1.75.
    y = torch.tensor([[0.0], [1.0], [2.0], [2.25], [14.75]])
    grid = torch.arange(0, 15, 0.25)
    losses = [LOSSES[name](value.expand(5, 1), y).item() for value in grid]
    assert grid[int(np.argmin(losses))].item() == best


def test_pinball_levels_move_with_the_module():
    loss = nn.PinballLoss(LEVELS).double()
    assert loss.levels.dtype == torch.float64
    assert list(loss.parameters()) == []


def test_base_class_cannot_be_used_by_itself():
    with pytest.raises(TypeError, match="abstract"):
        nn.Loss()
