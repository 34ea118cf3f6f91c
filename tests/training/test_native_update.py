"""The native update: clipping and Adam on flat buffers, against torch; and what they refuse."""

import math
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.covering import covering

native = pytest.importorskip("seqforecast._native", exc_type=ImportError)

VARIANTS = [*native.variants(), "float64"]
SIZE = 1003  # no multiple of any vector
STEPS = 50


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


def type_of(variant):
    return np.float64 if variant == "float64" else np.float32


def make(variant, values, *, decay=None, decoupled=False, max_norm=0.0, betas=(0.9, 0.999)):
    """Return an updater with buffers, which start at `values`."""
    dtype = type_of(variant)
    names = "parameters", "gradient", "mean", "square"
    buffers = SimpleNamespace(**{name: np.zeros(len(values), dtype) for name in names})
    buffers.parameters[:] = values
    kind = native.Updater64 if variant == "float64" else native.Updater
    buffers.updater = kind(
        variant=variant,
        decay=decay,
        decoupled=decoupled,
        beta1=betas[0],
        beta2=betas[1],
        eps=1e-8,
        max_norm=max_norm,
        **{name: getattr(buffers, name) for name in names},
    )
    return buffers


def draw(variant, seed=0):
    """Return parameters and the gradients of fifty steps, of sizes from 1e-5 to 1."""
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.uniform(-5, 0, SIZE)
    gradients = rng.standard_normal((STEPS, SIZE)) * sizes
    dtype = type_of(variant)
    return rng.standard_normal(SIZE).astype(dtype), gradients.astype(dtype)


def run_torch(variant, kind, decay, max_norm, betas=(0.9, 0.999)):
    """Return parameter, moments and norms after fifty steps of torch's optimizer."""
    values, gradients = draw(variant)
    halves = [torch.nn.Parameter(torch.tensor(half)) for half in np.split(values, [SIZE // 3])]
    groups = [{"params": [halves[0]], "weight_decay": decay}, {"params": [halves[1]]}]
    options = {"weight_decay": 0.0} if kind is torch.optim.AdamW else {}
    optimizer = kind(groups, lr=0.01, betas=betas, **options)
    norms = []
    for gradient in gradients:
        for half, part in zip(halves, np.split(gradient.copy(), [SIZE // 3]), strict=True):
            half.grad = torch.from_numpy(part)
        norm = torch.linalg.vector_norm(torch.cat([half.grad for half in halves]))
        norms.append(norm.item())
        if max_norm and norm > max_norm:
            for half in halves:
                half.grad.mul_(max_norm / norm)
        optimizer.step()
    states = [optimizer.state[half] for half in halves]
    moments = [torch.cat([s[name] for s in states]).numpy() for name in ("exp_avg", "exp_avg_sq")]
    return torch.cat([half.detach() for half in halves]).numpy(), *moments, norms


@pytest.mark.parametrize(
    ("variant", "kind", "decay", "betas", "max_norm"),
    covering(
        VARIANTS,
        [torch.optim.Adam, torch.optim.AdamW],
        [0.0, 0.3],
        [(0.9, 0.999), (0.5, 0.8)],
        [0.0, 3.0],
        strength=3,
    ),
)
def test_fifty_steps_equal_those_of_torch(variant, kind, decay, betas, max_norm):
    expected = run_torch(variant, kind, decay, max_norm, betas)
    values, gradients = draw(variant)
    decays = None
    if decay:
        decays = np.where(np.arange(SIZE) < SIZE // 3, decay, 0).astype(values.dtype)
    decoupled = kind is torch.optim.AdamW
    ours = make(variant, values, decay=decays, decoupled=decoupled, max_norm=max_norm, betas=betas)
    norms = []
    for number, gradient in enumerate(gradients, 1):
        ours.gradient[:] = gradient
        norm, skipped = ours.updater.update(0.01, number)
        assert not skipped
        norms.append(norm)
    unit = np.finfo(values.dtype).eps
    np.testing.assert_allclose(norms, expected[3], rtol=8 * unit)
    assert np.ptp(norms) > 0
    if max_norm:
        assert min(norms) > max_norm
    # A step rounds each number about once in another way. The moments forget it, and are as exact
    # as what arrives: gradients, and decay times parameters; AdamW's decay is rounded on its own.
    reach = np.abs(gradients).max(axis=0) + decay * (np.abs(values) + 1)
    for found, other, limit in (
        (ours.mean, expected[1], 10 * reach),
        (ours.square, expected[2], 10 * reach**2),
        (ours.parameters, expected[0], 25 * np.maximum(np.abs(expected[0]), 1)),
    ):
        assert (np.abs(found - other) <= unit * limit).all()


def test_clipping_is_torchs(variant):
    values, gradients = draw(variant)
    ours = make(variant, values, max_norm=2.0)
    twin = torch.nn.Parameter(torch.tensor(values))
    for number, factor in enumerate((1.0, 0.01, 100.0), 1):
        gradient = gradients[number] * values.dtype.type(factor)
        ours.gradient[:] = gradient
        twin.grad = torch.tensor(gradient)
        expected = torch.nn.utils.clip_grad_norm_([twin], 2.0)
        norm, _ = ours.updater.update(0.01, number)
        assert norm == pytest.approx(expected.item(), rel=1e-6)
        # torch divides by norm + 1e-6.
        np.testing.assert_allclose(ours.gradient, twin.grad.numpy(), rtol=2e-6)
        if factor == 0.01:
            assert (ours.gradient == gradient).all()
        else:
            assert np.linalg.norm(ours.gradient) == pytest.approx(2.0, rel=1e-6)


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 33])
def test_norm_takes_every_value(variant, length):
    ours = make(variant, np.zeros(length))
    for place in range(length):
        ours.gradient[:] = 0
        ours.gradient[place] = -3
        assert ours.updater.update(0.0, 1) == (3.0, False)
    ours.gradient[:] = 2
    assert ours.updater.update(0.0, 1)[0] == pytest.approx(2 * math.sqrt(length), rel=1e-15)


def too_large(dtype):
    """Return a finite value whose square is beyond the range."""
    return np.sqrt(np.finfo(dtype).max) * dtype(1.1)


@pytest.mark.parametrize(
    ("variant", "place", "value", "max_norm"),
    covering(VARIANTS, [0, 16, SIZE - 1], [math.nan, math.inf, -math.inf, "too large"], [0.0, 1.0]),
)
def test_skipped_step_changes_no_bit(variant, value, place, max_norm):
    values, gradients = draw(variant)
    decay = np.full(SIZE, 0.1, values.dtype)
    ours = make(variant, values, decay=decay, max_norm=max_norm)
    ours.gradient[:] = gradients[0]
    ours.updater.update(0.01, 1)
    ours.gradient[place] = too_large(values.dtype.type) if value == "too large" else value
    before = [getattr(ours, name).tobytes() for name in ("parameters", "mean", "square")]
    norm, skipped = ours.updater.update(0.01, 2)
    assert skipped
    assert math.isnan(norm) if value is math.nan else norm == math.inf
    assert [getattr(ours, n).tobytes() for n in ("parameters", "mean", "square")] == before


def test_gradient_just_within_the_range_is_not_skipped(variant):
    values, _ = draw(variant)
    ours = make(variant, values)
    ours.gradient[5] = too_large(values.dtype.type) / values.dtype.type(1.3)
    norm, skipped = ours.updater.update(0.01, 1)
    assert not skipped
    assert norm == pytest.approx(float(ours.gradient[5]), rel=1e-6)


def test_float64_norm_does_not_overflow_where_float32s_would():
    ours = make("float64", np.zeros(3))
    ours.gradient[:] = 1e30
    assert ours.updater.update(0.01, 1) == (pytest.approx(math.sqrt(3) * 1e30), False)


@pytest.mark.parametrize("variant", [VARIANTS[0], "float64"])  # one of each class
def test_buffers_live_as_long_as_their_updater(variant):
    ours = make(variant, np.ones(100_000))
    watched = weakref.ref(ours.parameters)
    updater = ours.updater
    del ours
    assert watched() is not None
    updater.update(0.01, 1)
    assert np.isfinite(watched()).all()


# Bad input ----------------------------------------------------------------------------------------


def good(n=117):
    """Return what makes an updater of n values; 117 are an LSTM's with 4 units and one input."""
    buffers = {
        name: np.zeros(n, np.float32) for name in ("parameters", "gradient", "mean", "square")
    }
    return {
        "variant": native.variants()[0],
        "decay": None,
        "decoupled": False,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "max_norm": 1.0,
        **buffers,
    }


def read_only():
    array = np.zeros(117, np.float32)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("name", ["parameters", "gradient", "mean", "square", "decay"])
@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (np.zeros(116, np.float32), ValueError, "shape"),
        (np.zeros(117), TypeError, "float32 is needed"),
        (np.zeros(117, np.int32), TypeError, "float32 is needed"),
        (np.zeros((117, 1), np.float32), ValueError, "shape"),
        (np.zeros((), np.float32), ValueError, "shape"),
        (np.zeros(234, np.float32)[::2], ValueError, "not contiguous"),
        ([0.0] * 117, TypeError, None),
        (3.0, TypeError, None),
    ],
)
def test_updater_refuses_wrong_arrays(name, value, error, words):
    with pytest.raises(error, match=words):
        native.Updater(**good() | {name: value})


@pytest.mark.parametrize("name", ["parameters", "gradient", "mean", "square"])
@pytest.mark.parametrize(("value", "error"), [(None, TypeError), (read_only(), ValueError)])
def test_updater_refuses_what_it_cannot_write_to(name, value, error):
    with pytest.raises(error):
        native.Updater(**good() | {name: value})


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (native.Updater, {"variant": "mmx"}),
        (native.Updater, {"variant": "float64"}),
        (native.Updater64, {"variant": native.variants()[0]}),
    ],
)
def test_updater_refuses_unknown_kernels(kind, changes):
    with pytest.raises(ValueError, match="no kernels"):
        kind(**good() | changes)


def trainer(**changes):
    # 4 gates * 4 units * (1 input + 4 units + 2 biases) = 112, and a head of 5.
    options = {
        "cell": "lstm",
        "inputs": 1,
        "hidden": 4,
        "layers": 1,
        "outputs": 1,
        "levels": [],
        "median": 0,
        "loss": "squared",
    }
    updater = changes.pop("updater", None) or native.Updater(**good())
    return native.Trainer(updater=updater, **options | changes)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"cell": "LSTM"}, ValueError, "cell is 'LSTM'"),
        ({"loss": "cubed"}, ValueError, "loss is 'cubed'"),
        ({"loss": "pinball"}, ValueError, "levels are needed together"),
        ({"levels": [0.5]}, ValueError, "levels are needed together"),
        ({"levels": [0.5], "loss": "pinball", "median": 1}, ValueError, "median is 1"),
        ({"levels": [0.5], "loss": "pinball", "median": -1}, ValueError, "median is -1"),
        ({"inputs": 0}, ValueError, "inputs is 0"),
        ({"hidden": -1}, ValueError, "hidden is -1"),
        ({"layers": 0}, ValueError, "layers is 0"),
        ({"outputs": 0}, ValueError, "outputs is 0"),
        ({"outputs": 2}, ValueError, "117 values; this network needs 122"),
        ({"hidden": 2**31 - 1}, (ValueError, OverflowError), None),
        ({"hidden": 2**28, "inputs": 2**28}, (ValueError, OverflowError), None),
        ({"layers": 2**31 - 1}, (ValueError, OverflowError), None),
        ({"outputs": 2**31 - 1}, (ValueError, OverflowError), None),
        ({"outputs": 2**30, "levels": [0.5] * 4, "loss": "pinball"}, ValueError, "head's outputs"),
        ({"hidden": 2**31}, TypeError, None),
        ({"levels": None}, TypeError, None),
        ({"levels": ["a"]}, TypeError, None),
        ({"cell": None}, TypeError, None),
    ],
)
def test_trainer_refuses(changes, error, words):
    with pytest.raises(error, match=words):
        trainer(**changes)


@pytest.mark.parametrize("updater", [None, 3, native.Updater64])
def test_trainer_needs_an_updater_of_its_type(updater):
    options = {"inputs": 1, "hidden": 4, "layers": 1, "outputs": 1, "levels": [], "median": 0}
    with pytest.raises(TypeError):
        native.Trainer(updater=updater, cell="lstm", loss="squared", **options)


STEP = {
    "x": np.zeros((3, 5, 1), np.float32),
    "target": np.zeros((3, 1), np.float32),
    "weight": None,
    "lr": 0.1,
    "number": 1,
    "threads": 1,
}
HUGE = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (2**30, 2**30, 1), (0, 0, 4))
LONG = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (1, 2**26, 1), (0, 0, 4))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"x": None}, TypeError, None),
        ({"x": np.zeros((3, 5, 1))}, TypeError, "x has dtype float64"),
        ({"x": np.zeros((3, 5), np.float32)}, ValueError, "x needs three dimensions"),
        ({"x": np.zeros((3, 5, 2), np.float32)}, ValueError, "x has shape"),
        ({"x": np.zeros((0, 5, 1), np.float32)}, ValueError, "number of windows is 0"),
        ({"x": np.zeros((3, 0, 1), np.float32)}, ValueError, "window is 0"),
        ({"x": np.zeros((4, 5, 1), np.float32)}, ValueError, "target has shape"),
        ({"x": HUGE, "target": HUGE}, OverflowError, "petabyte"),
        ({"x": LONG, "target": LONG}, ValueError, "up to 67108863 steps"),
        ({"target": None}, TypeError, None),
        ({"target": np.zeros((3, 1))}, TypeError, "target has dtype float64"),
        ({"target": np.zeros(3, np.float32)}, ValueError, "two or three"),
        ({"target": np.zeros((3, 2), np.float32)}, ValueError, "target has shape"),
        ({"target": np.zeros((3, 4, 1), np.float32)}, ValueError, "target has shape"),
        ({"target": np.zeros((3, 5, 2), np.float32)}, ValueError, "target has shape"),
        ({"target": np.zeros((6, 1), np.float32)[::2]}, ValueError, "not contiguous"),
        ({"weight": np.zeros(2, np.float32)}, ValueError, "weight has shape"),
        ({"weight": np.zeros((3, 1), np.float32)}, ValueError, "weight has shape"),
        ({"weight": np.zeros(3)}, TypeError, "weight has dtype float64"),
        ({"weight": [1, 1, 1]}, TypeError, "no numpy array"),
        ({"weight": np.zeros(6, np.float32)[::2]}, ValueError, "not contiguous"),
        ({"lr": None}, TypeError, None),
        ({"number": "1"}, TypeError, None),
        ({"number": 2**70}, TypeError, None),
        ({"threads": 1.5}, TypeError, None),
    ],
)
def test_step_refuses(changes, error, words):
    with pytest.raises(error, match=words):
        trainer().step(**STEP | changes)


def test_trainer_keeps_its_updater_and_goes_on_after_a_refusal():
    made = trainer()  # the updater has no other name
    with pytest.raises(ValueError, match="weight has shape"):
        made.step(**STEP | {"weight": np.zeros(2, np.float32)})
    loss, norm, skipped = made.step(**STEP)
    assert (loss, norm, skipped) == (0.0, 0.0, False)
