"""A mixture of Gaussians, fitted by expectation maximization."""

from ebmark.methods.families._baselines import AbstractBaseline
from ebmark.methods.noises import GaussianMixture


class MixtureFit(AbstractBaseline):
    r"""Baseline: mixture of 16 Gaussians.

    $$ E(x) = -\log \sum_k \pi_k N(x; m_k, C_k), \quad \pi, m, C \text{ by EM} $$

    The density that is also the noise "mixture"; log Z = 0. The network is not used.

    Requires: enough data for 16 covariances.
    Use when: an energy must be compared with the best density that is fitted in seconds.
    Avoid when: the target itself is a mixture of Gaussians: this fit then has its form.
    References: Dempster, Laird & Rubin (1977), Maximum likelihood from incomplete data via the EM
        algorithm.
    """

    def build_trainable(self, energy, data, key):
        return GaussianMixture.fit(data, 1.0, key)
