"""What a training method is, and what a recipe adds to it."""

import abc
import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PyTree, Scalar

from ebmark.energies import Energy, Key, State


class AbstractMethod(eqx.Module):
    """A way to fit an energy to data: a loss, and what it remembers between steps.

    All data are in standardised units. A method whose trainable thing is not the energy alone
    (an offset, a noise level as input, a temperature) says so in `wrap` and `density`.

    Its fields are its hyperparameters. Counts and choices are static (`eqx.field(static=True)`);
    numbers on a scale are plain, and one compiled program serves all their values.
    """

    num_extra_inputs: ClassVar[int] = (
        0  # what the energy is told beside the point, as a noise level
    )
    packages: ClassVar[tuple[str, ...]] = ()  # that it needs beyond those of ebmark itself

    def init(self, data: Float[Array, "n dim"], key: Key) -> State:
        """What the loss carries from step to step. Nothing, by default."""
        del data, key
        return None

    def build_trainable(self, energy: Energy, data: Float[Array, "n dim"], key: Key) -> PyTree:
        """What is trained: the energy itself, by default."""
        del data, key
        return energy

    @abc.abstractmethod
    def loss(
        self, energy: PyTree, batch: Float[Array, "batch dim"], state: State, key: Key
    ) -> tuple[Scalar, State]:
        """A scalar whose gradient in `energy` is the update direction, and the next state."""

    def fit(
        self,
        recipe: "Recipe",
        energy: Energy,
        data: Float[Array, "n dim"],
        stops: Sequence[int],
        key: Key,
    ) -> Iterator[tuple[PyTree, Float[np.ndarray, " losses"]]] | None:
        """A training loop of its own, as another library's, in place of the compiled one's updates.

        It yields what is trained and the losses since: first when all is set up, before any update,
        then after as many updates as each of `stops` says. None, by default: it has no such loop.
        """
        del recipe, energy, data, stops, key
        return None

    def learned_energy(self, trainable: PyTree, state: State) -> Energy:
        """The energy whose exp(-E) is the learned density: what was trained, by default."""
        del state
        return trainable

    @abc.abstractmethod
    def network_evaluations(self, batch: int, dim: int) -> float:
        """Network evaluations an update, in forward passes of one point, as XLA counts them."""

    def sample(
        self, trainable: PyTree, state: State, num: int, key: Key
    ) -> Float[Array, "num dim"] | None:
        """Samples by the method's own prescribed sampler; None where it prescribes none."""
        del trainable, state, num, key
        return None

    def diagnostics(
        self, trainable: PyTree, state: State, data: Float[Array, "n dim"], key: Key
    ) -> dict[str, Scalar]:
        """What the method can say of its own health at the end: metric -> number."""
        del trainable, state, data, key
        return {}

    def gaussian_precision(self, variance: float, state: State) -> float | None:
        r"""What E = lambda |x|^2 / 2 learns from N(0, `variance` I): 1 / variance, or its bias.

        None where the question makes no sense. `ebmark check` asks it.
        """
        del state
        return 1 / variance

    def check_divergence(self, losses: Float[np.ndarray, " steps"], state: State) -> str | None:
        """Why the last steps say that this run is diverging, and what to change; or None."""
        del losses, state
        return None


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A method and how it is trained: what a name in the registry stands for.

    With 0 updates nothing is trained by gradients: `wrap` is the fit.
    """

    method: AbstractMethod
    num_updates: int = 5_000
    batch_size: int = dataclasses.field(default=256, metadata={"static": True})
    learning_rate: float = 3e-3  # Adam, decayed to 0 by a cosine
    max_grad_norm: float = 1.0  # of the gradient's global norm
    ema_decay: float = 0.99  # of the parameters; the average is what is reported
