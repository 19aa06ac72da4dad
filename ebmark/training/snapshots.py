"""What a training leaves: snapshots of the energy, losses, and how it ended."""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, PyTree

from ebmark.energies import Energy, State


class Snapshot(NamedTuple):
    """The energy after `step` updates, and what it took: training alone, nothing compiled."""

    step: int
    trainable: PyTree  # what was trained, averaged: what the method's own sampler wants
    state: State  # what the method remembered then
    energy: Energy
    seconds: float
    cpu_seconds: float


@dataclasses.dataclass(frozen=True)
class Fit:
    """What a training run leaves: snapshots of the energy, the losses, and how it ended."""

    snapshots: list[Snapshot]
    losses: Float[np.ndarray, " steps"]
    divergence_reason: str | None  # why the run was stopped; None if it was not
    compile_seconds: float
    stopped: str = ""  # what early stopping says of it
    best_step: int | None = None  # the updates of the energy that early stopping kept

    @property
    def energy(self) -> Energy:
        """The last energy."""
        return self.snapshots[-1].energy

    @property
    def state(self) -> State:
        """What the method remembers beside it."""
        return self.snapshots[-1].state


def evenly(updates: int, num: int) -> list[int]:
    """The marks of `num` snapshots, evenly over the updates."""
    return [round(updates * (i + 1) / num) for i in range(num)]
