"""Referees of log Z."""

import sys

import pytest


@pytest.fixture
def pymbar(monkeypatch):
    """With NumPy only: it would switch JAX to 64 bits."""
    with monkeypatch.context() as without_jax:
        without_jax.setitem(sys.modules, "jax", None)
        import pymbar
    return pymbar
