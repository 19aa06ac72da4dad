"""A worker's memory is bounded: compiled programs are dropped, and come back."""

import subprocess
import sys

import pytest

from ebmark.engines.memory import bound, resident

PROGRAM = """
import jax, jax.numpy as jnp
from ebmark.engines._memory import bound, resident

def programs(num):
    for i in range(num):
        one = jax.jit(lambda x: jnp.sin(x @ x.T + i).sum() + jnp.linalg.eigvalsh(x.T @ x)[i])
        one(jnp.eye(20 + i))

programs(2)
before = resident()
programs(12)
full = resident()
assert not bound(full + 2**30)
assert bound(before)
assert not bound(resident() - 1)  # what stays is not dropped again and again
print(before, full, resident())
"""


def test_what_is_resident_is_told_and_little_is_left_alone():
    assert resident() > 10 * 2**20
    assert not bound(2**50)


@pytest.mark.full
def test_dropped_programs_give_most_of_their_memory_back():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    before, full, left = map(int, ended.stdout.split())
    assert full > before + 10 * 2**20, ended.stderr
    assert left < before + 0.6 * (full - before)
