"""Datasets of the user, given by a log-density and a sampler written with any framework."""

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ebmark.datasets._check_density import DensityCheck, check_density
from ebmark.datasets._data_sources import SyntheticDataset, UserDataset
from ebmark.datasets.preprocessing import fit_units
from ebmark.datasets.synthetic._base import AbstractDataset, Corners, Moments
from ebmark.errors import UserError
from ebmark.system import user_code

LogProb: TypeAlias = Callable[[Any], Any]
Sampler: TypeAlias = Callable[[int, int], Any]
# of which moments, entropy and local scale are computed
_NUM_POINTS = 100_000
_NUM_SCALE_POINTS = 10_000
_BLOCK = 65_536
# of central differences, in standard deviations
_STEP = 1e-3


class FunctionDataset(AbstractDataset):
    r"""A distribution given by functions of batches: $\log p_k$ of its components, and a sampler.

    Mean, standard deviation, entropy and
    local scale are computed from 100,000 samples of a fixed seed.

    Attributes:
        name: What it is called in reports.
        dim: Number of coordinates.
        components: Functions of points (n, dim) to log p_k (n,), weight included.
        sampler: `sampler(n, seed)` returns (n, dim) independent points.
        entropy_error: Standard error of the entropy, in nats.
    """

    name: str
    dim: int
    components: tuple[LogProb, ...]
    sampler: Sampler
    mean: tuple[float, ...]
    std: tuple[float, ...]
    box: tuple[tuple[float, ...], tuple[float, ...]]
    entropy: float
    entropy_error: float
    local_scale: float
    digest: str

    def __init__(
        self, name: str, dim: int, components: Sequence[LogProb], sampler: Sampler
    ) -> None:
        self.name = name
        self.dim = dim
        self.components = tuple(map(_untransformed, components))
        self.sampler = _untransformed(sampler)
        x = _draw(sampler, _NUM_POINTS, 0, dim)
        self.mean, self.std = tuple(x.mean(axis=0).tolist()), tuple(x.std(axis=0).tolist())
        if not min(self.std) > 0:
            raise UserError(f"The sampler of '{name}' is constant in a column. Leave it out.")
        margin = 0.5 * x.std(axis=0)
        box = (x.min(axis=0) - margin, x.max(axis=0) + margin)
        self.box = (tuple(box[0].tolist()), tuple(box[1].tolist()))
        log_prob = np.logaddexp.reduce(self.batched_component_log_probs(x), axis=1)
        if not np.isfinite(log_prob).all():
            raise UserError(
                f"log_prob of '{name}' is not finite at {(~np.isfinite(log_prob)).sum()} of "
                f"{len(x)} points of its sampler. Make the density positive where it samples."
            )
        self.entropy = -float(log_prob.mean())
        self.entropy_error = float(log_prob.std() / math.sqrt(len(x)))
        points = UserDataset(name, x[:_NUM_SCALE_POINTS])
        self.local_scale = points.local_scale() * max(self.std)
        values = np.column_stack([x[:1000], log_prob[:1000]])
        self.digest = hashlib.sha256(np.round(values, 4).tobytes()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"FunctionDataset(name={self.name!r}, dim={self.dim}, sha256={self.digest!r})"

    @property
    def modes(self) -> int:
        return len(self.components)

    @property
    def description(self) -> str:
        return f"user density in {self.dim}-D, entropy to ±{self.entropy_error:.1g}"

    @property
    def whitened_local_scale(self) -> float | None:
        # that of the points, which are whitened for d > 2
        return self.local_scale / max(self.std) if self.dim > 2 else None

    def moments(self) -> Moments:
        return list(self.mean), list(self.std)

    def support_box(self) -> Corners:
        return list(self.box[0]), list(self.box[1])

    def sample(self, key):
        return jnp.asarray(self.draw(1, key)[0])

    def component_log_probs(self, x):
        return jnp.asarray(self.batched_component_log_probs(np.asarray(x)[None])[0])

    def draw(self, num, key):
        return _draw(self.sampler, num, int(jr.randint(key, (), 0, 2**31 - 1)), self.dim)

    def batched_component_log_probs(self, x):
        blocks = np.split(x, range(_BLOCK, len(x), _BLOCK))
        return np.concatenate(
            [np.stack([_call(f, block) for f in self.components], axis=1) for block in blocks]
        )

    def batched_scores(self, x):
        """Compute the gradient of log p: by JAX where it can be traced, else by differences."""

        def total(x):
            values = jnp.stack([jnp.asarray(f(x)) for f in self.components])
            return jax.nn.logsumexp(values, axis=0).sum()

        try:
            return np.asarray(jax.grad(total)(jnp.asarray(x, jnp.float32)), np.float64)
        except Exception:
            return self._differences(x)

    def _differences(self, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
        steps = np.diag(_STEP * np.asarray(self.std))
        columns = []
        for step in steps:
            pair = [self.batched_component_log_probs(x + sign * step) for sign in (1, -1)]
            above, below = (np.logaddexp.reduce(values, axis=1) for values in pair)
            columns.append((above - below) / (2 * step.sum()))
        return np.stack(columns, axis=1)


class Dataset(SyntheticDataset):
    """A distribution of the user: a density with a sampler, or points.

    `eb.compare` takes it as it is, `eb.EnergyModel` its samples, and a plug-in names it in
    `DATASETS`.

    Example:
        >>> normal = Dataset.from_functions(
        ...     lambda x: -0.5 * (x**2).sum(axis=1) - np.log(2 * np.pi),
        ...     lambda n, seed: np.random.default_rng(seed).normal(size=(n, 2)),
        ...     dim=2,
        ... )
        >>> normal.sample(10, random_state=0).shape, normal.check().passed
        ((10, 2), True)
    """

    def __init__(self, target: FunctionDataset):
        object.__setattr__(self, "name", target.name)
        object.__setattr__(self, "fingerprint", repr(target))
        object.__setattr__(self, "_target", target)

    @property
    def dataset(self) -> FunctionDataset:
        return vars(self)["_target"]

    @property
    def entropy(self) -> float:
        """The differential entropy in nats, computed from 100,000 samples."""
        return self.dataset.entropy

    @property
    def entropy_error(self) -> float:
        """The standard error of the entropy, in nats."""
        return self.dataset.entropy_error

    @staticmethod
    def from_functions(
        log_prob: LogProb | None,
        sampler: Sampler,
        *,
        dim: int,
        components: Sequence[LogProb] = (),
        name: str | None = None,
    ) -> "Dataset | UserDataset":
        """Return the dataset of a log-density and a sampler.

        Functions take NumPy arrays and return arrays of any framework. A score that JAX cannot
        differentiate is computed by central differences.

        Args:
            log_prob: points (n, dim) in float64 -> log p (n,) in nats, normalized. None if the
                density is unknown: the dataset is then 12,500 points of the sampler, of which a
                fifth is held out.
            sampler: number of points and seed -> independent points (n, dim).
            dim: number of coordinates.
            components: the modes, in place of `log_prob`: functions whose densities, weights
                included, sum to p.
            name: what reports call it; by default the name of the function, or "target".

        Raises:
            UserError: if a function fails or returns another shape, or the density is zero at
                samples.
        """
        parts = tuple(components) or ((log_prob,) if log_prob is not None else ())
        label = name or _name_of(log_prob or sampler)
        if not parts:
            return Dataset.from_points(_draw(sampler, _NUM_POINTS // 8, 0, dim), name=label)
        return Dataset(FunctionDataset(label, dim, parts, sampler))

    @staticmethod
    def from_points(x: ArrayLike, *, name: str = "points") -> UserDataset:
        """Return the dataset of points (n, dim), a fifth of which is held out for testing."""
        return UserDataset(name, np.asarray(x, np.float64))

    def check(self) -> DensityCheck:
        """Test that the density integrates to 1 and that the samples follow it.

        In 1-D and 2-D by quadrature and a chi-squared test of counts; for d > 2 by bridge sampling
        from a Gaussian mixture and Stein's identity. Each test rejects a correct dataset with a
        probability below 1e-5.

        Returns:
            The integral with its error, the entropy with its error, and `problem`: one line that
            names what is wrong, or "".
        """
        target = self.dataset
        x = self.draw(20_000, jr.key(1))
        units = fit_units(x)
        return check_density(self.log_prob, self.scores, x, units, self.grid(), target.entropy)


def _name_of(function: Callable) -> str:
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() and name not in ("log_prob", "sampler") else "target"


def _untransformed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hide a JAX transformation: Equinox warns of fields such as jit(f), which are not trained."""
    return lambda *arguments: function(*arguments)


def _draw(sampler: Sampler, num: int, seed: int, dim: int) -> Float[np.ndarray, "num dim"]:
    try:
        points = np.asarray(sampler(num, seed), np.float64)
    except Exception as error:
        raise UserError(
            f"The sampler failed at sampler({num}, {seed}): {user_code.explain(error)}."
        ) from error
    if points.shape != (num, dim) or not np.isfinite(points).all():
        state = f"shape {points.shape}" if points.shape != (num, dim) else "values not finite"
        raise UserError(
            f"The sampler returned {state} for sampler({num}, {seed}). "
            f"Return finite points of shape ({num}, {dim})."
        )
    return points


def _call(function: LogProb, x: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, " n"]:
    try:
        values = np.asarray(function(x), np.float64)
    except Exception as error:
        raise UserError(
            f"log_prob failed on points {x.shape}: {user_code.explain(error)}."
        ) from error
    if values.shape != (len(x),) or np.isnan(values).any():
        state = f"shape {values.shape}" if values.shape != (len(x),) else "NaN"
        raise UserError(
            f"log_prob returned {state} for points {x.shape}. "
            f"Map a batch to one number per point, shape ({len(x)},)."
        )
    return values
