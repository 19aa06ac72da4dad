"""Shared types: a random key, a point, an energy, the state of a method or sampler."""

from collections.abc import Callable
from typing import Any, TypeAlias

from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

Key: TypeAlias = PRNGKeyArray
Point: TypeAlias = Float[Array, " dim"]
# p(x) is proportional to exp(-energy(x))
Energy: TypeAlias = Callable[[Point], Scalar]
State: TypeAlias = PyTree[Any]
