"""A normalizing flow, trained by likelihood."""

from ebmark.methods.families._baselines import AbstractBaseline
from ebmark.methods.noises._flow import CouplingFlow


class NormalizingFlow(AbstractBaseline):
    r"""Maximum likelihood of a model whose Z is 1 by construction.

    $$ \mathcal{L} = -\mathbb{E}_{data} \left[\log N(z; 0, I)
       + \log \left|\det \frac{\partial z}{\partial x}\right|\right], \quad z = f^{-1}(x) $$

    It is not an energy-based model: it says what another model of the same size of budget reaches.

    Needs an invertible network, of its own. Use it as an anchor, when asking what normalised models
    reach at such a cost. Not when an energy is wanted: modes that lie apart stay joined by bridges.

    Dinh, Sohl-Dickstein & Bengio (2017), Density estimation using Real NVP; Durkan et al. (2019),
    Neural spline flows.
    """

    def build_trainable(self, energy, data, key):
        return CouplingFlow.untrained(data.shape[1], key)
