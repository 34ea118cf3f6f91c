"""What a training prints: the lines themselves, and their place after all other callbacks."""

import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.history import History

from seqforecast import LSTMRegressor
from seqforecast.training.epoch_line import EpochLine

FIRST = {
    "train_loss": 1.2345678,
    "valid_loss": 0.9877,
    "grad_norm": 2.5,
    "clip_fraction": 0.454,
    "skipped_steps": 0,
    "effective_memory": 7.0,
}


def printed(*rows, trainings=1, verbose=1):
    """Return the lines of trainings whose epochs end with these rows."""
    lines = []
    net = SimpleNamespace(history=History(), verbose=verbose)
    callback = EpochLine(sink=lines.append).initialize()
    for _ in range(trainings):
        callback.on_train_begin(net, X=None, y=None)
        for row in rows:
            net.history.new_epoch()
            net.history.record("epoch", len(net.history))
            net.history[-1].update(row)
            callback.on_epoch_end(net, dataset_train=None, dataset_valid=None)
    return lines


def without(*keys):
    return {key: value for key, value in FIRST.items() if key not in keys}


def test_lines_with_everything():
    later = FIRST | {"train_loss": 0.0, "grad_norm": 123.456, "clip_fraction": 1.0}
    assert printed(FIRST, later | {"effective_memory": 24.4, "skipped_steps": 2}) == [
        "epoch  train loss  valid loss  grad norm  clipped  memory",
        "    1      1.2346      0.9877     2.5000     45 %       7",
        "    2      0.0000      0.9877   123.4560    100 %      24  2 steps skipped",
    ]


def test_lines_without_validation_and_memory():
    assert printed(without("valid_loss", "effective_memory")) == [
        "epoch  train loss  grad norm  clipped",
        "    1      1.2346     2.5000     45 %",
    ]


def test_column_is_there_if_the_first_row_has_it():
    rows = FIRST, without("effective_memory", "valid_loss"), FIRST | {"effective_memory": math.nan}
    assert [line[-6:] for line in printed(*rows)] == ["memory", "     7", "     -", "     -"]
    assert printed(*rows)[2].split() == ["2", "1.2346", "-", "2.5000", "45", "%", "-"]
    late = printed(without("effective_memory"), FIRST)
    assert [line[-7:] for line in late] == ["clipped", "   45 %", "   45 %"]


def test_value_that_is_missing_or_not_a_number_is_a_dash():
    lines = printed(without("grad_norm", "skipped_steps") | {"train_loss": math.nan})
    assert lines[1].split() == ["1", "-", "0.9877", "-", "45", "%", "7"]


@pytest.mark.parametrize(
    ("n", "note"), [(0, ""), (1, "  1 step skipped"), (3, "  3 steps skipped")]
)
def test_note_of_skipped_steps(n, note):
    plain = printed(FIRST)[1]
    assert printed(FIRST | {"skipped_steps": n})[1] == plain + note


@pytest.mark.parametrize("value", [1e-38, 9.99996e-4, 0.001, 0.1, 999.99999, 1000.0, 3e38])
def test_lines_are_aligned_and_short_at_any_size(value):
    row = FIRST | {"train_loss": -value, "valid_loss": value, "grad_norm": value}
    row |= {"clip_fraction": 1.0, "effective_memory": 100_000, "skipped_steps": 1_000_000}
    header, line = printed(row)
    assert len(line) <= 80
    assert line[: len(header) + 2].endswith("  ")
    cells = [float(line[start:end]) for start, end in ((7, 17), (19, 29), (31, 40))]
    assert cells == pytest.approx([-value, value, value], rel=5e-4, abs=5e-5)
    assert line[17:19] == line[29:31] == line[40:42] == "  "


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (-0.25, "-0.2500"),
        (0.001, "0.0010"),
        (9.99e-4, "9.990e-04"),
        (999.9, "999.9000"),
        (1000.0, "1.000e+03"),
        (math.inf, "inf"),
    ],
)
def test_numbers_of_usual_size_have_four_decimals(value, text):
    assert printed(FIRST | {"train_loss": value})[1].split()[1] == text


def test_header_once_a_training():
    lines = printed(FIRST, FIRST, trainings=2)
    assert [line.split()[0] for line in lines] == ["epoch", "1", "2", "epoch", "3", "4"]


def test_columns_are_chosen_anew_in_each_training():
    lines, net = [], SimpleNamespace(history=History([FIRST | {"epoch": 1}]), verbose=1)
    callback = EpochLine(sink=lines.append).initialize()
    for row in (FIRST, without("valid_loss")):
        callback.on_train_begin(net)
        net.history.append(row | {"epoch": 2})
        callback.on_epoch_end(net)
    assert ["valid" in line for line in (lines[0], lines[2])] == [True, False]


def test_values_of_numpy_are_written_alike():
    row = {key: np.float32(value) for key, value in FIRST.items()}
    row |= {"skipped_steps": np.int64(0), "effective_memory": np.int64(7)}
    assert printed(row) == printed(FIRST)


def test_print_is_used_only_where_the_net_is_verbose(capsys):
    callback = EpochLine()
    for verbose, n_lines in ((0, 0), (1, 2)):
        net = SimpleNamespace(history=History([FIRST | {"epoch": 1}]), verbose=verbose)
        callback.on_train_begin(net)
        callback.on_epoch_end(net)
        assert len(capsys.readouterr().out.splitlines()) == n_lines
    assert len(printed(FIRST, verbose=0)) == 2  # another sink gets them always, as in skorch


# On real nets -------------------------------------------------------------------------------------

LINES = []


def keep(line):
    """Take a line; a function of a module, since a regressor works on copies of callbacks."""
    LINES.append(line)


class Late(Callback):
    """Record values at the end of each epoch, later in the list than what prints them."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("clip_fraction", 0.77)
        net.history.record("effective_memory", 5)


@pytest.fixture
def lines():
    LINES.clear()
    return LINES


def windows(n=40):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 5)), rng.normal(size=n)


def test_regressor_prints_its_history_after_all_other_callbacks(lines):
    model = LSTMRegressor(
        hidden_size=4, max_epochs=3, early_stopping=True, callbacks=[EpochLine(keep), Late()]
    )
    history = model.fit(*windows()).history_
    assert [len(line) for line in lines] == [57] * 4
    assert lines[0].split()[-1] == "memory"
    for line, (epoch, row) in zip(lines[1:], history.iterrows(), strict=True):
        cells = line.split()
        assert cells[0] == str(epoch)
        names = ["train_loss", "valid_loss", "grad_norm"]
        assert [float(cell) for cell in cells[1:4]] == pytest.approx(row[names].tolist(), abs=1e-4)
        assert cells[4:] == ["77", "%", f"{row['effective_memory']:.0f}"]


def test_net_of_a_user_prints_with_it(lines):
    X, y = (part.astype(np.float32) for part in windows())
    net = NeuralNetRegressor(
        torch.nn.Linear(5, 1), callbacks=[EpochLine(keep)], callbacks__print_log=None, max_epochs=2
    )
    net.fit(X, y[:, None])
    assert len(lines) == 3
    assert float(lines[-1].split()[1]) == pytest.approx(net.history[-1, "train_loss"], abs=1e-4)


def test_callback_clones_and_a_net_with_it_pickles(capsys):
    callback = EpochLine(keep)
    assert callback.get_params() == {"sink": keep}
    assert clone(callback).sink is keep
    model = LSTMRegressor(hidden_size=4, max_epochs=2, verbose=1).fit(*windows())
    assert len(capsys.readouterr().out.splitlines()) == 3
    pickle.loads(pickle.dumps(model)).partial_fit(*windows())
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "3"
