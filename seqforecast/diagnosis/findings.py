"""What a diagnosis consists of: findings, which read like what a colleague would say."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

_WIDTH = 79
NO_FINDING = "No finding. How good the forecasts are is not judged here."


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing, and what to change.

    Parameters
    ----------
    code : str
        ``"GF01"`` and so on; the same in every version.
    name : str
        What it is called.
    severity : {"info", "warning", "error"}
        How much it matters.
    value : float
        The number that was measured.
    threshold : float
        The number that it was compared with.
    source : str
        What was compared, and where the threshold comes from.
    message : str
        One plain sentence.
    parameter : str
        What to change, as one would write it.

    Examples
    --------
    >>> from seqforecast.diagnosis import Finding
    >>> finding = Finding(
    ...     code="GF04",
    ...     name="gradient not finite",
    ...     severity="error",
    ...     value=2,
    ...     threshold=0,
    ...     source="skipped steps; any is too many",
    ...     message="2 steps were left out, because their gradient was not finite.",
    ...     parameter="lr=0.001",
    ... )
    >>> print(finding)
    GF04 error: gradient not finite
      2 steps were left out, because their gradient was not finite.
      Try lr=0.001.
      [2 against 0: skipped steps; any is too many]
    """

    code: str
    name: str
    severity: str
    value: float
    threshold: float
    source: str
    message: str
    parameter: str

    def __str__(self) -> str:
        numbers = f"[{self.value:.3g} against {self.threshold:.3g}: {self.source}]"
        lines = (self.message, f"Try {self.parameter}.", numbers)
        head = f"{self.code} {self.severity}: {self.name}"
        return "\n".join([head, *(_indented(line) for line in lines)])


class Diagnosis(list[Finding]):
    """A list of findings that reads like what a colleague would say.

    Parameters
    ----------
    findings : iterable of Finding, default=()
        What was found, the worst first.
    summary : str, default=""
        What was looked at, and how far its gradient reaches.

    Examples
    --------
    >>> from seqforecast.diagnosis import Diagnosis
    >>> print(Diagnosis([], summary="LSTMRegressor after 5 epochs: ..."))
    LSTMRegressor after 5 epochs: ...
    No finding. How good the forecasts are is not judged here.
    """

    def __init__(self, findings: Iterable[Finding] = (), *, summary: str = "") -> None:
        super().__init__(findings)
        self.summary = summary

    def __str__(self) -> str:
        if not self:
            return "\n".join([_filled(self.summary), NO_FINDING])
        return "\n\n".join([_filled(self.summary), *map(str, self)])


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH)


def _indented(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="  ")
