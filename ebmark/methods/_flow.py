"""A normalizing flow, trained by maximum likelihood."""

from ebmark.methods.families._baselines import AbstractBaseline
from ebmark.methods.noises._flow import CouplingFlow


class NormalizingFlow(AbstractBaseline):
    r"""Baseline: normalizing flow.

    $$ \mathcal{L} = -\mathbb{E}_{data} \left[\log N(z; 0, I)
       + \log \left|\det \frac{\partial z}{\partial x}\right|\right], \quad z = f^{-1}(x) $$

    Maximum likelihood of a model whose Z is 1 by construction. It is not an energy-based model.

    Requires: an invertible network of its own.
    Use when: a normalized model at a similar training cost is needed for comparison.
    Avoid when: an energy is needed: well-separated modes stay connected by bridges of density.
    References: Dinh, Sohl-Dickstein & Bengio (2017), Density estimation using Real NVP; Durkan et
        al. (2019), Neural spline flows.
    """

    def build_trainable(self, energy, data, key):
        return CouplingFlow.untrained(data.shape[1], key)
