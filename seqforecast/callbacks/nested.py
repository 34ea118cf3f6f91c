"""Parameters of callbacks, by the names of skorch: ``callbacks__name__parameter``."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from sklearn.base import clone

from seqforecast.callbacks.copies import Callbacks, callback_of, replaced


def nested_parameters(callbacks: Callbacks) -> dict[str, Any]:
    """Return each callback and its parameters, by ``name`` and ``name__parameter``."""
    found: dict[str, Any] = {}
    for name, place in _places(callbacks).items():
        callback = found[name] = callback_of(callbacks[place])
        if hasattr(callback, "get_params") and not isinstance(callback, type):
            parameters = callback.get_params(deep=False)
            found |= {f"{name}__{parameter}": value for parameter, value in parameters.items()}
    return found


def with_nested_parameters(callbacks: Callbacks, given: Mapping[str, Any]) -> list[Any]:
    """Return the list with other parameters, or other callbacks; no callback in it changes.

    Parameters
    ----------
    callbacks : sequence
        As the user gave them.
    given : mapping
        By ``name`` a callback that takes the place, or None to leave it out; by
        ``name__parameter`` a value.

    Raises
    ------
    ValueError
        If there is no callback, or no parameter, of such a name.
    """
    places, new = _places(callbacks), {}
    if len(places) < len(callbacks):
        raise ValueError(
            f"{len(callbacks)} callbacks have the names {list(places)}; a name for each is needed. "
            "Give other names: callbacks=[('name', callback)]."
        )
    for key in sorted(given, key=lambda key: "__" in key):  # callbacks before their parameters
        name, _, parameter = key.partition("__")
        if name not in places:
            raise ValueError(
                f"callbacks__{key} was given, but no callback is called {name!r}; one of "
                f"{list(places)} is needed. Give a callback a name by a tuple: "
                f"callbacks=[({name!r}, callback)]."
            )
        place = places[name]
        if not parameter:
            new[place] = given[key]
            continue
        callback = new.get(place, callback_of(callbacks[place]))
        if callback is None:
            raise ValueError(
                f"callbacks__{key} was given, but callbacks__{name}=None leaves that callback out; "
                "a callback is needed. Leave out one of the two."
            )
        new[place] = callback() if isinstance(callback, type) else copy(callback)
        _set(new[place], parameter, given[key])
    if not given.keys().isdisjoint(places):  # another class must not change a name, or a number
        callbacks = [(name, callback_of(callbacks[place])) for name, place in places.items()]
    return [item for item in replaced(callbacks, new) if callback_of(item) is not None]


def _set(callback: Any, parameter: str, value: Any) -> None:
    """Set a parameter of a callback; one of a parameter's own, on a clone of that."""
    outer, _, inner = parameter.partition("__")
    held = getattr(callback, outer, None)
    if inner and hasattr(held, "set_params"):
        callback.set_params(**{outer: clone(held).set_params(**{inner: value})})
    else:
        callback.set_params(**{parameter: value})


def _places(callbacks: Callbacks) -> dict[str, int]:
    """Return where each callback stands, by its name.

    That is the name in its pair, or else its class; several of one name are numbered from 1.
    """
    names = [_name(item) for item in callbacks]
    numbered = [
        f"{name}_{names[: place + 1].count(name)}" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]
    return {name: place for place, name in enumerate(numbered)}


def _name(item: Any) -> str:
    if callback_of(item) is not item:
        return str(item[0])
    return item.__name__ if isinstance(item, type) else type(item).__name__
