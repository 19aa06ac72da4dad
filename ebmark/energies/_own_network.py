"""Networks of the user: Equinox modules, and functions with a pytree of parameters."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree, Scalar

from ebmark.energies._types import Energy, Key, Point
from ebmark.errors import UserError, unknown

MakeEnergy = Callable[[int, Key], Energy]
# name -> function of the number of inputs and a key; plugins register theirs
NETWORKS: dict[str, MakeEnergy] = {}


class FunctionEnergy(eqx.Module):
    """A function of parameters and a point, $E(x) = f(\\theta, x)$."""

    function: Callable[[PyTree, Point], Scalar] = eqx.field(static=True)
    params: PyTree

    # checked by `check_energy`, in one line
    def __call__(self, x: Point) -> Any:
        return self.function(self.params, x)


def energy(function: Any, params: PyTree) -> FunctionEnergy:
    """Make an energy of a function and its parameters, or of a Flax module and its variables.

    Args:
        function: `function(params, x)` maps one point (dim,) to a scalar; or an object with such a
            function `apply`, as Flax modules have.
        params: a pytree of arrays, which are trained.

    Example:
        >>> import jax.numpy as jnp
        >>> half = energy(lambda params, x: params["scale"] * x @ x, {"scale": jnp.array(0.5)})
        >>> float(half(jnp.ones(2)))
        1.0
    """
    return FunctionEnergy(getattr(function, "apply", function), params)


class _Constant:
    """Return the same energy for every key."""

    def __init__(self, network: Any):
        self._network = network

    def __call__(self, dim: int, key: Key) -> Energy:
        del dim, key
        return self._network


def as_maker(network: Any) -> MakeEnergy:
    """Return a function of the number of inputs and a key from an energy or such a function.

    An energy is the same for all seeds.
    """
    if isinstance(network, eqx.Module):
        return _Constant(network)
    if not callable(network):
        raise UserError(
            f"'energy' must be an energy or a function make(dim, key), not {network!r:.80}."
        )
    maker: Any = network
    return maker


def make_network(name: str, num_inputs: int, key: Key) -> Energy:
    """Make a registered network and check it.

    Raises:
        UserError: if there is none of this name, its function fails, or what it returns is not an
            energy.
    """
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    try:
        network = NETWORKS[name](num_inputs, key)
        check_energy(network, num_inputs)
    except (TypeError, ValueError) as error:
        raise UserError(f"Network '{name}': {' '.join(str(error).split())}") from error
    return network


def check_energy(energy: Any, num_inputs: int) -> None:
    """Check that an energy maps one point to a scalar and has arrays to train.

    Args:
        energy: the initial energy.
        num_inputs: dimension of the data, and inputs that the method adds to the point.

    Raises:
        TypeError: `energy` is not callable.
        ValueError: it does not map one point to a scalar, or has no trainable arrays.
    """
    if not callable(energy):
        raise TypeError(
            f"'energy' must be callable, got {type(energy).__name__}. Pass an eqx.Module with "
            "__call__, such as Confined(FourierMLP(dim, key=key))."
        )
    shape = (num_inputs,)
    expected = f"'energy' must map one point of shape {shape} to a scalar"
    try:
        value = eqx.filter_eval_shape(energy, jax.ShapeDtypeStruct(shape, jnp.float32))
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        raise ValueError(
            f"{expected}, but raised {type(error).__name__} there: {reason}. "
            "Map one point, not a batch."
        ) from error
    if not hasattr(value, "shape") or value.shape != ():
        result = f"shape {value.shape}" if hasattr(value, "shape") else type(value).__name__
        raise ValueError(f"{expected}, got {result}. Map one point, not a batch, and squeeze.")
    if not jnp.issubdtype(value.dtype, jnp.floating):
        raise ValueError(f"{expected}, got one of type {value.dtype}. Return a float.")
    if not any(leaf.size for leaf in jax.tree.leaves(eqx.filter(energy, eqx.is_inexact_array))):
        raise ValueError(
            "'energy' must have trainable arrays, got none. Make it an eqx.Module with JAX arrays "
            "of floats as fields, or eb.energy(function, params)."
        )
