"""Whole steps of training in native code: loss and gradient against torch's autograd."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seqforecast import nn
from tests.covering import covering

CELLS = ["tanh", "relu", "lstm", "gru"]
LOSSES = {
    "squared": nn.SquaredError,
    "absolute": nn.AbsoluteError,
    "huber": nn.Huber,
    "one_level": (0.3,),
    "middle_median": (0.05, 0.25, 0.5, 0.8, 0.95),
    "median_first": (0.5, 0.7, 0.9),
    "median_last": (0.1, 0.2, 0.4, 0.5),
}
BETAS, EPS = (0.9, 0.999), 1e-8
SMALL = 70, 5, 3, 9
"""Windows in three tiles, window, inputs, hidden units that fill no vector."""


@pytest.fixture(autouse=True)
def only_where_built(native):
    """Skip without kernels."""


class Training:
    """A network, its loss and the windows of a batch, in double precision.

    Parameters
    ----------
    sizes : tuple
        Windows, window, inputs and hidden units.
    steps : bool
        Whether there is a target at every step; many of them are missing.
    """

    def __init__(self, kernels, cell, loss, sizes=SMALL, layers=1, outputs=2, steps=False, seed=0):
        n, window, inputs, hidden = sizes
        rng = np.random.default_rng(seed)
        self.kernels, self.cell, self.outputs = kernels, cell, outputs
        levels = LOSSES[loss] if isinstance(LOSSES[loss], tuple) else ()
        self.criterion = (nn.PinballLoss(levels) if levels else LOSSES[loss]()).double()
        self.loss = "pinball" if levels else loss
        generator = torch.Generator().manual_seed(seed)
        head = (
            nn.QuantileHead(hidden, outputs, levels, generator=generator)
            if levels
            else nn.LinearHead(hidden, outputs, generator=generator)
        )
        self.module = nn.RecurrentNetwork(
            kernels.layer(cell, inputs, hidden, layers, seed=seed), head
        ).double()
        # float32 in double precision: every variant can be given the same numbers.
        self.x = rng.standard_normal((n, window, inputs)).astype(np.float32).astype(float)
        shape = (n, window, outputs) if steps else (n, outputs)
        self.target = 2 * rng.standard_normal(shape).astype(np.float32).astype(float)
        if steps:
            self.target[rng.random(shape) < 0.3] = np.nan
            self.target[n // 2] = np.nan
            self.target[0, :, 0] = np.nan
        self.weight = None

    def weigh(self):
        """Give every window a weight; one is zero."""
        n = len(self.x)
        self.weight = np.random.default_rng(9).uniform(0.2, 2, n).astype(np.float32).astype(float)
        self.weight[n // 3] = 0
        return self

    def parameters(self):
        return torch.cat([p.detach().reshape(-1) for p in self.module.parameters()]).numpy()

    def reference(self):
        """Return loss and gradient as torch finds them."""
        x, target, weight = (
            None if a is None else torch.from_numpy(a) for a in (self.x, self.target, self.weight)
        )
        self.module.zero_grad()
        loss = self.criterion(self.module(x, every_step=target.ndim == 3), target, weight)
        loss.backward()
        return loss.item(), torch.cat([p.grad.reshape(-1) for p in self.module.parameters()])

    def start(self, variant="float64", max_norm=0.0):
        """Return a trainer and the flat buffers it works on, between guards."""
        dtype = np.float64 if variant == "float64" else np.float32
        ending = "64" if variant == "float64" else ""
        values = self.parameters().astype(dtype)
        guarded = [np.full(len(values) + 128, self.kernels.guard, dtype) for _ in range(4)]
        parameters, gradient, mean, square = (whole[64:-64] for whole in guarded)
        parameters[:], gradient[:], mean[:], square[:] = values, np.nan, 0, 0
        updater = getattr(self.kernels.native, f"Updater{ending}")(
            variant=variant,
            parameters=parameters,
            gradient=gradient,
            mean=mean,
            square=square,
            decay=None,
            decoupled=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            eps=EPS,
            max_norm=max_norm,
        )
        recurrent, head = self.module.recurrent, self.module.head
        trainer = getattr(self.kernels.native, f"Trainer{ending}")(
            updater=updater,
            cell=self.cell,
            inputs=recurrent.input_size,
            hidden=recurrent.hidden_size,
            layers=recurrent.num_layers,
            outputs=self.outputs,
            levels=self.criterion.levels.tolist() if self.loss == "pinball" else [],
            median=getattr(head, "median", 0),
            loss=self.loss,
        )
        return SimpleNamespace(
            trainer=trainer, dtype=dtype, guarded=guarded, parameters=parameters, gradient=gradient
        )

    def step(self, started, lr=0.0, number=1, threads=1):
        """Take one step; return what the trainer says."""
        batch = (
            None if a is None else a.astype(started.dtype)
            for a in (self.x, self.target, self.weight)
        )
        result = started.trainer.step(*batch, lr, number, threads)
        guards = np.array([[whole[:64], whole[-64:]] for whole in started.guarded])
        assert (guards == started.dtype(self.kernels.guard)).all()
        return result


@pytest.fixture
def training(kernels):
    """Return what makes a training."""
    kernels.guard = -12345.0
    return lambda *arguments, **options: Training(kernels, *arguments, **options)


def assert_equals_torch(case, rtol=1e-11):
    started = case.start()
    loss, norm, skipped = case.step(started)
    expected_loss, expected = case.reference()
    expected = expected.numpy()
    # Sums of some thousand products in another order.
    assert loss == pytest.approx(expected_loss, rel=rtol)
    assert np.abs(started.gradient - expected).max() <= rtol * np.abs(expected).max()
    assert norm == pytest.approx(np.linalg.norm(expected), rel=rtol)
    assert not skipped


@pytest.mark.parametrize(
    ("cell", "loss", "layers", "steps", "weighted"),
    covering(CELLS, LOSSES, [1, 2, 3], [False, True], [False, True], strength=3),
)
def test_gradient_equals_autograd_in_double_precision(
    training, cell, loss, layers, steps, weighted
):
    case = training(cell, loss, layers=layers, steps=steps)
    assert_equals_torch(case.weigh() if weighted else case)


OTHER_SIZES = [
    # Windows, window, inputs and units; layers; outputs.
    ((1, 1, 1, 1), 1, 1),
    ((1, 3, 2, 5), 2, 1),
    ((33, 2, 1, 4), 1, 3),  # two tiles
    ((600, 2, 1, 4), 2, 1),  # nineteen tiles in sixteen parts
    ((49, 3, 9, 67), 2, 1),  # more than 64 units: smaller tiles
    ((10, 70, 2, 5), 2, 2),  # through the ring of gradients twice
    ((5, 3, 1, 3), 1, 23),  # outputs in several groups of vectors
]


@pytest.mark.parametrize(
    ("cell", "loss", "sizes", "steps"),
    covering(["relu", "gru"], ["huber", "middle_median"], OTHER_SIZES, [False, True]),
)
def test_gradient_equals_autograd_at_other_sizes(training, cell, loss, sizes, steps):
    sizes, layers, outputs = sizes
    assert_equals_torch(training(cell, loss, sizes, layers, outputs, steps).weigh())


@pytest.mark.parametrize("loss", ["squared", "huber", "middle_median"])
def test_gradient_equals_finite_differences_of_the_loss(training, loss):
    case = training("lstm", loss, (3, 4, 2, 3), 2, steps=True).weigh()
    started = case.start()
    case.step(started)
    gradient, found = started.gradient.copy(), []
    for i, value in enumerate(started.parameters.copy()):
        losses = []
        for moved in (value + 1e-5, value - 1e-5):
            started.parameters[i] = moved
            losses.append(case.step(started)[0])
        started.parameters[i] = value
        found.append((losses[0] - losses[1]) / 2e-5)
    np.testing.assert_allclose(gradient, found, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("cell", "loss", "steps", "layers"), covering(CELLS, LOSSES, [False, True], [1, 2])
)
def test_instruction_sets_equal_double_precision(training, kernels, cell, loss, steps, layers):
    case = training(cell, loss, layers=layers, steps=steps).weigh()
    exact = case.start()
    # The same parameters for all: those that float32 has.
    exact.parameters[:] = exact.parameters.astype(np.float32)
    loss64, norm64, _ = case.step(exact)
    for name in kernels.variants:
        started = case.start(name)
        loss32, norm32, skipped = case.step(started)
        error = np.abs(started.gradient - exact.gradient).max()
        assert error <= 1e-5 * np.abs(exact.gradient).max() + 1e-6
        assert loss32 == pytest.approx(loss64, rel=1e-5)
        assert norm32 == pytest.approx(norm64, rel=1e-5)
        assert not skipped


@pytest.mark.parametrize("outputs", [1, 15, 70])
@pytest.mark.parametrize("loss", ["squared", "middle_median"])
def test_instruction_sets_equal_double_precision_with_many_outputs(
    training, kernels, loss, outputs
):
    case = training("tanh", loss, (5, 3, 2, 21), outputs=outputs, steps=True)
    exact = case.start()
    exact.parameters[:] = exact.parameters.astype(np.float32)
    case.step(exact)
    for name in kernels.variants:
        started = case.start(name)
        case.step(started)
        error = np.abs(started.gradient - exact.gradient).max()
        assert error <= 1e-5 * np.abs(exact.gradient).max() + 1e-6


@pytest.mark.parametrize("loss", ["absolute", "huber", "one_level", "middle_median"])
def test_gradient_at_the_kink_is_what_torch_takes_there(training, loss):
    case = training("tanh", loss, (6, 3, 1, 2), outputs=1)
    with torch.no_grad():
        for p in case.module.head.parameters():
            p.zero_()
    # At the (median) forecast, and one beyond it: where Huber's square ends.
    case.target[:, 0] = [0, 0, 1, -1, 1, 0]
    assert_equals_torch(case)


@pytest.mark.parametrize("loss", LOSSES)
def test_step_without_any_target_has_loss_zero_and_gradient_zero(training, any_variant, loss):
    case = training("lstm", loss, steps=True)
    case.target[:] = np.nan
    assert case.reference()[0] == 0
    started = case.start(any_variant[0])
    assert case.step(started) == (0.0, 0.0, False)
    assert (started.gradient == 0).all()


@pytest.mark.parametrize(("cell", "loss", "value"), covering(CELLS, LOSSES, [np.nan, np.inf]))
def test_step_whose_gradient_is_not_finite_changes_nothing(
    training, any_variant, cell, loss, value
):
    case = training(cell, loss, layers=2)
    started = case.start(any_variant[0])
    case.step(started, lr=0.1)  # moments that are not zero
    before = [whole.copy() for whole in started.guarded]
    # The kinds that squash infinity are told by a weight of the head.
    place = len(started.parameters) - case.module.head.linear.out_features - 1
    started.parameters[place] = before[0][64 + place] = value
    _, norm, skipped = case.step(started, lr=0.1, number=2)
    assert skipped
    assert not np.isfinite(norm)
    for k in (0, 2, 3):
        assert started.guarded[k].tobytes() == before[k].tobytes()


def test_nan_in_one_window_is_told_by_the_norm(training, any_variant):
    case = training("gru", "absolute", steps=True)
    case.x[40, 2, 1] = np.nan
    loss, norm, skipped = case.step(case.start(any_variant[0]))
    assert skipped
    assert np.isnan(loss)
    assert np.isnan(norm)


def test_step_forgets_the_batch_before_it(training, any_variant):
    large, small = training("lstm", "squared", (100, 9, 3, 9)), training("lstm", "squared")
    fresh, used = small.start(any_variant[0]), large.start(any_variant[0])
    large.x[:] = large.target[:] = np.nan
    assert large.step(used)[2]
    assert small.step(used) == small.step(fresh)
    assert used.gradient.tobytes() == fresh.gradient.tobytes()


# 7e7 multiplications and additions forward and back through two tanh layers: three threads; three
# tiles.
LARGE = 72, 12, 8, 80


@pytest.mark.parametrize("steps", [False, True], ids=["last_step", "every_step"])
@pytest.mark.parametrize("cell", ["tanh", "gru"])
def test_any_number_of_threads_gives_the_same_bits_every_time(training, any_variant, cell, steps):
    case = training(cell, "huber", LARGE, layers=2, steps=steps)
    results = []
    for threads in (1, 2, 2, 64, 0, -3):
        started = case.start(any_variant[0], max_norm=0.1)
        said = case.step(started, 0.01, 1, threads)
        results.append((said, b"".join(whole.tobytes() for whole in started.guarded)))
    assert results == results[:1] * len(results)


def test_strides_of_windows_and_targets_do_not_matter(training, any_variant):
    name, dtype = any_variant
    case = training("gru", "squared", (12, 5, 2, 6), steps=True)
    series = np.random.default_rng(1).standard_normal((16, 4)).astype(dtype)
    view = np.lib.stride_tricks.sliding_window_view(series, 5, axis=0).transpose(0, 2, 1)
    x, target = view[..., :2], view[..., 2:]
    results = []
    for windows, targets in ((x, target), (x[::-1], target[::-1])):
        for copied in (False, True):
            started = case.start(name)
            pair = (windows.copy(), targets.copy()) if copied else (windows, targets)
            said = started.trainer.step(*pair, None, 0.0, 1, 1)
            results.append((said, started.gradient.tobytes()))
    assert results[0] == results[1]
    assert results[2] == results[3]


def test_step_is_gradient_then_clipping_then_adam(training):
    case = training("lstm", "squared", layers=2).weigh()
    started = case.start(max_norm=0.05)
    adam = torch.optim.Adam(case.module.parameters(), lr=0.01, betas=BETAS, eps=EPS)
    for number in range(1, 6):
        _, norm, _ = case.step(started, 0.01, number)
        _, gradient = case.reference()
        assert norm == pytest.approx(gradient.norm().item(), rel=1e-11)
        assert norm > 0.05
        for p in case.module.parameters():
            p.grad.mul_(0.05 / gradient.norm())
        adam.step()
        np.testing.assert_allclose(started.gradient, gradient * 0.05 / norm, rtol=0, atol=1e-12)
        # Adam divides by the gradient's size: rounding of a small one counts as that of a large.
        np.testing.assert_allclose(started.parameters, case.parameters(), rtol=0, atol=1e-8)
