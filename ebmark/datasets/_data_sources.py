"""Where a study's points come from: a law with a known density, or a person's own points."""

import dataclasses
import hashlib
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float

from ebmark.datasets._grid import Grid
from ebmark.datasets._local_scale import local_scale
from ebmark.datasets._registry import DATASETS
from ebmark.datasets.synthetic._base import AbstractDataset
from ebmark.energies import Key
from ebmark.errors import UserError
from ebmark.system.array_files import read_array
from ebmark.system.devices import full_matmul_precision

HELD_OUT = 0.2  # of a person's own points
_NODES = 256  # of the first grid; quadrature refines it where it must


@full_matmul_precision
@jax.jit
def _draw(dataset: AbstractDataset, keys):
    return jax.vmap(dataset.sample)(keys)


@full_matmul_precision
@jax.jit
def _log_components(dataset: AbstractDataset, x):
    return jax.vmap(dataset.component_log_probs)(x)


@full_matmul_precision
@jax.jit
def _scores(dataset: AbstractDataset, x):
    def log_density(x):
        return jax.nn.logsumexp(dataset.component_log_probs(x))

    return jax.vmap(jax.grad(log_density))(x)


@dataclasses.dataclass(frozen=True)
class SyntheticDataset:
    """A dataset whose density is known."""

    name: str

    @property
    def dataset(self) -> AbstractDataset:
        return DATASETS[self.name]

    @property
    def dim(self) -> int:
        return self.dataset.dim

    @property
    def fingerprint(self) -> str:
        return repr(self.dataset)

    def draw(self, num: int, key: Key) -> Float[np.ndarray, "n dim"]:
        """Fresh points."""
        return np.asarray(_draw(self.dataset, jr.split(key, num)), np.float64)

    def split(self, num_train: int, num_test: int, key: Key):
        """Training and test points, independent."""
        train_key, test_key = jr.split(key)
        return self.draw(num_train, train_key), self.draw(num_test, test_key)

    def local_scale(self) -> float:
        """s_min in standardised units, from the law itself."""
        _, scale = self.dataset.moments()
        return self.dataset.local_scale / max(scale)

    def grid(self) -> Grid:
        """The law's box."""
        lower, upper = self.dataset.support_box()
        return Grid(tuple(lower), tuple(upper), _NODES)

    def component_log_probs(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n modes"]:
        """The log-densities of the law's components at points."""
        found = _log_components(self.dataset, jnp.asarray(x, jnp.float32))
        return np.asarray(found, np.float64)

    def scores(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        """The slopes of the law's log-density at points."""
        return np.asarray(_scores(self.dataset, jnp.asarray(x, jnp.float32)), np.float64)


@dataclasses.dataclass(frozen=True)
class UserDataset:
    """A person's own points: samples, a held-out fifth, no density."""

    name: str
    points: Float[np.ndarray, "n dim"]

    @property
    def dim(self) -> int:
        return self.points.shape[1]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.points).tobytes()).hexdigest()

    @property
    def num_held_out(self) -> int:
        return max(1, round(HELD_OUT * len(self.points)))

    def draw(self, num: int, key: Key) -> Float[np.ndarray, "n dim"]:
        """Points without replacement; at most as many as there are."""
        order = np.asarray(jr.permutation(key, len(self.points)))
        return self.points[order[:num]]

    def split(self, num_train: int, num_test: int, key: Key):
        """Training points and held-out ones: disjoint, a fifth held out, capped at the numbers."""
        shuffled = self.draw(len(self.points), key)
        held_out = self.num_held_out
        return shuffled[held_out:][:num_train], shuffled[:held_out][:num_test]

    def local_scale(self) -> float:
        """s_min in standardised units, estimated from the points."""
        z = (self.points - self.points.mean(axis=0)) / self.points.std(axis=0)
        return float(jax.jit(local_scale)(jnp.asarray(z, jnp.float32), jr.key(0)))

    def grid(self) -> Grid:
        """The points' box and two standard deviations around it."""
        margin = 2 * self.points.std(axis=0)
        lower, upper = self.points.min(axis=0) - margin, self.points.max(axis=0) + margin
        return Grid(tuple(lower), tuple(upper), _NODES)


DataSource = SyntheticDataset | UserDataset


def load_source(spec: dict, folder: Path) -> DataSource:
    """The source that a cell's spec names; a person's points lie in the study's folder.

    Raises UserError where they are damaged, or are not those that the cell is of.
    """
    if spec["points"] is None:
        return SyntheticDataset(spec["dataset"])
    path = folder / spec["points"]
    if path.parent != folder:
        raise UserError(f"{path}: leads out of the study's folder")
    own = UserDataset(spec["dataset"], read_array(path))
    if own.points.ndim != 2 or own.fingerprint != spec["dataset_fingerprint"]:
        raise UserError(f"{path}: damaged; remove it and give the command of the study again")
    return own


def name_of(path: Path) -> str:
    """A name for the points of a file, out of its own: letters, digits, - and _ only."""
    stem = path.name.split(".")[0]
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in stem)
    return plain or "points"
