"""Run one mode on both nets and report the differences."""

from dataclasses import dataclass

from tests.callbacks.contract.compare import differences
from tests.callbacks.contract.mode import Place
from tests.callbacks.contract.twin import ours, skorchs


@dataclass
class Verdict:
    """What a mode does on our net and on skorch's.

    Parameters
    ----------
    ours, skorchs : Seen
        The trainings that were looked at batch by batch.
    quiet : Seen
        Ours, where nobody but the callback looks at batches: in native steps if it does not.
    silent : list of str
        Differences that nobody has declared.
    """

    ours: object
    quiet: object
    skorchs: object
    silent: list[str]


def verdict_of(mode, folder):
    """Try a mode in an empty folder."""
    seen = ours(mode, _place(folder, "ours"), by_batch=True)
    quiet = ours(mode, _place(folder, "quiet"), by_batch=False)
    plain = skorchs(mode, _place(folder, "skorchs"))
    if mode.refused:
        silent = [*_unsaid(mode, seen), *_unsaid(mode, quiet)]
    else:
        silent = differences(seen, plain, by_batch=True)
        silent += [f"quiet {one}" for one in differences(quiet, plain, by_batch=False)]
    return Verdict(seen, quiet, plain, silent)


def _place(folder, name):
    (folder / name).mkdir()
    return Place(folder / name)


def _unsaid(mode, seen):
    """List what the error of a refused mode does not say."""
    if not isinstance(seen.error, ValueError):
        return [f"no ValueError, but {seen.error!r}"]
    return [
        f"{text!r} is not in {seen.error}" for text in mode.refused if text not in str(seen.error)
    ]
