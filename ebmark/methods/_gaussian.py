"""A Gaussian, fitted in closed form."""

from ebmark.methods.families._baselines import AbstractBaseline
from ebmark.methods.noises import FactoredGaussian


class GaussianFit(AbstractBaseline):
    r"""Baseline: Gaussian with the mean and covariance of the data.

    $$ E(x) = \tfrac12 (x - m)^T C^{-1} (x - m) + \tfrac12 \log |2 \pi C| $$

    It has the highest likelihood of all Gaussians, and log Z = 0. The network is not used.

    Requires: mean and covariance of the data.
    Use when: the benefit of any training has to be measured against the simplest fit.
    Avoid when: the data have more than one mode.
    References: Anderson (1958), An introduction to multivariate statistical analysis, section 3.2.
    """

    def build_trainable(self, energy, data, key):
        return FactoredGaussian.fit(data, 1.0, key)
