"""Callbacks that write files, and those that read them."""

from skorch.callbacks import Checkpoint, EarlyStopping, LoadInitState, TrainEndCheckpoint

from tests.callbacks.contract.known import CURES
from tests.callbacks.contract.mode import Mode

ALL_FILES = {name: f"{name}.pt" for name in ("f_params", "f_optimizer", "f_criterion")}
NO_FILES = dict.fromkeys([*ALL_FILES, "f_history"])


def both_best(net):
    return all(net.history[-1, ("train_loss_best", "valid_loss_best")])


def second_epoch(net):
    return len(net.history) == 2


def _checkpoint(mode, valid=False, more=dict, **options):
    """Return a mode of Checkpoint; `more(place)` gives further options, `dirname` is its own."""

    def make(place):
        further = more(place) if more is not dict else {}
        where = {} if more is not dict else {"dirname": str(place.folder)}
        return [("callback", Checkpoint(**where, **options, **further))]

    return Mode("Checkpoint", mode, make, valid=valid)


def _streams(place):
    """Files in memory for a single checkpoint."""
    streams = {f"f_{name}": place.stream(f"{name}.pt") for name in ("params", "optimizer")}
    return streams | {"f_pickle": place.stream("net.pkl")}


def _beside_early_stopping(place):
    checkpoint = Checkpoint(dirname=str(place.folder), load_best=True)
    return [("callback", checkpoint), EarlyStopping(patience=2, threshold=0.9)]


CHECKPOINTS = [
    _checkpoint("as it is", valid=True),
    _checkpoint("monitor=None", monitor=None),
    _checkpoint("monitor=None, with validation", valid=True, monitor=None),
    _checkpoint("monitor='train_loss_best'", monitor="train_loss_best"),
    _checkpoint("monitor='valid_loss_best'", valid=True, monitor="valid_loss_best"),
    _checkpoint("monitor='train_loss', which is no mark", monitor="train_loss"),
    _checkpoint("monitor=callable", valid=True, monitor=both_best),
    _checkpoint(
        "f_params with last_epoch and last_batch",
        monitor=None,
        f_params="params_{last_epoch[epoch]}_{last_batch[train_batch_size]}.pt",
    ),
    _checkpoint(
        "f_optimizer, f_criterion with last_batch of validation",
        valid=True,
        f_optimizer="o_{last_batch[valid_loss]:.3f}.pt",
        f_criterion="c_{last_epoch[train_loss]:.3f}_{net.max_epochs}.pt",
    ),
    _checkpoint("f_params alone", monitor=None, **(NO_FILES | {"f_params": "params.pt"})),
    _checkpoint("f_history alone", monitor=None, **(NO_FILES | {"f_history": "h.json"})),
    _checkpoint("f_pickle", valid=True, f_pickle="net.pkl"),
    _checkpoint("f_pickle alone", monitor=None, f_pickle="net.pkl", **NO_FILES),
    _checkpoint("fn_prefix", valid=True, fn_prefix="best_"),
    _checkpoint(
        "open files", more=_streams, monitor=second_epoch, f_criterion=None, f_history=None
    ),
    _checkpoint("load_best=True", valid=True, monitor=second_epoch, load_best=True),
    _checkpoint("load_best=True, monitor=None", monitor=None, load_best=True),
    _checkpoint("use_safetensors", valid=True, use_safetensors=True, f_optimizer=None),
    _checkpoint(
        "use_safetensors, load_best=True",
        use_safetensors=True,
        f_optimizer=None,
        load_best=True,
        monitor=second_epoch,
        f_params="params.safetensors",
        f_criterion="criterion.safetensors",
    ),
    _checkpoint("event_name=None", valid=True, event_name=None),
    _checkpoint("event_name='event_best'", valid=True, event_name="event_best"),
    _checkpoint(
        "sink",
        valid=True,
        more=lambda place: {"sink": place.book.append, "dirname": str(place.folder)},
        load_best=True,
    ),
    Mode(
        "Checkpoint",
        "load_best=True, beside EarlyStopping",
        _beside_early_stopping,
        valid=True,
        epochs=5,
    ),
    Mode(
        "Checkpoint",
        "monitor='valid_loss_best', no validation",
        lambda place: [("callback", Checkpoint(dirname=str(place.folder)))],
        refused=("Checkpoint", "valid_loss_best", *CURES),
    ),
    Mode(
        "Checkpoint",
        "monitor=callable, no validation",
        lambda place: [("callback", Checkpoint(both_best, dirname=str(place.folder)))],
        refused=("Checkpoint", "valid_loss_best", *CURES),
    ),
]


def _at_the_end(mode, valid=False, more=dict, **options):
    def make(place):
        further = more(place) if more is not dict else {"dirname": str(place.folder)}
        return [("callback", TrainEndCheckpoint(**options, **further))]

    return Mode("TrainEndCheckpoint", mode, make, valid=valid)


AT_THE_END = [
    _at_the_end("as it is"),
    _at_the_end("with validation", valid=True),
    _at_the_end("fn_prefix", fn_prefix="last_"),
    _at_the_end("f_pickle", f_pickle="net.pkl"),
    _at_the_end("f_params with last_batch", f_params="p_{last_batch[train_batch_size]}.pt"),
    _at_the_end("use_safetensors", use_safetensors=True, f_optimizer=None),
    _at_the_end("open files", more=_streams, f_history=None, f_criterion=None),
    _at_the_end(
        "sink", more=lambda place: {"sink": place.book.append, "dirname": str(place.folder)}
    ),
]


def _loads(mode, saves, fits=2, valid=False, **options):
    """Return a mode of LoadInitState; `saves(place)` gives the checkpoint."""

    def make(place):
        checkpoint = saves(place)
        loads = LoadInitState(checkpoint, **options)
        return [("checkpoint", checkpoint), ("callback", loads)]

    return Mode("LoadInitState", mode, make, fits=fits, valid=valid)


def _of(kind, **options):
    return lambda place: kind(dirname=str(place.folder), **options)


_TENSORS = {"use_safetensors": True, "f_optimizer": None}

LOADED = [
    _loads("nothing to load", _of(Checkpoint), fits=1, valid=True),
    _loads("Checkpoint", _of(Checkpoint), valid=True),
    _loads("Checkpoint, each epoch", _of(Checkpoint, monitor=None)),
    _loads(
        "Checkpoint, names with epochs",
        _of(Checkpoint, monitor=second_epoch, f_params="p_{last_epoch[epoch]}.pt"),
    ),
    _loads("Checkpoint, event_name=None", _of(Checkpoint, monitor=None, event_name=None)),
    _loads(
        "Checkpoint, safetensors", _of(Checkpoint, monitor=None, **_TENSORS), use_safetensors=True
    ),
    _loads("TrainEndCheckpoint", _of(TrainEndCheckpoint)),
    _loads("TrainEndCheckpoint, with validation", _of(TrainEndCheckpoint), valid=True),
    _loads("TrainEndCheckpoint, three fits", _of(TrainEndCheckpoint), fits=3),
    _loads(
        "TrainEndCheckpoint, safetensors", _of(TrainEndCheckpoint, **_TENSORS), use_safetensors=True
    ),
]

GOING_ON = [mode.twice() for mode in (CHECKPOINTS[0], CHECKPOINTS[1], AT_THE_END[0], LOADED[1])]

MODES = [*CHECKPOINTS, *AT_THE_END, *LOADED, *GOING_ON]
