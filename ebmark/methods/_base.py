"""The interface of a training method, and the recipe that configures one."""

import abc
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, PyTree, Scalar

from ebmark.energies import Energy, Key, State
from ebmark.methods._limits import COUNT, FRACTION, NON_NEGATIVE, Interval, check_limits


class AbstractMethod(eqx.Module):
    """A training method: a loss of an energy on data, and the state it carries between updates.

    The fields of a method are its hyperparameters. Counts and choices are static
    (`eqx.field(static=True)`); numbers on a scale are plain fields, so that one compiled program
    serves all their values. Data arrive standardized (whitened for d > 2). A subclass
    implements `loss` and `network_evaluations` and overrides what else it needs.

    Attributes:
        num_extra_inputs: Inputs of the energy in addition to the point, such as a noise level.
        packages: Packages that the method requires in addition to those of ebmark.
        limits: Field name -> valid range. A value outside it raises ValueError at construction.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> class MeanEnergy(AbstractMethod):
        ...     def loss(self, energy, batch, state, key):
        ...         return jnp.mean(jax.vmap(energy)(batch)), state
        ...
        ...     def network_evaluations(self, batch_size, dim):
        ...         return 3 * batch_size
        >>> MeanEnergy().network_evaluations(256, 2)
        768
    """

    num_extra_inputs: ClassVar[int] = 0
    packages: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[Mapping[str, Interval]] = {}

    def __check_init__(self):
        check_limits(self, self.limits)

    def init(self, data: Float[Array, "n dim"], key: Key) -> State:
        """Return the state of the first update; None by default.

        Args:
            data: All training points, standardized.
            key: Random key.
        """
        del data, key
        return None

    def build_trainable(self, energy: Energy, data: Float[Array, "n dim"], key: Key) -> PyTree:
        """Return what is trained: by default the energy itself.

        Override it for parameters in addition to the energy, such as an offset that learns log Z.

        Args:
            energy: The network at its initial parameters.
            data: All training points, standardized.
            key: Random key.
        """
        del data, key
        return energy

    @abc.abstractmethod
    def loss(
        self, energy: PyTree, batch: Float[Array, "batch dim"], state: State, key: Key
    ) -> tuple[Scalar, State]:
        """Return a scalar whose gradient in `energy` is the update direction, and the next state.

        Args:
            energy: What `build_trainable` returned, at its current parameters.
            batch: A batch of training points, drawn with replacement.
            state: What `init` or the previous update returned.
            key: Random key of this update.
        """

    def fit(
        self,
        recipe: "Recipe",
        energy: Energy,
        data: Float[Array, "n dim"],
        stops: Sequence[int],
        key: Key,
    ) -> Iterator[tuple[PyTree, Float[np.ndarray, " losses"]]] | None:
        """Train by a loop of the method itself, such as another library's; None if it has none.

        Args:
            recipe: The recipe to train by.
            energy: The network at its initial parameters.
            data: All training points, standardized.
            stops: Increasing numbers of updates.
            key: Random key.

        Returns:
            Pairs of what is trained and the losses since the previous pair: the first before any
            update, then one after as many updates as each of `stops` says.
        """
        del recipe, energy, data, stops, key
        return None

    def learned_energy(self, trainable: PyTree, state: State) -> Energy:
        """Return the energy E of the learned density exp(-E) / Z: by default what was trained.

        Args:
            trainable: What `build_trainable` returned, at its trained parameters.
            state: The state after the last update.
        """
        del state
        return trainable

    @abc.abstractmethod
    def network_evaluations(self, batch_size: int, dim: int) -> float:
        """Return the network evaluations per update, in forward passes of one point.

        A gradient in the parameters counts as 3, in x as 2. `ebmark check` compares the number
        with the operations that XLA counts.
        """

    def sample(
        self, trainable: PyTree, state: State, num: int, key: Key
    ) -> Float[Array, "num dim"] | None:
        """Draw `num` samples by the sampler that the method prescribes; None if it has none.

        Args:
            trainable: What `build_trainable` returned, at its trained parameters.
            state: The state after the last update.
            num: Number of samples.
            key: Random key.
        """
        del trainable, state, num, key
        return None

    def diagnostics(
        self, trainable: PyTree, state: State, data: Float[Array, "n dim"], key: Key
    ) -> dict[str, Scalar]:
        """Return the method's diagnostics of a trained model: metric -> value; by default none.

        Args:
            trainable: What `build_trainable` returned, at its trained parameters.
            state: The state after the last update.
            data: All training points, standardized.
            key: Random key.
        """
        del trainable, state, data, key
        return {}

    def gaussian_precision(self, variance: float, state: State) -> float | None:
        r"""Return the λ that E(x) = λ‖x‖²/2 learns on N(0, `variance` I), known biases included.

        It is 1 / `variance` by default, and None if the method has no such optimum. `ebmark check`
        compares it with the result of training.
        """
        del state
        return 1 / variance

    def check_divergence(self, losses: Float[np.ndarray, " updates"], state: State) -> str | None:
        """Return why training diverges and what to change, or None if it is healthy.

        The text completes the message "Training diverged at update 500: ".

        Args:
            losses: Losses of the latest updates, all finite.
            state: The state after them.
        """
        del losses, state
        return None


class Recipe(eqx.Module):
    """A method with its hyperparameters, optimizer settings and number of updates.

    The optimizer is Adam with a learning rate that a cosine schedule decays to 0.

    Attributes:
        method: The training method.
        num_updates: Optimizer steps. With 0, the fit is what `build_trainable` returns.
        batch_size: Training points per update.
        learning_rate: Learning rate of the first update.
        max_grad_norm: Global norm to which gradients are clipped.
        ema_decay: Decay per update of the average of the parameters, which is what is evaluated.

    Raises:
        ValueError: If a number is outside its range.

    Example:
        >>> from ebmark.methods import DenoisingScoreMatching
        >>> Recipe(method=DenoisingScoreMatching(sigma=0.1), num_updates=1_000).batch_size
        256
    """

    _: dataclasses.KW_ONLY
    method: AbstractMethod
    num_updates: int = 5_000
    batch_size: int = eqx.field(static=True, default=256)
    learning_rate: float = 3e-3
    max_grad_norm: float = 1.0
    ema_decay: float = 0.99

    limits: ClassVar[Mapping[str, Interval]] = {
        "num_updates": Interval(0, integer=True),
        "batch_size": COUNT,
        "learning_rate": NON_NEGATIVE,
        "max_grad_norm": NON_NEGATIVE,
        "ema_decay": FRACTION,
    }

    def __check_init__(self):
        check_limits(self, self.limits)
