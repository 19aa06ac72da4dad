"""ebmkit (imported as `ebm`), as its examples use it: its trainer around its losses."""

import abc
from typing import ClassVar

import equinox as eqx

from ebmark.methods.external._base import AbstractExternalMethod


class AbstractEbmkit(AbstractExternalMethod):
    """ebmkit's own trainer on its own perceptron."""

    packages = ("torch", "ebmkit")

    @abc.abstractmethod
    def objective(self, dim: int):
        """One of ebmkit's losses."""

    def prepare(self, recipe, points):
        import ebm

        dim = points.shape[1]
        network = ebm.nets.MLPEnergy(dim=dim, hidden=(self.width, self.width))
        trainer = ebm.Trainer(
            network,
            self.objective(dim),
            lr=recipe.learning_rate,
            device="cpu",
            ema_decay=recipe.ema_decay or None,
            grad_clip_norm=recipe.max_grad_norm or None,
        )

        def advance(updates: int) -> list[float]:
            before = len(trainer.history)
            trainer.fit(points, steps=updates, batch_size=recipe.batch_size, verbose=False)
            return [record["loss"] for record in trainer.history[before:]]

        return network if trainer.ema is None else trainer.ema.module, advance


class AbstractEbmkitChains(AbstractEbmkit):
    """Its contrastive divergence, which `persistent` gives a replay buffer of 8,192."""

    persistent: ClassVar[bool]
    num_steps: eqx.AbstractVar[int]
    step_size: eqx.AbstractVar[float]
    penalty: eqx.AbstractVar[float]

    def objective(self, dim):
        import ebm

        return ebm.ContrastiveDivergence(
            ebm.LangevinDynamics(step_size=self.step_size, steps=self.num_steps),
            buffer=ebm.ReplayBuffer(8_192, (dim,)) if self.persistent else None,
            energy_reg=self.penalty,
        )

    def network_evaluations(self, batch, dim):
        return batch * (2 * self.num_steps + 6)


class EbmkitContrastiveDivergence(AbstractEbmkitChains):
    r"""ebmkit's CD: chains from N(0, I), which is short-run likelihood, and a penalty.

    $$ \mathcal{L} = \mathbb{E}_{data} E(x) - \mathbb{E} E(x_k)
       + .1\, (\mathbb{E}_{data} E(x)^2 + \mathbb{E} E(x_k)^2) $$

    ebmkit 0.16.0, examples/benchmark_losses.py (half-moons).
    """

    persistent = False
    width: int = eqx.field(static=True, default=128)
    num_steps: int = eqx.field(static=True, default=60)
    step_size: float = eqx.field(static=True, default=0.01)
    penalty: float = eqx.field(static=True, default=0.1)


class EbmkitPersistentContrastiveDivergence(AbstractEbmkitChains):
    r"""ebmkit's PCD: chains from its replay buffer, a penalty, the average of the parameters.

    $$ \mathcal{L} = \mathbb{E}_{data} E(x) - \mathbb{E}_{buffer} E(x_k)
       + .1\, (\mathbb{E}_{data} E(x)^2 + \mathbb{E}_{buffer} E(x_k)^2) $$

    ebmkit 0.16.0, examples/train_two_moons.py.
    """

    persistent = True
    width: int = eqx.field(static=True, default=128)
    num_steps: int = eqx.field(static=True, default=60)
    step_size: float = eqx.field(static=True, default=0.01)
    penalty: float = eqx.field(static=True, default=0.1)


class EbmkitDenoisingScoreMatching(AbstractEbmkit):
    r"""ebmkit's DSM: one noise level, its class's own default.

    $$ \mathcal{L} = \tfrac12 \mathbb{E}_{x, z} \| \nabla E(x + \sigma z) - z / \sigma \|^2 $$

    No example of its uses it: the trainer's numbers are those of its benchmark.

    ebmkit 0.16.0, losses/score_matching.py and examples/benchmark_losses.py.
    """

    width: int = eqx.field(static=True, default=128)
    sigma: float = eqx.field(static=True, default=0.1)

    def objective(self, dim):
        import ebm

        return ebm.DenoisingScoreMatching(sigma=self.sigma)

    def network_evaluations(self, batch, dim):
        return 6 * batch


class EbmkitSlicedScoreMatching(AbstractEbmkit):
    r"""ebmkit's sliced score matching, one direction, variance reduced.

    $$ \mathcal{L} = \mathbb{E}_{x, v} \left[\tfrac12 \|\nabla E\|^2 - v^T \nabla^2 E\, v\right] $$

    ebmkit 0.16.0, examples/benchmark_losses.py.
    """

    width: int = eqx.field(static=True, default=128)

    def objective(self, dim):
        import ebm

        return ebm.SlicedScoreMatching()

    def network_evaluations(self, batch, dim):
        return 12 * batch


class EbmkitNoiseContrastiveEstimation(AbstractEbmkit):
    r"""ebmkit's NCE: noise from N(0, I), four times as much of it as data, log Z learned.

    $$ \mathcal{L} = -\mathbb{E}_{data} \log \sigma(r(x) - \log \nu)
       - \nu\, \mathbb{E}_{noise} \log \sigma(\log \nu - r(x)), \quad r = -E - \log Z - \log q $$

    ebmkit 0.16.0, examples/benchmark_losses.py.
    """

    width: int = eqx.field(static=True, default=128)
    ratio: int = eqx.field(static=True, default=4)

    def objective(self, dim):
        import ebm

        return ebm.NoiseContrastiveEstimation(noise_ratio=self.ratio)

    def network_evaluations(self, batch, dim):
        return 3 * batch * (1 + self.ratio)


class EbmkitEnergyDiscrepancy(AbstractEbmkit):
    r"""ebmkit's energy discrepancy.

    $$ \mathcal{L} = \mathbb{E} \log\left(w + \sum_{j=1}^M
       e^{E(x) - E(x + \sigma \xi + \sigma \xi_j)}\right) $$

    ebmkit 0.16.0, examples/train_energy_discrepancy.py.
    """

    width: int = eqx.field(static=True, default=128)
    sigma: float = eqx.field(static=True, default=0.3)
    samples: int = eqx.field(static=True, default=16)
    stabilizer: float = eqx.field(static=True, default=1.0)

    def objective(self, dim):
        import ebm

        return ebm.EnergyDiscrepancy(self.sigma, self.samples, self.stabilizer)

    def network_evaluations(self, batch, dim):
        return 3 * batch * (1 + self.samples)
