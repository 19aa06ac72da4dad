"""The pictures of `mnist_196` averaged to 7 x 7 pixels: a known density to select recipes on.

Averages of disjoint blocks of a mixture of factor analyzers are a mixture of factor analyzers.

ebmark run images --plugin benchmarks/studies/mnist_49.py --datasets mnist_49 --seeds 1
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import ebmark as eb

whole = eb.DATASETS["mnist_196"].mixture  # pyright: ignore[reportAttributeAccessIssue]
pairs = np.kron(np.eye(7), np.full((1, 2), 0.5))  # (7, 14)
average = jnp.asarray(np.kron(pairs, pairs), jnp.float32)  # (49, 196)
mixture = type(whole)(
    whole.log_weights,
    whole.means @ average.T,
    jnp.einsum("ab,kbi->kai", average, whole.loadings),
    whole.variances @ (average**2).T,
)
log_prob = jax.jit(jax.vmap(mixture.log_prob))
sample = jax.jit(jax.vmap(mixture.sample))

DATASETS = {
    "mnist_49": eb.Dataset.from_functions(
        log_prob, lambda n, seed: sample(jr.split(jr.key(seed), n)), dim=49, name="mnist_49"
    ).dataset
}
