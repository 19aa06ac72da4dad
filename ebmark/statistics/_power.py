"""How many seeds would tell two entries apart."""

import math

import numpy as np
from scipy import stats

from ebmark.statistics._intervals import Values
from ebmark.statistics._paired import SIGNIFICANT

POWER = 0.8


def seeds_needed(differences: Values, comparisons: int = 1) -> int | None:
    r"""Seeds at which the signed-rank test would find the difference seen, 4 times in 5.

    $$ n = \frac{\pi}{3} \left(\frac{z_{1 - \alpha/2m} + z_{.8}}{\bar d / s_d}\right)^2
       + \tfrac12 z_{1 - \alpha/2m}^2 $$

    A normal approximation at Bonferroni's level for the first of m comparisons, so for Holm's a
    little more than needed; pi/3 is the price of ranks where differences are normal, the last term
    that of few seeds. It takes the difference seen for the true one: an order of magnitude, no
    promise. None where no number can be told: a run diverged, or there is no difference.

    Guenther (1981), Sample size formulas for normal theory t tests; Noether (1987), Sample size
    determination for some common nonparametric tests.
    """
    d = np.asarray(differences, float)
    if len(d) < 2 or not np.isfinite(d).all() or d.mean() == 0:
        return None
    level = SIGNIFICANT / comparisons
    z = stats.norm.ppf(1 - level / 2)
    needed = math.pi / 3 * ((z + stats.norm.ppf(POWER)) * d.std(ddof=1) / d.mean()) ** 2 + z**2 / 2
    least = 1 - math.log2(level)  # below that no outcome reaches the level
    return math.ceil(max(needed, least, 6.0))
