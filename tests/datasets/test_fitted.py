"""Targets fitted to real data: densities, samples, conditionals, warps and shipped files.

Random tests have fixed seeds; with other seeds each would fail at the rate stated with it.
"""

import functools
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from helpers.costs import full_unless

from ebmark.datasets import DATASETS, AbstractFitted, SyntheticDataset
from ebmark.datasets.fitted._files import FOLDER, RECORDS, read_parameters, read_records, records
from ebmark.datasets.fitted._fit import fit_factor_analyzers
from ebmark.datasets.fitted._mixture import FactorAnalyzers
from ebmark.datasets.fitted._sources import Source, split
from ebmark.datasets.fitted.remake import remake, table
from ebmark.errors import DamagedError
from ebmark.partition_function import evaluate

NAMES = [name for name, dataset in DATASETS.items() if isinstance(dataset, AbstractFitted)]
MIXTURES = [name for name in NAMES if not name.endswith("_warped")]
WARPED = [name for name in NAMES if name.endswith("_warped")]
NUM = 4_000
EACH, EACH_MIXTURE, EACH_WARPED = (
    full_unless(lambda name: DATASETS[name].dim < 20, names) for names in (NAMES, MIXTURES, WARPED)
)


@functools.cache
def draw(name):
    """Draw as many points in every test, so that one program serves all."""
    return SyntheticDataset(name).draw(NUM, jr.key(3))


def small():
    """Two components of three columns and one factor."""
    rng = np.random.default_rng(0)
    means, loadings = rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 1))
    variances = rng.uniform(0.2, 1, size=(2, 3))
    arrays = (np.log([0.3, 0.7]), means, loadings, variances)
    return FactorAnalyzers(*(jnp.asarray(a, jnp.float32) for a in arrays))


def scipy_components(mixture, x):
    """The log-densities of the components with dense covariances, in float64."""
    weights, means, loadings, variances = (
        np.asarray(a, np.float64)
        for a in (mixture.log_weights, mixture.means, mixture.loadings, mixture.variances)
    )
    return np.stack(
        [
            w + scipy.stats.multivariate_normal(m, b @ b.T + np.diag(v)).logpdf(x)
            for w, m, b, v in zip(weights, means, loadings, variances)
        ],
        axis=1,
    )


def test_density_integrates_to_1():
    """Importance sampling by a wider normal: within 4.5 standard errors, fails once in 1e5."""
    wide = scipy.stats.multivariate_normal(np.zeros(3), 6 * np.eye(3))
    x = wide.rvs(20_000, random_state=0)
    ratios = np.exp(evaluate(small().log_prob, x) - wide.logpdf(x))
    assert abs(ratios.mean() - 1) < 4.5 * ratios.std() / np.sqrt(len(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", EACH_MIXTURE)
def test_components_match_dense_covariances(name):
    """By scipy in float64; log p is the logsumexp of the components."""
    dataset = DATASETS[name]
    x = draw(name)[:200]
    expected = scipy_components(dataset.mixture, x)
    log_prob = evaluate(dataset.log_prob, x)
    np.testing.assert_allclose(log_prob, np.logaddexp.reduce(expected, axis=1), atol=5e-3)
    np.testing.assert_allclose(
        evaluate(dataset.component_log_probs, x), expected, rtol=1e-4, atol=1e-2
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", EACH)
def test_nll_of_samples_is_entropy(name):
    """Within 4.5 standard errors: fails once in 1e5 per target."""
    dataset = DATASETS[name]
    nll = -evaluate(dataset.log_prob, draw(name))
    error = np.hypot(nll.std() / np.sqrt(NUM), dataset.record["entropy_error"])
    assert abs(nll.mean() - dataset.entropy) < 4.5 * error
    assert dataset.record["entropy_error"] < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", EACH)
def test_score_is_difference_quotient(name):
    """Along a random direction, with the quotient in float64 for the same float32 parameters."""
    dataset = DATASETS[name]
    x = draw(name)[:20]
    direction = np.random.default_rng(1).normal(size=dataset.dim)
    direction *= 1e-3 * dataset.local_scale / np.linalg.norm(direction)
    along = evaluate(dataset.score, x) @ direction
    with jax.enable_x64(True):
        log_prob = jax.vmap(dataset.log_prob)
        quotient = np.asarray(log_prob(x + direction) - log_prob(x - direction)) / 2
    np.testing.assert_allclose(along, quotient, rtol=2e-3, atol=2e-6)


@pytest.mark.parametrize("name", EACH)
def test_moments_match_samples(name):
    """Within 5 standard errors in every column: fails once in 7,000 over all targets."""
    x = draw(name)
    mean, std = map(np.array, DATASETS[name].moments())
    z = (x - mean) / std
    assert np.abs(z.mean(axis=0)).max() < 5 / np.sqrt(NUM)
    error = 5 * (z**2).std(axis=0) / np.sqrt(NUM)
    assert (np.abs((z**2).mean(axis=0) - 1) < error).all()


@pytest.mark.full
def test_covariance_matches_samples():
    """Within 5 standard errors: fails once in 1e5."""
    x = np.asarray(jax.vmap(small().sample)(jr.split(jr.key(5), 20_000)), np.float64)
    mean, covariance = small().moments()
    products = (x - mean)[:, :, None] * (x - mean)[:, None]
    error = 5 * products.std(axis=0) / np.sqrt(len(x))
    assert (np.abs(products.mean(axis=0) - covariance) < error).all()


@pytest.mark.full
@pytest.mark.parametrize("name", MIXTURES)
def test_joint_is_marginal_times_conditional(name):
    """log p(x) = log p(x_b) + log p(x_a | x_b), for random subsets b of the columns."""
    dataset = DATASETS[name]
    rng = np.random.default_rng(2)
    for x in draw(name)[:3]:
        columns = rng.permutation(dataset.dim)[: rng.integers(1, dataset.dim)].tolist()
        others = np.setdiff1d(np.arange(dataset.dim), columns)
        conditional = dataset.conditional(columns, x[columns])
        parts = dataset.mixture.marginal(columns).log_prob(jnp.float32(x[columns]))
        parts += conditional.log_prob(jnp.float32(x[others]))
        assert float(parts) == pytest.approx(float(dataset.log_prob(jnp.float32(x))), abs=1e-2)


@pytest.mark.slow
def test_conditional_matches_gaussian_formula():
    """Mean and covariance of one component given two columns, by Schur complements."""
    one = jax.tree.map(lambda array: array[:1], small())
    one = FactorAnalyzers(jnp.zeros(1), one.means, one.loadings, one.variances)
    mean, covariance = one.moments()
    gain = covariance[1, [2, 0]] @ np.linalg.inv(covariance[np.ix_([2, 0], [2, 0])])
    values = np.array([0.4, -1.0])
    found_mean, found_covariance = one.conditional([2, 0], values).moments()
    np.testing.assert_allclose(found_mean, mean[1] + gain @ (values - mean[[2, 0]]), rtol=1e-5)
    expected = covariance[1, 1] - gain @ covariance[[2, 0], 1]
    np.testing.assert_allclose(found_covariance, [[expected]], rtol=1e-5)


@pytest.mark.full
def test_conditional_samples_follow_conditional():
    """Kolmogorov-Smirnov against the quadrature of the joint density: fails once in 10,000."""
    mixture = small()
    conditional = mixture.conditional([0, 1], [0.5, -0.5])
    x = np.asarray(jax.vmap(conditional.sample)(jr.split(jr.key(6), NUM)))[:, 0]
    grid = np.linspace(-8, 8, 4_001)
    points = np.stack([np.full_like(grid, 0.5), np.full_like(grid, -0.5), grid], axis=1)
    mass = np.cumsum(np.exp(evaluate(mixture.log_prob, points)))
    assert scipy.stats.kstest(np.interp(x, grid, mass / mass[-1]), "uniform").pvalue > 1e-4


@pytest.mark.parametrize(
    ("columns", "values", "message"),
    [
        ([], [], "Give different indices from 0 to 2"),
        ([0, 0], [1.0, 1.0], "Give different indices from 0 to 2"),
        ([3], [1.0], "Give different indices from 0 to 2"),
        ([0, 1, 2], [1.0, 1.0, 1.0], "Leave at least one out"),
        ([0, 1], [1.0], "Give one value for each of the 2 columns"),
    ],
)
def test_conditional_rejects_wrong_columns(columns, values, message):
    with pytest.raises(ValueError, match=message):
        small().conditional(columns, values)


@pytest.mark.parametrize("name", EACH_MIXTURE)
def test_posteriors_sum_to_1(name):
    dataset = DATASETS[name]
    x = draw(name)[:200]
    posterior = evaluate(dataset.posterior, x)
    classes = evaluate(dataset.class_posterior, x)
    np.testing.assert_allclose(posterior.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(classes.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(evaluate(dataset.mode_index, x), posterior.argmax(axis=1))


@pytest.mark.parametrize("name", EACH_WARPED)
def test_warp_is_bijection_of_volume_1(name):
    """Inverse of forward is the identity; log |det J| = 0."""
    dataset = DATASETS[name]
    y = draw(dataset.name)[:50].astype(np.float32)
    forward, inverse = (jax.jit(jax.vmap(f)) for f in (dataset.warp.forward, dataset.warp.inverse))
    x = np.asarray(forward(y))
    scale = np.array(DATASETS[dataset.name].moments()[1])
    assert (np.abs(np.asarray(inverse(x)) - y) < 1e-4 * scale.max()).all()
    assert (np.abs(x - y) <= dataset.warp.max_shift() + 1e-5).all()
    jacobian = np.asarray(jax.jit(jax.jacfwd(dataset.warp.forward))(y[0]), np.float64)
    sign, log_det = np.linalg.slogdet(jacobian)
    assert sign == 1 and abs(log_det) < 1e-3


@pytest.mark.parametrize("name", EACH_MIXTURE)
def test_whitened_local_scale_of_mixture(name):
    """Quartile over components, by generalized eigenvalues: det(C_k - s^2 C) = 0."""
    mixture = DATASETS[name].mixture
    smallest = []
    for k in range(len(mixture.means)):
        one = jax.tree.map(lambda array, k=k: array[k : k + 1], mixture)
        component = FactorAnalyzers(jnp.zeros(1), one.means, one.loadings, one.variances)
        eigenvalues = scipy.linalg.eigvalsh(component.moments()[1], mixture.moments()[1])
        smallest.append(np.sqrt(eigenvalues[0]))
    scale = SyntheticDataset(name).local_scale()
    order = np.argsort(smallest)
    cumulative = np.cumsum(np.exp(np.asarray(mixture.log_weights))[order])
    low, high = (np.searchsorted(cumulative, q) for q in (0.15, 0.35))
    assert smallest[order[low]] * 0.999 <= scale <= smallest[order[high]] * 1.001


@pytest.mark.parametrize("name", WARPED)
def test_warped_target_is_no_mixture(name):
    """A mixture fitted to its samples is further from it than one fitted to the mixture's."""
    divergence = records()[name]["kl_refitted_mixture"]
    assert divergence > 1
    assert divergence > 3 * records()[name.removesuffix("_warped")]["kl_refitted_mixture"]


@pytest.mark.full
def test_fit_recovers_likelihood_of_mixture():
    """The fit has at least the likelihood of the mixture that its points are from."""
    mixture = small()
    x = np.asarray(jax.vmap(mixture.sample)(jr.split(jr.key(7), 2_000)), np.float64)
    fitted = fit_factor_analyzers(x, 2, 1, min_variance=1e-4)
    assert evaluate(fitted.log_prob, x).mean() > evaluate(mixture.log_prob, x).mean() - 0.02


def test_min_variance_bounds_variances():
    """A constant column does not make a component collapse."""
    x = np.random.default_rng(0).normal(size=(200, 3)) * [1, 1, 0]
    fitted = fit_factor_analyzers(x, 2, 1, min_variance=0.01, num_iterations=20)
    assert np.asarray(fitted.variances).min() >= 0.01 - 1e-6


@pytest.mark.parametrize("name", MIXTURES)
def test_file_matches_checksum_and_fingerprint(name):
    arrays = read_parameters(FOLDER / f"{name}.npz", records()[name]["sha256"])
    assert all(array.dtype in (np.float32, np.int32) for array in arrays.values())
    assert np.exp(arrays["log_weights"]).sum() == pytest.approx(1, abs=1e-5)
    assert records()[name]["sha256"][:16] in repr(DATASETS[name])
    assert len(repr(DATASETS[name])) < 100
    assert records()[name]["dim"] == DATASETS[name].dim


def test_damaged_files_are_refused_in_one_line(tmp_path):
    name = MIXTURES[0]
    content = bytearray((FOLDER / f"{name}.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "parameters.npz").write_bytes(content)
    (tmp_path / "records.json").write_bytes(RECORDS.read_bytes().replace(b"CC BY", b"CC BX", 1))
    for read in (
        lambda: read_parameters(tmp_path / "parameters.npz", records()[name]["sha256"]),
        lambda: read_parameters(tmp_path / "missing.npz", records()[name]["sha256"]),
        lambda: read_records(tmp_path / "records.json"),
    ):
        with pytest.raises(DamagedError, match=r"Install ebmark again\.$") as caught:
            read()
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_import_reads_no_files():
    """So that damaged files concern only those who use a fitted target."""
    code = (
        "import ebmark.studies.builtin; from ebmark.datasets.fitted import _files;"
        "print(_files.records.cache_info().misses + _files.parameters.cache_info().misses)"
    )
    assert subprocess.check_output([sys.executable, "-c", code]).split() == [b"0"]


def test_records_state_provenance():
    for record in json.loads(RECORDS.read_text())["targets"].values():
        assert record["license"].startswith("CC BY") and record["data"] and record["units"]
        assert record["num_held_out"] == round(0.2 * (record["num_train"] + record["num_held_out"]))


@pytest.mark.full
def test_remake_is_reproducible(tmp_path):
    """Twice the same bytes; the table has a line for each target."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=100)
    rows = rng.normal(size=(100, 3)) + 4 * labels[:, None]
    source = Source("toy", lambda: (rows, labels), True, 2, 1, 0.01, 0.0, "toy", "none", "none", ())
    assert len(split(source).held_out) == 20
    made = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        made.append((remake(source, folder), (folder / "toy.npz").read_bytes()))
    assert made[0] == made[1]
    assert table(made[0][0]).count("\n") == 3
