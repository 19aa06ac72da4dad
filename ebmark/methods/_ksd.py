"""Minimum kernel Stein discrepancy."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Scalar

from ebmark.datasets import local_scale
from ebmark.methods._base import AbstractMethod
from ebmark.methods._limits import POSITIVE


class KSDState(NamedTuple):
    """Width c of the kernel, in standardized units."""

    width: Scalar


class KernelSteinDiscrepancy(AbstractMethod):
    r"""Minimum kernel Stein discrepancy.

    $$ \mathcal{L} = \frac{1}{B (B - 1)} \sum_{i \ne j} s_i^\top s_j k + s_i^\top \nabla_j k
       + s_j^\top \nabla_i k + \mathrm{tr} \nabla_i \nabla_j k, \quad
       k = (1 + \|x_i - x_j\|^2 / c^2)^{-1/2}, \quad s = -\nabla E $$

    Score matching against all test functions in the kernel's space. It needs no second derivative,
    but its cost grows with the square of the batch size.

    Attributes:
        width: Width c of the kernel; None is `relative_scale` times the smallest local scale of
            the data.
        relative_scale: c with `width` None, as a fraction of the smallest local scale.

    Requires: gradients in x, a kernel, all pairs of a batch.
    Use when: a model with few parameters is fitted to few data of one scale.
    Avoid when: a network is fitted to data of several scales: the kernel has one width.
    References: Barp, Briol, Duncan, Girolami & Mackey (2019), Minimum Stein discrepancy
        estimators, section 2.
    """

    limits = {"width": POSITIVE, "relative_scale": POSITIVE}

    width: float | None = None
    relative_scale: float = 1.0

    def init(self, data, key):
        if self.width is not None:
            return KSDState(jnp.array(self.width))
        return KSDState(self.relative_scale * local_scale(data, key))

    def loss(self, energy, batch, state, key):
        del key
        num, dim = batch.shape
        c2 = state.width**2
        s = -jax.vmap(jax.grad(energy))(batch)
        norms = jnp.sum(batch**2, axis=1)
        squares = jnp.maximum(norms[:, None] + norms - 2 * (batch @ batch.T), 0)
        base = 1 + squares / c2
        # grad_i k = slope (x_i - x_j) = -grad_j k
        slope = -(base**-1.5) / c2
        # s_i . x_j, and its diagonal s_i . x_i
        products = s @ batch.T
        diagonal = jnp.diag(products)
        # (s_j - s_i) . (x_i - x_j)
        cross = (products.T - diagonal[None]) - (diagonal[:, None] - products)
        trace = -slope * dim - 3 * base**-2.5 * squares / c2**2
        values = (s @ s.T) * base**-0.5 + slope * cross + trace
        return (jnp.sum(values) - jnp.trace(values)) / (num * (num - 1)), state

    def network_evaluations(self, batch_size, dim):
        return 6 * batch_size
