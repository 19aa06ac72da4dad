"""Imputation against exact conditionals: the target itself has no error but that of its draws."""

import jax
import jax.random as jr
import numpy as np
import pytest

from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.datasets.preprocessing import fit_units
from ebmark.metrics.own_energy import CheckedEnergy
from ebmark.training.model import Model


@pytest.mark.slow
def test_target_imputes_exactly(unchecked_shapes):
    """Conditional KL 0 and coverage 0.9, within four standard errors: fails in 1 of 8,000 seeds.

    Means of n draws err by n^-1/2 standard deviations, those of resampled particles by more.
    """
    from benchmarks.metrics.imputation import NUM_DRAWS, Target, evaluate

    target = Target.of("wine_13")
    exact = target.compare(target.draws)
    assert exact["mean_error"] == pytest.approx(NUM_DRAWS**-0.5, rel=0.1)
    log_prob = jax.vmap(DATASETS["wine_13"].log_prob)
    units = fit_units(SyntheticDataset("wine_13").draw(1_000, jr.key(5)))
    energy = CheckedEnergy(lambda x: -log_prob(x), "The target").in_units(units)
    values = evaluate(Model(energy, units, {}), target, seed=0)
    assert abs(values["conditional_kl"]) < 4 * values["conditional_kl_error"] + 0.02
    num = target.means.size
    # rows are independent, columns of a row are not
    error = np.sqrt(0.9 * 0.1 / num) * 2
    assert values["coverage"] == pytest.approx(0.9, abs=4 * error)
    assert values["mean_error"] < 2 * NUM_DRAWS**-0.5
