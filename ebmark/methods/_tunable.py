"""Search spaces on the fields of methods."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx


class Range(NamedTuple):
    """The interval from `low` to `high`, sampled uniformly, in the logarithm if `log`."""

    low: float
    high: float
    log: bool = True


def tunable(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    log: bool = True,
    values: Sequence[int] = (),
) -> Any:
    """Declare a field of a method that `eb.tune` searches.

    Args:
        default: its default value.
        low: smallest value of a number on a scale.
        high: largest value.
        log: whether the scale is logarithmic; `low` is then positive.
        values: ordered values of a count, in place of `low` and `high`.

    Raises:
        ValueError: if the range is empty, or not positive on a logarithmic scale.

    Example:
        >>> from ebmark.methods import AbstractMethod
        >>> class Mine(AbstractMethod):
        ...     gamma: float = tunable(0.5, low=0.1, high=1.0)
        >>> search_space(Mine)
        {'gamma': Range(low=0.1, high=1.0, log=True)}
    """
    if values:
        return eqx.field(static=True, default=default, metadata={"search": tuple(values)})
    if low is None or high is None or not low < high or (log and low <= 0):
        raise ValueError(
            f"'low' and 'high' must be a range, positive if log, got {low} and {high}. "
            "Pass tunable(0.5, low=0.1, high=1.0)."
        )
    return eqx.field(default=default, metadata={"search": Range(low, high, log)})


def search_space(kind: type) -> dict[str, Range | tuple[int, ...]]:
    """Return the ranges that the fields of a method declare."""
    fields: Any = dataclasses.fields(kind)
    return {field.name: field.metadata["search"] for field in fields if "search" in field.metadata}
