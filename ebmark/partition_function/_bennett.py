"""Bennett's acceptance ratio: log Z from the weights of both directions of a path."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import root_scalar
from scipy.special import log_expit


class Ratio(NamedTuple):
    """An estimate of log(Z_1 / Z_0) and its asymptotic standard error, in nats."""

    value: float
    standard_error: float


def bennett_acceptance_ratio(
    forward: Float[np.ndarray, " n"], reverse: Float[np.ndarray, " m"]
) -> Ratio:
    r"""Combine the log weights of both directions of a path to log(Z_1 / Z_0).

    With $e^{f}$ the weights of paths from distribution 0 to 1, whose mean is $Z_1 / Z_0$, and
    $e^{r}$ those from 1 to 0, whose mean is $Z_0 / Z_1$, the estimate $\Delta$ solves

    $$ \sum_{i=1}^n \sigma(f_i - M - \Delta) = \sum_{j=1}^m \sigma(r_j + M + \Delta), \quad
       M = \log \tfrac{n}{m}, \quad \sigma(t) = \frac{1}{1 + e^{-t}} $$

    It has the least asymptotic variance of all estimates from these weights. The standard error
    assumes independent paths that start in equilibrium. It says nothing about modes that no path
    has visited.

    Args:
        forward: log weights of paths that start from exact samples of distribution 0.
        reverse: log weights of paths that start from exact samples of distribution 1.

    Returns:
        The estimate in nats and its standard error; both NaN if a weight is NaN or +inf, or if
        every log weight of one direction is -inf.

    Example:
        >>> import numpy as np
        >>> bennett_acceptance_ratio(np.array([1.0, 1.0]), np.array([-1.0, -1.0])).value
        1.0

    References: Bennett (1976), Efficient estimation of free energy differences from Monte Carlo
    data; Shirts, Bair, Hooker & Pande (2003), equation 10.
    """
    forward = np.asarray(forward, np.float64)
    reverse = np.asarray(reverse, np.float64)
    if not all((w < np.inf).all() and np.isfinite(w).any() for w in (forward, reverse)):
        return Ratio(np.nan, np.nan)
    shift = np.log(len(forward) / len(reverse))

    def log_acceptances(value: float) -> tuple[np.ndarray, np.ndarray]:
        return log_expit(forward - shift - value), log_expit(reverse + shift + value)

    def excess(value: float) -> float:
        of_forward, of_reverse = log_acceptances(value)
        return float(np.logaddexp.reduce(of_forward) - np.logaddexp.reduce(of_reverse))

    finite = np.concatenate([forward, -reverse])
    finite = finite[np.isfinite(finite)]
    margin = 50.0 + abs(shift)
    bracket = (finite.min() - margin, finite.max() + margin)
    value = float(root_scalar(excess, bracket=bracket, xtol=1e-10).root)
    # the relative variance of the mean acceptance of each direction
    variance = sum(
        float(np.exp(np.logaddexp.reduce(2 * a) - 2 * np.logaddexp.reduce(a))) - 1 / len(a)
        for a in log_acceptances(value)
    )
    return Ratio(value, float(np.sqrt(max(variance, 0.0))))
