"""Diagnostics of chains, compared with ArviZ and with an autoregressive process."""

import tempfile
import warnings

import numpy as np
import pytest
import scipy.signal

from ebmark.samplers import ess, split_rhat

with (
    warnings.catch_warnings(),
    tempfile.TemporaryDirectory() as folder,
    pytest.MonkeyPatch.context() as patch,
):
    # ArviZ announces its next version once a day and stores the date, where two workers collide
    warnings.simplefilter("ignore")
    patch.setattr("platformdirs.user_cache_dir", lambda *names: folder)
    arviz = pytest.importorskip("arviz")


def autoregressive(rho, draws, chains, seed=0, shift=0.0):
    """x_t = rho x_{t-1} + noise, with variance 1 and distance `shift` between means of chains."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(draws + 200, chains)) * np.sqrt(1 - rho**2)
    return scipy.signal.lfilter([1], [1, -rho], noise, axis=0)[200:] + shift * np.arange(chains)


CASES = [(rho, 400, 4, shift) for rho in (-0.5, 0.0, 0.9) for shift in (0.0, 0.5)]
CASES += [(0.5, 101, 3, 0.0), (0.9, 200, 50, 0.1)]


@pytest.mark.parametrize(("rho", "draws", "chains", "shift"), CASES)
def test_diagnostics_match_arviz(rho, draws, chains, shift):
    x = autoregressive(rho, draws, chains, shift=shift)
    assert split_rhat(x) == pytest.approx(float(arviz.rhat(x.T, method="rank")), rel=1e-6)
    assert ess(x) == pytest.approx(float(arviz.ess(x.T, method="bulk")), rel=0.03)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_ess_of_autoregressive_chain(rho):
    """ESS = N (1 - rho) / (1 + rho), within 10%."""
    x = autoregressive(rho, 4_000, 8, seed=1)
    assert ess(x) == pytest.approx(x.size * (1 - rho) / (1 + rho), rel=0.1)
    assert split_rhat(x) < 1.01


def test_rhat_detects_disagreeing_chains():
    assert split_rhat(autoregressive(0.3, 500, 4, shift=1.0)) > 1.2
    wide = autoregressive(0.3, 500, 4) * np.array([1, 1, 1, 4])  # equal means, different variance
    assert split_rhat(wide) > 1.05
    assert np.isnan(split_rhat(np.ones((10, 2)))) and np.isnan(ess(np.ones((10, 2))))
