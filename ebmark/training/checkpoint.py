"""Checkpoints of training, written atomically and resumed bit for bit."""

import dataclasses
import hashlib
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from ebmark.energies import Key, State
from ebmark.errors import UserError
from ebmark.methods import Recipe
from ebmark.training.tree_file import load_tree, read_header, save_tree


class Carry(NamedTuple):
    """All that changes from update to update.

    `average` is the exponential moving average of the parameters, `step` the number of updates.
    """

    params: PyTree
    average: PyTree
    opt_state: PyTree
    method_state: State
    step: Int[Array, ""]


class Record(NamedTuple):
    """The results of a training so far; together with a `Carry` it is a checkpoint.

    `compile_seconds` are those of compilation, `seconds` elapsed and CPU seconds of all updates.
    `averages`, `states` and `snapshot_seconds` have one entry per snapshot; the seconds of one not
    yet taken are 0.
    """

    losses: Float[np.ndarray, " updates"]
    compile_seconds: Float[np.ndarray, "1"]
    seconds: Float[np.ndarray, "2"]
    averages: list[PyTree]
    states: list[State]
    snapshot_seconds: Float[np.ndarray, "snapshots 2"]

    @classmethod
    def empty(cls, num_updates: int, num_snapshots: int, params: PyTree, state: State) -> "Record":
        """A record before the first update; `params` and `state` stand in for the snapshots."""
        return cls(
            losses=np.full(num_updates, np.nan, np.float32),
            compile_seconds=np.zeros(1),
            seconds=np.zeros(2),
            averages=[params] * num_snapshots,
            states=[state] * num_snapshots,
            snapshot_seconds=np.zeros((num_snapshots, 2)),
        )

    def take_snapshot(self, index: int, carry: Carry) -> None:
        """Store the averaged parameters and the method's state as snapshot `index`."""
        self.averages[index] = carry.average
        self.states[index] = carry.method_state
        self.snapshot_seconds[index] = self.seconds


@dataclasses.dataclass
class Checkpoint:
    """The checkpoint file of one training; without a path, every call does nothing.

    Attributes:
        path: the file.
        fingerprint: identifies the training that the file belongs to (see `fingerprint`).
        save_every: minimum number of seconds between two saves of `save_if_due`.
    """

    path: Path | None
    fingerprint: str
    save_every: float
    last_saved: float = dataclasses.field(default_factory=time.monotonic)

    def resume(self, carry: Carry, record: Record) -> tuple[Carry, Record]:
        """Load the file; if it is absent, damaged or of another training, return the arguments."""
        if self.path is None or not self.path.exists():
            return carry, record
        try:
            if read_header(self.path).get("fingerprint") == self.fingerprint:
                return load_tree(self.path, (carry, record))
            reason = "it belongs to another run"
        except UserError as error:
            reason = str(error)
        print(
            f"note: {self.path.name} is dropped ({reason}); its training starts from the beginning",
            file=sys.stderr,
        )
        return carry, record

    def save_if_due(self, carry: Carry, record: Record) -> None:
        """Save if `save_every` seconds have passed since the last save."""
        if time.monotonic() - self.last_saved > self.save_every:
            self.save(carry, record)
            self.last_saved = time.monotonic()

    def save(self, carry: Carry, record: Record) -> None:
        """Write the file; print a note, and let training continue, if that fails."""
        if self.path is None:
            return
        try:
            save_tree(self.path, {"fingerprint": self.fingerprint}, (carry, record))
        except UserError as error:
            print(f"note: no checkpoint: {error}", file=sys.stderr)


def fingerprint(recipe: Recipe, start: PyTree, key: Key, snapshot_steps: list[int]) -> str:
    """Identify a training by its recipe, initial parameters, data, key and snapshot steps."""
    digest = hashlib.sha256(repr((recipe, snapshot_steps, jax.tree.map(jnp.shape, start))).encode())
    for leaf in jax.tree.leaves(start):
        digest.update(np.asarray(leaf).tobytes())
    digest.update(np.asarray(jr.key_data(key)).tobytes())
    return digest.hexdigest()
