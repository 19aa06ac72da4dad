"""Minimum kernel Stein discrepancy."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Scalar

from ebmark.datasets import local_scale
from ebmark.methods._base import AbstractMethod


class KSDState(NamedTuple):
    width: Scalar


class KernelSteinDiscrepancy(AbstractMethod):
    r"""Make the kernel Stein discrepancy of the data from the model small.

    $$ \mathcal{L} = \frac{1}{B (B - 1)} \sum_{i \ne j} s_i^\top s_j k + s_i^\top \nabla_j k
       + s_j^\top \nabla_i k + \mathrm{tr} \nabla_i \nabla_j k, \quad
       k = (1 + \|x_i - x_j\|^2 / c^2)^{-1/2}, \quad s = -\nabla E $$

    Score matching against all test functions of the kernel's space: no second derivative, but the
    square of the batch. `width` is $c$; None is `share` of the data's smallest local scale.

    Needs a gradient in x, a kernel, and the square of the batch. Use it when a model of few
    parameters is fitted to few data of one scale. Not for networks on data of several scales: the
    kernel has one width (KL .045 and .066 on the 8 Gaussians, two seeds).

    Barp, Briol, Duncan, Girolami & Mackey (2019), Minimum Stein discrepancy estimators, section 2.
    """

    width: float | None = None
    relative_scale: float = 1.0

    def init(self, data, key):
        if self.width is not None:
            return KSDState(jnp.array(self.width))
        return KSDState(self.relative_scale * local_scale(data, key))

    def loss(self, energy, batch, state, key):
        del key
        c2, (num, dim) = state.width**2, batch.shape
        s = -jax.vmap(jax.grad(energy))(batch)
        inner, own = batch @ batch.T, jnp.sum(batch**2, axis=1)
        square = jnp.maximum(own[:, None] + own - 2 * inner, 0)
        base = 1 + square / c2
        slope = -(base**-1.5) / c2  # grad_i k = slope (x_i - x_j) = -grad_j k
        along = s @ batch.T  # s_i . x_j
        mine = jnp.diag(along)
        cross = (along.T - mine[None]) - (mine[:, None] - along)  # (s_j - s_i) . (x_i - x_j)
        trace = -slope * dim - 3 * base**-2.5 * square / c2**2
        values = (s @ s.T) * base**-0.5 + slope * cross + trace
        return (jnp.sum(values) - jnp.trace(values)) / (num * (num - 1)), state

    def network_evaluations(self, batch, dim):
        return 6 * batch
