"""Callbacks that score, and those that end a training by a score."""

import numpy as np
from sklearn.metrics import make_scorer, mean_absolute_error, mean_squared_error
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    PassthroughScoring,
)

from tests.callbacks.contract.known import CURES
from tests.callbacks.contract.mode import Mode


def bias(net, X, y):
    """Score a net by its mean error: forecasts and targets have to be in the same units."""
    return float((net.predict(X) - np.asarray(y)).mean())


def mean_of_batches(net, *_):
    """Score as skorch's documentation does, by what the history holds of the batches."""
    losses = net.history[-1, "batches", :, "valid_loss"]
    sizes = net.history[-1, "batches", :, "valid_batch_size"]
    return float(np.average(losses, weights=sizes))


class MarksBatches(Callback):
    """Records a value of its own for each batch."""

    def on_batch_end(self, net, batch, training, **kwargs):
        if training:
            net.history.record_batch("mark", float(batch[1].mean()))


MOVING = (
    "skorch scores the forecasts that were made while the weights moved, ours those after the "
    "epoch, as use_caching=False does"
)
NEW_FORECAST = "skorch scores a second forecast, made after the step; ours that of the step itself"


def _modes(kind, scorings, **fixed):
    """Return modes of one class from (mode, arguments, options of the mode)."""

    def maker(arguments):
        return lambda _: [("callback", kind(**arguments))]

    return [
        Mode(kind.__name__, mode, maker(arguments), **fixed, **options)
        for mode, arguments, options in scorings
    ]


VALID = {"valid": True}
SCORERS = [
    ("'r2'", {"scoring": "r2", "lower_is_better": False}, VALID),
    ("'neg_mean_absolute_error'", {"scoring": "neg_mean_absolute_error"}, VALID),
    ("a metric of scikit-learn", {"scoring": mean_squared_error}, VALID),
    ("make_scorer", {"scoring": make_scorer(mean_absolute_error)}, VALID),
    ("None, the net's score", {"scoring": None, "lower_is_better": False}, VALID),
    ("a function of net, X, y", {"scoring": bias}, VALID),
    ("name", {"scoring": "r2", "name": "valid_r2"}, VALID),
    ("lower_is_better=None", {"scoring": "r2", "lower_is_better": None}, VALID),
    ("no validation", {"scoring": "r2"}, {}),
    ("target_extractor", {"scoring": "r2", "target_extractor": np.asarray}, VALID),
]


def _on_train(kind, scoring="r2", **options):
    def make(_):
        return [("callback", kind(scoring, on_train=True, name="train_score", **options))]

    return make


EPOCHS = [
    *_modes(EpochScoring, SCORERS),
    *_modes(
        EpochScoring,
        [
            ("use_caching=False", {"scoring": "r2", "use_caching": False}, VALID),
            ("of the batches in the history", {"scoring": mean_of_batches}, VALID),
            ("no such scorer", {"scoring": "accuracies"}, VALID),
        ],
    ),
    Mode(
        "EpochScoring",
        "on_train=True, use_caching=False",
        _on_train(EpochScoring, use_caching=False),
    ),
    Mode(
        "EpochScoring",
        "on_train=True",
        _on_train(EpochScoring),
        intended=MOVING,
        plain=_on_train(EpochScoring, use_caching=False),
    ),
    Mode(
        "EpochScoring",
        "two of one class",
        lambda _: [EpochScoring("r2"), EpochScoring("neg_mean_absolute_error")],
        valid=True,
    ),
]

BATCHES = [
    *_modes(BatchScoring, SCORERS, native=False),
    *_modes(
        BatchScoring,
        [("use_caching=False", {"scoring": "r2", "use_caching": False}, VALID)],
        native=False,
    ),
    Mode("BatchScoring", "on_train=True", _on_train(BatchScoring), native=False),
    Mode("BatchScoring", "on_train=True, a function", _on_train(BatchScoring, bias), native=False),
    Mode(
        "BatchScoring",
        "on_train=True, use_caching=False",
        _on_train(BatchScoring, use_caching=False),
        native=False,
        intended=NEW_FORECAST,
        plain=_on_train(BatchScoring),
    ),
]

PASSED_ON = [
    *_modes(
        PassthroughScoring,
        [
            ("'train_loss'", {"name": "train_loss", "on_train": True}, {}),
            ("'valid_loss'", {"name": "valid_loss"}, VALID),
            ("'train_batch_size'", {"name": "train_batch_size", "on_train": True}, VALID),
            (
                "lower_is_better=False",
                {"name": "train_loss", "on_train": True, "lower_is_better": False},
                {},
            ),
            ("lower_is_better=None", {"name": "valid_loss", "lower_is_better": None}, VALID),
            ("no validation", {"name": "valid_loss"}, {}),
        ],
    ),
    Mode(
        "PassthroughScoring",
        "of a value that another callback records",
        lambda _: [MarksBatches(), ("callback", PassthroughScoring("mark", on_train=True))],
        native=False,
    ),
]


def _stops(mode, valid=True, before=(), refused=(), **options):
    def make(place):
        given = {"threshold": 0.9, "patience": 2, "sink": place.book.append} | options
        return [*before, ("callback", EarlyStopping(**given))]

    return Mode("EarlyStopping", mode, make, valid=valid, epochs=6, refused=refused)


STOPPING = [
    _stops("as it is: nothing to stop for", threshold=1e-4, patience=5),
    _stops("patience=2"),
    _stops("monitor='train_loss'", valid=False, monitor="train_loss"),
    _stops("load_best=True", load_best=True, patience=3),
    _stops(
        "load_best=True, monitor='train_loss'", valid=False, load_best=True, monitor="train_loss"
    ),
    _stops("threshold_mode='abs'", threshold_mode="abs", threshold=10.0),
    _stops("threshold_mode of another name", threshold_mode="relative"),
    _stops(
        "of a score, lower_is_better=False",
        before=[EpochScoring("r2", lower_is_better=False)],
        monitor="r2",
        lower_is_better=False,
        threshold_mode="abs",
    ),
    _stops("no validation", valid=False, refused=("EarlyStopping", "valid_loss", *CURES)),
    _stops("monitor of a name that is not there", monitor="loss"),
]

GOING_ON = [
    mode.twice()
    for mode in (STOPPING[1], STOPPING[3], EPOCHS[0], BATCHES[0], PASSED_ON[0], PASSED_ON[1])
]

MODES = [*STOPPING, *EPOCHS, *BATCHES, *PASSED_ON, *GOING_ON]
