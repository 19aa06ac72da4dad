"""How chains fare, by effective sample size and split R-hat of arrays (draws, chains)."""

import numpy as np
import scipy.stats
from jaxtyping import Float


def ess(draws: Float[np.ndarray, "draws chains"]) -> float:
    r"""The number of independent draws that estimate the mean as well (bulk, rank-normalised).

    $$ \mathrm{ESS} = \frac{m n}{-1 + 2 \sum_{t} \hat P_t}, \quad
       \hat P_t = \hat \rho_{2t} + \hat \rho_{2t+1} $$

    with the autocorrelations of all split chains together, cut where the sum of a pair turns
    negative and kept from rising (Geyer's initial monotone sequence).

    Vehtari, Gelman, Simpson, Carpenter & Burkner (2021), Rank-normalization, folding, and
    localization: an improved R-hat, section 3.2 and 4.1.
    """
    z = _ranked(_split(np.asarray(draws, np.float64)))
    n, m = z.shape
    centred = z - z.mean(axis=0)
    size = 2 ** int(np.ceil(np.log2(2 * n)))
    spectrum = np.abs(np.fft.rfft(centred, size, axis=0)) ** 2
    covariances = np.fft.irfft(spectrum, size, axis=0)[:n].mean(axis=1) / n
    within = covariances[0] * n / (n - 1)
    between = z.mean(axis=0).var(ddof=1) if m > 1 else 0.0
    total = covariances[0] + between
    if not total > 0:
        return float("nan")
    rho = 1 - (within - covariances) / total
    rho[0] = 1.0
    pairs = rho[: 2 * max((n - 4) // 2, 1)].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0)
    pairs = pairs[: negative[0]] if len(negative) else pairs
    rest = max(rho[2 * len(pairs)], 0.0)  # of the pair that is cut: for alternating chains
    tau = max(-1 + 2 * np.minimum.accumulate(pairs).sum() + rest, 1 / np.log10(n * m))
    return float(n * m / tau)


def split_rhat(draws: Float[np.ndarray, "draws chains"]) -> float:
    r"""Split R-hat: how far apart the halves of the chains are; 1 where they agree.

    $$ \hat R = \sqrt{\frac{\frac{n-1}{n} W + \frac1n B}{W}} $$

    of rank-normalised draws, and of their folded distances from the median: the larger of the two.
    Below 1.01 nothing is seen to be wrong; chains that all miss the same mode agree, too.

    Vehtari et al. (2021), section 3.1 and 4.1.
    """
    split = _split(np.asarray(draws, np.float64))
    folded = np.abs(split - np.median(split))
    return max(_rhat(_ranked(split)), _rhat(_ranked(folded)))


def _split(draws: np.ndarray) -> np.ndarray:
    """Each chain as two of half its length."""
    half = len(draws) // 2
    return np.concatenate([draws[:half], draws[len(draws) - half :]], axis=1)


def _ranked(draws: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks among all draws."""
    ranks = scipy.stats.rankdata(draws, method="average").reshape(draws.shape)
    return scipy.stats.norm.ppf((ranks - 0.375) / (draws.size + 0.25))


def _rhat(z: np.ndarray) -> float:
    n = len(z)
    within = z.var(axis=0, ddof=1).mean()
    between = n * z.mean(axis=0).var(ddof=1)
    return float(np.sqrt((n - 1) / n + between / n / within)) if within > 0 else float("nan")
