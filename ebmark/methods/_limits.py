"""Valid ranges of hyperparameters."""

import dataclasses
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any


@dataclasses.dataclass(frozen=True)
class Interval:
    """Range of a hyperparameter: the finite numbers from `low` to `high`.

    Attributes:
        low: Smallest value.
        high: Largest value.
        open: Whether `low` itself is excluded.
        integer: Whether only integers are valid.

    Example:
        >>> Interval(0, open=True).check("sigma", -1.0)
        Traceback (most recent call last):
        ...
        ValueError: 'sigma' must be > 0, got -1.0.
    """

    low: float = -math.inf
    high: float = math.inf
    open: bool = False
    integer: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise ValueError if `value` is a number outside the range.

        Arrays are not checked, as they may be traced, nor is None.
        """
        if isinstance(value, Real) and not self._contains(float(value)):
            raise ValueError(f"'{name}' must be {self}, got {value!r}.")

    def _contains(self, value: float) -> bool:
        if not math.isfinite(value) or (self.integer and not value.is_integer()):
            return False
        return self.low <= value <= self.high and not (self.open and value == self.low)

    def __str__(self) -> str:
        if self.low == -math.inf:
            return "a finite number"
        kind = "an integer " if self.integer else ""
        upper = "" if self.high == math.inf else f" and <= {self.high:g}"
        return f"{kind}{'>' if self.open else '>='} {self.low:g}{upper}"


COUNT = Interval(1, integer=True)
POSITIVE = Interval(0, open=True)
NON_NEGATIVE = Interval(0)
FRACTION = Interval(0, 1)


def check_limits(instance: Any, limits: Mapping[str, Interval]) -> None:
    """Raise ValueError if a field of `instance` is outside its range."""
    for name, interval in limits.items():
        interval.check(name, getattr(instance, name))
