"""What another library's training looks like from here: its loop, its network, our judgement."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from ebmark.energies import MLP
from ebmark.methods._base import AbstractMethod

Advance = Callable[[int], list[float]]  # so many updates of the library's own loop; their losses


class AbstractExternalMethod(AbstractMethod):
    """Another library's loss, sampler and loop, on the plain perceptron of its examples.

    The study's network is not used, and nothing confines the rival's. Its weights start as its
    library starts them, the learning rate is constant, and a recipe's `clip` or `ema` of 0 is none.
    What was learned is copied, and judged as any other energy.
    """

    packages: ClassVar[tuple[str, ...]]  # that `pip install ebmark[peers]` brings
    width: eqx.AbstractVar[int]

    def build_trainable(self, energy, data, key):
        del energy
        return MLP(data.shape[1], width=self.width, depth=2, key=key)

    def fit(self, recipe, energy, data, stops, key):
        import torch

        blank = self.build_trainable(energy, data, key)
        with torch.random.fork_rng(devices=[]):  # the libraries draw from the global generator
            torch.manual_seed(int(jr.bits(key, dtype=jnp.uint32)))
            network, advance = self.prepare(recipe, torch.tensor(np.asarray(data)))
            for step, stop in zip((0, 0, *stops), (0, *stops), strict=False):
                losses = advance(stop - step)
                yield copied(network, blank), np.array(losses, np.float32)

    @abc.abstractmethod
    def prepare(self, recipe, points) -> tuple[Any, Advance]:
        """The library's network (its average, where it keeps one) and its own loop."""

    def loss(self, energy, batch, state, key):
        raise NotImplementedError("a rival trains by its own library's loop: `fit`")


def copied(network: Any, blank: MLP) -> MLP:
    """A torch perceptron's numbers in ours: the same function, to rounding."""
    linear = [layer for layer in network.net if hasattr(layer, "weight")]
    numbers = [
        jnp.asarray(tensor.detach().numpy().copy())
        for layer in linear
        for tensor in (layer.weight, layer.bias)
    ]
    return eqx.tree_at(
        lambda mlp: [a for layer in mlp.layers.layers for a in (layer.weight, layer.bias)],
        blank,
        numbers,
    )
