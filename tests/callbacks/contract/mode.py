"""What is tried: a callback in one of its modes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter


class InMemory(BytesIO):
    """A file that can be read after it was closed."""

    def close(self):
        pass


@dataclass
class Place:
    """Where the callbacks of one training leave what they write."""

    folder: Path
    book: list[Any] = field(default_factory=list)
    streams: dict[str, BytesIO] = field(default_factory=dict)
    writers: list[SummaryWriter] = field(default_factory=list)

    def stream(self, name):
        """Return an open file in memory."""
        return self.streams.setdefault(name, InMemory())

    def writer(self):
        """Return a writer of TensorBoard."""
        self.writers.append(SummaryWriter(self.folder))
        return self.writers[-1]

    def flush(self):
        """See to it that all that was written lies in the folder."""
        for writer in self.writers:
            writer.flush()


@dataclass(frozen=True)
class Mode:
    """A callback in one of its modes, and how it is tried.

    Parameters
    ----------
    name, mode : str
        As in the table.
    make : callable
        ``make(place)`` gives the callbacks, in order.
    valid : bool
        Whether there are validation windows.
    epochs : int
        Passes over the data, if nothing ends the training before.
    native : bool
        Whether our net may train in native steps: nobody looks at batches, nothing is frozen.
    fits : int
        Fits one after the other, all of which write to one place.
    goes_on : bool
        Whether these fits train one net on, with the same callbacks, or each a new net.
    refused : tuple of str
        What our ValueError says, where skorch's net ends with an error of another kind.
    intended : str
        Why our net does something else, if it does.
    plain : callable
        What stands in the place of `make` on skorch's net, where `intended` says why.
    """

    name: str
    mode: str
    make: Callable[[Place], list[Any]]
    valid: bool = False
    epochs: int = 3
    native: bool = True
    fits: int = 1
    goes_on: bool = False
    refused: tuple[str, ...] = ()
    intended: str = ""
    plain: Callable[[Place], list[Any]] | None = None

    def __str__(self):
        return f"{self.name}: {self.mode}"

    def twice(self):
        """Return the same mode of a net that is trained on."""
        mode = f"{self.mode}, twice under warm_start"
        return replace(self, mode=mode, fits=2, goes_on=True)
