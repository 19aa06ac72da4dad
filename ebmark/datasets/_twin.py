"""The twin of a table: a dataset of known density whose samples resemble the rows."""

import json
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float

from ebmark.datasets._function_dataset import Dataset
from ebmark.datasets.fitted._mixture import FactorAnalyzers
from ebmark.datasets.fitted._select import select_mixture
from ebmark.datasets.preprocessing import Standardizer

TWIN = "twin"


class FittedTwin(NamedTuple):
    """A twin, and what it gains over one Gaussian.

    Attributes:
        dataset: The twin, in the units of the rows.
        source: A Python file that defines it, a plug-in.
        components: Number of components of the mixture.
        gain: Log-likelihood per held-out row, minus that of one Gaussian, in nats.
        gain_error: Its standard error.
    """

    dataset: Dataset
    source: str
    components: int
    gain: float
    gain_error: float


def fit_twin(x: Float[np.ndarray, "n dim"], seed: int = 0) -> FittedTwin:
    """Fit a mixture of factor analyzers to rows; see `select_mixture`.

    Args:
        x: The rows, which vary in every column.
        seed: Seed of the folds and of the starts.
    """
    units = Standardizer.fit(x)
    selected = select_mixture(units.transform(x), seed)
    arrays = {name: np.asarray(a).tolist() for name, a in vars(selected.mixture).items()}
    arrays |= {name: np.asarray(a).tolist() for name, a in units._asdict().items()}
    size = selected.size
    source = (
        f'"""A mixture of {size.components} x {size.factors} factor analyzers fitted to '
        f'{len(x)} rows of {x.shape[1]} columns."""\n\n'
        "from ebmark.datasets import mixture_dataset\n\n"
        f'DATASETS = {{"{TWIN}": mixture_dataset("{TWIN}", **{json.dumps(arrays)})}}\n'
    )
    dataset = mixture_dataset(TWIN, **arrays)
    gain, error = selected.gain, selected.gain_error
    return FittedTwin(dataset, source, size.components, gain, error)


def mixture_dataset(name: str, *, mean: Any, scale: Any, **arrays: Any) -> Dataset:
    """Return the dataset of x = mean + scale z, where z follows a mixture of factor analyzers.

    Args:
        name: What reports call it.
        mean: The mean of each column.
        scale: The standard deviation of each column.
        arrays: The fields of `FactorAnalyzers`.
    """
    units = Standardizer(np.array(mean), np.array(scale))
    fields = {field: jnp.asarray(array, jnp.float32) for field, array in arrays.items()}
    mixture = FactorAnalyzers(**fields)
    evaluate = jax.jit(jax.vmap(mixture.log_prob))
    draw = jax.jit(jax.vmap(mixture.sample))

    def log_prob(x: Any) -> Any:
        # not by `transform`, whose arrays have no gradient
        z = (x - units.mean) / units.scale
        return evaluate(jnp.asarray(z, jnp.float32)) - units.log_jacobian

    def sampler(num: int, seed: int) -> Any:
        return units.inverse_transform(draw(jr.split(jr.key(seed), num)))

    dataset = Dataset.from_functions(log_prob, sampler, dim=units.dim, name=name)
    assert isinstance(dataset, Dataset)
    return dataset
