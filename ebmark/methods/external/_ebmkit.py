"""ebmkit (imported as `ebm`), as in its examples: its trainer with its losses."""

# The libraries are optional, so that a type checker may not find them.
# pyright: reportMissingImports=false

import abc
from typing import Any, ClassVar

import equinox as eqx

from ebmark.methods._limits import COUNT, NON_NEGATIVE, POSITIVE
from ebmark.methods.external._base import AbstractExternalMethod

BUFFER_SIZE = 8_192


class AbstractEbmkit(AbstractExternalMethod):
    """ebmkit's own trainer on its own MLP."""

    packages = ("torch", "ebmkit")

    @abc.abstractmethod
    def objective(self, dim: int) -> Any:
        """Return one of ebmkit's losses for data of `dim` dimensions."""

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

        def advance(num_updates: int) -> list[float]:
            num_before = len(trainer.history)
            trainer.fit(points, steps=num_updates, batch_size=recipe.batch_size, verbose=False)
            return [record["loss"] for record in trainer.history[num_before:]]

        trained = network if trainer.ema is None else trainer.ema.module
        return trained, advance


class AbstractEbmkitChains(AbstractEbmkit):
    """ebmkit's contrastive divergence, with a replay buffer if `persistent`."""

    limits = {"width": COUNT, "num_steps": COUNT, "step_size": POSITIVE, "penalty": NON_NEGATIVE}

    persistent: ClassVar[bool]
    num_steps: eqx.AbstractVar[int]
    step_size: eqx.AbstractVar[float]
    penalty: eqx.AbstractVar[float]

    def objective(self, dim):
        import ebm

        return ebm.ContrastiveDivergence(
            ebm.LangevinDynamics(step_size=self.step_size, steps=self.num_steps),
            buffer=ebm.ReplayBuffer(BUFFER_SIZE, (dim,)) if self.persistent else None,
            energy_reg=self.penalty,
        )

    def network_evaluations(self, batch_size, dim):
        return batch_size * (2 * self.num_steps + 6)


class EbmkitContrastiveDivergence(AbstractEbmkitChains):
    r"""ebmkit's CD: chains from N(0, I) (short-run likelihood), with an energy penalty.

    $$ \mathcal{L} = \mathbb{E}_{data} E(x) - \mathbb{E} E(x_k)
       + .1\, (\mathbb{E}_{data} E(x)^2 + \mathbb{E} E(x_k)^2) $$

    References: ebmkit 0.16.0, examples/benchmark_losses.py (half-moons).
    """

    persistent = False
    width: int = eqx.field(static=True, default=128)
    num_steps: int = eqx.field(static=True, default=60)
    step_size: float = eqx.field(static=True, default=0.01)
    penalty: float = eqx.field(static=True, default=0.1)


class EbmkitPersistentContrastiveDivergence(AbstractEbmkitChains):
    r"""ebmkit's PCD: chains from its replay buffer, with an energy penalty.

    $$ \mathcal{L} = \mathbb{E}_{data} E(x) - \mathbb{E}_{buffer} E(x_k)
       + .1\, (\mathbb{E}_{data} E(x)^2 + \mathbb{E}_{buffer} E(x_k)^2) $$

    The average of the parameters is evaluated.

    References: ebmkit 0.16.0, examples/train_two_moons.py.
    """

    persistent = True
    width: int = eqx.field(static=True, default=128)
    num_steps: int = eqx.field(static=True, default=60)
    step_size: float = eqx.field(static=True, default=0.01)
    penalty: float = eqx.field(static=True, default=0.1)


class EbmkitDenoisingScoreMatching(AbstractEbmkit):
    r"""ebmkit's DSM at one noise level.

    $$ \mathcal{L} = \tfrac12 \mathbb{E}_{x, z} \| \nabla E(x + \sigma z) - z / \sigma \|^2 $$

    The noise level is the default of ebmkit's class. None of its examples uses the class: the
    trainer's settings are those of its benchmark.

    References: ebmkit 0.16.0, losses/score_matching.py and examples/benchmark_losses.py.
    """

    limits = {"width": COUNT, "sigma": POSITIVE}

    width: int = eqx.field(static=True, default=128)
    sigma: float = eqx.field(static=True, default=0.1)

    def objective(self, dim):
        import ebm

        return ebm.DenoisingScoreMatching(sigma=self.sigma)

    def network_evaluations(self, batch_size, dim):
        return 6 * batch_size


class EbmkitSlicedScoreMatching(AbstractEbmkit):
    r"""ebmkit's sliced score matching, variance-reduced, one direction.

    $$ \mathcal{L} = \mathbb{E}_{x, v} \left[\tfrac12 \|\nabla E\|^2 - v^T \nabla^2 E\, v\right] $$

    References: ebmkit 0.16.0, examples/benchmark_losses.py.
    """

    width: int = eqx.field(static=True, default=128)

    def objective(self, dim):
        import ebm

        return ebm.SlicedScoreMatching()

    def network_evaluations(self, batch_size, dim):
        return 12 * batch_size


class EbmkitNoiseContrastiveEstimation(AbstractEbmkit):
    r"""ebmkit's NCE.

    $$ \mathcal{L} = -\mathbb{E}_{data} \log \sigma(r(x) - \log \nu)
       - \nu\, \mathbb{E}_{noise} \log \sigma(\log \nu - r(x)), \quad r = -E - \log Z - \log q $$

    Noise is drawn from N(0, I), `ratio` points per data point; log Z is learned.

    References: ebmkit 0.16.0, examples/benchmark_losses.py.
    """

    limits = {"width": COUNT, "ratio": COUNT}

    width: int = eqx.field(static=True, default=128)
    ratio: int = eqx.field(static=True, default=4)

    def objective(self, dim):
        import ebm

        return ebm.NoiseContrastiveEstimation(noise_ratio=self.ratio)

    def network_evaluations(self, batch_size, dim):
        return 3 * batch_size * (1 + self.ratio)


class EbmkitEnergyDiscrepancy(AbstractEbmkit):
    r"""ebmkit's energy discrepancy.

    $$ \mathcal{L} = \mathbb{E} \log\left(w + \sum_{j=1}^M
       e^{E(x) - E(x + \sigma \xi + \sigma \xi_j)}\right) $$

    References: ebmkit 0.16.0, examples/train_energy_discrepancy.py.
    """

    limits = {"width": COUNT, "sigma": POSITIVE, "samples": COUNT, "stabilizer": NON_NEGATIVE}

    width: int = eqx.field(static=True, default=128)
    sigma: float = eqx.field(static=True, default=0.3)
    samples: int = eqx.field(static=True, default=16)
    stabilizer: float = eqx.field(static=True, default=1.0)

    def objective(self, dim):
        import ebm

        return ebm.EnergyDiscrepancy(self.sigma, self.samples, self.stabilizer)

    def network_evaluations(self, batch_size, dim):
        return 3 * batch_size * (1 + self.samples)
