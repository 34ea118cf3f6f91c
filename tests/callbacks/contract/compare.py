"""In what two trainings differ, in words."""

import math

import numpy as np

from tests.callbacks.contract.seen import OF_BATCHES

EXACT = (1e-6, 1e-6)
"""Relative and absolute: both nets step in torch, and forecast in blocks of other sizes."""

NATIVE = (1e-4, 1e-5)
"""The same sums in another order, in float32."""


def differences(ours, skorchs, *, by_batch):
    """List what differs between the training of ours and the one of skorch's net."""
    tolerance = EXACT if by_batch else NATIVE
    calls, theirs = ours.calls, skorchs.calls
    if not by_batch:
        theirs = [call for call in theirs if call["hook"] not in OF_BATCHES]
    compared = ["history", "weights", "callbacks", "files", "book", "warnings"]
    if ours.error is not None:
        calls = [call for call in calls if call["hook"] != "on_train_end"]
        compared.remove("callbacks")  # which on_train_end tidies up
    pairs = {
        "calls": (calls, theirs),
        **{name: (getattr(ours, name), getattr(skorchs, name)) for name in compared},
        "error": (_error(ours), _error(skorchs)),
    }
    return [found for name, (a, b) in pairs.items() if (found := _first(name, a, b, tolerance))]


def _error(seen):
    return seen.error and [type(seen.error).__name__, str(seen.error)]


def _first(where, ours, skorchs, tolerance):
    """Return the first difference between two described values; empty if there is none."""
    if ours is skorchs:
        return ""
    if isinstance(ours, dict) and isinstance(skorchs, dict):
        if ours.keys() != skorchs.keys():
            return f"{where}: keys {sorted(ours)} are not {sorted(skorchs)}"
        pairs = [(f"{where}.{key}", ours[key], skorchs[key]) for key in ours]
        return _first_of(pairs, tolerance)
    if isinstance(ours, list) and isinstance(skorchs, list):
        pairs = [
            (f"{where}[{place}]", *both)
            for place, both in enumerate(zip(ours, skorchs, strict=False))
        ]
        found = _first_of(pairs, tolerance)
        if not found and len(ours) != len(skorchs):
            found = f"{where}: {len(ours)} entries are not {len(skorchs)}"
        return found
    return "" if _same(ours, skorchs, *tolerance) else f"{where}: {ours!r} is not {skorchs!r}"


def _first_of(pairs, tolerance):
    return next((found for pair in pairs if (found := _first(*pair, tolerance))), "")


def _same(a, b, relative, absolute):
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and _close(a, b, relative, absolute)
    if isinstance(a, float):
        return (
            a == b
            or (math.isnan(a) and math.isnan(b))
            or math.isclose(a, b, rel_tol=relative, abs_tol=absolute)
        )
    return bool(a == b)


def _close(a, b, relative, absolute):
    # Most are equal, which is cheaper to see than that they are close.
    return np.array_equal(a, b) or np.allclose(a, b, relative, absolute, equal_nan=True)
