"""torchebm, as in its examples: a plain training loop with its losses."""

# The libraries are optional, so that a type checker may not find them.
# pyright: reportMissingImports=false

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx

from ebmark.methods._limits import COUNT, NON_NEGATIVE, POSITIVE
from ebmark.methods.external._base import AbstractExternalMethod

BUFFER_SIZE = 8_192


class AbstractTorchebm(AbstractExternalMethod):
    """The training loop of all examples of torchebm: batches with replacement, Adam."""

    packages = ("torch", "torchebm")

    @abc.abstractmethod
    def objective(self, network: Any) -> Callable[[Any], Any]:
        """Return one of torchebm's losses, a function of a batch."""

    def prepare(self, recipe, points):
        import torch
        from torchebm.utils import EMA

        network = new_network(points.shape[1], self.width)
        objective = self.objective(network)
        optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
        average = EMA(network, recipe.ema_decay) if recipe.ema_decay else None

        def advance(num_updates: int) -> list[float]:
            losses = []
            for _ in range(num_updates):
                loss = objective(points[torch.randint(len(points), (recipe.batch_size,))])
                optimizer.zero_grad()
                loss.backward()
                if recipe.max_grad_norm:
                    torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.max_grad_norm)
                optimizer.step()
                if average is not None:
                    average.update(network)
                losses.append(loss.item())
            return losses

        trained = network if average is None else average.module
        return trained, advance


class AbstractTorchebmChains(AbstractTorchebm):
    """torchebm's contrastive divergence, with a replay buffer if `persistent`."""

    limits = {"width": COUNT, "num_steps": COUNT, "step_size": POSITIVE, "penalty": NON_NEGATIVE}

    persistent: ClassVar[bool]
    num_steps: eqx.AbstractVar[int]
    step_size: eqx.AbstractVar[float]
    penalty: eqx.AbstractVar[float]

    def objective(self, network):
        from torchebm.losses import ContrastiveDivergence
        from torchebm.samplers import LangevinDynamics

        loss = ContrastiveDivergence(
            model=network,
            sampler=LangevinDynamics(model=network, step_size=self.step_size, noise_scale=1.0),
            k_steps=self.num_steps,
            energy_reg_weight=self.penalty,
            persistent=self.persistent,
            buffer_size=BUFFER_SIZE,
        )
        return lambda batch: loss(batch)[0]

    def network_evaluations(self, batch_size, dim):
        return batch_size * (2 * self.num_steps + 6)


class TorchebmContrastiveDivergence(AbstractTorchebmChains):
    r"""torchebm's CD: chains from the batch, with an energy penalty.

    $$ \mathcal{L} = \mathbb{E}_{data} E(x) - \mathbb{E} E(x_k)
       + .001\, (\mathbb{E}_{data} E(x)^2 + \mathbb{E} E(x_k)^2) $$

    References: torchebm 0.8.9, examples/20-training/01-mcmc-losses/01-cd-k (half-moons).
    """

    persistent = False
    width: int = eqx.field(static=True, default=128)
    num_steps: int = eqx.field(static=True, default=10)
    step_size: float = eqx.field(static=True, default=0.1)
    penalty: float = eqx.field(static=True, default=0.001)


class TorchebmPersistentContrastiveDivergence(AbstractTorchebmChains):
    r"""torchebm's PCD: chains from its replay buffer, with an energy penalty.

    $$ \mathcal{L} = \mathbb{E}_{data} E(x) - \mathbb{E}_{buffer} E(x_k)
       + .001\, (\mathbb{E}_{data} E(x)^2 + \mathbb{E}_{buffer} E(x_k)^2) $$

    References: torchebm 0.8.9, examples/20-training/01-mcmc-losses/02-persistent-cd (half-moons).
    """

    persistent = True
    width: int = eqx.field(static=True, default=128)
    num_steps: int = eqx.field(static=True, default=10)
    step_size: float = eqx.field(static=True, default=0.1)
    penalty: float = eqx.field(static=True, default=0.001)


class TorchebmDenoisingScoreMatching(AbstractTorchebm):
    r"""torchebm's DSM at one noise level.

    $$ \mathcal{L} = \tfrac12 \mathbb{E}_{x, z} \| \nabla E(x + \sigma z) - z / \sigma \|^2 $$

    References: torchebm 0.8.9,
        examples/20-training/02-score-matching/01-denoising-score-matching (half-moons).
    """

    limits = {"width": COUNT, "sigma": POSITIVE}

    width: int = eqx.field(static=True, default=128)
    sigma: float = eqx.field(static=True, default=0.1)

    def objective(self, network):
        from torchebm.losses import DenoisingScoreMatching

        return DenoisingScoreMatching(model=network, noise_scale=self.sigma)

    def network_evaluations(self, batch_size, dim):
        return 6 * batch_size


def new_network(dim: int, width: int) -> Any:
    """Return the energy that all examples of torchebm declare: an MLP with two hidden layers."""
    from torch import nn
    from torchebm.core import BaseModel

    class MLPEnergy(BaseModel):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                nn.Linear(dim, width),
                nn.SiLU(),
                nn.Linear(width, width),
                nn.SiLU(),
                nn.Linear(width, 1),
            )

        def forward(self, x):
            return self.net(x).squeeze(-1)

    return MLPEnergy()
