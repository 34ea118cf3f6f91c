"""Which windows validate, and what their loss decides."""

import numpy as np
import pytest

from seqforecast import LSTMRegressor, RNNRegressor, make_windows


def small(kind=LSTMRegressor, **params):
    params = {"hidden_size": 4, "max_epochs": 3, "random_state": 0, **params}
    return kind(**params)


def many(n, n_outputs=1, seed=0):
    """Return n windows of two steps; as many targets each."""
    values = np.random.default_rng(seed).standard_normal(n + 1 + n_outputs).cumsum()
    return make_windows(values, window=2, horizon=n_outputs)


@pytest.mark.parametrize(
    ("n", "n_outputs", "fraction", "n_validation", "n_train"),
    [
        (100, 1, 0.1, 10, 90),
        (100, 4, 0.1, 10, 87),  # 100 - 10 - (4 - 1)
        (60, 6, 0.25, 15, 40),  # 60 - 15 - (6 - 1)
        (7, 1, 0.01, 1, 6),  # one window at least
    ],
)
def test_n_validation_early_stopping_is_the_fraction_and_leaves_a_gap(
    n, n_outputs, fraction, n_validation, n_train
):
    X, y = many(n, n_outputs)
    model = small(early_stopping=True, validation_fraction=fraction, batch_size=1, max_epochs=1)
    model.fit(X, y)
    assert model.n_validation_ == n_validation
    assert model.net_.history[-1, "train_batch_count"] == n_train  # a window a step


def test_fit_targets_between_training_and_validation_count_nowhere(regressor):
    X, y = many(60, n_outputs=4)
    model = small(regressor, early_stopping=True)
    expected = model.fit(X, y).predict(X)
    purged = y.copy()
    purged[51:54] += 100  # 54 ... 59 validate, 51 ... 53 lie between
    np.testing.assert_array_equal(model.fit(X, purged).predict(X), expected)
    for row in (50, 54):  # their neighbours do count
        touched = y.copy()
        touched[row] += 100
        loss = model.fit(X, touched).history_[["train_loss", "valid_loss"]]
        assert not loss.equals(
            small(regressor, early_stopping=True).fit(X, y).history_[loss.columns]
        )


def test_fit_newest_targets_never_reach_training(regressor):
    # Were a validation target used for the scaling or a step, the training loss would move.
    X, y = many(100)
    future = y.copy()
    future[-10:] = 1e6
    model = small(regressor, early_stopping=True, max_epochs=1)
    losses = [model.fit(X, targets).history_ for targets in (y, future)]
    assert losses[0]["train_loss"].item() == losses[1]["train_loss"].item()
    assert losses[0]["grad_norm"].item() == losses[1]["grad_norm"].item()
    assert losses[0]["valid_loss"].item() != losses[1]["valid_loss"].item()
    past = y.copy()
    past[:10] = 1e6  # the oldest do
    assert model.fit(X, past).history_["train_loss"].item() != losses[0]["train_loss"].item()


@pytest.mark.parametrize(("n", "n_validation"), [(499, 0), (500, 50)])
def test_early_stopping_auto_starts_at_500_windows(n, n_validation):
    X, y = many(n)
    model = small(max_epochs=1).fit(X, y)
    assert model.n_validation_ == n_validation
    assert ("valid_loss" in model.history_) == (n_validation > 0)
    assert small(max_epochs=1, early_stopping=False).fit(X, y).n_validation_ == 0


def test_n_validation_more_than_ten_thousand_is_thinned_evenly():
    X, y = many(120_000)
    model = small(hidden_size=1, max_steps=1).fit(X, y)
    assert model.n_validation_ == 6_000  # every second one of 12,000


def test_fit_x_val_equals_the_same_rows_held_out_by_itself(regressor):
    X, y = many(100)
    by_itself = small(regressor, early_stopping=True).fit(X, y)
    given = small(regressor).fit(X[:90], y[:90], X_val=X[90:], y_val=y[90:])
    assert given.n_validation_ == by_itself.n_validation_ == 10
    np.testing.assert_array_equal(given.predict(X), by_itself.predict(X))
    assert given.history_.equals(by_itself.history_)


def test_fit_x_val_in_three_dimensions_beside_flat_windows_is_the_same():
    X, y = many(100)
    flat = small().fit(X[:90], y[:90], X_val=X[90:], y_val=y[90:])
    cube = small().fit(X[:90], y[:90], X_val=X[90:, :, None], y_val=y[90:])
    assert flat.history_.equals(cube.history_)


def diverging_data():
    """Return windows whose signal is half as large in validation: to learn all is to be worse."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 3))
    return X[:60], X[:60, -1] + 0.05, X[60:], 0.5 * X[60:, -1] + 0.05


def test_early_stopping_best_weights_come_back(regressor):
    X, y, X_val, y_val = diverging_data()
    model = small(regressor, scaling=None, max_epochs=50, n_iter_no_change=4, lr=0.02)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    losses = model.history_["valid_loss"]
    assert model.n_iter_ == len(losses) == losses.idxmin() + 4 < 50
    # float32 in training, float64 here.
    own = np.mean((model.predict(X_val) - y_val) ** 2)
    assert own == pytest.approx(losses.min(), rel=1e-5)
    assert own < 0.99 * losses.iloc[-1]  # the last weights were worse


def test_early_stopping_false_with_x_val_watches_and_goes_on(regressor):
    X, y, X_val, y_val = diverging_data()
    params = {"scaling": None, "max_epochs": 12, "n_iter_no_change": 2, "lr": 0.02}
    watched = small(regressor, **params, early_stopping=False)
    watched.fit(X, y, X_val=X_val, y_val=y_val)
    assert watched.n_iter_ == 12
    assert watched.n_validation_ == len(X_val)
    own = np.mean((watched.predict(X_val) - y_val) ** 2)
    assert own == pytest.approx(watched.history_["valid_loss"].iloc[-1], rel=1e-5)
    alone = small(regressor, **params, early_stopping=False).fit(X, y)
    np.testing.assert_array_equal(watched.predict(X), alone.predict(X))


def test_n_iter_no_change_larger_trains_longer():
    X, y, X_val, y_val = diverging_data()
    n_iter = [
        small(RNNRegressor, max_epochs=60, n_iter_no_change=patience, lr=0.02)
        .fit(X, y, X_val=X_val, y_val=y_val)
        .n_iter_
        for patience in (6, 9)
    ]
    assert n_iter[1] == n_iter[0] + 3


def test_early_stopping_weights_of_the_validation_windows_count():
    X, y = many(100)
    weight = np.ones(100)
    weight[90:] = np.linspace(0.5, 1.5, 10)
    model = small(early_stopping=True, max_epochs=1)
    plain = model.fit(X, y).history_["valid_loss"].item()
    weighted = model.fit(X, y, sample_weight=weight).history_["valid_loss"].item()
    assert weighted != plain


def test_fit_validation_that_leaves_nothing_to_train_on_raises():
    X, y = many(12, n_outputs=11)
    with pytest.raises(
        ValueError,
        match="12 windows, of which 2 validate and 10 lie between, leave none to train on. Pass "
        "more windows, lower validation_fraction or set early_stopping=False",
    ):
        small(early_stopping=True, validation_fraction=0.2).fit(X, y)


@pytest.mark.parametrize(("given", "missing"), [("X_val", "y_val"), ("y_val", "X_val")])
def test_fit_one_half_of_the_validation_raises(given, missing):
    X, y = many(30)
    with pytest.raises(ValueError, match=f"{missing} is None, but its partner was given; both"):
        small().fit(X, y, **{given: {"X_val": X, "y_val": y}[given]})


@pytest.mark.parametrize(
    ("X_val", "y_val", "message"),
    [
        (
            np.ones((5, 3)),
            np.ones(5),
            r"X_val has 3 features, but LSTMRegressor is expecting 2 .* X_val has shape \(5, 3\)",
        ),
        (np.ones((5, 2)), np.ones((5, 2)), r"y_val has shape \(5, 2\); \(n_windows,\) is needed"),
        (np.ones((5, 2)), np.ones(4), "X_val has 5 windows, but y_val has 4 targets; one for"),
        (np.full((5, 2), np.nan), np.ones(5), "X_val contains NaN in row 0, column 0"),
        (np.ones((5, 2, 1, 1)), np.ones(5), r"X_val has shape \(5, 2, 1, 1\); .*np.reshape\(X_val"),
        (np.ones((5, 2)), np.full(5, np.inf), "Input y_val contains infinity in row 0"),
    ],
    ids=["width", "shape", "length", "NaN", "4-D", "infinity"],
)
def test_fit_validation_windows_of_another_form_raise_and_keep_the_fit(X_val, y_val, message):
    X, y = many(30)
    model = small().fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_array_equal(model.predict(X), before)
