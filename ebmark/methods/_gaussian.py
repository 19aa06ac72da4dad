"""A Gaussian: the anchor that any training must beat."""

from ebmark.methods.families._baselines import AbstractBaseline
from ebmark.methods.noises._gaussian import Gaussian


class GaussianFit(AbstractBaseline):
    r"""The Gaussian of the data's mean and covariance; the network is not used.

    $$ E(x) = \tfrac12 (x - m)^T C^{-1} (x - m) + \tfrac12 \log |2 \pi C| $$

    Its likelihood is the highest of all Gaussians', and log Z = 0.

    Needs the data's mean and covariance. Use it as the floor, when asking whether training gained
    anything at all. Not when the data have two modes.

    Anderson (1958), An introduction to multivariate statistical analysis, section 3.2.
    """

    def build_trainable(self, energy, data, key):
        return Gaussian.fit(data, 1.0, key)
