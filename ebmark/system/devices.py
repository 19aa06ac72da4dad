"""Several devices: rows of points and chains are dealt over them, all else is on each.

There is no flag: a program is the same on one device and on many, in one process or in several,
and XLA deals out the work (Xu et al. 2021, GSPMD). On one device these functions are identities.
"""

import functools
from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree


def shard(rows: Array) -> Array:
    """Deal the rows over the devices; inside jit. Any number of rows will do."""
    mesh = _mesh()
    if mesh is None:
        return rows
    return jax.lax.with_sharding_constraint(rows, NamedSharding(mesh, PartitionSpec("data")))


def one_processor() -> bool:
    """Whether all runs on one processor, whose cache is what many rows soon leave."""
    return _mesh() is None and jax.devices()[0].platform == "cpu"


def full_matmul_precision(function: Callable) -> Callable:
    """The function with products in all digits of float32, unless JAX has been told otherwise.

    A GPU's own choice is TF32, of three digits: log Z of a kernel estimate was off by .014 nats.
    """

    @functools.wraps(function)
    def called(*args, **kwargs):
        chosen = jax.config.jax_default_matmul_precision
        if chosen is not None or jax.default_backend() == "cpu":  # which has no other products
            return function(*args, **kwargs)
        with jax.default_matmul_precision("float32"):
            return function(*args, **kwargs)

    return called


def replicate(tree: PyTree) -> PyTree:
    """Keep every array whole on each device; inside jit."""
    mesh = _mesh()
    if mesh is None:
        return tree
    whole = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(
        lambda x: jax.lax.with_sharding_constraint(x, whole) if isinstance(x, jax.Array) else x,
        tree,
    )


def gather_local(tree: PyTree) -> PyTree:
    """The same arrays on this process's first device alone, for what comes after a parallel part.

    In several processes, all of them must call it: rows that lie elsewhere are fetched.
    """
    return tree if _mesh() is None else jax.tree.map(_local, tree)


def described(processor: str) -> str:
    """What the numbers were made on: JAX's devices, and the processor that `processor` names."""
    devices = jax.devices()
    if len(devices) == 1 and devices[0].platform == "cpu":
        return processor
    return f"{len(devices)} x {devices[0].device_kind}; {processor}"


def _local(leaf):
    if not isinstance(leaf, jax.Array):
        return leaf
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_local(jax.random.key_data(leaf)))
    if not leaf.is_fully_addressable and not leaf.is_fully_replicated:
        leaf = jax.jit(replicate)(leaf)
    return jax.numpy.asarray(np.asarray(leaf))


@functools.cache
def _mesh() -> Mesh | None:
    """All devices of all processes along one axis; None where there is only one."""
    devices = jax.devices()
    return Mesh(np.array(devices), ("data",)) if len(devices) > 1 else None
