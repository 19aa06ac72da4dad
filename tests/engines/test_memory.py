"""The memory of a worker is bounded: compiled programs are dropped, and compiled again."""

import subprocess
import sys

import jax
import pytest

from ebmark.engines import memory
from ebmark.engines.memory import bound, resident

PROGRAM = """
import jax, jax.numpy as jnp
from ebmark.engines.memory import bound, resident

def compile_programs(num):
    for i in range(num):
        program = jax.jit(lambda x: jnp.sin(x @ x.T + i).sum() + jnp.linalg.eigvalsh(x.T @ x)[i])
        program(jnp.eye(20 + i))

compile_programs(2)
before = resident()
compile_programs(12)
full = resident()
assert not bound(full + 2**30)
assert bound(before)
assert not bound(resident() - 1)  # memory that remains is not dropped again and again
print(before, full, resident())
"""


def test_bound_keeps_programs_below_limit():
    assert resident() > 10 * 2**20
    assert not bound(2**50)


@pytest.mark.full
def test_bound_frees_memory_of_programs():
    """At least 40% of the memory that twelve programs take."""
    completed = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    before, full, left = map(int, completed.stdout.split())
    assert full > before + 10 * 2**20, completed.stderr
    assert left < before + 0.6 * (full - before)


@pytest.mark.full
def test_programs_are_dropped_before_their_maps_reach_the_limit(monkeypatch):
    """XLA crashes at the limit of the system, of which a small one is set here."""
    double = jax.jit(lambda x: 2 * x)
    double(1.0)
    monkeypatch.setattr(memory, "fills_maps", lambda: True)
    assert double._cache_size() == 1
    assert memory.bound(2**50)
    assert double._cache_size() == 0
    monkeypatch.undo()
    assert not memory.fills_maps()
