"""Checkpoints of a training: written whole, resumed bit for bit."""

import hashlib
import sys
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
    """All that changes from update to update."""

    params: PyTree
    average: PyTree  # exponential moving average of the parameters
    opt_state: PyTree
    method_state: State
    step: Int[Array, ""]


class Record(NamedTuple):
    """What a run has left behind so far; with the carry, this is a checkpoint."""

    losses: Float[np.ndarray, " updates"]
    seconds: Float[np.ndarray, "2"]  # wall and CPU
    averages: list[PyTree]  # the parameters at each snapshot
    states: list[State]  # and what the method remembered there
    clocks: Float[np.ndarray, "snapshots 2"]


def _keep(checkpoint_path: Path, fingerprint: str | None, run: tuple[Carry, Record]) -> None:
    """Write the checkpoint; training goes on where that cannot be done."""
    try:
        save_tree(checkpoint_path, {"fingerprint": fingerprint}, run)
    except UserError as error:
        print(f"note: no checkpoint: {error}", file=sys.stderr)


def _taken_up(checkpoint_path: Path, fingerprint: str | None, start: tuple[Carry, Record]):
    """The run in the checkpoint; the start, with a note, if it is damaged or another run's."""
    try:
        if read_header(checkpoint_path).get("fingerprint") == fingerprint:
            return load_tree(checkpoint_path, start)
        why = "it is of another run"
    except UserError as error:
        why = str(error)
    print(
        f"note: {checkpoint_path.name} is dropped ({why}): its training begins anew",
        file=sys.stderr,
    )
    return start


def _fingerprint(recipe: Recipe, start: PyTree, key: Key, snapshot_steps: list[int]) -> str:
    """What a checkpoint belongs to: it is taken up by the same run only."""
    digest = hashlib.sha256(repr((recipe, snapshot_steps, jax.tree.map(jnp.shape, start))).encode())
    for leaf in jax.tree.leaves(start):
        digest.update(np.asarray(leaf).tobytes())
    digest.update(np.asarray(jr.key_data(key)).tobytes())
    return digest.hexdigest()
