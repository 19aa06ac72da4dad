"""Energies of users for d > 2, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ebmark as eb

DIM, MEAN, SCALE = 3, 1_000.0, 5.0
# by sequential Monte Carlo
NUM_SAMPLES = 768


def normal_log_prob(x):
    z = (np.asarray(x) - MEAN) / SCALE
    return -0.5 * (z**2).sum(axis=1) - DIM * np.log(SCALE * np.sqrt(2 * np.pi))


def draw(num, seed):
    return MEAN + SCALE * np.random.default_rng(seed).normal(size=(num, DIM))


@pytest.fixture(scope="module")
def normal():
    """A normal distribution far from 0, in units unlike 1."""
    return eb.Dataset.from_functions(normal_log_prob, draw, dim=DIM, name="normal")


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_kl_of_normals_in_3d_matches_closed_form(normal, factor):
    r"""$\mathrm{KL} = \tfrac d2 (\log a^2 + a^{-2} - 1)$ of a standard deviation a times as large.

    Within four standard errors: it fails in 1 of 16,000 runs. So does the reverse KL,
    $\tfrac d2 (a^2 - 1 - \log a^2)$.
    """

    def energy(x):
        return 0.5 * jnp.sum(((x - MEAN) / (factor * SCALE)) ** 2, axis=1)

    scores = eb.evaluate(energy, normal)
    kl = 0.5 * DIM * (2 * np.log(factor) + factor**-2 - 1)
    error = (scores.kl_upper - scores.kl) / 2
    assert scores.kl == pytest.approx(kl, abs=4 * error) and error < 0.1
    log_z = DIM * np.log(factor * SCALE * np.sqrt(2 * np.pi))
    assert scores.log_z == pytest.approx(log_z, abs=4 * scores.log_z_error)
    reverse_kl = 0.5 * DIM * (factor**2 - 1 - 2 * np.log(factor))
    error = np.hypot((factor**2 - 1) * np.sqrt(DIM / 2 / NUM_SAMPLES), scores.log_z_error)
    assert scores.reverse_kl == pytest.approx(reverse_kl, abs=4 * error)
    fisher = DIM * ((1 - factor**-2) / SCALE) ** 2
    assert scores.fisher_divergence == pytest.approx(fisher, rel=0.05, abs=1e-6)


@pytest.mark.full
def test_fitted_model_is_evaluated_in_many_dimensions(normal):
    """The KL of a trained model is that of its log-densities, within the error of log Z."""
    model = eb.EnergyModel("nce", updates=300, baselines=False, random_state=0).fit(draw(500, 1))
    scores = eb.evaluate(model, normal)
    x = draw(10_000, 2)
    kl = normal_log_prob(x).mean() - model.score(x)
    assert scores.kl == pytest.approx(kl, abs=0.1)


def test_energy_without_gradient_is_refused(normal):
    with pytest.raises(eb.UserError, match=r"JAX cannot differentiate it.*jax\.numpy"):
        eb.evaluate(lambda x: np.sum(np.asarray(x) ** 2, axis=1), normal)


@pytest.mark.slow
@pytest.mark.parametrize("sign", [-1.0, 0.0])
def test_energy_of_infinite_mass_is_refused(normal, sign):
    with pytest.raises(eb.UserError, match="not a density"):
        eb.evaluate(lambda x: sign * jnp.sum((x - MEAN) ** 2, axis=1), normal)


@pytest.mark.slow
def test_model_of_other_dimension_is_refused(normal):
    model = eb.EnergyModel("nce", updates=20, baselines=False).fit(draw(100, 1)[:, :2])
    with pytest.raises(eb.UserError, match="2 columns"):
        eb.evaluate(model, normal)


@pytest.mark.filterwarnings("error:Possibly assigning:UserWarning")
def test_functions_transformed_by_jax_are_taken_without_warning():
    """Equinox warns of transformed functions in fields, as their parameters are not trained."""
    log_prob = jax.jit(jax.vmap(lambda x: jax.scipy.stats.norm.logpdf(x).sum()))
    sampler = jax.jit(
        lambda num, seed: jax.random.normal(jax.random.key(seed), (num, 3)), static_argnums=0
    )
    target = eb.Dataset.from_functions(log_prob, sampler, dim=3)
    assert target.entropy == pytest.approx(1.5 * np.log(2 * np.pi * np.e), abs=0.05)
