"""Which kernels compute the recurrent layers: our own on this processor, or torch's.

Imports nothing but the compiled module, which needs neither numpy nor torch until it computes.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["NATIVE", "VARIANT", "status"]

_MODULE = "seqforecast._native"
_VARIABLE = "SEQFORECAST_KERNELS"
_OFF, _BEST = "0", "1"


def _load() -> tuple[ModuleType | None, str | None, str]:
    """Return the compiled module, the instruction set in use, and both in words."""
    wanted = os.environ.get(_VARIABLE) or _BEST
    if wanted == _OFF:
        return None, None, f"torch's ({_VARIABLE}={_OFF})"
    native, obstacle = _import_native()
    known = [] if native is None else native.variants()
    if wanted not in (_BEST, *known):
        raise ValueError(_unknown(wanted, known, obstacle))
    if native is None:
        return None, None, f"torch's ({obstacle})"
    if wanted == _BEST:
        return native, known[0], f"ours, {known[0]} (the best of {', '.join(known)})"
    return native, wanted, f"ours, {wanted} ({_VARIABLE}={wanted})"


def _import_native() -> tuple[ModuleType | None, str]:
    """Return the compiled module, or None and what is in its way."""
    try:
        return import_module(_MODULE), ""
    except ImportError as error:
        if find_spec(_MODULE) is None:
            return None, "ours were not built"
        return None, f"ours cannot be loaded: {error}"


def _unknown(wanted: str, known: list[str], obstacle: str) -> str:
    choices = [f"{_OFF} (torch's kernels)", f"{_BEST} (the best of ours)", *known]
    given = f"{_VARIABLE}={wanted!r}" + (f", but {obstacle}" if obstacle else "")
    return (
        f"{given}; one of {', '.join(choices)} is needed on this machine. "
        f"Set {_VARIABLE} to one of these, or unset it."
    )


NATIVE: Any
VARIANT: str | None
NATIVE, VARIANT, _STATUS = _load()


def status() -> str:
    """Say in a few words which kernels are at work."""
    return _STATUS
