"""Clipping: what every strategy promises, and each one against torch or numpy."""

import inspect
import math
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from seqforecast import LSTMRegressor, clipping
from seqforecast.clipping import (
    AutoClip,
    ClipNorm,
    ClipOutcome,
    ClipValue,
    clip_gradients,
    strategy_of,
)
from tests.properties import examples

STRATEGIES = [
    cls
    for _, cls in inspect.getmembers(clipping, inspect.isclass)
    if issubclass(cls, clipping.ClippingStrategy) and not inspect.isabstract(cls)
]
SHAPES = [(3, 2), (4,), (1,), ()]


def parameters(seed=0, scale=1.0, dtype=torch.float64):
    """Return parameters with random gradients."""
    rng = torch.Generator().manual_seed(seed)
    result = []
    for shape in SHAPES:
        parameter = torch.nn.Parameter(torch.randn(shape, generator=rng, dtype=dtype))
        parameter.grad = scale * torch.randn(shape, generator=rng, dtype=dtype)
        result.append(parameter)
    return result


def gradients(parameters):
    return [p.grad.clone() for p in parameters]


def total_norm(gradients):
    return math.sqrt(sum(float((g.double() ** 2).sum()) for g in gradients))


def test_strategies_are_the_public_ones():
    names = {cls.__name__ for cls in STRATEGIES}
    assert names == {"AutoClip", "ClipNorm", "ClipValue"}
    assert names <= set(clipping.__all__)


# What every strategy promises ---------------------------------------------------------------------


@pytest.mark.parametrize("cls", STRATEGIES)
def test_strategy_parameters_get_set_clone_and_repr(cls):
    strategy = cls()
    strategy.validate()
    ((name, default),) = strategy.get_params().items()
    assert strategy.set_params(**{name: 2.5}) is strategy
    assert getattr(strategy, name) == 2.5 != default
    assert clone(strategy).get_params() == {name: 2.5}
    assert repr(strategy) == f"{cls.__name__}({name}=2.5)"
    with pytest.raises(ValueError, match="Invalid parameter"):
        strategy.set_params(other=1)


@pytest.mark.parametrize("cls", STRATEGIES)
@pytest.mark.parametrize("value", [-1, math.nan, -math.inf, "1", True, np.True_, None, 1j])
def test_strategy_parameter_out_of_range_raises_by_name(cls, value):
    (name,) = cls().get_params()
    with pytest.raises(ValueError, match=rf"^{cls.__name__}\({name}\)=.*needed.*usual choice"):
        cls(**{name: value}).validate()


@pytest.mark.parametrize("cls", [ClipNorm, ClipValue])
def test_limit_of_zero_raises_and_any_positive_number_passes(cls):
    with pytest.raises(ValueError, match="=0; a positive number is needed.*=None turns clipping"):
        cls(0).validate()
    for value in (1, 1e-30, np.float32(0.5), np.int64(3), math.inf):
        cls(value).validate()


def test_percentile_ends_pass_and_beyond_raises():
    for value in (0, 100, 2.5, np.float32(10)):
        AutoClip(value).validate()
    with pytest.raises(ValueError, match=r"=inf; a number from 0 to 100 is needed"):
        AutoClip(math.inf).validate()
    with pytest.raises(ValueError, match=r"=100.1; a number from 0 to 100 is needed"):
        AutoClip(100.1).validate()


@pytest.mark.parametrize("cls", STRATEGIES)
@settings(max_examples=examples(40))
@given(
    limit=st.floats(1e-3, 100),
    steps=st.lists(st.tuples(st.integers(0, 1000), st.floats(-10, 10)), min_size=1, max_size=6),
)
def test_strategy_any_gradients_no_element_rises_and_report_is_true(cls, limit, steps):
    strategy = cls(limit)
    for seed, exponent in steps:
        params = parameters(seed, scale=10.0**exponent)
        before = gradients(params)
        outcome = clip_gradients(params, strategy)
        after = gradients(params)
        assert all((a.abs() <= b.abs()).all() for a, b in zip(after, before, strict=True))
        assert all((a * b >= 0).all() for a, b in zip(after, before, strict=True))
        changed = any(not torch.equal(a, b) for a, b in zip(after, before, strict=True))
        assert outcome.clipped == changed
        assert not outcome.skipped
        assert outcome.norm == pytest.approx(total_norm(before), rel=1e-12)


@pytest.mark.parametrize("cls", [ClipNorm, AutoClip])
def test_strategy_by_norm_keeps_the_direction(cls):
    strategy = cls(1.0)
    for seed, scale in ((0, 0.01), (1, 100.0)):
        params = parameters(seed, scale)
        before = gradients(params)
        outcome = clip_gradients(params, strategy)
    assert outcome.clipped
    ratios = torch.cat([(p.grad / b).flatten() for p, b in zip(params, before, strict=True)])
    torch.testing.assert_close(ratios, ratios[:1].expand_as(ratios), rtol=1e-14, atol=0)
    assert 0 < ratios[0] < 1


@pytest.mark.parametrize("cls", STRATEGIES)
def test_strategy_zero_gradient_stays_zero(cls):
    params = parameters(scale=0.0)
    assert clip_gradients(params, cls()) == ClipOutcome(0.0, clipped=False, skipped=False)
    assert all((p.grad == 0).all() for p in params)


@pytest.mark.parametrize("strategy", [*(cls() for cls in STRATEGIES), None], ids=repr)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", range(len(SHAPES)))
def test_not_finite_gradient_is_skipped_and_moves_nothing(strategy, value, place):
    strategy = strategy and clone(strategy)
    params = parameters(dtype=torch.float32)
    adam = torch.optim.Adam(params, lr=0.1)
    for _ in range(3):  # the moments of Adam are moving
        adam.step()
    params[place].grad.view(-1)[0] = value
    before = [p.detach().clone() for p in params]
    state = pickle.dumps(adam.state_dict())
    outcome = clip_gradients(params, strategy)
    assert outcome.skipped
    assert not outcome.clipped
    assert not math.isfinite(outcome.norm)
    assert all(p.grad is None for p in params)
    if not outcome.skipped:
        adam.step()
    assert all(torch.equal(p, b) for p, b in zip(params, before, strict=True))
    adam.step()  # None instead of zeros: even a careless step moves nothing
    assert all(torch.equal(p, b) for p, b in zip(params, before, strict=True))
    assert pickle.dumps(adam.state_dict()) == state


@pytest.mark.parametrize("cls", STRATEGIES)
def test_not_finite_gradient_leaves_no_trace_in_the_strategy(cls):
    strategy, twin = cls(1.0), cls(1.0)
    for seed in range(5):
        broken = parameters(seed)
        broken[0].grad[0, 0] = math.nan
        clip_gradients(broken, strategy)
        first, second = parameters(seed, scale=seed + 1.0), parameters(seed, scale=seed + 1.0)
        assert clip_gradients(first, strategy) == clip_gradients(second, twin)
        assert all(torch.equal(p.grad, q.grad) for p, q in zip(first, second, strict=True))


def test_norm_beyond_float32_is_skipped():
    params = parameters(dtype=torch.float32)
    params[0].grad.fill_(1e30)  # finite, but its square is not
    assert clip_gradients(params, ClipNorm()).skipped


# Measuring ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_norm_equals_return_of_torch(dtype):
    for seed in range(5):
        ours, theirs = parameters(seed, 3.0, dtype), parameters(seed, 3.0, dtype)
        expected = torch.nn.utils.clip_grad_norm_(theirs, 1.0).item()
        for strategy in (None, ClipNorm(), ClipValue(), AutoClip()):
            ours = parameters(seed, 3.0, dtype)
            assert clip_gradients(ours, strategy).norm == expected


@pytest.mark.parametrize(
    "strategy", [None, math.inf, np.float32(np.inf), ClipNorm(math.inf), ClipValue(math.inf)]
)
def test_no_strategy_measures_and_changes_nothing(strategy):
    params = parameters(scale=100.0)
    before = gradients(params)
    outcome = clip_gradients(iter(params), strategy)
    assert not outcome.clipped
    assert not outcome.skipped
    assert all(torch.equal(p.grad, b) for p, b in zip(params, before, strict=True))


@pytest.mark.parametrize("infinite", [math.inf, ClipNorm(math.inf), ClipValue(math.inf)])
def test_an_infinite_limit_stands_for_none(infinite):
    assert strategy_of(infinite, "gradient_clipping") is None


def test_parameters_without_gradient_are_left_out():
    params = parameters()
    alone = clip_gradients(parameters()[:2], None).norm
    params[2].grad = params[3].grad = None
    assert clip_gradients(params, None).norm == alone
    assert params[2].grad is None
    assert clip_gradients([], ClipNorm()) == ClipOutcome(0.0, clipped=False, skipped=False)


# A number -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0.1, 3, np.float32(0.5)])
def test_a_number_is_the_largest_norm(limit):
    ours, theirs = parameters(scale=3.0), parameters(scale=3.0)
    assert clip_gradients(ours, limit) == clip_gradients(theirs, ClipNorm(float(limit)))
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours, theirs, strict=True))
    assert total_norm(gradients(ours)) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (0, "^strategy=0; a number above 0 is needed"),
        (-1.0, "^strategy=-1.0; a number above 0 is needed"),
        (math.nan, "^strategy=nan; a number above 0 is needed"),
        (True, "^strategy=True; a number above 0 is needed"),
        ("1", r"^strategy='1'; None, a positive number .* Give one of them, for example AutoClip"),
        (ClipNorm, "^strategy=<class .*; None, a positive number"),
        (ClipNorm(-1), r"^ClipNorm\(max_norm\)=-1; a positive number"),  # it would turn the sign
    ],
    ids=str,
)
def test_a_strategy_that_is_none_is_refused_and_the_gradient_stays(strategy, message):
    params = parameters()
    with pytest.raises(ValueError, match=message):
        clip_gradients(params, strategy)
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(params, parameters(), strict=True))


# Each strategy against its twin -------------------------------------------------------------------


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 1000.0])
def test_clip_norm_equals_torch(max_norm):
    ours, theirs = parameters(scale=3.0), parameters(scale=3.0)
    outcome = clip_gradients(ours, ClipNorm(max_norm))
    torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    for a, b in zip(ours, theirs, strict=True):
        # torch divides by the norm + 1e-6, and the norm is about 9.
        torch.testing.assert_close(a.grad, b.grad, rtol=2e-7, atol=0)
    assert outcome.clipped == (max_norm < 1000)
    if outcome.clipped:
        assert total_norm(gradients(ours)) == pytest.approx(max_norm, rel=1e-14)


def test_clip_norm_at_its_limit_changes_nothing():
    gradient = torch.tensor([3.0, 4.0])
    assert ClipNorm(5.0).clip([gradient], 5.0) is False
    assert gradient.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("limit", [0.1, 1.0, 1000.0])
def test_clip_value_equals_torch(limit):
    ours, theirs = parameters(scale=3.0), parameters(scale=3.0)
    outcome = clip_gradients(ours, ClipValue(limit))
    torch.nn.utils.clip_grad_value_(theirs, limit)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours, theirs, strict=True))
    assert outcome.clipped == (limit < 1000)


def test_clip_value_norm_beyond_but_no_element_reports_nothing():
    params = [torch.nn.Parameter(torch.zeros(4))]
    params[0].grad = torch.full((4,), 0.9)
    assert clip_gradients(params, ClipValue(1.0)).norm == pytest.approx(1.8)
    assert not clip_gradients(params, ClipValue(1.0)).clipped


@pytest.mark.parametrize("percentile", [0, 10, 37.5, 50, 90, 100])
def test_auto_clip_threshold_equals_percentile_of_the_last_norms(percentile):
    strategy = AutoClip(percentile)
    norms = np.random.default_rng(0).lognormal(sigma=2, size=1300)
    for t, norm in enumerate(norms):
        gradient = torch.tensor([norm])
        clipped = strategy.clip([gradient], norm)
        if t > 30 and t % 29 and t not in (1023, 1024, 1025, 1299):
            continue  # percentiles of 1,024 numbers cost time
        threshold = np.percentile(norms[max(0, t - 1023) : t + 1], percentile)
        # Another order of operations in the interpolation.
        assert gradient.item() == pytest.approx(min(norm, threshold), rel=1e-12)
        assert clipped == (gradient.item() < norm)


def test_auto_clip_memory_is_bounded():
    strategy = AutoClip()
    sizes = []
    for _ in range(3):
        for norm in np.random.default_rng(0).uniform(size=1024):
            strategy.clip([torch.tensor([norm])], float(norm))
        sizes.append(len(pickle.dumps(strategy)))
    assert sizes[0] == sizes[1] == sizes[2]


@pytest.mark.parametrize("percentile", [10, 37, 50, 93])
def test_auto_clip_equal_norms_are_never_clipped(percentile):
    for norm in np.random.default_rng(0).uniform(0, 10, size=20):
        strategy = AutoClip(percentile)
        assert not any(strategy.clip([torch.tensor([norm])], norm) for _ in range(50))


def test_auto_clip_clone_starts_fresh_and_pickle_goes_on():
    strategy = AutoClip(50)
    for norm in (1.0, 1.0, 1.0):
        strategy.clip([torch.tensor([norm])], norm)
    large = 100.0
    assert not clone(strategy).clip([torch.tensor([large])], large)
    assert pickle.loads(pickle.dumps(strategy)).clip([torch.tensor([large])], large)
    assert strategy.clip([torch.tensor([large])], large)


# In a regressor -----------------------------------------------------------------------------------


def windows(n=40):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 5)), rng.normal(size=n)


def test_nested_parameter_of_a_regressor_is_set_and_searched():
    model = LSTMRegressor(
        gradient_clipping=ClipNorm(), hidden_size=4, max_epochs=2, optimizer="sgd", random_state=0
    )
    model.set_params(gradient_clipping__max_norm=0.25)
    assert model.gradient_clipping.max_norm == 0.25
    limits = [1e-3, 1e3]
    grid = {"gradient_clipping__max_norm": limits}
    search = GridSearchCV(model, grid, cv=KFold(2), scoring="r2").fit(*windows())
    assert [p["gradient_clipping__max_norm"] for p in search.cv_results_["params"]] == limits
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]
    assert model.gradient_clipping.max_norm == 0.25


def test_float_of_a_regressor_is_clip_norm():
    fits = [
        LSTMRegressor(
            gradient_clipping=value, hidden_size=4, max_epochs=2, optimizer="sgd", random_state=0
        ).fit(*windows())
        for value in (0.05, ClipNorm(0.05), None)
    ]
    forecasts = [model.predict(windows()[0]) for model in fits]
    assert np.array_equal(forecasts[0], forecasts[1])
    assert not np.array_equal(forecasts[0], forecasts[2])
    assert (fits[0].history_["clip_fraction"] > 0).all()
    assert (fits[2].history_["clip_fraction"] == 0).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_norm": 5}, r"max_norm=5, but gradient_clipping=1.0, .* gradient_clipping=5, or gra"),
        ({"max_norm": 5}, r"Set .*gradient_clipping=ClipNorm\(\) first"),
        ({"limit": 5}, r"Set gradient_clipping=ClipValue\(\) first"),
        ({"percentile": 5}, r"Set gradient_clipping=AutoClip\(\) first"),
    ],
)
def test_nested_parameter_of_a_number_says_how(given, message):
    nested = {f"gradient_clipping__{name}": value for name, value in given.items()}
    model = LSTMRegressor()
    with pytest.raises(ValueError, match=message):
        model.set_params(lr=0.1, **nested)
    assert model.get_params() == LSTMRegressor().get_params()  # all or nothing
    with pytest.raises(ValueError, match=message):
        GridSearchCV(model, {name: [value] for name, value in nested.items()}).fit(*windows())
    with pytest.raises(ValueError, match="gradient_clipping=None, which"):
        model.set_params(gradient_clipping=None, **nested)
    # What the message says, to the letter.
    strategy = {"max_norm": ClipNorm(), "limit": ClipValue(), "percentile": AutoClip()}[
        next(iter(given))
    ]
    model.set_params(gradient_clipping=strategy).set_params(**nested)
    assert model.gradient_clipping.get_params() == given
    both = LSTMRegressor().set_params(**nested, gradient_clipping=clone(strategy))
    assert both.gradient_clipping.get_params() == given
    model.set_params(gradient_clipping=5).fit(*windows())


@pytest.mark.parametrize(
    ("nested", "message"),
    [
        ("optimizer__momentum", r"optimizer='adam', .* functools.partial\(torch.optim.SGD, mom"),
        ("hidden_size__units", "hidden_size=32, .* Set hidden_size without '__'"),
        ("random_state__seed", "random_state=None, .* Set random_state without '__'"),
        ("optimiser__momentum", "Invalid parameter 'optimiser' for estimator"),
    ],
)
def test_nested_parameter_of_another_value_says_how(nested, message):
    with pytest.raises(ValueError, match=message):
        LSTMRegressor().set_params(**{nested: 0.9})


@pytest.mark.parametrize("limit", [math.inf, ClipNorm(math.inf)], ids=str)
def test_an_infinite_limit_of_a_regressor_measures_only(limit):
    free, model = (
        LSTMRegressor(gradient_clipping=value, hidden_size=4, max_epochs=2, random_state=0)
        for value in (None, limit)
    )
    free.fit(*windows())
    model.fit(*windows())
    pd.testing.assert_frame_equal(model.history_, free.history_, check_exact=True)
    assert np.array_equal(model.predict(windows()[0]), free.predict(windows()[0]))
    assert model.net_.clipping is None  # so that native steps and findings know of no limit
    assert model.gradient_clipping is limit


def test_strategy_of_a_user_learns_nothing_from_a_fit():
    strategy = AutoClip()
    model = LSTMRegressor(gradient_clipping=strategy, hidden_size=4, max_epochs=1, random_state=0)
    first = model.fit(*windows()).predict(windows()[0])
    assert vars(strategy) == {"percentile": 10}
    assert np.array_equal(model.fit(*windows()).predict(windows()[0]), first)


def test_strategy_of_a_regressor_out_of_range_raises_in_fit():
    with pytest.raises(ValueError, match=r"ClipValue\(limit\)=-1"):
        LSTMRegressor(gradient_clipping=ClipValue(-1)).fit(*windows())


def test_auto_clip_goes_on_from_the_norms_that_another_has_seen():
    norms = np.random.default_rng(0).lognormal(size=AutoClip._MEMORY + 300)
    assert AutoClip(30).state_dict() == {}
    whole, first, second = AutoClip(30), AutoClip(30), AutoClip(30)
    second.load_state_dict({})  # of one that has seen nothing: no change
    for norm in norms[:1100]:
        first.clip([torch.tensor([norm])], norm)
    second.load_state_dict(first.state_dict())
    limits = []
    for strategy, seen in ((whole, norms), (second, norms[1100:])):
        gradients = [torch.tensor([norm]) for norm in seen]
        for gradient, norm in zip(gradients, seen, strict=True):
            strategy.clip([gradient], norm)
        limits.append([gradient.item() for gradient in gradients][-200:])
    assert limits[0] == limits[1]
    assert second.state_dict() == {"norms": norms[-AutoClip._MEMORY :].tolist()}


def test_a_single_parameter_is_clipped():
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.tensor([10.0, 20.0, 20.0])
    assert clip_gradients(weight, 3.0) == ClipOutcome(norm=30.0, clipped=True, skipped=False)
    np.testing.assert_allclose(weight.grad, [1.0, 2.0, 2.0])
