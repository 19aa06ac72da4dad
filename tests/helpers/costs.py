"""Which parameters of a test only CI (`slow`) or `./dev test --full` run."""

from collections.abc import Callable, Iterable

import pytest


def full_unless(is_cheap: Callable, values: Iterable) -> list:
    """Mark the values `full` that are not cheap."""
    return [v if is_cheap(v) else pytest.param(v, marks=pytest.mark.full) for v in values]


def slow_unless(is_cheap: Callable, values: Iterable) -> list:
    """Mark the values `slow` that are not cheap."""
    return [v if is_cheap(v) else pytest.param(v, marks=pytest.mark.slow) for v in values]
