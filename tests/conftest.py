"""What all tests share: keys from a fixed seed, and compiled programs that outlive a run."""

import itertools

import jax.random as jr
import jaxtyping
import pytest

from ebmark.engines import memory
from ebmark.system.threads import keep_compiled_programs


def pytest_configure(config):
    """Keep compiled programs between runs, apart from those of the user's own studies."""
    # a program that another worker is still writing is compiled again, with a warning
    config.addinivalue_line("filterwarnings", "ignore:Error reading persistent compilation cache")
    keep_compiled_programs("tests")


_num_tests = itertools.count(1)


@pytest.fixture(autouse=True)
def few_programs():
    """A worker runs thousands of tests, each with programs of its own."""
    yield
    if next(_num_tests) % 10 == 0:
        memory.bound(6 * 2**30)


@pytest.fixture
def unchecked_shapes(monkeypatch):
    """Let a test pass arguments that annotations exclude, as users can: shapes are not checked."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def getkey():
    """A fresh key each call; the same ones in the same test, whatever ran before it."""
    numbers = itertools.count()
    return lambda: jr.fold_in(jr.key(20_260_901), next(numbers))
