"""Columns of a frame: what each one is for, and its values as numbers."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = ("unique_id", "ds", "y")
"""What series, time and target are called in a long frame unless a user says otherwise."""


@dataclass(frozen=True)
class Roles:
    """Which columns are features, and when their values are known."""

    past: tuple[Hashable, ...] = ()
    future: tuple[Hashable, ...] = ()
    static: tuple[Hashable, ...] = ()

    def items(self) -> tuple[tuple[str, tuple[Hashable, ...]], ...]:
        """Return (name of the parameter, columns) of each role."""
        return ("past", self.past), ("future", self.future), ("static", self.static)


def choose_roles(
    available: Sequence[Hashable],
    past: Iterable[Hashable] | None,
    future: Iterable[Hashable] | None,
    static: Iterable[Hashable] | None,
) -> Roles:
    """Give every feature column its role; `future` takes what the others leave if it is None."""
    past, static = listed_names("past", past), listed_names("static", static)
    rest = tuple(name for name in available if name not in past and name not in static)
    roles = Roles(past, rest if future is None else listed_names("future", future), static)
    role_of: dict[Hashable, str] = {}
    for role, names in roles.items():
        for name in names:
            if name not in available:
                raise ValueError(
                    f"{role}={list(names)!r} names {name!r}, which is not a feature column. "
                    + nearest(name, available, "feature columns")
                )
            if name in role_of:
                raise ValueError(
                    f"{name!r} is named twice, in {role_of[name]}= and in {role}=; a column needs "
                    "one role. Remove it from one of them."
                )
            role_of[name] = role
    return roles


def check_three(columns: Any) -> tuple[Hashable, Hashable, Hashable]:
    """Return the names of the id, time and target columns of a long panel."""
    names = tuple(columns) if isinstance(columns, Iterable) and not isinstance(columns, str) else ()
    if len(names) != 3 or len(set(names)) != 3:
        raise ValueError(
            f"{columns=}; the names of three columns are needed: id, time and target. Pass for "
            "example columns=('unique_id', 'ds', 'y')."
        )
    return names


def listed_names(role: str, names: Iterable[Hashable] | None) -> tuple[Hashable, ...]:
    """Return a list of names as a tuple."""
    if names is None:
        return ()
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise TypeError(
            f"{role}={names!r} is a {type(names).__name__}; a list of column names is needed. "
            f"Pass {role}=[{names!r}]."
        )
    return tuple(names)


def show(value: Any) -> str:
    """Write a label for messages: text in quotes, numbers without the name of their type."""
    return repr(value) if isinstance(value, str) else str(value)


def nearest(name: Hashable, valid: Iterable[Hashable], what: str) -> str:
    """Say which names are valid, and which of them was meant."""
    known = {str(word): word for word in valid}
    if not known:
        return f"There are no {what}: leave it out."
    close = difflib.get_close_matches(str(name), known, n=1)
    shown = ", ".join(map(show, list(known.values())[:8])) + (", ..." if len(known) > 8 else "")
    advice = f"Did you mean {show(known[close[0]])}?" if close else "Pass one of them."
    return f"The {what} are {shown}. {advice}"
