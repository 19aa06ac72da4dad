"""Datasets fitted to real data: mixtures of factor analyzers and their warped twins."""

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ebmark.datasets.fitted._files import parameters, records
from ebmark.datasets.fitted._mixture import FactorAnalyzers
from ebmark.datasets.fitted._warp import Warp
from ebmark.datasets.synthetic._base import AbstractDataset, Corners, Moments
from ebmark.energies import Key, Point

# standard deviations of a component on each side of its mean in the support box
_BOX_WIDTH = 6.0


class AbstractFitted(AbstractDataset):
    """A known density that was fitted to real data, and whose samples resemble them.

    Attributes:
        name: The name of the data, a key of the records.

    Records and parameters are read when they are first needed. The repr, which is the fingerprint,
    contains the checksum of the parameters.
    """

    suffix: ClassVar[str] = ""

    name: eqx.AbstractVar[str]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, sha256={self.record['sha256'][:16]!r})"

    @property
    def record(self) -> dict[str, Any]:
        """Provenance, license, sizes and likelihoods; all figures are in nats."""
        return records()[self.name + self.suffix]

    @property
    def modes(self) -> int:
        return self.record["components"]

    @property
    def entropy(self) -> float:
        return self.record["entropy"]

    @property
    def local_scale(self) -> float:
        return self.record["local_scale"]

    @property
    def whitened_local_scale(self) -> float:
        """The smallest local standard deviation in whitened coordinates.

        As `local_scale`, it is the lower quartile over samples of the smallest standard deviation
        of a sample's component; that of a twin is linearized at the sample.
        """
        return self.record["whitened_local_scale"]

    @property
    def description(self) -> str:
        return self.record["description"]

    @property
    def mixture(self) -> FactorAnalyzers:
        """The mixture of factor analyzers; of a twin, that before the warp."""
        return _load_mixture(self.name)

    def posterior(self, x: Point) -> Float[Array, " modes"]:
        """Compute the probability of each mode given x."""
        return jax.nn.softmax(self.component_log_probs(x))

    def class_posterior(self, x: Point) -> Float[Array, " classes"]:
        """Compute the probability of each class of the real data given x.

        The class depends on x through the component only: its probabilities there are those of the
        training rows.
        """
        return self.posterior(x) @ jnp.asarray(parameters(self.name)["classes"])


class FittedMixture(AbstractFitted):
    r"""A mixture of factor analyzers fitted to real data.

    $$ p(x) = \sum_k w_k N(x; m_k, L_k L_k^T + \mathrm{diag}(v_k)) $$

    References: Ghahramani & Hinton (1996), The EM algorithm for mixtures of factor analyzers.
    """

    name: str = eqx.field(static=True)
    dim: int = eqx.field(static=True)

    def sample(self, key: Key) -> Point:
        return self.mixture.sample(key)

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        return self.mixture.component_log_probs(x)

    def moments(self) -> Moments:
        mean, covariance = self.mixture.moments()
        return mean.tolist(), np.sqrt(np.diag(covariance)).tolist()

    def support_box(self) -> Corners:
        lower, upper = _box(self.mixture)
        return lower.tolist(), upper.tolist()

    def conditional(self, columns: Sequence[int], values: ArrayLike) -> FactorAnalyzers:
        """Return the exact distribution of the other columns given the values of some columns.

        It has a density and a sampler: what imputation should draw from. Arguments and errors are
        those of `FactorAnalyzers.conditional`.

        Example:
            >>> from ebmark.datasets import DATASETS
            >>> DATASETS["wine_13"].conditional([0, 1], [13.0, 2.0]).dim
            11
        """
        return self.mixture.conditional(columns, values)


class WarpedMixture(AbstractFitted):
    r"""A mixture of factor analyzers pushed through a bijection that preserves volume.

    $$ p(x) = \sum_k w_k N(g^{-1}(x); m_k, L_k L_k^T + \mathrm{diag}(v_k)) $$

    It is no mixture of Gaussians, so that methods with such a mixture inside have no advantage. Its
    entropy is that of the mixture; moments and local scale are Monte Carlo estimates; conditionals
    have no closed form.
    """

    suffix: ClassVar[str] = "_warped"

    name: str = eqx.field(static=True)
    dim: int = eqx.field(static=True)

    @property
    def warp(self) -> Warp:
        """The bijection g."""
        return _load_warp(self.name)

    def sample(self, key: Key) -> Point:
        return self.warp.forward(self.mixture.sample(key))

    def component_log_probs(self, x: Point) -> Float[Array, " modes"]:
        return self.mixture.component_log_probs(self.warp.inverse(x))

    def moments(self) -> Moments:
        arrays = parameters(self.name)
        return arrays["warped_mean"].tolist(), arrays["warped_std"].tolist()

    def support_box(self) -> Corners:
        lower, upper = _box(self.mixture)
        shift = self.warp.max_shift()
        return (lower - shift).tolist(), (upper + shift).tolist()


def fitted_pair(name: str, dim: int) -> dict[str, AbstractFitted]:
    """Return a mixture and its warped twin, by name."""
    return {
        name: FittedMixture(name=name, dim=dim),
        f"{name}_warped": WarpedMixture(name=name, dim=dim),
    }


@functools.cache
def _load_mixture(name: str) -> FactorAnalyzers:
    return mixture_of(parameters(name))


@functools.cache
def _load_warp(name: str) -> Warp:
    arrays = parameters(name)
    return warp_of(_load_mixture(name), arrays)


def mixture_of(arrays: dict[str, np.ndarray]) -> FactorAnalyzers:
    """Build the mixture of a file's arrays; inside of a compiled function, too."""
    names = ("log_weights", "means", "loadings", "variances")
    with jax.ensure_compile_time_eval():
        return FactorAnalyzers(*(jnp.asarray(arrays[name]) for name in names))


def warp_of(mixture: FactorAnalyzers, arrays: dict[str, np.ndarray]) -> Warp:
    """Build the warp of a file's arrays; inside of a compiled function, too."""
    amplitude, frequency = arrays["shear"].tolist()
    with jax.ensure_compile_time_eval():
        return Warp.from_moments(
            *mixture.moments(),
            orders=arrays["orders"],
            phases=arrays["phases"],
            amplitude=amplitude,
            frequency=frequency,
        )


def _box(mixture: FactorAnalyzers) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, " dim"]]:
    variances = np.asarray(mixture.variances) + np.sum(np.asarray(mixture.loadings) ** 2, axis=2)
    means, width = np.asarray(mixture.means), _BOX_WIDTH * np.sqrt(variances)
    return (means - width).min(axis=0), (means + width).max(axis=0)
