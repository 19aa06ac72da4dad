"""Sample size: how many seeds would make a difference significant."""

import math

import numpy as np
from scipy import special

from ebmark.statistics._intervals import Values
from ebmark.statistics._paired import SIGNIFICANT

POWER = 0.8
_MIN_SEEDS = 6
# a mean below this fraction of the largest difference is 0
_ROUNDING = 1e-12


def seeds_needed(differences: Values, comparisons: int = 1) -> int | None:
    r"""Estimate the seeds with which the signed-rank test has 80% power for a difference.

    $$ n = \frac{\pi}{3} \left(\frac{z_{1 - \alpha/2m} + z_{0.8}}{\bar d / s_d}\right)^2
       + \tfrac12 z_{1 - \alpha/2m}^2 $$

    This is a normal approximation at Bonferroni's level, a little conservative for Holm's
    correction. The factor pi/3 accounts for ranks of normal differences, the last term for small
    samples. The observed difference is taken for the true one, so that n is an order of magnitude.

    Args:
        differences: Paired differences, one per seed.
        comparisons: Number m of comparisons that are corrected together.

    Returns:
        None if a run diverged, or if the mean difference is 0.

    References: Guenther (1981), Sample size formulas for normal theory t tests; Noether (1987),
    Sample size determination for some common nonparametric tests.

    Example:
        >>> seeds_needed([0.3, -0.1, 0.4, 0.2, -0.2, 0.3])
        24
    """
    d = np.asarray(differences, float)
    if len(d) < 2 or not np.isfinite(d).all() or abs(d.mean()) <= _ROUNDING * abs(d).max():
        return None
    level = SIGNIFICANT / comparisons
    z = special.ndtri(1 - level / 2)
    shift = (z + special.ndtri(POWER)) * d.std(ddof=1) / d.mean()
    num_seeds = math.pi / 3 * shift**2 + z**2 / 2
    # With fewer seeds the smallest possible p-value is above the level.
    num_seeds_for_level = 1 - math.log2(level)
    return math.ceil(max(num_seeds, num_seeds_for_level, _MIN_SEEDS))
