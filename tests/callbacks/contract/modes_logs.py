"""Callbacks that tell of a training: times, tables, bars, and trackers of experiments."""

from pathlib import Path
from types import SimpleNamespace

from skorch.callbacks import (
    EpochTimer,
    MlflowLogger,
    PrintLog,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    WandbLogger,
)

from tests.callbacks.contract.known import CURES, OURS_ALONE
from tests.callbacks.contract.mode import Mode


class Tracker:
    """Stands for the client of MLflow, the run of Sacred and that of Weights & Biases.

    It has the methods that skorch calls, and writes down each call but those about columns that
    ours has alone.
    """

    def __init__(self, place):
        self.place = place
        self.dir = str(place.folder)

    def _note(self, call, name, *args):
        if name.removesuffix("_epoch").removesuffix("_by") not in OURS_ALONE:
            self.place.book.append([call, name, *args])

    def log_metric(self, run_id, key, value, step):
        self._note("log_metric", key, value, step, run_id)

    def log_artifact(self, run_id, path):
        path = Path(path)
        (self.place.folder / path.name).write_bytes(path.read_bytes())
        self._note("log_artifact", path.name, run_id)

    def set_terminated(self, run_id):
        self._note("set_terminated", run_id)

    def log_scalar(self, name, value, step=None):
        self._note("log_scalar", name, value, step)

    def watch(self, module):
        self._note("watch", type(module).__name__)

    def log(self, values):
        for name in sorted(values):
            self._note("log", name, values[name])


def _mlflow(mode, native=True, valid=True, **options):
    def make(place):
        run = SimpleNamespace(info=SimpleNamespace(run_id="run"))
        return [("callback", MlflowLogger(run, Tracker(place), **options))]

    return Mode("MlflowLogger", mode, make, valid=valid, native=native)


def _sacred(mode, native=True, **options):
    def make(place):
        return [("callback", SacredLogger(Tracker(place), **options))]

    return Mode("SacredLogger", mode, make, valid=True, native=native)


def _wandb(mode, valid=True, refused=(), **options):
    def make(place):
        return [("callback", WandbLogger(Tracker(place), **options))]

    return Mode("WandbLogger", mode, make, valid=valid, refused=refused)


def _table(mode, valid=True, before=(), keys_ignored=(), **options):
    """Return a mode of PrintLog, without the columns of ours alone."""

    def make(place):
        ignored = [*OURS_ALONE, *keys_ignored]
        return [*before, ("callback", PrintLog(ignored, sink=place.book.append, **options))]

    return Mode("PrintLog", mode, make, valid=valid)


def _bar(mode, valid=True, **options):
    def make(_):
        return [("callback", ProgressBar(**options))]

    return Mode("ProgressBar", mode, make, valid=valid, native=False)


class Histograms(TensorBoard):
    """Logs the weights of the head, as skorch's documentation shows."""

    def on_epoch_end(self, net, **kwargs):
        weights = net.module_.head.linear.weight
        self.writer.add_histogram("head", weights, global_step=len(net.history))
        super().on_epoch_end(net, **kwargs)


def _board(mode, kind=TensorBoard, valid=True, native=True, fits=1, **options):
    def make(place):
        return [("callback", kind(place.writer(), **options))]

    return Mode("TensorBoard", mode, make, valid=valid, native=native, fits=fits)


def in_one_group(key):
    return f"all/{key}"


MODES = [
    Mode("EpochTimer", "as it is", lambda _: [("callback", EpochTimer())]),
    Mode("EpochTimer", "the class", lambda _: [("callback", EpochTimer)]),
    _table("as it is"),
    _table("no validation", valid=False),
    _table("keys_ignored", keys_ignored=["train_loss"]),
    _table("tablefmt, floatfmt, stralign", tablefmt="pipe", floatfmt=".2f", stralign="left"),
    _bar("as it is"),
    _bar("no validation", valid=False),
    _bar("batches_per_epoch='count'", batches_per_epoch="count"),
    _bar("batches_per_epoch=4", batches_per_epoch=4),
    _bar("postfix_keys", postfix_keys=["train_loss", "train_batch_size"]),
    _bar("detect_notebook=False", detect_notebook=False),
    _board("as it is"),
    _board("no validation", valid=False),
    _board("close_after_train=False", close_after_train=False),
    _board("keys_ignored", keys_ignored="train_loss"),
    _board("key_mapper", key_mapper=in_one_group),
    _board("a class of one's own", kind=Histograms, native=False),
    _mlflow("as it is"),
    _mlflow("no validation", valid=False),
    _mlflow("log_on_batch_end=True", native=False, log_on_batch_end=True),
    _mlflow("by batch alone", native=False, log_on_batch_end=True, log_on_epoch_end=False),
    _mlflow("create_artifact=False", create_artifact=False),
    _mlflow("terminate_after_train=False", terminate_after_train=False),
    _mlflow("epoch_suffix, keys_ignored", epoch_suffix="_by_epoch", keys_ignored=["train_loss"]),
    _sacred("as it is"),
    _sacred("log_on_batch_end=True", native=False, log_on_batch_end=True),
    _mlflow("log_on_batch_end=True", native=False, log_on_batch_end=True).twice(),
    _table("as it is").twice(),
    _bar("batches_per_epoch='count'", batches_per_epoch="count").twice(),
    _board("close_after_train=False", close_after_train=False).twice(),
    _wandb("as it is"),
    _wandb("save_model=False, no validation", valid=False, save_model=False),
    _wandb("no validation", valid=False, refused=("WandbLogger", "valid_loss_best", *CURES)),
]
