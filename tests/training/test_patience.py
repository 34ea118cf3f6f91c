"""When early stopping ends a training: the constants it is measured by, and the rule."""

import numpy as np
import pytest
from skorch.callbacks import Callback
from torch import Generator

from seqforecast import LSTMRegressor
from seqforecast.datasets import make_delayed_echo
from seqforecast.nn import AbsoluteError, Huber, PinballLoss, SquaredError
from seqforecast.training.batches import Batches, WindowDataset
from seqforecast.training.patience import Patience, constant_loss, patience_of
from seqforecast.training.scaling import NoScaling, WindowScaling

# The best constant --------------------------------------------------------------------------------


def batches(y, weight=None, X=None, scaling=None, size=4):
    X = np.zeros((len(y), 3, 1)) if X is None else X
    return Batches(WindowDataset(X, y, weight), scaling or NoScaling(), size)


def column(*values):
    return np.array(values, dtype=float)[:, None]


def test_known_losses_of_the_best_constant():
    y = column(0, 0, 1, 2, 7)  # mean 2, median 1
    assert constant_loss(SquaredError(), batches(y)) == pytest.approx((4 + 4 + 1 + 0 + 25) / 5)
    assert constant_loss(AbsoluteError(), batches(y)) == pytest.approx((1 + 1 + 0 + 1 + 6) / 5)
    # At 1 the slopes are -1 - 1 + 0 + 1 + 1.
    assert constant_loss(Huber(), batches(y)) == pytest.approx((0.5 + 0.5 + 0 + 0.5 + 5.5) / 5)
    # The quantile of level 0.9 is the largest value, that of level 0.1 the smallest.
    levels = ((7 + 7 + 6 + 5) * 0.1 / 5 + (1 + 2 + 7) * 0.1 / 5) / 2
    assert constant_loss(PinballLoss([0.1, 0.9]), batches(y)) == pytest.approx(levels)


@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError(), PinballLoss([0.1, 0.9])])
def test_targets_that_are_not_known_do_not_count(loss):
    known = 100.0 + column(0, 0, 1, 2, 7)[:, None]
    some = np.concatenate([np.full_like(known, np.nan), known], axis=1)
    expected = constant_loss(loss, batches(100.0 + column(0, 0, 1, 2, 7)))
    assert constant_loss(loss, batches(some)) == pytest.approx(expected, rel=1e-4)


def elementwise(loss, error):
    if isinstance(loss, SquaredError):
        return error**2
    if isinstance(loss, AbsoluteError):
        return abs(error)
    return np.where(abs(error) <= 1, error**2 / 2, abs(error) - 0.5)


def grid_loss(loss, y, weight):
    """Return the loss of the best constants of a fine grid, each output and each level alone."""
    share = weight.reshape(-1, *[1] * (y.ndim - 1)) * ~np.isnan(y)
    grid = np.linspace(np.nanmin(y), np.nanmax(y), 4001)
    total = 0.0
    for output in range(y.shape[-1]):
        values, shares = y[..., output][..., None], share[..., output][..., None]
        error = values - grid
        if isinstance(loss, PinballLoss):
            levels = loss.levels.numpy()
            each = [np.maximum(q * error, (q - 1) * error) for q in levels]
        else:
            each = [elementwise(loss, error)]
        total += np.mean([np.nansum(e * shares, axis=tuple(range(y.ndim - 1))).min() for e in each])
    return total / (~np.isnan(y)).sum()


@pytest.mark.parametrize(
    "loss", [SquaredError(), AbsoluteError(), Huber(), PinballLoss([0.1, 0.5, 0.8])], ids=repr
)
@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_of_the_best_constant_equals_that_of_a_grid(loss, every_step, weighted):
    rng = np.random.default_rng(0)
    y = rng.standard_t(3, size=(37, 3, 2) if every_step else (37, 2)) * [1.0, 3.0]
    weight = rng.uniform(0.1, 2.0, size=37) if weighted else np.ones(37)
    if every_step:
        y[rng.random(y.shape) < 0.3] = np.nan
    found = constant_loss(loss, batches(y, weight if weighted else None))
    # The grid is a 4,000th of the range wide, and never better.
    assert found == pytest.approx(grid_loss(loss, y, weight), rel=2e-3)
    assert found <= grid_loss(loss, y, weight) * (1 + 1e-6)


def test_constant_is_one_in_the_units_of_the_network():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 5, 1)) + 10 * np.arange(30)[:, None, None]
    scaling = WindowScaling()
    scaling.fit(X, column(*range(30)), None)
    y = X.mean(axis=1) + 2 * X.std(axis=1)  # two spreads above each window's mean
    assert constant_loss(SquaredError(), batches(y, X=X, scaling=scaling)) < 1e-10
    assert constant_loss(SquaredError(), batches(y)) > 100


def test_targets_that_are_all_missing_have_a_constant():
    assert constant_loss(AbsoluteError(), batches(np.full((3, 3, 1), np.nan))) == 0.0


def test_large_dataset_is_looked_at_in_part():
    class Counted(Batches):
        n_batches = 0

        def __iter__(self):
            for batch in super().__iter__():
                self.n_batches += 1
                yield batch

    y = np.random.default_rng(0).normal(size=(60_000, 1))
    windows = np.broadcast_to(0.0, (60_000, 3, 1))
    order = Generator().manual_seed(0)
    counted = Counted(WindowDataset(windows, y), NoScaling(), 100, shuffle=order)
    # 32,768 values tell a variance to a standard error of sqrt(2 / 32768).
    assert constant_loss(SquaredError(), counted) == pytest.approx(1.0, abs=0.03)
    assert counted.n_batches == 328


# The rule -----------------------------------------------------------------------------------------


def last_epoch(valid, train=1.0, n_epochs=3):
    """Return the epoch after which training ends; 0.7 is something learnt, 0.95 a beginning."""
    patience = Patience(n_epochs, learnt=0.7, moved=0.95)
    for epoch, (t, v) in enumerate(np.broadcast(train, valid), 1):
        patience.add(t, v)
        if patience.has_ended:
            return epoch
    return None


def test_something_learnt_ends_by_patience_alone():
    assert last_epoch([1.0, 0.9, 0.5, *[0.6] * 20]) == 3 + 3
    assert last_epoch([1.0, 0.9, 0.5, *[0.6] * 20], n_epochs=5) == 3 + 5


def test_white_noise_takes_twice_its_epochs():
    assert last_epoch([1.0, 0.99, *[1.01] * 50]) == 2 * (2 + 3)


def test_white_noise_that_stalls_late_takes_twice_the_patience_more():
    assert last_epoch([*np.linspace(1.0, 0.9, 20), *[1.0] * 50]) == 20 + 3 + 2 * 3


def test_what_is_found_in_training_is_waited_for():
    found = np.linspace(1.0, 0.7, 30)
    assert last_epoch([0.8, *[0.9] * 29], train=found) == 1 + 3 + 2 * 3
    late = np.where(np.arange(30) < 7, 1.0, 0.9)  # in time: the end would have been after epoch 8
    assert last_epoch([0.8, *[0.9] * 29], train=late) == 1 + 3 + 2 * 3


def test_better_losses_by_chance_do_not_put_the_end_off():
    chance = np.where(np.arange(50) % 2, 0.98 - 0.001 * np.arange(50), 1.0)
    assert last_epoch([0.99, 1.0, 1.0, 1.0, *chance]) == 2 * (1 + 3)


def test_what_is_learnt_while_waiting_goes_on_by_patience_alone():
    plateau = [1.0, 0.9, 0.95, 0.95, 0.95]  # without more, epoch 10 is the last
    assert last_epoch([*plateau, 0.95, 0.95, 0.6, 0.5, 0.4, 0.3, *[0.35] * 9]) == 11 + 3


def test_losses_that_are_not_finite_are_nothing_learnt():
    assert last_epoch([np.nan] * 50, train=[np.nan] * 50) == 2 * 3


@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError(), PinballLoss([0.5]), Huber()])
def test_limits_are_shares_of_the_constants(loss):
    train, valid = batches(column(0, 0, 1, 2, 7)), batches(column(0, 0, 0, 9, 1))
    patience = patience_of(4, loss, train, valid)
    share = 0.7 if isinstance(loss, (SquaredError, Huber)) else 0.7**0.5
    assert patience.n_epochs == 4
    assert patience.learnt == pytest.approx(share * constant_loss(loss, valid))
    assert patience.moved == pytest.approx(0.95 * constant_loss(loss, train))


# In a fit -----------------------------------------------------------------------------------------


class Plateau(Callback):
    """Let the network stand still until an epoch."""

    def __init__(self, until):
        self.until = until

    def on_epoch_begin(self, net, **kwargs):
        for group in net.optimizer_.param_groups:
            group["lr"] = 0.05 if len(net.history) >= self.until else 1e-30


def fitted(until, **params):
    """Fit to the newest step of a window, which is learnt at once."""
    X, y = make_delayed_echo(200, window=4, delay=0, random_state=0)
    model = LSTMRegressor(
        hidden_size=4,
        max_epochs=40,
        early_stopping=True,
        n_iter_no_change=4,
        observe="off",
        callbacks=[Plateau(until)],
        random_state=0,
        **params,
    )
    return model.fit(X, y), X, y


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_fit_leaves_a_plateau_longer_than_its_patience(loss):
    model, X, y = fitted(until=7, loss=loss)
    assert model.history_["valid_loss"].iloc[:6].nunique() == 1
    assert model.n_iter_ > 10
    assert model.score(X, y) > 0.9


def test_fit_that_learns_nothing_ends():
    model, *_ = fitted(until=99)
    assert model.n_iter_ == 2 * (1 + 4)


def test_constants_change_no_random_number():
    plain, X, y = fitted(until=0)
    validated = (X[180:], y[180:])
    watched = plain.set_params(max_epochs=5, n_iter_no_change=9)
    patient = watched.fit(X[:180], y[:180], X_val=validated[0], y_val=validated[1]).history_
    alone = watched.set_params(early_stopping=False).fit(X[:180], y[:180]).history_
    assert patient["train_loss"].tolist() == alone["train_loss"].tolist()
