"""What scikit-learn's callbacks (1.9 and later) need of an estimator."""

from __future__ import annotations

from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks yet."""

    def with_callbacks(method: Any) -> Any:
        """Return the method unchanged."""
        return method


SUPPORTED = hasattr(CallbackSupportMixin, "set_callbacks")
"""Whether the installed scikit-learn has callbacks."""
