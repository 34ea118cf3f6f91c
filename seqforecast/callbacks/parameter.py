"""What an estimator needs whose parameter `callbacks` holds the callbacks of a user."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from seqforecast.callbacks.copies import NamedInPickle, callback_of, copies_of
from seqforecast.callbacks.nested import nested_parameters, with_nested_parameters

_PREFIX = "callbacks__"


class CallbackParameter(BaseEstimator):
    """An estimator whose parameter `callbacks` is a list of skorch callbacks, or None.

    Parameters of callbacks are read and set by ``callbacks__name__parameter``; a clone copies
    callbacks one level deep, where scikit-learn would copy all that they refer to.
    """

    callbacks: list[Any] | None

    def get_params(self, deep=True):
        """Return the parameters, those of callbacks as ``callbacks__name__parameter``.

        Parameters
        ----------
        deep : bool, default=True
            Whether those of nested objects are among them.

        Returns
        -------
        params : dict
            Values by name.
        """
        params = super().get_params(deep=deep)
        if deep and isinstance(self.callbacks, list | tuple):
            nested = nested_parameters(self.callbacks)
            params |= {f"{_PREFIX}{name}": value for name, value in nested.items()}
        return params

    def set_params(self, **params):
        """Set parameters; one of a callback on a copy of it."""
        nested = {
            name.removeprefix(_PREFIX): params.pop(name)
            for name in list(params)
            if name.startswith(_PREFIX)
        }
        super().set_params(**params)
        if nested:
            self.callbacks = with_nested_parameters(self.callbacks or [], nested)
        return self

    def __sklearn_clone__(self):
        bare = object.__new__(type(self))  # scikit-learn would copy what callbacks refer to
        bare.__dict__.update(self.__dict__, callbacks=None)
        cloned = super(CallbackParameter, bare).__sklearn_clone__()
        callbacks = self.callbacks  # whatever it is: fit says whether it can be used
        if isinstance(callbacks, list | tuple):
            callbacks = type(callbacks)(copies_of(callbacks))
        cloned.callbacks = callbacks
        return cloned

    def __getstate__(self):
        state = super().__getstate__()
        copies = getattr(state.get("net_"), "callbacks_", [])
        callbacks = [*map(callback_of, self.callbacks or []), *(copy for _, copy in copies)]
        return {"_named": NamedInPickle(callbacks), **state} if self.callbacks else state

    def __setstate__(self, state):
        super().__setstate__({name: value for name, value in state.items() if name != "_named"})
