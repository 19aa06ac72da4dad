"""Digests differ with everything that an object computes with, and with nothing else."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import ebmark as eb
from ebmark.studies.digests import digest

SCALE = 3.0


def scaled(x):
    return SCALE * x


def calls_scaled(x):
    return [scaled(one) for one in x]


def with_factor(factor):
    def loss(energy, batch, state, key):
        return factor * jnp.mean(batch), state

    return loss


class Weighted(eqx.Module):
    weight: jax.Array

    def __call__(self, x):
        return jnp.sum(self.weight * scaled(x))


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def weighted_energy(value):
    return eb.energy(lambda w, x: jnp.sum(w * x), value * jnp.ones(2))


PAIRS = {
    "closure": (lambda: with_factor(1.0), lambda: with_factor(2.0)),
    "lambdas of one line": (lambda: lambda x: x + 1, lambda: lambda x: x + 2),
    "array of a module": (lambda: Weighted(jnp.ones(2)), lambda: Weighted(7 * jnp.ones(2))),
    "parameters of an energy": (lambda: weighted_energy(1.0), lambda: weighted_energy(7.0)),
    "partial": (lambda: functools.partial(scaled, 1), lambda: functools.partial(scaled, 2)),
    "jitted": (lambda: jax.jit(with_factor(1.0)), lambda: jax.jit(with_factor(2.0))),
    "bound method": (lambda: Slotted(1).__eq__, lambda: Slotted(2).__eq__),
    "slots": (lambda: Slotted(1), lambda: Slotted(2)),
    "key": (lambda: jax.random.key(0), lambda: jax.random.key(1)),
    "frame": (lambda: pd.DataFrame({"a": np.arange(1e3)}), lambda: pd.DataFrame({"a": np.ones(9)})),
    "dictionary": (lambda: {"a": [1, 2]}, lambda: {"a": [2, 1]}),
    "network": (
        lambda: eqx.nn.MLP(2, 1, 4, 1, key=jax.random.key(0)),
        lambda: eqx.nn.MLP(2, 1, 4, 1, key=jax.random.key(1)),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_digest_is_that_of_the_content(name):
    one, other = PAIRS[name]
    assert digest(one()) == digest(one()) != digest(other())


@pytest.mark.parametrize("value", [scaled, calls_scaled, Weighted, Weighted(jnp.ones(2))])
def test_digest_follows_global_names(value, monkeypatch):
    """Also those of functions and methods that are called."""
    before = digest(value)
    monkeypatch.setitem(globals(), "SCALE", 4.0)
    assert digest(value) != before


def test_what_cannot_be_read_or_contains_itself_has_a_digest():
    loop: list = []
    loop.append(loop)
    assert digest(loop) == digest(loop)
    unreadable = (one for one in ())
    assert digest(unreadable) != digest(unreadable)
