"""The sources of a study's points: a dataset with a known density, or a user's own points."""

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import Any, TypeAlias

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ebmark.datasets._grid import Grid
from ebmark.datasets._local_scale import local_scale
from ebmark.datasets._registry import DATASETS
from ebmark.datasets.preprocessing import RobustStandardizer, as_points, column_std, fit_units
from ebmark.datasets.synthetic._base import AbstractDataset
from ebmark.energies import Key
from ebmark.errors import UserError, unknown
from ebmark.system.array_files import read_array
from ebmark.system.random_numbers import generator

Points: TypeAlias = Float[np.ndarray, "_ dim"]

# the fraction of a user's points that is held out for testing
HELD_OUT_FRACTION = 0.2
# of the first grid; quadrature refines it where necessary
_POINTS_PER_AXIS = 256


@dataclasses.dataclass(frozen=True)
class SyntheticDataset:
    """A dataset whose density is known.

    Attributes:
        name: A key of `DATASETS`.
        fingerprint: The definition of the dataset, as it is stored with results.

    Example:
        >>> SyntheticDataset("half_moons").draw(10, jr.key(0)).shape
        (10, 2)
    """

    name: str
    fingerprint: str = dataclasses.field(init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "fingerprint", repr(self.dataset))

    @property
    def dataset(self) -> AbstractDataset:
        if self.name not in DATASETS:
            raise unknown("dataset", self.name, DATASETS)
        return DATASETS[self.name]

    @property
    def dim(self) -> int:
        return self.dataset.dim

    def draw(self, num: int, key: Key) -> Points:
        """Draw `num` independent points."""
        return self.dataset.draw(num, key)

    def sample(self, n_samples: int, random_state: Any = None) -> Points:
        """Draw independent points; `random_state` is a seed, a generator or None."""
        seed = int(np.random.default_rng(random_state).integers(2**31))
        return self.draw(n_samples, jr.key(seed))

    def log_prob(self, x: ArrayLike) -> Float[np.ndarray, " n"]:
        """Compute the log-density at points, in nats."""
        points = as_points(x, name="x")
        return np.logaddexp.reduce(self.component_log_probs(points), axis=1)

    def training_part(self, train_x: Points) -> "SyntheticDataset":
        """Return what may be known in training: all of it, as no point of it is held out."""
        del train_x
        return self

    def split(self, num_train: int, num_test: int, key: Key) -> tuple[Points, Points]:
        """Draw training and test points, independent of each other."""
        train_key, test_key = jr.split(key)
        return self.draw(num_train, train_key), self.draw(num_test, test_key)

    def local_scale(self) -> float:
        """Return the smallest local standard deviation in standardized units.

        It is $s_{min} / \\max_i s_i$ in 1-D and 2-D. For d > 2 the dataset states it in whitened
        coordinates; if it does not, it is estimated from 10,000 points of a fixed key.
        """
        if self.dim <= 2:
            _, scale = self.dataset.moments()
            return self.dataset.local_scale / max(scale)
        scale = self.dataset.whitened_local_scale
        if scale is None:
            return UserDataset(self.name, self.draw(10_000, jr.key(0))).local_scale()
        return scale

    def grid(self) -> Grid:
        """Return a grid on the support box of the dataset."""
        lower, upper = self.dataset.support_box()
        return Grid(tuple(lower), tuple(upper), _POINTS_PER_AXIS)

    def component_log_probs(self, x: Points) -> Float[np.ndarray, "n modes"]:
        """Compute the log-densities of the components at points."""
        return self.dataset.batched_component_log_probs(x)

    def scores(self, x: Points) -> Points:
        """Compute the scores of the dataset at points."""
        return self.dataset.batched_scores(x)


# compared by identity: arrays cannot be compared as a whole
@dataclasses.dataclass(frozen=True, eq=False)
class UserDataset:
    """A user's own points, whose density is not known; a fifth is held out for testing.

    Attributes:
        name: A name for reports and folders.
        points: The points, (n, dim), in data units; stored in float64.

    Raises:
        ValueError: If the points are not of shape (n, dim).
    """

    name: str
    points: Points

    def __post_init__(self):
        if np.ndim(self.points) != 2:
            raise ValueError(f"'points' must have shape (n, dim), got {np.shape(self.points)}.")
        object.__setattr__(self, "points", np.asarray(self.points, np.float64, order="C"))

    @property
    def dim(self) -> int:
        return self.points.shape[1]

    @property
    def fingerprint(self) -> str:
        """The hash of the points, as it is stored with results."""
        return hashlib.sha256(np.ascontiguousarray(self.points).tobytes()).hexdigest()

    @functools.cached_property
    def metric_units(self) -> RobustStandardizer:
        """The units in which samples are compared: no column and no outlier dominates them."""
        return RobustStandardizer.fit(self.points)

    @property
    def num_held_out(self) -> int:
        return max(1, round(HELD_OUT_FRACTION * len(self.points)))

    def draw(self, num: int, key: Key) -> Points:
        """Draw points without replacement, at most as many as there are."""
        return self.points[generator(key).permutation(len(self.points))[:num]]

    def split(self, num_train: int, num_test: int, key: Key) -> tuple[Points, Points]:
        """Split the points at random into training and held-out points, capped at the numbers."""
        shuffled = self.draw(len(self.points), key)
        held_out = shuffled[: self.num_held_out]
        return shuffled[self.num_held_out :][:num_train], held_out[:num_test]

    def training_part(self, train_x: Points) -> "UserDataset":
        """Return what may be known in training: the training points of a split."""
        return dataclasses.replace(self, points=train_x)

    def local_scale(self) -> float:
        """Estimate the smallest local standard deviation in standardized units."""
        z = fit_units(self.points).transform(self.points)
        return float(local_scale(jnp.asarray(z, jnp.float32), jr.key(0)))

    def grid(self) -> Grid:
        """Return a grid on the bounding box plus two standard deviations on each side."""
        margin = 2 * column_std(self.points)
        lower = self.points.min(axis=0) - margin
        upper = self.points.max(axis=0) + margin
        return Grid(tuple(lower), tuple(upper), _POINTS_PER_AXIS)


DataSource = SyntheticDataset | UserDataset


def load_source(spec: dict[str, Any], folder: Path) -> DataSource:
    """Load the source that the spec of a run names.

    Args:
        spec: The spec; its `points` is None or the file of a user's points in the study's folder.
        folder: The folder of the study.

    Returns:
        The source.

    Raises:
        UserError: If the file is outside the folder, damaged, or not that of the spec.
    """
    if spec["points"] is None:
        return SyntheticDataset(spec["dataset"])
    path = folder / spec["points"]
    if path.parent != folder:
        raise UserError(f"{path}: file is outside the folder of the study. Run the study again.")
    points = read_array(path)
    damaged = UserError(
        f"{path}: file is damaged or holds other points. Delete it and run the study again."
    )
    if points.ndim != 2:
        raise damaged
    source = UserDataset(spec["dataset"], points)
    if source.fingerprint != spec["dataset_fingerprint"]:
        raise damaged
    return source


def load_dataset(name: str) -> SyntheticDataset:
    """Return a built-in dataset of known density.

    Args:
        name: A key of `DATASETS`.

    Raises:
        UserError: If there is no dataset of this name.

    Example:
        >>> load_dataset("half_moons").sample(100, random_state=0).shape
        (100, 2)
    """
    return SyntheticDataset(name)


def name_of(path: Path) -> str:
    """Derive a dataset name from a file name: letters, digits, - and _ only.

    Args:
        path: The file.

    Returns:
        The name; "points" if nothing of the file name is left.

    Example:
        >>> name_of(Path("data/my points.v2.csv"))
        'my_points'
    """
    stem = path.name.split(".")[0]
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in stem)
    return plain or "points"
