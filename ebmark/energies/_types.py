"""The shared types: a key, a point, an energy, a state."""

from collections.abc import Callable
from typing import Any, TypeAlias

from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

Key: TypeAlias = PRNGKeyArray
Point: TypeAlias = Float[Array, " dim"]
Energy: TypeAlias = Callable[[Point], Scalar]  # p(x) is proportional to exp(-energy(x))
State: TypeAlias = PyTree[Any]
