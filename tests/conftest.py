"""What all tests share: keys from a fixed seed, and compiled programs that outlive a run."""

import itertools

import jax
import jax.random as jr
import pytest

from ebmark.threads import cache_folder


def pytest_configure(config):
    """Keep compiled programs between runs, apart from those of the user's own studies."""
    # a program that another worker is still writing is compiled again, with a warning
    config.addinivalue_line("filterwarnings", "ignore:Error reading persistent compilation cache")
    folder = cache_folder() / "tests"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture
def getkey():
    """A fresh key each call; the same ones in the same test, whatever ran before it."""
    numbers = itertools.count()
    return lambda: jr.fold_in(jr.key(20_260_901), next(numbers))
