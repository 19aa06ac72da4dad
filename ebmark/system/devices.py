"""Several devices: rows of points and chains are sharded over them, everything else is replicated.

There is no option: a program is the same on one device and on many, in one process or in several,
and XLA partitions the work (Xu et al. 2021, GSPMD). On one device these functions are identities.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree


def shard(rows: Array) -> Array:
    """Shard the rows of an array over the devices; call it inside jit.

    Args:
        rows: an array of shape (n, ...), for any n. A single row, as of chains under vmap, is left
            where it is.

    Returns:
        The same array, constrained to the sharding.
    """
    mesh = _mesh()
    if mesh is None or rows.shape[0] == 1:
        return rows
    return jax.lax.with_sharding_constraint(rows, NamedSharding(mesh, PartitionSpec("data")))


def one_processor() -> bool:
    """Return whether the program runs on one CPU, where many rows soon exceed the cache."""
    return _mesh() is None and jax.devices()[0].platform == "cpu"


def full_matmul_precision(function: Callable) -> Callable:
    """Decorate a function to compute matrix products in full float32, unless JAX is set otherwise.

    The default of a GPU is TF32, of three digits: it shifted log Z of a kernel density estimate by
    0.014 nats.
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        # JAX creates the attribute at run time
        precision = jax.config.jax_default_matmul_precision  # pyright: ignore[reportAttributeAccessIssue]
        # a CPU has no other products
        if precision is not None or jax.default_backend() == "cpu":
            return function(*args, **kwargs)
        with jax.default_matmul_precision("float32"):
            return function(*args, **kwargs)

    return wrapper


def replicate(tree: PyTree) -> PyTree:
    """Keep a full copy of every array of the tree on each device; call it inside jit."""
    mesh = _mesh()
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, PartitionSpec())

    def constrain(leaf: Any) -> Any:
        if not isinstance(leaf, jax.Array):
            return leaf
        return jax.lax.with_sharding_constraint(leaf, sharding)

    return jax.tree.map(constrain, tree)


def gather_local(tree: PyTree) -> PyTree:
    """Return the same arrays on the first device of this process, for the serial part that follows.

    If there are several processes, all of them must call it, because rows are communicated.
    """
    return tree if _mesh() is None else jax.tree.map(_gather_leaf, tree)


def described(processor: str) -> str:
    """Return a description of the devices of JAX, followed by that of the processor.

    Args:
        processor: the description of the processor, returned alone if JAX uses only one CPU device.
    """
    devices = jax.devices()
    if len(devices) == 1 and devices[0].platform == "cpu":
        return processor
    return f"{len(devices)} x {devices[0].device_kind}; {processor}"


def _gather_leaf(leaf: Any) -> Any:
    if not isinstance(leaf, jax.Array):
        return leaf
    if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_gather_leaf(jax.random.key_data(leaf)))
    if not leaf.is_fully_addressable and not leaf.is_fully_replicated:
        leaf = jax.jit(replicate)(leaf)
    return jax.numpy.asarray(np.asarray(leaf))


@functools.cache
def _mesh() -> Mesh | None:
    """Return all devices of all processes along one axis, or None if there is only one."""
    devices = jax.devices()
    return Mesh(np.array(devices), ("data",)) if len(devices) > 1 else None
