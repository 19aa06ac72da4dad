"""The interface of an external library's training method: its loop and its network."""

# The libraries are optional, so that a type checker may not find them.
# pyright: reportMissingImports=false

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.energies import MLP
from ebmark.methods._base import AbstractMethod, Recipe
from ebmark.methods._limits import COUNT

# Runs that many updates of the library's own loop and returns their losses.
Advance = Callable[[int], list[float]]


class AbstractExternalMethod(AbstractMethod):
    """A library's loss, sampler and loop, on the MLP of the library's own examples.

    The study's network is not used, and the energy is not confined. Weights are initialized by the
    library, the learning rate is constant, and a recipe's `max_grad_norm` or `ema_decay` of 0 turns
    it off. The trained network is copied and evaluated as any other energy.

    Attributes:
        packages: Packages of the extra `external` that the method requires.
        width: Units of each of the two hidden layers.
    """

    packages: ClassVar[tuple[str, ...]]
    limits = {"width": COUNT}

    width: eqx.AbstractVar[int]

    def build_trainable(self, energy, data, key):
        del energy
        return MLP(data.shape[1], width=self.width, depth=2, key=key)

    def fit(self, recipe, energy, data, stops, key):
        import torch

        template = self.build_trainable(energy, data, key)
        # The libraries draw from torch's global generator, which is restored afterwards.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(jr.bits(key, dtype=jnp.uint32)))
            network, advance = self.prepare(recipe, torch.tensor(np.asarray(data)))
            for start, stop in zip((0, 0, *stops), (0, *stops), strict=False):
                losses = advance(stop - start)
                yield copy_network(network, template), np.array(losses, np.float32)

    @abc.abstractmethod
    def prepare(self, recipe: Recipe, points: Any) -> tuple[Any, Advance]:
        """Return the library's network, or its average if it keeps one, and its training loop.

        Args:
            recipe: The recipe to train by.
            points: Training points, a float32 tensor of shape (n, dim).
        """

    def loss(self, energy, batch, state, key):
        raise NotImplementedError("an external method trains by its library's loop: use 'fit'.")


def copy_network(network: Any, template: MLP) -> MLP:
    """Copy the parameters of a torch MLP into ours: the same function, to rounding.

    Args:
        network: A torch module whose linear layers are in `net`.
        template: An MLP of the same layers.
    """
    parameters = []
    for layer in network.net:
        if hasattr(layer, "weight"):
            for tensor in (layer.weight, layer.bias):
                parameters.append(jnp.asarray(tensor.detach().numpy().copy()))

    def get_parameters(mlp):
        return [array for layer in mlp.layers.layers for array in (layer.weight, layer.bias)]

    return eqx.tree_at(get_parameters, template, parameters)
