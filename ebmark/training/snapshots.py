"""The result of a training: snapshots of the energy, losses, and whether it diverged."""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, PyTree

from ebmark.energies import Energy, State
from ebmark.errors import UserError
from ebmark.methods import Recipe


class Snapshot(NamedTuple):
    """The energy after a number of updates, and the cost of these updates.

    Attributes:
        step: number of updates.
        trainable: the trained parameters, averaged; the argument of the method's native sampler.
        state: the method's state at that time.
        energy: the learned energy.
        seconds: elapsed seconds of the updates, without compilation.
        cpu_seconds: CPU seconds of the updates, without compilation.
    """

    step: int
    trainable: PyTree
    state: State
    energy: Energy
    seconds: float
    cpu_seconds: float


@dataclasses.dataclass(frozen=True)
class Fit:
    """The result of `train`.

    Attributes:
        snapshots: in order of updates; the last is the final energy. Empty if the training
            diverged before the first one.
        losses: the loss of each update.
        divergence_reason: why the training was stopped; None if it was not.
        compile_seconds: seconds of compilation.
        stopped: what early stopping reports, in a sentence.
        best_step: number of updates of the energy that early stopping selected.
    """

    snapshots: list[Snapshot]
    losses: Float[np.ndarray, " steps"]
    divergence_reason: str | None
    compile_seconds: float
    stopped: str = ""
    best_step: int | None = None

    @property
    def energy(self) -> Energy:
        """The energy of the last snapshot.

        Raises:
            UserError: the training diverged before its first snapshot.
        """
        return self._last.energy

    @property
    def state(self) -> State:
        """The method's state at the last snapshot.

        Raises:
            UserError: the training diverged before its first snapshot.
        """
        return self._last.state

    @property
    def _last(self) -> Snapshot:
        if not self.snapshots:
            raise UserError(
                "This fit has no energy: the training diverged before its first snapshot. "
                f"{self.divergence_reason}"
            )
        return self.snapshots[-1]


def evenly(num_updates: int, num: int) -> list[int]:
    """Return `num` snapshot steps, evenly spaced over the updates."""
    return [round(num_updates * (i + 1) / num) for i in range(num)]


def make_snapshot(
    recipe: Recipe, step: int, trainable: PyTree, state: State, seconds: Float[np.ndarray, "2"]
) -> Snapshot:
    """Make the snapshot of what was trained after `step` updates."""
    energy = recipe.method.learned_energy(trainable, state)
    return Snapshot(step, trainable, state, energy, float(seconds[0]), float(seconds[1]))
