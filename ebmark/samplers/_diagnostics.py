"""Convergence diagnostics of chains: effective sample size and split R-hat."""

import numpy as np
from jaxtyping import Float
from scipy import special


def ess(draws: Float[np.ndarray, "draws chains"]) -> float:
    r"""Compute the bulk effective sample size (rank-normalized).

    $$ \mathrm{ESS} = \frac{m n}{-1 + 2 \sum_{t} \hat P_t}, \quad
       \hat P_t = \hat \rho_{2t} + \hat \rho_{2t+1} $$

    with the autocorrelations $\hat\rho$ of all split chains together, truncated at the first
    negative pair and made monotone (Geyer's initial monotone sequence).

    Args:
        draws: one coordinate of the chains, shape (draws, chains).

    Returns:
        The number of independent draws that estimate the mean equally well; NaN if all draws are
        equal.

    Example:
        >>> import numpy as np
        >>> from ebmark.samplers import ess
        >>> bool(ess(np.random.default_rng(0).normal(size=(500, 4))) > 1500)
        True

    References: Vehtari, Gelman, Simpson, Carpenter & Burkner (2021), Rank-normalization, folding,
    and localization: an improved R-hat, sections 3.2 and 4.1.
    """
    z = _normal_scores(_split(np.asarray(draws, np.float64)))
    n, m = z.shape
    centered = z - z.mean(axis=0)
    size = 2 ** int(np.ceil(np.log2(2 * n)))
    spectrum = np.abs(np.fft.rfft(centered, size, axis=0)) ** 2
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
    if len(negative):
        pairs = pairs[: negative[0]]
    # the first term of the truncated pair matters for alternating chains
    remainder = max(rho[2 * len(pairs)], 0.0)
    tau = max(-1 + 2 * np.minimum.accumulate(pairs).sum() + remainder, 1 / np.log10(n * m))
    return float(n * m / tau)


def split_rhat(draws: Float[np.ndarray, "draws chains"]) -> float:
    r"""Compute split R-hat, which is 1 if the halves of all chains agree.

    $$ \hat R = \sqrt{\frac{\frac{n-1}{n} W + \frac1n B}{W}} $$

    of the rank-normalized draws and of their folded distances from the median: the larger of the
    two. Chains that all miss the same mode agree as well.

    Args:
        draws: one coordinate of the chains, shape (draws, chains).

    Returns:
        R-hat; NaN if all draws are equal.

    Example:
        >>> import numpy as np
        >>> from ebmark.samplers import split_rhat
        >>> round(split_rhat(np.random.default_rng(0).normal(size=(500, 4))), 1)
        1.0

    References: Vehtari et al. (2021), sections 3.1 and 4.1.
    """
    split = _split(np.asarray(draws, np.float64))
    folded = np.abs(split - np.median(split))
    return max(_rhat(_normal_scores(split)), _rhat(_normal_scores(folded)))


def _average_ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return the ranks of numbers from 1, equal ones with the average of theirs.

    As `scipy.stats.rankdata`, whose package takes more than a second to import.

    Example:
        >>> _average_ranks(np.array([3.0, 1.0, 3.0])).tolist()
        [2.5, 1.0, 2.5]
    """
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[position]


def _split(draws: np.ndarray) -> np.ndarray:
    """Split each chain into two of half its length."""
    half = len(draws) // 2
    return np.concatenate([draws[:half], draws[len(draws) - half :]], axis=1)


def _normal_scores(draws: np.ndarray) -> np.ndarray:
    """Return the normal scores of the ranks among all draws."""
    ranks = _average_ranks(draws.ravel()).reshape(draws.shape)
    return special.ndtri((ranks - 0.375) / (draws.size + 0.25))


def _rhat(z: np.ndarray) -> float:
    n = len(z)
    within = z.var(axis=0, ddof=1).mean()
    between = n * z.mean(axis=0).var(ddof=1)
    if not within > 0:
        return float("nan")
    return float(np.sqrt((n - 1) / n + between / n / within))
